/**
 * What the recorded vectors do not reach: availability, alignment, approximations, masked moves,
 * MXCSR. Expected values from Intel SDM volume 2, as named, and volume 3, table 13-1.
 */

import { beforeEach, describe, expect, test } from 'vitest';
import type { Context } from '../../../src/cpu/context.ts';
import { EMPTY, FPR, FSW, MXCSR, resetFpu, TOP, XMM } from '../../../src/cpu/fpu/state.ts';
import { simdHelpers } from '../../../src/cpu/helpers/simd.ts';
import {
  ATTRIBUTES,
  CPL,
  CR0,
  CR0_EM,
  CR0_NE,
  CR0_PE,
  CR0_TS,
  CR4,
  CR4_OSFXSR,
  CR4_OSXMMEXCPT,
  DS,
  ECX,
  EDI,
  LIMIT,
} from '../../../src/cpu/registers.ts';
import { instructions } from '../../../src/cpu/simd/instructions.ts';
import { Bench, HIGH, Trap } from '../../support/fpu-bench.ts';

const AREA = HIGH & ~0xfff;
/** Shape word of a 32-bit address in DS. */
const SHAPE = (1 << 31) | (DS << 8);

let b: Bench;
let c: Context;

beforeEach(() => {
  b = new Bench();
  c = b as unknown as Context;
  resetFpu(b.s);
  b.s[CR0] = CR0_PE | CR0_NE;
  b.s[CR4] = CR4_OSFXSR | CR4_OSXMMEXCPT;
  b.s.fill(-1, LIMIT, LIMIT + 6);
  b.s.fill(0xcff300, ATTRIBUTES, ATTRIBUTES + 6);
});

function raised(run: () => void): number {
  try {
    run();
  } catch (error) {
    if (error instanceof Trap) return error.vector;
    throw error;
  }
  return -1;
}

function indexOf(encoding: string): number {
  const index = instructions.findIndex(i => i.encoding === encoding);
  expect(index, encoding).toBeGreaterThanOrEqual(0);
  return index;
}

function register(encoding: string, g: number, e: number): void {
  simdHelpers.simdRegisters[indexOf(encoding)](c, g, e, 0);
}

function memory(encoding: string, g: number, offset: number): void {
  simdHelpers.simdMemories[indexOf(encoding)](c, g, simdHelpers.operand(c, SHAPE, offset), 0);
}

test('every encoding is there once', () => {
  const all = instructions.map(i => i.encoding.replace(/ (mod3|mem)$/, ''));
  expect(new Set(all).size).toBe(all.length);
});

describe('availability', () => {
  const PADDD_MMX = 'NP 0F FE /r';
  const PADDD_XMM = '66 0F FE /r';

  test('EM makes MMX and SSE #UD, TS #NM, OSFXSR clear makes SSE #UD', () => {
    b.s[CR0] |= CR0_EM;
    expect(raised(() => register(PADDD_MMX, 0, 1))).toBe(6);
    expect(raised(() => register(PADDD_XMM, 0, 1))).toBe(6);
    b.s[CR0] = CR0_PE | CR0_TS;
    expect(raised(() => register(PADDD_MMX, 0, 1))).toBe(7);
    expect(raised(() => register(PADDD_XMM, 0, 1))).toBe(7);
    b.s[CR0] = CR0_PE;
    b.s[CR4] = 0;
    expect(raised(() => register(PADDD_XMM, 0, 1))).toBe(6);
    expect(raised(() => register(PADDD_MMX, 0, 1))).toBe(-1);
  });

  test('a pending x87 exception stops MMX but not SSE', () => {
    b.s[FSW] = 0x8081;
    expect(raised(() => register(PADDD_MMX, 0, 1))).toBe(16);
    expect(raised(() => register(PADDD_XMM, 0, 1))).toBe(-1);
  });

  test('MMX makes all registers valid with TOP 0, EMMS all empty', () => {
    b.s[TOP] = 3;
    register(PADDD_MMX, 2, 1);
    expect([b.s[TOP], b.s[EMPTY], b.s[FPR + 8 + 2]]).toEqual([0, 0, 0xffff]);
    simdHelpers.emms(c);
    expect(b.s[EMPTY]).toBe(0xff);
  });
});

