/**
 * Stacks as far transfers use them: the current one, and an inner one taken from the TSS.
 *
 * Source: Intel SDM volume 3, 5.8.5 (stack switching), 7.2.1 (TSS); volume 2, CALL and INT.
 */

import type { Context, Size } from './context.ts';
import {
  descriptorHigh,
  descriptorLow,
  dpl,
  findDescriptor,
  isNull,
  isPresent,
  isWritableData,
  markAccessed,
  segmentBase,
  segmentLimit,
  setSegment,
  stackMask,
  systemType,
  TSS32,
  TSS32_BUSY,
} from './descriptor.ts';
import { ATTRIBUTES, BASE, ESP, GP, LIMIT, SELECTOR, SS, SS_VECTOR, TR, TS } from './registers.ts';
import { withinLimit } from './segment.ts';

/** A stack that is not in SS yet, with all checks of its descriptor passed. */
export interface NewStack {
  readonly selector: number;
  /** Linear address of the descriptor. */
  readonly address: number;
  readonly low: number;
  readonly high: number;
  readonly esp: number;
}

/** Value at `offset` bytes above the top of the current stack; sign-extended. */
export function peek(c: Context, offset: number, size: Size): number {
  const mask = stackMask(c.s[ATTRIBUTES + SS]);
  return c.load(SS, (c.s[ESP] + offset) & mask, size);
}

/** As `peek`, zero-extended to 16 bits: selectors and FLAGS. */
export function peekWord(c: Context, offset: number, size: Size): number {
  return peek(c, offset, size) & 0xffff;
}

/** Adds to ESP or SP, whichever the current stack uses. */
export function release(c: Context, bytes: number): void {
  c.s[ESP] = stackPointer(c.s[ESP], c.s[ESP] + bytes, c.s[ATTRIBUTES + SS]);
}

/** `value` as the stack pointer of a segment with these attributes; SP keeps the upper half. */
export function stackPointer(old: number, value: number, attributes: number): number {
  const mask = stackMask(attributes);
  return (old & ~mask) | (value & mask);
}

/** #SS(`ext`) unless `count` pushes stay inside the current stack segment; pages do not count. */
export function requireRoom(c: Context, size: Size, count: number, ext = 0): void {
  const attributes = c.s[ATTRIBUTES + SS];
  const mask = stackMask(attributes);
  for (let i = 1; i <= count; i++) {
    const offset = (c.s[ESP] - i * size) & mask;
    if (!withinLimit(attributes, c.s[LIMIT + SS], offset, size)) c.raise(SS_VECTOR, ext);
  }
}

/** Pushes on the current stack, first value first; ESP changes once all are stored. */
export function pushAll(c: Context, size: Size, values: readonly number[]): void {
  const mask = stackMask(c.s[ATTRIBUTES + SS]);
  let esp = c.s[ESP];
  for (const value of values) {
    esp = (esp - size) | 0;
    c.store(SS, esp & mask, size, value);
  }
  c.s[ESP] = (c.s[ESP] & ~mask) | (esp & mask);
}

/** Whether TR holds a 32-bit TSS. */
export function isTss32(c: Context): boolean {
  const type = systemType(c.s[ATTRIBUTES + TR]);
  return type === TSS32 || type === TSS32_BUSY;
}

/** The stack for privilege `level` from the current TSS. `ext` joins the error codes. */
export function stackFromTss(c: Context, level: number, ext: number): NewStack {
  const wide = isTss32(c);
  const at = wide ? 4 + level * 8 : 2 + level * 4;
  const last = at + (wide ? 5 : 3);
  if (last > c.s[LIMIT + TR] >>> 0) c.raise(TS, (c.s[SELECTOR + TR] & 0xfffc) | ext);
  const base = c.s[BASE + TR];
  const esp = wide
    ? c.readLinear((base + at) >>> 0, 4, false)
    : c.readLinear((base + at) >>> 0, 2, false) & 0xffff;
  const selector = c.readLinear((base + at + (wide ? 4 : 2)) >>> 0, 2, false) & 0xffff;
  if (isNull(selector)) c.raise(TS, ext);
  return stackAt(c, { selector, esp, level, vector: TS, ext });
}

export interface StackRequest {
  readonly selector: number;
  readonly esp: number;
  /** RPL and DPL that it must have. */
  readonly level: number;
  /** Raised when it has not. */
  readonly vector: number;
  readonly ext: number;
}

/** Checks a stack segment that is to be loaded: inner from the TSS, or outer from a return. */
export function stackAt(c: Context, request: StackRequest): NewStack {
  const { selector, esp, level, vector, ext } = request;
  const errorCode = (selector & 0xfffc) | ext;
  const address = findDescriptor(c, selector, vector, ext);
  const low = descriptorLow(c, address);
  const high = descriptorHigh(c, address);
  if ((selector & 3) !== level || dpl(high) !== level || !isWritableData(high)) {
    c.raise(vector, errorCode);
  }
  if (!isPresent(high)) c.raise(SS_VECTOR, errorCode);
  return { selector, address, low, high, esp };
}

/** The stack a return to an outer level pops: SS:ESP at `offset` above the current top. */
export function outerStack(c: Context, offset: number, size: Size, level: number): NewStack {
  const selector = peekWord(c, offset + size, size);
  const raw = peek(c, offset, size);
  const esp = size === 2 ? raw & 0xffff : raw;
  if (isNull(selector)) c.raise(GP, 0);
  return stackAt(c, { selector, esp, level, vector: GP, ext: 0 });
}

/** What goes on a new stack: `values`, first one highest. */
export interface NewFrame {
  readonly values: readonly number[];
  readonly ext: number;
  /** What is left to check once the stack is known to have room. */
  readonly check: () => void;
}

/**
 * Stores a frame below the top of a new stack, or raises #SS, what `check` raises, or #PF with
 * nothing stored. Returns the stack pointer after it.
 */
export function pushFrame(c: Context, stack: NewStack, size: Size, frame: NewFrame): number {
  const base = segmentBase(stack.low, stack.high);
  const limit = segmentLimit(stack.low, stack.high);
  const mask = stackMask(stack.high);
  const user = dpl(stack.high) === 3;
  let esp = stack.esp;
  for (let i = 0; i < frame.values.length; i++) {
    esp = (esp - size) | 0;
    const offset = esp & mask;
    if (!withinLimit(stack.high, limit, offset, size)) {
      c.raise(SS_VECTOR, (stack.selector & 0xfffc) | frame.ext);
    }
  }
  frame.check();
  for (let i = 1; i <= frame.values.length; i++) {
    c.probeWrite((base + ((stack.esp - i * size) & mask)) >>> 0, size, user);
  }
  esp = stack.esp;
  for (const value of frame.values) {
    esp = (esp - size) | 0;
    c.writeLinear((base + (esp & mask)) >>> 0, size, value, user);
  }
  return (stack.esp & ~mask) | (esp & mask);
}

/** Puts a checked stack in SS:ESP. For a 16-bit stack the upper half of ESP stays. */
export function setStack(c: Context, stack: NewStack, esp: number): void {
  const high = markAccessed(c, stack.address, stack.high);
  setSegment(c, SS, stack.selector, { low: stack.low, high });
  c.s[ESP] = stackPointer(c.s[ESP], esp, stack.high);
}
