/**
 * Operand forms: each takes an operation on slots and gives the two entries of an instruction, with
 * a register source and with a memory source. Every entry checks availability, then loads, then
 * computes, then writes.
 */

import type { Context } from '../context.ts';
import { checkAligned, load64, load128 } from '../fpu/memory.ts';
import { TEMP, TEMP3, type VectorViews } from '../fpu/state.ts';
import {
  beginSimd,
  copyWords,
  load32,
  mm,
  reportSimd,
  requireMmx,
  requireSse,
  wroteMmx,
  xmm,
} from './access.ts';
import { double, quickDouble } from './float.ts';
import { type Lanes, type Selecting, type Shift, shiftCount } from './lanes.ts';
import type { Elements, Operator, Quick } from './quick.ts';

/** Register g, register e, immediate byte. */
export type RegisterEntry = (c: Context, g: number, e: number, immediate: number) => void;
/** Register g, and where the memory operand is. */
export type MemoryEntry = (c: Context, g: number, place: Place, immediate: number) => void;

export interface Place {
  seg: number;
  offset: number;
}

export interface Entries {
  readonly register?: RegisterEntry;
  readonly memory?: MemoryEntry;
  /** Present where regions of translated code need not call an entry. */
  readonly quick?: Quick;
}

/** MMX destination and source. `bytes` is the size of a memory operand. */
export function mmx(f: Lanes, bytes: 4 | 8 = 8): Entries {
  return {
    register: (c, g, e) => {
      requireMmx(c);
      f(c.views, mm(g), mm(e), 2);
      wroteMmx(c.s, g);
    },
    memory: (c, g, { seg, offset }) => {
      requireMmx(c);
      if (bytes === 4) load32(c, seg, offset);
      else load64(c, TEMP, seg, offset);
      f(c.views, mm(g), TEMP, 2);
      wroteMmx(c.s, g);
    },
  };
}

/** XMM destination and source; a memory operand is aligned. */
export function sse(f: Lanes): Entries {
  return {
    register: (c, g, e) => {
      requireSse(c);
      f(c.views, xmm(g), xmm(e), 4);
    },
    memory: (c, g, { seg, offset }) => {
      requireSse(c);
      checkAligned(c, seg, offset);
      load128(c, TEMP, seg, offset);
      f(c.views, xmm(g), TEMP, 4);
    },
    quick: { does: 'lanes', f, bytes: 16, isAligned: true },
  };
}

/** The same with an immediate byte. */
export function mmxSelect(f: Selecting): Entries {
  const operand = { words: 2, immediate: 0 };
  return {
    register: (c, g, e, immediate) => {
      requireMmx(c);
      operand.immediate = immediate & 0xff;
      f(c.views, mm(g), mm(e), operand);
      wroteMmx(c.s, g);
    },
    memory: (c, g, { seg, offset }, immediate) => {
      requireMmx(c);
      load64(c, TEMP, seg, offset);
      operand.immediate = immediate & 0xff;
      f(c.views, mm(g), TEMP, operand);
      wroteMmx(c.s, g);
    },
  };
}

export function sseSelect(f: Selecting): Entries {
  const operand = { words: 4, immediate: 0 };
  return {
    register: (c, g, e, immediate) => {
      requireSse(c);
      operand.immediate = immediate & 0xff;
      f(c.views, xmm(g), xmm(e), operand);
    },
    memory: (c, g, { seg, offset }, immediate) => {
      requireSse(c);
      checkAligned(c, seg, offset);
      load128(c, TEMP, seg, offset);
      operand.immediate = immediate & 0xff;
      f(c.views, xmm(g), TEMP, operand);
    },
    quick: { does: 'select', f, bytes: 16, isAligned: true },
  };
}

/** Shifts by a vector count, and by an immediate (whose register is e). */
export const byCount =
  (f: Shift): Lanes =>
  (v, d, s, words) =>
    f(v, d, words, shiftCount(v, s));

export function mmxShift(f: Shift): Entries {
  return {
    register: (c, _, e, immediate) => {
      requireMmx(c);
      f(c.views, mm(e), 2, immediate & 0xff);
      wroteMmx(c.s, e);
    },
  };
}

