/**
 * String instructions. `shape` has source segment and address size (decode.ts), `repeat` is 0, 1
 * (REPNE) or 2 (REP, REPE).
 *
 * A repeated instruction runs in passes that each count as one instruction: a pass ends at the end
 * of a page (of either operand), so what a pass does depends on addresses alone; while debugging,
 * behind one element. Registers are moved with each element, so faults and interrupts find a state
 * that can be resumed.
 *
 * Source: Intel SDM volume 2, REP, MOVS, STOS, LODS, CMPS, SCAS, INS, OUTS.
 */

import { FLAT, HALF } from '../access.ts';
import type { Running, Size } from '../context.ts';
import { hasBreakpoints } from '../debug.ts';
import * as flags from '../flags.ts';
import { checkPort, portIn, portOut } from '../io.ts';
import {
  BASE,
  DF,
  EAX,
  ECX,
  EDI,
  EDX,
  EFLAGS_REST,
  ES,
  ESI,
  FLAG_A,
  FLAG_B,
  FLAG_KIND,
  FLAG_RESULT,
  LIMIT,
  RESUMING,
  TF,
} from '../registers.ts';

const REPNE = 1;
/** Elements of a pass when the direction flag is set. */
const BACKWARD_PASS = 256;

/** What one pass works with; one object, filled anew each time. */
const pass = { mask: 0, step: 0, seg: 0, count: 0 };

function start(c: Running, shape: number, size: number): void {
  pass.mask = (shape >> 31) | 0xffff;
  pass.seg = (shape >> 8) & 7;
  pass.step = (c.s[EFLAGS_REST] & DF) !== 0 ? -size : size;
}

function counter(c: Running): number {
  return (c.s[ECX] & pass.mask) >>> 0;
}

function move(c: Running, n: number, by: number): void {
  c.s[n] = (c.s[n] & ~pass.mask) | ((c.s[n] + by) & pass.mask);
}

function countDown(c: Running, by: number): void {
  c.s[ECX] = (c.s[ECX] & ~pass.mask) | ((c.s[ECX] - by) & pass.mask);
}

/** Elements from register `n` in segment `seg` to the end of the page, the segment or 64 KiB. */
function room(c: Running, n: number, seg: number, size: number): number {
  if (pass.step < 0) return BACKWARD_PASS;
  const offset = (c.s[n] & pass.mask) >>> 0;
  const linear = c.s[BASE + seg] + offset;
  const toPage = 0x1000 - (linear & 0xfff);
  const toWrap = pass.mask === -1 ? toPage : Math.min(toPage, 0x10000 - offset);
  return Math.max(1, Math.floor(toWrap / size));
}

/** Linear address of `length` bytes when no check can fail on the way, else -1. */
function plainLinear(c: Running, seg: number, n: number, length: number): number {
  const { s } = c;
  const offset = (s[n] & pass.mask) >>> 0;
  if ((s[FLAT] & (1 << seg)) !== 0) return offset;
  if (!c.isPlain || offset + length - 1 > s[LIMIT + seg] >>> 0) return -1;
  return (s[BASE + seg] + offset) >>> 0;
}

/** After a pass: go on with the next one as a new instruction, or be done. */
function again(c: Running, repeat: number): void {
  if (repeat === 0 || counter(c) === 0) return;
  c.s[RESUMING] = 1;
  c.restart();
}

function elements(c: Running, repeat: number, limit: number): number {
  if (repeat === 0 || (c.s[EFLAGS_REST] & TF) !== 0 || hasBreakpoints(c)) return 1;
  return Math.min(counter(c), limit);
}

function movs(c: Running, shape: number, repeat: number, bytes: number): void {
  start(c, shape, bytes);
  if (repeat !== 0 && counter(c) === 0) return;
  const limit = Math.min(room(c, ESI, pass.seg, bytes), room(c, EDI, ES, bytes));
  const count = elements(c, repeat, limit);
  if (count < 4 || !movsBulk(c, count, bytes)) {
    const size = bytes as Size;
    for (let i = 0; i < count; i++) {
      const { s } = c;
      const value = c.load(pass.seg, s[ESI] & pass.mask, size);
      c.store(ES, s[EDI] & pass.mask, size, value);
      move(c, ESI, pass.step);
      move(c, EDI, pass.step);
      if (repeat !== 0) countDown(c, 1);
    }
  }
  again(c, repeat);
}

function movsBulk(c: Running, count: number, bytes: number): boolean {
  if (pass.step < 0) return false;
  const length = count * bytes;
  const source = plainLinear(c, pass.seg, ESI, length);
  const target = plainLinear(c, ES, EDI, length);
  if (source < 0 || target < 0) return false;
  const half = c.s[HALF];
  const from = c.tlb.readRun(source | 0, half);
  const to = c.tlb.writeRun(target | 0, half);
  if (from < 0 || to < 0) return false;
  const { u8 } = c.wiring.memory;
  // An element that was just written is read again: copy in order.
  if (to > from && to < from + length) {
    for (let i = 0; i < length; i += bytes) u8.copyWithin(to + i, from + i, from + i + bytes);
  } else {
    u8.copyWithin(to, from, from + length);
  }
  move(c, ESI, length);
  move(c, EDI, length);
  countDown(c, count);
  return true;
}

