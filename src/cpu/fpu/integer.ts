/**
 * Between floating point and integers: rounding to an integral value, conversion to 16, 32 and 64
 * bits, packed decimal, and the partial remainders (which are integer division of significands).
 *
 * Sources: Intel SDM volume 1, sections 4.7, 8.1.5; volume 2, FRNDINT, FIST, FBSTP, FPREM, FPREM1.
 */

import { compareBits, invalid, propagate, propagateOne } from './arithmetic.ts';
import {
  copy,
  DE,
  env,
  FINITE,
  IE,
  INFINITE,
  normalize,
  PE,
  setZero,
  Unpacked,
  ZERO,
} from './number.ts';
import { shiftRightJam } from './round.ts';

const TWO32 = 4294967296;

/** Result of the conversions below, as signed words. */
export const integer = { lo: 0, hi: 0 };

/** Magnitude of the rounded value, in `whole.hi:lo`; true when it fits in 64 bits unsigned. */
const whole = new Unpacked();

function roundMagnitude(a: Unpacked, rounding: number): boolean {
  whole.hi = a.hi;
  whole.lo = a.lo;
  whole.ext = 0;
  if (a.exp > 63) return false;
  if (a.exp < 63) shiftRightJam(whole, a.exp < -1 ? 96 : 63 - a.exp);
  if (whole.ext === 0) return true;
  const half = whole.ext < 0;
  const above = whole.ext !== -0x80000000;
  const away =
    rounding === 0
      ? half && (above || (whole.lo & 1) === 1)
      : rounding === 1
        ? a.sign === 1
        : rounding === 2 && a.sign === 0;
  env.roundedUp = away ? 1 : 0;
  if (away) {
    whole.lo = (whole.lo + 1) | 0;
    if (whole.lo === 0) whole.hi = (whole.hi + 1) | 0;
    // All ones rounded up: 2^64.
    if (whole.lo === 0 && whole.hi === 0) return false;
  }
  return true;
}

/** Rounds a to a signed integer of `bits` into `integer`; false (and IE) when it does not fit. */
export function toInteger(a: Unpacked, bits: number, rounding: number): boolean {
  integer.lo = 0;
  integer.hi = 0;
  if (a.kind === ZERO) return true;
  if (a.kind >= INFINITE || !roundMagnitude(a, rounding) || !fits(a.sign, bits)) {
    env.flags |= IE;
    env.roundedUp = 0;
    return false;
  }
  if (whole.ext !== 0) env.flags |= PE;
  integer.lo = a.sign === 1 ? -whole.lo | 0 : whole.lo;
  integer.hi = a.sign === 1 ? (~whole.hi + (whole.lo === 0 ? 1 : 0)) | 0 : whole.hi;
  return true;
}

/** True when `whole` with that sign fits in `bits`. */
function fits(sign: number, bits: number): boolean {
  if (bits === 64) {
    return whole.hi >= 0 || (sign === 1 && whole.hi === -0x80000000 && whole.lo === 0);
  }
  const limit = 2 ** (bits - 1);
  return whole.hi === 0 && whole.lo >>> 0 < limit + sign;
}

/** FRNDINT: r = a rounded to an integral value. */
export function roundToIntegral(r: Unpacked, a: Unpacked): void {
  if (a.kind > INFINITE) {
    propagateOne(r, a);
    return;
  }
  copy(r, a);
  if (a.kind !== FINITE) return;
  if (a.denormal === 1) env.flags |= DE;
  if (a.exp >= 63) return;
  const carried = !roundMagnitude(a, env.rounding);
  if (whole.ext !== 0) env.flags |= PE;
  r.hi = whole.hi;
  r.lo = whole.lo;
  r.exp = 63;
  if (carried) {
    r.hi = 0x80000000 | 0;
    r.exp = 64;
  } else if ((r.hi | r.lo) === 0) {
    setZero(r, a.sign);
  } else {
    normalize(r);
  }
}

/** Ten bytes of FBSTP. */
export const decimal = new Uint8Array(10);

/** Rounds a to 18 decimal digits; false (and IE, and the indefinite) when it does not fit. */
export function toDecimal(a: Unpacked): boolean {
  decimal.fill(0);
  if (a.kind === ZERO) {
    decimal[9] = a.sign << 7;
    return true;
  }
  const tooBig = a.kind >= INFINITE || a.exp > 60 || !roundMagnitude(a, env.rounding);
  // 10^18 = 0x0de0b6b3a7640000
  if (tooBig || compareBits(whole.hi, whole.lo, 0x0de0b6b3, 0xa7640000 | 0) >= 0) {
    env.flags |= IE;
    env.roundedUp = 0;
    decimal.set([0xc0, 0xff, 0xff], 7);
    return false;
  }
  if (whole.ext !== 0) env.flags |= PE;
  decimal[9] = a.sign << 7;
  let hi = whole.hi >>> 0;
  let lo = whole.lo >>> 0;
  for (let i = 0; i < 9; i++) {
    const quotient = Math.floor(hi / 100);
    const rest = (hi - quotient * 100) * TWO32 + lo;
    hi = quotient;
    lo = Math.floor(rest / 100);
    const two = rest - lo * 100;
    decimal[i] = (Math.floor(two / 10) << 4) | (two % 10);
  }
  return true;
}

