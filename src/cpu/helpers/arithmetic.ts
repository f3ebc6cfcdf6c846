/**
 * Multiplication and division with their double-width operands, decimal adjustment, bit tests that
 * reach beyond their operand, CMPXCHG8B, XLAT.
 *
 * Source: Intel SDM volume 2. Flags that it leaves undefined: after division all stay; after
 * decimal adjustment OF is zero, after AAA and AAS ZF, SF and PF follow AL.
 */

import type { Context, Running, Size } from '../context.ts';
import * as flags from '../flags.ts';
import { checkAlignment, checkWrite, WRITE8 } from '../fpu/memory.ts';
import {
  AF,
  ARITHMETIC,
  CF,
  DE,
  EAX,
  EBX,
  ECX,
  EDX,
  FLAG_A,
  FLAG_B,
  FLAG_KIND,
  FLAG_RESULT,
  PF,
  SF,
  ZF,
} from '../registers.ts';

function setProduct(s: Int32Array, low: number, overflows: boolean): void {
  s[FLAG_KIND] = flags.MUL;
  s[FLAG_RESULT] = low;
  s[FLAG_A] = 0;
  s[FLAG_B] = overflows ? 1 : 0;
}

/** High half of the unsigned product. */
function highProduct(a: number, b: number): number {
  const al = a & 0xffff;
  const ah = a >>> 16;
  const bl = b & 0xffff;
  const bh = b >>> 16;
  const middle = ah * bl + ((al * bl) >>> 16);
  const cross = al * bh + (middle & 0xffff);
  return (
    (ah * bh + (middle - (middle & 0xffff)) / 0x10000 + (cross - (cross & 0xffff)) / 0x10000) | 0
  );
}

function setLow16(s: Int32Array, n: number, value: number): void {
  s[n] = (s[n] & ~0xffff) | (value & 0xffff);
}

function multiply(c: Context, b: number, size: number): void {
  const { s } = c;
  if (size === 8) {
    const product = (s[EAX] & 0xff) * (b & 0xff);
    setLow16(s, EAX, product);
    setProduct(s, (product << 24) >> 24, product > 0xff);
  } else if (size === 16) {
    const product = (s[EAX] & 0xffff) * (b & 0xffff);
    setLow16(s, EAX, product);
    setLow16(s, EDX, product >>> 16);
    setProduct(s, (product << 16) >> 16, product > 0xffff);
  } else {
    const a = s[EAX];
    s[EDX] = highProduct(a, b);
    s[EAX] = Math.imul(a, b);
    setProduct(s, s[EAX], s[EDX] !== 0);
  }
}

function multiplySigned(c: Context, b: number, size: number): void {
  const { s } = c;
  if (size === 8) {
    const product = ((s[EAX] << 24) >> 24) * b;
    setLow16(s, EAX, product);
    const low = (product << 24) >> 24;
    setProduct(s, low, low !== product);
  } else if (size === 16) {
    const product = ((s[EAX] << 16) >> 16) * b;
    setLow16(s, EAX, product);
    setLow16(s, EDX, product >> 16);
    const low = (product << 16) >> 16;
    setProduct(s, low, low !== product);
  } else {
    const a = s[EAX];
    const high = highProduct(a, b) - (a < 0 ? b : 0) - (b < 0 ? a : 0);
    s[EDX] = high | 0;
    s[EAX] = Math.imul(a, b);
    setProduct(s, s[EAX], s[EDX] !== s[EAX] >> 31);
  }
}

function divide(c: Context, by: number, size: number): void {
  const { s } = c;
  if (size === 8) {
    const d = by & 0xff;
    const n = s[EAX] & 0xffff;
    if (d === 0 || Math.floor(n / d) > 0xff) c.raise(DE);
    setLow16(s, EAX, Math.floor(n / d) | ((n % d) << 8));
  } else if (size === 16) {
    const d = by & 0xffff;
    const n = (((s[EDX] & 0xffff) << 16) | (s[EAX] & 0xffff)) >>> 0;
    if (d === 0 || Math.floor(n / d) > 0xffff) c.raise(DE);
    setLow16(s, EAX, Math.floor(n / d));
    setLow16(s, EDX, n % d);
  } else {
    divide64(c, s[EDX] >>> 0, s[EAX] >>> 0, by >>> 0);
  }
}

/** EDX:EAX by a 32-bit number, unsigned, in two exact steps of 53-bit arithmetic where it fits. */
function divide64(c: Context, high: number, low: number, d: number): void {
  const { s } = c;
  if (high >= d) c.raise(DE);
  if (high === 0) {
    s[EAX] = Math.floor(low / d) | 0;
    s[EDX] = (low % d) | 0;
    return;
  }
  if (high < 0x200000) {
    const n = high * 0x100000000 + low;
    const remainder = n % d;
    s[EAX] = ((n - remainder) / d) | 0;
    s[EDX] = remainder | 0;
    return;
  }
  const n = (BigInt(high) << 32n) | BigInt(low);
  s[EAX] = Number(BigInt.asIntN(32, n / BigInt(d)));
  s[EDX] = Number(BigInt.asIntN(32, n % BigInt(d)));
}

