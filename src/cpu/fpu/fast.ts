/**
 * The common case of x87 arithmetic: normal operands, normal result, control word as FNINIT leaves
 * it (64 bits, to nearest, everything masked). Works on the register file's words; what it does not
 * take goes the long way (arithmetic.ts, round.ts), and both give the same bits.
 */

import { multiplyHigh, normalizeWide } from './arithmetic.ts';
import { PE, Unpacked } from './number.ts';
import { shiftRightJam } from './round.ts';
import { FCW, FSW } from './state.ts';

const TWO32 = 4294967296;
const SW_C1 = 1 << 9;
const MAX_EXPONENT = 0x7fff;

const r = new Unpacked();
const small = new Unpacked();

/** Rounding to nearest, 64 bits, all exceptions masked. */
export function isDefaultControl(s: Int32Array): boolean {
  return (s[FCW] & 0xf3f) === 0x33f;
}

/** Significand with its integer bit, exponent neither smallest nor largest. */
export function isNormal(s: Int32Array, at: number): boolean {
  return s[at + 1] < 0 && ((s[at + 2] & 0x7fff) - 1) >>> 0 < 0x7ffe;
}

export function isZero(s: Int32Array, at: number): boolean {
  return (s[at] | s[at + 1] | (s[at + 2] & 0x7fff)) === 0;
}

/** Rounds `r`, whose exponent is biased, into slot `to`; false when it is out of range. */
function deliver(s: Int32Array, to: number): boolean {
  let { hi, lo, exp } = r;
  const { ext } = r;
  const up = ext < 0 && (ext !== -0x80000000 || (lo & 1) !== 0);
  if (up) {
    lo = (lo + 1) | 0;
    if (lo === 0) {
      hi = (hi + 1) | 0;
      if (hi === 0) {
        hi = -0x80000000;
        exp += 1;
      }
    }
  }
  if (exp <= 0 || exp >= MAX_EXPONENT) return false;
  let status = s[FSW] & ~SW_C1;
  if (ext !== 0) status |= up ? PE | SW_C1 : PE;
  s[FSW] = status;
  s[to] = lo;
  s[to + 1] = hi;
  s[to + 2] = exp | r.sign;
  return true;
}

/** Slot `to` = slot a * slot b; false when it is not the common case, and nothing happened. */
export function fastMultiply(s: Int32Array, to: number, a: number, b: number): boolean {
  if (!isNormal(s, a) || !isNormal(s, b)) return multiplyZero(s, to, a, b);
  const aHi = s[a + 1];
  const aLo = s[a];
  const bHi = s[b + 1];
  const bLo = s[b];
  let exp = (s[a + 2] & 0x7fff) + (s[b + 2] & 0x7fff) - 16382;
  let hi = multiplyHigh(aHi, bHi);
  let lo = Math.imul(aHi, bHi);
  let ext = 0;
  // Significands of 32 bits have no more than this.
  if ((aLo | bLo) !== 0) {
    const w0 = Math.imul(aLo, bLo);
    const w1 =
      (multiplyHigh(aLo, bLo) >>> 0) + (Math.imul(aLo, bHi) >>> 0) + (Math.imul(aHi, bLo) >>> 0);
    const w2 =
      (multiplyHigh(aLo, bHi) >>> 0) +
      (multiplyHigh(aHi, bLo) >>> 0) +
      (lo >>> 0) +
      Math.floor(w1 / TWO32);
    hi = (hi + Math.floor(w2 / TWO32)) | 0;
    lo = w2 | 0;
    ext = w1 | 0 | (w0 !== 0 ? 1 : 0);
  }
  if (hi >= 0) {
    hi = (hi << 1) | (lo >>> 31);
    lo = (lo << 1) | (ext >>> 31);
    ext = (ext << 1) | (ext & 1);
    exp -= 1;
  }
  r.hi = hi;
  r.lo = lo;
  r.ext = ext;
  r.exp = exp;
  r.sign = (s[a + 2] ^ s[b + 2]) & 0x8000;
  return deliver(s, to);
}

/** One operand at least is zero, and the other not out of the ordinary. */
function multiplyZero(s: Int32Array, to: number, a: number, b: number): boolean {
  if (isZero(s, a) ? !(isNormal(s, b) || isZero(s, b)) : !isZero(s, b) || !isNormal(s, a)) {
    return false;
  }
  s[to + 2] = (s[a + 2] ^ s[b + 2]) & 0x8000;
  s[to + 1] = 0;
  s[to] = 0;
  s[FSW] &= ~SW_C1;
  return true;
}

/** Slot `to` = slot a + slot b, with the sign of b flipped by `flip` (0 or 8000h). */
export function fastAdd(s: Int32Array, to: number, a: number, b: number, flip: number): boolean {
  if (!isNormal(s, a) || !isNormal(s, b)) return addZero(s, to, a, b, flip);
  const aSign = s[a + 2] & 0x8000;
  const bSign = (s[b + 2] ^ flip) & 0x8000;
  const distance = (s[a + 2] & 0x7fff) - (s[b + 2] & 0x7fff);
  const big = distance >= 0 ? a : b;
  const other = distance >= 0 ? b : a;
  small.hi = s[other + 1];
  small.lo = s[other];
  small.ext = 0;
  if (distance !== 0) shiftRightJam(small, distance > 0 ? distance : -distance);
  r.exp = s[big + 2] & 0x7fff;
  r.sign = distance >= 0 ? aSign : bSign;
  if (aSign === bSign) addTo(s, big);
  else if (!subtractFrom(s, big)) return false;
  return deliver(s, to);
}

