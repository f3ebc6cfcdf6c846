/**
 * The I/O tool on raw images and with wrong options of its own: ours beside Debian's.
 *
 * Debian's tool ends with 1 after a failed command, 2.2.50's ends with 0 and goes on, so only what
 * is printed is compared.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { runIo } from '../../support/image-tool.ts';
import { missing } from '../../support/program.ts';

const absent = missing('the I/O tool on raw images beside QEMU', '/usr/bin/qemu-io');
const folder = mkdtempSync(join(tmpdir(), 'tinamou-io-raw-'));
const home = process.cwd();
/** Its end is in the middle of a sector. */
const BYTES = 100_000;

beforeAll(() => process.chdir(folder));
beforeEach(() => writeFileSync('img.raw', Buffer.alloc(BYTES, 5)));
afterAll(() => {
  process.chdir(home);
  rmSync(folder, { recursive: true });
});

const untimed = (text: string): string => text.replace(/ops; .*/g, 'ops; …');

async function expectSame(words: readonly string[]): Promise<void> {
  const theirs = spawnSync('qemu-io', words, { encoding: 'utf8', input: '', timeout: 25_000 });
  writeFileSync('img.raw', Buffer.alloc(BYTES, 5));
  const ours = await runIo('qemu-io', words);
  expect([untimed(ours.out), untimed(ours.err)]).toEqual([
    untimed(theirs.stdout),
    untimed(theirs.stderr),
  ]);
}

test
  .skipIf(absent)
  .each([
    'length',
    'read 99840 512',
    'read 99840 1024',
    'write 99840 512 @ length',
    'truncate 1000 @ length',
    'truncate 0 @ length',
    'truncate 4M @ length @ read -P 0 1M 512',
    'write -z 0 4k @ read -P 0 0 4k',
    'write -c 0 4k',
    'write -b 0 512',
    'read -b 0 512',
    'info',
    'resume A',
  ])('%s', async line => {
  const commands = line.split('@').flatMap(command => ['-c', command.trim()]);
  await expectSame([...commands, '-f', 'raw', 'img.raw']);
});

test
  .skipIf(absent)
  .each([
    '-f foo',
    '-f raw nonexist',
    '-f raw /',
    '-t foo img.raw',
    '-d foo img.raw',
    '-d ignore -f raw img.raw',
    '-n -f raw img.raw',
    'blkdebug:',
    'foo:bar',
    'json:[]',
  ])('called with %s', async line => {
  await expectSame(['-c', 'quit', ...line.split(' ')]);
});

test('a read-only image refuses all changes', async () => {
  const commands = ['write 0 512', 'discard 0 4k', 'truncate 0', 'write -z 0 512'];
  const { out } = await runIo('qemu-io', [
    ...commands.flatMap(command => ['-c', command]),
    ...['-r', '-f', 'raw', 'img.raw'],
  ]);
  expect(out).toBe(
    'write failed: Permission denied\ndiscard failed: Permission denied\n' +
      'truncate: Permission denied\nwrite failed: Permission denied\n',
  );
});

test('an image that cannot be opened anew stays open as it was', async () => {
  const words = ['-s', '-f', 'raw', 'img.raw', '-c', 'reopen -r', '-c', 'write 0 512'];
  const { out, err } = await runIo('qemu-io', words);
  expect(err).toMatch(/^qemu-io: Could not open '.*': No such file or directory\n$/);
  expect(untimed(out)).toBe('wrote 512/512 bytes at offset 0\n512 bytes, 1 ops; …\n');
});
