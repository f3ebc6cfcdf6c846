/**
 * Holes of sparse files, against real files.
 */

import {
  closeSync,
  existsSync,
  ftruncateSync,
  mkdtempSync,
  openSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { CACHE_MODES } from '../src/block/cache-mode.ts';
import { FileNode } from '../src/block/protocol/file.ts';
import { nodeBlockHost } from '../src/host-file-io.ts';
import { dataRanges } from '../src/host-holes.ts';

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

async function extents(path: string): Promise<string[]> {
  const handle = nodeBlockHost.open(path, 'read');
  const node = new FileNode(path, handle, true, CACHE_MODES['writeback']);
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
