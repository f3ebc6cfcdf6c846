/**
 * What would be lost: a conversion onto its own source, by whatever name, is refused beforehand.
 */
import { linkSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { runTool } from '../support/image-tool.ts';

const home = process.cwd();
const folder = mkdtempSync(join(tmpdir(), 'tinamou-own-'));

beforeAll(() => {
  process.chdir(folder);
  writeFileSync('a.raw', new Uint8Array(1 << 20).fill(7));
});

beforeEach(async () => {
  rmSync('a.q', { force: true });
  await run('convert', '-O', 'qcow2', 'a.raw', 'a.q');
});

afterAll(() => {
  process.chdir(home);
  rmSync(folder, { recursive: true });
});

const run = (...words: string[]): Promise<{ err: string; status: number | undefined }> =>
  runTool('tinamou-img', words);

const refusal = (target: string, format: string): string =>
  `tinamou-img: ${target}: error while converting ${format}: ` +
  'Failed to get "write" lock: the source is read from it\n';

test.each([['a.q'], ['./a.q'], ['soft'], ['hard']])('convert a.q %s', async target => {
  for (const name of ['soft', 'hard']) rmSync(name, { force: true });
  symlinkSync('a.q', 'soft');
  linkSync('a.q', 'hard');
  const before = readFileSync('a.q');
  for (const words of [
    ['-O', 'qcow2'],
    ['-n', '-O', 'raw'],
    ['-c', '-O', 'qcow2'],
  ]) {
    const { err, status } = await run('convert', ...words, 'a.q', target);
    expect({ err, status }).toEqual({ err: refusal(target, words.at(-1) ?? ''), status: 1 });
  }
  expect(readFileSync('a.q').equals(before)).toBe(true);
});

test('onto a backing file of the source', async () => {
  await run('create', '-q', '-f', 'qcow2', '-b', 'a.q', '-F', 'qcow2', 'o.q');
  const before = readFileSync('a.q');
  const { err, status } = await run('convert', '-O', 'qcow2', 'o.q', 'a.q');
  expect({ err, status }).toEqual({ err: refusal('a.q', 'qcow2'), status: 1 });
  expect(readFileSync('a.q').equals(before)).toBe(true);
});

test('a backing file that cannot be opened is found out before the target is touched', async () => {
  writeFileSync('old.q', 'precious');
  for (const [base, why] of [
    ['nosuch', "Could not open backing file: Could not open 'nosuch': No such file or directory"],
    ['old.q', 'Trying to create an image with the same filename as the backing file'],
  ]) {
    const { err } = await run('convert', '-O', 'qcow2', '-B', base, 'a.raw', 'old.q');
    expect(err).toBe(`tinamou-img: old.q: error while converting qcow2: ${why}\n`);
  }
  expect(readFileSync('old.q', 'utf8')).toBe('precious');
});

test('the target is as large as the source, whatever -o says: nothing is cut off', async () => {
  await run('convert', '-O', 'raw', '-o', 'size=4k', 'a.q', 'b.raw');
  expect(readFileSync('b.raw').equals(readFileSync('a.raw'))).toBe(true);
});

test.each(['a.q', './a.q', 'o.q'])('rebase of a.q onto %s, which is made of it', async target => {
  await run('create', '-q', '-f', 'qcow2', '-b', 'a.raw', '-F', 'raw', 'a.q');
  await run('create', '-q', '-f', 'qcow2', '-b', 'a.q', '-F', 'qcow2', 'o.q');
  const before = readFileSync('a.q');
  const { err, status } = await run('rebase', '-b', target, 'a.q');
  const why = 'it is, or is based on, the image itself';
  const text = `tinamou-img: Could not open new backing file '${target}': ${why}\n`;
  expect({ err, status }).toEqual({ err: text, status: 1 });
  expect(readFileSync('a.q').equals(before)).toBe(true);
});
