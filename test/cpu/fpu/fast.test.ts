import { beforeEach, expect, test } from 'vitest';
import { ALIGNED } from '../../../src/cpu/access.ts';
import type { Context } from '../../../src/cpu/context.ts';
import { EMPTY, FCW, FPR, FSW, resetFpu, TOP } from '../../../src/cpu/fpu/state.ts';
import { x87Memory, x87Register } from '../../../src/cpu/fpu/x87.ts';
import { ATTRIBUTES, CR0, CR0_NE, CR0_PE, DS, LIMIT } from '../../../src/cpu/registers.ts';
import { Bench, HIGH, Trap } from '../../support/fpu-bench.ts';
import { Random, seedOr } from '../../support/random.ts';

/** The control word of FNINIT; another that means the same without denormal operands. */
const DEFAULT = 0x37f;
const LONG = 0x17d;
const AREA = HIGH & ~0xfff;

let b: Bench;
let c: Context;

beforeEach(() => {
  b = new Bench();
  c = b as unknown as Context;
  resetFpu(b.s);
  b.s[CR0] = CR0_PE | CR0_NE;
  b.s.fill(-1, LIMIT, LIMIT + 6);
});

/** FADD, FMUL, FSUB, FSUBR of ST(0) and ST(1), then of ST(0) and a binary64. */
const REGISTER_FORMS = [0x0c1, 0x0c9, 0x0e1, 0x0e9];
const MEMORY_FORMS = [0x400, 0x408, 0x420, 0x428];
const FLD_DOUBLE = 0x500;
const FLD_SINGLE = 0x100;
const FSTP_DOUBLE = 0x518;

/** Mostly near each other, now and then anywhere; significands with runs of zeros and ones. */
function randomRegister(random: Random, at: number): void {
  const { s } = b;
  const zeros = random.pick([0, 8, 10, 10, 11, random.below(32)]);
  s[at] = random.below(3) === 0 ? -random.below(4) : random.word() & (-1 << zeros);
  s[at + 1] = random.word() | 0x80000000;
  const exponent =
    random.below(8) === 0 ? 1 + random.below(0x7ffe) : 0x3fff - 40 + random.below(80);
  s[at + 2] = exponent | (random.below(2) << 15);
}

/** Everything that software can see after `run` under a control word. */
function outcome(control: number, setup: () => void, run: () => void): number[] {
  resetFpu(b.s);
  b.s[FCW] = control;
  b.s[TOP] = 6;
  b.s[EMPTY] = 0x3f;
  b.high.setUint32(8, 0, true);
  b.high.setUint32(12, 0, true);
  setup();
  run();
  const memory = [b.high.getUint32(8, true), b.high.getUint32(12, true)];
  return [...b.s.slice(FPR, FPR + 32), b.s[FSW], ...b.s.slice(TOP, TOP + 2), ...memory];
}

test('the short way gives the bits and flags of the long way', () => {
  const seed = seedOr(1);
  const random = new Random(seed);
  for (let i = 0; i < 4000; i++) {
    const operands = new Int32Array(10);
    randomRegister(random, FPR);
    operands.set(b.s.subarray(FPR, FPR + 3));
    randomRegister(random, FPR);
    operands.set(b.s.subarray(FPR, FPR + 3), 4);
    operands[8] = random.word() | 0x00800000;
    operands[9] = (random.word() & 0x800fffff) | ((0x3ff - 30 + random.below(60)) << 20);
    const fop = random.pick([
      ...REGISTER_FORMS,
      ...MEMORY_FORMS,
      FLD_DOUBLE,
      FLD_SINGLE,
      FSTP_DOUBLE,
    ]);
    const setup = (): void => {
      b.s.set(operands.subarray(0, 3), FPR + 24);
      b.s.set(operands.subarray(4, 7), FPR + 28);
      b.high.setInt32(0, operands[8], true);
      b.high.setInt32(4, operands[9], true);
    };
    const run = (): void => {
      const offset = fop === FSTP_DOUBLE ? AREA + 8 : AREA;
      if ((fop & 0xc0) === 0xc0) x87Register(c, fop);
      else x87Memory(c, fop, { seg: DS, offset }, 4);
    };
    const short = outcome(DEFAULT, setup, run);
    const long = outcome(LONG, setup, run);
    expect(short, `SEED=${seed} case ${i} fop ${fop.toString(16)}`).toEqual(long);
  }
});

test('with alignment checking on, operands of 8 and 10 bytes are to be aligned to 8', () => {
  b.s[ALIGNED] = 1;
  b.s[ATTRIBUTES + DS] = 0x9300;
  const vector = (fop: number, offset: number): number => {
    try {
      x87Memory(c, fop, { seg: DS, offset }, 4);
    } catch (error) {
      if (error instanceof Trap) return error.vector;
      throw error;
    }
    return -1;
  };
  const FLD_EXTENDED = 0x328;
  expect(vector(FLD_DOUBLE, AREA + 4)).toBe(17);
  expect(vector(FLD_EXTENDED, AREA + 4)).toBe(17);
  expect(vector(FLD_DOUBLE, AREA + 8)).toBe(-1);
  expect(vector(FLD_SINGLE, AREA + 4)).toBe(-1);
});
