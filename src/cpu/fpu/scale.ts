/**
 * FPREM, FPREM1, FSCALE and FXTRACT: instructions on exponents and remainders.
 *
 * Source: Intel SDM volume 2, as named, with their tables of special operands.
 */

import type { Context } from '../context.ts';
import { invalid, propagate, propagateOne } from './arithmetic.ts';
import { deliver, setConditions } from './basic.ts';
import { partialRemainder, remainder } from './integer.ts';
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
  type Unpacked,
  unpackInteger,
  ZE,
  ZERO,
} from './number.ts';
import {
  begin,
  blocked,
  commit,
  isEmpty,
  loadSt,
  opA,
  opB,
  overflow,
  push,
  pushIndefinite,
  result,
  SW_C0,
  SW_C1,
  SW_C2,
  SW_C3,
  storeSt,
  underflow,
  underflowTo,
} from './stack.ts';
import { FSW } from './state.ts';
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
