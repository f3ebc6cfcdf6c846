import { afterAll, expect, test } from 'vitest';
import { Workshop } from '../support/emulator.ts';
import { LEGACY, makeImages } from '../support/encrypted-images.ts';
import { Prompt } from '../support/prompt.ts';

const workshop = new Workshop();
afterAll(() => workshop.close());
makeImages(workshop);

test('snapshots are listed and deleted; those of a disk alone are not loaded', async () => {
  const prompt = new Prompt(workshop, ['-hda', 'plain.qcow2']);
  expect(await prompt.ask('info snapshots')).toBe('There is no snapshot available.\n');
  expect(await prompt.ask('snapshot_blkdev_internal ide0-hd0 one')).toBe('');
  expect(await prompt.ask('info snapshots')).toMatch(
    /^ID {8}TAG {17}VM SIZE {16}DATE {7}VM CLOCK\n1 {9}one {23}0 \d{4}-.* 00:00:00.000\n$/,
  );
  expect(await prompt.ask('loadvm one')).toMatch(/^This is a disk-only snapshot/);
  expect(await prompt.ask('info status')).toBe('VM status: paused (restore-vm)\n');
  expect(await prompt.ask('loadvm nosuch')).toBe('');
  expect(await prompt.ask('info status')).toBe('VM status: paused (restore-vm)\n');
  expect(await prompt.ask('delvm one')).toBe('');
  expect(await prompt.ask('delvm one')).toBe(
    "Error while deleting snapshot on device 'ide0-hd0': Can't find the snapshot\n",
  );
  expect(await prompt.ask('loadvm')).toBe('loadvm: string expected\n');
  expect(await prompt.quit()).toBe(0);
});

test('a transaction that fails leaves the drive as it was', async () => {
  const snapshot = {
    type: 'blockdev-snapshot-sync',
    data: { device: 'ide0-hd0', 'snapshot-file': 'top.qcow2' },
  };
  const internal = {
    type: 'blockdev-snapshot-internal-sync',
    data: { device: 'ide0-hd1', name: 'two' },
  };
  const requests = [
    { execute: 'qmp_capabilities' },
    {
      execute: 'transaction',
      arguments: { actions: [snapshot, internal, { type: 'abort', data: {} }] },
    },
    { execute: 'human-monitor-command', arguments: { 'command-line': 'info block' } },
    { execute: 'transaction', arguments: { actions: [internal, snapshot] } },
    { execute: 'human-monitor-command', arguments: { 'command-line': 'info block' } },
    {
      execute: 'blockdev-snapshot-delete-internal-sync',
      arguments: { device: 'ide0-hd1', name: 'two' },
    },
    { execute: 'quit' },
  ];
  const argv = ['-nodefaults', '-display', 'none', '-qmp', 'stdio', '-S'];
  const drives = ['-hda', 'enc-free.qcow2', '-hdb', 'plain.qcow2'];
  workshop.imageTool('create', '-q', '-f', 'qcow2', 'enc-free.qcow2', '4M');
  const input = requests.map(request => `${JSON.stringify(request)}\n`).join('');
  const { stdout } = await workshop.run([...argv, ...drives], input);
  const lines = stdout.toString().split(/\r?\n/);
  const replies = lines.filter(line => /^\{"(return|error)"/.test(line));
  expect(replies[1]).toContain('Transaction aborted using Abort action');
  expect(replies[2]).toContain('ide0-hd0: enc-free.qcow2 (qcow2)');
  expect(replies[3]).toBe('{"return": {}}');
  expect(replies[4]).toContain('ide0-hd0: top.qcow2 (qcow2)');
  expect(replies[5]).toContain('"name": "two"');
});

test('what the host refuses is a message, and the program goes on', async () => {
  const prompt = new Prompt(workshop, ['-hda', 'normal.qcow2', '-cdrom', 'raw.img', '-S']);
  const cannot = 'Could not create file: No such file or directory\n';
  expect(await prompt.ask('drive_mirror ide0-hd0 nowhere/m.qcow2')).toContain(cannot);
  expect(await prompt.ask('snapshot_blkdev ide0-hd0 nowhere/s.qcow2')).toContain(cannot);
  expect(await prompt.ask('change ide1-cd0 .')).toMatch(/^Could not open '.'/);
  expect(await prompt.ask('change ide1-cd0 garbage.bin qcow2')).toBe(
    'Image is not in qcow2 format\n',
  );
  expect(await prompt.ask('eject ide1-cd0')).toBe('');
  expect(await prompt.ask('qemu-io ide1-cd0 "read 0 512"')).toBe('');
  expect(await prompt.ask('qemu-io ide0-hd0 "read 1G 512"')).not.toBe('');
  expect(await prompt.ask('drive_add 0 if=none,id=x,file=raw.img,format=nonsense')).toBe(
    "Unknown driver 'nonsense'\n",
  );
  expect(await prompt.ask('info status')).toBe('VM status: paused (prelaunch)\n');
  expect(await prompt.quit()).toBe(0);
  expect(prompt.stderr).toContain("no file open, try 'help open'\n");
});

test("a drive's image is not the exerciser's to open and close", async () => {
  const prompt = new Prompt(workshop, ['-hda', 'plain.qcow2']);
  const before = await prompt.ask('info block -v');
  for (const line of ['close', 'c', 'open enc.qcow2', 'o enc.qcow2', 'quit', 'q']) {
    expect(await prompt.ask(`qemu-io ide0-hd0 "${line}"`)).toBe('');
  }
  expect(await prompt.ask('qemu-io ide0-hd0 help')).not.toMatch(/^(close|open|quit) /m);
  expect(await prompt.ask('qemu-io ide0-hd0 "help close"')).toBe('command close not found\n');
  expect(await prompt.ask('qemu-io ide0-hd0 "length"')).toBe('4 MiB\n');
  expect(await prompt.ask('info block -v')).toBe(before);
  expect(await prompt.quit()).toBe(0);
  const missing = ['close', 'c', 'open', 'o', 'quit', 'q'].map(
    word => `command "${word}" not found`,
  );
  expect(prompt.stderr).toBe(`${missing.join('\n')}\n`);
});

test('why an image keeps its size is for its format to say', async () => {
  const argv = [...LEGACY, '-hda', 'plain.qcow2', '-hdb', 'enc.qcow', '-S'];
  const prompt = new Prompt(workshop, argv);
  const refused = 'this feature or command is not currently supported\n';
  const resize = (size: string): Promise<string> => prompt.ask(`block_resize ${size}`);
  expect(await resize('ide0-hd1 8')).toBe(refused);
  expect(await resize('ide0-hd0 1')).toBe(`qcow2 doesn't support shrinking images yet\n${refused}`);
  expect(await prompt.ask('snapshot_blkdev_internal ide0-hd0 kept')).toBe('');
  expect(await resize('ide0-hd0 8')).toBe(`Can't resize an image which has snapshots\n${refused}`);
  expect(await prompt.quit()).toBe(0);
});
