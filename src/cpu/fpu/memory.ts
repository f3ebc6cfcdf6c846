/**
 * Memory operands wider than a word of the machine: 8, 10 and 16 bytes through a segment, each
 * all or nothing, as the restart rule asks.
 */

import { ALIGNED, FLAT, HALF, raiseUnaligned } from '../access.ts';
import type { Context } from '../context.ts';
import { ATTRIBUTES, BASE, CPL, CR0, CR0_PE, DESC_BIG, GP, LIMIT, VM } from '../registers.ts';
import { segmentAddress } from '../segment.ts';

/** Raises what the segment has against a write of `size` bytes beyond its first. */
function checkSegment(c: Context, seg: number, offset: number, size: number): void {
  const { s } = c;
  const end = (offset >>> 0) + size - 1;
  if (end <= s[LIMIT + seg] >>> 0) return;
  const attributes = s[ATTRIBUTES + seg];
  const isDown = (attributes & EXPAND_DOWN) === DOWNWARDS;
  if (isDown && end <= ((attributes & DESC_BIG) !== 0 ? 0xffffffff : 0xffff)) return;
  // Beyond the limit: this raises the exception of that segment.
  c.load(seg, end | 0, 1);
}

/** A data segment's type bits, and those of one that expands downwards. */
const EXPAND_DOWN = 0x1c00;
const DOWNWARDS = 0x1400;
/** Bits that tell writable data, and what they are then. */
const WRITABLE_DATA = 0xa00;
const WRITABLE = 0x200;

/** Raises what a write of `size` bytes would raise, and writes nothing. */
export function probeStore(c: Context, seg: number, offset: number, size: number): void {
  const { s } = c;
  checkSegment(c, seg, offset, size);
  const isProtected = (s[CR0] & CR0_PE) !== 0 && (c.eflags() & VM) === 0;
  if (isProtected && (s[ATTRIBUTES + seg] & WRITABLE_DATA) !== WRITABLE) c.raise(GP, 0);
  c.probeWrite((s[BASE + seg] + offset) | 0, size, s[CPL] === 3);
}

/**
 * For a write of `size` bytes that is several accesses upwards: raises what a later one would raise
 * and the first would not, which is another page or the segment's limit in between.
 */
export function checkWrite(c: Context, seg: number, offset: number, size: number): void {
  const linear = (c.s[BASE + seg] + offset) | 0;
  if ((linear & 0xfff) + size > 0x1000) probeStore(c, seg, offset, size);
  else checkSegment(c, seg, offset, size);
}

/**
 * Where in `views.memory` the operand is, as a word index, when it is in a flat segment, aligned to
 * words, on one page that `entries` map; else -1.
 */
function direct(c: Context, entries: Int32Array, seg: number, offset: number): number {
  const { s } = c;
  if ((s[FLAT] & (1 << seg)) === 0 || (offset & 0xfff) > 0xff0) return -1;
  const entry = entries[(offset >>> 12) | s[HALF]];
  return ((offset | entry) & 3) === 0 ? (offset ^ entry) >>> 2 : -1;
}

/** With alignment checking on, operands of `size` bytes (a power of two) are to be aligned. */
export function checkAlignment(
  c: Context,
  seg: number,
  offset: number,
  access: { readonly size: number; readonly write: boolean },
): void {
  const { s } = c;
  const { size, write } = access;
  if (s[ALIGNED] === 0 || ((s[BASE + seg] + offset) & (size - 1)) === 0) return;
  raiseUnaligned(c, segmentAddress(c, seg, offset, access), size, write);
}

export const READ8 = { size: 8, write: false };
export const WRITE8 = { size: 8, write: true };
const READ16 = { size: 16, write: false };
const WRITE16 = { size: 16, write: true };

/** Loads 8 bytes into slot `at`, which is a temporary. */
export function load64(c: Context, at: number, seg: number, offset: number): void {
  const { memory, reads } = c.views;
  const word = direct(c, reads, seg, offset);
  if (word >= 0) {
    c.s[at] = memory[word];
    c.s[at + 1] = memory[word + 1];
    return;
  }
  checkAlignment(c, seg, offset, READ8);
  c.s[at] = c.load(seg, offset, 4);
  c.s[at + 1] = c.load(seg, (offset + 4) | 0, 4);
}

/** Loads 16 bytes into slot `at`, which is a temporary. */
export function load128(c: Context, at: number, seg: number, offset: number): void {
  const { memory, reads } = c.views;
  const word = direct(c, reads, seg, offset);
  if (word >= 0) {
    c.s[at] = memory[word];
    c.s[at + 1] = memory[word + 1];
    c.s[at + 2] = memory[word + 2];
    c.s[at + 3] = memory[word + 3];
    return;
  }
  checkAlignment(c, seg, offset, READ16);
  c.s[at] = c.load(seg, offset, 4);
  c.s[at + 1] = c.load(seg, (offset + 4) | 0, 4);
  c.s[at + 2] = c.load(seg, (offset + 8) | 0, 4);
  c.s[at + 3] = c.load(seg, (offset + 12) | 0, 4);
}

export function store64(c: Context, at: number, seg: number, offset: number): void {
  const { memory, writes } = c.views;
  const word = direct(c, writes, seg, offset);
  if (word >= 0) {
    memory[word] = c.s[at];
    memory[word + 1] = c.s[at + 1];
    return;
  }
  checkAlignment(c, seg, offset, WRITE8);
  checkWrite(c, seg, offset, 8);
  c.store(seg, offset, 4, c.s[at]);
  c.store(seg, (offset + 4) | 0, 4, c.s[at + 1]);
}

export function store128(c: Context, at: number, seg: number, offset: number): void {
  const { memory, writes } = c.views;
  const word = direct(c, writes, seg, offset);
  if (word >= 0) {
    memory[word] = c.s[at];
    memory[word + 1] = c.s[at + 1];
    memory[word + 2] = c.s[at + 2];
    memory[word + 3] = c.s[at + 3];
    return;
  }
  checkAlignment(c, seg, offset, WRITE16);
  checkWrite(c, seg, offset, 16);
  c.store(seg, offset, 4, c.s[at]);
  c.store(seg, (offset + 4) | 0, 4, c.s[at + 1]);
  c.store(seg, (offset + 8) | 0, 4, c.s[at + 2]);
  c.store(seg, (offset + 12) | 0, 4, c.s[at + 3]);
}

/** Most 16-byte operands must be aligned in linear memory. */
export function checkAligned(c: Context, seg: number, offset: number): void {
  if (((c.s[BASE + seg] + offset) & 15) !== 0) c.raise(GP, 0);
}
