/**
 * Which ranges of a host's file hold data: asked once (host-holes.ts), then kept true.
 *
 * All openings of one file in this process share one list: what any of them writes is data from
 * then on, whatever the system said before. Nothing ever becomes a hole again. A file that another
 * process has changed since, as its time says, is asked about anew.
 */

import * as fs from 'node:fs';
import { dataRanges } from './host-holes.ts';

/** Extents begin and end at sectors: a hole may only shrink. */
const SECTOR = 512;

const shared = new Map<string, StoredRanges>();

export class StoredRanges {
  /** Starts and ends of the data, in order, once somebody has asked. */
  private ranges: number[] | undefined;
  private cursor = 0;
  /** When the file was changed last; undefined: by us, since then. */
  private changed: number | undefined;
  private openings = 0;

  /** The list that all openings of a file share; `release` it when one ends. */
  static of(stat: fs.Stats): StoredRanges {
    const place = `${stat.dev}:${stat.ino}`;
    const ranges = shared.get(place) ?? new StoredRanges(place);
    shared.set(place, ranges);
    ranges.openings++;
    return ranges;
  }

  private constructor(private readonly place: string) {}

  release(): void {
    if (--this.openings === 0) shared.delete(this.place);
  }

  forget(): void {
    this.ranges = undefined;
  }

  at(fd: number, offset: number): { readonly data: boolean; readonly end: number } {
    const ranges = this.current(fd);
    // Questions come in rising order, as a rule.
    if (this.cursor > ranges.length) this.cursor = 0;
    if (this.cursor > 0 && ranges[this.cursor - 1] > offset) this.cursor = 0;
    while (ranges[this.cursor] <= offset) this.cursor++;
    return { data: this.cursor % 2 === 1, end: ranges[this.cursor] ?? Infinity };
  }

  /** To be told when a write begins and, if that is not at once, again when it has ended. */
  written(offset: number, length: number): void {
    const { ranges } = this;
    if (ranges === undefined || length === 0) return;
    this.changed = undefined;
    const start = Math.floor(offset / SECTOR) * SECTOR;
    const end = Math.ceil((offset + length) / SECTOR) * SECTOR;
    // After an even number of edges is a hole, after an odd one data.
    const first = edgesBelow(ranges, start);
    const last = edgesBelow(ranges, end + 1);
    if (first === last && first % 2 === 1) return;
    const edges = [...(first % 2 === 0 ? [start] : []), ...(last % 2 === 0 ? [end] : [])];
    ranges.splice(first, last - first, ...edges);
    this.cursor = 0;
  }

  private current(fd: number): readonly number[] {
    const stat = fs.fstatSync(fd);
    const { mtimeMs } = stat;
    if (this.ranges !== undefined && (this.changed ?? mtimeMs) === mtimeMs) {
      this.changed = mtimeMs;
      return this.ranges;
    }
    this.changed = mtimeMs;
    this.cursor = 0;
    this.ranges = ask(fd, stat);
    return this.ranges;
  }
}

function ask(fd: number, stat: fs.Stats): number[] {
  // Devices have neither holes nor, by what stat(2) says, any bytes.
  if (!stat.isFile()) return [0, Infinity];
  const { size, blocks } = stat;
  // What takes no less room than it has bytes has no holes; that a file has no blocks says nothing:
  // some file systems count none.
  const found = (blocks * 512 < size ? dataRanges(fd) : undefined) ?? [0, size];
  const outward = found.map((at, i) => (i % 2 ? Math.ceil : Math.floor)(at / SECTOR) * SECTOR);
  // Data that meets is one piece.
  return outward.filter((at, i) => at !== outward[i % 2 ? i + 1 : i - 1]);
}

function edgesBelow(ranges: readonly number[], at: number): number {
  let low = 0;
  let high = ranges.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (ranges[middle] < at) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Another process has had the files. */
export function forgetStored(): void {
  for (const ranges of shared.values()) ranges.forget();
}
