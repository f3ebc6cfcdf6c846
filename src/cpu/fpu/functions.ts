/**
 * The trigonometric instructions: FSIN, FCOS, FSINCOS, FPTAN.
 *
 * Source: Intel SDM volume 2, their tables of special operands; volume 1, section 8.3.8: pi has 66
 * bits in argument reduction. Precision control does not apply, rounding control does.
 * Results are rounded from about 95 bits; processors promise one unit in the last place and differ.
 */

import type { Context } from '../context.ts';
import { invalid, propagateOne } from './arithmetic.ts';
import { deliver } from './basic.ts';
import { cosine, reduce, reduced, reduceLarge, sine } from './elementary.ts';
import { noteDenormal, setOne, toPair } from './logarithms.ts';
import { copy, env, FINITE, INFINITE, setZero, Unpacked, ZERO } from './number.ts';
import { dividePair, Pair, set, unpackPair } from './pair.ts';
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
  push,
  pushIndefinite,
  result,
  SW_C2,
  storeSt,
  underflow,
  underflowTo,
} from './stack.ts';
import { FSW } from './state.ts';

const x = new Pair();
const sin = new Pair();
const cos = new Pair();
const second = new Unpacked();

/** r = a moved by less than its last place: towards zero, or away. */
function nudge(r: Unpacked, a: Unpacked, outward: number): void {
  copy(r, a);
  if (outward === 1) {
    r.ext = 1;
    return;
  }
  r.ext = -1;
  r.lo = (r.lo - 1) | 0;
  if (r.lo === -1) r.hi = (r.hi - 1) | 0;
  if (r.hi >= 0) {
    r.hi = -1;
    r.exp -= 1;
  }
}

/** Reduces a finite opA to `x` in [-pi/4, pi/4] of its magnitude, and computes sine and cosine. */
function sineCosine(a: Unpacked): void {
  if (a.exp < 30) {
    toPair(x, a);
    if (a.sign === 1) set(x, -x.h, -x.l);
    reduce(x, x);
  } else {
    const m = (BigInt(a.hi >>> 0) << 32n) | BigInt(a.lo >>> 0);
    reduceLarge(x, m, a.exp);
  }
  const q = reduced.quadrant;
  sine((q & 1) === 0 ? sin : cos, x);
  cosine((q & 1) === 0 ? cos : sin, x);
  if (q === 1 || q === 2) set(cos, -cos.h, -cos.l);
  if (q >= 2) set(sin, -sin.h, -sin.l);
  if (a.sign === 1) set(sin, -sin.h, -sin.l);
}

/** True (C2 set) when the argument is too large; nothing else happens then. */
function outOfRange(c: Context, a: Unpacked): boolean {
  if (a.kind !== FINITE || a.exp < 63) return false;
  c.s[FSW] |= SW_C2;
  commit(c);
  return true;
}

const SINE = 0;
const COSINE = 1;
const TANGENT = 2;

/** r = the function of a, unrounded. */
function trigonometric(r: Unpacked, a: Unpacked, which: number): void {
  if (a.kind > INFINITE) {
    propagateOne(r, a);
  } else if (a.kind === INFINITE) {
    invalid(r);
  } else if (a.kind === ZERO) {
    if (which === COSINE) setOne(r, 0);
    else copy(r, a);
  } else {
    noteDenormal(a);
    if (a.exp < -68) tiny(r, a, which);
    else regular(r, a, which);
  }
}

function tiny(r: Unpacked, a: Unpacked, which: number): void {
  if (which === COSINE) {
    setOne(opB, 0);
    nudge(r, opB, 0);
  } else {
    nudge(r, a, which === TANGENT ? 1 : 0);
  }
}

function regular(r: Unpacked, a: Unpacked, which: number): void {
  sineCosine(a);
  const value = which === COSINE ? cos : sin;
  if (which === TANGENT) dividePair(sin, sin, cos);
  if (value.h === 0) setZero(r, a.sign);
  else unpackPair(r, value, 0, 1);
}

function simpleTrigonometric(c: Context, which: number): void {
  const { s } = c;
  begin(s);
  s[FSW] &= ~SW_C2;
  if (isEmpty(s, 0)) {
    underflowTo(c, 0, 0);
    return;
  }
  env.precision = 64;
  loadSt(s, opA, 0);
  if (outOfRange(c, opA)) return;
  trigonometric(result, opA, which);
  deliver(c, 0);
}

export function fsin(c: Context): void {
  simpleTrigonometric(c, SINE);
}

export function fcos(c: Context): void {
  simpleTrigonometric(c, COSINE);
}

/** FPTAN and FSINCOS replace ST(0) and push; true when the stack allows both. */
function prepareTwo(c: Context): boolean {
  const { s } = c;
  begin(s);
  s[FSW] &= ~SW_C2;
  const empty = isEmpty(s, 0);
  if (!empty && isEmpty(s, -1)) return true;
  const masked = empty ? underflow(c) : overflow(c);
  if (masked) {
    pushIndefinite(s);
    storeSt(s, 1, result);
  }
  return false;
}

/** Rounds and stores two results: `result` into ST(0), then `second` on top of it. */
function deliverTwo(c: Context): void {
  const { s } = c;
  if (blocked()) {
    commit(c);
    return;
  }
  roundToExtended(result);
  roundToExtended(second);
  storeSt(s, 0, result);
  push(s);
  storeSt(s, 0, second);
  commit(c);
}

export function fsincos(c: Context): void {
  if (!prepareTwo(c)) return;
  env.precision = 64;
  loadSt(c.s, opA, 0);
  if (outOfRange(c, opA)) return;
  trigonometric(second, opA, COSINE);
  trigonometric(result, opA, SINE);
  deliverTwo(c);
}

/** Pushes 1.0 on top of the tangent; a NaN is pushed twice. */
export function fptan(c: Context): void {
  if (!prepareTwo(c)) return;
  env.precision = 64;
  loadSt(c.s, opA, 0);
  if (outOfRange(c, opA)) return;
  trigonometric(result, opA, TANGENT);
  if (opA.kind >= INFINITE) copy(second, result);
  else setOne(second, 0);
  deliverTwo(c);
}
