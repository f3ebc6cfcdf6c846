/**
 * The commands of the human monitor, sorted by their names as `help` lists them.
 */

import { UserError } from '../../error.ts';
import type { Arguments } from '../session.ts';
import { ACCESS_COMMANDS } from './access-commands.ts';
import type { Argument } from './argument-types.ts';
import { askKey, BLOCK_COMMANDS, type MissingKey } from './block-commands.ts';
import type { HmpCommand, HmpContext } from './command.ts';
import { DEBUG_COMMANDS } from './debug-commands.ts';
import { DEVICE_COMMANDS } from './device-commands.ts';
import { dumpMemory, numberText } from './dump.ts';
import { helpText } from './help.ts';
import { INFO_COMMANDS } from './info.ts';
import { MACHINE_COMMANDS } from './machine-commands.ts';
import { MIGRATION_COMMANDS } from './migration-commands.ts';
import { NETWORK_COMMANDS } from './network-commands.ts';

/** A command that only passes a QMP command on. */
function plain(name: string, help: string, qmpName: string): HmpCommand {
  return {
    name,
    args: [],
    params: '',
    help,
    async run({ session }) {
      await session.call(qmpName);
    },
  };
}

/** How much is printed, and how many instructions are read, at once. */
const PIECE = 65536;
const AT_ONCE = 256;

const FORMAT: Argument = { name: 'fmt', kind: 'format' };

const cpu: HmpCommand = {
  name: 'cpu',
  args: [{ name: 'index', kind: 'int' }],
  params: 'index',
  help: 'set the default CPU',
  async run({ session, print }, args) {
    try {
      await session.call('cpu', { index: args.number('index') });
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      print('invalid CPU index\n');
    }
  },
};

/** Asks for one missing password; the rest of the way is silent. */
const cont: HmpCommand = {
  name: 'c|cont',
  args: [],
  params: '',
  help: 'resume emulation',
  async run(context) {
    const { session } = context;
    const [missing] = await session.call<readonly MissingKey[]>('x-missing-keys');
    if (missing === undefined) {
      await session.call('cont');
      return;
    }
    if (!(await askKey(context, missing.device))) return;
    try {
      await session.call('cont');
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
    }
  },
};

const blockPasswd: HmpCommand = {
  name: 'block_passwd',
  args: [
    { name: 'device', kind: 'block' },
    { name: 'password', kind: 'string' },
  ],
  params: 'block_passwd device password',
  help: 'set the password of encrypted block devices',
  async run({ session }, args) {
    const given = { device: args.text('device'), password: args.text('password') };
    await session.call('block_passwd', given);
  },
};

const help: HmpCommand = {
  name: 'help|?',
  args: [{ name: 'name', kind: 'rest', optional: true }],
  params: '[cmd]',
  help: 'show the help',
  run(context, args) {
    context.print(helpText(context, args.text('name')));
  },
};

const infoCommand: HmpCommand = {
  name: 'info',
  args: [{ name: 'item', kind: 'string', optional: true }],
  params: '[subcommand]',
  help: 'show various information about the system state',
  subcommands: INFO_COMMANDS,
  run(context) {
    context.print(helpText(context, 'info'));
  },
};

const PORT_LETTERS: { readonly [size: number]: string } = { 1: 'b', 2: 'w', 4: 'l' };

/** Other widths than those of ports read and write a byte. */
function portSize(size: number): number {
  return size === 2 || size === 4 ? size : 1;
}

const readPort: HmpCommand = {
  name: 'i',
  args: [
    FORMAT,
    { name: 'addr', kind: 'int' },
    { name: 'index', kind: 'int', optional: true, dotted: true },
  ],
  params: '/fmt addr',
  help: 'I/O port read',
  async run({ session, print }, args) {
    const shownSize = args.format('fmt').size;
    const size = portSize(shownSize);
    const port = args.number('addr') & 0xffff;
    const index: Arguments = args.has('index') ? { index: args.number('index') } : {};
    const value = await session.call<number>('x-read-port', { port, size, ...index });
    const shown = (args.has('index') ? port + 1 : port).toString(16).padStart(4, '0');
    print(`port${PORT_LETTERS[size]}[0x${shown}] = ${portValue(value, shownSize)}\n`);
  },
};

