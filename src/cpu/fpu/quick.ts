/**
 * The usual cases of x87 instructions on the register file alone, as regions of translated code
 * call them: normal numbers and zeros, registers where they are expected, control word as FNINIT
 * leaves it. A function that answers false (or a status below zero) has changed nothing; then the
 * instruction goes the long way. Checks before the instruction and the last-instruction pointers
 * are the caller's.
 */

import { EQUAL, GREATER, LESS } from './arithmetic.ts';
import { arithmeticQuick, conditions, quickly, setConditions } from './basic.ts';
import {
  fastNarrowDouble,
  fastNarrowSingle,
  fastWidenDouble,
  fastWidenSingle,
  isDefaultStore,
  isNormal,
  isZero,
} from './fast.ts';
import { isEmpty, pop, push, SW_C1, slot } from './stack.ts';
import { EMPTY, FSW, TEMP, TEMP2, TOP } from './state.ts';

/** Of formats in memory: binary32, signed word, binary64. */
export type Format = 'single' | 'integer' | 'double';

/** Words of memory as a number in slot `to`. */
function widen(s: Int32Array, format: Format, to: number, lo: number, hi: number): boolean {
  if (format === 'double') return fastWidenDouble(s, to, lo, hi);
  if (format === 'single') return fastWidenSingle(s, to, lo);
  widenInteger(s, to, lo);
  return true;
}

function widenInteger(s: Int32Array, to: number, value: number): void {
  const magnitude = value < 0 ? -value : value;
  const zeros = Math.clz32(magnitude);
  s[to] = 0;
  s[to + 1] = magnitude << zeros;
  s[to + 2] = magnitude === 0 ? 0 : (value < 0 ? 0x8000 : 0) | (16383 + 31 - zeros);
}

function completePush(s: Int32Array): void {
  push(s);
  s[EMPTY] &= ~(1 << s[TOP]);
  s[FSW] &= ~SW_C1;
}

function copy(s: Int32Array, to: number, from: number): void {
  s[to] = s[from];
  s[to + 1] = s[from + 1];
  s[to + 2] = s[from + 2];
}

/** -1, 0 or 1 as the numbers in two slots are ordered; 2 unless they are normal or zero. */
function order(s: Int32Array, a: number, b: number): number {
  if (!(isNormal(s, a) || isZero(s, a)) || !(isNormal(s, b) || isZero(s, b))) return 2;
  const p = signed(s, a);
  const q = signed(s, b);
  if (p !== q) return p < q ? LESS : GREATER;
  const hi = (s[a + 1] >>> 0) - (s[b + 1] >>> 0);
  const difference = hi === 0 ? (s[a] >>> 0) - (s[b] >>> 0) : hi;
  if (difference === 0) return EQUAL;
  return difference < 0 === p >= 0 ? LESS : GREATER;
}

/** Sign and exponent; zeros are all the same. */
function signed(s: Int32Array, at: number): number {
  const exponent = s[at + 2] & 0x7fff;
  return (s[at + 2] & 0x8000) !== 0 ? -exponent : exponent;
}

export const quickFunctions = {
  load(s: Int32Array, format: Format, lo: number, hi: number): boolean {
    if (!isEmpty(s, -1) || !widen(s, format, slot(s, -1), lo, hi)) return false;
    completePush(s);
    return true;
  },
  /** ST(0) = ST(0) op memory. */
  withMemory(s: Int32Array, op: number, format: Format, lo: number, hi: number): boolean {
    return widen(s, format, TEMP2, lo, hi) && arithmeticQuick(s, op, TEMP2);
  },
  /** ST(0) = ST(0) op ST(i). */
  top(s: Int32Array, op: number, i: number): boolean {
    return !isEmpty(s, i) && arithmeticQuick(s, op, slot(s, i));
  },
  /** ST(i) = ST(i) op ST(0). */
  to(s: Int32Array, op: number, i: number, pops: number): boolean {
    if (isEmpty(s, 0) || isEmpty(s, i)) return false;
    const at = slot(s, i);
    if (!quickly(s, op, at, at, slot(s, 0))) return false;
    if (pops === 1) pop(s);
    return true;
  },
  /** Memory's words into TEMP; what to give `stored`, or below zero. */
  narrow(s: Int32Array, format: Format): number {
    if (!isDefaultStore(s) || isEmpty(s, 0)) return -1;
    if (format === 'double') return fastNarrowDouble(s, TEMP, slot(s, 0));
    return fastNarrowSingle(s, TEMP, slot(s, 0));
  },
  stored(s: Int32Array, status: number, pops: number): void {
    s[FSW] = (s[FSW] & ~SW_C1) | status;
    if (pops === 1) pop(s);
  },
  loadRegister(s: Int32Array, i: number): boolean {
    if (isEmpty(s, i) || !isEmpty(s, -1)) return false;
    copy(s, slot(s, -1), slot(s, i));
    completePush(s);
    return true;
  },
  storeRegister(s: Int32Array, i: number, pops: number): boolean {
    if (isEmpty(s, 0)) return false;
    copy(s, slot(s, i), slot(s, 0));
    s[EMPTY] &= ~(1 << ((s[TOP] + i) & 7));
    s[FSW] &= ~SW_C1;
    if (pops === 1) pop(s);
    return true;
  },
  exchange(s: Int32Array, i: number): boolean {
    if (isEmpty(s, 0) || isEmpty(s, i)) return false;
    copy(s, TEMP2, slot(s, 0));
    copy(s, slot(s, 0), slot(s, i));
    copy(s, slot(s, i), TEMP2);
    s[FSW] &= ~SW_C1;
    return true;
  },
  /** FCHS and FABS. */
  sign(s: Int32Array, keep: number, flip: number): boolean {
    if (isEmpty(s, 0)) return false;
    const at = slot(s, 0);
    s[at + 2] = (s[at + 2] & keep) ^ flip;
    s[FSW] &= ~SW_C1;
    return true;
  },
  /** FCOM and its relatives. */
  compare(s: Int32Array, i: number, pops: number): boolean {
    if (isEmpty(s, 0) || isEmpty(s, i)) return false;
    const found = order(s, slot(s, 0), slot(s, i));
    if (found === 2) return false;
    setConditions(s, conditions(found));
    for (let n = 0; n < pops; n++) pop(s);
    return true;
  },
  compareMemory(s: Int32Array, pops: number, format: Format, lo: number, hi: number): boolean {
    if (isEmpty(s, 0) || !widen(s, format, TEMP2, lo, hi)) return false;
    const found = order(s, slot(s, 0), TEMP2);
    if (found === 2) return false;
    setConditions(s, conditions(found));
    if (pops === 1) pop(s);
    return true;
  },
  /** FCOMI and its relatives: -1, 0 or 1; 2 when nothing happened. */
  order(s: Int32Array, i: number, pops: number): number {
    if (isEmpty(s, 0) || isEmpty(s, i)) return 2;
    const found = order(s, slot(s, 0), slot(s, i));
    if (found !== 2 && pops === 1) pop(s);
    return found;
  },
};
