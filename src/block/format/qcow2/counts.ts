/**
 * How often each cluster of a file is referred to, for images of any size.
 *
 * Pages exist only where something is counted, and take the memory that their numbers need
 * (count-page.ts): a terabyte of 64 KiB clusters that are all in use once takes next to nothing,
 * in the worst order 2 MiB on the way there.
 */

import { CountPage, PAGE } from './count-page.ts';

/** Pages are looked through for what can be smaller whenever they have grown by so much. */
const GROWTH = 8 * 1024 * 1024;

export class Counts {
  /** The highest count that was ever set. */
  highest = 0;
  private readonly pages = new Map<number, CountPage>();
  private lastIndex = -1;
  private last: CountPage | undefined;
  private sinceShrink = 0;

  /** `length` is in clusters; counting beyond makes it longer. */
  constructor(public length: number) {}

  get(cluster: number): number {
    const index = Math.floor(cluster / PAGE);
    return this.find(index)?.get(cluster - index * PAGE) ?? 0;
  }

  set(cluster: number, count: number): void {
    const index = Math.floor(cluster / PAGE);
    const page = this.find(index) ?? (count === 0 ? undefined : this.newPage(index));
    if (page === undefined) return;
    const before = page.bytes;
    page.set(cluster - index * PAGE, count);
    this.note(cluster + 1, count);
    this.noteGrowth(page.bytes - before);
  }

  /** Adds to each of `length` clusters, up to `most`. */
  add(first: number, length: number, by: number, most: number): void {
    const end = first + length;
    for (let at = first; at < end; ) {
      const next = length === 1 ? end : this.runEnd(at, end);
      const count = Math.min(most, this.get(at) + by);
      if (next - at === 1) this.set(at, count);
      else this.fill(at, next - at, count);
      at = next;
    }
  }

  /** Sets `length` clusters to the same count. */
  fill(first: number, length: number, count: number): void {
    const end = first + length;
    for (let at = first; at < end; ) {
      const index = Math.floor(at / PAGE);
      const next = Math.min(end, (index + 1) * PAGE);
      const page = this.find(index) ?? (count === 0 ? undefined : this.newPage(index));
      if (page !== undefined) {
        const before = page.bytes;
        page.fill(at - index * PAGE, next - index * PAGE, count);
        this.noteGrowth(page.bytes - before);
      }
      at = next;
    }
    this.note(end, count);
  }

  private note(end: number, count: number): void {
    if (count > this.highest) this.highest = count;
    if (count !== 0 && end > this.length) this.length = end;
  }

  private noteGrowth(bytes: number): void {
    if (bytes === 0) return;
    this.sinceShrink += bytes;
    if (this.sinceShrink > GROWTH) this.shrink();
  }

  /** Where the run of equal counts that begins at `first` ends, or `end`. */
  runEnd(first: number, end: number): number {
    const count = this.get(first);
    for (let at = first; ; ) {
      const index = Math.floor(at / PAGE);
      const limit = Math.min(end, (index + 1) * PAGE);
      const page = this.find(index);
      const from = index * PAGE;
      const next = page === undefined ? limit : from + page.runEnd(at - from, limit - from);
      if (next < limit || next >= end) return next;
      if (this.get(next) !== count) return next;
      at = next;
    }
  }

  /** False when nothing from `start` to `end` is counted; may be true in vain. */
  mayHave(start: number, end: number): boolean {
    for (let index = Math.floor(start / PAGE); index * PAGE < end; index++) {
      if (this.pages.has(index)) return true;
    }
    return false;
  }

  /** Starts of the ranges of `span` clusters in which something is counted, in order. */
  *ranges(span: number): Generator<number> {
    const step = Math.max(span, PAGE);
    const starts = [...this.pages.keys()].map(index => Math.floor((index * PAGE) / step) * step);
    for (const first of [...new Set(starts)].sort((a, b) => a - b)) {
      for (let start = first; start < first + step; start += span) {
        if (this.nextUsed(start, start + span) < start + span) yield start;
      }
    }
  }

  /** The first cluster from `start` on that is counted, or `end`. */
  nextUsed(start: number, end: number): number {
    let at = start;
    while (at < end && this.get(at) === 0) at = this.runEnd(at, end);
    return at;
  }

  /** The clusters that are counted, in order. */
  *used(): Generator<number> {
    for (const start of this.ranges(PAGE)) {
      const end = start + PAGE;
      for (let at = this.nextUsed(start, end); at < end; at = this.nextUsed(at + 1, end)) yield at;
    }
  }

  /** Which clusters are counted, each as 1. */
  inUse(): Counts {
    const copy = new Counts(this.length);
    for (const start of this.ranges(PAGE)) {
      const end = start + PAGE;
      for (let at = this.nextUsed(start, end); at < end; at = this.nextUsed(at, end)) {
        const next = this.runEnd(at, end);
        copy.fill(at, next - at, 1);
        at = next;
      }
    }
    copy.length = this.length;
    return copy;
  }

  private find(index: number): CountPage | undefined {
    if (index === this.lastIndex) return this.last;
    this.last = this.pages.get(index);
    this.lastIndex = index;
    return this.last;
  }

  private newPage(index: number): CountPage {
    const page = new CountPage();
    this.pages.set(index, page);
    this.last = page;
    this.lastIndex = index;
    return page;
  }

  private shrink(): void {
    for (const page of this.pages.values()) page.shrink();
    this.sinceShrink = 0;
  }
}
