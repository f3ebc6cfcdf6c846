/**
 * Images that later versions of QEMU make: refused by the name of what is not known, never misread;
 * what can be kept is kept.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { runTool } from '../support/image-tool.ts';
import { missing } from '../support/program.ts';

const absent = missing('images of later versions', '/usr/bin/qemu-img');
const folder = mkdtempSync(join(tmpdir(), 'tinamou-newer-'));
const home = process.cwd();
beforeAll(() => process.chdir(folder));
afterAll(() => {
  process.chdir(home);
  rmSync(folder, { recursive: true });
});

function theirs(...words: string[]): string {
  for (let attempt = 0; ; attempt++) {
    const { status, stdout, stderr } = spawnSync('qemu-img', words, { encoding: 'utf8' });
    if (status === 0) return stdout;
    // On a busy machine it may be unable to measure its own speed for LUKS.
    if (!stderr.includes('accurate CPU usage') || attempt > 20) throw new Error(stderr);
  }
}

const UNKNOWN = "'image' uses a qcow2 feature which is not supported by this qemu version: ";
const SECRET = ['--object', 'secret,id=s,data=abc'];

test.skipIf(absent).each([
  { options: 'extended_l2=on,cluster_size=128k', words: `${UNKNOWN}extended L2 entries` },
  { options: 'compression_type=zstd', words: `${UNKNOWN}compression type` },
  { options: 'data_file=d.raw,data_file_raw=on', words: `${UNKNOWN}external data file` },
  { options: 'refcount_bits=1', words: `${UNKNOWN}1 bit reference counts` },
  { options: 'refcount_bits=64', words: `${UNKNOWN}64 bit reference counts` },
  {
    options: 'encrypt.format=luks,encrypt.key-secret=s,encrypt.iter-time=10',
    words: 'Unsupported encryption method: 2\nThe image is encrypted with LUKS.',
  },
])('$options is refused by name', async ({ options, words }) => {
  theirs('create', '-q', ...SECRET, '-f', 'qcow2', '-o', options, 'a.qcow2', '4M');
  const before = readFileSync('a.qcow2');
  for (const command of [['info'], ['check'], ['check', '-r', 'all'], ['resize', '+1M']]) {
    const line = command[0] === 'resize' ? ['resize', 'a.qcow2', '+1M'] : [...command, 'a.qcow2'];
    const { err, status } = await runTool('qemu-img', line);
    expect([status, err]).toEqual([1, `qemu-img: Could not open 'a.qcow2': ${words}\n`]);
  }
  expect(readFileSync('a.qcow2').equals(before)).toBe(true);
});

const BITMAPS = Buffer.from('23852875', 'hex');
const autoclear = (): number => readFileSync('b.qcow2').readUInt32BE(92);

test.skipIf(absent).each([
  ['rebase', ['rebase', '-u', '-b', '', 'b.qcow2']],
  ['amend', ['amend', '-f', 'qcow2', '-o', 'lazy_refcounts=on', 'b.qcow2']],
  ['resize', ['resize', 'b.qcow2', '+1M']],
  ['repair', ['check', '-r', 'leaks', 'b.qcow2']],
])('%s keeps the bitmaps extension, and says that it is out of date', async (_, words) => {
  theirs('create', '-q', '-f', 'qcow2', 'b.qcow2', '4M');
  theirs('bitmap', '--add', 'b.qcow2', 'b0');
  expect(autoclear()).toBe(1);
  expect((await runTool('qemu-img', ['info', 'b.qcow2'])).status).toBe(0);
  expect(autoclear()).toBe(1);
  expect((await runTool('qemu-img', words)).status).toBe(0);
  expect(autoclear()).toBe(0);
  expect(readFileSync('b.qcow2').subarray(0, 65536).includes(BITMAPS)).toBe(true);
});
