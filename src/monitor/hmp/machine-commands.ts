/**
 * Human monitor commands about devices: processors, objects, memory balloon, pointers, sound,
 * screens, injected errors.
 */

import { UserError } from '../../error.ts';
import type { Json } from '../../json.ts';
import { splitOptions } from '../../options.ts';
import type { Argument } from './argument-types.ts';
import type { HmpCommand, HmpContext } from './command.ts';

type JsonObject = { readonly [name: string]: Json };

const balloon: HmpCommand = {
  name: 'balloon',
  args: [{ name: 'value', kind: 'mebibytes' }],
  params: 'target',
  help: 'request VM to change its memory allocation (in MB)',
  async run({ session, print }, args) {
    try {
      await session.call('balloon', { value: args.number('value') });
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      print(`balloon: ${error.message}\n`);
    }
  },
};

const cpuAdd: HmpCommand = {
  name: 'cpu-add',
  args: [{ name: 'id', kind: 'int' }],
  params: 'id',
  help: 'add cpu',
  async run({ session }, args) {
    await session.call('cpu-add', { id: args.number('id') });
  },
};

const mce: HmpCommand = {
  name: 'mce',
  args: [
    { name: 'b', kind: 'flag' },
    { name: 'cpu_index', kind: 'int' },
    { name: 'bank', kind: 'int' },
    { name: 'status', kind: 'long' },
    { name: 'mcg_status', kind: 'long' },
    { name: 'addr', kind: 'long' },
    { name: 'misc', kind: 'long' },
  ],
  params: '[-b] cpu bank status mcgstatus addr misc',
  help: 'inject a MCE on the given CPU [and broadcast to other CPUs with -b option]',
  async run({ session }, args) {
    await session.call('x-mce', {
      cpu: args.number('cpu_index'),
      bank: args.number('bank'),
      valid: BigInt.asUintN(64, args.bigint('status')) >> 63n !== 0n,
    });
  },
};

/** The value that C's strtol reads from the start of a word. */
function leadingNumber(word: string): number {
  const digits = /^\s*[+-]?(0x[0-9a-f]+|[0-9]+)/i.exec(word)?.[0].trim() ?? '0';
  const octal = /^[+-]?0[0-7]+/.exec(digits);
  if (octal !== null) return Number.parseInt(octal[0], 8);
  const sign = digits.startsWith('-') ? -1 : 1;
  return sign * Number(digits.replace(/^[+-]/, ''));
}

const button = (name: string, down: boolean): JsonObject => ({
  type: 'btn',
  data: { button: name, down },
});

const mouseMove: HmpCommand = {
  name: 'mouse_move',
  args: [
    { name: 'dx_str', kind: 'string' },
    { name: 'dy_str', kind: 'string' },
    { name: 'dz_str', kind: 'string', optional: true },
  ],
  params: 'dx dy [dz]',
  help: 'send mouse move events',
  async run({ session }, args) {
    const axis = (name: string, word: string): JsonObject => ({
      type: 'rel',
      data: { axis: name, value: leadingNumber(args.text(word)) },
    });
    const moves = [axis('X', 'dx_str'), axis('Y', 'dy_str')];
    const dz = leadingNumber(args.text('dz_str'));
    await session.call('x-input-send-event', { events: moves });
    if (dz === 0) return;
    const wheel = dz > 0 ? 'WheelUp' : 'WheelDown';
    await session.call('x-input-send-event', { events: [button(wheel, true)] });
    await session.call('x-input-send-event', { events: [button(wheel, false)] });
  },
};

/** As the bits mean in fact; the help line has the last two the wrong way round. */
const BUTTONS = [
  ['Left', 1],
  ['Middle', 4],
  ['Right', 2],
] as const;

const mouseButton: HmpCommand = {
  name: 'mouse_button',
  args: [{ name: 'button_state', kind: 'int' }],
  params: 'state',
  help: 'change mouse button state (1=L, 2=M, 4=R)',
  async run({ session }, args) {
    const state = args.number('button_state');
    const events = BUTTONS.map(([name, bit]) => button(name, (state & bit) !== 0));
    await session.call('x-input-send-event', { events });
  },
};

const mouseSet: HmpCommand = {
  name: 'mouse_set',
  args: [{ name: 'index', kind: 'int' }],
  params: 'index',
  help: 'set which mouse device receives events',
  async run({ session }, args) {
    await session.call('x-mouse-set', { index: args.number('index') });
  },
};

