/**
 * How often each cluster of a file is referred to, for images of any size.
 *
 * A byte per cluster, in pages that exist only where something is counted; the few counts that do
 * not fit a byte lie beside. A terabyte of 64 KiB clusters takes 16 MiB, a hole nothing.
 */

const PAGE = 65536;
const LARGE = 255;

export class Counts {
  private readonly pages = new Map<number, Uint8Array>();
  private readonly large = new Map<number, number>();

  /** `length` is in clusters; counting beyond makes it longer. */
  constructor(public length: number) {}

  get(cluster: number): number {
    const small = this.pages.get(Math.floor(cluster / PAGE))?.[cluster % PAGE] ?? 0;
    return small === LARGE ? (this.large.get(cluster) ?? LARGE) : small;
  }

  set(cluster: number, count: number): void {
    const index = Math.floor(cluster / PAGE);
    let page = this.pages.get(index);
    if (page === undefined) {
      if (count === 0) return;
      page = new Uint8Array(PAGE);
      this.pages.set(index, page);
    }
    if (cluster >= this.length) this.length = cluster + 1;
    if (page[cluster % PAGE] === LARGE) this.large.delete(cluster);
    page[cluster % PAGE] = Math.min(count, LARGE);
    if (count >= LARGE) this.large.set(cluster, count);
  }

  /** False when nothing from `start` to `end` is counted; may be true in vain. */
  mayHave(start: number, end: number): boolean {
    for (let index = Math.floor(start / PAGE); index * PAGE < end; index++) {
      if (this.pages.has(index)) return true;
    }
    return false;
  }

  /** Starts of the ranges of `span` clusters in which something is counted, in order. */
  ranges(span: number): number[] {
    const found: number[] = [];
    const step = Math.max(span, PAGE);
    const starts = [...this.pages.keys()].map(index => Math.floor((index * PAGE) / step) * step);
    for (const first of [...new Set(starts)].sort((a, b) => a - b)) {
      for (let start = first; start < first + step; start += span) {
        if (this.anyIn(start, start + span)) found.push(start);
      }
    }
    return found;
  }

  private anyIn(start: number, end: number): boolean {
    for (let at = start; at < end; ) {
      const index = Math.floor(at / PAGE);
      const last = Math.min(end, (index + 1) * PAGE);
      const page = this.pages.get(index);
      const part = page?.subarray(at - index * PAGE, last - index * PAGE);
      if (part?.some(count => count !== 0) === true) return true;
      at = last;
    }
    return false;
  }

  /** The highest count of all. */
  get highest(): number {
    let most = 0;
    for (const count of this.large.values()) most = Math.max(most, count);
    return most;
  }

  copy(): Counts {
    const copy = new Counts(this.length);
    for (const [index, page] of this.pages) copy.pages.set(index, page.slice());
    for (const [cluster, count] of this.large) copy.large.set(cluster, count);
    return copy;
  }
}
