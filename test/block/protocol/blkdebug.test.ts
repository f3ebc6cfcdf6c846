import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { parseDebugConfig } from '../../../src/block/protocol/blkdebug.ts';
import { runIo } from '../../support/image-tool.ts';
import { missing } from '../../support/program.ts';

const folder = mkdtempSync(join(tmpdir(), 'tinamou-blkdebug-'));
const home = process.cwd();
afterAll(() => {
  process.chdir(home);
  rmSync(folder, { recursive: true });
});
const absent = missing('blkdebug beside QEMU', '/usr/bin/qemu-io', '/usr/bin/qemu-img');

const rule = (event: string, more = ''): string =>
  `[inject-error]\nevent = "${event}"\nerrno = "28"\nonce = "on"\n${more}`;

/** How the programs say that tables could not be written at the end. */
const CLOSING = /^qemu-io: (Failed to flush|blkdebug:debug.conf:img.qcow2: No space).*\n/gm;

/** Rates and times differ; what was done does not. */
const untimed = (text: string): string => text.replace(/ops; .*/g, 'ops; …').replace(CLOSING, '');

async function prepare(config: string): Promise<void> {
  process.chdir(folder);
  writeFileSync('debug.conf', config);
  writeFileSync('back.raw', Buffer.alloc(65536, 3));
  truncateSync('back.raw', 4 * 1024 * 1024);
  const peer = (program: string, words: readonly string[]): void => {
    const { status, stderr } = spawnSync(program, words, { encoding: 'utf8' });
    if (status !== 0) throw new Error(stderr);
  };
  peer('qemu-img', 'create -q -f qcow2 -b back.raw -F raw pristine.qcow2 4M'.split(' '));
  peer('qemu-io', ['-c', 'write -P 7 0 64k', '-c', 'write -z 128k 64k', 'pristine.qcow2']);
}

async function both(commands: readonly string[]): Promise<readonly [string, string]> {
  const words = [...commands.flatMap(c => ['-c', c]), 'blkdebug:debug.conf:img.qcow2'];
  copyFileSync('pristine.qcow2', 'img.qcow2');
  const theirs = spawnSync('qemu-io', words, { encoding: 'utf8' });
  copyFileSync('pristine.qcow2', 'img.qcow2');
  const ours = await runIo('qemu-io', words);
  return [untimed(ours.out + ours.err), untimed(theirs.stdout + theirs.stderr)];
}

const SCRIPTS: readonly (readonly string[])[] = [
  ['write 0 512', 'read 0 512'],
  ['write 64k 64k', 'read 64k 64k'],
  ['write 256k 512', 'write 256k 512', 'read 256k 64k'],
  ['write 1M 1M'],
  ['read 0 512', 'read 0 512'],
  ['read 64k 512', 'read 64k 512'],
  ['write -c 192k 64k'],
];

test
  .skipIf(absent)
  .each([
    'l2_load',
    'read_aio',
    'read_backing_aio',
    'write_aio',
    'write_compressed',
    'cow_read',
    'cow_write',
    'refblock_load',
    'refblock_alloc',
    'cluster_alloc',
    'cluster_alloc_bytes',
    'pwritev',
  ])('an error at %s is seen as with qemu-io', async event => {
  await prepare(rule(event));
  for (const script of SCRIPTS) {
    const [ours, theirs] = await both(script);
    expect([script, ours]).toEqual([script, theirs]);
  }
});

const WAY = '[set-state]\nevent = "write_aio"\nstate = "1"\nnew_state = "2"\n';

test.skipIf(absent).each([
  ['a sector', rule('write_aio', 'sector = "640"\n')],
  ['a sector that is not written', rule('write_aio', 'sector = "1"\n')],
  ['a state', `${WAY}${rule('write_aio', 'state = "2"\n')}`],
  ['another error', rule('read_aio').replace('28', '5')],
  ['an error that no disk gives', rule('read_aio').replace('28', '110')],
  ['an error that stays', rule('write_aio').replace('"on"', '"off"')],
  ['an error at once', rule('write_aio', 'immediately = "on"\n')],
])('rules with %s work as with qemu-io', async (_, config) => {
  await prepare(config);
  for (const script of SCRIPTS) {
    const [ours, theirs] = await both(script);
    expect([script, ours]).toEqual([script, theirs]);
  }
});

test.skipIf(absent).each([
  ['break write_aio A', 'aio_write -P 5 0 512', 'wait_break A', 'read -P 7 0 512', 'resume A'],
  ['break write_aio A', 'remove_break A', 'write 0 512'],
  ['break l2_load A', 'aio_write 0 512', 'wait_break A', 'resume A'],
  ['break cow_write A', 'aio_write 300k 512', 'wait_break A', 'resume A'],
  ['break cluster_alloc A', 'aio_write 300k 512', 'wait_break A', 'resume A'],
  ['break pwritev A', 'aio_write 0 512', 'wait_break A', 'resume A'],
  ['resume X', 'remove_break X'],
])('%s, %s', async (...script) => {
  await prepare('');
  const [ours, theirs] = await both([...script, 'aio_flush']);
  expect(ours).toBe(theirs);
});

test.skipIf(absent)('removing a breakpoint lets go what waits at it', async () => {
  await prepare('');
  const commands = ['break write_aio A', 'aio_write 0 512', 'wait_break A', 'remove_break A'];
  const words = [...commands, 'aio_flush'].flatMap(c => ['-c', c]);
  copyFileSync('pristine.qcow2', 'img.qcow2');
  const { out } = await runIo('qemu-io', [...words, 'blkdebug::img.qcow2']);
  expect(untimed(out)).toBe(
    "blkdebug: Suspended request 'A'\nblkdebug: Resuming request 'A'\n" +
      'wrote 512/512 bytes at offset 0\n512 bytes, 1 ops; …\n',
  );
});

test('what cannot be understood is said', () => {
  const config = (text: string) => () => parseDebugConfig(text);
  expect(config('[inject-error]\nevent = "nonsense"\n')).toThrow('Invalid event name "nonsense"');
  expect(config('[inject-error]\nerrno = "5"\n')).toThrow('Missing event name for rule');
  expect(config('[what]\nevent = "write_aio"\n')).toThrow("There is no option group 'what'");
  expect(config('nonsense\n')).toThrow('parse error');
});

test.each([
  ['[bogus]', "line 1: There is no option group 'bogus'"],
  ['[inject-error]\nevent = "read_aio"\n\nbogus = "1"', "line 4: Invalid parameter 'bogus'"],
  ['[set-state]\nerrno = "1"', "line 2: Invalid parameter 'errno'"],
  ['[set-state]\nstate = "one"', "line 2: Parameter 'state' expects a number"],
  ['[inject-error]\nonce = "1"', "line 2: Parameter 'once' expects 'on' or 'off'"],
  ['event = "read_aio"', 'line 1: no group defined'],
  ['[inject-error]\njunk', 'line 2: parse error'],
])('a configuration that is wrong: %s', (text, why) => {
  expect(() => parseDebugConfig(text)).toThrow(`Could not parse blkdebug config file: ${why}`);
});
