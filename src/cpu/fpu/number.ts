/**
 * Floating-point numbers taken apart: sign, exponent, 64-bit significand. The three formats of the
 * processor (binary32, binary64, double extended) all unpack into this one form, with the
 * significand left-aligned, so that one set of operations serves x87 and SSE.
 *
 * Sources: Intel SDM volume 1, sections 4.2, 4.8 and 8.2; IEEE 754.
 * Objects of this class are made once when modules load, never per operation; all fields stay
 * int32, so that the engine keeps them unboxed.
 */

/** Kinds of number; every NaN kind is above INFINITE. */
export const ZERO = 0;
export const FINITE = 1;
export const INFINITE = 2;
export const QUIET = 3;
export const SIGNALING = 4;
/** Unnormals, pseudo-infinities and pseudo-NaNs, which no processor since the 387 accepts. */
export const UNSUPPORTED = 5;

/** Exception flags, the same bits in FSW and MXCSR. */
export const IE = 1;
export const DE = 2;
export const ZE = 4;
export const OE = 8;
export const UE = 16;
export const PE = 32;
/** Rounding control. */
export const NEAREST = 0;
export const DOWN = 1;
export const UP = 2;
export const CHOP = 3;

export class Unpacked {
  kind = ZERO;
  /** 1 = negative. */
  sign = 0;
  /** Of the leading bit: 1.xxx * 2^exp. */
  exp = 0;
  /** Significand; bit 31 of `hi` is the leading one of finite numbers. */
  hi = 0;
  lo = 0;
  /** Result bits below the significand; bit 0 also stands for all that is further down. */
  ext = 0;
  /** 1 when the operand was denormal or pseudo-denormal as stored. */
  denormal = 0;
}

/** What operations round to and report; set up before each operation. */
export class Environment {
  rounding = NEAREST;
  /** Bits of significand: 24, 53 or 64. */
  precision = 64;
  /** Set bits are masked exceptions. */
  masks = 0x3f;
  flags = 0;
  /** 1 when the last rounding moved away from zero. */
  roundedUp = 0;
  /** 1 for the NaN rules of SSE (first operand wins), 0 for those of x87 (larger one wins). */
  sse = 0;
  /** SSE's flush-to-zero. */
  flush = 0;
  /** SSE's denormals-are-zeros. */
  daz = 0;
}

export const env = new Environment();

/** Unpacks words of the double extended format. */
export function unpackExtended(to: Unpacked, lo: number, hi: number, signExponent: number): void {
  const e = signExponent & 0x7fff;
  to.sign = (signExponent >>> 15) & 1;
  to.hi = hi;
  to.lo = lo;
  to.denormal = 0;
  if (e === 0) {
    to.kind = ZERO;
    if ((hi | lo) !== 0) normalizeDenormal(to, -16382);
  } else if (hi >= 0) {
    to.kind = UNSUPPORTED;
  } else if (e === 0x7fff) {
    to.kind = nanKind(hi << 1, lo);
  } else {
    to.kind = FINITE;
    to.exp = e - 16383;
  }
}

/** INFINITE, QUIET or SIGNALING of a fraction whose first bit is bit 31 of `hi`. */
function nanKind(hi: number, lo: number): number {
  if ((hi | lo) === 0) return INFINITE;
  return hi < 0 ? QUIET : SIGNALING;
}

/** `hi:lo` are not zero; `exp` is that of bit 63. */
function normalizeDenormal(to: Unpacked, exp: number): void {
  to.kind = FINITE;
  to.denormal = 1;
  to.exp = exp;
  normalize(to);
}

/** Shifts the significand (not zero, without `ext`) until bit 63 is set. */
export function normalize(to: Unpacked): void {
  if (to.hi === 0) {
    to.hi = to.lo;
    to.lo = 0;
    to.exp -= 32;
  }
  const n = Math.clz32(to.hi);
  if (n === 0) return;
  to.hi = (to.hi << n) | (to.lo >>> (32 - n));
  to.lo <<= n;
  to.exp -= n;
}