function divideSigned(c: Context, by: number, size: number): void {
  const { s } = c;
  if (by === 0) c.raise(DE);
  if (size === 8) {
    const n = (s[EAX] << 16) >> 16;
    const q = Math.trunc(n / by);
    if (q > 127 || q < -128) c.raise(DE);
    setLow16(s, EAX, (q & 0xff) | ((n % by) << 8));
  } else if (size === 16) {
    const n = (s[EDX] << 16) | (s[EAX] & 0xffff);
    const q = Math.trunc(n / by);
    if (q > 32767 || q < -32768) c.raise(DE);
    setLow16(s, EAX, q);
    setLow16(s, EDX, n % by);
  } else if (s[EDX] === s[EAX] >> 31) {
    const n = s[EAX];
    const q = Math.trunc(n / by);
    if (q > 0x7fffffff) c.raise(DE);
    s[EAX] = q | 0;
    s[EDX] = (n % by) | 0;
  } else {
    const n = (BigInt(s[EDX]) << 32n) | BigInt(s[EAX] >>> 0);
    const q = n / BigInt(by);
    if (q !== BigInt.asIntN(32, q)) c.raise(DE);
    s[EAX] = Number(q);
    s[EDX] = Number(BigInt.asIntN(32, n % BigInt(by)));
  }
}

/** SF, ZF and PF of AL, and the given CF and AF. */
function setDecimal(s: Int32Array, al: number, given: number): void {
  const signed = (al << 24) >> 24;
  flags.setStored(s, signed, given & CF, given & AF);
}

function setAl(s: Int32Array, al: number): void {
  s[EAX] = (s[EAX] & ~0xff) | (al & 0xff);
}

/** DAA with +1, DAS with -1. */
function adjustPacked(s: Int32Array, direction: 1 | -1): void {
  const before = flags.arithmetic(s);
  const old = s[EAX] & 0xff;
  let al = old;
  let out = 0;
  if ((old & 15) > 9 || (before & AF) !== 0) {
    al += 6 * direction;
    out = AF | (before & CF) | (al < 0 || al > 0xff ? CF : 0);
  }
  if (old > 0x99 || (before & CF) !== 0) {
    al += 0x60 * direction;
    out |= CF;
  } else if (direction === 1) {
    out &= ~CF;
  }
  setAl(s, al);
  setDecimal(s, al, out);
}

/** AAA with +1, AAS with -1. */
function adjustUnpacked(s: Int32Array, direction: 1 | -1): void {
  const before = flags.arithmetic(s);
  const adjusts = (s[EAX] & 15) > 9 || (before & AF) !== 0;
  if (adjusts) setLow16(s, EAX, (s[EAX] & 0xffff) + 0x106 * direction);
  setAl(s, s[EAX] & 15);
  setDecimal(s, s[EAX], adjusts ? AF | CF : 0);
}

/** BT, BTS, BTR, BTC with a memory operand and a register; `what` is size << 2 | which. */
function bitTestMemory(c: Running, shape: number, offset: number, n: number, what: number): void {
  const size = what >> 2;
  const bytes = (size >> 3) as Size;
  const mask = (shape >> 31) | 0xffff;
  const at = (offset + (n >> (size === 32 ? 5 : 4)) * bytes) & mask;
  const seg = (shape >> 8) & 7;
  const bit = n & (size - 1);
  const which = what & 3;
  const old = which === 0 ? c.load(seg, at, bytes) : c.loadToModify(seg, at, bytes);
  if (which === 1) c.finishModify(bytes, old | (1 << bit));
  else if (which === 2) c.finishModify(bytes, old & ~(1 << bit));
  else if (which === 3) c.finishModify(bytes, old ^ (1 << bit));
  flags.settle(c.s);
  c.s[FLAG_A] = 0;
  c.s[FLAG_B] = (old >>> bit) & 1;
}

function cmpxchg8b(c: Running, shape: number, offset: number): void {
  const { s } = c;
  const seg = (shape >> 8) & 7;
  const second = (offset + 4) | 0;
  checkAlignment(c, seg, offset, WRITE8);
  // All of it must be writable before anything changes; the lower half faults first.
  checkWrite(c, seg, offset, 8);
  const low = c.loadToModify(seg, offset, 4);
  const high = c.loadToModify(seg, second, 4);
  const isEqual = low === s[EAX] && high === s[EDX];
  c.store(seg, offset, 4, isEqual ? s[EBX] : low);
  c.store(seg, second, 4, isEqual ? s[ECX] : high);
  if (!isEqual) {
    s[EAX] = low;
    s[EDX] = high;
  }
  flags.setEflags(s, isEqual ? ZF : 0, ZF);
}

function xlat(c: Context, shape: number): void {
  const { s } = c;
  const offset = (s[EBX] + (s[EAX] & 0xff)) & ((shape >> 31) | 0xffff);
  setAl(s, c.load((shape >> 8) & 7, offset, 1));
}

export const arithmeticHelpers = {
  multiply,
  multiplySigned,
  divide,
  divideSigned,
  daa: (c: Context): void => adjustPacked(c.s, 1),
  das: (c: Context): void => adjustPacked(c.s, -1),
  aaa: (c: Context): void => adjustUnpacked(c.s, 1),
  aas: (c: Context): void => adjustUnpacked(c.s, -1),
  aam(c: Context, base: number): void {
    const { s } = c;
    const by = base & 0xff;
    if (by === 0) c.raise(DE);
    const al = s[EAX] & 0xff;
    setLow16(s, EAX, (Math.floor(al / by) << 8) | (al % by));
    setDecimal(s, al % by, 0);
  },
  aad(c: Context, base: number): void {
    const { s } = c;
    const al = ((s[EAX] & 0xff) + ((s[EAX] >> 8) & 0xff) * (base & 0xff)) & 0xff;
    setLow16(s, EAX, al);
    setDecimal(s, al, 0);
  },
  bitTestMemory,
  cmpxchg8b,
  xlat,
  lahf(c: Context): void {
    const { s } = c;
    const low = (flags.arithmetic(s) & (CF | PF | AF | ZF | SF)) | 2;
    s[EAX] = (s[EAX] & ~0xff00) | (low << 8);
  },
  sahf: (c: Context): void =>
    flags.setEflags(c.s, (c.s[EAX] >> 8) & 0xff, ARITHMETIC & (CF | PF | AF | ZF | SF)),
};