describe('memory operands', () => {
  test('16 bytes must be aligned, but for the moves that say otherwise', () => {
    expect(raised(() => memory('66 0F FE /r', 0, AREA + 8))).toBe(13);
    expect(raised(() => memory('NP 0F 28 /r', 0, AREA + 8))).toBe(13);
    expect(raised(() => memory('NP 0F 10 /r', 0, AREA + 8))).toBe(-1);
    expect(raised(() => memory('F3 0F 7F /r', 0, AREA + 8))).toBe(-1);
  });

  test('an unaligned store over the end of mapped memory writes nothing', () => {
    b.s.fill(-1, XMM, XMM + 4);
    expect(raised(() => memory('NP 0F 11 /r', 0, AREA + 0xff8))).toBe(14);
    expect(b.high.getUint32(0xff8, true)).toBe(0);
  });

  test('MASKMOVDQU writes the bytes whose mask bit is set, at DS:EDI', () => {
    b.views.u8.fill(0xaa, 4 * XMM, 4 * XMM + 16);
    b.views.u8.set([0x80, 0x7f, 0xff], 4 * (XMM + 4));
    b.s[EDI] = AREA;
    simdHelpers.maskmovdqu(c, 0, 1, SHAPE);
    expect([0, 1, 2, 3].map(i => b.high.getUint8(i))).toEqual([0xaa, 0, 0xaa, 0]);
  });
});

describe('MXCSR', () => {
  test('LDMXCSR refuses reserved bits, STMXCSR stores', () => {
    b.high.setUint32(0, 0x1fa0, true);
    memory('NP 0F AE /2', 0, AREA);
    expect(b.s[MXCSR]).toBe(0x1fa0);
    b.high.setUint32(0, 0x10000, true);
    expect(raised(() => memory('NP 0F AE /2', 0, AREA))).toBe(13);
    memory('NP 0F AE /3', 0, AREA + 4);
    expect(b.high.getUint32(4, true)).toBe(0x1fa0);
  });

  test('an unmasked exception is #XM (#UD without OSXMMEXCPT) and writes nothing', () => {
    b.s[MXCSR] = 0x1d80;
    b.views.f32[XMM] = 1;
    expect(raised(() => register('F3 0F 5E /r', 0, 1))).toBe(19);
    expect(b.views.f32[XMM]).toBe(1);
    expect(b.s[MXCSR]).toBe(0x1d84);
    b.s[CR4] = CR4_OSFXSR;
    expect(raised(() => register('F3 0F 5E /r', 0, 1))).toBe(6);
  });
});

describe('approximations', () => {
  test.each([
    ['F3 0F 53 /r', (x: number) => 1 / x],
    ['F3 0F 52 /r', (x: number) => 1 / Math.sqrt(x)],
  ] as const)('%s is within 1.5 * 2^-12', (encoding, exact) => {
    for (let x = 0.0137; x < 1e6; x *= 1.37) {
      b.views.f32[XMM + 4] = x;
      register(encoding, 0, 1);
      const want = exact(b.views.f32[XMM + 4]);
      expect(Math.abs(b.views.f32[XMM] / want - 1)).toBeLessThan(1.5 * 2 ** -12);
    }
  });

  test('zeros, infinities and negative numbers as the manual says, and no flags', () => {
    const rsqrt = (bits: number): number => {
      b.s[XMM + 4] = bits;
      register('F3 0F 52 /r', 0, 1);
      return b.s[XMM] >>> 0;
    };
    expect([0, 0x80000000, 0x7f800000, 0xbf800000, 0x7f800001].map(rsqrt)).toEqual([
      0x7f800000, 0xff800000, 0, 0xffc00000, 0x7fc00001,
    ]);
    expect(b.s[MXCSR]).toBe(0x1f80);
  });
});

test('MONITOR and MWAIT are for ring 0; MWAIT knows the extension of CPUID leaf 5', () => {
  b.s[ECX] = 1;
  expect(raised(() => simdHelpers.monitor(c, 0, SHAPE))).toBe(13);
  expect(raised(() => simdHelpers.monitor(c, 1, SHAPE))).toBe(-1);
  b.s[ECX] = 2;
  expect(raised(() => simdHelpers.monitor(c, 1, SHAPE))).toBe(13);
  b.s[CPL] = 3;
  expect(raised(() => simdHelpers.monitor(c, 0, SHAPE))).toBe(6);
});
