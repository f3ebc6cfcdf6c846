/**
 * x87 loads and stores: the memory formats, constants, and the memory forms of arithmetic.
 *
 * Source: Intel SDM volume 2, FLD, FILD, FBLD, FST, FIST, FISTTP, FBSTP, FLD1 and its siblings;
 * volume 1, section 8.5 (an unmasked overflow or underflow of a store leaves memory unchanged).
 * Every store computes first, then writes, then changes registers: a page fault restarts it.
 */

import type { Context } from '../context.ts';
import { propagateOne } from './arithmetic.ts';
import { arithmeticMemory, arithmeticQuick, compareMemory, FCOM, FCOMP } from './basic.ts';
import {
  fastNarrowDouble,
  fastNarrowSingle,
  fastWidenDouble,
  fastWidenSingle,
  isDefaultStore,
} from './fast.ts';
import { decimal, fromDecimal, integer, toDecimal, toInteger } from './integer.ts';
import {
  checkAlignment,
  checkWrite,
  load64,
  probeStore,
  READ8,
  store64,
  WRITE8,
} from './memory.ts';
import {
  CHOP,
  copy,
  DE,
  env,
  IE,
  INFINITE,
  NEAREST,
  OE,
  PE,
  packDoubleHigh,
  packDoubleLow,
  packSingle,
  setIndefinite,
  UE,
  UP,
  unpackDouble,
  unpackExtended,
  unpackInteger,
  unpackSingle,
} from './number.ts';
import { roundToFormat } from './round.ts';
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
  SW_C1,
  slot,
  storeSt,
  underflow,
} from './stack.ts';
import { EMPTY, FSW, TEMP, TEMP2, TOP } from './state.ts';

/** The four formats of the memory operand of D8, DA, DC and DE. */
export const SINGLE = 0;
export const INT32 = 1;
export const DOUBLE = 2;
export const INT16 = 3;
export const INT64 = 4;
export const DECIMAL = 5;

const digits = new Uint8Array(10);

/** Unpacks a memory operand into `opB`; only this part can fault. */
function fetch(c: Context, format: number, seg: number, offset: number): void {
  switch (format) {
    case SINGLE:
      unpackSingle(opB, c.load(seg, offset, 4));
      break;
    case DOUBLE:
      load64(c, TEMP, seg, offset);
      unpackDouble(opB, c.s[TEMP], c.s[TEMP + 1]);
      break;
    case INT16:
      fetchInteger(c.load(seg, offset, 2));
      break;
    case INT32:
      fetchInteger(c.load(seg, offset, 4));
      break;
    case INT64: {
      load64(c, TEMP, seg, offset);
      unpackInteger(opB, c.s[TEMP], c.s[TEMP + 1]);
      break;
    }
    default:
      checkAlignment(c, seg, offset, READ8);
      for (let i = 0; i < 10; i++) digits[i] = c.load(seg, (offset + i) | 0, 1);
      fromDecimal(opB, digits);
  }
}

function fetchInteger(value: number): void {
  unpackInteger(opB, value, value >> 31);
}

/** FADD m32 and all its relatives; `operation` is the opcode's reg field. */
export function arithmeticFrom(c: Context, operation: number, format: number, place: Place): void {
  if (format === DOUBLE && arithmeticDouble(c, operation, place)) return;
  begin(c.s);
  fetch(c, format, place.seg, place.offset);
  if (operation === FCOM || operation === FCOMP) compareMemory(c, operation - FCOM);
  else arithmeticMemory(c, operation);
}

/** The common case of a binary64 operand. */
function arithmeticDouble(c: Context, operation: number, place: Place): boolean {
  const { s } = c;
  load64(c, TEMP, place.seg, place.offset);
  if (!fastWidenDouble(s, TEMP2, s[TEMP], s[TEMP + 1])) return false;
  return arithmeticQuick(s, operation, TEMP2);
}

export interface Place {
  seg: number;
  offset: number;
}

/** FLD, FILD, FBLD. */
export function loadFrom(c: Context, format: number, seg: number, offset: number): void {
  const { s } = c;
  if (format <= DOUBLE && isEmpty(s, -1) && loadNormal(c, format, seg, offset)) return;
  begin(s);
  fetch(c, format, seg, offset);
  if (!isEmpty(s, -1)) {
    if (overflow(c)) pushIndefinite(s);
    return;
  }
  convertLoaded();
  commit(c);
  // Unlike arithmetic, a load completes with an unmasked denormal exception.
  if ((env.flags & ~env.masks & IE) !== 0) return;
  push(s);
  storeSt(s, 0, result);
}

