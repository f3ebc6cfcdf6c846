/**
 * SSE and SSE2 arithmetic, minimum, maximum and comparison, element by element. With MXCSR at its
 * default the host's own arithmetic gives the result, and exact error terms tell whether it was
 * inexact; everything else goes through the unpacked numbers of fpu/.
 *
 * Sources: Intel SDM volume 1, chapters 10 and 11; volume 2, CMPPS (predicates), MINPS, MAXPS.
 * T. J. Dekker (1971) for the error of a product; binary64 has more than twice the bits of binary32
 * plus two, so that rounding twice gives what rounding once would.
 */

import * as soft from '../fpu/arithmetic.ts';
import {
  DE,
  env,
  IE,
  PE,
  packDoubleHigh,
  packDoubleLow,
  packSingle,
  QUIET,
  SIGNALING,
  Unpacked,
  unpackDouble,
  unpackSingle,
} from '../fpu/number.ts';
import { roundToFormat } from '../fpu/round.ts';
import { MXCSR, type VectorViews } from '../fpu/state.ts';

/** Operations, numbered as the opcodes 0F 51, 58, 59, 5C, 5D, 5E, 5F are. */
export const SQRT = 1;
export const ADD = 8;
export const MUL = 9;
export const SUB = 12;
export const MIN = 13;
export const DIV = 14;
export const MAX = 15;

export const MIN_SINGLE = 2 ** -126;
export const MIN_DOUBLE = 2 ** -1022;
/** Within these the error of a product is exact. */
const SMALL = 2 ** -900;
const LARGE = 2 ** 900;

const a = new Unpacked();
const b = new Unpacked();
const r = new Unpacked();

/** True with round to nearest, all exceptions masked, denormals kept. */
export function isDefaultMode(s: Int32Array): boolean {
  return (s[MXCSR] & 0xffc0) === 0x1f80;
}

/** Numbers whose arithmetic raises nothing but PE, OE and UE. */
export function isPlain(x: number, minNormal: number): boolean {
  return x >= minNormal || x <= -minNormal || x === 0;
}

function sumIsExact(x: number, y: number, sum: number): boolean {
  const v = sum - x;
  return x - (sum - v) + (y - v) === 0;
}

const SPLITTER = 134217729;

function productIsExact(x: number, y: number, product: number): boolean {
  const tx = SPLITTER * x;
  const xh = tx - (tx - x);
  const xl = x - xh;
  const ty = SPLITTER * y;
  const yh = ty - (ty - y);
  const yl = y - yh;
  return xh * yh - product + xh * yl + xl * yh + xl * yl === 0;
}

/** v.f32[to] = v.f32[x] op v.f32[y]; flags are collected in `env`. */
export function single(v: VectorViews, operation: number, to: number, x: number, y: number): void {
  if (operation === MIN || operation === MAX) {
    selectSingle(v, operation, to, x, y);
    return;
  }
  const p = v.f32[x];
  const q = v.f32[y];
  if (isDefaultMode(v.i32) && isPlain(q, MIN_SINGLE) && isPlain(p, MIN_SINGLE)) {
    if (fastSingle(v, operation, to, p, q)) return;
  }
  unpackSingle(b, v.i32[y]);
  if (operation === SQRT) {
    soft.squareRoot(r, b);
  } else {
    unpackSingle(a, v.i32[x]);
    softly(operation);
  }
  roundToFormat(r, 24);
  v.i32[to] = packSingle(r);
}

function softly(operation: number): void {
  if (operation === MUL) soft.multiply(r, a, b);
  else if (operation === DIV) soft.divide(r, a, b);
  else soft.add(r, a, b, operation === SUB ? 1 : 0);
}

