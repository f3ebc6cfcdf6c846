/**
 * Holes of sparse files, against real files.
 */

import { spawnSync } from 'node:child_process';
import {
  closeSync,
  existsSync,
  fstatSync,
  ftruncateSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  utimesSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { CACHE_MODES } from '../src/block/cache-mode.ts';
import { FileNode } from '../src/block/protocol/file.ts';
import { nodeBlockHost } from '../src/host-file-io.ts';
import { dataRanges } from '../src/host-holes.ts';
import { StoredRanges } from '../src/host-stored.ts';
import { runTool } from './support/image-tool.ts';
import { Random, seedOr } from './support/random.ts';

const MIB = 1024 * 1024;
const folder = mkdtempSync(join(tmpdir(), 'tinamou-holes-'));
afterAll(() => rmSync(folder, { recursive: true }));

/** A MiB of data at each of `places`; the file may end in a hole. */
function sparseFile(name: string, mib: number, places: readonly number[]): string {
  const path = join(folder, name);
  const fd = openSync(path, 'w');
  for (const at of places) writeSync(fd, new Uint8Array(MIB).fill(7), 0, MIB, at * MIB);
  ftruncateSync(fd, mib * MIB);
  closeSync(fd);
  return path;
}

function rangesOf(path: string): readonly number[] | undefined {
  const fd = openSync(path, 'r');
  try {
    return dataRanges(fd);
  } finally {
    closeSync(fd);
  }
}

const canTell = existsSync('/usr/bin/perl') && rangesOf(sparseFile('probe', 2, []))?.length === 0;
if (!canTell) console.warn('holes: not tested, no Perl or no sparse files here');

async function extents(path: string, mode: 'read' | 'write' = 'read'): Promise<string[]> {
  const handle = nodeBlockHost.open(path, mode);
  const node = new FileNode(path, handle, mode === 'read', CACHE_MODES['writeback']);
  const found: string[] = [];
  for (let at = 0; at < node.length; ) {
    const extent = await node.status(at, node.length - at);
    found.push(`${extent.zero ? 'hole' : 'data'} ${extent.length / MIB}`);
    at += extent.length;
  }
  await node.close();
  return found;
}

test.runIf(canTell)('data between holes is found, in order', () => {
  const path = sparseFile('between', 16, [2, 3, 9]);
  expect(rangesOf(path)?.map(at => at / MIB)).toEqual([2, 4, 9, 10]);
});

test.runIf(canTell)(
  'a file tells which of its extents read as zeros without being read',
  async () => {
    expect(await extents(sparseFile('a', 8, [0, 4]))).toEqual([
      'data 1',
      'hole 3',
      'data 1',
      'hole 3',
    ]);
    expect(await extents(sparseFile('b', 4, [3]))).toEqual(['hole 3', 'data 1']);
    expect(await extents(sparseFile('c', 1024 * 1024, []))).toEqual(['hole 1048576']);
  },
);

test.runIf(canTell)('also of a file that is open for writing', async () => {
  const path = sparseFile('writable', 8, [0, 4]);
  expect(await extents(path, 'write')).toEqual(['data 1', 'hole 3', 'data 1', 'hole 3']);
});

test.runIf(canTell)('what is written becomes data, at once or later, by any opening', async () => {
  const path = sparseFile('written', 8, [4]);
  const [handle, other] = [nodeBlockHost.open(path, 'write'), nodeBlockHost.open(path, 'write')];
  const holds = (at: number): boolean | undefined => handle.stored?.(at).data;
  expect([0, MIB, 2 * MIB, 7 * MIB].map(holds)).toEqual([false, false, false, false]);
  void handle.write(1000, new Uint8Array(10));
  await handle.write(2 * MIB, new Uint8Array(MIB));
  await other.write(8 * MIB, new Uint8Array(100));
  expect([511, 512, 1023, 1024].map(holds)).toEqual([false, true, true, false]);
  expect([2 * MIB, 3 * MIB - 1, 3 * MIB].map(holds)).toEqual([true, true, false]);
  expect([5 * MIB, 8 * MIB].map(holds)).toEqual([false, true]);
  handle.close();
  other.close();
});

test.runIf(canTell)('a change by another process is seen', async () => {
  const path = sparseFile('changed', 8, [4]);
  const handle = nodeBlockHost.open(path, 'write');
  expect(handle.stored?.(0).data).toBe(false);
  utimesSync(path, 1, 1);
  expect(handle.stored?.(0).data).toBe(false);
  const fd = openSync(path, 'r+');
  writeSync(fd, new Uint8Array(4096).fill(1), 0, 4096, 0);
  closeSync(fd);
  expect(handle.stored?.(0).data).toBe(true);
  handle.close();
});

test.runIf(canTell)(
  'of random writes none is ever taken for a hole',
  async () => {
    const random = new Random(seedOr(31));
    const path = sparseFile('random', 4, [1]);
    const handle = nodeBlockHost.open(path, 'write');
    const sectors = (4 * MIB) / 512;
    const data = Array.from({ length: sectors }, (_, i) => i >= 2048 && i < 4096);
    for (let step = 0; step < 400; step++) {
      const [first, most] = [random.below(sectors), 1 + random.below(random.pick([2, 40, 3000]))];
      const count = Math.min(most, sectors - first);
      if (step > 0) await handle.write(first * 512, new Uint8Array(count * 512));
      if (step > 0) data.fill(true, first, first + count);
      const told: boolean[] = [];
      for (let at = 0; at < sectors * 512; ) {
        const part = handle.stored?.(at) ?? { data: false, end: Infinity };
        const end = Math.min(part.end, sectors * 512);
        if (end <= at) throw new Error(`SEED: an empty part at ${at}`);
        told.push(...new Array<boolean>((end - at) / 512).fill(part.data));
        at = end;
      }
      expect(told).toEqual(data);
    }
    handle.close();
  },
  60_000,
);

test('a file without holes is one extent', async () => {
  expect(await extents(sparseFile('full', 2, [0, 1]))).toEqual(['data 2']);
});

test.runIf(canTell)('questions may go back', async () => {
  const path = sparseFile('back', 8, [1, 5]);
  const handle = nodeBlockHost.open(path, 'read');
  const answers = [6, 1, 0, 5].map(at => handle.stored?.(at * MIB).data);
  handle.close();
  expect(answers).toEqual([false, true, false, true]);
});

test('what is no file has no ranges', () => {
  expect(dataRanges(openSync('/dev/null', 'r')) ?? []).toEqual([]);
});

test('of a device nothing is taken for a hole', () => {
  const fd = openSync('/dev/zero', 'r');
  const stored = StoredRanges.of(fstatSync(fd));
  for (const at of [0, MIB, 1e15]) expect(stored.at(fd, at)).toEqual({ data: true, end: Infinity });
  stored.release();
  closeSync(fd);
});

const loop = (...words: string[]): string =>
  spawnSync('losetup', words, { encoding: 'utf8' }).stdout?.trim() ?? '';
const backing = sparseFile('disk', 4, [1]);
const disk = process.getuid?.() === 0 ? loop('-f', '--show', backing) : '';
afterAll(() => {
  if (disk !== '') loop('-d', disk);
});
if (disk === '') console.warn('disks of the host: not tested, no loop devices here');

test.skipIf(disk === '')('a disk of the host is copied, zeros are written to it', async () => {
  expect(await extents(disk)).toEqual(['data 4']);
  const said = await runTool('tinamou-img', ['convert', '-f', 'raw', disk, join(folder, 'copy')]);
  expect(said).toEqual({ out: '', err: '', status: 0 });
  expect(readFileSync(join(folder, 'copy')).equals(readFileSync(backing))).toBe(true);
  const node = new FileNode(
    disk,
    nodeBlockHost.open(disk, 'write'),
    false,
    CACHE_MODES['writeback'],
  );
  await node.writeZeroes(MIB, MIB, true);
  await node.flush();
  await node.close();
  expect(readFileSync(disk).every(byte => byte === 0)).toBe(true);
});
