/**
 * x87 instructions that move registers and the stack pointer without looking at numbers.
 *
 * Source: Intel SDM volume 2, FLD, FST, FXCH, FCMOVcc, FFREE, FINCSTP, FDECSTP. It leaves D9 D8+i
 * out: that does what processors do.
 */

import type { Context } from '../context.ts';
import { setIndefinite } from './number.ts';
import {
  begin,
  isEmpty,
  overflow,
  pop,
  push,
  pushIndefinite,
  result,
  SW_C1,
  slot,
  storeSt,
  underflow,
  underflowTo,
} from './stack.ts';
import { EMPTY, FSW, TOP } from './state.ts';

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

/** FSTP1, D9 D8+i: of an empty ST(0) it only pops, which is no underflow. */
export function fstpUnchecked(c: Context, i: number): void {
  const { s } = c;
  if (!isEmpty(s, 0)) copyTo(s, i, slot(s, 0));
  s[FSW] &= ~SW_C1;
  pop(s);
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
  s[FSW] &= ~SW_C1;
  if (pops === 1) pop(s);
}

/** FINCSTP and FDECSTP: TOP moves, tags stay. */
export function moveTop(s: Int32Array, by: number): void {
  s[TOP] = (s[TOP] + by) & 7;
  s[FSW] &= ~SW_C1;
}
