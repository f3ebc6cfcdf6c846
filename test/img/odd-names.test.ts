/**
 * Names that no image can have, or that ask for care: the same words and exit codes as Debian's
 * tool, and nothing damaged or left behind.
 *
 * Where the versions' words differ ("Could not create file" was once said without the name) only
 * what follows is compared.
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { runTool } from '../support/image-tool.ts';
import { missing } from '../support/program.ts';

const absent = missing('odd names beside QEMU', '/usr/bin/qemu-img');
const folder = mkdtempSync(join(tmpdir(), 'tinamou-names-'));
const home = process.cwd();
const LONG = 'n'.repeat(5000);
const LONGEST = 'n'.repeat(252);

const clean = (): void => {
  for (const name of readdirSync('.')) rmSync(name, { recursive: true });
};
beforeAll(() => process.chdir(folder));
beforeEach(() => {
  clean();
  writeFileSync('r.raw', Buffer.alloc(65536, 7));
  mkdirSync('d');
  symlinkSync('loop', 'loop');
});
afterAll(() => {
  process.chdir(home);
  rmSync(folder, { recursive: true });
});

const masked = (text: string): string =>
  text
    .replace(/Could not create ('[^']*'|file):/g, 'Could not create …:')
    .replace(/^virtual size: .*|^disk size: .*/gm, '');

const NAMES = ['r.raw/x', 'nodir/x', 'loop', 'foo:bar', LONG];
/** Names that are fine. */
const GOOD = ['./foo:bar', 'a b', 'a%s', 'ü.img', LONGEST];
const COMMANDS: readonly (readonly string[])[] = [
  ['create', '-f', 'raw', '@', '1M'],
  ['convert', '-f', 'raw', '-O', 'raw', 'r.raw', '@'],
  ['info', '-f', 'raw', '@'],
  ['map', '-f', 'raw', '@'],
  ['resize', '-f', 'raw', '@', '2M'],
  ['compare', '-f', 'raw', '-F', 'raw', '@', 'r.raw'],
];
const CASES = [...NAMES, ...GOOD].flatMap(name =>
  COMMANDS.map(words => [words[0], name.slice(0, 20), words.map(w => (w === '@' ? name : w))]),
) as [string, string, string[]][];

test.skipIf(absent).each(CASES)('%s %s', async (_, __, words) => {
  const theirs = spawnSync('qemu-img', words, { encoding: 'utf8', input: '', timeout: 20_000 });
  const left = readdirSync('.').sort();
  clean();
  writeFileSync('r.raw', Buffer.alloc(65536, 7));
  mkdirSync('d');
  symlinkSync('loop', 'loop');
  const ours = await runTool('qemu-img', words);
  expect([masked(ours.out + ours.err), ours.status]).toEqual([
    masked(theirs.stdout + theirs.stderr),
    theirs.status,
  ]);
  expect(readdirSync('.').sort()).toEqual(left);
});