function fastSingle(v: VectorViews, operation: number, to: number, p: number, q: number): boolean {
  const second = operation === SUB ? -q : q;
  let wide: number;
  if (operation === MUL) wide = p * q;
  else if (operation === DIV) wide = p / q;
  else if (operation === SQRT) wide = Math.sqrt(q);
  else wide = p + second;
  const narrow = Math.fround(wide);
  const magnitude = Math.abs(narrow);
  if (!(magnitude > MIN_SINGLE && magnitude < Number.POSITIVE_INFINITY)) return false;
  let exact: boolean;
  if (operation === MUL) exact = narrow === wide;
  else if (operation === DIV) exact = narrow * q === p;
  else if (operation === SQRT) exact = narrow * narrow === q;
  else exact = narrow === wide && sumIsExact(p, second, wide);
  if (!exact) env.flags |= PE;
  v.f32[to] = narrow;
  return true;
}

/** The same on doubles; arguments are word indices. */
export function double(v: VectorViews, operation: number, to: number, x: number, y: number): void {
  if (operation === MIN || operation === MAX) {
    selectDouble(v, operation, to, x, y);
    return;
  }
  const p = v.f64[x >> 1];
  const q = v.f64[y >> 1];
  const flags = fastDouble(v, operation, to, p, q);
  if (flags >= 0) {
    env.flags |= flags;
    return;
  }
  const { i32 } = v;
  unpackDouble(b, i32[y], i32[y + 1]);
  if (operation === SQRT) {
    soft.squareRoot(r, b);
  } else {
    unpackDouble(a, i32[x], i32[x + 1]);
    softly(operation);
  }
  roundToFormat(r, 53);
  i32[to] = packDoubleLow(r);
  i32[to + 1] = packDoubleHigh(r);
}

/**
 * The common case of addition, multiplication, subtraction and division of one double, and what it
 * leaves in MXCSR: slot `to` = slot `to` op slot `from`. False where it is not; nothing happened.
 */
export function quickDouble(v: VectorViews, operation: number, to: number, from: number): boolean {
  const flags = fastDouble(v, operation, to, v.f64[to >> 1], v.f64[from >> 1]);
  if (flags < 0) return false;
  v.i32[MXCSR] |= flags;
  return true;
}

/** Flags to report (PE or none), -1 when MXCSR, operands or result are not of the common kind. */
function fastDouble(v: VectorViews, operation: number, to: number, p: number, q: number): number {
  if (!isDefaultMode(v.i32) || !isPlain(q, MIN_DOUBLE) || !isPlain(p, MIN_DOUBLE)) return -1;
  const second = operation === SUB ? -q : q;
  let value: number;
  if (operation === MUL) value = p * q;
  else if (operation === DIV) value = p / q;
  else if (operation === SQRT) value = Math.sqrt(q);
  else value = p + second;
  const magnitude = Math.abs(value);
  let flags = 0;
  if (!(magnitude > MIN_DOUBLE && magnitude < Number.POSITIVE_INFINITY)) {
    if (value !== 0 || !isExactZero(operation, p, q)) return -1;
  } else if ((v.i32[MXCSR] & PE) === 0) {
    // Once PE is set nobody can tell whether this result was exact.
    if (!isModest(value) || !isModest(p) || !isModest(q)) return -1;
    let exact: boolean;
    if (operation === MUL) exact = productIsExact(p, q, value);
    else if (operation === DIV) exact = value * q === p && productIsExact(value, q, p);
    else if (operation === SQRT) exact = value * value === q && productIsExact(value, value, q);
    else exact = sumIsExact(p, second, value);
    flags = exact ? 0 : PE;
  }
  v.f64[to >> 1] = value;
  return flags;
}

/** Whether a zero that is the result of plain operands has not come about by underflow. */
function isExactZero(operation: number, p: number, q: number): boolean {
  if (operation === MUL) return p === 0 || q === 0;
  if (operation === DIV) return p === 0;
  // Differences of normal numbers are zero only when they are equal.
  return true;
}

function isModest(x: number): boolean {
  const magnitude = Math.abs(x);
  return (magnitude > SMALL && magnitude < LARGE) || x === 0;
}

