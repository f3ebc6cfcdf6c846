/**
 * x87 arithmetic, comparison and register moves.
 *
 * Sources: Intel SDM volume 2, FADD to FYL2XP1 as named; volume 1, sections 8.3 and 8.5.
 * Register forms take the number i of ST(i).
 */

import type { Context } from '../context.ts';
import { ARITHMETIC, CF, PF, ZF } from '../registers.ts';
import {
  add,
  compare,
  divide,
  EQUAL,
  invalid,
  LESS,
  multiply,
  propagate,
  propagateOne,
  squareRoot,
  UNORDERED,
} from './arithmetic.ts';
import { partialRemainder, remainder, roundToIntegral } from './integer.ts';
import {
  copy,
  DE,
  env,
  FINITE,
  INFINITE,
  QUIET,
  setIndefinite,
  setInfinite,
  setZero,
  UNSUPPORTED,
  type Unpacked,
  unpackInteger,
  ZE,
  ZERO,
} from './number.ts';
import { roundToExtended } from './round.ts';
import {
  begin,
  blocked,
  commit,
  isEmpty,
  loadSt,
  opA,
  opB,
  overflow,
  pop,
  push,
  pushIndefinite,
  result,
  SW_C0,
  SW_C1,
  SW_C2,
  SW_C3,
  slot,
  storeSt,
  underflow,
  underflowTo,
} from './stack.ts';
import { EMPTY, FSW, TOP } from './state.ts';

/** The eight operations of the arithmetic group, as the opcode's reg field numbers them. */
export const FADD = 0;
export const FMUL = 1;
export const FCOM = 2;
export const FCOMP = 3;
export const FSUB = 4;
export const FSUBR = 5;
export const FDIV = 6;
export const FDIVR = 7;

/** result = a op b, unrounded. */
function operate(operation: number, a: Unpacked, b: Unpacked): void {
  switch (operation) {
    case FADD:
      add(result, a, b, 0);
      break;
    case FMUL:
      multiply(result, a, b);
      break;
    case FSUB:
      add(result, a, b, 1);
      break;
    case FSUBR:
      add(result, b, a, 1);
      break;
    case FDIV:
      divide(result, a, b);
      break;
    default:
      divide(result, b, a);
  }
}

/** Rounds and stores `result` into ST(i), unless an unmasked exception forbids it. */
export function deliver(c: Context, i: number): boolean {
  if (blocked()) {
    commit(c);
    return false;
  }
  roundToExtended(result);
  storeSt(c.s, i, result);
  commit(c);
  return true;
}

/** ST(0) = ST(0) op the number in `opB`, which came from memory. */
export function arithmeticMemory(c: Context, operation: number): void {
  const { s } = c;
  if (isEmpty(s, 0)) {
    underflowTo(c, 0, 0);
    return;
  }
  loadSt(s, opA, 0);
  operate(operation, opA, opB);
  deliver(c, 0);
}

/** ST(0) = ST(0) op ST(i). */
export function arithmeticTop(c: Context, operation: number, i: number): void {
  const { s } = c;
  begin(s);
  if (isEmpty(s, 0) || isEmpty(s, i)) {
    underflowTo(c, 0, 0);
    return;
  }
  loadSt(s, opA, 0);
  loadSt(s, opB, i);
  operate(operation, opA, opB);
  deliver(c, 0);
}

/** ST(i) = ST(i) op ST(0), then pops when `pops` is 1. */
export function arithmeticTo(c: Context, operation: number, i: number, pops: number): void {
  const { s } = c;
  begin(s);
  if (isEmpty(s, 0) || isEmpty(s, i)) {
    underflowTo(c, i, pops);
    return;
  }
  loadSt(s, opA, i);
  loadSt(s, opB, 0);
  operate(operation, opA, opB);
  if (deliver(c, i) && pops === 1) pop(s);
}

/** Condition bits of an ordering. */
function conditions(order: number): number {
  if (order === UNORDERED) return SW_C0 | SW_C2 | SW_C3;
  if (order === EQUAL) return SW_C3;
  return order === LESS ? SW_C0 : 0;
}

function setConditions(s: Int32Array, bits: number): void {
  s[FSW] = (s[FSW] & ~(SW_C0 | SW_C1 | SW_C2 | SW_C3)) | bits;
}

function popMany(s: Int32Array, pops: number): void {
  for (let i = 0; i < pops; i++) pop(s);
}

/** Compares ST(0) with the number in `opB`, which came from memory. */
export function compareMemory(c: Context, pops: number): void {
  if (isEmpty(c.s, 0)) {
    compareUnderflow(c, pops);
    return;
  }
  loadSt(c.s, opA, 0);
  finishCompare(c, 0, pops);
}

function compareUnderflow(c: Context, pops: number): void {
  setConditions(c.s, SW_C0 | SW_C2 | SW_C3);
  if (underflow(c)) popMany(c.s, pops);
}

function finishCompare(c: Context, quietly: number, pops: number): void {
  const order = compare(opA, opB, quietly);
  setConditions(c.s, conditions(order));
  commit(c);
  if (!blocked()) popMany(c.s, pops);
}

