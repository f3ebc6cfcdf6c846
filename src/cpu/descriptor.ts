/**
 * Segment descriptors in memory: finding them through a selector, taking them apart, and loading
 * them into the hidden part of a segment register.
 *
 * Source: Intel SDM volume 3, sections 3.4.2 to 3.5 (selectors, descriptors, tables).
 */

import type { Context } from './context.ts';
import {
  ATTRIBUTES,
  BASE,
  CR0,
  CR0_PE,
  DESC_ACCESSED,
  DESC_BIG,
  DESC_CODE,
  DESC_CONFORMING,
  DESC_DPL_SHIFT,
  DESC_GRANULARITY,
  DESC_PRESENT,
  DESC_S,
  DESC_WRITABLE,
  EFLAGS_REST,
  GDTR_BASE,
  GDTR_LIMIT,
  LDTR,
  LIMIT,
  SELECTOR,
  VM,
} from './registers.ts';

/** System descriptor types (bits 8 to 11 of the second word, S clear). */
export const TSS16 = 1;
export const LDT = 2;
export const TSS16_BUSY = 3;
export const CALL_GATE16 = 4;
export const TASK_GATE = 5;
export const INTERRUPT_GATE16 = 6;
export const TRAP_GATE16 = 7;
export const TSS32 = 9;
export const TSS32_BUSY = 11;
export const CALL_GATE32 = 12;
export const INTERRUPT_GATE32 = 14;
export const TRAP_GATE32 = 15;

/** Bit of the second word that tells a busy TSS from an available one. */
export const TSS_BUSY_BIT = 1 << 9;
const ATTRIBUTE_BITS = 0x00f0ff00;

/** Protected mode with segmentation: PE and not virtual-8086. */
export function isProtected(c: Context): boolean {
  return (c.s[CR0] & CR0_PE) !== 0 && (c.s[EFLAGS_REST] & VM) === 0;
}

export function isVirtual8086(c: Context): boolean {
  return (c.s[EFLAGS_REST] & VM) !== 0 && (c.s[CR0] & CR0_PE) !== 0;
}

export function isNull(selector: number): boolean {
  return (selector & 0xfffc) === 0;
}

/** Linear address of the descriptor, or -1 when `selector` lies beyond its table. */
export function descriptorAddress(c: Context, selector: number): number {
  const last = (selector & 0xfff8) + 7;
  if ((selector & 4) === 0) {
    return last > (c.s[GDTR_LIMIT] & 0xffff) ? -1 : (c.s[GDTR_BASE] + (selector & 0xfff8)) >>> 0;
  }
  if (c.s[ATTRIBUTES + LDTR] === 0 || last > c.s[LIMIT + LDTR] >>> 0) return -1;
  return (c.s[BASE + LDTR] + (selector & 0xfff8)) >>> 0;
}

/** Address of the descriptor; beyond its table it raises `vector`(selector | `ext`). */
export function findDescriptor(c: Context, selector: number, vector: number, ext = 0): number {
  const address = descriptorAddress(c, selector);
  if (address === -1) c.raise(vector, (selector & 0xfffc) | ext);
  return address;
}

export function descriptorLow(c: Context, address: number): number {
  return c.readLinear(address, 4, false) | 0;
}

export function descriptorHigh(c: Context, address: number): number {
  return c.readLinear((address + 4) >>> 0, 4, false) | 0;
}

export function segmentBase(low: number, high: number): number {
  return (low >>> 16) | ((high & 0xff) << 16) | (high & 0xff000000);
}

/** In bytes, inclusive, as an int32. */
export function segmentLimit(low: number, high: number): number {
  const raw = (low & 0xffff) | (high & 0xf0000);
  return (high & DESC_GRANULARITY) !== 0 ? (raw << 12) | 0xfff : raw;
}

export function dpl(high: number): number {
  return (high >>> DESC_DPL_SHIFT) & 3;
}

export function isPresent(high: number): boolean {
  return (high & DESC_PRESENT) !== 0;
}

export function isSystem(high: number): boolean {
  return (high & DESC_S) === 0;
}

export function systemType(high: number): number {
  return (high >>> 8) & 0xf;
}

export function isCode(high: number): boolean {
  return (high & (DESC_S | DESC_CODE)) === (DESC_S | DESC_CODE);
}

export function isConforming(high: number): boolean {
  return (high & DESC_CONFORMING) !== 0;
}

export function isWritableData(high: number): boolean {
  return (high & (DESC_S | DESC_CODE | DESC_WRITABLE)) === (DESC_S | DESC_WRITABLE);
}

/** Data of any kind, or code that may be read. */
export function isReadable(high: number): boolean {
  if (isSystem(high)) return false;
  return (high & DESC_CODE) === 0 || (high & DESC_WRITABLE) !== 0;
}

/** Sets the accessed bit in memory when it is clear; returns the second word with it. */
export function markAccessed(c: Context, address: number, high: number): number {
  if ((high & DESC_ACCESSED) !== 0) return high;
  c.writeLinear((address + 5) >>> 0, 1, ((high | DESC_ACCESSED) >>> 8) & 0xff, false);
  return high | DESC_ACCESSED;
}

/** Fills segment register `n` from a descriptor; the caller has checked everything. */
export function setSegment(
  c: Context,
  n: number,
  selector: number,
  words: { readonly low: number; readonly high: number },
): void {
  const { low, high } = words;
  fillSegment(c, n, selector & 0xffff, segmentBase(low, high));
  c.s[LIMIT + n] = segmentLimit(low, high);
  c.s[ATTRIBUTES + n] = high & ATTRIBUTE_BITS;
}

function fillSegment(c: Context, n: number, selector: number, base: number): void {
  c.s[SELECTOR + n] = selector;
  c.s[BASE + n] = base;
}

/** Loads a null selector: every access through it faults. */
export function setNullSegment(c: Context, n: number, selector: number): void {
  fillSegment(c, n, selector & 0xffff, 0);
  c.s[LIMIT + n] = 0;
  c.s[ATTRIBUTES + n] = 0;
}

/** As real mode does: selector and base change, limit and rights stay (so "unreal" mode works). */
export function setRealSegment(c: Context, n: number, selector: number): void {
  fillSegment(c, n, selector & 0xffff, (selector & 0xffff) << 4);
}

/** As virtual-8086 mode has them: 64 KiB, writable, DPL 3. */
export function setVirtualSegment(c: Context, n: number, selector: number): void {
  setRealSegment(c, n, selector);
  c.s[LIMIT + n] = 0xffff;
  c.s[ATTRIBUTES + n] = 0xf300;
}

/** All ones of the stack pointer's width, for the SS in the register. */
export function stackMask(attributes: number): number {
  return (attributes & DESC_BIG) !== 0 ? -1 : 0xffff;
}