/** Flags of MIN, MAX and ordered compares, quiet NaNs included; true when unordered. */
function unordered(quietly: boolean): boolean {
  if (a.kind >= QUIET || b.kind >= QUIET) {
    if (!quietly || a.kind === SIGNALING || b.kind === SIGNALING) env.flags |= IE;
    return true;
  }
  if ((a.denormal | b.denormal) !== 0) env.flags |= DE;
  return false;
}

/** True when the second operand is the result: it is with NaNs and with two zeros. */
function takesSecond(operation: number): boolean {
  if (unordered(false)) return true;
  const flags = env.flags;
  const order = soft.compare(a, b, 0);
  env.flags = flags;
  return operation === MIN ? order !== soft.LESS : order !== soft.GREATER;
}

function selectSingle(v: VectorViews, operation: number, to: number, x: number, y: number): void {
  unpackSingle(a, v.i32[x]);
  unpackSingle(b, v.i32[y]);
  const second = takesSecond(operation);
  v.i32[to] = flushed(v.i32[second ? y : x], second ? b : a);
}

/** Operands that count as zero come out as zero. */
function flushed(bits: number, from: Unpacked): number {
  return env.daz === 1 && from.kind === 0 ? bits & 0x80000000 : bits;
}

function selectDouble(v: VectorViews, operation: number, to: number, x: number, y: number): void {
  const { i32 } = v;
  unpackDouble(a, i32[x], i32[x + 1]);
  unpackDouble(b, i32[y], i32[y + 1]);
  const second = takesSecond(operation);
  const from = second ? y : x;
  const isZero = env.daz === 1 && (second ? b : a).kind === 0;
  const low = isZero ? 0 : i32[from];
  i32[to + 1] = flushed(i32[from + 1], second ? b : a);
  i32[to] = low;
}

/** CMPcc: the mask for one element. Predicates: eq, lt, le, unordered; from 4 on negated. */
export function compareSingle(v: VectorViews, predicate: number, x: number, y: number): number {
  return predicateMask(predicate, orderSingle(v, isQuiet(predicate), x, y));
}

export function compareDouble(v: VectorViews, predicate: number, x: number, y: number): number {
  return predicateMask(predicate, orderDouble(v, isQuiet(predicate), x, y));
}

function isQuiet(predicate: number): boolean {
  return ((predicate + 1) & 2) === 0;
}

function predicateMask(predicate: number, order: number): number {
  const kind = predicate & 3;
  let holds: boolean;
  if (kind === 0) holds = order === soft.EQUAL;
  else if (kind === 1) holds = order === soft.LESS;
  else if (kind === 2) holds = order === soft.LESS || order === soft.EQUAL;
  else holds = order === soft.UNORDERED;
  return holds === ((predicate & 4) === 0) ? -1 : 0;
}

function orderOf(quietly: boolean): number {
  if (unordered(quietly)) return soft.UNORDERED;
  return soft.compare(a, b, 1);
}

function plainOrder(p: number, q: number): number {
  if (p < q) return soft.LESS;
  return p === q ? soft.EQUAL : soft.GREATER;
}

/** COMISS and UCOMISS: how the elements at x and y are ordered. */
export function orderSingle(v: VectorViews, quietly: boolean, x: number, y: number): number {
  const p = v.f32[x];
  const q = v.f32[y];
  if (isPlain(p, MIN_SINGLE) && isPlain(q, MIN_SINGLE)) return plainOrder(p, q);
  unpackSingle(a, v.i32[x]);
  unpackSingle(b, v.i32[y]);
  return orderOf(quietly);
}

export function orderDouble(v: VectorViews, quietly: boolean, x: number, y: number): number {
  const p = v.f64[x >> 1];
  const q = v.f64[y >> 1];
  if (isPlain(p, MIN_DOUBLE) && isPlain(q, MIN_DOUBLE)) return plainOrder(p, q);
  unpackDouble(a, v.i32[x], v.i32[x + 1]);
  unpackDouble(b, v.i32[y], v.i32[y + 1]);
  return orderOf(quietly);
}
