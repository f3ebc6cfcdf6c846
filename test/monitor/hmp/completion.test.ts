import { expect, test } from 'vitest';
import type { Json } from '../../../src/json.ts';
import { hmpCommandsFor } from '../../../src/monitor/hmp/commands.ts';
import { complete } from '../../../src/monitor/hmp/completion.ts';
import type { Session } from '../../../src/monitor/session.ts';

const ANSWERS: { readonly [name: string]: Json } = {
  'query-block': [{ device: 'ide0-hd0' }, { device: 'ide1-cd0' }],
  'query-chardev': [
    { label: 'serial0', filename: 'vc' },
    { label: 'ring', filename: 'ringbuf' },
  ],
  'query-chardev-backends': [{ name: 'pipe' }, { name: 'pty' }, { name: 'null' }],
  'query-migrate-capabilities': [{ capability: 'xbzrle' }, { capability: 'zero-blocks' }],
  'qom-list': [
    { name: 'stick', type: 'child<usb-storage>' },
    { name: 'type', type: 'string' },
  ],
  'qom-list-types': [{ name: 'memory-backend-ram' }, { name: 'iothread' }],
  'x-complete-path': ['disk.img', 'disks/'],
  'x-device-help':
    'USB devices:\nname "piix3-usb-uhci", bus PCI\n\nname "usb-storage", bus usb-bus\n',
  'x-key-names': ['ctrl', 'alt', 'f1', 'f10'],
  'x-snapshots': 'ID        TAG                 VM SIZE\n1         before              1K\n',
};
const session = { call: (name: string) => Promise.resolve(ANSWERS[name]) } as unknown as Session;

test.each([
  ['info blo', ['block', 'block-jobs', 'blockstats']],
  ['help sto', ['stop', 'stopcapture']],
  ['eject -f ide', ['ide0-hd0', 'ide1-cd0']],
  ['change ide1-cd0 dis', ['disk.img', 'disks/']],
  ['sendkey ctrl-alt-f', ['f1', 'f10']],
  ['chardev-add p', ['pipe', 'pty']],
  ['ringbuf_write ', ['ring']],
  ['chardev-remove ', ['serial0', 'ring']],
  ['object_add io', ['iothread']],
  ['help info blo', ['block', 'block-jobs', 'blockstats']],
  ['help help sto', ['stop', 'stopcapture']],
  ['help eject ide', ['ide0-hd0', 'ide1-cd0']],
  ['device_add usb', ['usb-storage']],
  ['device_del ', ['stick']],
  ['loadvm ', ['before']],
  ['delvm b', ['before']],
  ['migrate_set_capability z', ['zero-blocks']],
  ['migrate_set_capability xbzrle o', ['on', 'off']],
  ['set_link e0 of', ['off']],
  ['watchdog_action p', ['poweroff', 'pause']],
  ['netdev_add hub', ['hubport']],
  ['nosuch x', []],
  ['info status x', []],
  ['memsave "unclosed', []],
])('%j', async (line, wanted) => {
  const said: string[] = [];
  const printOut = (text: string): void => {
    said.push(text);
  };
  const world = { session, commands: hmpCommandsFor('legacy'), printOut };
  const { candidates } = await complete(world, line);
  expect(candidates).toEqual(wanted);
  expect(said).toEqual(line.includes('"') ? ['unterminated string\n'] : []);
});