/** The common case of FLD: a normal binary32 or binary64, and room for it. */
function loadNormal(c: Context, format: number, seg: number, offset: number): boolean {
  const { s } = c;
  const at = slot(s, -1);
  if (format === DOUBLE) {
    load64(c, TEMP, seg, offset);
    if (!fastWidenDouble(s, at, s[TEMP], s[TEMP + 1])) return false;
  } else if (format !== SINGLE || !fastWidenSingle(s, at, c.load(seg, offset, 4))) {
    return false;
  }
  push(s);
  s[EMPTY] &= ~(1 << s[TOP]);
  s[FSW] &= ~SW_C1;
  return true;
}

/** Binary32 and binary64 raise what an operation on them would; integers raise nothing. */
function convertLoaded(): void {
  if (opB.kind > INFINITE) {
    propagateOne(result, opB);
    return;
  }
  copy(result, opB);
  if (opB.denormal === 1) env.flags |= DE;
}

/** FLD m80: a move, whatever the bits say. */
export function loadExtended(c: Context, seg: number, offset: number): void {
  const { s } = c;
  begin(s);
  checkAlignment(c, seg, offset, READ8);
  const lo = c.load(seg, offset, 4);
  const hi = c.load(seg, (offset + 4) | 0, 4);
  const top = c.load(seg, (offset + 8) | 0, 2) & 0xffff;
  if (!isEmpty(s, -1)) {
    if (overflow(c)) pushIndefinite(s);
    return;
  }
  push(s);
  const at = slot(s, 0);
  s[at] = lo;
  s[at + 1] = hi;
  s[at + 2] = top;
  s[EMPTY] &= ~(1 << s[TOP]);
  s[FSW] &= ~SW_C1;
}

/** FST and FSTP to binary32 or binary64. */
export function storeFloat(c: Context, format: number, pops: number, place: Place): void {
  const { s } = c;
  const { seg, offset } = place;
  if (storeNormal(c, format, pops, place)) return;
  begin(s);
  const bits = format === SINGLE ? 24 : 53;
  const fault = isEmpty(s, 0);
  if (fault) {
    setIndefinite(result);
    env.flags = IE;
  } else {
    loadSt(s, opA, 0);
    narrow(bits);
  }
  const forbidden = (env.flags & ~env.masks & (IE | OE | UE)) !== 0;
  if (forbidden) probeStore(c, seg, offset, format === SINGLE ? 4 : 8);
  else writeFloat(c, bits, seg, offset);
  if (fault) {
    underflow(c);
  } else {
    if (forbidden) {
      env.roundedUp = 0;
      env.flags &= ~PE;
    }
    commit(c);
  }
  if (!forbidden && pops === 1) pop(s);
}

/** The common case of FST: zero, or a number that is normal there too. */
function storeNormal(c: Context, format: number, pops: number, place: Place): boolean {
  const { s } = c;
  if (!isDefaultStore(s) || isEmpty(s, 0)) return false;
  const narrow = format === SINGLE ? fastNarrowSingle : fastNarrowDouble;
  const status = narrow(s, TEMP, slot(s, 0));
  if (status < 0) return false;
  if (format === SINGLE) c.store(place.seg, place.offset, 4, s[TEMP]);
  else store64(c, TEMP, place.seg, place.offset);
  s[FSW] = (s[FSW] & ~SW_C1) | status;
  if (pops === 1) pop(s);
  return true;
}

/** `result` = ST(0), which is in `opA`, rounded to 24 or 53 bits. */
function narrow(bits: number): void {
  if (opA.kind > INFINITE) {
    propagateOne(result, opA);
    return;
  }
  copy(result, opA);
  if (blocked()) return;
  roundToFormat(result, bits);
}

function writeFloat(c: Context, bits: number, seg: number, offset: number): void {
  if (bits === 24) {
    c.store(seg, offset, 4, packSingle(result));
    return;
  }
  c.s[TEMP] = packDoubleLow(result);
  c.s[TEMP + 1] = packDoubleHigh(result);
  store64(c, TEMP, seg, offset);
}

