import { spawnSync } from 'node:child_process';
import { copyFileSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { masked } from '../support/differences.ts';
import { Workshop } from '../support/emulator.ts';
import { makeImages } from '../support/encrypted-images.ts';
import { Prompt } from '../support/prompt.ts';

const workshop = new Workshop();
afterAll(() => workshop.close());
makeImages(workshop);

test('-loadvm without a drive that could have it says so and waits', async () => {
  const argv = ['-nodefaults', '-display', 'none', '-monitor', 'stdio', '-loadvm', 'nosuch'];
  const empty = await workshop.run(argv, 'info status\nquit\n');
  expect(empty.stderr).toBe('qemu-system-x86_64: No block device supports snapshots\n');
  expect(empty.text).toContain('VM status: paused (prelaunch)\n');
  const missing = await workshop.run([...argv, '-hda', 'plain.qcow2'], 'quit\n');
  expect([missing.stderr, missing.status]).toEqual(['', 0]);
});

/** Images that belong to one test. */
function image(name: string, size = '4M'): string {
  workshop.imageTool('create', '-q', '-f', 'qcow2', name, size);
  return name;
}

test('a snapshot without a name gets the time; one that is there is replaced', async () => {
  const prompt = new Prompt(workshop, ['-hda', image('a.qcow2'), '-S']);
  const table = async (): Promise<string[]> =>
    masked(await prompt.ask('info snapshots'))
      .trimEnd()
      .split('\n')
      .slice(1);
  expect(await prompt.ask('savevm')).toBe('');
  expect(await table()).toEqual([expect.stringMatching(/^1 +vm-TIME SIZE/)]);
  expect(await prompt.ask('savevm two')).toBe('');
  expect(await prompt.ask('savevm 1')).toBe('');
  expect(await table()).toEqual([
    expect.stringMatching(/^2 +two/),
    expect.stringMatching(/^1 +vm-TIME /),
  ]);
  expect(await prompt.ask('savevm 7')).toBe('');
  expect((await table()).at(-1)).toMatch(/^3 +7 /);
  expect(await prompt.quit()).toBe(0);
  const checked = spawnSync('qemu-img', ['check', join(workshop.folder, 'a.qcow2')]);
  if (checked.status === null) console.log('machine-snapshots: qemu-img absent, not checked');
  else expect(checked.stdout.toString()).toContain('No errors were found on the image.');
});

test('disks and memory go back together, and the machine runs on', async () => {
  const argv = ['-drive', `file=${image('b.qcow2')},if=none,id=b`, '-m', '8'];
  const prompt = new Prompt(workshop, argv);
  expect(await prompt.ask('qemu-io b "write -P 1 0 512"')).toContain('wrote 512/512');
  await prompt.askUntil('info registers', 'HLT=1');
  expect(await prompt.ask('stop')).toBe('');
  const before = await prompt.ask('xp /4xw 0x400');
  const registers = await prompt.ask('info registers');
  expect(registers).not.toContain('EIP=0000fff0');
  expect(await prompt.ask('savevm here')).toBe('');
  expect(await prompt.ask('qemu-io b "write -P 2 0 512"')).toContain('wrote');
  expect(await prompt.ask('system_reset')).toBe('');
  expect(await prompt.ask('info registers')).toContain('EIP=0000fff0');
  expect(await prompt.ask('loadvm here')).toBe('');
  expect(await prompt.ask('info status')).toBe('VM status: paused\n');
  expect(await prompt.ask('info registers')).toBe(registers);
  expect(await prompt.ask('xp /4xw 0x400')).toBe(before);
  expect(await prompt.ask('qemu-io b "read -P 1 0 512"')).not.toContain('failed');
  expect(await prompt.ask('cont')).toBe('');
  expect(await prompt.ask('loadvm here')).toBe('');
  expect(await prompt.ask('info status')).toBe('VM status: running\n');
  expect(await prompt.quit()).toBe(0);
});

test('a machine that is built otherwise refuses the state, in the words for it', async () => {
  const first = new Prompt(workshop, ['-hda', image('c.qcow2'), '-m', '8', '-serial', 'null']);
  expect(await first.ask('savevm c')).toBe('');
  expect(await first.quit()).toBe(0);
  const refusal = async (...argv: string[]): Promise<string> => {
    const prompt = new Prompt(workshop, ['-hda', 'c.qcow2', ...argv]);
    const text = await prompt.ask('loadvm c');
    expect(await prompt.ask('info status')).toBe('VM status: paused (restore-vm)\n');
    expect(await prompt.quit()).toBe(0);
    return text;
  };
  const end = 'Error -22 while loading VM state\n';
  expect(await refusal('-m', '16', '-serial', 'null')).toBe(
    'Length mismatch: pc.ram: 0x800000 in != 0x1000000: Invalid argument\n' +
      `error while loading state for instance 0x0 of device 'ram'\n${end}`,
  );
  expect(await refusal('-m', '8')).toBe(
    `Unknown savevm section or instance 'isa-serial' 0\n${end}`,
  );
  expect(await refusal('-m', '8', '-serial', 'null', '-usb')).toBe(
    `Missing savevm section or instance 'piix3-usb-uhci' 0\n${end}`,
  );
  expect(await refusal('-m', '8', '-serial', 'null', '-cpu', 'pentium')).toBe(
    'cpu: qemu64 in != pentium\n' +
      `error while loading state for instance 0x0 of device 'cpu'\n${end}`,
  );
});

test('what is not a state of a machine is refused', async () => {
  const first = new Prompt(workshop, ['-hda', image('d.qcow2'), '-m', '8', '-S']);
  expect(await first.ask('savevm d')).toBe('');
  expect(await first.quit()).toBe(0);
  const path = join(workshop.folder, 'd.qcow2');
  const bytes = readFileSync(path);
  const at = bytes.indexOf('tinamou\0');
  expect(at).toBeGreaterThan(0);
  const attempt = async (offset: number, value: number): Promise<string> => {
    const changed = Buffer.from(bytes);
    changed[at + offset] = value;
    writeFileSync(path, changed);
    const prompt = new Prompt(workshop, ['-hda', 'd.qcow2', '-m', '8', '-S']);
    const text = await prompt.ask('loadvm d');
    expect(await prompt.ask('loadvm d')).toBe(text);
    expect(await prompt.quit()).toBe(0);
    return text;
  };
  const end = ' while loading VM state\n';
  expect(await attempt(0, 0)).toBe(`Not a migration stream\nError -22${end}`);
  expect(await attempt(8, 9)).toBe(`Unsupported migration stream version\nError -95${end}`);
  expect(await attempt(12, 77)).toBe(`Unknown savevm section type 77\nError -22${end}`);
  expect(await attempt(12, 0)).toMatch(/^Missing savevm section or instance 'timer' 0\nError -22/);
});

test('every writable disk must have the snapshot, and be able to', async () => {
  image('e.qcow2');
  copyFileSync(join(workshop.folder, 'e.qcow2'), join(workshop.folder, 'f.qcow2'));
  const two = ['-hda', 'e.qcow2', '-hdb', 'f.qcow2', '-S'];
  const prompt = new Prompt(workshop, two);
  expect(await prompt.ask('savevm both')).toBe('');
  expect(await prompt.ask('info snapshots')).toMatch(/\n1 +both /);
  const only = 'snapshot_delete_blkdev_internal ide0-hd1 both';
  expect(await prompt.ask(only)).toBe('');
  expect(await prompt.ask('loadvm both')).toBe(
    "Device 'ide0-hd1' does not have the requested snapshot 'both'\n",
  );
  expect(await prompt.ask('delvm both')).toBe(
    "Error while deleting snapshot on device 'ide0-hd1': Can't find the snapshot\n",
  );
  expect(await prompt.ask('info snapshots')).toBe('There is no snapshot available.\n');
  expect(await prompt.quit()).toBe(0);
  const raw = new Prompt(workshop, ['-hda', 'e.qcow2', '-drive', 'file=raw.img,format=raw', '-S']);
  const why = "Device 'ide0-hd1' is writable but does not support snapshots.\n";
  expect(await raw.ask('savevm x')).toBe(why);
  expect(await raw.quit()).toBe(0);
  const none = new Prompt(workshop, []);
  expect(await none.ask('savevm x')).toBe('No block device can accept snapshots\n');
  expect(await none.ask('delvm x')).toBe('No block device supports snapshots\n');
  expect(await none.ask('loadvm x')).toBe('No block device supports snapshots\n');
  expect(await none.quit()).toBe(0);
});
