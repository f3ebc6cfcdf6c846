/**
 * Human monitor commands for those who look into the guest or the emulator: logs, traces, single
 * steps, dumps, the debugger's door.
 */

import { UserError } from '../../error.ts';
import { logItemsText } from '../../log.ts';
import type { HmpCommand } from './command.ts';

const DUMP_FORMATS = [
  ['z', 'kdump-zlib'],
  ['l', 'kdump-lzo'],
  ['s', 'kdump-snappy'],
] as const;

const dumpGuestMemory: HmpCommand = {
  name: 'dump-guest-memory',
  args: [
    { name: 'p', kind: 'flag' },
    { name: 'z', kind: 'flag' },
    { name: 'l', kind: 'flag' },
    { name: 's', kind: 'flag' },
    { name: 'filename', kind: 'filename' },
    { name: 'begin', kind: 'int', optional: true },
    { name: 'length', kind: 'int', optional: true },
  ],
  params: '[-p] [-z|-l|-s] filename [begin length]',
  help:
    "dump guest memory into file 'filename'.\n" +
    "\t\t\t-p: do paging to get guest's memory mapping.\n" +
    '\t\t\t-z: dump in kdump-compressed format, with zlib compression.\n' +
    '\t\t\t-l: dump in kdump-compressed format, with lzo compression.\n' +
    '\t\t\t-s: dump in kdump-compressed format, with snappy compression.\n' +
    '\t\t\tbegin: the starting physical address.\n' +
    '\t\t\tlength: the memory size, in bytes.',
  async run({ session }, args) {
    const formats = DUMP_FORMATS.filter(([flag]) => args.has(flag));
    if (formats.length > 1) throw new UserError("only one of '-z|-l|-s' can be set");
    await session.call('dump-guest-memory', {
      paging: args.has('p'),
      protocol: `file:${args.text('filename')}`,
      ...args.numbers('begin', 'length'),
      ...(formats.length === 1 ? { format: formats[0][1] } : {}),
    });
  },
};

const gdbserver: HmpCommand = {
  name: 'gdbserver',
  args: [{ name: 'device', kind: 'string', optional: true }],
  params: '[device]',
  help: "start gdbserver on given device (default 'tcp::1234'), stop with 'none'",
  async run({ session, print }, args) {
    const device = args.has('device') ? args.text('device') : 'tcp::1234';
    print(await session.call<string>('x-gdbserver', { device }));
  },
};

const log: HmpCommand = {
  name: 'log',
  args: [{ name: 'items', kind: 'string' }],
  params: 'item1[,...]',
  help: 'activate logging of the specified items',
  async run({ session, print }, args) {
    const items = args.text('items');
    const { known } = await session.call<{ known: boolean }>('x-log', { items });
    if (!known) print(logItemsText(true));
  },
};

const logfile: HmpCommand = {
  name: 'logfile',
  args: [{ name: 'filename', kind: 'filename' }],
  params: 'filename',
  help: "output logs to 'filename'",
  async run({ session }, args) {
    await session.call('x-logfile', { filename: args.text('filename') });
  },
};

const singlestep: HmpCommand = {
  name: 'singlestep',
  args: [{ name: 'option', kind: 'string', optional: true }],
  params: '[on|off]',
  help: 'run emulation in singlestep mode or switch to normal mode',
  async run({ session }, args) {
    const option = args.has('option') ? args.text('option') : 'on';
    if (option !== 'on' && option !== 'off') throw new UserError(`unexpected option ${option}`);
    await session.call('x-singlestep', { enable: option === 'on' });
  },
};

const traceEvent: HmpCommand = {
  name: 'trace-event',
  args: [
    { name: 'name', kind: 'string' },
    { name: 'option', kind: 'switch' },
  ],
  params: 'name on|off',
  help: 'changes status of a specific trace event',
  async run({ session }, args) {
    const given = { name: args.text('name'), enable: args.has('option') };
    await session.call('trace-event-set-state', given);
  },
};

export const DEBUG_COMMANDS: readonly HmpCommand[] = [
  dumpGuestMemory,
  gdbserver,
  log,
  logfile,
  singlestep,
  traceEvent,
];
