/**
 * Transcendental instructions with powers and logarithms, and the arc tangent: F2XM1, FYL2X,
 * FYL2XP1, FPATAN. The trigonometric ones are in functions.ts.
 *
 * Source: Intel SDM volume 2, their tables of special operands. Precision control does not apply,
 * rounding control does. Results are rounded from about 95 bits; processors promise one unit in the
 * last place and differ.
 */

import type { Context } from '../context.ts';
import { invalid, propagate, propagateOne } from './arithmetic.ts';
import { deliver } from './basic.ts';
import { atan, exp2m1, HALF_PI, LN2, LOG2E, log2Near, log2Ratio, PI } from './elementary.ts';
import {
  copy,
  DE,
  env,
  FINITE,
  INFINITE,
  PE,
  setInfinite,
  setZero,
  UE,
  type Unpacked,
  ZE,
  ZERO,
} from './number.ts';
import {
  addDouble,
  addPair,
  dividePair,
  multiplyDouble,
  multiplyPair,
  Pair,
  power,
  set,
  significand,
  subtractPair,
  unpackPair,
} from './pair.ts';
import { begin, isEmpty, loadSt, opA, opB, pop, result, underflowTo } from './stack.ts';

const x = new Pair();
const y = new Pair();
const t = new Pair();

/** x = a as a pair; its exponent is within a few hundred of zero. */
export function toPair(r: Pair, a: Unpacked): void {
  significand(r, a);
  const scale = (a.sign === 1 ? -1 : 1) * power(a.exp);
  set(r, r.h * scale, r.l * scale);
}

export function noteDenormal(a: Unpacked): void {
  if (a.denormal === 1) env.flags |= DE;
}

export function setOne(r: Unpacked, sign: number): void {
  r.kind = FINITE;
  r.sign = sign;
  r.exp = 0;
  r.hi = 0x80000000 | 0;
  r.lo = 0;
  r.ext = 0;
  r.denormal = 0;
}

export function f2xm1(c: Context): void {
  const { s } = c;
  begin(s);
  if (isEmpty(s, 0)) {
    underflowTo(c, 0, 0);
    return;
  }
  env.precision = 64;
  loadSt(s, opA, 0);
  powerMinusOne(result, opA);
  deliver(c, 0);
}

function powerMinusOne(r: Unpacked, a: Unpacked): void {
  if (a.kind > INFINITE) {
    propagateOne(r, a);
    return;
  }
  copy(r, a);
  if (a.kind === ZERO) return;
  noteDenormal(a);
  if (a.kind === INFINITE) {
    if (a.sign === 1) setOne(r, 1);
  } else if (a.exp < -66) {
    significand(x, a);
    multiplyPair(x, x, LN2);
    unpackPair(r, x, a.exp, 1);
    r.sign = a.sign;
  } else if (a.exp < 0) {
    toPair(x, a);
    exp2m1(y, x);
    unpackPair(r, y, 0, 1);
  } else if (a.exp === 0 && a.hi << 1 === 0 && a.lo === 0 && a.sign === 1) {
    r.exp = -1;
  }
  // 2^1 - 1 = 1; beyond that the result is undefined, and ST(0) stays.
}

/** ST(1) = f(ST(0), ST(1)), then pops. */
function binary(c: Context, compute: (r: Unpacked, a: Unpacked, b: Unpacked) => void): void {
  const { s } = c;
  begin(s);
  if (isEmpty(s, 0) || isEmpty(s, 1)) {
    underflowTo(c, 1, 1);
    return;
  }
  env.precision = 64;
  loadSt(s, opA, 0);
  loadSt(s, opB, 1);
  if (opA.kind > INFINITE || opB.kind > INFINITE) propagate(result, opA, opB);
  else compute(result, opA, opB);
  if (deliver(c, 1)) pop(s);
}

export function fyl2x(c: Context): void {
  binary(c, yLog2x);
}

/** r = b * log2(a). */
function yLog2x(r: Unpacked, a: Unpacked, b: Unpacked): void {
  if (a.kind === ZERO) {
    logOfZero(r, b);
    return;
  }
  if (a.sign === 1) {
    invalid(r);
    return;
  }
  const isOne = a.exp === 0 && a.hi << 1 === 0 && a.lo === 0;
  if (a.kind === INFINITE || b.kind === INFINITE) {
    const isZeroLog = a.kind === FINITE && isOne;
    if (b.kind === ZERO || isZeroLog) {
      invalid(r);
      return;
    }
    noteDenormal(a);
    noteDenormal(b);
    const negative = a.kind === FINITE && a.exp < 0 ? 1 : 0;
    setInfinite(r, b.sign ^ negative);
    return;
  }
  noteDenormal(a);
  noteDenormal(b);
  const negative = a.exp < 0 ? 1 : 0;
  if (b.kind === ZERO || isOne) {
    setZero(r, b.sign ^ negative);
    return;
  }
  logTimes(r, a, b);
}

function logOfZero(r: Unpacked, b: Unpacked): void {
  if (b.kind === ZERO) {
    invalid(r);
    return;
  }
  if (b.kind === FINITE) {
    env.flags |= ZE;
  }
  setInfinite(r, b.sign ^ 1);
}

