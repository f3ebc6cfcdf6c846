/**
 * The `info` commands, sorted by name as `help info` lists them.
 */

import { UserError } from '../../error.ts';
import type { Json } from '../../json.ts';
import { blockText, jobsText, nodesText, statsText } from './block-text.ts';
import type { HmpCommand, HmpContext } from './command.ts';
import { captureText } from './machine-commands.ts';
import { cacheSizeText, capabilitiesText, migrationText } from './migration-commands.ts';

type JsonObject = { readonly [name: string]: Json };
type Show = (context: HmpContext) => Promise<string> | string;

function info(name: string, help: string, show: Show): HmpCommand {
  return {
    name,
    args: [],
    params: '',
    help,
    async run(context) {
      context.print(await show(context));
    },
  };
}

/** A text that the machine knows as a whole. */
function topic(name: string, help: string): HmpCommand {
  return info(name, help, ({ session }) => session.call<string>('x-info', { topic: name }));
}

/** Always the same answer, because there is no such thing here. */
function fixed(name: string, help: string, text: string): HmpCommand {
  return info(name, help, () => text);
}

const STATES_WITHOUT_NAME = ['paused', 'running'];

async function status({ session }: HmpContext): Promise<string> {
  const answer = await session.call<JsonObject>('query-status');
  const state = String(answer['status']);
  const running = answer['running'] === true ? 'running' : 'paused';
  const step = answer['singlestep'] === true ? ' (single step mode)' : '';
  const detail = STATES_WITHOUT_NAME.includes(state) ? '' : ` (${state})`;
  return `VM status: ${running}${step}${detail}\n`;
}

async function cpus({ session }: HmpContext): Promise<string> {
  const list = await session.call<readonly JsonObject[]>('query-cpus');
  return list
    .map(cpu => {
      const mark = cpu['current'] === true ? '*' : ' ';
      const pc = BigInt(Number(cpu['pc'])).toString(16).padStart(16, '0');
      const halted = cpu['halted'] === true ? ' (halted)' : '';
      return `${mark} CPU #${cpu['CPU']}: pc=0x${pc}${halted} thread_id=${cpu['thread_id']}\n`;
    })
    .join('');
}

async function chardev({ session }: HmpContext): Promise<string> {
  const list = await session.call<readonly JsonObject[]>('query-chardev');
  return list.map(entry => `${entry['label']}: filename=${entry['filename']}\n`).join('');
}

async function name({ session }: HmpContext): Promise<string> {
  const answer = await session.call<JsonObject>('query-name');
  return answer['name'] === undefined ? '' : `${answer['name']}\n`;
}

async function uuid({ session }: HmpContext): Promise<string> {
  return `${(await session.call<JsonObject>('query-uuid'))['UUID']}\n`;
}

async function version({ session }: HmpContext): Promise<string> {
  const answer = await session.call<JsonObject>('query-version');
  const { major, minor, micro } = answer['qemu'] as JsonObject;
  return `${major}.${minor}.${micro}${answer['package']}\n`;
}

async function kvm({ session }: HmpContext): Promise<string> {
  const answer = await session.call<JsonObject>('query-kvm');
  if (answer['present'] !== true) return 'kvm support: not compiled\n';
  return `kvm support: ${answer['enabled'] === true ? 'enabled' : 'disabled'}\n`;
}

function history(context: HmpContext): string {
  return context.history.map((line, i) => `${i}: '${line}'\n`).join('');
}

const block: HmpCommand = {
  name: 'block',
  args: [
    { name: 'n', kind: 'flag' },
    { name: 'v', kind: 'flag' },
    { name: 'device', kind: 'block', optional: true },
  ],
  params: '[-n] [-v] [device]',
  help:
    'show info of one block device or all block devices ' +
    '(-n: show named nodes; -v: show details)',
  async run({ session, print }, args) {
    if (args.has('n')) {
      const nodes = await session.call<readonly JsonObject[]>('query-named-block-nodes');
      print(nodesText(nodes, args.has('device') ? args.text('device') : undefined));
      return;
    }
    const drives = await session.call<readonly JsonObject[]>('query-block');
    const only = args.has('device') ? args.text('device') : undefined;
    print(blockText(drives, only, args.has('v')));
  },
};

