/**
 * How a session may differ from its record: each difference has a row in docs/compatibility.md, or
 * is one between any two runs.
 */

import { expect } from 'vitest';
import type { Replayed } from './replay.ts';
import type { Run } from './sessions.ts';

/** What a session may say that was not recorded, and why. */
interface Known {
  /** The line typed, or `stderr`, `end`. */
  readonly what: RegExp;
  readonly why: string;
  /** What has to come instead of what was recorded. */
  readonly like: (recorded: string, got: string, typed: string) => string;
}

/** Rows of docs/compatibility.md. */
const FIRMWARE = 'the guest runs other firmware';
const DEVICES = 'the devices that are here';
const NETWORK = 'no networks yet';
const DEBUGGER = 'no debugger yet';
const PROCESSORS = 'one processor, without KVM';
const SCREENS = 'no VNC';

/** Both agree but for this. */
const except =
  (pattern: RegExp) =>
  (recorded: string, got: string): string =>
    recorded.replace(pattern, '#') === got.replace(pattern, '#') ? got : recorded;

/** The record, but for this. */
const but = (pattern: RegExp, here: string) => (recorded: string) =>
  recorded.replace(pattern, here);

/** Other answers, here. */
const says =
  (answers: { readonly [typed: string]: string }) =>
  (_recorded: string, _got: string, typed: string): string =>
    `(qemu) ${typed}\n${answers[typed] ?? ''}`;

const NETWORK_LINE =
  /^(info (network|usernet)|set_link|hostfwd_\w+ [tb]|netdev_... (user,|n1)|host_net_add user)/;
const NO_STACK = 'user mode network stack not in use';
/** The second port has a hub in the record, the mouse is behind it. */
const BEHIND_HUB = /^.*USB Hub\n|(?<=Port 2)\.1/gm;

/** Our firmware's; sizes are left out. */
const ROMS = says({
  'info roms':
    'addr=00000000ffff0000 size=0x010000 mem=rom name="bios.bin"\n' +
    '/rom@etc/acpi/tables size=0xN name="etc/acpi/tables"\n' +
    '/rom@etc/table-loader size=0xN name="etc/table-loader"\n' +
    '/rom@etc/acpi/rsdp size=0x000024 name="etc/acpi/rsdp"',
});

const LISTED = /^[0-9a-f]{16}: .*\n?/gm;

const KNOWN: { readonly [session: string]: readonly Known[] } = {
  'B04 4': [{ what: /^info migrate$/, why: FIRMWARE, like: except(/^total ram: \d+/m) }],
  'C02 1': [
    { what: /^i(\/w)? 0x70$/, why: FIRMWARE, like: except(/0x[\da-f]+$/gm) },
    { what: /^sum 0/, why: FIRMWARE, like: except(/^\d{5}$/gm) },
    {
      what: /^gdbserver$/,
      why: DEBUGGER,
      like: but(/Waiting for gdb connection/, 'Could not open gdbserver'),
    },
    { what: /^stderr$/, why: FIRMWARE, like: except(/^(Servicing hardware INT=0x\d\d\n?)*/) },
  ],
  'C02 3': [
    {
      what: NETWORK_LINE,
      why: NETWORK,
      like: says({
        'set_link e0 off': "Device 'e0' not found",
        'set_link n0 off': "Device 'n0' not found",
        'hostfwd_add tcp::5555-:22': NO_STACK,
        'hostfwd_remove tcp::5555': NO_STACK,
        'hostfwd_remove tcp::5556': NO_STACK,
        'hostfwd_add bogus': NO_STACK,
        'netdev_add user,id=n1': "Invalid parameter 'user'",
        'netdev_del n1': "Device 'n1' not found",
        'host_net_add user': 'invalid host network device user',
      }),
    },
    { what: /^info usb$/, why: `${DEVICES}: no hubs`, like: but(BEHIND_HUB, '') },
  ],
  'C02 5': [{ what: /^device_add (help|usb-storage,help)$/, why: DEVICES, like: fewer }],
  'C03 0': [
    { what: /^xp? ?(\/(\d*[cdoux]|\d+x)[bhwg]? |[0$])/, why: FIRMWARE, like: except(LISTED) },
    { what: /^xp?\/2i/, why: FIRMWARE, like: except(/ljmp.*\n.*/) },
    { what: /^p(rint)?(\/d)? \$(pc|eip|cs|eflags)/, why: FIRMWARE, like: except(/^\d+$/m) },
  ],
  'C05 0': [
    { what: /^info mtree/, why: FIRMWARE, like: smallerBios },
    {
      what: /^info roms/,
      why: FIRMWARE,
      like: (recorded, got, typed) => except(/size=\w+/g)(ROMS(recorded, got, typed), got),
    },
    { what: /^info jit/, why: PROCESSORS, like: but(/(\/|TLB flush count +)\d+$/gm, '$10') },
    { what: /^info trace-events/, why: 'no trace events', like: but(/\n[\s\S]*/, '') },
  ],
  'C06 0': [
    { what: /^info network/, why: NETWORK, like: but(/\nhub 0[\s\S]*/, '') },
    { what: /^info pci/, why: NETWORK, like: withoutCard },
  ],
  'C06 4': [{ what: /^info pci/, why: NETWORK, like: withoutCard }],
  'C06 5': [
    { what: /^info kvm/, why: PROCESSORS, like: but(/enabled/, 'disabled') },
    { what: /^cpu 1/, why: PROCESSORS, like: says({ 'cpu 1': 'invalid CPU index' }) },
    { what: /^info cpus/, why: PROCESSORS, like: firstProcessor },
    { what: /^info vnc/, why: SCREENS, like: but(/\n[\s\S]*/, '\nServer: disabled') },
  ],
  'C07 0': [{ what: /^i\/[hw] 0x70/, why: FIRMWARE, like: except(/0x[\da-f]+$/gm) }],
};

