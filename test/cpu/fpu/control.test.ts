/**
 * State images and control instructions; expected layouts from Intel SDM volume 1, figures 8-9 to
 * 8-12, and volume 2, FXSAVE.
 */

import { beforeEach, describe, expect, test } from 'vitest';
import type { Context } from '../../../src/cpu/context.ts';
import * as control from '../../../src/cpu/fpu/control.ts';
import {
  EMPTY,
  FCS,
  FCW,
  FDP,
  FDS,
  FIP,
  FOP,
  FPR,
  FSW,
  fpuText,
  MXCSR,
  resetFpu,
  statusWord,
  TOP,
  XMM,
} from '../../../src/cpu/fpu/state.ts';
import { fwait, x87Memory, x87Register } from '../../../src/cpu/fpu/x87.ts';
import {
  ATTRIBUTES,
  BASE,
  CR0,
  CR0_EM,
  CR0_MP,
  CR0_NE,
  CR0_PE,
  CR0_TS,
  CR4,
  CR4_OSFXSR,
  CS,
  DS,
  LIMIT,
  SELECTOR,
  VM,
} from '../../../src/cpu/registers.ts';
import { Line } from '../../../src/line.ts';
import { Bench, HIGH, Trap } from '../../support/fpu-bench.ts';

const AREA = HIGH & ~0xfff;
/** Opcode & 7 and ModRM: ST(0) += ST(1), 1.0 pushed, pi pushed, ST(0) /= ST(1), FDIV m32. */
const FADD = 0x0c1;
const FLD1 = 0x1e8;
const FLDPI = 0x1eb;
const FLDZ = 0x1ee;
const FDIV = 0x0f1;
const FDIV_MEMORY = 0x030;

let b: Bench;
let c: Context;

beforeEach(() => {
  b = new Bench();
  c = b as unknown as Context;
  resetFpu(b.s);
  b.s[CR0] = CR0_PE | CR0_NE;
  b.s[CR4] = CR4_OSFXSR;
  b.s.fill(-1, LIMIT, LIMIT + 6);
  b.s.fill(0xcff300, ATTRIBUTES, ATTRIBUTES + 6);
  b.s[SELECTOR + CS] = 0x1b;
  b.s[SELECTOR + DS] = 0x23;
});

/** The vector `run` raises, or -1. */
function raised(run: () => void): number {
  try {
    run();
  } catch (error) {
    if (error instanceof Trap) return error.vector;
    throw error;
  }
  return -1;
}

const words = (n: number): number[] =>
  Array.from({ length: n }, (_, i) => b.high.getUint16(2 * i, true));
const doubles = (n: number): string[] =>
  Array.from({ length: n }, (_, i) => b.high.getUint32(4 * i, true).toString(16));

function pointers(): void {
  b.s[FIP] = 0x12345678;
  b.s[FCS] = 0x1b;
  b.s[FOP] = 0x5c1;
  b.s[FDP] = 0x009abcde;
  b.s[FDS] = 0x23;
}

