/**
 * Add, subtract, multiply, divide, square root and compare on unpacked numbers. Results are exact
 * to 96 bits and a sticky bit; round.ts makes the destination's number of them.
 *
 * Sources: Intel SDM volume 1, sections 4.8.3 (NaN rules), 8.5 and 11.5 (exceptions, priority);
 * Knuth, The Art of Computer Programming, volume 2, section 4.3.1 (long division).
 */

import {
  copy,
  DE,
  DOWN,
  env,
  FINITE,
  IE,
  INFINITE,
  QUIET,
  SIGNALING,
  setIndefinite,
  setInfinite,
  setZero,
  UNSUPPORTED,
  Unpacked,
  ZE,
  ZERO,
} from './number.ts';
import { shiftRightJam } from './round.ts';

const TWO32 = 4294967296;
const shifted = new Unpacked();

/** Result of an operation that has no value: invalid, and the default NaN. */
export function invalid(r: Unpacked): void {
  env.flags |= IE;
  setIndefinite(r);
}

/** The NaN (or unsupported) operands of a two-operand operation decide the result. */
export function propagate(r: Unpacked, a: Unpacked, b: Unpacked): void {
  if (a.kind === UNSUPPORTED || b.kind === UNSUPPORTED) {
    invalid(r);
    return;
  }
  if (a.kind === SIGNALING || b.kind === SIGNALING) env.flags |= IE;
  const winner = a.kind < QUIET ? b : b.kind < QUIET ? a : env.sse === 1 ? a : larger(a, b);
  copy(r, winner);
  quiet(r);
}

/** x87: a quiet NaN before a signaling one, then the larger significand, then the positive one. */
function larger(a: Unpacked, b: Unpacked): Unpacked {
  if (a.kind !== b.kind) return a.kind === QUIET ? a : b;
  const order = compareBits(a.hi, a.lo, b.hi, b.lo);
  if (order !== 0) return order > 0 ? a : b;
  return a.sign <= b.sign ? a : b;
}

/** The NaN operand of a one-operand operation. */
export function propagateOne(r: Unpacked, a: Unpacked): void {
  if (a.kind === UNSUPPORTED) {
    invalid(r);
    return;
  }
  if (a.kind === SIGNALING) env.flags |= IE;
  copy(r, a);
  quiet(r);
}

function quiet(r: Unpacked): void {
  r.kind = QUIET;
  r.hi |= 0x40000000;
}

/** Unsigned comparison of 64-bit words: negative, 0 or positive. */
export function compareBits(aHi: number, aLo: number, bHi: number, bLo: number): number {
  if (aHi !== bHi) return (aHi ^ 0x80000000) < (bHi ^ 0x80000000) ? -1 : 1;
  if (aLo !== bLo) return (aLo ^ 0x80000000) < (bLo ^ 0x80000000) ? -1 : 1;
  return 0;
}

function noteDenormals(a: Unpacked, b: Unpacked): void {
  if ((a.denormal | b.denormal) !== 0) env.flags |= DE;
}

/** r = a + b, or a - b with `flip` = 1. `r` is neither operand. */
export function add(r: Unpacked, a: Unpacked, b: Unpacked, flip: number): void {
  if (a.kind > INFINITE || b.kind > INFINITE) {
    propagate(r, a, b);
    return;
  }
  const bSign = b.sign ^ flip;
  if (a.kind === INFINITE || b.kind === INFINITE) {
    if (a.kind === b.kind && a.sign !== bSign) {
      invalid(r);
      return;
    }
    noteDenormals(a, b);
    setInfinite(r, a.kind === INFINITE ? a.sign : bSign);
    return;
  }
  noteDenormals(a, b);
  if (b.kind === ZERO) {
    if (a.kind === ZERO) setZero(r, a.sign === bSign ? a.sign : exactZeroSign());
    else copy(r, a);
    return;
  }
  if (a.kind === ZERO) {
    copy(r, b);
    r.sign = bSign;
    return;
  }
  if (a.sign === bSign) addMagnitudes(r, a, b);
  else subtractMagnitudes(r, a, b, bSign);
}

function exactZeroSign(): number {
  return env.rounding === DOWN ? 1 : 0;
}

