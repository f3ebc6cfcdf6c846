/**
 * The rest of what was recorded about images without their passwords: the tools' part, and the
 * bytes that every session left behind.
 */
import { copyFileSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeEach, expect, test } from 'vitest';
import { decryptSectors, keyOf } from '../../src/block/crypto/aes-cbc.ts';
import { nodeBlockHost } from '../../src/host-file-io.ts';
import { Workshop } from '../support/emulator.ts';
import { LEGACY, recordedBacking } from '../support/encrypted-images.ts';
import { runIo, runTool } from '../support/image-tool.ts';
import { Prompt } from '../support/prompt.ts';
import { golden, transcript, typedLines } from '../support/sessions.ts';
import { parseTranscript } from '../support/tool-transcript.ts';

const CLUSTER = 65536;
const CLUSTERS = 64;
const workshop = new Workshop();
const home = process.cwd();
afterAll(() => {
  process.chdir(home);
  workshop.close();
});
const path = (name: string): string => join(workshop.folder, name);
const untimed = (text: string): string => text.replace(/ops; .*/g, 'ops; …');

const below = recordedBacking();

const recorded = (name: string, part: string) => {
  const step = parseTranscript(golden(name)).find(s => s.words.join(' ').includes(part));
  if (step === undefined) throw new Error(`${name} has no ${part}`);
  return step;
};

/** One of the tools' steps, with the password typed when it is asked for. */
async function expectStep(name: string, part: string, passwords = ['secret']): Promise<void> {
  const step = recorded(name, part);
  const { out, err, status } = await runTool('qemu-img', step.words.slice(1), passwords);
  const shown = out + err.replace(/^qemu-img: warning: .*\n/gm, '');
  const masked = (text: string): string => text.replace(/disk size: .*/, 'disk size: …');
  const wanted = masked(step.out);
  expect([masked(shown), status]).toEqual([wanted, step.status]);
}

beforeEach(async () => {
  process.chdir(workshop.folder);
  writeFileSync('backing.img', below);
  await expectStep('E01-prepare', 'create');
  const run = transcript('E01-prepare').find(r => r.command.startsWith('qemu-system'));
  if (run === undefined) throw new Error('no session');
  const lines = typedLines(run).map(line => `${line}\n`);
  const { text } = await workshop.run([...LEGACY, ...run.argv], lines.join(''));
  expect(untimed(text)).toBe(untimed(run.output));
});

test('E01: the I/O tool asks for no password and reads what is stored; map asks', async () => {
  const step = recorded('E01-prepare', 'qemu-io geheim.qcow2');
  const typed = [...step.out.matchAll(/^qemu-io> (.*)$/gm)].map(([, line]) => line);
  expect(typed.length).toBe(3);
  const legacy = ['--compat', 'encrypted-images=legacy', 'geheim.qcow2'];
  const { out, err, status } = await runIo('qemu-io', legacy, typed);
  expect([untimed(out) + err, status]).toEqual([untimed(step.out), step.status]);
  await expectStep('E01-prepare', 'qemu-img map');
});

test('unless told otherwise the I/O tool refuses encrypted images', async () => {
  const { err } = await runIo('qemu-io', ['-c', 'read 0 512', 'geheim.qcow2']);
  expect(err.split('\n')[0]).toBe(
    "qemu-io: can't open device geheim.qcow2: Use of AES-CBC encrypted qcow2 images is no longer " +
      'supported in system emulators',
  );
});

test('E03: commit by the tool asks for the password', async () => {
  await expectStep('E03-commit', 'qemu-img commit');
});

const same = (a: Buffer, b: Buffer): boolean => a.equals(b);
const part = (bytes: Buffer, at: number, length = CLUSTER): Buffer =>
  bytes.subarray(at, at + length);

/** A cluster of an image, in the words of the recorded comparison. */
function describe(name: string, cluster: number, stored: Map<number, Buffer>): string {
  const bytes = part(readFileSync(path(name)), cluster * CLUSTER);
  if (same(bytes, part(below, cluster * CLUSTER))) return 'BACKING';
  if (bytes.every(byte => byte === 0)) return 'zero';
  if (bytes.every(byte => byte === 0xaa)) return 'PLAIN aa';
  const cipher = stored.get(cluster);
  if (cipher !== undefined && same(bytes, cipher)) return 'CIPHERTEXT(as stored)';
  const plain = bytes.subarray(0, 512).every(byte => byte === 0xbb) ? '=plain bb' : '';
  const rest = same(bytes.subarray(512), part(below, cluster * CLUSTER + 512, CLUSTER - 512));
  const head = bytes.subarray(0, 16).toString('hex');
  return `other ${head} sector0 ${plain}${rest ? ' rest=BACKING' : ''}`;
}

/** Clusters of one kind in a row are one line. */
function summary(name: string, stored: Map<number, Buffer>): string {
  if (!existsSync(path(name))) return `${name} MISSING\n`;
  let text = `${name} ${below.length}\n`;
  let first = 0;
  for (let i = 1; i <= CLUSTERS; i++) {
    const kind = describe(name, first, stored);
    if (i < CLUSTERS && describe(name, i, stored) === kind) continue;
    text += `   clusters ${first}..${i - 1}: ${kind}\n`;
    first = i;
  }
  return text;
}

/** Where guest clusters lie in an image that has one table of them. */
function mapOf(image: Buffer): Map<number, bigint> {
  const table = Number(image.readBigUInt64BE(Number(image.readBigUInt64BE(40))) & 0xff_ffff_ff00n);
  const found = new Map<number, bigint>();
  for (let i = 0; i < CLUSTERS; i++) {
    const entry = image.readBigUInt64BE(table + i * 8);
    if (entry !== 0n) found.set(i, entry);
  }
  return found;
}

