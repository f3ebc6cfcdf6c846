/**
 * ADDSD, SUBSD, MULSD and DIVSD as regions of translated code call them: the usual case first.
 */

import { PE } from '../fpu/number.ts';
import { MXCSR } from '../fpu/state.ts';
import { ADD, DIV, MUL, quickDouble, SUB } from './float.ts';
import type { Scalar } from './quick.ts';

/** Smallest normal number. */
const MIN = 2 ** -1022;
/** MXCSR but for flags: default mode. With PE set nobody asks whether a result is exact. */
const MODE = 0xffc0 | PE;
const USUAL = 0x1f80 | PE;

/** Normal and finite result of operands that raise nothing. */
function isUsual(mxcsr: number, p: number, q: number, result: number): boolean {
  const x = Math.abs(p);
  const y = Math.abs(q);
  const r = Math.abs(result);
  if ((mxcsr & MODE) !== USUAL || !(r > MIN && r < Number.POSITIVE_INFINITY)) return false;
  return (x >= MIN || x === 0) && (y >= MIN || y === 0);
}

const add: Scalar = (v, to, from) => {
  const { f64 } = v;
  const p = f64[to >> 1];
  const q = f64[from >> 1];
  const sum = p + q;
  if (!isUsual(v.i32[MXCSR], p, q, sum)) return quickDouble(v, ADD, to, from);
  f64[to >> 1] = sum;
  return true;
};

const subtract: Scalar = (v, to, from) => {
  const { f64 } = v;
  const p = f64[to >> 1];
  const q = f64[from >> 1];
  const difference = p - q;
  if (!isUsual(v.i32[MXCSR], p, q, difference)) return quickDouble(v, SUB, to, from);
  f64[to >> 1] = difference;
  return true;
};

const multiply: Scalar = (v, to, from) => {
  const { f64 } = v;
  const p = f64[to >> 1];
  const q = f64[from >> 1];
  const product = p * q;
  if (!isUsual(v.i32[MXCSR], p, q, product)) return quickDouble(v, MUL, to, from);
  f64[to >> 1] = product;
  return true;
};

const divide: Scalar = (v, to, from) => {
  const { f64 } = v;
  const p = f64[to >> 1];
  const q = f64[from >> 1];
  const quotient = p / q;
  if (!isUsual(v.i32[MXCSR], p, q, quotient)) return quickDouble(v, DIV, to, from);
  f64[to >> 1] = quotient;
  return true;
};

export const SCALARS: ReadonlyMap<number, Scalar> = new Map([
  [ADD, add],
  [SUB, subtract],
  [MUL, multiply],
  [DIV, divide],
]);
