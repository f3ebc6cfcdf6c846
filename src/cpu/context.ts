/**
 * What helpers see of the processor: registers, memory as the current program sees it, and the way
 * to raise an exception. A helper is plain TypeScript called by every binding of the vocabulary
 * (interpreter, translator): what is too long for a definition (far transfers, interrupts, x87).
 *
 * Restart rule: an instruction that faults has changed nothing that software can see, except what
 * the manual says. So helpers do all their checks and loads first, then stores, then registers.
 */

import type { CpuWiring } from './cpu.ts';
import type { VectorViews } from './fpu/state.ts';
import type { CpuModel, Feature } from './models.ts';

/** Bytes per access. */
export type Size = 1 | 2 | 4;

/** Runs of bytes within a page, for bulk copies: arena offsets, -1 where it is not plain RAM. */
export interface Runs {
  readRun(linear: number, half: number): number;
  writeRun(linear: number, half: number): number;
}

export interface Context {
  /** See registers.ts. */
  readonly s: Int32Array;
  /** Byte registers: AL CL DL BL are `s8[4 * n]`, AH CH DH BH `s8[4 * (n - 4) + 1]`. */
  readonly s8: Int8Array;
  /** x87, MMX and SSE registers are in `s` too; these are views for their helpers. */
  readonly views: VectorViews;
  readonly wiring: CpuWiring;
  /** What CPUID tells. */
  readonly model: CpuModel;

  /** EIP of the instruction that runs (the one to restart after a fault). */
  readonly eip: number;
  /** EIP of the instruction behind it (what CALL and INT push). */
  readonly nextEip: number;
  /** Ends the instruction with a transfer; the caller has checked the offset against CS. */
  jump(eip: number): void;
  /** Ends `run` after this instruction, to look at pending interrupts, halts, new modes. */
  leave(): void;

  /** EFLAGS whole, with the lazy ones worked out. */
  eflags(): number;
  /** Replaces EFLAGS; `mask` has the bits that change. */
  setEflags(value: number, mask: number): void;

  /** Through segment `seg` with type and limit checks, at the current CPL; canonical signed. */
  load(seg: number, offset: number, size: Size): number;
  store(seg: number, offset: number, size: Size, value: number): void;
  /** Through paging only. `user` says with which privilege; descriptor tables and TSS are false. */
  readLinear(linear: number, size: Size, user: boolean): number;
  writeLinear(linear: number, size: Size, value: number, user: boolean): void;
  /** Raises what a read would raise, and reads nothing. */
  probeRead(linear: number, size: number, user: boolean): void;
  /** Raises what a write would raise, and writes nothing. */
  probeWrite(linear: number, size: number, user: boolean): void;

  /** CR3 was loaded: forget translations; `global` ones too or not. */
  flushTlb(global: boolean): void;
  /** INVLPG. */
  flushPage(linear: number): void;
  /** CS, CPL, CR0, flatness or stack size changed: cached code is looked up by the new mode. */
  modeChanged(): void;

  has(feature: Feature): boolean;
  /**
   * Throws the one `Fault` of fault.ts (throwFault); the instruction is restartable. Vectors 8,
   * 10-14, 17 carry an error code.
   */
  raise(vector: number, errorCode?: number): never;
}

/** What the helpers of repeated and read-modify-write instructions need beside. */
export interface Running extends Context {
  /** The instruction that runs counts as done, and comes again: the next step of a REP. */
  restart(): void;
  /** Somebody asked to leave, a device perhaps: a REP stops after the current element. */
  readonly isLeaving: boolean;
  /** All data segments can be read and written up to their limits (real mode, mostly). */
  readonly isPlain: boolean;
  readonly tlb: Runs;
  /** The read of a read-modify-write: write permission first; `finishModify` stores. */
  loadToModify(seg: number, offset: number, size: Size): number;
  finishModify(size: Size, value: number): void;
}
