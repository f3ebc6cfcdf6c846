/**
 * The machine's virtual time, in integer nanoseconds since power-on, and its timers.
 *
 * Nothing in the machine reads any other clock. `nowNs` is exact inside an instruction: the CPU
 * calls `sync()` before every port or MMIO access, and the pace maker behind `setSource` says how
 * far the current slice has come (by instruction count with -icount, by the host's clock live).
 * Timers fire between slices only, in order of deadline and, at the same deadline, of arming.
 */

import { assert } from './error.ts';

export class Timer {
  /** Absolute, in ns; undefined while disarmed. */
  deadlineNs: number | undefined;

  /** `number`: how many timers the clock had before. */
  constructor(
    private readonly clock: Clock,
    readonly label: string,
    readonly expire: () => void,
    readonly number: number,
  ) {}

  /** Arms, or re-arms, the timer. A deadline in the past fires at the next slice boundary. */
  arm(deadlineNs: number): void {
    assert(Number.isFinite(deadlineNs), `timer ${this.label} has a deadline`);
    this.deadlineNs = Math.ceil(deadlineNs);
    this.clock.insert(this);
  }

  disarm(): void {
    this.deadlineNs = undefined;
    this.clock.remove(this);
  }
}

export class Clock {
  private readonly armed: Timer[] = [];
  private timerCount = 0;
  private current = 0;
  private source: (() => number) | undefined;
  private whenSooner: () => void = () => {};

  get nowNs(): number {
    return this.current;
  }

  timer(label: string, expire: () => void): Timer {
    return new Timer(this, label, expire, this.timerCount++);
  }

  /** Who tells, inside a slice, how late it is; `sooner` hears that a deadline moved closer. */
  setSource(source: () => number, sooner: () => void): void {
    this.source = source;
    this.whenSooner = sooner;
  }

  /** Brings `nowNs` up to date within a slice. Fires nothing. */
  sync(): void {
    if (this.source === undefined) return;
    const now = this.source();
    if (now > this.current) this.current = now;
  }

  /** Moves time forward and fires what is due, each timer seeing its own deadline or later. */
  advanceTo(targetNs: number): void {
    assert(targetNs >= this.current, 'time does not run backwards');
    for (;;) {
      const first = this.armed[0];
      if (first === undefined || (first.deadlineNs ?? 0) > targetNs) break;
      this.armed.shift();
      this.current = Math.max(this.current, first.deadlineNs ?? 0);
      first.deadlineNs = undefined;
      first.expire();
    }
    this.current = Math.max(this.current, targetNs);
  }

  /** Sets the time of a machine whose saved state is about to be loaded, which re-arms timers. */
  restore(nowNs: number): void {
    for (const timer of this.armed) timer.deadlineNs = undefined;
    this.armed.length = 0;
    this.current = nowNs;
  }

  /**
   * Puts timers that are due at one instant in the order of their making, whenever they were armed:
   * a machine that was saved and one that was loaded then go on alike.
   */
  canonicalize(): void {
    const key = (timer: Timer): number => timer.deadlineNs ?? 0;
    this.armed.sort((a, b) => key(a) - key(b) || a.number - b.number);
  }

  /** The next deadline, absolute; Infinity when nothing is armed. */
  nextDeadlineNs(): number {
    return this.armed[0]?.deadlineNs ?? Number.POSITIVE_INFINITY;
  }

  /** What is armed, soonest first: for inspection. */
  pending(): readonly Timer[] {
    return this.armed;
  }

  insert(timer: Timer): void {
    this.remove(timer);
    const deadline = timer.deadlineNs ?? 0;
    let at = this.armed.length;
    while (at > 0 && (this.armed[at - 1].deadlineNs ?? 0) > deadline) at--;
    this.armed.splice(at, 0, timer);
    if (at === 0) this.whenSooner();
  }

  remove(timer: Timer): void {
    const at = this.armed.indexOf(timer);
    if (at >= 0) this.armed.splice(at, 1);
  }
}
