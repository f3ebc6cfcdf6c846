/**
 * Elementary functions on pairs of doubles: 2^x - 1, logarithm, arc tangent, sine and cosine, each
 * to more than 95 bits by table and Taylor series. Tables are computed at run time,
 * by the same exact arithmetic, so that every host has the same ones.
 *
 * Source: J.-M. Muller, Elementary Functions, chapters 3, 4 and 11 (range reduction).
 */

import {
  addDouble,
  addPair,
  dividePair,
  multiplyDouble,
  multiplyPair,
  Pair,
  polynomial,
  set,
} from './pair.ts';

export const LN2 = new Pair(Math.LN2, 2.3190468138462996e-17);
export const LOG2E = new Pair(Math.LOG2E, 2.0355273740931033e-17);
export const PI = new Pair(Math.PI, 1.2246467991473532e-16);
export const HALF_PI = new Pair(1.5707963267948966, 6.123233995736766e-17);
const ONE = new Pair(1, 0);

function quotient(a: number, b: number): Pair {
  const r = new Pair();
  dividePair(r, new Pair(a, 0), new Pair(b, 0));
  return r;
}

/** 1/n! for n from 0. */
function inverseFactorials(count: number): Pair[] {
  const list = [new Pair(1, 0)];
  for (let n = 1; n < count; n++) {
    const next = new Pair();
    dividePair(next, list[n - 1], new Pair(n, 0));
    list.push(next);
  }
  return list;
}

const negate = (p: Pair): Pair => new Pair(-p.h, -p.l);

/** Every second one negated. */
function alternate(list: readonly Pair[]): Pair[] {
  return list.map((p, i) => (i % 2 === 0 ? p : negate(p)));
}

const range = (count: number): number[] => Array.from({ length: count }, (_, i) => i);

interface Tables {
  /** (e^x - 1) / x */
  readonly expm1: readonly Pair[];
  /** sin(x) / x, cos(x), atan(x) / x and atanh(x) / x in x^2 */
  readonly sin: readonly Pair[];
  readonly cos: readonly Pair[];
  readonly atan: readonly Pair[];
  readonly atanh: readonly Pair[];
  /** 2^(k/16) - 1 for k from -16, at index k + 16. */
  readonly powers: readonly Pair[];
  /** atan(k/16) */
  readonly arcTangents: readonly Pair[];
}

function buildTables(): Tables {
  const factorials = inverseFactorials(32);
  const atan = alternate(range(16).map(i => quotient(1, 2 * i + 1)));
  return {
    expm1: factorials.slice(1, 17),
    sin: alternate(range(15).map(i => factorials[2 * i + 1])),
    cos: alternate(range(15).map(i => factorials[2 * i])),
    atan,
    atanh: range(24).map(i => quotient(1, 2 * i + 1)),
    powers: range(33).map(i => powerMinusOne(i - 16, factorials.slice(1))),
    arcTangents: arcTangents(atan),
  };
}

/** 2^(k/16) - 1 by the series of (e^x - 1) / x alone. */
function powerMinusOne(k: number, coefficients: readonly Pair[]): Pair {
  const x = new Pair();
  multiplyDouble(x, LN2, k / 16);
  const r = new Pair();
  polynomial(r, x, coefficients);
  multiplyPair(r, r, x);
  return r;
}

/** Each from the one before: atan a - atan b = atan((a - b) / (1 + ab)). */
function arcTangents(coefficients: readonly Pair[]): Pair[] {
  const list = [new Pair(0, 0)];
  for (let k = 1; k <= 16; k++) {
    const step = new Pair();
    atanSmall(step, quotient(16, 256 + k * (k - 1)), coefficients);
    addPair(step, step, list[k - 1]);
    list.push(step);
  }
  return list;
}

let built: Tables | undefined;

/**
 * Built when first needed: most guests never do. Building uses the scratch pairs, so functions ask
 * for their tables before anything else.
 */
function tables(): Tables {
  built ??= buildTables();
  return built;
}

const square = new Pair();
const series = new Pair();
const part = new Pair();
const other = new Pair();

