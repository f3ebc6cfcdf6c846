/**
 * The host's clocks: the pace of a live machine, and wall-clock time for event stamps and the RTC.
 */

import type { HostPace } from './pace.ts';

/** Below this, waiting for a timer costs more than looking again. */
const SHORTEST_SLEEP_NS = 50_000;

export class HostTime implements HostPace {
  private wakeUp: (() => void) | undefined;
  private isAwake = false;

  nowNs(): number {
    return Math.floor(performance.now() * 1e6);
  }

  breathe(): Promise<void> {
    return new Promise(resolve => setImmediate(resolve));
  }

  sleep(durationNs: number): Promise<void> {
    if (this.isAwake || durationNs < SHORTEST_SLEEP_NS) {
      this.isAwake = false;
      return this.breathe();
    }
    return new Promise(resolve => {
      const finite = Number.isFinite(durationNs);
      const delayMs = finite ? Math.min(durationNs / 1e6, 0x7fffffff) : 0x7fffffff;
      const timer = setTimeout(() => this.wakeUp?.(), Math.max(1, Math.round(delayMs)));
      this.wakeUp = () => {
        clearTimeout(timer);
        this.wakeUp = undefined;
        resolve();
      };
    });
  }

  /** Beside the machine's own sleep; 0 lets what waits go first. */
  sleepAside(ms: number): Promise<void> {
    if (ms <= 0) return this.breathe();
    return new Promise(resolve => setTimeout(resolve, ms));
  }

  wake(): void {
    if (this.wakeUp === undefined) this.isAwake = true;
    else this.wakeUp();
  }
}

/** Seconds and microseconds since 1970, for events. */
export function wallClock(): { seconds: number; microseconds: number } {
  const nowUs = Math.floor((performance.timeOrigin + performance.now()) * 1000);
  return { seconds: Math.floor(nowUs / 1e6), microseconds: nowUs % 1e6 };
}

/** Calls once, after this much time; the program does not wait for that. */
export function after(milliseconds: number, call: () => void): void {
  setTimeout(call, milliseconds).unref();
}
