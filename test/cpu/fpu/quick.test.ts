import { expect, test } from 'vitest';
import { quickFunctions as quick } from '../../../src/cpu/fpu/quick.ts';
import { initFpu, statusWord, TEMP } from '../../../src/cpu/fpu/state.ts';
import { REGISTER_WORDS } from '../../../src/cpu/registers.ts';
import { Random, seedOr } from '../../support/random.ts';

const SEED = seedOr(1);
const view = new DataView(new ArrayBuffer(8));

function fresh(): Int32Array {
  const s = new Int32Array(REGISTER_WORDS);
  initFpu(s);
  return s;
}

function load(s: Int32Array, value: number): boolean {
  view.setFloat64(0, value);
  return quick.load(s, 'double', view.getInt32(4), view.getInt32(0));
}

/** Numbers that are close to each other, of both signs; zeros. */
function number(random: Random): number {
  if (random.below(10) === 0) return random.below(2) === 0 ? 0 : -0;
  const sign = random.below(2) === 0 ? 1 : -1;
  return sign * (1 + random.below(3)) * (1 + random.below(4) * 2 ** -random.below(53));
}

test(`two numbers are ordered as they are, seed ${SEED}`, () => {
  const random = new Random(SEED);
  for (let i = 0; i < 5000; i++) {
    const [x, y] = [number(random), number(random)];
    const s = fresh();
    expect(load(s, y) && load(s, x)).toBe(true);
    expect(quick.order(s, 1, 0), `${x} ${y}`).toBe(Math.sign(x - y) + 0);
    expect(quick.compare(s, 1, 2)).toBe(true);
    const conditions = statusWord(s) & 0x4700;
    expect(conditions, `${x} ${y}`).toBe(x < y ? 0x100 : x === y ? 0x4000 : 0);
  }
});

test(`numbers are stored as the nearest of their format, seed ${SEED}`, () => {
  const random = new Random(SEED);
  for (let i = 0; i < 5000; i++) {
    const x = number(random) * 2 ** (random.below(200) - 100);
    const s = fresh();
    load(s, x);
    const status = quick.narrow(s, 'single');
    view.setInt32(0, s[TEMP]);
    expect(view.getFloat32(0), `${x}`).toBe(Math.fround(x));
    const isUp = Math.abs(Math.fround(x)) > Math.abs(x);
    expect(status, `${x}`).toBe(Math.fround(x) === x ? 0 : isUp ? 0x220 : 0x20);
    expect(quick.narrow(s, 'double')).toBe(0);
    view.setInt32(0, s[TEMP + 1]);
    view.setInt32(4, s[TEMP]);
    expect(view.getFloat64(0)).toBe(x);
  }
});

test('what is not usual is left alone', () => {
  for (const x of [Number.NaN, Number.POSITIVE_INFINITY, 2 ** -1074]) {
    const s = fresh();
    const before = s.slice();
    expect(load(s, x)).toBe(false);
    expect(s).toEqual(before);
  }
  const s = fresh();
  expect(quick.compare(s, 1, 0)).toBe(false);
  expect(quick.narrow(s, 'double')).toBeLessThan(0);
  expect(quick.exchange(s, 1)).toBe(false);
  for (let n = 0; n < 8; n++) expect(load(s, n)).toBe(true);
  expect(load(s, 9)).toBe(false);
});