/** r = 2^x - 1 for |x| <= 1, x not near the smallest doubles. */
export function exp2m1(r: Pair, x: Pair): void {
  const { expm1, powers } = tables();
  const k = Math.round(x.h * 16);
  addDouble(part, x, -k / 16);
  multiplyPair(part, part, LN2);
  polynomial(series, part, expm1);
  multiplyPair(series, series, part);
  if (k === 0) {
    set(r, series.h, series.l);
    return;
  }
  // (1 + t)(1 + e) - 1 = t + e + te
  const t = powers[k + 16];
  multiplyPair(part, series, t);
  addPair(part, part, series);
  addPair(r, part, t);
}

/** r = log2((1 + s) / (1 - s)) for |s| < 0.18. */
export function log2Ratio(r: Pair, s: Pair): void {
  const { atanh } = tables();
  multiplyPair(square, s, s);
  polynomial(series, square, atanh);
  multiplyPair(series, series, s);
  multiplyPair(series, series, LOG2E);
  set(r, 2 * series.h, 2 * series.l);
}

/** r = log2(m) for m between 0.7 and 1.42. */
export function log2Near(r: Pair, m: Pair): void {
  tables();
  addDouble(part, m, -1);
  addDouble(other, m, 1);
  dividePair(part, part, other);
  log2Ratio(r, part);
}

function atanSmall(r: Pair, x: Pair, coefficients: readonly Pair[]): void {
  multiplyPair(square, x, x);
  polynomial(series, square, coefficients);
  multiplyPair(r, series, x);
}

/** r = atan(x) for x in [0, 1]. */
export function atan(r: Pair, x: Pair): void {
  const { atan: coefficients, arcTangents: table } = tables();
  const k = Math.round(x.h * 16);
  if (k === 0) {
    atanSmall(r, x, coefficients);
    return;
  }
  addDouble(part, x, -k / 16);
  multiplyDouble(other, x, k / 16);
  addPair(other, other, ONE);
  dividePair(part, part, other);
  atanSmall(part, part, coefficients);
  addPair(r, part, table[k]);
}

/** r = sin(x) for |x| <= pi/4. */
export function sine(r: Pair, x: Pair): void {
  const { sin: coefficients } = tables();
  multiplyPair(square, x, x);
  polynomial(series, square, coefficients);
  multiplyPair(r, series, x);
}

/** r = cos(x) for |x| <= pi/4. */
export function cosine(r: Pair, x: Pair): void {
  const { cos: coefficients } = tables();
  multiplyPair(square, x, x);
  polynomial(r, square, coefficients);
}

/** Pi/2 as processors have it: 66 bits, as three parts that products with 2^30 keep exact. */
const PARTS = (() => {
  const digits = 0x3243f6a8885a308d3n;
  const scale = 2 ** -65;
  return [44n, 22n, 0n].map(n => Number((digits >> n) & 0x3fffffn) * scale * Number(1n << n));
})();
const HALF_PI_66 = 0x3243f6a8885a308d3n;

/** Quadrant of the last reduction, modulo 4. */
export const reduced = { quadrant: 0 };

/** r = x - n * pi/2 for the nearest n, x >= 0 below 2^30. */
export function reduce(r: Pair, x: Pair): void {
  const n = Math.round(x.h / HALF_PI.h);
  reduced.quadrant = n % 4;
  set(r, x.h, x.l);
  for (const p of PARTS) addDouble(r, r, -n * p);
}

/** The same for any x = significand * 2^(exp - 63) with exp up to 62. */
export function reduceLarge(r: Pair, significand: bigint, exp: number): void {
  // In units of 2^-65, in which pi/2 is a whole number.
  const x = significand << BigInt(exp + 2);
  let n = x / HALF_PI_66;
  let rest = x - n * HALF_PI_66;
  if (rest * 2n > HALF_PI_66) {
    n += 1n;
    rest -= HALF_PI_66;
  }
  reduced.quadrant = Number(n & 3n);
  const high = Number(rest >> 33n) * 2 ** 33;
  const low = Number(rest & 0x1ffffffffn);
  set(r, (high + low) * 2 ** -65, (low - (high + low - high)) * 2 ** -65);
}