export function unpackDouble(to: Unpacked, lo: number, hi: number): void {
  const e = (hi >>> 20) & 0x7ff;
  const fractionHi = (hi << 11) | (lo >>> 21);
  to.sign = hi >>> 31;
  to.lo = lo << 11;
  to.denormal = 0;
  to.hi = fractionHi | 0x80000000;
  if (e === 0x7ff) {
    to.kind = nanKind(fractionHi << 1, to.lo);
  } else if (e === 0) {
    to.hi = fractionHi & 0x7fffffff;
    to.kind = ZERO;
    if ((to.hi | to.lo) !== 0) denormalOperand(to, -1022);
  } else {
    to.kind = FINITE;
    to.exp = e - 1023;
  }
}

export function unpackSingle(to: Unpacked, bits: number): void {
  const e = (bits >>> 23) & 0xff;
  to.sign = bits >>> 31;
  to.lo = 0;
  to.denormal = 0;
  to.hi = (bits << 8) | 0x80000000;
  if (e === 0xff) {
    to.kind = nanKind(bits << 9, 0);
  } else if (e === 0) {
    to.hi = (bits << 8) & 0x7fffffff;
    to.kind = ZERO;
    if (to.hi !== 0) denormalOperand(to, -126);
  } else {
    to.kind = FINITE;
    to.exp = e - 127;
  }
}

function denormalOperand(to: Unpacked, exp: number): void {
  if (env.daz === 1) {
    to.hi = 0;
    to.lo = 0;
  } else {
    normalizeDenormal(to, exp);
  }
}

/** A signed 64-bit integer. */
export function unpackInteger(to: Unpacked, lo: number, hi: number): void {
  to.denormal = 0;
  to.sign = hi >>> 31;
  to.lo = to.sign === 1 ? -lo | 0 : lo;
  to.hi = to.sign === 1 ? ~hi + (lo === 0 ? 1 : 0) : hi;
  to.hi |= 0;
  if ((to.hi | to.lo) === 0) {
    to.kind = ZERO;
    return;
  }
  to.kind = FINITE;
  to.exp = 63;
  normalize(to);
}

/** Sign and exponent word of a rounded number in the double extended format. */
export function extendedExponent(from: Unpacked): number {
  const sign = from.sign << 15;
  if (from.kind === ZERO) return sign;
  if (from.kind >= INFINITE) return sign | 0x7fff;
  return from.hi < 0 ? sign | (from.exp + 16383) : sign;
}

/** The bits of a rounded number as binary32. */
export function packSingle(from: Unpacked): number {
  const sign = from.sign << 31;
  if (from.kind === ZERO) return sign;
  const fraction = (from.hi & 0x7fffffff) >>> 8;
  if (from.kind >= INFINITE) return sign | 0x7f800000 | fraction;
  return from.hi < 0 ? sign | ((from.exp + 127) << 23) | fraction : sign | fraction;
}

/** The low word of a rounded number as binary64; zeros and infinities have theirs cleared. */
export function packDoubleLow(from: Unpacked): number {
  return from.kind === ZERO ? 0 : (from.lo >>> 11) | (from.hi << 21);
}

export function packDoubleHigh(from: Unpacked): number {
  const sign = from.sign << 31;
  if (from.kind === ZERO) return sign;
  const fraction = (from.hi & 0x7fffffff) >>> 11;
  if (from.kind >= INFINITE) return sign | 0x7ff00000 | fraction;
  return from.hi < 0 ? sign | ((from.exp + 1023) << 20) | fraction : sign | fraction;
}

export function setZero(to: Unpacked, sign: number): void {
  to.kind = ZERO;
  to.sign = sign;
  to.hi = 0;
  to.lo = 0;
}

export function setInfinite(to: Unpacked, sign: number): void {
  to.kind = INFINITE;
  to.sign = sign;
  to.hi = 0x80000000 | 0;
  to.lo = 0;
}

/** The default NaN, "real indefinite". */
export function setIndefinite(to: Unpacked): void {
  to.kind = QUIET;
  to.sign = 1;
  to.hi = 0xc0000000 | 0;
  to.lo = 0;
}

export function copy(to: Unpacked, from: Unpacked): void {
  to.kind = from.kind;
  to.sign = from.sign;
  to.exp = from.exp;
  to.hi = from.hi;
  to.lo = from.lo;
  to.ext = 0;
  to.denormal = from.denormal;
}
