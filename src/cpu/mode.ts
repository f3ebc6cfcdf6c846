/**
 * Modes: what decoded code depends on beside its bytes. Each combination that was seen has a small
 * number, by which the code cache tells records of the same bytes apart.
 */

import { ALIGNED, alignmentChecked } from './access.ts';
import type { DecodeMode } from './decode.ts';
import {
  ATTRIBUTES,
  BASE,
  CPL,
  CR0,
  CR0_PE,
  CS,
  DESC_BIG,
  DESC_CODE,
  DESC_CONFORMING,
  DESC_WRITABLE,
  DS,
  EFLAGS_REST,
  ES,
  FS,
  GS,
  LIMIT,
  SS,
  VM,
} from './registers.ts';

export interface Mode extends DecodeMode {
  readonly number: number;
  readonly base: number;
  readonly user: boolean;
  /** Bit n: segment n holds all offsets, from a base that is a multiple of 16. */
  readonly whole: number;
}

const MAX_MODES = 4096;
const DATA_SEGMENTS = [ES, SS, DS, FS, GS];

/** Data, expand-up, writable, present: or real mode, where types do not count. */
function isPlain(s: Int32Array, n: number): boolean {
  const attributes = s[ATTRIBUTES + n];
  const isReal = (s[CR0] & CR0_PE) === 0 || (s[EFLAGS_REST] & VM) !== 0;
  const bits = DESC_CODE | DESC_CONFORMING | DESC_WRITABLE;
  return isReal ? attributes !== 0 : (attributes & bits) === DESC_WRITABLE;
}

function flatness(s: Int32Array): number {
  let flat = 0;
  for (const n of DATA_SEGMENTS) {
    if (s[BASE + n] === 0 && s[LIMIT + n] === -1 && isPlain(s, n)) flat |= 1 << n;
  }
  return flat;
}

function wholeness(s: Int32Array): number {
  let whole = 0;
  for (const n of DATA_SEGMENTS) {
    if ((s[BASE + n] & 15) === 0 && s[LIMIT + n] === -1 && isPlain(s, n)) whole |= 1 << n;
  }
  return whole;
}

function isWide(s: Int32Array, n: number): boolean {
  const limit = s[LIMIT + n];
  const isAligned = (s[BASE + n] & 15) === 0 && (limit & 15) === 15;
  return isAligned && limit >>> 0 >= 0xffff && isPlain(s, n);
}

export class Modes {
  private readonly known = new Map<string, Mode>();
  readonly list: Mode[] = [];
  /** The last one asked for, and what it was made from. */
  private last: Mode | undefined;
  private lastBits = -1;

  constructor(private readonly s: Int32Array) {}

  /** True when there are so many that the caller must forget all code and `clear`. */
  get full(): boolean {
    return this.list.length >= MAX_MODES;
  }

  clear(): void {
    this.known.clear();
    this.list.length = 0;
    this.last = undefined;
  }

  current(): Mode {
    const s = this.s;
    const isChecked = alignmentChecked(s);
    s[ALIGNED] = isChecked ? 1 : 0;
    const flat = isChecked ? 0 : flatness(s);
    const real = !isChecked && DATA_SEGMENTS.every(n => isWide(s, n));
    const code32 = (s[ATTRIBUTES + CS] & DESC_BIG) !== 0;
    const stack32 = (s[ATTRIBUTES + SS] & DESC_BIG) !== 0;
    const user = s[CPL] === 3;
    const whole = isChecked ? 0 : wholeness(s);
    const sizes = (code32 ? 128 : 0) | (stack32 ? 256 : 0);
    const bits = flat | (real ? 64 : 0) | sizes | (user ? 512 : 0) | (whole << 10);
    const { last } = this;
    const base = s[BASE + CS];
    const limit = s[LIMIT + CS];
    if (last !== undefined && bits === this.lastBits) {
      if (base === last.base && limit === last.limit) return last;
    }
    const key = `${bits},${base},${limit}`;
    let mode = this.known.get(key);
    if (mode === undefined) {
      const number = this.list.length;
      mode = { number, base, limit, flat, real, code32, stack32, user, whole };
      this.known.set(key, mode);
      this.list.push(mode);
    }
    this.last = mode;
    this.lastBits = bits;
    return mode;
  }
}
