/**
 * Stack instructions that move more than one value, or segments and flags.
 *
 * Source: Intel SDM volume 2, PUSHA, POPA, ENTER, PUSHF, POPF, PUSH and POP of segment registers.
 */

import { writeLinear } from '../access.ts';
import type { Context, Size } from '../context.ts';
import { checkPopFlags, flagsToPush, popFlags } from '../control.ts';
import { stackMask } from '../descriptor.ts';
import { ATTRIBUTES, CPL, EBP, EDI, ESP, INTERRUPT_SHADOW, SELECTOR, SS } from '../registers.ts';
import { loadSegment } from '../segment.ts';
import { peek, pushAll, release } from '../stack.ts';

function setRegister(c: Context, n: number, value: number, bytes: number): void {
  const mask = bytes === 4 ? -1 : 0xffff;
  c.s[n] = (c.s[n] & ~mask) | (value & mask);
}

function enter(c: Context, frame: number, size: number): void {
  const { s } = c;
  const bytes = (size >> 3) as Size;
  const mask = stackMask(s[ATTRIBUTES + SS]);
  const level = (frame >> 16) & 31;
  const room = frame & 0xffff;
  let sp = (s[ESP] - bytes) | 0;
  c.store(SS, sp & mask, bytes, s[EBP]);
  const top = sp;
  let bp = s[EBP];
  for (let i = 1; i < level; i++) {
    bp = (bp - bytes) | 0;
    sp = (sp - bytes) | 0;
    c.store(SS, sp & mask, bytes, c.load(SS, bp & mask, bytes));
  }
  if (level > 0) {
    sp = (sp - bytes) | 0;
    c.store(SS, sp & mask, bytes, (s[ESP] & ~mask) | (top & mask));
  }
  const end = (sp - room) | 0;
  // One more could be pushed where ESP will point: the limit, alignment and the page are looked at.
  c.probeWrite(writeLinear(c, SS, end & mask, bytes), bytes, s[CPL] === 3);
  setRegister(c, EBP, (s[ESP] & ~mask) | (top & mask), bytes);
  s[ESP] = (s[ESP] & ~mask) | (end & mask);
}

export const stackHelpers = {
  pushAll(c: Context, size: number): void {
    pushAll(c, (size >> 3) as Size, Array.from(c.s.subarray(0, 8)));
  },
  popAll(c: Context, size: number): void {
    const bytes = (size >> 3) as Size;
    const values = Array.from({ length: 8 }, (_, i) => peek(c, i * bytes, bytes));
    release(c, 8 * bytes);
    for (let i = 0; i < 8; i++) {
      const n = EDI - i;
      if (n !== ESP) setRegister(c, n, values[i], bytes);
    }
  },
  pushFlags: (c: Context, size: number): void => {
    const bytes = (size >> 3) as Size;
    pushAll(c, bytes, [flagsToPush(c, bytes)]);
  },
  popFlags(c: Context, size: number): void {
    const bytes = (size >> 3) as Size;
    checkPopFlags(c, bytes);
    const value = peek(c, 0, bytes);
    popFlags(c, value, bytes);
    release(c, bytes);
  },
  enter,
  pushSegment(c: Context, n: number, size: number): void {
    const { s } = c;
    const bytes = size >> 3;
    const mask = stackMask(s[ATTRIBUTES + SS]);
    const sp = (s[ESP] - bytes) & mask;
    // The manual allows to leave the upper half of a 32-bit push as it was; zeros are AMD's way.
    c.store(SS, sp, bytes as Size, s[SELECTOR + n]);
    s[ESP] = (s[ESP] & ~mask) | sp;
  },
  popSegment(c: Context, n: number, size: number): void {
    const selector = peek(c, 0, 2) & 0xffff;
    loadSegment(c, n, selector);
    release(c, size >> 3);
    if (n !== SS) return;
    c.s[INTERRUPT_SHADOW] = 3;
    c.leave();
  },
};
