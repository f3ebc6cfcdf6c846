/**
 * x87 control instructions and the state images in memory: environment and FSAVE image in their
 * four layouts, and the FXSAVE area.
 *
 * Sources: Intel SDM volume 1, figures 8-9 to 8-12; volume 2, FSTENV, FSAVE, FLDENV, FRSTOR, FXSAVE
 * (table 3-43). Reserved words of the 32-bit layouts are stored as ones, as processors do.
 */

import type { Context } from '../context.ts';
import { BASE, CPL, CR0, CR0_PE, CR4, CR4_OSFXSR, EAX, GP, VM } from '../registers.ts';
import { FINITE, Unpacked, unpackExtended, ZERO } from './number.ts';
import { slot, summarize } from './stack.ts';
import {
  EMPTY,
  FCS,
  FCW,
  FDP,
  FDS,
  FIP,
  FOP,
  FPR,
  FSW,
  initFpu,
  MXCSR,
  MXCSR_MASK,
  statusWord,
  TOP,
  XMM,
} from './state.ts';

const scratch = new Unpacked();

/** Sets the status word with TOP in it; ES and B follow flags and masks. */
function setStatusWord(c: Context, value: number): void {
  c.s[TOP] = (value >> 11) & 7;
  c.s[FSW] = value & 0x477f;
  summarize(c);
}

function setControlWord(c: Context, value: number): void {
  c.s[FCW] = (value & 0x1f7f) | 0x40;
  summarize(c);
}

export function fldcw(c: Context, seg: number, offset: number): void {
  setControlWord(c, c.load(seg, offset, 2));
}

export function fnstcw(c: Context, seg: number, offset: number): void {
  c.store(seg, offset, 2, c.s[FCW]);
}

export function fnstsw(c: Context, seg: number, offset: number): void {
  c.store(seg, offset, 2, statusWord(c.s));
}

export function fnstswAx(c: Context): void {
  c.s[EAX] = (c.s[EAX] & ~0xffff) | statusWord(c.s);
}

/** Clears flags, SF, ES and B; condition bits stay. */
export function fnclex(c: Context): void {
  c.s[FSW] &= 0x7f00;
  summarize(c);
}

export function fninit(c: Context): void {
  initFpu(c.s);
  summarize(c);
}

/** 0 valid, 1 zero, 2 special, 3 empty: of physical register n. */
function tagOf(s: Int32Array, n: number): number {
  if (((s[EMPTY] >> n) & 1) !== 0) return 3;
  const at = FPR + 4 * n;
  unpackExtended(scratch, s[at], s[at + 1], s[at + 2]);
  if (scratch.kind === ZERO) return 1;
  return scratch.kind === FINITE && scratch.denormal === 0 ? 0 : 2;
}

function tagWord(s: Int32Array): number {
  let word = 0;
  for (let n = 0; n < 8; n++) word |= tagOf(s, n) << (2 * n);
  return word;
}

/** Only empty or not matters: contents decide the rest. */
function setTagWord(s: Int32Array, word: number): void {
  let empty = 0;
  for (let n = 0; n < 8; n++) if (((word >> (2 * n)) & 3) === 3) empty |= 1 << n;
  s[EMPTY] = empty;
}

function isProtected(c: Context): boolean {
  return (c.s[CR0] & CR0_PE) !== 0 && (c.eflags() & VM) === 0;
}

/** The seven fields of an environment image. */
const image = new Int32Array(7);

/** Linear address that the real-mode layouts store in place of selector and offset. */
function realAddress(selector: number, offset: number): number {
  return ((selector << 4) + offset) | 0;
}

function buildEnvironment(c: Context, bytes: number): void {
  const { s } = c;
  const high = bytes === 4 ? 0xffff0000 | 0 : 0;
  image[0] = s[FCW] | high;
  image[1] = statusWord(s) | high;
  image[2] = tagWord(s) | high;
  if (isProtected(c)) {
    image[3] = s[FIP];
    image[4] = bytes === 4 ? (s[FCS] & 0xffff) | (s[FOP] << 16) : s[FCS];
    image[5] = s[FDP];
    image[6] = (s[FDS] & 0xffff) | high;
    return;
  }
  const ip = realAddress(s[FCS], s[FIP]);
  const dp = realAddress(s[FDS], s[FDP]);
  if (bytes === 4) {
    image[3] = (ip & 0xffff) | high;
    image[4] = ((ip >>> 16) << 12) | s[FOP];
    image[5] = (dp & 0xffff) | high;
    image[6] = (dp >>> 16) << 12;
  } else {
    image[3] = ip;
    image[4] = ((ip >>> 4) & 0xf000) | s[FOP];
    image[5] = dp;
    image[6] = (dp >>> 4) & 0xf000;
  }
}

/** Checks that all of an image can be written, then writes upwards. */
function checkArea(c: Context, seg: number, offset: number, size: number): void {
  const linear = (c.s[BASE + seg] + offset) | 0;
  c.probeWrite(linear, size, c.s[CPL] === 3);
}

function writeEnvironment(c: Context, bytes: 2 | 4, seg: number, offset: number): void {
  for (let i = 6; i >= 0; i--) c.store(seg, (offset + bytes * i) | 0, bytes, image[i]);
}

/** FNSTENV; masks all exceptions afterwards. `bytes` is the operand size. */
export function fnstenv(c: Context, bytes: 2 | 4, seg: number, offset: number): void {
  buildEnvironment(c, bytes);
  checkArea(c, seg, offset, 7 * bytes);
  writeEnvironment(c, bytes, seg, offset);
  c.s[FCW] |= 0x3f;
  summarize(c);
}