/** FSTP m80: a move. */
export function storeExtended(c: Context, seg: number, offset: number): void {
  const { s } = c;
  begin(s);
  let lo = 0;
  let hi = 0xc0000000 | 0;
  let top = 0xffff;
  const fault = isEmpty(s, 0);
  if (!fault) {
    const at = slot(s, 0);
    lo = s[at];
    hi = s[at + 1];
    top = s[at + 2];
  }
  if (fault && (env.masks & IE) === 0) {
    probeStore(c, seg, offset, 10);
  } else {
    checkAlignment(c, seg, offset, WRITE8);
    checkWrite(c, seg, offset, 10);
    c.store(seg, offset, 4, lo);
    c.store(seg, (offset + 4) | 0, 4, hi);
    c.store(seg, (offset + 8) | 0, 2, top);
  }
  if (fault) {
    if (underflow(c)) pop(s);
    return;
  }
  s[FSW] &= ~SW_C1;
  pop(s);
}

/** FIST and FISTP; FISTTP with `truncate` = 1. */
export function storeInteger(
  c: Context,
  format: number,
  how: { readonly pops: number; readonly truncate: number },
  place: Place,
): void {
  const { s } = c;
  begin(s);
  const bits = format === INT16 ? 16 : format === INT32 ? 32 : 64;
  const fault = isEmpty(s, 0);
  if (fault) {
    env.flags = IE;
  } else {
    loadSt(s, opA, 0);
    toInteger(opA, bits, how.truncate === 1 ? CHOP : env.rounding);
  }
  const forbidden = (env.flags & ~env.masks & IE) !== 0;
  if (forbidden) probeStore(c, place.seg, place.offset, bits / 8);
  else writeInteger(c, bits, place);
  if (fault) underflow(c);
  else commit(c);
  if (!forbidden && how.pops === 1) pop(s);
}

function writeInteger(c: Context, bits: number, place: Place): void {
  const { seg, offset } = place;
  const bad = (env.flags & IE) !== 0;
  const indefinite = bits === 16 ? -0x8000 : -0x80000000;
  if (bits < 64) {
    c.store(seg, offset, bits === 16 ? 2 : 4, bad ? indefinite : integer.lo);
    return;
  }
  c.s[TEMP] = bad ? 0 : integer.lo;
  c.s[TEMP + 1] = bad ? indefinite : integer.hi;
  store64(c, TEMP, seg, offset);
}

/** FBSTP. */
export function storeDecimal(c: Context, seg: number, offset: number): void {
  const { s } = c;
  begin(s);
  const fault = isEmpty(s, 0);
  if (fault) {
    env.flags = IE;
    decimal.fill(0);
    decimal.set([0xc0, 0xff, 0xff], 7);
  } else {
    loadSt(s, opA, 0);
    toDecimal(opA);
  }
  const forbidden = (env.flags & ~env.masks & IE) !== 0;
  if (forbidden) {
    probeStore(c, seg, offset, 10);
  } else {
    checkAlignment(c, seg, offset, WRITE8);
    checkWrite(c, seg, offset, 10);
    for (let i = 0; i < 10; i++) c.store(seg, (offset + i) | 0, 1, decimal[i]);
  }
  if (fault) underflow(c);
  else commit(c);
  if (!forbidden) pop(s);
}

/** FLD1 FLDL2T FLDL2E FLDPI FLDLG2 FLDLN2 FLDZ: exponent word, significand, nearest is the next. */
const CONSTANTS: readonly (readonly [number, number, number, boolean])[] = [
  [0x3fff, 0x80000000, 0, false],
  [0x4000, 0xd49a784b, 0xcd1b8afe, false],
  [0x3fff, 0xb8aa3b29, 0x5c17f0bb, true],
  [0x4000, 0xc90fdaa2, 0x2168c234, true],
  [0x3ffd, 0x9a209a84, 0xfbcff798, true],
  [0x3ffe, 0xb17217f7, 0xd1cf79ab, true],
  [0, 0, 0, false],
];

/** Loads constant number `n` of the list above, rounded as the control word says. */
export function loadConstant(c: Context, n: number): void {
  const { s } = c;
  begin(s);
  if (!isEmpty(s, -1)) {
    if (overflow(c)) pushIndefinite(s);
    return;
  }
  const [exponent, hi, lo, nearestIsUp] = CONSTANTS[n];
  const isExact = n === 0 || n === 6;
  const up = !isExact && (env.rounding === UP || (env.rounding === NEAREST && nearestIsUp));
  unpackExtended(result, (lo + (up ? 1 : 0)) | 0, hi | 0, exponent);
  push(s);
  storeSt(s, 0, result);
  s[FSW] &= ~SW_C1;
}
