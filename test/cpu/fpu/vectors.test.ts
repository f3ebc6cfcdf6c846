/**
 * Replays what a real processor did (test/support/vectors.c) on the x87 and SIMD helpers.
 */

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { replayVector, VECTOR_BYTES } from '../../support/vectors.ts';

const FILE = join(import.meta.dirname, 'vectors/host.bin.gz');
const data = gunzipSync(readFileSync(FILE));

function failures(isX87: boolean): string[] {
  const wrong: string[] = [];
  for (let at = 0; at + VECTOR_BYTES <= data.length; at += VECTOR_BYTES) {
    const record = data.subarray(at, at + VECTOR_BYTES);
    if ((record[1] >= 0xd8 && record[1] <= 0xdf) !== isX87) continue;
    const found = replayVector(record);
    if (found !== '') wrong.push(`${at / VECTOR_BYTES}: ${found}`);
  }
  return wrong;
}

test('the vectors are there: some thousand of them', () => {
  expect(data.length % VECTOR_BYTES).toBe(0);
  expect(data.length / VECTOR_BYTES).toBeGreaterThan(6000);
});

test('x87 instructions leave what the real processor left', () => {
  expect(failures(true)).toEqual([]);
});

test('MMX and SSE instructions leave what the real processor left', () => {
  expect(failures(false)).toEqual([]);
});
