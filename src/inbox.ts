/**
 * Everything from outside enters here: disk completions, keystrokes, sockets, monitor commands.
 * Nothing acts when it arrives; it queues, and the machine's loop delivers it between instructions.
 *
 * Work that the machine itself started (a disk request) goes through `expect`: it has a virtual
 * duration. With `holding` (-icount, tests) it is delivered at exactly that virtual time, the
 * machine waiting for the host if need be, so that two runs are equal to the bit. Live, it is
 * delivered as soon as the host is done.
 */

import type { Clock } from './clock.ts';

interface Expected {
  readonly label: string;
  readonly dueNs: number;
  readonly deliver: () => void;
  readonly settled: Promise<void>;
  done: boolean;
}

export class Inbox {
  /** True when completions wait for their virtual time. */
  holding = false;
  /** Called when something arrives while the machine may be asleep or in a slice. */
  onArrival: () => void = () => {};
  private readonly queue: (() => void)[] = [];
  private readonly expected: Expected[] = [];

  constructor(private readonly clock: Clock) {}

  /** Queues one delivery; order is kept. */
  post(deliver: () => void): void {
    this.queue.push(deliver);
    this.onArrival();
  }

  /**
   * Delivers `done` (or `failed`) when `work` settles: live, as soon as it does; when holding, at
   * `durationNs` of virtual time from now, never earlier or later.
   */
  expect<T>(
    work: {
      label: string;
      durationNs: number;
      promise: Promise<T>;
      /** Hears how long it took, in virtual time, if it went well. */
      account?: (elapsedNs: number) => void;
    },
    done: (value: T) => void,
    failed: (error: unknown) => void,
  ): void {
    let outcome: () => void = () => {};
    const startNs = this.clock.nowNs;
    const finish = (value: T): void => {
      work.account?.(this.clock.nowNs - startNs);
      done(value);
    };
    const settle = (how: () => void): void => {
      outcome = how;
      item.done = true;
      this.onArrival();
    };
    const item: Expected = {
      label: work.label,
      dueNs: startNs + work.durationNs,
      done: false,
      deliver: () => outcome(),
      settled: work.promise.then(
        value => settle(() => finish(value)),
        (error: unknown) => settle(() => failed(error)),
      ),
    };
    this.expected.push(item);
  }

  /** Resolves when no work makes progress; true when that waits for the machine to go on. */
  stalled: () => Promise<boolean> = () => new Promise(() => {});

  /**
   * Waits for the host and delivers all of the machine's own work at once, due or not, also what
   * that starts. Only while the machine stands still; its state is then whole. Requests that wait
   * for the machine to go on are left: the devices' states have them.
   */
  async drain(): Promise<void> {
    while (this.expected.length > 0) {
      const all = Promise.all(this.expected.map(item => item.settled));
      const isStuck = await Promise.race([all.then(() => false), this.stalled()]);
      if (!isStuck) await all;
      const due = this.expected.filter(item => item.done).sort((a, b) => a.dueNs - b.dueNs);
      if (due.length === 0) return;
      for (const item of due) this.expected.splice(this.expected.indexOf(item), 1);
      for (const item of due) item.deliver();
    }
  }

  /** True when `deliver` would do something now. */
  get ready(): boolean {
    return this.queue.length > 0 || this.expected.some(item => this.isDue(item));
  }

  /** True while the machine's own work is under way. */
  get busy(): boolean {
    return this.expected.length > 0;
  }

  /** Virtual time of the first held completion, Infinity when there is none. */
  nextDueNs(): number {
    if (!this.holding) return Number.POSITIVE_INFINITY;
    return this.expected.reduce((min, item) => Math.min(min, item.dueNs), Number.POSITIVE_INFINITY);
  }

  /** When holding: true if the machine must not pass this instant before the host has caught up. */
  get mustWait(): boolean {
    return this.holding && this.expected.some(item => !item.done && item.dueNs <= this.clock.nowNs);
  }

  /**
   * Delivers what is due, in order; held completions at one instant go in order of their start.
   * What is posted meanwhile waits for the next call, and so does all that was posted once
   * `mayGoOn` says no. `afterEach` runs behind every delivery.
   */
  deliver(afterEach: () => void = () => {}, mayGoOn: () => boolean = () => true): void {
    for (;;) {
      const at = this.expected.findIndex(item => this.isDue(item));
      if (at < 0) break;
      const [item] = this.expected.splice(at, 1);
      item.deliver();
      afterEach();
    }
    for (let left = this.queue.length; left > 0 && mayGoOn(); left--) {
      this.queue.shift()?.();
      afterEach();
    }
  }

  private isDue(item: Expected): boolean {
    return item.done && (!this.holding || item.dueNs <= this.clock.nowNs);
  }
}
