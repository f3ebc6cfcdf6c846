/**
 * The last step of every operation: round to the destination's precision, notice overflow and
 * underflow, and report.
 *
 * Sources: Intel SDM volume 1, sections 4.8.4, 4.9.1 and 8.5; IEEE 754. Tininess is detected after
 * rounding; a masked underflow is reported only when the result is also inexact.
 */

import type { Unpacked } from './number.ts';
import { DOWN, env, FINITE, NEAREST, OE, PE, setInfinite, setZero, UE, UP } from './number.ts';

/** Rounds `r` (significand `hi:lo:ext`) to `bits`, exponent unbounded; true when inexact. */
function roundSignificand(r: Unpacked, bits: number): boolean {
  let rest = r.ext;
  let odd = r.lo & 1;
  if (bits === 53) {
    rest = (r.lo << 21) | (r.ext !== 0 ? 1 : 0);
    odd = r.lo & 0x800;
    r.lo &= ~0x7ff;
  } else if (bits === 24) {
    rest = (r.hi << 24) | ((r.lo | r.ext) !== 0 ? 1 : 0);
    odd = r.hi & 0x100;
    r.hi &= ~0xff;
    r.lo = 0;
  }
  r.ext = 0;
  env.roundedUp = 0;
  if (rest === 0) return false;
  if (roundsAway(rest, odd, r.sign)) {
    env.roundedUp = 1;
    increment(r, bits);
  }
  return true;
}

function roundsAway(rest: number, odd: number, sign: number): boolean {
  switch (env.rounding) {
    case NEAREST:
      return rest < 0 && (odd !== 0 || rest !== -0x80000000);
    case DOWN:
      return sign === 1;
    case UP:
      return sign === 0;
    default:
      return false;
  }
}

/** Adds one unit in the last place. */
function increment(r: Unpacked, bits: number): void {
  const before = r.hi;
  if (bits === 24) {
    r.hi = (r.hi + 0x100) | 0;
  } else {
    r.lo = (r.lo + (bits === 53 ? 0x800 : 1)) | 0;
    if (r.lo === 0) r.hi = (r.hi + 1) | 0;
  }
  if (before < 0 && r.hi >= 0) {
    r.hi = 0x80000000 | 0;
    r.exp += 1;
  }
}

/** Shifts `hi:lo:ext` right by `n` > 0, what falls out is kept in bit 0 of `ext`. */
export function shiftRightJam(r: Unpacked, n: number): void {
  let hi = r.hi;
  let lo = r.lo;
  let ext = r.ext;
  let sticky = 0;
  let left = n;
  while (left >= 32) {
    sticky |= ext;
    ext = lo;
    lo = hi;
    hi = 0;
    left -= 32;
    if (left >= 96) left = 95;
  }
  if (left > 0) {
    sticky |= ext << (32 - left);
    ext = (ext >>> left) | (lo << (32 - left));
    lo = (lo >>> left) | (hi << (32 - left));
    hi >>>= left;
  }
  r.hi = hi | 0;
  r.lo = lo | 0;
  r.ext = ext | (sticky !== 0 ? 1 : 0);
}

/** True when a finite `r` below 2^minExp stays below it, rounded to `bits` without bound. */
function staysTiny(r: Unpacked, bits: number, minExp: number): boolean {
  if (r.exp < minExp - 1) return true;
  const { hi, lo, ext, exp } = r;
  roundSignificand(r, bits);
  const tiny = r.exp < minExp;
  r.hi = hi;
  r.lo = lo;
  r.ext = ext;
  r.exp = exp;
  return tiny;
}

/**
 * Rounds a finite result to a memory format or an SSE register: 24 bits and binary32's exponents,
 * or 53 and binary64's. With OE or UE unmasked the result is not for use.
 */
export function roundToFormat(r: Unpacked, bits: number): void {
  const maxExp = bits === 24 ? 127 : 1023;
  finish(r, bits, maxExp);
}

/** Rounds a finite result to the double extended format, at `env.precision`. */
export function roundToExtended(r: Unpacked): void {
  finish(r, env.precision, 16383);
}

function finish(r: Unpacked, bits: number, maxExp: number): void {
  if (r.kind !== FINITE) return;
  const minExp = 1 - maxExp;
  if (r.exp < minExp && staysTiny(r, bits, minExp)) {
    underflow(r, bits, minExp);
    return;
  }
  if (roundSignificand(r, bits)) env.flags |= PE;
  if (r.exp > maxExp) overflow(r, bits, maxExp);
}

function underflow(r: Unpacked, bits: number, minExp: number): void {
  if ((env.masks & UE) === 0) {
    env.flags |= UE;
    if (minExp === -16382) r.exp += 24576;
    if (roundSignificand(r, bits)) env.flags |= PE;
    if (minExp === -16382 && r.exp < minExp) {
      env.flags |= PE;
      env.roundedUp = 0;
      setZero(r, r.sign);
    }
    return;
  }
  if (env.flush === 1) {
    env.flags |= UE | PE;
    setZero(r, r.sign);
    return;
  }
  shiftRightJam(r, minExp - r.exp);
  r.exp = minExp;
  if (roundSignificand(r, bits)) env.flags |= UE | PE;
  if ((r.hi | r.lo) === 0) setZero(r, r.sign);
}

function overflow(r: Unpacked, bits: number, maxExp: number): void {
  env.flags |= OE;
  if ((env.masks & OE) === 0) {
    if (maxExp === 16383) r.exp -= 24576;
    if (maxExp === 16383 && r.exp > maxExp) {
      // FSCALE can go beyond what the wrapped exponent holds.
      env.flags |= PE;
      env.roundedUp = 1;
      setInfinite(r, r.sign);
    }
    return;
  }
  env.flags |= PE;
  const { rounding } = env;
  if (rounding === NEAREST || rounding === (r.sign === 1 ? DOWN : UP)) {
    env.roundedUp = 1;
    setInfinite(r, r.sign);
    return;
  }
  env.roundedUp = 0;
  r.exp = maxExp;
  r.hi = bits === 24 ? 0xffffff00 | 0 : -1;
  r.lo = bits === 24 ? 0 : bits === 53 ? ~0x7ff : -1;
}
