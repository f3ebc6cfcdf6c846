/**
 * Pairs of doubles whose unevaluated sum is one number of about 106 bits: what the transcendental
 * instructions compute with, far more than the 64 bits they deliver.
 *
 * Sources: T. J. Dekker, "A floating-point technique for extending the available precision" (1971);
 * D. E. Knuth, TAOCP volume 2, section 4.2.2 (the exact error of a sum).
 * Magnitudes stay between 2^-400 and 2^400, so that nothing overflows; exponents are kept apart.
 */

import { normalizeWide } from './arithmetic.ts';
import type { Unpacked } from './number.ts';
import { FINITE } from './number.ts';

export class Pair {
  constructor(
    public h = 0,
    public l = 0,
  ) {}
}

const TWO63 = 2 ** 63;
const SPLITTER = 134217729;

export function set(r: Pair, h: number, l: number): void {
  r.h = h;
  r.l = l;
}

/** Error of the rounded product p = a * b. */
function productError(a: number, b: number, p: number): number {
  const ta = SPLITTER * a;
  const ah = ta - (ta - a);
  const al = a - ah;
  const tb = SPLITTER * b;
  const bh = tb - (tb - b);
  const bl = b - bh;
  return ah * bh - p + ah * bl + al * bh + al * bl;
}

export function addPair(r: Pair, a: Pair, b: Pair): void {
  addDoubles(r, a.h, a.l, b);
}

export function addDouble(r: Pair, a: Pair, b: number): void {
  const s = a.h + b;
  const v = s - a.h;
  const e = a.h - (s - v) + (b - v) + a.l;
  r.h = s + e;
  r.l = e - (r.h - s);
}

function addDoubles(r: Pair, ah: number, al: number, b: Pair): void {
  const s = ah + b.h;
  let v = s - ah;
  let e = ah - (s - v) + (b.h - v);
  const t = al + b.l;
  v = t - al;
  const f = al - (t - v) + (b.l - v);
  e += t;
  const s2 = s + e;
  e = e - (s2 - s) + f;
  r.h = s2 + e;
  r.l = e - (r.h - s2);
}

export function subtractPair(r: Pair, a: Pair, b: Pair): void {
  negated.h = -b.h;
  negated.l = -b.l;
  addDoubles(r, a.h, a.l, negated);
}
const negated = new Pair();

export function multiplyPair(r: Pair, a: Pair, b: Pair): void {
  const p = a.h * b.h;
  const e = productError(a.h, b.h, p) + (a.h * b.l + a.l * b.h);
  r.h = p + e;
  r.l = e - (r.h - p);
}

export function multiplyDouble(r: Pair, a: Pair, b: number): void {
  const p = a.h * b;
  const e = productError(a.h, b, p) + a.l * b;
  r.h = p + e;
  r.l = e - (r.h - p);
}

const quotientRest = new Pair();
const quotientStep = new Pair();

export function dividePair(r: Pair, a: Pair, b: Pair): void {
  const q1 = a.h / b.h;
  multiplyDouble(quotientStep, b, q1);
  subtractPair(quotientRest, a, quotientStep);
  const q2 = quotientRest.h / b.h;
  multiplyDouble(quotientStep, b, q2);
  subtractPair(quotientRest, quotientRest, quotientStep);
  const q3 = quotientRest.h / b.h;
  const s = q1 + q2;
  const e = q2 - (s - q1);
  r.h = s;
  r.l = e;
  addDouble(r, r, q3);
}

/** Sum of coefficients[i] * x^i, i from 0. */
export function polynomial(r: Pair, x: Pair, coefficients: readonly Pair[]): void {
  let i = coefficients.length - 1;
  r.h = coefficients[i].h;
  r.l = coefficients[i].l;
  for (i--; i >= 0; i--) {
    multiplyPair(r, r, x);
    addPair(r, r, coefficients[i]);
  }
}

/** The significand of a finite number, in [1, 2), exactly and without sign. */
export function significand(r: Pair, a: Unpacked): void {
  const high = (a.hi >>> 0) / 2147483648;
  const low = (a.lo >>> 0) / TWO63;
  r.h = high + low;
  r.l = low - (r.h - high);
}

const bits = new DataView(new ArrayBuffer(8));

/** 2^n for n within the range of normal doubles. */
export function power(n: number): number {
  bits.setInt32(0, (n + 1023) << 20);
  bits.setInt32(4, 0);
  return bits.getFloat64(0);
}

/**
 * r = a * 2^scale, unrounded: 96 bits of it. `inexact` = 1 marks that a itself is an approximation.
 * `a` is not zero.
 */
export function unpackPair(r: Unpacked, a: Pair, scale: number, inexact: number): void {
  const sign = a.h < 0 ? -1 : 1;
  const h = a.h * sign;
  bits.setFloat64(0, h);
  const exp = (bits.getInt32(0) >>> 20) - 1023;
  const scaled = h * power(31 - exp);
  let high = Math.floor(scaled);
  let middle = (scaled - high) * 4294967296 + a.l * sign * power(63 - exp);
  if (middle < 0) {
    middle += 4294967296;
    high -= 1;
  }
  if (middle >= 4294967296) {
    middle -= 4294967296;
    high += 1;
  }
  const low = Math.floor(middle);
  r.kind = FINITE;
  r.denormal = 0;
  r.sign = sign < 0 ? 1 : 0;
  r.exp = exp + scale;
  r.hi = high | 0;
  r.lo = low | 0;
  r.ext = ((middle - low) * 4294967296) | inexact;
  if (high >= 4294967296) {
    r.hi = 0x80000000 | 0;
    r.exp += 1;
  }
  normalizeWide(r);
}