/** Zero has no `0x` and is filled with zeros instead; `/i` has no size, and a width of -2. */
function portValue(value: number, size: number): string {
  const width = size * 2;
  if (value === 0) return size === 0 ? '0 ' : '0'.repeat(width);
  return `0x${value.toString(16).padStart(width - 2, '0')}`;
}

const writePort: HmpCommand = {
  name: 'o',
  args: [FORMAT, { name: 'addr', kind: 'int' }, { name: 'val', kind: 'int' }],
  params: '/fmt addr value',
  help: 'I/O port write',
  async run({ session }, args) {
    const size = portSize(args.format('fmt').size);
    const port = args.number('addr') & 0xffff;
    await session.call('x-write-port', { port, size, value: args.number('val') });
  },
};

function saver(name: string, what: string): HmpCommand {
  return {
    name,
    args: [
      { name: 'val', kind: 'long' },
      { name: 'size', kind: 'int' },
      { name: 'filename', kind: 'string' },
    ],
    params: 'addr size file',
    help: `save to disk ${what} memory dump starting at 'addr' of size 'size'`,
    async run({ session }, args) {
      const range = { val: args.address('val'), size: args.number('size') };
      await session.call(name, { ...range, filename: args.text('filename') });
    },
  };
}

const print: HmpCommand = {
  name: 'p|print',
  args: [FORMAT, { name: 'val', kind: 'long' }],
  params: '/fmt expr',
  help: 'print expression value (use $reg for CPU register access)',
  run(context, args) {
    context.print(`${numberText(args.bigint('val'), args.format('fmt').letter)}\n`);
  },
};

const quit: HmpCommand = {
  name: 'q|quit',
  args: [],
  params: '',
  help: 'quit the emulator',
  async run(context) {
    context.suspend();
    await context.session.call('quit');
  },
};

const sendkey: HmpCommand = {
  name: 'sendkey',
  args: [
    { name: 'keys', kind: 'string' },
    { name: 'hold-time', kind: 'int', optional: true },
  ],
  params: 'keys [hold_ms]',
  help: "send keys to the VM (e.g. 'sendkey ctrl-alt-f1', default hold time=100 ms)",
  async run({ session }, args) {
    const names = await session.call<readonly string[]>('x-key-names');
    const keys = args
      .text('keys')
      .split('-')
      .map(word => readKey(word, names));
    const hold: Arguments = args.has('hold-time') ? { 'hold-time': args.number('hold-time') } : {};
    await session.call('send-key', { keys, ...hold });
  },
};

function readKey(
  word: string,
  names: readonly string[],
): { type: 'qcode'; data: string } | { type: 'number'; data: number } {
  if (/^0x[0-9a-f]+$/i.test(word)) return { type: 'number', data: Number(word) };
  const name = word === '<' ? 'less' : word;
  if (!names.includes(name)) throw new UserError(`invalid parameter: ${word}`);
  return { type: 'qcode', data: name };
}

const sum: HmpCommand = {
  name: 'sum',
  args: [
    { name: 'start', kind: 'int' },
    { name: 'size', kind: 'int' },
  ],
  params: 'addr size',
  help: 'compute the checksum of a memory region',
  async run(context, args) {
    const range = { start: args.address('start'), size: args.number('size') };
    const value = await context.session.call<number>('x-sum', range);
    context.print(`${String(value).padStart(5, '0')}\n`);
  },
};

const bootSet: HmpCommand = {
  name: 'boot_set',
  args: [{ name: 'bootdevice', kind: 'string' }],
  params: 'bootdevice',
  help: 'define new values for the boot device list',
  async run(context, args) {
    const order = args.text('bootdevice');
    await context.session.call('x-boot-set', { order });
    context.print(`boot device list now set to ${order}\n`);
  },
};

function memoryCommand(name: string, what: string, physical: boolean): HmpCommand {
  return {
    name,
    args: [FORMAT, { name: 'addr', kind: 'long' }],
    params: '/fmt addr',
    help: `${what} memory dump starting at 'addr'`,
    async run(context, args) {
      const { session } = context;
      const format = args.format('fmt');
      if (format.letter === 'i') {
        const from = { address: args.number('addr'), count: format.count, physical };
        await printLines(context, instructions(session, from));
        return;
      }
      const read = (at: number, size: number): readonly number[] | undefined =>
        session.callNow<{ bytes?: number[] }>('x-read-memory', { address: at, size, physical })
          .bytes;
      await printLines(context, dumpMemory(BigInt.asUintN(64, args.bigint('addr')), format, read));
    },
  };
}

