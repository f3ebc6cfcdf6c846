import type { HostPace } from '../../src/pace.ts';

/** A host for tests: its clock moves only while the machine sleeps, and then at once. */
export class InstantHost implements HostPace {
  private now = 0;
  private waiting: (() => void) | undefined;
  private isAwake = false;

  nowNs(): number {
    return this.now;
  }

  /** Moves the host's clock, as work done in a slice would. */
  spend(ns: number): void {
    this.now += ns;
  }

  breathe(): Promise<void> {
    return new Promise(resolve => setImmediate(resolve));
  }

  sleep(durationNs: number): Promise<void> {
    if (this.isAwake) {
      this.isAwake = false;
      return this.breathe();
    }
    if (Number.isFinite(durationNs)) {
      this.now += Math.max(0, durationNs);
      return this.breathe();
    }
    return new Promise(resolve => {
      this.waiting = resolve;
    });
  }

  wake(): void {
    if (this.waiting === undefined) this.isAwake = true;
    else {
      const resolve = this.waiting;
      this.waiting = undefined;
      resolve();
    }
  }
}
