/**
 * The memory functions that generated code calls, bound to one processor: slow paths of accesses
 * made in place, and accesses with all segment checks.
 */

import type { Context, Size } from './context.ts';
import type { AccessFunctions } from './environment.ts';
import {
  AC,
  AC_VECTOR,
  ATTRIBUTES,
  CPL,
  CR0,
  CR0_AM,
  DESC_BIG,
  EBP,
  EFLAGS_REST,
  ESP,
  SCRATCH,
  SS,
} from './registers.ts';
import { readAddress, writeAddress } from './segment.ts';
import type { Tlb } from './tlb.ts';

/** Words of the register file that the loops keep: the record that runs, and the budget. */
export const CURRENT = SCRATCH;
export const BUDGET = SCRATCH + 1;
/** Which half of the TLB the current privilege uses. */
export const HALF = SCRATCH + 2;
/** Bit n: segment n is flat. Zero while alignment is checked. */
export const FLAT = SCRATCH + 3;
/** Identifies CS, privilege, flatness, stack size: see mode.ts. */
export const MODE = SCRATCH + 4;
/** 1 while unaligned accesses raise #AC. */
export const ALIGNED = SCRATCH + 5;

export function alignmentChecked(s: Int32Array): boolean {
  return s[CPL] === 3 && (s[CR0] & CR0_AM) !== 0 && (s[EFLAGS_REST] & AC) !== 0;
}

export function loadChecked(c: Context, tlb: Tlb, seg: number, offset: number, size: Size): number {
  const s = c.s;
  if ((s[FLAT] & (1 << seg)) !== 0) return tlb.load(offset, size, s[HALF]);
  const linear = readAddress(c, seg, offset, size) | 0;
  if (s[ALIGNED] !== 0 && (linear & (size - 1)) !== 0) raiseUnaligned(c, linear, size, false);
  return tlb.load(linear, size, s[HALF]);
}

/** Table 6-2 of volume 3: a page fault comes first. Alignment is checked at level 3 only. */
export function raiseUnaligned(c: Context, linear: number, size: number, write: boolean): never {
  if (write) c.probeWrite(linear, size, true);
  else c.probeRead(linear, size, true);
  return c.raise(AC_VECTOR, 0);
}

function writeLinear(c: Context, seg: number, offset: number, size: Size): number {
  const s = c.s;
  if ((s[FLAT] & (1 << seg)) !== 0) return offset;
  const linear = writeAddress(c, seg, offset, size) | 0;
  if (s[ALIGNED] !== 0 && (linear & (size - 1)) !== 0) raiseUnaligned(c, linear, size, true);
  return linear;
}

/** Linear address of a checked write; raises what it must. */
export { writeLinear };

function slowPaths(c: Context, tlb: Tlb, size: Size) {
  const s = c.s;
  const note = (o: number, budget: number): void => {
    s[CURRENT] = o;
    s[BUDGET] = budget;
  };
  const load = (seg: number, offset: number): number => loadChecked(c, tlb, seg, offset, size);
  const store = (seg: number, offset: number, value: number): void => {
    tlb.store(writeLinear(c, seg, offset, size), size, value, s[HALF]);
  };
  const modify = (seg: number, offset: number): number =>
    tlb.loadToModify(writeLinear(c, seg, offset, size), size, s[HALF]);
  return {
    r(linear: number, o: number, budget: number): number {
      note(o, budget);
      return tlb.load(linear, size, s[HALF]);
    },
    w(linear: number, value: number, o: number, budget: number): void {
      note(o, budget);
      tlb.store(linear, size, value, s[HALF]);
    },
    x(linear: number, o: number, budget: number): number {
      note(o, budget);
      return tlb.loadToModify(linear, size, s[HALF]);
    },
    y: (value: number): void => tlb.finishModify(size, value, s[HALF]),
    lr(seg: number, offset: number, o: number, budget: number): number {
      note(o, budget);
      return load(seg, offset);
    },
    sr(seg: number, offset: number, value: number, o: number, budget: number): void {
      note(o, budget);
      store(seg, offset, value);
    },
    xr(seg: number, offset: number, o: number, budget: number): number {
      note(o, budget);
      return modify(seg, offset);
    },
    L: load,
    T: store,
    X: modify,
  };
}

function stackFunctions(c: Context, tlb: Tlb) {
  const s = c.s;
  const mask = (): number => ((s[ATTRIBUTES + SS] & DESC_BIG) !== 0 ? -1 : 0xffff);
  const setPointer = (value: number): void => {
    const m = mask();
    s[ESP] = (s[ESP] & ~m) | (value & m);
  };
  const top = (bytes: number): number => loadChecked(c, tlb, SS, s[ESP] & mask(), bytes as Size);
  return {
    PUSH(value: number, bytes: number): void {
      const sp = (s[ESP] - bytes) & mask();
      tlb.store(writeLinear(c, SS, sp, bytes as Size), bytes as Size, value, s[HALF]);
      setPointer(sp);
    },
    POP(bytes: number): number {
      const value = top(bytes);
      setPointer(s[ESP] + bytes);
      return value;
    },
    PEEK: top,
    UNWIND(bytes: number): number {
      const bp = s[EBP] & mask();
      const value = loadChecked(c, tlb, SS, bp, bytes as Size);
      setPointer(bp + bytes);
      return value;
    },
    RELEASE: (bytes: number): void => setPointer(s[ESP] + bytes),
  };
}

export function accessFunctions(c: Context, tlb: Tlb): AccessFunctions {
  const one = slowPaths(c, tlb, 1);
  const two = slowPaths(c, tlb, 2);
  const four = slowPaths(c, tlb, 4);
  return {
    ...{ r1: one.r, w1: one.w, x1: one.x, y1: one.y, lr1: one.lr, sr1: one.sr, xr1: one.xr },
    ...{ r2: two.r, w2: two.w, x2: two.x, y2: two.y, lr2: two.lr, sr2: two.sr, xr2: two.xr },
    ...{ r4: four.r, w4: four.w, x4: four.x, y4: four.y },
    ...{ lr4: four.lr, sr4: four.sr, xr4: four.xr },
    ...{ L1: one.L, T1: one.T, X1: one.X, Y1: one.y },
    ...{ L2: two.L, T2: two.T, X2: two.X, Y2: two.y },
    ...{ L4: four.L, T4: four.T, X4: four.X, Y4: four.y },
    ...stackFunctions(c, tlb),
  };
}
