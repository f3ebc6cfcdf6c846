/**
 * `map`: which image of a chain answers for what, beside Debian's qemu-img where it is there; and
 * files that are disks without any format.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { runTool } from '../support/image-tool.ts';
import { missing } from '../support/program.ts';

const absent = missing('maps beside qemu-img', '/usr/bin/qemu-img');
const folder = mkdtempSync(join(tmpdir(), 'tinamou-map-'));
const home = process.cwd();

beforeAll(() => process.chdir(folder));
beforeEach(() => {
  for (const name of readdirSync('.')) rmSync(name);
});
afterAll(() => {
  process.chdir(home);
  rmSync(folder, { recursive: true });
});

async function img(...words: string[]): Promise<string> {
  const { out, err } = await runTool('qemu-img', words);
  expect(err, words.join(' ')).toBe('');
  return out;
}

interface Row {
  readonly start: number;
  readonly length: number;
  readonly depth: number;
  readonly zero: boolean;
  readonly data: boolean;
}

const map = async (name: string): Promise<Row[]> =>
  JSON.parse(await img('map', '--output=json', name));

/** 7.2 tells more. */
const theirs = (name: string): Row[] =>
  JSON.parse(spawnSync('qemu-img', ['map', '--output=json', name], { encoding: 'utf8' }).stdout);

const brief = (rows: readonly Row[]): string[] =>
  rows.map(r => `${r.start} ${r.length} ${r.depth} ${r.zero ? 'zero' : ''}${r.data ? 'data' : ''}`);

test.each(['raw', 'qcow', 'qcow2'])('past the end of a %s backing file', async format => {
  await img('create', '-q', '-f', format, 'base', '4096');
  await img('create', '-q', '-f', format, 'full', '4096');
  await img('convert', '-n', '-S', '0', '-O', format, 'base', 'full');
  for (const overlay of ['qcow', 'qcow2']) {
    await img('create', '-q', '-f', overlay, '-b', 'full', 'middle', '8192');
    await img('create', '-q', '-f', 'qcow2', '-b', 'middle', 'top', '16384');
    const rows = brief(await map('top'));
    // Of what lies past an end the image above it says that it is zero.
    expect(rows.slice(1), overlay).toEqual(['4096 4096 1 zero', '8192 8192 0 zero']);
    expect(rows[0], overlay).toMatch(/^0 4096 2 /);
    if (!absent) expect(brief(theirs('top')), overlay).toEqual(rows);
  }
});

test('a disk without any bytes has one extent without any', async () => {
  await img('create', '-q', '-f', 'raw', 'none', '0');
  const row = '{ "start": 0, "length": 0, "depth": 0, "zero": false, "data": false}';
  expect(await img('map', '--output=json', '-f', 'raw', 'none')).toBe(`[${row}]\n`);
  expect((await img('map', '-f', 'raw', 'none')).split('\n')).toHaveLength(2);
  if (!absent) expect(brief(theirs('none'))).toEqual(brief(await map('none')));
});

test.runIf(existsSync('/usr/bin/perl'))('small holes are holes, too', async () => {
  await img('create', '-q', '-f', 'raw', 'small', '1536');
  if (!absent && theirs('small')[0].data) return console.warn('small holes: none on this disk');
  expect(brief(await map('small'))).toEqual(['0 1536 0 zero']);
});

const AS_DISK = 'json:{"driver":"file","filename":"odd"}';

test('a file that is a disk without a format consists of whole sectors', async () => {
  writeFileSync('odd', new Uint8Array(700).fill(7));
  writeFileSync('even', new Uint8Array(512).fill(8));
  expect(await img('info', AS_DISK)).toContain('virtual size: 1.0K (1024 bytes)');
  expect(brief(await map(AS_DISK))).toEqual(['0 1024 0 data']);
  expect(await img('compare', '-s', '-F', 'raw', AS_DISK, 'odd')).toBe('Images are identical.\n');
  await img('convert', '-O', 'raw', AS_DISK, 'even', 'both');
  const both = new Uint8Array(1536).fill(7, 0, 700).fill(8, 1024);
  writeFileSync('wanted', both);
  expect(await img('compare', '-s', 'both', 'wanted')).toBe('Images are identical.\n');
});