const mapText = (map: Map<number, bigint>): string =>
  `{${[...map].map(([i, entry]) => `${i}: '0x${entry.toString(16)}'`).join(', ')}}`;

/** What is stored for allocated clusters. */
function storedOf(image: Buffer): Map<number, Buffer> {
  const found = new Map<number, Buffer>();
  for (const [i, entry] of mapOf(image)) {
    const at = Number(entry & 0xff_ffff_fe00n);
    if (at !== 0) found.set(i, Buffer.from(part(image, at)));
  }
  return found;
}

function decrypted(cluster: number, bytes: Buffer): Buffer {
  const plain = Uint8Array.from(bytes);
  const cipher = nodeBlockHost.aes128(keyOf(new TextEncoder().encode('secret')));
  decryptSectors(cipher, (cluster * CLUSTER) / 512, plain);
  return Buffer.from(plain);
}

async function session(lines: readonly string[], image = 'geheim.qcow2'): Promise<void> {
  const prompt = new Prompt(workshop, [...LEGACY, image]);
  for (const line of lines) {
    await prompt.ask(line);
    if (line.startsWith('drive_backup')) await prompt.askUntil('info block-jobs', 'No active');
    if (line.startsWith('drive_mirror')) await prompt.askUntil('info block-jobs', '4194304 of');
  }
  expect(await prompt.quit()).toBe(0);
}

async function commitWith(lines: readonly string[], kept: string): Promise<void> {
  copyFileSync(path('pristine.qcow2'), path('geheim.qcow2'));
  writeFileSync(path('backing.img'), below);
  if (lines.length > 0) await session(lines);
  else await expectStep('E03-commit', 'qemu-img commit');
  copyFileSync(path('backing.img'), path(kept));
}

/** A raw image with something in clusters 0, 1 and 5, as an encrypted one. */
async function makeEncdata(): Promise<Buffer> {
  const plain = Buffer.alloc(8 * CLUSTER);
  for (const cluster of [0, 1, 5])
    plain.fill(0x60 + cluster, cluster * CLUSTER, (cluster + 1) * CLUSTER);
  writeFileSync('plain.raw', plain);
  await expectStep('E01-prepare', 'encdata.qcow2');
  return plain;
}

test('E05: what each session left behind, cluster by cluster', async () => {
  const plain = await makeEncdata();
  copyFileSync('geheim.qcow2', 'pristine.qcow2');
  const image = readFileSync('geheim.qcow2');
  const stored = storedOf(image);
  await session(['drive_backup -f ide0-hd0 out.img raw']);
  await session(['block_passwd ide0-hd0 secret', 'drive_backup -f ide0-hd0 outk.img raw']);
  await session(['drive_backup ide0-hd0 outtop.img raw']);
  await session(['drive_mirror -f ide0-hd0 outm.img raw', 'block_job_complete ide0-hd0']);
  await session(['drive_backup -f ide0-hd0 out-q.qcow2']);
  await expectStep('E02-drive-backup', 'info out-q.qcow2');
  await session(['drive_backup -f ide0-hd0 outd.img raw'], 'encdata.qcow2');
  await commitWith(['commit ide0-hd0'], 'backing.after-commit-nokey');
  await commitWith(['block_passwd ide0-hd0 secret', 'commit ide0-hd0'], 'backing.after-commit-key');
  const wrong = ['block_passwd ide0-hd0 WRONG', 'commit ide0-hd0'];
  await commitWith(wrong, 'backing.after-commit-wrong');
  await commitWith([], 'backing.after-qemuimg');

  const sector = (cluster: number, n: number): Buffer =>
    part(decrypted(cluster, stored.get(cluster) as Buffer), n * 512, 512);
  const truth = (value: boolean): string => (value ? 'True' : 'False');
  const aa = [0, 1].map(n => truth(sector(0, n).every(byte => byte === 0xaa)));
  const bb = truth(sector(2, 0).every(byte => byte === 0xbb));
  const cow = truth(same(sector(2, 1), part(below, 2 * CLUSTER + 512, 512)));
  let text = `geheim crypt ${image.readUInt32BE(32)} ${mapText(mapOf(image))}\n`;
  text += `sector0 dec ok ${aa[0]} sector1 ${aa[1]}\n`;
  text += `cluster2 sector256 ${bb} cow sector257 ${cow}\n`;
  const kept = ['nokey', 'key', 'wrong'].map(k => `backing.after-commit-${k}`);
  for (const name of ['out.img', 'outk.img', 'outtop.img', 'outm.img', ...kept]) {
    text += summary(name, stored);
  }
  text += summary('backing.after-qemuimg', stored);
  const encdata = readFileSync('encdata.qcow2');
  const copy = readFileSync('outd.img');
  text += `encdata map ${mapText(mapOf(encdata))}\n`;
  for (let i = 0; i < 8; i++) {
    const bytes = part(copy, i * CLUSTER);
    const cipher = storedOf(encdata).get(i);
    const words = cipher === undefined ? 'zero ' : same(bytes, cipher) ? 'out==stored' : 'other';
    const right = cipher !== undefined && same(decrypted(i, cipher), part(plain, i * CLUSTER));
    text += `${i} ${words}${right ? ' dec ok' : ''}\n`;
  }
  expect(text).toBe(golden('E05-compare'));
}, 60_000);
