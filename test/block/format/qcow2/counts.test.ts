import { expect, test } from 'vitest';
import { CountPage, PAGE } from '../../../../src/block/format/qcow2/count-page.ts';
import { Counts } from '../../../../src/block/format/qcow2/counts.ts';
import { Random, seedOr } from '../../../support/random.ts';

const CLUSTERS = 3 * PAGE;

/** Random work on counts and on a plain array; both must say the same. */
function compare(random: Random, steps: number): void {
  const counts = new Counts(0);
  const plain = new Uint32Array(CLUSTERS);
  for (let i = 0; i < steps; i++) {
    const first = random.below(CLUSTERS);
    const most = random.pick([1, 1, 5, 300, 70_000, CLUSTERS]);
    const length = 1 + random.below(Math.min(most, CLUSTERS - first));
    const value = random.pick([0, 1, 1, 1, 2, 5, 20, 300, 70_000]);
    if (random.below(3) === 0) {
      counts.add(first, length, value, 65_535);
      for (let c = first; c < first + length; c++) plain[c] = Math.min(65_535, plain[c] + value);
    } else {
      counts.fill(first, length, value);
      plain.fill(value, first, first + length);
    }
    const at = random.below(CLUSTERS);
    expect(counts.get(at)).toBe(plain[at]);
    const end = counts.runEnd(at, CLUSTERS);
    expect(end).toBeGreaterThan(at);
    expect(plain.subarray(at, end).every(v => v === plain[at])).toBe(true);
  }
  for (let c = 0; c < CLUSTERS; c++) if (counts.get(c) !== plain[c]) expect(c).toBe(-1);
  const used = [...plain.keys()].filter(c => plain[c] !== 0);
  expect([...counts.used()]).toEqual(used);
  expect([...counts.inUse().used()]).toEqual(used);
  const span = random.pick([256, 2048, PAGE, 2 * PAGE]);
  const starts = [...new Set(used.map(c => Math.floor(c / span) * span))];
  expect([...counts.ranges(span)]).toEqual(starts);
}

test('counts are what a plain array would hold', () => {
  const seed = seedOr(1);
  for (let i = 0; i < 16; i++) compare(new Random(seed + i), i % 8 === 0 ? 200 : 15);
});

test('a page takes the memory that its numbers need', () => {
  const page = new CountPage();
  const sizes: number[] = [];
  for (let at = 0; at < PAGE; at++) {
    page.set((at * 40_503) % PAGE, 1);
    if (at === 100 || at === PAGE - 1) sizes.push(page.bytes);
  }
  page.shrink();
  expect(sizes).toEqual([128 * 6, PAGE / 8]);
  expect([page.bytes, page.uniform]).toEqual([0, 1]);
  page.set(5, 3);
  page.shrink();
  expect([page.bytes, page.get(4), page.get(5)]).toEqual([PAGE / 4, 1, 3]);
});
