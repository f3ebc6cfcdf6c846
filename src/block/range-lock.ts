/**
 * Keeps work on overlapping ranges of a disk apart, in order of arrival.
 */

interface Holder {
  readonly start: number;
  readonly end: number;
  readonly released: Promise<void>;
}

export class RangeLock {
  private readonly holders = new Set<Holder>();

  /** Resolves, when the range is free, with how to release it. */
  async acquire(start: number, length: number): Promise<() => void> {
    const end = start + length;
    const before = [...this.holders].filter(h => h.start < end && start < h.end);
    let release: () => void = () => {};
    const released = new Promise<void>(resolve => {
      release = resolve;
    });
    const holder: Holder = { start, end, released };
    this.holders.add(holder);
    for (const other of before) await other.released;
    return () => {
      this.holders.delete(holder);
      release();
    };
  }
}
