import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { Workshop } from '../../support/emulator.ts';

const workshop = new Workshop();
afterAll(() => workshop.close());
writeFileSync(join(workshop.folder, 'cd.iso'), new Uint8Array(65536));
const QUIET = ['-nodefaults', '-display', 'none', '-S', '-qmp', 'stdio'];

type Answer = {
  readonly return?: unknown;
  readonly error?: { readonly class: string; readonly desc: string };
};
type Request = readonly [name: string, args?: object];

function text(requests: readonly Request[]): string {
  const all: readonly Request[] = [['qmp_capabilities'], ...requests, ['quit']];
  return all
    .map(([execute, args]) => `${JSON.stringify({ execute, arguments: args ?? {} })}\n`)
    .join('');
}

function answersIn(output: string): Answer[] {
  const lines = output.split(/\r?\n/).filter(line => /^\{"(return|error)"/.test(line));
  return lines.slice(1, -1).map(line => JSON.parse(line) as Answer);
}

async function ask(requests: readonly Request[], argv: readonly string[] = []): Promise<Answer[]> {
  const { stdout, status } = await workshop.run([...QUIET, ...argv], text(requests));
  expect(status).toBe(0);
  return answersIn(stdout.toString());
}

const said = ({ error, return: value }: Answer): unknown => error?.desc ?? value;

/** Requests that a QEMU of today answers in the words of 2.2.50. */
const SAME: readonly Request[] = [
  ['getfd', { fdname: 'a' }],
  ['closefd', { fdname: 'a' }],
  ['add-fd'],
  ['remove-fd', { 'fdset-id': 1 }],
  ['remove-fd', { 'fdset-id': 1, fd: 3 }],
  ['query-fdsets'],
  ['set_link', { name: 'x', up: true }],
  ['netdev_add', { type: 'user' }],
  ['netdev_del', { id: 'x' }],
  ['add_client', { protocol: 'vnc', fdname: 'x' }],
  ['set_password', { protocol: 'vnc', password: 'x' }],
  ['change-vnc-password', { password: 'x' }],
  ['query-rx-filter'],
  ['query-rx-filter', { name: 'x' }],
  ['trace-event-get-state', { name: 'nope' }],
  ['trace-event-get-state', { name: 'nope*' }],
  ['trace-event-set-state', { name: 'nope', enable: true }],
  ['device-list-properties', { typename: 'nope' }],
  ['dump-guest-memory', { paging: false, protocol: 'bogus' }],
  ['dump-guest-memory', { paging: false, protocol: 'fd:x' }],
  ['dump-guest-memory', { paging: false, protocol: 'file:/nope/x' }],
  ['dump-guest-memory', { paging: false, protocol: 'file:/nope/x', begin: 0 }],
  ['dump-guest-memory', { paging: true, protocol: 'file:/nope/x', format: 'kdump-zlib' }],
  ['xen-set-global-dirty-log', { enable: true }],
  ['balloon', { value: 1 }],
  ['query-balloon'],
  ['block-set-write-threshold', { 'node-name': 'x', 'write-threshold': 5 }],
  ['qom-list', { path: '/nope' }],
  ['qom-list', { path: '/machine/peripheral' }],
  ['qom-get', { path: '/machine', property: 'unattached' }],
  ['device_del', { id: 'x' }],
  ['query-acpi-ospm-status'],
  ['query-memory-devices'],
  ['query-name'],
  ['rtc-reset-reinjection'],
];

const PEER = 'qemu-system-i386';
const hasPeer = spawnSync(PEER, ['--version']).status === 0;
if (!hasPeer) console.log(`${PEER} is not installed: no answers of today's QEMU to compare`);

test.skipIf(!hasPeer)("answers are those of today's QEMU, where it kept the words", async () => {
  const ours = await ask(SAME);
  const peer = spawnSync(PEER, QUIET, { input: text(SAME), encoding: 'utf8', timeout: 20_000 });
  const theirs = answersIn(peer.stdout);
  for (const [i, [name]] of SAME.entries()) {
    // The class of one error has changed since, its words have not.
    expect({ name, says: said(ours[i]) }).toEqual({ name, says: said(theirs[i]) });
  }
});

test('objects are made, listed and destroyed', async () => {
  const ram = (id: string, props: object) => ({ 'qom-type': 'memory-backend-ram', id, props });
  const got = await ask([
    ['object-add', ram('m', { size: 1048576, merge: false })],
    ['query-memdev'],
    ['qom-list', { path: '/objects' }],
    ['qom-get', { path: '/objects/m', property: 'size' }],
    ['object-add', ram('m', { size: 4096 })],
    ['object-add', ram('n', {})],
    ['object-add', ram('n', { size: '4096' })],
    ['object-add', ram('n', { bogus: 1 })],
    ['object-add', { 'qom-type': 'bogus', id: 'n' }],
    ['object-del', { id: 'm' }],
    ['object-del', { id: 'm' }],
    ['human-monitor-command', { 'command-line': 'object_add iothread,id=t' }],
    ['query-iothreads'],
  ]);
  expect(got.slice(0, 4).map(said)).toEqual([
    {},
    [
      {
        size: 1048576,
        merge: false,
        dump: true,
        prealloc: false,
        'host-nodes': [],
        policy: 'default',
      },
    ],
    [
      { name: 'm', type: 'child<memory-backend-ram>' },
      { name: 'type', type: 'string' },
    ],
    1048576,
  ]);
  expect(got.slice(4, 11).map(said)).toEqual([
    "attempt to add duplicate property 'm' to object (type 'container')",
    "can't create backend with size 0",
    "Invalid parameter type for 'size', expected: integer",
    "Property '.bogus' not found",
    'invalid object type: bogus',
    {},
    'object id not found',
  ]);
  expect(said(got[12])).toMatchObject([{ id: 't' }]);
});

test('the tree of objects has the devices at their paths', async () => {
  const got = await ask(
    [
      ['qom-list', { path: '/machine/i440fx/pci.0' }],
      ['qom-get', { path: 'd', property: 'drive' }],
      ['qom-get', { path: '/machine/peripheral/d', property: 'type' }],
      ['qom-set', { path: '/machine/peripheral/d', property: 'type', value: 'x' }],
      ['qom-list', { path: '/machine/peripheral-anon' }],
      ['qom-get', { path: '/machine', property: 'rtc-time' }],
      ['qom-list-types', { implements: 'usb-device' }],
      ['device-list-properties', { typename: 'container' }],
    ],
    ['-usb', '-drive', 'if=none,id=h,file=cd.iso,format=raw', '-device', 'ide-cd,id=d,drive=h'],
  );
  expect(said(got[0])).toContainEqual({ name: 'type', type: 'string' });
  expect(said(got[1])).toBe('h');
  expect(said(got[2])).toBe('ide-cd');
  expect(said(got[3])).toBe('Insufficient permission to perform this operation');
  expect(said(got[4])).toEqual([{ name: 'type', type: 'string' }]);
  expect(said(got[5])).toMatchObject({ tm_year: expect.any(Number) });
  expect(said(got[6])).toContainEqual({ name: 'usb-storage' });
  expect(said(got[7])).toBe("Parameter 'name' expects device");
});

test('guest memory is dumped as an ELF core that tools read', async () => {
  const dump = (file: string, more: object = {}): Request => [
    'dump-guest-memory',
    { paging: false, protocol: `file:${file}`, ...more },
  ];
  const poke: Request = [
    'human-monitor-command',
    { 'command-line': 'pmemsave 0xfffffff0 16 reset.bin' },
  ];
  const got = await ask([
    dump('all.elf'),
    dump('part.elf', { begin: 0xfffff000, length: 4096 }),
    poke,
  ]);
  expect(got.map(said)).toEqual([{}, {}, '']);
  const file = (name: string): Buffer => readFileSync(join(workshop.folder, name));
  const part = file('part.elf');
  expect(part.readUInt16LE(18)).toBe(3);
  expect(part.readUInt16LE(56)).toBe(2);
  expect(part.subarray(-16).equals(file('reset.bin'))).toBe(true);
  // RAM below the hole, RAM above it, the firmware.
  expect(file('all.elf').readUInt16LE(56)).toBeGreaterThanOrEqual(4);
  const { stdout, status } = spawnSync('readelf', ['-ln', join(workshop.folder, 'part.elf')], {
    encoding: 'utf8',
  });
  if (status !== 0) {
    console.log('readelf is not installed: the core file was looked at by nobody else');
    return;
  }
  expect(stdout).toContain('NT_PRSTATUS');
  expect(stdout).toMatch(/QEMU\s+0x000001b0/);
  expect(stdout).toMatch(/LOAD\s+0x\w+ 0x00000000fffff000 0x00000000fffff000/);
});

test('the screen is dumped, and nothing without one', async () => {
  const dump: Request = ['screendump', { filename: 'screen.ppm' }];
  expect((await ask([dump])).map(said)).toEqual(['There is no QemuConsole I can screendump from.']);
  const nowhere: Request = ['screendump', { filename: '/nope/x' }];
  const got = await ask([dump, nowhere], ['-vga', 'std']);
  expect(got.map(said)).toEqual([{}, "failed to open file '/nope/x': No such file or directory"]);
  const header = readFileSync(join(workshop.folder, 'screen.ppm')).subarray(0, 2).toString();
  expect(header).toBe('P6');
});

test('keys, buttons and movements are pressed as a window would', async () => {
  const event = (type: string, data: object): Request => [
    'x-input-send-event',
    { events: [{ type, data }] },
  ];
  const got = await ask([
    event('key', { key: { type: 'qcode', data: 'a' }, down: true }),
    event('key', { key: { type: 'qcode', data: 'nokey' }, down: true }),
    event('btn', { button: 'Left', down: true }),
    event('btn', { button: 'Sixth', down: true }),
    event('rel', { axis: 'X', value: 4 }),
    event('abs', { axis: 'X', value: 4 }),
    event('bogus', {}),
    ['x-input-send-event', { console: 1, events: [] }],
    ['x-input-send-event', { events: [{ type: 'key' }] }],
    ['query-mice'],
  ]);
  expect(got.slice(0, 9).map(said)).toEqual([
    {},
    "Invalid parameter 'nokey'",
    {},
    "Invalid parameter 'Sixth'",
    {},
    'Input handler not found for event type abs',
    "Invalid parameter 'bogus'",
    'console 1 not found',
    "Invalid parameter type for 'data', expected: QDict",
  ]);
});