/** FCOM, FCOMP, FCOMPP; `quietly` = 1 for the FUCOM family. */
export function compareStack(c: Context, i: number, quietly: number, pops: number): void {
  const { s } = c;
  begin(s);
  if (isEmpty(s, 0) || isEmpty(s, i)) {
    compareUnderflow(c, pops);
    return;
  }
  loadSt(s, opA, 0);
  loadSt(s, opB, i);
  finishCompare(c, quietly, pops);
}

/** FTST. */
export function ftst(c: Context): void {
  const { s } = c;
  begin(s);
  opB.denormal = 0;
  setZero(opB, 0);
  compareMemory(c, 0);
}

/** FCOMI, FCOMIP, FUCOMI, FUCOMIP: into EFLAGS. */
export function compareFlags(c: Context, i: number, quietly: number, pops: number): void {
  const { s } = c;
  begin(s);
  if (isEmpty(s, 0) || isEmpty(s, i)) {
    c.setEflags(ZF | PF | CF, ARITHMETIC);
    if (underflow(c)) popMany(s, pops);
    return;
  }
  loadSt(s, opA, 0);
  loadSt(s, opB, i);
  const order = compare(opA, opB, quietly);
  commit(c);
  const flags = order === UNORDERED ? ZF | PF | CF : order === EQUAL ? ZF : order === LESS ? CF : 0;
  c.setEflags(flags, ARITHMETIC);
  if (!blocked()) popMany(s, pops);
}

/** FXAM: class and sign of ST(0). */
export function fxam(c: Context): void {
  const { s } = c;
  const at = slot(s, 0);
  let bits = (s[at + 2] & 0x8000) !== 0 ? SW_C1 : 0;
  if (isEmpty(s, 0)) {
    bits |= SW_C3 | SW_C0;
  } else {
    loadSt(s, opA, 0);
    bits |= examined(opA);
  }
  setConditions(s, bits);
}

function examined(a: Unpacked): number {
  if (a.denormal === 1) return SW_C3 | SW_C2;
  switch (a.kind) {
    case ZERO:
      return SW_C3;
    case FINITE:
      return SW_C2;
    case INFINITE:
      return SW_C2 | SW_C0;
    case UNSUPPORTED:
      return 0;
    default:
      return SW_C0;
  }
}

/** FCHS (`set` = 0) and FABS. */
function changeSign(c: Context, keep: number, flip: number): void {
  const { s } = c;
  begin(s);
  if (isEmpty(s, 0)) {
    underflowTo(c, 0, 0);
    return;
  }
  const at = slot(s, 0);
  s[at + 2] = (s[at + 2] & keep) ^ flip;
  s[FSW] &= ~SW_C1;
}

export function fchs(c: Context): void {
  changeSign(c, 0xffff, 0x8000);
}

export function fabs(c: Context): void {
  changeSign(c, 0x7fff, 0);
}

/** One operand in ST(0), result in ST(0). */
function unary(c: Context, compute: (r: Unpacked, a: Unpacked) => void): void {
  const { s } = c;
  begin(s);
  if (isEmpty(s, 0)) {
    underflowTo(c, 0, 0);
    return;
  }
  loadSt(s, opA, 0);
  compute(result, opA);
  deliver(c, 0);
}

export function fsqrt(c: Context): void {
  unary(c, squareRoot);
}

/** FRNDINT; the precision control does not apply, and the result needs no more rounding. */
export function frndint(c: Context): void {
  const { s } = c;
  begin(s);
  if (isEmpty(s, 0)) {
    underflowTo(c, 0, 0);
    return;
  }
  loadSt(s, opA, 0);
  roundToIntegral(result, opA);
  if (!blocked()) storeSt(s, 0, result);
  commit(c);
}

/** FLD ST(i). */
export function fldSt(c: Context, i: number): void {
  const { s } = c;
  begin(s);
  if (isEmpty(s, i) || !isEmpty(s, -1)) {
    const masked = isEmpty(s, i) ? underflow(c) : overflow(c);
    if (masked) pushIndefinite(s);
    return;
  }
  const from = slot(s, i);
  push(s);
  copyTo(s, 0, from);
  s[FSW] &= ~SW_C1;
}

function copyTo(s: Int32Array, i: number, from: number): void {
  const at = slot(s, i);
  s[at] = s[from];
  s[at + 1] = s[from + 1];
  s[at + 2] = s[from + 2];
  s[EMPTY] &= ~(1 << ((s[TOP] + i) & 7));
}

/** FST ST(i), FSTP ST(i). */
export function fstSt(c: Context, i: number, pops: number): void {
  const { s } = c;
  begin(s);
  if (isEmpty(s, 0)) {
    underflowTo(c, i, pops);
    return;
  }
  copyTo(s, i, slot(s, 0));
  s[FSW] &= ~SW_C1;
  if (pops === 1) pop(s);
}

