/**
 * Files that are no images, or cease to be: pipes, files that are removed or cut off while they are
 * open, backing files that have gone; and sparse ones, which stay so.
 */
import { spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { CACHE_MODES } from '../../src/block/cache-mode.ts';
import { openImage } from '../../src/block/graph.ts';
import type { BlockNode } from '../../src/block/node.ts';
import { Options } from '../../src/block/options.ts';
import { nodeBlockHost } from '../../src/host-file-io.ts';
import { runIo, runTool } from '../support/image-tool.ts';
import { missing } from '../support/program.ts';
import { contextOf } from '../support/qcow2-bench.ts';

const absent = missing('vanished files beside QEMU', '/usr/bin/qemu-img');
const folder = mkdtempSync(join(tmpdir(), 'tinamou-odd-files-'));
const home = process.cwd();
const MIB = 1024 * 1024;

beforeAll(() => process.chdir(folder));
beforeEach(() => {
  for (const name of readdirSync('.')) rmSync(name, { recursive: true });
});
afterAll(() => {
  process.chdir(home);
  rmSync(folder, { recursive: true });
});

async function img(line: string): Promise<string> {
  const { out, err, status } = await runTool('qemu-img', line.split(' '));
  return `${out}${err}exit ${status}`;
}

function openForWriting(filename: string, driver: string): Promise<BlockNode> {
  return openImage({
    filename,
    options: new Options([['driver', driver]]),
    flags: { readOnly: false, cache: CACHE_MODES['writeback'] },
    context: contextOf(nodeBlockHost),
    deviceName: 'image',
  });
}

const PIPE_READERS = ['info p', 'check -f raw p', 'map p', 'convert -O raw p o', 'resize p 1M'];

test('a pipe is no image, and nobody waits for its other end', async () => {
  expect(spawnSync('mkfifo', ['p']).status).toBe(0);
  await img('create -q -f raw r 1M');
  const why = 'Could not refresh total sector count: Illegal seek';
  for (const line of PIPE_READERS) {
    expect(await img(line), line).toBe(`qemu-img: Could not open 'p': ${why}\nexit 1`);
  }
  const io = await runIo('qemu-io', ['-c', 'read 0 512', 'p']);
  expect(io.out + io.err).toContain(`can't open device p: ${why}`);
  expect(await img('convert -f raw -O raw r p')).toBe(
    'qemu-img: p: error while converting raw: Could not resize file: Invalid argument\nexit 1',
  );
  expect(await img('create -q -f qcow2 p 1M')).toBe(
    'qemu-img: p: Could not resize file: Invalid argument\nexit 1',
  );
  expect(readdirSync('.').sort()).toEqual(['p', 'r']);
});

test.each(['raw', 'qcow2'])(
  'a %s image that is removed while it is open works on',
  async format => {
    await img(`create -q -f ${format} i 4M`);
    const node = await openForWriting('i', format);
    unlinkSync('i');
    const bytes = new Uint8Array(MIB).fill(7);
    await node.write(MIB, bytes);
    await node.flush();
    const into = new Uint8Array(MIB);
    await node.read(MIB, into);
    expect(Buffer.compare(into, bytes)).toBe(0);
    await node.close();
    expect(readdirSync('.')).toEqual([]);
  },
);

test('a raw image that is cut off while it is open reads as zeros from there on', async () => {
  writeFileSync('i', Buffer.alloc(4 * MIB, 7));
  const node = await openForWriting('i', 'raw');
  truncateSync('i', MIB);
  const into = new Uint8Array(2 * MIB).fill(1);
  await node.read(0, into);
  expect([into[MIB - 1], into[MIB], into[2 * MIB - 1]]).toEqual([7, 0, 0]);
  await node.close();
  expect(statSync('i').size).toBe(MIB);
});

test('a qcow2 image that is cut off while it is open: never a crash, and check tells', async () => {
  await img('create -q -f qcow2 i 4M');
  await runIo('qemu-io', ['-c', 'write -q -P 7 0 4M', 'i']);
  const node = await openForWriting('i', 'qcow2');
  truncateSync('i', 2 * MIB);
  const into = new Uint8Array(4 * MIB);
  await node.read(0, into);
  expect([into[0], into.at(-1)]).toEqual([7, 0]);
  await node.close();
  const told = await img('check i');
  expect(told).toMatch(/\d+ errors were found on the image\./);
  expect(told).toMatch(/exit 2$/);
});

const GONE = ['check t', 'map t', 'compare t t', 'convert -O raw t o', 'commit t', 'resize t 9M'];

test.skipIf(absent).each(GONE)('a backing file that has gone: %s', async line => {
  await img('create -q -f qcow2 b 4M');
  await img('create -q -f qcow2 -o backing_file=b,backing_fmt=qcow2 t');
  unlinkSync('b');
  const before = readFileSync('t');
  const theirs = spawnSync('qemu-img', line.split(' '), { encoding: 'utf8', timeout: 20_000 });
  expect(await img(line)).toBe(`${theirs.stdout}${theirs.stderr}exit ${theirs.status}`);
  expect(readFileSync('t').equals(before)).toBe(true);
  expect(existsSync('o')).toBe(false);
});

test('a backing file that goes while in use is read on; another can take its place', async () => {
  writeFileSync('b', Buffer.alloc(MIB, 5));
  await img('create -q -f qcow2 -o backing_file=b,backing_fmt=raw t');
  const node = await openForWriting('t', 'qcow2');
  renameSync('b', 'elsewhere');
  const into = new Uint8Array(512);
  await node.read(0, into);
  expect(into[0]).toBe(5);
  await node.close();
  expect(await img('info t')).toContain('backing file: b\n');
  expect(await img('rebase -u -f qcow2 -F raw -b elsewhere t')).toBe('exit 0');
  expect(await img('compare -f qcow2 -F raw t elsewhere')).toBe('Images are identical.\nexit 0');
});

test('a commit into a sparse raw file leaves its holes', async () => {
  writeFileSync('b', '');
  truncateSync('b', 64 * MIB);
  await runIo('qemu-io', ['-c', 'write -q -P 3 8M 2M', 'b']);
  await img('create -q -f qcow2 -o backing_file=b,backing_fmt=raw t');
  const writes = [
    '-c',
    'write -q -P 9 9M 3M',
    '-c',
    'write -q -z 20M 8M',
    '-c',
    'write -q 40M 64k',
  ];
  await runIo('qemu-io', [...writes, 't']);
  await img('convert -O raw t wanted');
  expect(await img('commit -f qcow2 t')).toBe('Image committed.\nexit 0');
  expect(readFileSync('b').equals(readFileSync('wanted'))).toBe(true);
  expect(statSync('b').blocks * 512).toBeLessThan(5 * MIB);
});