export function sseShift(f: Shift): Entries {
  return {
    register: (c, _, e, immediate) => {
      requireSse(c);
      f(c.views, xmm(e), 4, immediate & 0xff);
    },
    quick: { does: 'shift', f, bytes: 16, isAligned: true },
  };
}

/** How many bytes of memory a floating-point operation reads, and words of result it writes. */
export interface FloatShape {
  readonly bytes: 4 | 8 | 16;
  readonly words: number;
}

function loadOperand(c: Context, bytes: number, { seg, offset }: Place): void {
  if (bytes === 4) {
    load32(c, seg, offset);
  } else if (bytes === 8) {
    load64(c, TEMP, seg, offset);
  } else {
    checkAligned(c, seg, offset);
    load128(c, TEMP, seg, offset);
  }
}

/** A floating-point operation: nothing is written when it raises. */
export function float(f: Elements, { bytes, words }: FloatShape): Entries {
  return {
    register: (c, g, e) => {
      requireSse(c);
      beginSimd(c.s);
      f(c.views, xmm(g), xmm(e));
      reportSimd(c);
      copyWords(c.s, xmm(g), TEMP3, words);
    },
    memory: (c, g, place) => {
      requireSse(c);
      loadOperand(c, bytes, place);
      beginSimd(c.s);
      f(c.views, xmm(g), TEMP);
      reportSimd(c);
      copyWords(c.s, xmm(g), TEMP3, words);
    },
    quick: { does: 'float', f, words, to: 'vector', bytes, isAligned: bytes === 16 },
  };
}

/** ADDSD and its like: one double, with a short way for the common case. */
export function scalarDouble(operation: number, operator: Operator): Entries {
  const run = (c: Context, to: number, from: number): void => {
    if (quickDouble(c.views, operation, to, from)) return;
    beginSimd(c.s);
    double(c.views, operation, TEMP3, to, from);
    reportSimd(c);
    copyWords(c.s, to, TEMP3, 2);
  };
  return {
    register: (c, g, e) => {
      requireSse(c);
      run(c, xmm(g), xmm(e));
    },
    memory: (c, g, { seg, offset }) => {
      requireSse(c);
      load64(c, TEMP, seg, offset);
      run(c, xmm(g), TEMP);
    },
    quick: {
      does: 'scalar',
      f: (v, to, from) => quickDouble(v, operation, to, from),
      operator,
      bytes: 8,
      isAligned: false,
    },
  };
}

/** One with an immediate byte. */
export function floatSelect(
  f: (v: VectorViews, d: number, s: number, immediate: number) => void,
  { bytes, words }: FloatShape,
): Entries {
  return {
    register: (c, g, e, immediate) => {
      requireSse(c);
      beginSimd(c.s);
      f(c.views, xmm(g), xmm(e), immediate);
      reportSimd(c);
      copyWords(c.s, xmm(g), TEMP3, words);
    },
    memory: (c, g, place, immediate) => {
      requireSse(c);
      loadOperand(c, bytes, place);
      beginSimd(c.s);
      f(c.views, xmm(g), TEMP, immediate);
      reportSimd(c);
      copyWords(c.s, xmm(g), TEMP3, words);
    },
  };
}

/** No result but flags or a general register: `finish` follows the report. */
export function consume(
  f: Elements,
  finish: (c: Context, g: number) => void,
  { bytes, to }: { readonly bytes: 4 | 8; readonly to: 'general' | 'flags' },
): Entries {
  return {
    register: (c, g, e) => {
      requireSse(c);
      beginSimd(c.s);
      f(c.views, xmm(g), xmm(e));
      reportSimd(c);
      finish(c, g);
    },
    memory: (c, g, place) => {
      requireSse(c);
      loadOperand(c, bytes, place);
      beginSimd(c.s);
      f(c.views, xmm(g), TEMP);
      reportSimd(c);
      finish(c, g);
    },
    quick: { does: 'float', f, words: 1, to, bytes, isAligned: false },
  };
}
