import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { Events } from '../../../src/events.ts';
import { readConfig } from '../../../src/main-config.ts';
import { DriveTable } from '../../../src/main-drives.ts';
import { Workshop } from '../../support/emulator.ts';

const workshop = new Workshop();
afterAll(() => workshop.close());
for (const name of ['bottom.qcow2', 'other.qcow2']) {
  workshop.imageTool('create', '-q', '-f', 'qcow2', name, '1M');
}
const over = (below: string, name: string) =>
  workshop.imageTool(
    ...['create', '-q', '-f', 'qcow2', '-o', `backing_file=${below},backing_fmt=qcow2`, name],
  );
over('bottom.qcow2', 'middle.qcow2');
over('middle.qcow2', 'top.qcow2');
over('bottom.qcow2', 'second.qcow2');
over('second.qcow2', 'third.qcow2');

const drive = (file: string, id: string): string[] => [
  '-drive',
  `if=none,id=${id},node-name=n-${id},file=${file}`,
];
const call = (execute: string, args: object = {}): string =>
  JSON.stringify({ execute, arguments: args });

/** Returns and errors, in order; and events. */
async function say(argv: readonly string[], ...requests: string[]) {
  const all = [call('qmp_capabilities'), ...requests];
  // A job ends while the guest's monitor is told something else.
  const quiet = ['-nodefaults', '-display', 'none', '-S', '-qmp', 'stdio'];
  const { stdout } = await workshop.run([...quiet, ...argv], `${all.join('\n')}\n`, 4000);
  const lines = stdout
    .toString()
    .split(/\r?\n/)
    .filter(line => line.startsWith('{'))
    .slice(2)
    .map(line => JSON.parse(line));
  return {
    answers: lines.filter(item => item.event === undefined),
    events: lines.filter(item => item.event !== undefined),
  };
}

test('a node that is written beyond its threshold is told once', async () => {
  const events = new Events();
  const told: unknown[] = [];
  events.listen(({ name, data }) => told.push([name, data]));
  const table = new DriveTable(
    't',
    () => {},
    () => true,
    events,
  );
  const file = join(workshop.folder, 'other.qcow2');
  await table.openAll(
    readConfig(['-nodefaults', '-drive', `if=none,id=a,node-name=n-a,file=${file}`]),
  );
  const { backend } = table.find('a');
  const shown = (): unknown => (table.query() as never)[0]['inserted']['write_threshold'];
  table.setWriteThreshold('n-a', 131072);
  expect(shown()).toBe(131072);
  for (const offset of [0, 98304, 524288]) await backend.write(offset, new Uint8Array(65536));
  expect(told).toEqual([
    [
      'BLOCK_WRITE_THRESHOLD',
      { 'node-name': 'n-a', 'amount-exceeded': 32768, 'write-threshold': 131072 },
    ],
  ]);
  expect(shown()).toBe(0);
  expect(() => table.setWriteThreshold('x', 1)).toThrow("Device 'x' not found");
  await table.closeAll();
});

test('an image says another name of its backing file', async () => {
  const change = (name: string) =>
    call('change-backing-file', {
      device: 't',
      'image-node-name': name,
      'backing-file': 'elsewhere.qcow2',
    });
  const { answers } = await say(drive('top.qcow2', 't'), change('nope'), change('n-t'));
  expect(answers[0].error.desc).toBe('image file not found');
  expect(answers[1]).toEqual({ return: {} });
  const header = readFileSync(join(workshop.folder, 'top.qcow2')).subarray(0, 65536);
  expect(header.includes('elsewhere.qcow2')).toBe(true);
});

test('a new top of a named node needs a name', async () => {
  const snapshot = (more: object) =>
    call('blockdev-snapshot-sync', {
      'node-name': 'n-a',
      'snapshot-file': 'new.qcow2',
      format: 'qcow2',
      ...more,
    });
  const { answers } = await say(
    drive('other.qcow2', 'a'),
    snapshot({}),
    snapshot({ 'snapshot-node-name': 'n-a' }),
    snapshot({ 'snapshot-node-name': 'n-b' }),
    call('query-block'),
  );
  expect(answers[0].error.desc).toBe('New snapshot node name missing');
  expect(answers[1].error.desc).toBe('New snapshot node name already existing');
  expect(answers[2]).toEqual({ return: {} });
  expect(answers[3].return[0].inserted['node-name']).toBe('n-b');
  expect(answers[3].return[0].inserted.file).toBe('new.qcow2');
});