/** Aligns `small` with the exponent `exp` into `shifted`. */
function align(small: Unpacked, exp: number): void {
  shifted.hi = small.hi;
  shifted.lo = small.lo;
  shifted.ext = 0;
  if (exp !== small.exp) shiftRightJam(shifted, exp - small.exp);
}

function addMagnitudes(r: Unpacked, a: Unpacked, b: Unpacked): void {
  const big = a.exp >= b.exp ? a : b;
  align(big === a ? b : a, big.exp);
  const lo = (big.lo >>> 0) + (shifted.lo >>> 0);
  const hi = (big.hi >>> 0) + (shifted.hi >>> 0) + (lo >= TWO32 ? 1 : 0);
  r.kind = FINITE;
  r.sign = a.sign;
  r.exp = big.exp;
  r.hi = hi | 0;
  r.lo = lo | 0;
  r.ext = shifted.ext;
  if (hi >= TWO32) {
    shiftRightJam(r, 1);
    r.hi |= 0x80000000;
    r.exp += 1;
  }
}

function subtractMagnitudes(r: Unpacked, a: Unpacked, b: Unpacked, bSign: number): void {
  let order = a.exp - b.exp;
  if (order === 0) order = compareBits(a.hi, a.lo, b.hi, b.lo);
  if (order === 0) {
    setZero(r, exactZeroSign());
    return;
  }
  const big = order > 0 ? a : b;
  align(order > 0 ? b : a, big.exp);
  const ext = 0 - (shifted.ext >>> 0);
  const lo = (big.lo >>> 0) - (shifted.lo >>> 0) - (ext < 0 ? 1 : 0);
  const hi = (big.hi >>> 0) - (shifted.hi >>> 0) - (lo < 0 ? 1 : 0);
  r.kind = FINITE;
  r.sign = order > 0 ? a.sign : bSign;
  r.exp = big.exp;
  r.hi = hi | 0;
  r.lo = lo | 0;
  r.ext = ext | 0;
  normalizeWide(r);
}

/** Shifts `hi:lo:ext`, not zero, left until bit 31 of `hi` is set. */
export function normalizeWide(r: Unpacked): void {
  while (r.hi === 0) {
    r.hi = r.lo;
    r.lo = r.ext;
    r.ext = 0;
    r.exp -= 32;
  }
  const n = Math.clz32(r.hi);
  if (n === 0) return;
  r.hi = (r.hi << n) | (r.lo >>> (32 - n));
  r.lo = (r.lo << n) | (r.ext >>> (32 - n));
  r.ext <<= n;
  r.exp -= n;
}

/** High word of the unsigned product. */
export function multiplyHigh(a: number, b: number): number {
  const a0 = a & 0xffff;
  const a1 = a >>> 16;
  const b0 = b & 0xffff;
  const b1 = b >>> 16;
  const middle = (Math.imul(a1, b0) + (Math.imul(a0, b0) >>> 16)) >>> 0;
  const other = (Math.imul(a0, b1) + (middle & 0xffff)) >>> 0;
  return (Math.imul(a1, b1) + (middle >>> 16) + (other >>> 16)) | 0;
}

/** r = a * b. */
export function multiply(r: Unpacked, a: Unpacked, b: Unpacked): void {
  if (a.kind > INFINITE || b.kind > INFINITE) {
    propagate(r, a, b);
    return;
  }
  const sign = a.sign ^ b.sign;
  if (a.kind === INFINITE || b.kind === INFINITE) {
    if (a.kind === ZERO || b.kind === ZERO) {
      invalid(r);
      return;
    }
    noteDenormals(a, b);
    setInfinite(r, sign);
    return;
  }
  noteDenormals(a, b);
  if (a.kind === ZERO || b.kind === ZERO) {
    setZero(r, sign);
    return;
  }
  r.kind = FINITE;
  r.sign = sign;
  r.exp = a.exp + b.exp + 1;
  multiplySignificands(r, a, b);
  if (r.hi >= 0) {
    r.hi = (r.hi << 1) | (r.lo >>> 31);
    r.lo = (r.lo << 1) | (r.ext >>> 31);
    r.ext = (r.ext << 1) | (r.ext & 1);
    r.exp -= 1;
  }
}