function stos(c: Running, shape: number, repeat: number, bytes: number): void {
  start(c, shape, bytes);
  if (repeat !== 0 && counter(c) === 0) return;
  const count = elements(c, repeat, room(c, EDI, ES, bytes));
  if (count < 4 || !stosBulk(c, count, bytes)) {
    const value = c.s[EAX];
    for (let i = 0; i < count; i++) {
      c.store(ES, c.s[EDI] & pass.mask, bytes as Size, value);
      move(c, EDI, pass.step);
      if (repeat !== 0) countDown(c, 1);
    }
  }
  again(c, repeat);
}

function stosBulk(c: Running, count: number, bytes: number): boolean {
  if (pass.step < 0) return false;
  const length = count * bytes;
  const target = plainLinear(c, ES, EDI, length);
  if (target < 0) return false;
  const to = c.tlb.writeRun(target | 0, c.s[HALF]);
  if (to < 0) return false;
  const { u8 } = c.wiring.memory;
  const value = c.s[EAX];
  if (bytes === 1 || value === 0) {
    u8.fill(value & 0xff, to, to + length);
  } else {
    for (let i = 0; i < bytes; i++) u8[to + i] = value >> (i * 8);
    for (let done = bytes; done < length; done *= 2) {
      u8.copyWithin(to + done, to, to + Math.min(done, length - done));
    }
  }
  move(c, EDI, length);
  countDown(c, count);
  return true;
}

function lods(c: Running, shape: number, repeat: number, bytes: number): void {
  start(c, shape, bytes);
  if (repeat !== 0 && counter(c) === 0) return;
  const count = elements(c, repeat, room(c, ESI, pass.seg, bytes));
  const mask = bytes === 4 ? -1 : bytes === 2 ? 0xffff : 0xff;
  for (let i = 0; i < count; i++) {
    const value = c.load(pass.seg, c.s[ESI] & pass.mask, bytes as Size);
    c.s[EAX] = (c.s[EAX] & ~mask) | (value & mask);
    move(c, ESI, pass.step);
    if (repeat !== 0) countDown(c, 1);
  }
  again(c, repeat);
}

function setCompared(s: Int32Array, a: number, b: number, bytes: number): void {
  const shift = 32 - bytes * 8;
  s[FLAG_KIND] = flags.SUB;
  s[FLAG_RESULT] = ((a - b) << shift) >> shift;
  s[FLAG_A] = a;
  s[FLAG_B] = b;
}

function cmps(c: Running, shape: number, repeat: number, bytes: number): void {
  start(c, shape, bytes);
  if (repeat !== 0 && counter(c) === 0) return;
  const limit = Math.min(room(c, ESI, pass.seg, bytes), room(c, EDI, ES, bytes));
  const count = elements(c, repeat, limit);
  for (let i = 0; i < count; i++) {
    const a = c.load(pass.seg, c.s[ESI] & pass.mask, bytes as Size);
    const b = c.load(ES, c.s[EDI] & pass.mask, bytes as Size);
    move(c, ESI, pass.step);
    move(c, EDI, pass.step);
    setCompared(c.s, a, b, bytes);
    if (repeat === 0) return;
    countDown(c, 1);
    if ((a === b) === (repeat === REPNE)) return;
  }
  again(c, repeat);
}

function scas(c: Running, shape: number, repeat: number, bytes: number): void {
  start(c, shape, bytes);
  if (repeat !== 0 && counter(c) === 0) return;
  const count = elements(c, repeat, room(c, EDI, ES, bytes));
  const shift = 32 - bytes * 8;
  const a = (c.s[EAX] << shift) >> shift;
  for (let i = 0; i < count; i++) {
    const b = c.load(ES, c.s[EDI] & pass.mask, bytes as Size);
    move(c, EDI, pass.step);
    setCompared(c.s, a, b, bytes);
    if (repeat === 0) return;
    countDown(c, 1);
    if ((a === b) === (repeat === REPNE)) return;
  }
  again(c, repeat);
}

function ins(c: Running, shape: number, repeat: number, bytes: number): void {
  start(c, shape, bytes);
  const size = bytes as Size;
  const port = c.s[EDX] & 0xffff;
  checkPort(c, port, size);
  if (repeat !== 0 && counter(c) === 0) return;
  const count = elements(c, repeat, room(c, EDI, ES, bytes));
  for (let i = 0; i < count; i++) {
    // The port must not be read when the store would fault.
    c.loadToModify(ES, c.s[EDI] & pass.mask, size);
    c.store(ES, c.s[EDI] & pass.mask, size, portIn(c, port, size));
    move(c, EDI, pass.step);
    if (repeat === 0) return;
    countDown(c, 1);
    if (c.isLeaving) break;
  }
  again(c, repeat);
}

function outs(c: Running, shape: number, repeat: number, bytes: number): void {
  start(c, shape, bytes);
  const size = bytes as Size;
  const port = c.s[EDX] & 0xffff;
  checkPort(c, port, size);
  if (repeat !== 0 && counter(c) === 0) return;
  const count = elements(c, repeat, room(c, ESI, pass.seg, bytes));
  for (let i = 0; i < count; i++) {
    const value = c.load(pass.seg, c.s[ESI] & pass.mask, size);
    portOut(c, port, size, value);
    move(c, ESI, pass.step);
    if (repeat === 0) return;
    countDown(c, 1);
    if (c.isLeaving) break;
  }
  again(c, repeat);
}

export const stringHelpers = { movs, stos, lods, cmps, scas, ins, outs };