interface Range {
  readonly address: number;
  readonly count: number;
  readonly physical: boolean;
}

interface Listing {
  readonly lines: readonly string[];
  readonly next?: number;
}

function* instructions(session: HmpContext['session'], range: Range): Generator<string> {
  let address: number | undefined = range.address;
  for (let left = range.count; left > 0 && address !== undefined; left -= AT_ONCE) {
    const count = Math.min(left, AT_ONCE);
    const asked: Range = { ...range, address, count };
    const got = session.callNow('x-disassemble', { ...asked }) as unknown as Listing;
    yield got.lines.map(line => `${line}\n`).join('');
    address = got.next;
  }
}

/** Prints piece by piece: what somebody asks for may be endless, and he may go away. */
async function printLines(context: HmpContext, lines: Iterable<string>): Promise<void> {
  let piece = '';
  for (const line of lines) {
    piece += line;
    if (piece.length < PIECE) continue;
    context.print(piece);
    piece = '';
    if (!(await context.turn())) return;
  }
  context.print(piece);
}

const chardevAdd: HmpCommand = {
  name: 'chardev-add',
  args: [{ name: 'args', kind: 'string' }],
  params: 'args',
  help: 'add chardev',
  async run({ session }, args) {
    await session.call('x-chardev-add', { args: args.text('args') });
  },
};

const chardevRemove: HmpCommand = {
  name: 'chardev-remove',
  args: [{ name: 'id', kind: 'string' }],
  params: 'id',
  help: 'remove chardev',
  async run({ session }, args) {
    await session.call('chardev-remove', { id: args.text('id') });
  },
};

const ringbufRead: HmpCommand = {
  name: 'ringbuf_read',
  args: [
    { name: 'device', kind: 'string' },
    { name: 'size', kind: 'int' },
  ],
  params: 'device size',
  help: 'Read from a ring buffer character device',
  async run(context, args) {
    const wanted = { device: args.text('device'), size: args.number('size') };
    const data = await context.session.call<string>('ringbuf-read', wanted);
    const shown = data.replace(/[\\\x00-\x08\x0b-\x1f\x7f]/g, c =>
      c === '\\' ? '\\\\' : `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`,
    );
    context.print(`${shown}\n`);
  },
};

const ringbufWrite: HmpCommand = {
  name: 'ringbuf_write',
  args: [
    { name: 'device', kind: 'string' },
    { name: 'data', kind: 'string' },
  ],
  params: 'device data',
  help: 'Write to a ring buffer character device',
  async run({ session }, args) {
    const given = { device: args.text('device'), data: args.text('data') };
    await session.call('ringbuf-write', given);
  },
};

const SOME: readonly HmpCommand[] = [
  blockPasswd,
  bootSet,
  chardevAdd,
  chardevRemove,
  cpu,
  cont,
  help,
  readPort,
  infoCommand,
  saver('memsave', 'virtual'),
  plain('nmi', 'inject an NMI', 'inject-nmi'),
  writePort,
  saver('pmemsave', 'physical'),
  print,
  quit,
  ringbufRead,
  ringbufWrite,
  sendkey,
  plain('stop', 'stop emulation', 'stop'),
  sum,
  plain('system_powerdown', 'send system power down event', 'system_powerdown'),
  plain('system_reset', 'reset the system', 'system_reset'),
  plain('system_wakeup', 'wakeup guest from suspend', 'system_wakeup'),
  memoryCommand('x', 'virtual', false),
  memoryCommand('xp', 'physical', true),
];

/** In the order of `help`: by the bytes of the names. */
const COMMANDS = [
  ...SOME,
  ...ACCESS_COMMANDS,
  ...BLOCK_COMMANDS,
  ...DEBUG_COMMANDS,
  ...DEVICE_COMMANDS,
  ...MACHINE_COMMANDS,
  ...MIGRATION_COMMANDS,
  ...NETWORK_COMMANDS,
].sort((a, b) => (a.name < b.name ? -1 : 1));

/** The commands of this run. */
export function hmpCommandsFor(encryptedImages: 'refuse' | 'legacy'): readonly HmpCommand[] {
  return COMMANDS.filter(item => encryptedImages === 'legacy' || item !== blockPasswd);
}
