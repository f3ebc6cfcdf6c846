/**
 * x87 arithmetic, comparison and register moves.
 *
 * Sources: Intel SDM volume 2, FADD to FYL2XP1 as named; volume 1, sections 8.3 and 8.5.
 * Register forms take the number i of ST(i).
 */

import type { Context } from '../context.ts';
import { ARITHMETIC } from '../registers.ts';
import {
  add,
  compare,
  divide,
  EQUAL,
  LESS,
  multiply,
  squareRoot,
  UNORDERED,
} from './arithmetic.ts';
import { fastAdd, fastMultiply, isDefaultControl } from './fast.ts';
import { roundToIntegral } from './integer.ts';
import { FINITE, INFINITE, setZero, UNSUPPORTED, type Unpacked, ZERO } from './number.ts';
import { orderFlags } from './order.ts';
import { roundToExtended } from './round.ts';
import {
  begin,
  blocked,
  commit,
  isEmpty,
  loadSt,
  opA,
  opB,
  pop,
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
import { FSW } from './state.ts';

/** The eight operations of the arithmetic group, as the opcode's reg field numbers them. */
const FADD = 0;
const FMUL = 1;
export const FCOM = 2;
export const FCOMP = 3;
export const FSUB = 4;
const FSUBR = 5;
const FDIV = 6;
// 7 is FDIVR.

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

/** The common case of addition, subtraction and multiplication, slots as operands. */
export function quickly(
  s: Int32Array,
  operation: number,
  to: number,
  a: number,
  b: number,
): boolean {
  if (!isDefaultControl(s)) return false;
  if (operation === FMUL) return fastMultiply(s, to, a, b);
  if (operation === FADD) return fastAdd(s, to, a, b, 0);
  if (operation === FSUB) return fastAdd(s, to, a, b, 0x8000);
  return operation === FSUBR && fastAdd(s, to, b, a, 0x8000);
}

/** ST(0) = ST(0) op slot `from`, in the common case; false when nothing happened. */
export function arithmeticQuick(s: Int32Array, operation: number, from: number): boolean {
  if (isEmpty(s, 0)) return false;
  const top = slot(s, 0);
  return quickly(s, operation, top, top, from);
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
  if (isEmpty(s, 0) || isEmpty(s, i)) {
    begin(s);
    underflowTo(c, 0, 0);
    return;
  }
  const top = slot(s, 0);
  if (quickly(s, operation, top, top, slot(s, i))) return;
  begin(s);
  loadSt(s, opA, 0);
  loadSt(s, opB, i);
  operate(operation, opA, opB);
  deliver(c, 0);
}

/** ST(i) = ST(i) op ST(0), then pops when `pops` is 1. */
export function arithmeticTo(c: Context, operation: number, i: number, pops: number): void {
  const { s } = c;
  if (isEmpty(s, 0) || isEmpty(s, i)) {
    begin(s);
    underflowTo(c, i, pops);
    return;
  }
  const to = slot(s, i);
  if (quickly(s, operation, to, to, slot(s, 0))) {
    if (pops === 1) pop(s);
    return;
  }
  begin(s);
  loadSt(s, opA, i);
  loadSt(s, opB, 0);
  operate(operation, opA, opB);
  if (deliver(c, i) && pops === 1) pop(s);
}

/** Condition bits of an ordering. */
export function conditions(order: number): number {
  if (order === UNORDERED) return SW_C0 | SW_C2 | SW_C3;
  if (order === EQUAL) return SW_C3;
  return order === LESS ? SW_C0 : 0;
}

export function setConditions(s: Int32Array, bits: number): void {
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

/**
 * FCOMI, FCOMIP, FUCOMI, FUCOMIP: into EFLAGS. C1 stays unless the stack faults; the manual has it
 * cleared, processors leave it.
 */
export function compareFlags(c: Context, i: number, quietly: number, pops: number): void {
  const { s } = c;
  begin(s);
  if (isEmpty(s, 0) || isEmpty(s, i)) {
    c.setEflags(orderFlags(UNORDERED), ARITHMETIC);
    if (underflow(c)) popMany(s, pops);
    return;
  }
  loadSt(s, opA, 0);
  loadSt(s, opB, i);
  const order = compare(opA, opB, quietly);
  const before = s[FSW] & SW_C1;
  commit(c);
  s[FSW] |= before;
  c.setEflags(orderFlags(order), ARITHMETIC);
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
