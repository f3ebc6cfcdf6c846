import { copyFileSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeEach, expect, test } from 'vitest';
import { Workshop } from '../support/emulator.ts';
import { LEGACY, recordedBacking } from '../support/encrypted-images.ts';
import { Prompt } from '../support/prompt.ts';
import { type Run, transcript, typedLines } from '../support/sessions.ts';

const CLUSTER = 65536;
const workshop = new Workshop();
afterAll(() => workshop.close());
const path = (name: string): string => join(workshop.folder, name);

const below = recordedBacking();
writeFileSync(path('backing.pristine'), below);

async function replay(run: Run): Promise<{ readonly text: string; readonly stderr: string }> {
  const typed = typedLines(run).map(line => `${line}\n`);
  return workshop.run([...LEGACY, ...run.argv], typed.join(''));
}

const emulatorRuns = (name: string): Run[] =>
  transcript(name).filter(run => run.command.startsWith('qemu-system'));

/** Durations, and what follows from them. */
const untimed = (text: string): string => text.replace(/ops; .*/g, 'ops; …');

let stored: Buffer;

beforeEach(async () => {
  copyFileSync(path('backing.pristine'), path('backing.img'));
  const options = 'encryption=on,backing_file=backing.img,backing_fmt=raw';
  workshop.imageTool('create', '-q', '-f', 'qcow2', '-o', options, 'geheim.qcow2');
  const [run] = emulatorRuns('E01-prepare');
  const { text } = await replay(run);
  expect(untimed(text)).toBe(untimed(run.output));
  stored = readFileSync(path('geheim.qcow2'));
});

/** As the guest sees the disk: with the password, or with allocated clusters as they are stored. */
function disk(asStored: boolean): Buffer {
  const bytes = Buffer.from(below);
  bytes.fill(0xaa, 0, CLUSTER);
  bytes.fill(0xbb, 2 * CLUSTER, 2 * CLUSTER + 512);
  bytes.fill(0, 3 * CLUSTER, 4 * CLUSTER);
  if (!asStored) return bytes;
  // Where the recorded image has them.
  stored.copy(bytes, 0, 0x50000, 0x60000);
  stored.copy(bytes, 2 * CLUSTER, 0x60000, 0x70000);
  return bytes;
}

const isEqual = (name: string, wanted: Buffer): boolean => readFileSync(path(name)).equals(wanted);

test('E02: a backup without the password holds what is stored', async () => {
  const prompt = new Prompt(workshop, [...LEGACY, 'geheim.qcow2']);
  const line = "Formatting 'out.img', fmt=raw size=4194304\n";
  expect(await prompt.ask('drive_backup -f ide0-hd0 out.img raw')).toBe(line);
  expect(await prompt.askUntil('info block-jobs', 'No active')).toBe('No active jobs\n');
  const refusal = "Backing file not supported for file format 'raw'\n";
  expect(await prompt.ask('drive_backup ide0-hd0 outtop.img raw')).toBe(refusal);
  expect(await prompt.ask('drive_backup -f ide0-hd0 out-q.qcow2')).toBe(
    "Formatting 'out-q.qcow2', fmt=qcow2 size=4194304 encryption=off cluster_size=65536 " +
      'lazy_refcounts=off\n',
  );
  await prompt.askUntil('info block-jobs', 'No active');
  expect(await prompt.quit()).toBe(0);
  expect(isEqual('out.img', disk(true))).toBe(true);
  workshop.imageTool('convert', '-O', 'raw', 'out-q.qcow2', 'out-q.img');
  expect(isEqual('out-q.img', disk(true))).toBe(true);
});

test('E02: a backup with the password holds the plain text', async () => {
  const prompt = new Prompt(workshop, [...LEGACY, 'geheim.qcow2']);
  expect(await prompt.ask('block_passwd ide0-hd0 secret')).toBe('');
  await prompt.ask('drive_backup -f ide0-hd0 outk.img raw');
  await prompt.askUntil('info block-jobs', 'No active');
  expect(await prompt.quit()).toBe(0);
  expect(isEqual('outk.img', disk(false))).toBe(true);
});

test('E02: after a mirror without the password the drive is what was stored', async () => {
  const prompt = new Prompt(workshop, [...LEGACY, 'geheim.qcow2']);
  await prompt.ask('drive_mirror -f ide0-hd0 outm.img raw');
  const ready =
    'Type mirror, device ide0-hd0: Completed 4194304 of 4194304 bytes, speed limit 0 bytes/s\n';
  expect(await prompt.askUntil('info block-jobs', ready)).toBe(ready);
  expect(await prompt.ask('block_job_complete ide0-hd0')).toBe('');
  await prompt.askUntil('info block-jobs', 'No active');
  const shown = 'ide0-hd0: outm.img (raw)\n    Cache mode:       writeback\n';
  expect(await prompt.ask('info block')).toBe(shown);
  expect(await prompt.ask('c')).toBe('');
  expect(await prompt.ask('info status')).toBe('VM status: running\n');
  expect(await prompt.quit()).toBe(0);
  expect(isEqual('outm.img', disk(true))).toBe(true);
});

test.each([
  { session: 0, keys: 'without a password', asStored: true },
  { session: 1, keys: 'with the password', asStored: false },
])('E03: commit $keys', async ({ session, asStored }) => {
  const run = emulatorRuns('E03-commit')[session];
  const typed = typedLines(run).map(line => (/^x+$/.test(line) ? 'secret\n' : `${line}\n`));
  const { text } = await workshop.run([...LEGACY, ...run.argv], typed.join(''));
  expect(text).toBe(run.output);
  expect(isEqual('backing.img', disk(asStored))).toBe(true);
});

test('E03: commit with a wrong password leaves garbage where something was stored', async () => {
  const run = emulatorRuns('E03-commit')[2];
  expect((await replay(run)).text).toBe(run.output);
  const now = readFileSync(path('backing.img'));
  const same = (cluster: number): boolean =>
    [disk(true), disk(false)].some(other =>
      now
        .subarray(cluster * CLUSTER, (cluster + 1) * CLUSTER)
        .equals(other.subarray(cluster * CLUSTER, (cluster + 1) * CLUSTER)),
    );
  const changed = Array.from({ length: 64 }, (_, i) => i).filter(i => !same(i));
  expect(changed).toEqual([0, 2]);
});