/** The upper 96 bits of the 128-bit product, the rest in the sticky bit. */
function multiplySignificands(r: Unpacked, a: Unpacked, b: Unpacked): void {
  if ((a.lo | b.lo) === 0) {
    r.hi = multiplyHigh(a.hi, b.hi);
    r.lo = Math.imul(a.hi, b.hi);
    r.ext = 0;
    return;
  }
  const w0 = Math.imul(a.lo, b.lo);
  const w1 =
    (multiplyHigh(a.lo, b.lo) >>> 0) +
    (Math.imul(a.lo, b.hi) >>> 0) +
    (Math.imul(a.hi, b.lo) >>> 0);
  const w2 =
    (multiplyHigh(a.lo, b.hi) >>> 0) +
    (multiplyHigh(a.hi, b.lo) >>> 0) +
    (Math.imul(a.hi, b.hi) >>> 0) +
    Math.floor(w1 / TWO32);
  r.hi = (multiplyHigh(a.hi, b.hi) + Math.floor(w2 / TWO32)) | 0;
  r.lo = w2 | 0;
  r.ext = w1 | 0 | (w0 !== 0 ? 1 : 0);
}

/** r = a / b. */
export function divide(r: Unpacked, a: Unpacked, b: Unpacked): void {
  if (a.kind > INFINITE || b.kind > INFINITE) {
    propagate(r, a, b);
    return;
  }
  const sign = a.sign ^ b.sign;
  if (a.kind === b.kind && a.kind !== FINITE) {
    invalid(r);
  } else if (a.kind === INFINITE || b.kind === INFINITE) {
    noteDenormals(a, b);
    if (a.kind === INFINITE) setInfinite(r, sign);
    else setZero(r, sign);
  } else if (b.kind === ZERO) {
    env.flags |= ZE;
    setInfinite(r, sign);
  } else {
    noteDenormals(a, b);
    if (a.kind === ZERO) setZero(r, sign);
    else divideFinite(r, a, b, sign);
  }
}

/** The running remainder of long division, two unsigned words. */
let remainderHi = 0;
let remainderLo = 0;

/** Next 16 bits of remainder * 2^16 / (dHi:dLo); all intermediates are exact in doubles. */
function quotientDigit(dHi: number, dLo: number): number {
  const d = dHi * TWO32 + dLo;
  let q = Math.floor(((remainderHi * TWO32 + remainderLo) * 65536) / d);
  if (q > 65535) q = 65535;
  let lo = remainderLo * 65536 - q * dLo;
  const carry = Math.floor(lo / TWO32);
  lo -= carry * TWO32;
  let hi = remainderHi * 65536 - q * dHi + carry;
  while (hi < 0) {
    q -= 1;
    lo += dLo;
    hi += dHi;
    if (lo >= TWO32) {
      lo -= TWO32;
      hi += 1;
    }
  }
  while (hi > dHi || (hi === dHi && lo >= dLo)) {
    q += 1;
    lo -= dLo;
    hi -= dHi;
    if (lo < 0) {
      lo += TWO32;
      hi -= 1;
    }
  }
  remainderHi = hi;
  remainderLo = lo;
  return q;
}

function divideFinite(r: Unpacked, a: Unpacked, b: Unpacked, sign: number): void {
  r.kind = FINITE;
  r.sign = sign;
  r.exp = a.exp - b.exp;
  const dHi = b.hi >>> 0;
  const dLo = b.lo >>> 0;
  remainderHi = a.hi >>> 0;
  remainderLo = a.lo >>> 0;
  // The quotient of the significands is in (1/2, 2): its integer bit comes first.
  let one = 0;
  if (compareBits(a.hi, a.lo, b.hi, b.lo) >= 0) {
    one = 1;
    remainderHi -= dHi;
    remainderLo -= dLo;
    if (remainderLo < 0) {
      remainderLo += TWO32;
      remainderHi -= 1;
    }
  }
  const q3 = quotientDigit(dHi, dLo);
  const q2 = quotientDigit(dHi, dLo);
  const q1 = quotientDigit(dHi, dLo);
  const q0 = quotientDigit(dHi, dLo);
  const qx = quotientDigit(dHi, dLo);
  const sticky = (remainderHi | remainderLo) !== 0 ? 1 : 0;
  r.hi = (q3 << 16) | q2;
  r.lo = (q1 << 16) | q0;
  r.ext = (qx << 16) | sticky;
  if (one === 1) {
    shiftRightJam(r, 1);
    r.hi |= 0x80000000;
  } else {
    r.exp -= 1;
  }
}