async function blockstats({ session }: HmpContext): Promise<string> {
  return statsText(await session.call<readonly JsonObject[]>('query-blockstats'));
}

async function jobs({ session }: HmpContext): Promise<string> {
  return jobsText(await session.call<readonly JsonObject[]>('query-block-jobs'));
}

async function balloon({ session }: HmpContext): Promise<string> {
  try {
    const answer = await session.call<JsonObject>('query-balloon');
    return `balloon: actual=${Math.floor(Number(answer['actual']) / 2 ** 20)}\n`;
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    return `${error.message}\n`;
  }
}

async function traceEvents({ session }: HmpContext): Promise<string> {
  const given = { name: '*' };
  const list = await session.call<readonly JsonObject[]>('trace-event-get-state', given);
  return list
    .map(({ name: event, state }) => `${event} : state ${state === 'enabled' ? 1 : 0}\n`)
    .join('');
}

/** The translator's counts, in the layout of QEMU's: it has no buffer of a fixed size. */
const JIT_TEXT = `Translation buffer state:
gen code size       0/0
TB count            0/0
TB avg target size  0 max=0 bytes
TB avg host size    0 bytes (expansion ratio: 0.0)
cross page TB count 0 (0%)
direct jump count   0 (0%) (2 jumps=0 0%)

Statistics:
TB flush count      0
TB invalidate count 0
TLB flush count     0
[TCG profiler not compiled]
`;

const NO_PROFILER = '[TCG profiler not compiled]\n';

export const INFO_COMMANDS: readonly HmpCommand[] = [
  info('balloon', 'show balloon information', balloon),
  block,
  info('block-jobs', 'show progress of ongoing block device operations', jobs),
  info('blockstats', 'show block device statistics', blockstats),
  info('capture', 'show capture information', captureText),
  info('chardev', 'show the character devices', chardev),
  info('cpus', 'show infos for each CPU', cpus),
  fixed('cpustats', 'show CPU statistics', ''),
  info('history', 'show the command line history', history),
  topic('irq', 'show the interrupts statistics (if available)'),
  fixed('jit', 'show dynamic compiler info', JIT_TEXT),
  info('kvm', 'show KVM information', kvm),
  topic('mem', 'show the active virtual memory mappings'),
  fixed('memdev', 'show memory backends', '\n'),
  fixed('memory-devices', 'show memory devices', ''),
  topic('mice', 'show which guest mouse is receiving events'),
  info('migrate', 'show migration status', migrationText),
  info('migrate_cache_size', 'show current migration xbzrle cache size', cacheSizeText),
  info('migrate_capabilities', 'show current migration capabilities', capabilitiesText),
  topic('mtree', 'show memory tree'),
  info('name', 'show the current VM name', name),
  topic('network', 'show the network state'),
  fixed('numa', 'show NUMA information', '0 nodes\n'),
  fixed('opcount', 'show dynamic compiler opcode counters', NO_PROFILER),
  topic('pci', 'show PCI info'),
  topic('pic', 'show i8259 (PIC) state'),
  fixed('profile', 'show profiling information', 'Internal profiler not compiled\n'),
  info('qdm', 'show qdev device model list', ({ session }) =>
    session.call<string>('x-device-help'),
  ),
  topic('qtree', 'show device tree'),
  topic('registers', 'show the cpu registers'),
  topic('roms', 'show roms'),
  info('snapshots', 'show the currently saved VM snapshots', ({ session }) =>
    session.call<string>('x-snapshots'),
  ),
  info('status', 'show the current VM status (running|paused)', status),
  topic('tlb', 'show virtual to physical memory mappings'),
  fixed('tpm', 'show the TPM device', ''),
  info('trace-events', 'show available trace-events & their state', traceEvents),
  topic('usb', 'show guest USB devices'),
  fixed('usbhost', 'show host USB devices', 'USB host devices not supported\n'),
  fixed('usernet', 'show user network stack connection states', ''),
  info('uuid', 'show the current VM UUID', uuid),
  info('version', 'show the version of QEMU', version),
  fixed('vnc', 'show the vnc server status', 'Server: disabled\n'),
];
