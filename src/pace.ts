/**
 * How fast the machine's clock runs, and what the machine's loop asks of the host for it.
 *
 * Live: virtual time follows the host's monotonic clock while the machine runs, but never passes
 * the next deadline within a slice: no timer tick is lost when the host is late, and whatever the
 * host does, time moves on from one instruction to another. The lag is made up
 * for when there is nothing to do, and is limited: a host that has no time stretches the guest's.
 * Counted (-icount): every instruction takes 2^shift nanoseconds and nothing else moves the clock
 * but jumps while the processor is halted, so equal runs are equal to the bit.
 */

/** The host's side; `host-time.ts` implements it, tests use `instantHost`. */
export interface HostPace {
  /** Monotonic, in ns. */
  nowNs(): number;
  /** Lets host events in; returns soon. */
  breathe(): Promise<void>;
  /** Sleeps until `durationNs` have passed (may be Infinity) or `wake` is called. */
  sleep(durationNs: number): Promise<void>;
  /** Ends a sleep, present or next. */
  wake(): void;
}

export type PaceMode =
  | { readonly kind: 'live' }
  /** `sleep`: a halted machine waits as long as its clock says, instead of jumping at once. */
  | { readonly kind: 'counted'; readonly shift: number; readonly sleep: boolean };

/** Aim of a live slice, and its aim while host work is under way, in ns. */
const SLICE_NS = 2_000_000;
const BUSY_SLICE_NS = 150_000;
/** Live: a slice takes at most this much virtual time, and the lag behind the host is at most: */
const LONGEST_SLICE_NS = 5 * SLICE_NS;
const LONGEST_LAG_NS = 50_000_000;
/** Live: the part of a slice's time that only instructions use up, so that a clock never stands. */
const RESERVED = 0.25;
/** What a host's clock can tell apart well enough. */
const MEASURABLE_NS = 1000;
/** Bounds on instructions per slice. */
const MIN_BUDGET = 500;
const MAX_BUDGET = 2_000_000;

/** Turns "until then" into an instruction budget, and instructions into time. */
export class Pace {
  private sliceStartNs = 0;
  private sliceLimitNs = 0;
  private sliceBudget = 1;
  private sliceHostNs = 0;
  private sliceStartInstructions = 0;
  /** Live: virtual time is host time less this. */
  private hostOffsetNs = 0;
  /** Live: measured, instructions per ns. */
  private speed = 0.05;

  constructor(
    readonly mode: PaceMode,
    private readonly host: HostPace,
  ) {}

  /** The machine starts or goes on at virtual `nowNs`, `instructions` after power-on. */
  begin(nowNs: number, instructions: number): void {
    this.hostOffsetNs = this.host.nowNs() - nowNs;
    this.sliceStartNs = nowNs;
    this.sliceLimitNs = nowNs;
    this.sliceStartInstructions = instructions;
  }

  /** Live: virtual time while the processor is halted and nothing is due before `untilNs`. */
  idleNs(untilNs: number): number {
    const lagNs = this.host.nowNs() - this.hostOffsetNs - untilNs;
    if (lagNs > LONGEST_LAG_NS) this.hostOffsetNs += lagNs - LONGEST_LAG_NS;
    return Math.floor(this.host.nowNs() - this.hostOffsetNs);
  }

  /** Virtual time inside a slice. */
  nowNs(instructions: number): number {
    const done = instructions - this.sliceStartInstructions;
    if (this.mode.kind === 'counted') return this.sliceStartNs + done * 2 ** this.mode.shift;
    const hostNs = Math.floor(this.host.nowNs() - this.hostOffsetNs);
    const left = Math.max(0, 1 - done / this.sliceBudget);
    const reservedNs = left * RESERVED * (this.sliceLimitNs - this.sliceStartNs);
    return Math.min(hostNs, Math.floor(this.sliceLimitNs - reservedNs));
  }

  /** How many instructions to run from `nowNs` towards `untilNs`. */
  beginSlice(nowNs: number, untilNs: number, at: { instructions: number; busy: boolean }): number {
    this.sliceStartNs = nowNs;
    this.sliceStartInstructions = at.instructions;
    const spanNs = Math.max(0, untilNs - nowNs);
    if (this.mode.kind === 'counted') {
      return Math.max(1, Math.min(Math.ceil(spanNs / 2 ** this.mode.shift), MAX_BUDGET));
    }
    const aimNs = Math.min(spanNs, at.busy ? BUSY_SLICE_NS : SLICE_NS);
    this.sliceHostNs = this.host.nowNs();
    this.sliceLimitNs = nowNs + Math.min(spanNs, LONGEST_SLICE_NS);
    const budget = Math.min(aimNs * this.speed, MAX_BUDGET);
    this.sliceBudget = Math.round(Math.max(MIN_BUDGET, budget));
    return this.sliceBudget;
  }

  /** Learns the speed; returns the virtual time at the end of the slice. */
  endSlice(instructions: number): number {
    const nowNs = this.nowNs(instructions);
    if (this.mode.kind === 'counted') return nowNs;
    const spentNs = this.host.nowNs() - this.sliceHostNs;
    const done = instructions - this.sliceStartInstructions;
    // The shortest slice teaches too: else one bad slice would keep all that follow short.
    if (spentNs > MEASURABLE_NS && done >= MIN_BUDGET) {
      const seen = done / spentNs;
      // A guest that has become much slower would hold the host for many slices.
      this.speed = seen < this.speed / 4 ? seen : this.speed * 0.8 + seen * 0.2;
    }
    const lagNs = this.host.nowNs() - this.hostOffsetNs - nowNs;
    if (lagNs > LONGEST_LAG_NS) this.hostOffsetNs += lagNs - LONGEST_LAG_NS;
    return nowNs;
  }
}