describe('environment images', () => {
  test('32-bit protected mode: selectors beside offsets, reserved halves all ones', () => {
    pointers();
    control.fnstenv(c, 4, DS, AREA);
    expect(doubles(7)).toEqual([
      'ffff037f',
      'ffff0000',
      'ffffffff',
      '12345678',
      '5c1001b',
      '9abcde',
      'ffff0023',
    ]);
  });

  test('16-bit protected mode: seven words, no opcode', () => {
    pointers();
    control.fnstenv(c, 2, DS, AREA);
    expect(words(7)).toEqual([0x37f, 0, 0xffff, 0x5678, 0x1b, 0xbcde, 0x23]);
  });

  test('real mode, 16 bits: linear addresses of 20 bits, opcode below them', () => {
    b.s[CR0] = 0;
    pointers();
    b.s[FIP] = 0x5678;
    b.s[FCS] = 0xa000;
    b.s[FDP] = 0xbcde;
    b.s[FDS] = 0x9000;
    control.fnstenv(c, 2, DS, AREA);
    expect(words(7)).toEqual([0x37f, 0, 0xffff, 0x5678, 0xa5c1, 0xbcde, 0x9000]);
  });

  test('virtual-8086 mode, 32 bits: as in real mode', () => {
    b.flags |= VM;
    pointers();
    b.s[FIP] = 0x5678;
    b.s[FCS] = 0xa000;
    b.s[FDP] = 0xbcde;
    b.s[FDS] = 0x9000;
    control.fnstenv(c, 4, DS, AREA);
    const got = doubles(7);
    expect(got.slice(3)).toEqual(['ffff5678', 'a5c1', 'ffffbcde', '9000']);
  });

  test.each([2, 4] as const)('FLDENV takes back what FNSTENV of %i bytes stored', bytes => {
    pointers();
    if (bytes === 2) {
      b.s[FIP] = 0x5678;
      b.s[FDP] = 0xbcde;
      b.s[FOP] = 0;
    }
    b.s[TOP] = 5;
    b.s[FSW] = 0x4123 & 0x4700;
    b.s[EMPTY] = 0x1f;
    const before = b.s.slice(FCW, MXCSR);
    control.fnstenv(c, bytes, DS, AREA);
    control.fninit(c);
    control.fldenv(c, bytes, DS, AREA);
    expect(b.s.slice(FCW, MXCSR)).toEqual(before);
  });

  test('FNSTENV masks all exceptions, which takes back a pending one', () => {
    b.s[FCW] = 0x37b;
    x87Register(c, FLDZ);
    x87Register(c, FLD1);
    x87Register(c, FDIV);
    expect(statusWord(b.s) & 0x8084).toBe(0x8084);
    control.fnstenv(c, 4, DS, AREA);
    expect(b.s[FCW]).toBe(0x37f);
    expect(statusWord(b.s) & 0x8084).toBe(4);
  });

  test('tags say valid, zero, special and empty', () => {
    x87Register(c, FLD1);
    x87Register(c, FLDZ);
    x87Register(c, FLDPI);
    b.s[FPR + 4 * 5 + 2] = 0x7fff;
    control.fnstenv(c, 4, DS, AREA);
    // Physical 7 holds 1 (valid), 6 zero, 5 what is now special.
    expect(b.high.getUint16(8, true)).toBe(0b00_01_10_11_11_11_11_11);
  });
});

describe('FSAVE and FRSTOR', () => {
  test.each([2, 4] as const)('of %i bytes are inverse, and FNSAVE leaves FNINIT state', bytes => {
    x87Register(c, FLDPI);
    x87Register(c, FLD1);
    const registers = b.s.slice(FPR, FPR + 32);
    const status = statusWord(b.s);
    const empty = b.s[EMPTY];
    control.fnsave(c, bytes, DS, AREA);
    expect([b.s[FCW], statusWord(b.s), b.s[EMPTY]]).toEqual([0x37f, 0, 0xff]);
    b.s.fill(0x55, FPR, FPR + 32);
    control.frstor(c, bytes, DS, AREA);
    for (let n = 0; n < 8; n++) {
      const at = FPR + 4 * n;
      expect(b.s.slice(at, at + 3)).toEqual(registers.slice(4 * n, 4 * n + 3));
    }
    expect([statusWord(b.s), b.s[EMPTY]]).toEqual([status, empty]);
  });

  test('an image that does not fit its page leaves no trace', () => {
    x87Register(c, FLD1);
    const before = b.s.slice();
    expect(raised(() => control.fnsave(c, 4, DS, AREA + 0xfc0))).toBe(14);
    expect(b.s).toEqual(before);
    expect(b.high.getUint32(0xfc0, true)).toBe(0);
  });
});

describe('FXSAVE', () => {
  test('has registers in stack order, abridged tags, MXCSR and its mask', () => {
    x87Register(c, FLD1);
    x87Register(c, FLDPI);
    pointers();
    b.s.set([1, 2, 3, 4], XMM + 4);
    control.fxsave(c, DS, AREA);
    expect(doubles(8)).toEqual([
      '3000037f',
      '5c100c0',
      '12345678',
      '1b',
      '9abcde',
      '23',
      '1f80',
      'ffff',
    ]);
    expect(b.high.getUint32(36, true)).toBe(0xc90fdaa2);
    expect(b.high.getUint16(40, true)).toBe(0x4000);
    expect(b.high.getUint16(56, true)).toBe(0x3fff);
    expect([0, 4, 8, 12].map(i => b.high.getUint32(176 + i, true))).toEqual([1, 2, 3, 4]);
  });

  test('FXRSTOR brings everything back', () => {
    x87Register(c, FLD1);
    x87Register(c, FLDPI);
    pointers();
    b.s.fill(0x1234567, XMM, XMM + 32);
    b.s[MXCSR] = 0x9fc0;
    const before = b.s.slice(FCW, MXCSR + 1);
    control.fxsave(c, DS, AREA);
    resetFpu(b.s);
    control.fxrstor(c, DS, AREA);
    expect(b.s.slice(FCW, MXCSR + 1)).toEqual(before);
    expect(b.s[XMM + 31]).toBe(0x1234567);
  });

  test('without CR4.OSFXSR the XMM registers stay out of it', () => {
    b.s[CR4] = 0;
    b.s[XMM] = 7;
    control.fxsave(c, DS, AREA);
    expect(b.high.getUint32(160, true)).toBe(0);
  });

  test('an unaligned area or a reserved MXCSR bit is #GP', () => {
    expect(raised(() => control.fxsave(c, DS, AREA + 8))).toBe(13);
    b.s[BASE + DS] = 8;
    expect(raised(() => control.fxrstor(c, DS, AREA))).toBe(13);
    b.s[BASE + DS] = 0;
    b.high.setUint32(24, 0x10000, true);
    expect(raised(() => control.fxrstor(c, DS, AREA))).toBe(13);
  });
});