/** Words of the command line that have nothing behind them here. */
const ABSENT: { readonly [session: string]: RegExp } = {
  'C02 3': /^(-netdev|user,id=n0|e1000,.*)$/,
  'C06 5': /^(-enable-kvm|-smp|2|-vnc|:77)$/,
};

export function withoutAbsent(name: string, argv: readonly string[]): string[] {
  const absent = ABSENT[name];
  const kept = argv.filter(word => absent?.test(word) !== true);
  return kept.filter((word, i) => word !== '-device' || !(kept[i + 1] ?? '-').startsWith('-'));
}

const NO_MACHINE =
  'qemu-system-x86_64: -M q35: Unsupported machine type\n' +
  'Use -machine help to list supported machines!\n';

/**
 * The reconstruction could not open what its image tool had just made, and gave up; here, as in
 * 2.2.50, `-o encryption` works.
 */
const MADE: { readonly [session: string]: (run: Run) => Run } = {
  'H03 0': run => ({ ...run, stderr: '', end: 'exit 0' }),
  'H03 2': run => ({
    ...run,
    output: run.output.replace('size: 0 (0 bytes)', 'size: 4.0M (4194304 bytes)'),
  }),
  'H03 6': run => ({
    ...run,
    output: "Disk image 'oe.qcow2' is encrypted.\npassword: \n",
    stderr: '',
    end: 'exit 0',
  }),
};

/** A record in the words, and of the program, that are ours. */
export function asHere({ name, run }: { readonly name: string; readonly run: Run }): Run {
  if (run.argv.includes('--version')) {
    return { ...run, output: run.output.replace(/, Copyright.*/, ' (tinamou 0.1.0)') };
  }
  if (run.argv.includes('q35')) return { ...run, output: '', stderr: NO_MACHINE, end: 'exit 1' };
  if (!name.startsWith('H')) return run;
  const made = MADE[name];
  if (made !== undefined) return made(run);
  const format = /enc\.qcow(?!2)/.test(run.command) ? 'qcow' : 'qcow2';
  const output = withRefusal(run.output, format).replace(
    /ide1-cd0: \[not inserted\]\n.*\n/,
    'ide1-cd0: raw.img (raw, read-only)\n' +
      '    Removable device: not locked, tray closed\n    Cache mode:       writeback\n',
  );
  const stderr = withRefusal(run.stderr, format);
  // Who is called by QEMU's name is a neighbour of tools with QEMU's names.
  const isTool = run.command.startsWith('qemu-io');
  return { ...run, output, stderr: isTool ? stderr.replace('tinamou-img', 'qemu-img') : stderr };
}

export const refusal = (format: string): string =>
  `Use of AES-CBC encrypted ${format} images is no longer supported in system emulators`;

/** The reconstruction, whose words are not known, with ours. */
export function withRefusal(text: string, format: string): string {
  const hint =
    "You can use 'tinamou-img convert' to convert your image to an alternative supported " +
    `format, such as unencrypted ${format}, or raw with the LUKS format instead.`;
  return text.replace(/<TEXT>/g, refusal(format)).replace(/^.*no longer.*\n/gm, `$&${hint}\n`);
}