/** What is missing is said in the order in which it is looked for. */
function objectOf(text: string): { 'qom-type': string; id: string; props: JsonObject } {
  const all = new Map(splitOptions(text, 'qom-type').map(({ key, value }) => [key, value]));
  const take = (key: string): string => {
    const value = all.get(key);
    if (value === undefined) throw new UserError(`Parameter '${key}' is missing`);
    all.delete(key);
    return value;
  };
  const type = take('qom-type');
  const id = take('id');
  return { 'qom-type': type, id, props: Object.fromEntries(all) };
}

const objectAdd: HmpCommand = {
  name: 'object_add',
  args: [{ name: 'object', kind: 'options' }],
  params: '[qom-type=]type,id=str[,prop=value][,...]',
  help: 'create QOM object',
  async run({ session }, args) {
    await session.call('x-object-add', objectOf(args.text('object')));
  },
};

const objectDel: HmpCommand = {
  name: 'object_del',
  args: [{ name: 'id', kind: 'string' }],
  params: 'id',
  help: 'destroy QOM object',
  async run({ session }, args) {
    await session.call('object-del', { id: args.text('id') });
  },
};

const headers = (name: string): Argument[] =>
  [0, 1, 2, 3].map(i => ({ name: `${name}${i}`, kind: 'int', optional: true }));

const pcieAerInjectError: HmpCommand = {
  name: 'pcie_aer_inject_error',
  args: [
    { name: 'a', kind: 'flag' },
    { name: 'c', kind: 'flag' },
    { name: 'id', kind: 'string' },
    { name: 'error_status', kind: 'string' },
    ...headers('header'),
    ...headers('prefix'),
  ],
  params: '[-a] [-c] id <error_status> [<tlp header> [<tlp header prefix>]]',
  help:
    'inject pcie aer error\n' +
    '\t\t\t -a for advisory non fatal error\n' +
    '\t\t\t -c for correctable error\n' +
    '\t\t\t<id> = qdev device id\n' +
    '\t\t\t<error_status> = error string or 32bit\n' +
    '\t\t\t<tlb header> = 32bit x 4\n' +
    '\t\t\t<tlb header prefix> = 32bit x 4',
  async run({ session }, args) {
    await session.call('x-pcie-aer-inject-error', { id: args.text('id') });
  },
};

const screendump: HmpCommand = {
  name: 'screendump',
  args: [{ name: 'filename', kind: 'filename' }],
  params: 'filename',
  help: "save screen into PPM image 'filename'",
  async run({ session }, args) {
    await session.call('screendump', { filename: args.text('filename') });
  },
};

const watchdogAction: HmpCommand = {
  name: 'watchdog_action',
  args: [{ name: 'action', kind: 'string' }],
  params: '[reset|shutdown|poweroff|pause|debug|none]',
  help: 'change watchdog action',
  async run({ session }, args) {
    await session.call('x-watchdog-action', { action: args.text('action') });
  },
};

const wavcapture: HmpCommand = {
  name: 'wavcapture',
  args: [
    { name: 'path', kind: 'filename' },
    { name: 'freq', kind: 'int', optional: true },
    { name: 'bits', kind: 'int', optional: true },
    { name: 'nchannels', kind: 'int', optional: true },
  ],
  params: 'path [frequency [bits [channels]]]',
  help: 'capture audio to a wave file (default frequency=44100 bits=16 channels=2)',
  async run({ session }, args) {
    const { freq = 44100, bits = 16, nchannels = 2 } = args.numbers('freq', 'bits', 'nchannels');
    await session.call('x-wavcapture', { path: args.text('path'), freq, bits, nchannels });
  },
};

const stopcapture: HmpCommand = {
  name: 'stopcapture',
  args: [{ name: 'n', kind: 'int' }],
  params: 'capture index',
  help: 'stop capture',
  async run({ session }, args) {
    await session.call('x-stopcapture', { index: args.number('n') });
  },
};

/** `info capture`. */
export async function captureText({ session }: HmpContext): Promise<string> {
  const list = await session.call<readonly JsonObject[]>('x-captures');
  return list
    .map(({ freq, bits, nchannels, path, bytes }, i) => {
      const format = `${freq},${bits},${nchannels}`;
      return `[${i}]: Capturing audio(${format}) to ${path}: ${bytes} bytes\n`;
    })
    .join('');
}

export const MACHINE_COMMANDS: readonly HmpCommand[] = [
  balloon,
  cpuAdd,
  mce,
  mouseButton,
  mouseMove,
  mouseSet,
  objectAdd,
  objectDel,
  pcieAerInjectError,
  screendump,
  stopcapture,
  watchdogAction,
  wavcapture,
];
