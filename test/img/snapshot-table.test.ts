/**
 * What names snapshots may have: bytes. They stay as they are when the table is written anew, and
 * are shown and found as Debian's tool does it.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeEach, expect, test } from 'vitest';
import { addSnapshots } from '../support/many-snapshots.ts';
import { missing, ROOT } from '../support/program.ts';

const absent = missing('names of snapshots beside QEMU', '/usr/bin/qemu-img');
const folder = mkdtempSync(join(tmpdir(), 'tinamou-snapshots-'));
const image = join(folder, 'i.qcow2');
afterAll(() => rmSync(folder, { recursive: true }));

const NAMES = [
  'caf\xe9',
  'n'.repeat(300),
  '\xc3\xbc',
  'a\0b',
  '\xef\xbb\xbfbom',
  '\xf0\x9f\x98',
  '\xf0\x9f\x98\x80',
  '\xc0\x80\xff',
  '\xed\xa0\x80x',
  '\xe9\xc3\xbc',
  '\xef\xbf\xbe',
  '\x01\x7f"\\',
].map(text => Buffer.from(text, 'latin1'));

interface Run {
  readonly out: Buffer;
  readonly err: string;
  readonly status: number | null;
}

/** Words are for the shell: arguments of Node's own calls are text. */
function run(program: string, words: string): Run {
  const line = `exec ${program} ${words} ${image}`;
  const { stdout, stderr, status } = spawnSync('bash', ['-c', line], { timeout: 60_000 });
  return { out: stdout, err: stderr.toString('latin1'), status };
}

const ours = (words: string): Run => run(`${process.execPath} ${ROOT}/bin/tinamou-img`, words);

beforeEach(() => {
  rmSync(image, { force: true });
  spawnSync(process.execPath, [`${ROOT}/bin/tinamou-img`, 'create', '-f', 'qcow2', image, '1M']);
  addSnapshots(image, { count: NAMES.length, name: index => NAMES[index] });
  expect(ours('check -q -r all').status).toBe(0);
});

/** The bytes between the columns of ids and sizes. */
function shownNames({ out }: Run): string[] {
  const lines = out.toString('latin1').split('\n').slice(2, -1);
  return lines.map(line => line.slice(10).replace(/ +[\d.]+( B|K)? +\d{4}-.*/, ''));
}

test('names keep their bytes when another snapshot comes and goes', () => {
  const held = (): boolean[] => {
    const bytes = readFileSync(image);
    const at = Number(bytes.readBigUInt64BE(64));
    const table = bytes.subarray(at, at + 65536);
    return NAMES.map(name => table.includes(name));
  };
  expect(ours("snapshot -c $'\\xe9\\xe8'").status).toBe(0);
  expect(held()).toEqual(NAMES.map(() => true));
  expect(shownNames(ours('snapshot -l')).at(-1)).toBe('\xe9\xe8');
  expect(ours("snapshot -d $'\\xe9\\xe8'").status).toBe(0);
  expect(held()).toEqual(NAMES.map(() => true));
  expect(ours("snapshot -d $'caf\\xe9'").status).toBe(0);
  expect(held()).toEqual(NAMES.map((_, index) => index > 0));
  const gone = ours("snapshot -d $'caf\\xe9'");
  const why = "Could not delete snapshot 'caf\xe9': (Can't find the snapshot)";
  expect([gone.status, gone.err]).toEqual([1, `tinamou-img: ${why}\n`]);
});

test('an added name is cut to 255 bytes, as those in lists are', () => {
  expect(ours(`snapshot -c ${'m'.repeat(400)}`).status).toBe(0);
  const names = shownNames(ours('snapshot -l'));
  expect([names[1], names.at(-1)]).toEqual(['n'.repeat(255), 'm'.repeat(255)]);
});

test('entries without the extra data of today get it, and keep the rest', () => {
  spawnSync(process.execPath, [`${ROOT}/bin/tinamou-img`, 'create', '-f', 'qcow2', image, '1M']);
  addSnapshots(image, { count: NAMES.length, name: index => NAMES[index], extra: 0 });
  expect(ours('check -q -r all').status).toBe(0);
  const before = ours('snapshot -l').out.toString('latin1');
  expect(before).toContain('4.0K');
  expect(ours('snapshot -c new').status).toBe(0);
  const bytes = readFileSync(image);
  const at = Number(bytes.readBigUInt64BE(64));
  expect(bytes.readUInt32BE(at + 36)).toBe(16);
  expect(bytes.readBigUInt64BE(at + 40)).toBe(4096n);
  expect(bytes.readBigUInt64BE(at + 48)).toBe(1024n * 1024n);
  const after = ours('snapshot -l').out.toString('latin1');
  expect(after.slice(0, before.length)).toBe(before);
  expect(ours('check -q').status).toBe(0);
});

test.skipIf(absent)('names are shown as Debian shows them, as text and as JSON', () => {
  const theirs = (words: string): Run => run('qemu-img', words);
  expect(shownNames(ours('snapshot -l'))).toEqual(shownNames(theirs('snapshot -l')));
  const names = ({ out }: Run): string[] | null => out.toString('latin1').match(/"name": .*/g);
  const words = 'info --output=json';
  expect(names(ours(words))).toEqual(names(theirs(words)));
  expect(theirs('check -q').status).toBe(0);
});