describe('availability and pending exceptions', () => {
  test('EM or TS make x87 instructions #NM; FWAIT looks at MP and TS together', () => {
    b.s[CR0] |= CR0_EM;
    expect(raised(() => x87Register(c, FLD1))).toBe(7);
    expect(raised(() => fwait(c))).toBe(-1);
    b.s[CR0] = CR0_PE | CR0_TS;
    expect(raised(() => x87Register(c, FLD1))).toBe(7);
    expect(raised(() => fwait(c))).toBe(-1);
    b.s[CR0] |= CR0_MP;
    expect(raised(() => fwait(c))).toBe(7);
  });

  test('an unmasked exception waits for the next waiting instruction', () => {
    b.s[FCW] = 0x37b;
    x87Register(c, FLDZ);
    x87Register(c, FLD1);
    expect(raised(() => x87Register(c, FDIV))).toBe(-1);
    expect(raised(() => x87Register(c, FADD))).toBe(16);
    expect(raised(() => fwait(c))).toBe(16);
    control.fnclex(c);
    expect(raised(() => x87Register(c, FADD))).toBe(-1);
  });

  test('with NE clear the exception goes out on FERR# and FNCLEX takes it back', () => {
    const ferr = new Line('ferr');
    Object.assign(b.wiring, { ferr });
    b.s[CR0] = CR0_PE;
    b.s[FCW] = 0x37b;
    x87Register(c, FLDZ);
    x87Register(c, FLD1);
    x87Register(c, FDIV);
    expect(ferr.level).toBe(true);
    expect(raised(() => x87Register(c, FADD))).toBe(-1);
    control.fnclex(c);
    expect(ferr.level).toBe(false);
  });

  test('the last instruction that was not for control is remembered with its operand', () => {
    b.eip = 0x401000;
    x87Register(c, FLD1);
    b.eip = 0x401002;
    x87Memory(c, FDIV_MEMORY, { seg: DS, offset: AREA + 16 }, 4);
    b.eip = 0x401010;
    x87Memory(c, 0x138, { seg: DS, offset: AREA }, 4);
    expect([b.s[FIP], b.s[FCS], b.s[FOP], b.s[FDP], b.s[FDS]]).toEqual([
      0x401002,
      0x1b,
      FDIV_MEMORY,
      AREA + 16,
      0x23,
    ]);
  });

  test('D9 D8+i stores and pops as FSTP does, but an empty register only goes', () => {
    const FSTP1 = 0x1d8;
    x87Register(c, FLD1);
    x87Register(c, FSTP1 | 3);
    expect([b.s[TOP], b.s[EMPTY]]).toEqual([0, 0xff & ~(1 << 2)]);
    expect(b.s[FPR + 4 * 2 + 2]).toBe(0x3fff);
    b.s[FCW] &= ~1;
    b.s[FSW] = 0x4700;
    x87Register(c, FSTP1 | 2);
    expect([b.s[TOP], b.s[EMPTY], b.s[FSW]]).toEqual([1, 0xff & ~(1 << 2), 0x4500]);
    expect(b.s[FPR + 4 * 2 + 2]).toBe(0x3fff);
  });

  test('encodings that are no instruction are #UD', () => {
    expect(raised(() => x87Register(c, 0x1e2))).toBe(6);
    expect(raised(() => x87Memory(c, 0x108, { seg: DS, offset: 0 }, 4))).toBe(6);
  });
});

test('reset state prints as QEMU prints it', () => {
  expect(fpuText(b.s).split('\n').slice(0, 2)).toEqual([
    'FCW=037f FSW=0000 [ST=0] FTW=00 MXCSR=00001f80',
    'FPR0=0000000000000000 0000 FPR1=0000000000000000 0000',
  ]);
});
