/**
 * Commands that 2.2.50's I/O tool and today's answer alike: ours beside Debian's.
 *
 * Masked: rates, and the words for what is no number, which are younger than 2.2.50.
 */
import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { runIo } from '../../support/image-tool.ts';
import { missing } from '../../support/program.ts';

const absent = missing('the I/O tool beside QEMU', '/usr/bin/qemu-io', '/usr/bin/qemu-img');
const folder = mkdtempSync(join(tmpdir(), 'tinamou-io-'));
const home = process.cwd();

beforeAll(() => {
  process.chdir(folder);
  if (absent) return;
  writeFileSync('back.raw', Buffer.alloc(100_000, 3));
  truncateSync('back.raw', 4 * 1024 * 1024);
  const create = 'create -q -f qcow2 -b back.raw -F raw pristine.qcow2 4M'.split(' ');
  spawnSync('qemu-img', create);
  spawnSync('qemu-io', ['-c', 'write -P 7 0 64k', '-c', 'write -z 128k 64k', 'pristine.qcow2']);
});

afterAll(() => {
  process.chdir(home);
  rmSync(folder, { recursive: true });
});

function masked(text: string): string {
  return text
    .replace(/ops; .*/g, 'ops; …')
    .replace(/^(\d+,1,\d+:\d+:\d+)\.\d+,.*$/gm, '$1')
    .replace(/^Parsing error: .* -- /gm, 'non-numeric length argument -- ')
    .replace(/^ +(compression type|refcount bits|extended l2): .*\n/gm, '');
}

/** One session a line; commands are separated by @. */
const SESSIONS = [
  'read 0 512',
  'read -q 0 512',
  'read -v 0 512',
  'read -C 0 512',
  'read -C 0 64k',
  'read -P 7 0 512',
  'read -P 8 0 512',
  'read -P 7 -s 100 -l 20 0 512',
  'read -P 8 -s 100 -l 20 0 512',
  'read -P 8 -s 100 0 512',
  'read -P 8 -l 100 0 512',
  'read -P 7 -s 100 -l 500 0 512',
  'read -P 300 0 512',
  'read -P 0x07 0 512',
  'read -P x 0 512',
  'read x 512',
  'read 0 x',
  'read 0',
  'read',
  'read 0 512k',
  'read 4M 512',
  'read 4193792 512',
  'read 4193792 1024',
  'read 0 0',
  'read 0x200 1k',
  'read 1.5k 512',
  'read 0 1G',
  'read 0 4G',
  'read +512 512',
  'read 1.5 512',
  'read 8E 512',
  'read -P 0 -s 600 0 512',
  'read -p 100 30',
  'read -b 0 512',
  'readv 0 512 512',
  'readv -P 7 0 512 512',
  'readv -P 9 0 512 512',
  'readv 0 x',
  'readv x 512',
  'readv',
  'readv 0',
  'readv -z 0 512',
  'write 0 512',
  'write -q 0 512',
  'write -P 3 0 1k @ read -P 3 0 1k @ read -P 7 1k 512',
  'write -z 0 64k @ read -P 0 0 64k',
  'write -z 0 512 @ read -P 0 0 512',
  'write -b 0 64k @ read -b -P 0xcd 0 64k',
  'write -c 192k 64k @ read -P 0xcd 192k 64k',
  'write -c 192k 512',
  'write -c -P 1 0 64k @ read -P 7 0 64k',
  'write -c 192k 64k @ write -c -P 1 192k 64k @ read -P 0xcd 192k 64k',
  'write -c -P 1 128k 64k @ read -P 1 128k 64k',
  'write 192k 64k @ write -z 192k 64k @ write -c -P 1 192k 64k @ read -P 0 192k 64k',
  'write -c 192k 64k @ write -P 1 192k 4k @ read -P 0xcd 196k 60k',
  'write -c -z 0 512',
  'write -c -b 0 512',
  'write -P 256 0 512',
  'write x 512',
  'write 0 x',
  'write 0',
  'write 4M 512',
  'write 4193792 1024',
  'write -C 0 512',
  'writev 0 512 512',
  'writev -P 5 0 512 1k @ read -P 5 0 1536',
  'writev -q 0 512',
  'writev 0 x',
  'writev',
  'aio_read 0 512 @ aio_flush',
  'aio_read -P 9 0 512 @ aio_flush',
  'aio_read -q 0 512 @ aio_flush',
  'aio_read 4M 512 @ aio_flush',
  'aio_read 0',
  'aio_write 0 512 @ aio_flush',
  'aio_write -P 5 0 512 512 @ aio_flush @ read -P 5 0 1k',
  'aio_write -z 0 64k @ aio_flush @ read -P 0 0 64k',
  'aio_write -z 0 512 512',
  'aio_write 4M 512 @ aio_flush',
  'aio_write x 512',
  'aio_write 0 x',
  'flush',
  'truncate 8M @ length',
  'length',
  'length 3',
  'info',
  'map 3',
  'discard 0 64k @ read -P 0 0 64k',
  'discard -q 0 64k',
  'discard -C 0 64k',
  'discard 0',
  'discard x 512',
  'discard 0 x',
  'discard 4M 64k',
  'discard 0 512',
  'discard -z 0 512',
  'discard 1 512',
  'sleep 10',
  'sleep x',
  'sleep',
  'open',
  'close',
  'close @ length',
  'close @ open img.qcow2 @ length',
  'close @ open -s img.qcow2 @ write -P 9 0 512 @ read -P 9 0 512 @ close @ open img.qcow2',
  'close @ open -n img.qcow2 @ read -q 0 512',
  'close @ open nonexist',
  'close @ open -o driver=raw img.qcow2 @ length',
  'close @ open -o driver=qcow2,file.filename=img.qcow2 @ length',
  'close @ close',
  'bogus',
  'help bogus',
  'q',
  'quit @ length',
  'r 0 512',
  'w 0 512',
  'f',
  'l',
  'i',
  'c',
  'd 0 64k',
  'reopen',
  'reopen -r @ reopen -w @ write 0 512',
  'reopen -x',
  'reopen -r -w',
  'reopen -o x=y @ length',
  'reopen -o driver=raw @ length',
  'reopen -o file.filename=back.raw @ length',
  'reopen -o overlap-check=foo @ length',
  'reopen -o lazy-refcounts=foo @ length',
  'reopen -o l2-cache-size=1M @ length',
  'quit x',
  'reopen -o lazy-refcounts=on',
  'reopen -c none',
  'reopen -c foo',
  'reopen -c none -c writeback',
  'resume A',
  'wait_break A',
  'remove_break A',
  'read   0    512',
  'read "0" 512',
  'read 0 512;',
  'read 0 512',
  'sigraise 0',
];

test.skipIf(absent).each(SESSIONS)('%s', async line => {
  const words = line.split('@').flatMap(command => ['-c', command.trim()]);
  copyFileSync('pristine.qcow2', 'img.qcow2');
  const theirs = spawnSync('qemu-io', [...words, 'img.qcow2'], {
    encoding: 'utf8',
    input: '',
    timeout: line.startsWith('wait') ? 2000 : 25_000,
  });
  copyFileSync('pristine.qcow2', 'img.qcow2');
  const ours = await runIo('qemu-io', [...words, 'img.qcow2']);
  expect([masked(ours.out), masked(ours.err)]).toEqual([
    masked(theirs.stdout),
    masked(theirs.stderr),
  ]);
});