function logTimes(r: Unpacked, a: Unpacked, b: Unpacked): void {
  let exponent = a.exp;
  significand(x, a);
  const isPower = x.h === 1 && x.l === 0;
  if (x.h > Math.SQRT2) {
    exponent += 1;
    set(x, x.h / 2, x.l / 2);
  }
  if (isPower) {
    set(y, exponent, 0);
  } else {
    log2Near(y, x);
    addDouble(y, y, exponent);
  }
  significand(t, b);
  multiplyPair(y, y, t);
  // Processors call the exact ones inexact too.
  env.flags |= PE;
  unpackPair(r, y, b.exp, isPower ? 0 : 1);
  if (isPower && r.exp < -16382) env.flags |= UE;
  r.sign ^= b.sign;
}

export function fyl2xp1(c: Context): void {
  binary(c, yLog2xPlus1);
}

/** r = b * log2(1 + a). */
function yLog2xPlus1(r: Unpacked, a: Unpacked, b: Unpacked): void {
  if (a.kind === ZERO || a.kind === INFINITE) {
    logPlus1Special(r, a, b);
    return;
  }
  const below = a.sign === 1 && a.exp >= 0;
  if (below) {
    // At or under -1: undefined; the logarithm does not exist.
    invalid(r);
    return;
  }
  noteDenormal(a);
  noteDenormal(b);
  if (b.kind === INFINITE) {
    setInfinite(r, b.sign ^ a.sign);
    return;
  }
  if (b.kind === ZERO) {
    setZero(r, b.sign ^ a.sign);
    return;
  }
  if (a.exp < -100) {
    significand(x, a);
    multiplyPair(y, x, LOG2E);
    significand(t, b);
    multiplyPair(y, y, t);
    unpackPair(r, y, a.exp + b.exp, 1);
    r.sign = a.sign ^ b.sign;
    return;
  }
  logPlus1(y, a);
  significand(t, b);
  multiplyPair(y, y, t);
  unpackPair(r, y, b.exp, 1);
  r.sign ^= b.sign;
}

function logPlus1Special(r: Unpacked, a: Unpacked, b: Unpacked): void {
  const sign = a.sign ^ b.sign;
  if (a.kind === ZERO) {
    if (b.kind === INFINITE) {
      invalid(r);
      return;
    }
    noteDenormal(b);
    setZero(r, sign);
    return;
  }
  if (a.sign === 1 || b.kind === ZERO) {
    invalid(r);
    return;
  }
  noteDenormal(b);
  setInfinite(r, sign);
}

/** r = log2(1 + a), a above -1. */
function logPlus1(r: Pair, a: Unpacked): void {
  if (a.exp >= 62) {
    significand(x, a);
    logOfPair(r, x, a.exp);
    return;
  }
  toPair(x, a);
  if (x.h > -0.29 && x.h < 0.41) {
    addDouble(t, x, 2);
    dividePair(t, x, t);
    log2Ratio(r, t);
    return;
  }
  addDouble(x, x, 1);
  logOfPair(r, x, 0);
}

/** r = log2(p * 2^exponent). */
function logOfPair(r: Pair, p: Pair, exponent: number): void {
  let exp = exponent;
  while (p.h > Math.SQRT2) {
    set(p, p.h / 2, p.l / 2);
    exp += 1;
  }
  while (p.h < Math.SQRT1_2) {
    set(p, p.h * 2, p.l * 2);
    exp -= 1;
  }
  log2Near(r, p);
  addDouble(r, r, exp);
}

export function fpatan(c: Context): void {
  binary(c, arcTangent);
}

/** r = the angle of the point (a, b). */
function arcTangent(r: Unpacked, a: Unpacked, b: Unpacked): void {
  const bSign = b.sign;
  const { sign } = a;
  if (b.kind === ZERO) {
    noteDenormal(a);
    if (sign === 1) unpackPair(r, PI, 0, 1);
    else setZero(r, 0);
  } else if (a.kind === INFINITE && b.kind === INFINITE) {
    multiplyDouble(x, PI, sign === 1 ? 0.75 : 0.25);
    unpackPair(r, x, 0, 1);
  } else if (a.kind === INFINITE) {
    noteDenormal(b);
    if (sign === 1) unpackPair(r, PI, 0, 1);
    else setZero(r, 0);
  } else if (a.kind === ZERO || b.kind === INFINITE) {
    noteDenormal(a);
    noteDenormal(b);
    unpackPair(r, HALF_PI, 0, 1);
  } else {
    noteDenormal(a);
    noteDenormal(b);
    arcTangentFinite(r, a, b);
  }
  r.sign = bSign;
}

function arcTangentFinite(r: Unpacked, a: Unpacked, b: Unpacked): void {
  significand(x, a);
  significand(y, b);
  const steep = b.exp > a.exp || (b.exp === a.exp && (y.h > x.h || (y.h === x.h && y.l > x.l)));
  let exp: number;
  if (steep) {
    dividePair(t, x, y);
    exp = a.exp - b.exp;
  } else {
    dividePair(t, y, x);
    exp = b.exp - a.exp;
  }
  if (exp < -110) {
    if (!steep && a.sign === 0) {
      // The quotient itself, which may be beyond what doubles hold.
      unpackPair(r, t, exp, 1);
      return;
    }
    set(t, 0, 0);
  } else {
    const scale = power(exp);
    set(t, t.h * scale, t.l * scale);
    atan(t, t);
  }
  if (steep && a.sign === 0) subtractPair(t, HALF_PI, t);
  else if (steep) addPair(t, HALF_PI, t);
  else if (a.sign === 1) subtractPair(t, PI, t);
  unpackPair(r, t, 0, 1);
}