/** One operand is zero and the other normal. */
function addZero(s: Int32Array, to: number, a: number, b: number, flip: number): boolean {
  const first = isNormal(s, a);
  if (first ? !isZero(s, b) : !(isZero(s, a) && isNormal(s, b))) return false;
  const from = first ? a : b;
  s[to + 2] = s[from + 2] ^ (first ? 0 : flip);
  s[to + 1] = s[from + 1];
  s[to] = s[from];
  s[FSW] &= ~SW_C1;
  return true;
}

function addTo(s: Int32Array, big: number): void {
  const lo = (s[big] >>> 0) + (small.lo >>> 0);
  const hi = (s[big + 1] >>> 0) + (small.hi >>> 0) + (lo >= TWO32 ? 1 : 0);
  r.ext = small.ext;
  r.lo = lo | 0;
  r.hi = hi | 0;
  if (hi < TWO32) return;
  r.ext = (small.ext >>> 1) | (r.lo << 31) | (small.ext & 1);
  r.lo = (r.lo >>> 1) | (r.hi << 31);
  r.hi = (r.hi >>> 1) | 0x80000000;
  r.exp += 1;
}

/** False when the difference is zero or its sign is that of the other operand. */
function subtractFrom(s: Int32Array, big: number): boolean {
  const ext = 0 - (small.ext >>> 0);
  const lo = (s[big] >>> 0) - (small.lo >>> 0) - (ext < 0 ? 1 : 0);
  const hi = (s[big + 1] >>> 0) - (small.hi >>> 0) - (lo < 0 ? 1 : 0);
  if (hi < 0) return false;
  r.ext = ext | 0;
  r.lo = lo | 0;
  r.hi = hi | 0;
  if ((r.hi | r.lo | r.ext) === 0) return false;
  if (r.hi >= 0) normalizeWide(r);
  return true;
}

function putZero(s: Int32Array, to: number, sign: number): boolean {
  s[to] = 0;
  s[to + 1] = 0;
  s[to + 2] = sign;
  return true;
}

/** Widens binary64 `lo:hi` into slot `to`; false unless it is a normal number or zero. */
export function fastWidenDouble(s: Int32Array, to: number, lo: number, hi: number): boolean {
  const exp = (hi >>> 20) & 0x7ff;
  if ((exp - 1) >>> 0 >= 0x7fe) {
    return (lo | (hi & 0x7fffffff)) === 0 && putZero(s, to, (hi >>> 16) & 0x8000);
  }
  s[to] = lo << 11;
  s[to + 1] = 0x80000000 | (hi << 11) | (lo >>> 21);
  s[to + 2] = ((hi >>> 16) & 0x8000) | (exp + 15360);
  return true;
}

/** The same for binary32. */
export function fastWidenSingle(s: Int32Array, to: number, bits: number): boolean {
  const exp = (bits >>> 23) & 0xff;
  if ((exp - 1) >>> 0 >= 0xfe) {
    return (bits & 0x7fffffff) === 0 && putZero(s, to, (bits >>> 16) & 0x8000);
  }
  s[to] = 0;
  s[to + 1] = 0x80000000 | (bits << 8);
  s[to + 2] = ((bits >>> 16) & 0x8000) | (exp + 16256);
  return true;
}

/** True when stores round to nearest with everything masked. */
export function isDefaultStore(s: Int32Array): boolean {
  return (s[FCW] & 0xc3f) === 0x03f;
}

/**
 * Narrows slot `from` to binary64 in the first two words of slot `to`. Returns what to report in
 * the status word (PE and C1), or -1 when it is not the common case.
 */
export function fastNarrowDouble(s: Int32Array, to: number, from: number): number {
  const hi = s[from + 1];
  const lo = s[from];
  if (isZero(s, from)) {
    s[to] = 0;
    s[to + 1] = (s[from + 2] & 0x8000) << 16;
    return 0;
  }
  let exp = (s[from + 2] & 0x7fff) - 15360;
  if (hi >= 0 || exp <= 0 || exp >= 0x7fe) return -1;
  let low = (lo >>> 11) | (hi << 21);
  let high = (hi & 0x7fffffff) >>> 11;
  const rest = lo & 0x7ff;
  const up = rest > 0x400 || (rest === 0x400 && (low & 1) !== 0);
  if (up) {
    low = (low + 1) | 0;
    if (low === 0) high += 1;
    if (high === 0x100000) {
      high = 0;
      exp += 1;
    }
  }
  s[to] = low;
  s[to + 1] = ((s[from + 2] & 0x8000) << 16) | (exp << 20) | high;
  if (rest === 0) return 0;
  return up ? PE | SW_C1 : PE;
}

/** The same to binary32, in the first word. */
export function fastNarrowSingle(s: Int32Array, to: number, from: number): number {
  const hi = s[from + 1];
  if (isZero(s, from)) {
    s[to] = (s[from + 2] & 0x8000) << 16;
    return 0;
  }
  let exp = (s[from + 2] & 0x7fff) - 16256;
  if (hi >= 0 || exp <= 0 || exp >= 0xfe) return -1;
  let high = (hi & 0x7fffffff) >>> 8;
  const rest = hi & 0xff;
  const isHalf = rest === 0x80 && s[from] === 0;
  const up = rest >= 0x80 && (!isHalf || (high & 1) !== 0);
  if (up) {
    high += 1;
    if (high === 0x800000) {
      high = 0;
      exp += 1;
    }
  }
  s[to] = ((s[from + 2] & 0x8000) << 16) | (exp << 23) | high;
  if ((rest | s[from]) === 0) return 0;
  return up ? PE | SW_C1 : PE;
}