/** r = square root of a. */
export function squareRoot(r: Unpacked, a: Unpacked): void {
  if (a.kind > INFINITE) {
    propagateOne(r, a);
    return;
  }
  if (a.kind === ZERO) {
    setZero(r, a.sign);
    return;
  }
  if (a.sign === 1) {
    invalid(r);
    return;
  }
  if (a.denormal === 1) env.flags |= DE;
  if (a.kind === INFINITE) {
    setInfinite(r, 0);
    return;
  }
  r.kind = FINITE;
  r.sign = 0;
  r.exp = a.exp >> 1;
  rootBits(r, a);
}

/** Digit by digit: 64 bits of root, then whether anything is left. */
function rootBits(r: Unpacked, a: Unpacked): void {
  // Radicand as x * 2^62 with x in [1, 4): remainder words are kept below 2^32 as doubles.
  let inHi = a.hi;
  let inLo = a.lo;
  let remHi = 0;
  let remLo = 0;
  let rootHi = 0;
  let rootLo = 0;
  // The first pair of bits is 0x or 1x.
  let first = (a.exp & 1) === 0;
  for (let i = 0; i < 66; i++) {
    let pair: number;
    if (first) {
      pair = inHi >>> 31;
      inHi = (inHi << 1) | (inLo >>> 31);
      inLo <<= 1;
      first = false;
    } else {
      pair = inHi >>> 30;
      inHi = (inHi << 2) | (inLo >>> 30);
      inLo <<= 2;
    }
    // remainder = remainder * 4 + pair; trial = root * 4 + 1 (both below 2^68)
    const newLo = remLo * 4 + pair;
    const over = Math.floor(newLo / TWO32);
    remLo = newLo - over * TWO32;
    remHi = remHi * 4 + over;
    const trialLow = rootLo * 4 + 1;
    const trialOver = Math.floor(trialLow / TWO32);
    const trialLo = trialLow - trialOver * TWO32;
    const trialHi = rootHi * 4 + trialOver;
    const bit = remHi > trialHi || (remHi === trialHi && remLo >= trialLo) ? 1 : 0;
    if (bit === 1) {
      remHi -= trialHi;
      remLo -= trialLo;
      if (remLo < 0) {
        remLo += TWO32;
        remHi -= 1;
      }
    }
    rootLo = rootLo * 2 + bit;
    rootHi *= 2;
    if (rootLo >= TWO32) {
      rootLo -= TWO32;
      rootHi += 1;
    }
  }
  // 66 bits: the first is the leading one.
  const low2 = rootLo % 4;
  r.lo = (Math.floor(rootLo / 4) + (rootHi % 4) * 0x40000000) | 0;
  r.hi = Math.floor(rootHi / 4) | 0;
  r.ext = (low2 << 30) | (remHi !== 0 || remLo !== 0 ? 1 : 0);
}

/** How two numbers are ordered. */
export const LESS = -1;
export const EQUAL = 0;
export const GREATER = 1;
export const UNORDERED = 2;

/** Ordering of a and b; NaNs set IE when signaling, or always unless `quietly` is 1. */
export function compare(a: Unpacked, b: Unpacked, quietly: number): number {
  if (a.kind > INFINITE || b.kind > INFINITE) {
    if (quietly === 0 || a.kind >= SIGNALING || b.kind >= SIGNALING) env.flags |= IE;
    return UNORDERED;
  }
  noteDenormals(a, b);
  if (a.kind === ZERO && b.kind === ZERO) return EQUAL;
  if (a.kind === ZERO) return b.sign === 1 ? GREATER : LESS;
  if (b.kind === ZERO || a.sign !== b.sign) return a.sign === 1 ? LESS : GREATER;
  const order = compareMagnitudes(a, b);
  return a.sign === 1 ? -order : order;
}

/** Of two finite or infinite numbers that are not zero. */
function compareMagnitudes(a: Unpacked, b: Unpacked): number {
  if (a.kind !== b.kind) return a.kind === INFINITE ? GREATER : LESS;
  if (a.kind === INFINITE) return EQUAL;
  if (a.exp !== b.exp) return a.exp > b.exp ? GREATER : LESS;
  return compareBits(a.hi, a.lo, b.hi, b.lo);
}
