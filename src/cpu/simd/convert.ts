/**
 * SSE conversions of one element, and the approximations RCPSS and RSQRTSS.
 *
 * Source: Intel SDM volume 2, CVTxx2xx, RCPPS, RSQRTPS; volume 1, section 11.5.2. RCP and RSQRT are
 * exact values rounded to 12 bits here, well within the relative error of 1.5 * 2^-12 they promise;
 * real processors take them from tables of their own.
 */

import { propagateOne } from '../fpu/arithmetic.ts';
import { integer, toInteger } from '../fpu/integer.ts';
import {
  CHOP,
  copy,
  DE,
  env,
  INFINITE,
  PE,
  packDoubleHigh,
  packDoubleLow,
  packSingle,
  Unpacked,
  unpackDouble,
  unpackInteger,
  unpackSingle,
} from '../fpu/number.ts';
import { roundToFormat } from '../fpu/round.ts';
import type { VectorViews } from '../fpu/state.ts';
import { isPlain, MIN_DOUBLE, MIN_SINGLE } from './float.ts';

/** A finite single; what is smaller rounds to a finite one. */
const MAX_SINGLE = (2 - 2 ** -23) * 2 ** 127;
const a = new Unpacked();
const r = new Unpacked();

/** The 32-bit integer at `x` as binary32. */
export function integerToSingle(value: number): number {
  if (env.rounding === 0) return nearest(value);
  unpackInteger(r, value, value >> 31);
  r.ext = 0;
  roundToFormat(r, 24);
  return packSingle(r);
}

export function integerToDouble(v: VectorViews, to: number, value: number): void {
  v.f64[to >> 1] = value;
}

const word = new DataView(new ArrayBuffer(4));

/** A number within the range of normal singles, as the bits of the nearest one. */
function nearest(value: number): number {
  word.setFloat32(0, value);
  if (word.getFloat32(0) !== value) env.flags |= PE;
  return word.getInt32(0);
}

/** Numbers of this magnitude have no fractions; it ends in a half for both signs. */
const NO_FRACTIONS = 1.5 * 2 ** 52;

/** A plain number as an integer, where rounding is simple; else undefined. */
function quickInteger(value: number, truncates: boolean): number | undefined {
  if (!(Math.abs(value) < 0x7fffffff)) return undefined;
  if (!truncates && env.rounding !== 0) return undefined;
  const whole = truncates ? Math.trunc(value) : value + NO_FRACTIONS - NO_FRACTIONS;
  if (whole !== value) env.flags |= PE;
  return whole | 0;
}

function rounded(truncates: boolean): number {
  const ok = toInteger(a, 32, truncates ? CHOP : env.rounding);
  return ok ? integer.lo : -0x80000000;
}

export function singleToInteger(v: VectorViews, x: number, truncates: boolean): number {
  const value = v.f32[x];
  const quick = isPlain(value, MIN_SINGLE) ? quickInteger(value, truncates) : undefined;
  if (quick !== undefined) return quick;
  unpackSingle(a, v.i32[x]);
  return rounded(truncates);
}

export function doubleToInteger(v: VectorViews, x: number, truncates: boolean): number {
  const value = v.f64[x >> 1];
  const quick = isPlain(value, MIN_DOUBLE) ? quickInteger(value, truncates) : undefined;
  if (quick !== undefined) return quick;
  unpackDouble(a, v.i32[x], v.i32[x + 1]);
  return rounded(truncates);
}

/** Common to both directions between the formats. */
function pass(): void {
  if (a.kind > INFINITE) {
    propagateOne(r, a);
    return;
  }
  copy(r, a);
  if (a.denormal === 1) env.flags |= DE;
}

export function singleToDouble(v: VectorViews, to: number, x: number): void {
  const value = v.f32[x];
  if (isPlain(value, MIN_SINGLE)) {
    v.f64[to >> 1] = value;
    return;
  }
  unpackSingle(a, v.i32[x]);
  pass();
  v.i32[to] = packDoubleLow(r);
  v.i32[to + 1] = packDoubleHigh(r);
}

export function doubleToSingle(v: VectorViews, x: number): number {
  const value = v.f64[x >> 1];
  const magnitude = Math.abs(value);
  if (env.rounding === 0 && magnitude > MIN_SINGLE && magnitude < MAX_SINGLE) return nearest(value);
  unpackDouble(a, v.i32[x], v.i32[x + 1]);
  pass();
  roundToFormat(r, 24);
  return packSingle(r);
}

/** Keeps 12 bits of significand, rounding to nearest; denormal results become zero. */
function coarse(value: number): number {
  word.setFloat32(0, value);
  const bits = (word.getInt32(0) + 0x800) & ~0xfff;
  return (bits & 0x7f800000) === 0 ? bits & 0x80000000 : bits;
}

/** Denormals count as zeros; no flags. */
export function reciprocal(bits: number): number {
  return approximate(bits, value => 1 / value, false);
}

export function reciprocalRoot(bits: number): number {
  return approximate(bits, value => 1 / Math.sqrt(value), true);
}

function approximate(bits: number, f: (x: number) => number, isRoot: boolean): number {
  const magnitude = bits & 0x7fffffff;
  const sign = bits & 0x80000000;
  if (magnitude > 0x7f800000) return bits | 0x00400000;
  if (magnitude < 0x00800000) return sign | 0x7f800000;
  if (isRoot && sign !== 0) return 0xffc00000 | 0;
  if (magnitude === 0x7f800000) return sign;
  word.setInt32(0, bits);
  return coarse(f(word.getFloat32(0)));
}