function readEnvironment(c: Context, bytes: 2 | 4, seg: number, offset: number): void {
  for (let i = 0; i < 7; i++) image[i] = c.load(seg, (offset + bytes * i) | 0, bytes);
}

function applyEnvironment(c: Context, bytes: 2 | 4): void {
  const { s } = c;
  const mask = bytes === 4 ? -1 : 0xffff;
  if (isProtected(c)) {
    s[FIP] = image[3] & mask;
    s[FCS] = image[4] & 0xffff;
    if (bytes === 4) s[FOP] = (image[4] >>> 16) & 0x7ff;
    s[FDP] = image[5] & mask;
    s[FDS] = image[6] & 0xffff;
  } else {
    const shift = bytes === 4 ? 4 : 4;
    const ipHigh = bytes === 4 ? (image[4] >>> 12) & 0xffff : (image[4] >>> 12) & 0xf;
    const dpHigh = bytes === 4 ? (image[6] >>> 12) & 0xffff : (image[6] >>> 12) & 0xf;
    s[FIP] = (image[3] & 0xffff) | (ipHigh << (12 + shift));
    s[FCS] = 0;
    s[FOP] = image[4] & 0x7ff;
    s[FDP] = (image[5] & 0xffff) | (dpHigh << (12 + shift));
    s[FDS] = 0;
  }
  s[FCW] = (image[0] & 0x1f7f) | 0x40;
  setTagWord(s, image[2]);
  setStatusWord(c, image[1]);
}

export function fldenv(c: Context, bytes: 2 | 4, seg: number, offset: number): void {
  readEnvironment(c, bytes, seg, offset);
  applyEnvironment(c, bytes);
}

/** FNSAVE: environment, ST(0) to ST(7), then as FNINIT. */
export function fnsave(c: Context, bytes: 2 | 4, seg: number, offset: number): void {
  const { s } = c;
  buildEnvironment(c, bytes);
  checkArea(c, seg, offset, 7 * bytes + 80);
  for (let i = 7; i >= 0; i--) {
    const at = slot(s, i);
    const to = (offset + 7 * bytes + 10 * i) | 0;
    c.store(seg, (to + 8) | 0, 2, s[at + 2]);
    c.store(seg, (to + 4) | 0, 4, s[at + 1]);
    c.store(seg, to, 4, s[at]);
  }
  writeEnvironment(c, bytes, seg, offset);
  fninit(c);
}

const registers = new Int32Array(32);

export function frstor(c: Context, bytes: 2 | 4, seg: number, offset: number): void {
  const { s } = c;
  readEnvironment(c, bytes, seg, offset);
  for (let i = 0; i < 8; i++) {
    const from = (offset + 7 * bytes + 10 * i) | 0;
    registers[4 * i] = c.load(seg, from, 4);
    registers[4 * i + 1] = c.load(seg, (from + 4) | 0, 4);
    registers[4 * i + 2] = c.load(seg, (from + 8) | 0, 2) & 0xffff;
  }
  applyEnvironment(c, bytes);
  for (let i = 0; i < 8; i++) {
    const at = slot(s, i);
    for (let k = 0; k < 3; k++) s[at + k] = registers[4 * i + k];
  }
}

const area = new Int32Array(72);

function requireAligned(c: Context, seg: number, offset: number): void {
  if (((c.s[BASE + seg] + offset) & 15) !== 0) c.raise(GP, 0);
}

/** FXSAVE; bytes 288 to 511 of the area are left alone. */
export function fxsave(c: Context, seg: number, offset: number): void {
  const { s } = c;
  requireAligned(c, seg, offset);
  area.fill(0);
  area[0] = s[FCW] | (statusWord(s) << 16);
  area[1] = (~s[EMPTY] & 0xff) | (s[FOP] << 16);
  area[2] = s[FIP];
  area[3] = s[FCS] & 0xffff;
  area[4] = s[FDP];
  area[5] = s[FDS] & 0xffff;
  area[6] = s[MXCSR];
  area[7] = MXCSR_MASK;
  for (let i = 0; i < 8; i++) {
    const at = slot(s, i);
    area[8 + 4 * i] = s[at];
    area[9 + 4 * i] = s[at + 1];
    area[10 + 4 * i] = s[at + 2] & 0xffff;
  }
  const vectors = (s[CR4] & CR4_OSFXSR) !== 0;
  if (vectors) area.set(s.subarray(XMM, XMM + 32), 40);
  checkArea(c, seg, offset, 512);
  for (let i = (vectors ? 72 : 40) - 1; i >= 0; i--) c.store(seg, (offset + 4 * i) | 0, 4, area[i]);
}

export function fxrstor(c: Context, seg: number, offset: number): void {
  const { s } = c;
  requireAligned(c, seg, offset);
  for (let i = 0; i < 72; i++) area[i] = c.load(seg, (offset + 4 * i) | 0, 4);
  if ((area[6] & ~MXCSR_MASK) !== 0) c.raise(GP, 0);
  s[FCW] = (area[0] & 0x1f7f) | 0x40;
  s[EMPTY] = ~area[1] & 0xff;
  s[FOP] = (area[1] >>> 16) & 0x7ff;
  s[FIP] = area[2];
  s[FCS] = area[3] & 0xffff;
  s[FDP] = area[4];
  s[FDS] = area[5] & 0xffff;
  setStatusWord(c, area[0] >>> 16);
  for (let i = 0; i < 8; i++) {
    const at = slot(s, i);
    s[at] = area[8 + 4 * i];
    s[at + 1] = area[9 + 4 * i];
    s[at + 2] = area[10 + 4 * i] & 0xffff;
  }
  if ((s[CR4] & CR4_OSFXSR) === 0) return;
  s[MXCSR] = area[6];
  s.set(area.subarray(40, 72), XMM);
}