/** FBLD: digits to a number; what nibbles above 9 give is undefined, here they count as digits. */
export function fromDecimal(r: Unpacked, digits: Uint8Array): void {
  let hi = 0;
  let lo = 0;
  for (let i = 8; i >= 0; i--) {
    const two = (digits[i] >> 4) * 10 + (digits[i] & 15);
    const product = lo * 100 + two;
    const carry = Math.floor(product / TWO32);
    lo = product - carry * TWO32;
    hi = hi * 100 + carry;
  }
  r.denormal = 0;
  r.ext = 0;
  r.sign = digits[9] >> 7;
  r.hi = hi | 0;
  r.lo = lo | 0;
  r.kind = ZERO;
  if (hi === 0 && lo === 0) return;
  r.kind = FINITE;
  r.exp = 63;
  normalize(r);
}

/** What FPREM tells besides its result: low quotient bits, and whether it is only a part. */
export const remainder = { quotient: 0, partial: false };

/** r = a - b * trunc(a / b), or with `nearest` = 1 to the nearest (FPREM1). */
export function partialRemainder(r: Unpacked, a: Unpacked, b: Unpacked, nearest: number): void {
  remainder.quotient = 0;
  remainder.partial = false;
  if (a.kind > INFINITE || b.kind > INFINITE) {
    propagate(r, a, b);
    return;
  }
  if (a.kind === INFINITE || b.kind === ZERO) {
    invalid(r);
    return;
  }
  if ((a.denormal | b.denormal) !== 0) env.flags |= DE;
  copy(r, a);
  if (a.kind === ZERO || b.kind === INFINITE) return;
  const distance = a.exp - b.exp;
  if (distance < -1 || (distance === -1 && nearest === 0)) return;
  if (distance >= 64) {
    // Between 32 and 63 quotient bits go, the rest next time.
    remainder.partial = true;
    divideSteps(r, b, 32 + (distance & 31));
    r.exp = a.exp - 32 - (distance & 31);
  } else {
    if (distance >= 0) divideSteps(r, b, distance);
    else halve(r);
    r.exp = b.exp;
    if (nearest === 1) roundQuotient(r, b);
  }
  if ((r.hi | r.lo) === 0) setZero(r, a.sign);
  else normalize(r);
}

/** Brings a significand to the exponent above its own; the bit lost is kept in `ext`. */
function halve(r: Unpacked): void {
  r.ext = r.lo << 31;
  r.lo = (r.lo >>> 1) | (r.hi << 31);
  r.hi >>>= 1;
}

/** Bit by bit: r = the rest of r * 2^steps / b, both significands. */
function divideSteps(r: Unpacked, b: Unpacked, steps: number): void {
  let hi = r.hi;
  let lo = r.lo;
  let carry = 0;
  let quotient = 0;
  for (let i = 0; ; i++) {
    quotient <<= 1;
    if (carry === 1 || compareBits(hi, lo, b.hi, b.lo) >= 0) {
      const borrow = (lo ^ 0x80000000) < (b.lo ^ 0x80000000) ? 1 : 0;
      lo = (lo - b.lo) | 0;
      hi = (hi - b.hi - borrow) | 0;
      quotient |= 1;
    }
    if (i === steps) break;
    carry = hi >>> 31;
    hi = (hi << 1) | (lo >>> 31);
    lo <<= 1;
  }
  r.hi = hi;
  r.lo = lo;
  remainder.quotient = quotient;
}

/** From the truncated quotient to the nearest, ties to even. */
function roundQuotient(r: Unpacked, b: Unpacked): void {
  const twiceHi = (r.hi << 1) | (r.lo >>> 31);
  const twiceLo = (r.lo << 1) | (r.ext >>> 31);
  let order = r.hi < 0 ? 1 : compareBits(twiceHi, twiceLo, b.hi, b.lo);
  if (order === 0 && (remainder.quotient & 1) === 1) order = 1;
  if (order > 0) {
    // b - r, with the half bit of `ext`
    const below = r.ext < 0 ? 1 : 0;
    const lo = (b.lo >>> 0) - (r.lo >>> 0) - below;
    r.hi = (b.hi - r.hi - (lo < 0 ? 1 : 0)) | 0;
    r.lo = lo | 0;
    r.sign ^= 1;
    remainder.quotient += 1;
  }
  if (r.ext < 0) restoreHalf(r);
}

/** Puts the bit that `halve` moved to `ext` back: the rest is below half of b, so it fits. */
function restoreHalf(r: Unpacked): void {
  r.hi = (r.hi << 1) | (r.lo >>> 31);
  r.lo = (r.lo << 1) | 1;
  r.ext = 0;
  r.exp -= 1;
}
