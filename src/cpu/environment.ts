/**
 * What the generated interpreter refers to by name: see emit-js.ts for what each is.
 */

import type { Running } from './context.ts';
import type { Compute } from './helpers/compute.ts';

type Load = (linear: number, o: number, c: number) => number;
type Store = (linear: number, value: number, o: number, c: number) => void;
type SegmentLoad = (seg: number, offset: number, o: number, c: number) => number;
type SegmentStore = (seg: number, offset: number, value: number, o: number, c: number) => void;
type CheckedLoad = (seg: number, offset: number) => number;
type CheckedStore = (seg: number, offset: number, value: number) => void;
type Finish = (value: number) => void;

/** Memory, by bytes of the access. */
export type Helper = (...args: never[]) => unknown;

export interface AccessFunctions {
  /** Slow paths of flat accesses. */
  readonly r1: Load;
  readonly r2: Load;
  readonly r4: Load;
  readonly w1: Store;
  readonly w2: Store;
  readonly w4: Store;
  /** Read of a read-modify-write, and its end. */
  readonly x1: Load;
  readonly x2: Load;
  readonly x4: Load;
  readonly y1: Finish;
  readonly y2: Finish;
  readonly y4: Finish;
  /** Slow paths of 16-bit accesses. */
  readonly lr1: SegmentLoad;
  readonly lr2: SegmentLoad;
  readonly lr4: SegmentLoad;
  readonly sr1: SegmentStore;
  readonly sr2: SegmentStore;
  readonly sr4: SegmentStore;
  readonly xr1: SegmentLoad;
  readonly xr2: SegmentLoad;
  readonly xr4: SegmentLoad;
  /** With all checks of the segment. */
  readonly L1: CheckedLoad;
  readonly L2: CheckedLoad;
  readonly L4: CheckedLoad;
  readonly T1: CheckedStore;
  readonly T2: CheckedStore;
  readonly T4: CheckedStore;
  readonly X1: CheckedLoad;
  readonly X2: CheckedLoad;
  readonly X4: CheckedLoad;
  readonly Y1: Finish;
  readonly Y2: Finish;
  readonly Y4: Finish;
  /** The stack, by bytes. */
  readonly PUSH: (value: number, bytes: number) => void;
  readonly POP: (bytes: number) => number;
  readonly PEEK: (bytes: number) => number;
  readonly UNWIND: (bytes: number) => number;
  readonly RELEASE: (bytes: number) => void;
}

/** Where to go on; a record, or negative to leave the loop with EIP set. */
export interface FlowFunctions {
  /** An indirect transfer. */
  readonly N: (eip: number, c: number) => number;
  readonly JI: (o: number, eip: number) => number;
  /** A direct transfer by its link word. */
  readonly J: (q: number) => number;
  /** #GP(0) when the direct transfer at `o`, or one to an offset, would leave CS. */
  readonly checkTarget: (o: number) => void;
  readonly checkOffset: (eip: number) => void;
  readonly take: (q: number, c: number) => number;
  /** N as regions call it: from which record, in which region. */
  readonly RN: (eip: number, c: number, o: number, region: number) => number;
  /** As `take`, of a link that may hold its record already. */
  readonly RL: (q: number, c: number) => number;
  /** After a helper: go on, or leave if it asked for that. */
  readonly finish: (o: number) => number;
  /** After a helper that always leaves. */
  readonly end: (o: number) => number;
}

export interface Environment extends AccessFunctions, FlowFunctions {
  readonly S: Int32Array;
  readonly S16: Int16Array;
  readonly S8: Int8Array;
  readonly D: Int32Array;
  readonly NEXT: Int32Array;
  readonly ENTRANCES: Int32Array;
  readonly R: Int32Array;
  readonly W: Int32Array;
  readonly M4: Int32Array;
  readonly M2: Int16Array;
  readonly M1: Int8Array;
  readonly C: Compute;
  /** Regions of translated code: budget and entry in, the next record or -1 out. */
  readonly G: readonly ((c: number, entry: number) => number)[];
  readonly H: { readonly [name: string]: Helper | readonly Helper[] };
  readonly cpu: Running;
}