test('a drive is backed up into another, which stays', async () => {
  const argv = [...drive('bottom.qcow2', 'a'), ...drive('middle.qcow2', 'b')];
  const backup = (device: string, target: string) =>
    call('blockdev-backup', { device, target, sync: 'full' });
  const { answers, events } = await say(
    argv,
    call('human-monitor-command', { 'command-line': 'qemu-io a "write -P 7 0 64k"' }),
    backup('a', 'a'),
    backup('a', 'nope'),
    backup('a', 'b'),
  );
  expect(answers[1].error.desc).toBe('Source and target cannot be the same');
  expect(answers[2].error.class).toBe('DeviceNotFound');
  expect(answers[3]).toEqual({ return: {} });
  expect(events.map(item => item.event)).toContain('BLOCK_JOB_COMPLETED');
  const read = call('human-monitor-command', { 'command-line': 'qemu-io b "read -P 7 0 64k"' });
  const [{ return: text }] = (await say(drive('middle.qcow2', 'b'), read)).answers;
  expect(text).toContain('read 65536/65536 bytes');
  expect(text).not.toContain('Pattern verification failed');
});

const GRAPH = [
  'if=none,id=g,file=third.qcow2,node-name=t,file.node-name=tf',
  'backing.node-name=m,backing.file.node-name=mf,backing.backing.node-name=b',
].join(',');

test('every named node is listed, the last one first', async () => {
  const { answers } = await say(
    ['-drive', GRAPH, ...drive('other.qcow2', 'o')],
    call('query-named-block-nodes'),
    call('query-blockstats'),
    call('block_resize', { 'node-name': 'm', size: 2097152 }),
    call('drive-mirror', { device: 'o', target: 'mirror.qcow2', sync: 'full', 'node-name': 'x' }),
    call('query-named-block-nodes'),
  );
  const shown = answers[0].return.map((item: { [name: string]: unknown }) =>
    [item['node-name'], item['drv'], item['ro'], item['backing_file_depth']].join(' '),
  );
  expect(shown).toEqual([
    'n-o qcow2 false 0',
    'b qcow2 true 0',
    'm qcow2 true 1',
    'mf file true 0',
    't qcow2 false 2',
    'tf file false 0',
  ]);
  const [stats] = answers[1].return;
  expect([stats.parent['node-name'], stats.backing['node-name']]).toEqual(['tf', 'm']);
  expect(stats.backing.backing['node-name']).toBe('b');
  expect(answers[2].error.desc).toBe("The feature 'resize' is not enabled");
  expect(answers[4].return[0]['node-name']).toBe('x');
});

test('names of nodes are no ids, and given once', async () => {
  const add = (name: string, below: string) =>
    call('blockdev-add', {
      options: {
        driver: 'qcow2',
        id: 'new',
        'node-name': name,
        file: { driver: 'file', filename: 'bottom.qcow2', 'node-name': below },
      },
    });
  const { answers } = await say(
    drive('other.qcow2', 'a'),
    ...[add('n-a', 'x'), add('a', 'x'), add('0', 'x'), add('x', 'x'), add('x', 'y')],
  );
  expect(answers.map(item => item.error?.desc ?? item.return)).toEqual([
    'Duplicate node name',
    'node-name=a is conflicting with a device id',
    'Invalid node name',
    'Duplicate node name',
    {},
  ]);
});

test('a backing image can be another one’s file and outlives its own image', async () => {
  const io = (device: string, line: string) =>
    call('human-monitor-command', { 'command-line': `qemu-io ${device} "${line}"` });
  const { answers } = await say(
    ['-drive', 'if=none,id=g,file=third.qcow2,backing.node-name=m'],
    call('blockdev-add', { options: { driver: 'raw', id: 'r', file: 'm' } }),
    call('human-monitor-command', { 'command-line': 'drive_del g' }),
    io('r', 'read 0 512'),
  );
  expect(answers[0]).toEqual({ return: {} });
  expect(answers[2].return).toContain('read 512/512 bytes at offset 0');
});

test('an image in the middle of a chain says another name of its backing file', async () => {
  const { answers } = await say(
    ['-drive', 'if=none,id=g,file=third.qcow2,backing.node-name=m'],
    call('change-backing-file', {
      device: 'g',
      'image-node-name': 'm',
      'backing-file': 'down-there.qcow2',
    }),
  );
  expect(answers[0]).toEqual({ return: {} });
  const header = readFileSync(join(workshop.folder, 'second.qcow2')).subarray(0, 65536);
  expect(header.includes('down-there.qcow2')).toBe(true);
});
