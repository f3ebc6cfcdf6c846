import { expect, test } from 'vitest';
import { dataRuns, type Run } from '../../../src/block/img/zero-runs.ts';
import { nodeBlockHost } from '../../../src/host-file-io.ts';
import { Random } from '../../support/random.ts';

/** The same, unit by unit and byte by byte. */
function slowRuns(bytes: Uint8Array, offset: number, grain: number): Run[] {
  const runs: { start: number; end: number }[] = [];
  for (let at = 0; at < bytes.length; ) {
    const next = Math.min(bytes.length, at + grain - ((offset + at) % grain));
    if (bytes.subarray(at, next).some(byte => byte !== 0)) {
      const last = runs.at(-1);
      if (last?.end === at) last.end = next;
      else runs.push({ start: at, end: next });
    }
    at = next;
  }
  return runs;
}

const SEED = Number(process.env['SEED'] ?? 20);

test('runs of zeros are left out, whole units only, wherever the buffer begins', () => {
  const random = new Random(SEED);
  for (let round = 0; round < 300; round++) {
    const sectors = 1 + random.below(1024);
    const bytes = new Uint8Array(sectors * 512);
    const marks = random.below(40);
    for (let i = 0; i < marks; i++) {
      const at = random.below(bytes.length);
      const length = random.below(2) === 0 ? 1 : random.below(bytes.length - at);
      bytes.fill(1 + random.below(255), at, at + length);
    }
    const offset = random.below(1000) * 512;
    const grain = 512 * 2 ** random.below(10);
    const found = dataRuns(bytes, offset, grain, nodeBlockHost.isZero);
    expect(found, `SEED=${SEED} round ${round}`).toEqual(slowRuns(bytes, offset, grain));
  }
});