export function fxch(c: Context, i: number): void {
  const { s } = c;
  begin(s);
  const top = slot(s, 0);
  const other = slot(s, i);
  if (isEmpty(s, 0) || isEmpty(s, i)) {
    if (!underflow(c)) return;
    setIndefinite(result);
    if (isEmpty(s, 0)) storeSt(s, 0, result);
    if (isEmpty(s, i)) storeSt(s, i, result);
  } else {
    s[FSW] &= ~SW_C1;
  }
  for (let k = 0; k < 3; k++) {
    const word = s[top + k];
    s[top + k] = s[other + k];
    s[other + k] = word;
  }
}

/** FCMOVcc: `condition` is what EFLAGS say; C1 changes on a stack fault only. */
export function fcmov(c: Context, i: number, condition: boolean): void {
  const { s } = c;
  begin(s);
  if (isEmpty(s, 0) || isEmpty(s, i)) {
    underflowTo(c, 0, 0);
    return;
  }
  if (condition) copyTo(s, 0, slot(s, i));
}

export function ffree(s: Int32Array, i: number, pops: number): void {
  s[EMPTY] |= 1 << ((s[TOP] + i) & 7);
  if (pops === 1) pop(s);
}

/** FINCSTP and FDECSTP: TOP moves, tags stay. */
export function moveTop(s: Int32Array, by: number): void {
  s[TOP] = (s[TOP] + by) & 7;
  s[FSW] &= ~SW_C1;
}

/** FPREM and FPREM1. */
export function fprem(c: Context, nearest: number): void {
  const { s } = c;
  begin(s);
  s[FSW] &= ~SW_C2;
  if (isEmpty(s, 0) || isEmpty(s, 1)) {
    underflowTo(c, 0, 0);
    return;
  }
  env.precision = 64;
  loadSt(s, opA, 0);
  loadSt(s, opB, 1);
  partialRemainder(result, opA, opB, nearest);
  if (!deliver(c, 0) || result.kind >= QUIET) return;
  const q = remainder.quotient;
  let bits = remainder.partial ? SW_C2 : 0;
  if (!remainder.partial) {
    if ((q & 1) !== 0) bits |= SW_C1;
    if ((q & 2) !== 0) bits |= SW_C3;
    if ((q & 4) !== 0) bits |= SW_C0;
  }
  setConditions(s, bits);
}

/** FSCALE: ST(0) times 2 to the integer part of ST(1). */
export function fscale(c: Context): void {
  const { s } = c;
  begin(s);
  if (isEmpty(s, 0) || isEmpty(s, 1)) {
    underflowTo(c, 0, 0);
    return;
  }
  env.precision = 64;
  loadSt(s, opA, 0);
  loadSt(s, opB, 1);
  scale(result, opA, opB);
  deliver(c, 0);
}

function scale(r: Unpacked, a: Unpacked, b: Unpacked): void {
  if (a.kind > INFINITE || b.kind > INFINITE) {
    propagate(r, a, b);
    return;
  }
  if (b.kind === INFINITE) {
    scaleByInfinity(r, a, b.sign);
    return;
  }
  if ((a.denormal | b.denormal) !== 0) env.flags |= DE;
  copy(r, a);
  if (a.kind !== FINITE || b.kind === ZERO || b.exp < 0) return;
  // Beyond 2^16 any result over- or underflows.
  let by = b.sign === 1 ? -0x10000 : 0x10000;
  if (b.exp < 16) {
    const magnitude = b.hi >>> (31 - b.exp);
    by = b.sign === 1 ? -magnitude : magnitude;
  }
  r.exp += by;
}

function scaleByInfinity(r: Unpacked, a: Unpacked, negative: number): void {
  const meets = negative === 1 ? INFINITE : ZERO;
  if (a.kind === meets) {
    invalid(r);
    return;
  }
  if (a.denormal === 1) env.flags |= DE;
  if (negative === 1) setZero(r, a.sign);
  else setInfinite(r, a.sign);
}

/** FXTRACT: exponent into ST(0), then the significand is pushed. */
export function fxtract(c: Context): void {
  const { s } = c;
  begin(s);
  if (isEmpty(s, 0)) {
    if (underflow(c)) {
      setIndefinite(result);
      storeSt(s, 0, result);
      pushIndefinite(s);
    }
    return;
  }
  if (!isEmpty(s, -1)) {
    if (overflow(c)) {
      setIndefinite(result);
      storeSt(s, 0, result);
      pushIndefinite(s);
    }
    return;
  }
  loadSt(s, opA, 0);
  extract(opA);
  if (blocked()) {
    commit(c);
    return;
  }
  storeSt(s, 0, result);
  push(s);
  storeSt(s, 0, opB);
  commit(c);
}

/** Exponent into `result`, significand into `opB`. */
function extract(a: Unpacked): void {
  if (a.kind > INFINITE) {
    propagateOne(result, a);
    copy(opB, result);
  } else if (a.kind === INFINITE) {
    copy(opB, a);
    setInfinite(result, 0);
  } else if (a.kind === ZERO) {
    env.flags |= ZE;
    copy(opB, a);
    setInfinite(result, 1);
  } else {
    if (a.denormal === 1) env.flags |= DE;
    copy(opB, a);
    opB.exp = 0;
    unpackInteger(result, a.exp, a.exp >> 31);
  }
}