/** Our BIOS has 64 KiB; and no CPU is plugged in. */
function smallerBios(recorded: string): string {
  return recorded
    .replaceAll('00000000fffc0000-00000000ffffffff', '00000000ffff0000-00000000ffffffff')
    .replaceAll(
      /^( +)00000000000e0000-00000000000fffff (.*) [0-9a-f]{16}-[0-9a-f]{16}$/gm,
      '$100000000000f0000-00000000000fffff $2 0000000000000000-000000000000ffff',
    )
    .replace(/^.*acpi-cpu-hotplug\n/m, '');
}

/** The other one is not there, the first one somewhere. */
function firstProcessor(recorded: string, got: string): string {
  const text = recorded.replace(/\n.*CPU #1.*/, '').replace(/^ {2}CPU #0/m, '* CPU #0');
  return except(/pc=\w+/)(text, got);
}

/** Without the card, others have its slot, its interrupt and its addresses. */
function withoutCard(recorded: string, got: string): string {
  const functions = recorded.split(/(?=^ {2}Bus )/m).filter(text => !text.includes('Ethernet'));
  const placed = (text: string): string =>
    text.replace(/(?<=Bus +0, device +)[4-9]/g, n => String(Number(n) - 1));
  const theirs = placed(functions.join('')).trimEnd();
  return except(/IRQ \d+|I\/O at 0x[\da-f]+ \[0x[\da-f]+\]/g)(theirs, got);
}

/** The lines of the record that are here, and nothing else. */
function fewer(recorded: string, got: string): string {
  const lines = got.split('\n');
  const ours = recorded.split('\n').filter(line => lines.includes(line));
  // A list without devices has no title, and nothing below.
  return ours
    .filter((line, i) => line !== '' || lines[lines.indexOf(ours[i - 1]) + 1] === '')
    .join('\n');
}

export function masked(text: string): string {
  return (
    text
      .replace(/disk size: \S+/g, 'disk size: N')
      .replace(/ops; .*/g, 'ops; N')
      .replace(/thread_id=\d+/g, 'thread_id=N')
      .replace(/\/var\/tmp\/vl\.\w{6}(?= )/g, 'TEMPORARY')
      .replace(/ from pid \d+/g, '')
      .replace(/^(\d+ +\S+) +\S+ \d{4}-\S+ \S+ +[\d:.]+$/gm, '$1 SIZE DATE CLOCK')
      .replace(/vm-\d{14}/g, 'vm-TIME')
      .replace(
        /^((?:total time|downtime|normal|duplicate|setup|transferred|throughput)[\w ]*:).*/gm,
        '$1 N',
      )
      .replace(/^qemu-img: warning: encrypted qcow2? images.*\n/gm, '')
      // What else is read from a pipe is nobody's.
      .replace(/^cat: (-|write error): .*\n/gm, '')
  );
}

interface Part {
  readonly typed: string;
  readonly text: string;
}

/** `Password:` answers have no line of their own. */
function parts({ output, stderr, end }: Pick<Run, 'output' | 'stderr' | 'end'>): Part[] {
  return [
    ...masked(output)
      .split(/(?<=^|\n|-)(?=\(qemu\) )/)
      .map(text => ({ typed: /^\(qemu\) (.*)/.exec(text)?.[1] ?? '', text: text.trimEnd() })),
    { typed: 'stderr', text: masked(stderr).trimEnd() },
    { typed: 'end', text: end },
  ];
}

function expected(name: string, typed: string, recorded: string, got: string): string {
  const known = KNOWN[name]?.find(({ what }) => what.test(typed));
  return known === undefined ? recorded : known.like(recorded, got, typed);
}

/** Is an answer as good as the recorded one? */
export function agrees(name: string, typed: string, recorded: string, got: string): boolean {
  const shown = (answer: string): string => masked(`(qemu) ${typed}\n${answer}`).trimEnd();
  const text = shown(got);
  return expected(name, typed, shown(recorded), text).trimEnd() === text;
}

export function expectSame(name: string, run: Run, got: Replayed): void {
  const ours = parts(got);
  const theirs = parts(run).map(({ typed, text }, i) => ({
    typed,
    text: expected(name, typed, text, ours[i]?.text ?? '').trimEnd(),
  }));
  expect(ours).toEqual(theirs);
}
