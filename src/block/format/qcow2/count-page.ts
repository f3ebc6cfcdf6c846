/**
 * 65536 small numbers in as little memory as they allow.
 *
 * One number for all; or the few that are not zero, sorted; or so many bits for each as the largest
 * needs. A page grows from one form into the next when it must, and `shrink` brings it back.
 */

/** Numbers in a page. */
export const PAGE = 65536;
/** More than so many numbers are better kept as bits. */
const FEW = 2048;

type Wide = Uint8Array | Uint16Array | Uint32Array;

export class CountPage {
  /** All numbers, when there is nothing else. */
  private all = 0;
  /** Places of the numbers that are not zero, in order, and the numbers. */
  private keys: Uint16Array | undefined;
  private values: Uint32Array | undefined;
  private few = 0;
  /** Numbers side by side; below 8 bits several share a byte. */
  private packed: Wide | undefined;
  private width = 0;
  /** Of a place: its bits above are the index of a byte, those below say where inside. */
  private shift = 0;
  /** Bytes of memory, but for the object itself. */
  bytes = 0;

  /** The number that stands everywhere; undefined when there are several. */
  get uniform(): number | undefined {
    return this.packed === undefined && this.keys === undefined ? this.all : undefined;
  }

  get(at: number): number {
    const { packed, width } = this;
    if (packed !== undefined) {
      if (width >= 8) return packed[at];
      const { shift } = this;
      return (packed[at >> shift] >> ((at & ((1 << shift) - 1)) * width)) & ((1 << width) - 1);
    }
    if (this.keys === undefined) return this.all;
    const place = this.find(at);
    return place < this.few && this.keys[place] === at ? (this.values?.[place] ?? 0) : 0;
  }

  set(at: number, value: number): void {
    if (this.packed === undefined) {
      if (this.keys === undefined && value === this.all) return;
      if (this.setFew(at, value)) return;
      this.spread(widthFor(Math.max(value, this.largest())));
    } else if (value >= 2 ** this.width) this.spread(widthFor(value));
    this.pack(at, value);
  }

  /** The same number from `start` to before `end`. */
  fill(start: number, end: number, value: number): void {
    if (start === 0 && end === PAGE) {
      this.clear();
      this.all = value;
      return;
    }
    if (this.uniform === value) return;
    if (end - start > FEW / 16 || this.packed !== undefined) {
      const width = widthFor(Math.max(value, this.packed === undefined ? this.largest() : 0));
      if (this.packed === undefined || width > this.width) this.spread(width);
      this.packRun(start, end, value);
      return;
    }
    for (let at = start; at < end; at++) this.set(at, value);
  }

  /** Where the run of equal numbers from `at` on ends, or `end`; among few perhaps earlier. */
  runEnd(at: number, end: number): number {
    const { packed, width } = this;
    if (packed === undefined) return this.keys === undefined ? end : this.gapEnd(at, end);
    let next = at + 1;
    if (width >= 8) {
      const value = packed[at];
      while (next < end && packed[next] === value) next++;
      return next;
    }
    const perByte = 8 / width;
    const value = this.get(at);
    const full = value * repeated(width);
    while (next < end) {
      if (next % perByte === 0 && next + perByte <= end && packed[next / perByte] === full) {
        next += perByte;
      } else if (this.get(next) === value) next++;
      else break;
    }
    return next;
  }

  /** The same among few numbers. */
  private gapEnd(at: number, end: number): number {
    const keys = this.keys as Uint16Array;
    const place = this.find(at);
    if (place === this.few) return end;
    return keys[place] === at ? at + 1 : Math.min(end, keys[place]);
  }

  /** Brings the page to its smallest form. */
  shrink(): void {
    const { packed } = this;
    if (packed === undefined) return;
    if (this.runEnd(0, PAGE) === PAGE) {
      const value = this.get(0);
      this.clear();
      this.all = value;
    } else if (this.width > 1 && widthFor(this.largest()) < this.width) {
      this.spread(widthFor(this.largest()));
    }
  }

  private clear(): void {
    this.packed = undefined;
    this.width = 0;
    this.bytes = 0;
    this.keys = undefined;
    this.values = undefined;
    this.few = 0;
  }

  /** Where `at` is among the keys, or would be. */
  private find(at: number): number {
    const keys = this.keys as Uint16Array;
    let low = 0;
    let high = this.few;
    if (high > 0 && keys[high - 1] < at) return high;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (keys[middle] < at) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** False when the page must take another form. */
  private setFew(at: number, value: number): boolean {
    if (this.all !== 0) return false;
    this.keys ??= new Uint16Array(8);
    this.values ??= new Uint32Array(8);
    this.bytes = this.keys.length * 6;
    const place = this.find(at);
    if (place < this.few && this.keys[place] === at) {
      this.values[place] = value;
      return true;
    }
    if (value === 0) return true;
    if (this.few === FEW) return false;
    if (this.few === this.keys.length) {
      const { keys, values } = this;
      this.keys = new Uint16Array(this.few * 2);
      this.values = new Uint32Array(this.few * 2);
      this.keys.set(keys);
      this.values.set(values);
      this.bytes = this.keys.length * 6;
    }
    this.keys.copyWithin(place + 1, place, this.few);
    this.values.copyWithin(place + 1, place, this.few);
    this.keys[place] = at;
    this.values[place] = value;
    this.few++;
    return true;
  }

  private largest(): number {
    if (this.packed === undefined) {
      let most = this.all;
      for (let i = 0; i < this.few; i++) most = Math.max(most, this.values?.[i] ?? 0);
      return most;
    }
    let most = 0;
    for (let at = 0; at < PAGE; at = this.runEnd(at, PAGE)) most = Math.max(most, this.get(at));
    return most;
  }

  /** Takes the form of `width` bits for each number. */
  private spread(width: number): void {
    const old = Object.assign(new CountPage(), this);
    const { keys, values, few } = this;
    this.clear();
    this.width = width;
    this.shift = width < 8 ? 3 - Math.log2(width) : 0;
    this.bytes = (PAGE * width) / 8;
    if (width === 32) this.packed = new Uint32Array(PAGE);
    else if (width === 16) this.packed = new Uint16Array(PAGE);
    else this.packed = new Uint8Array((PAGE * width) / 8);
    if (keys !== undefined && values !== undefined) {
      for (let i = 0; i < few; i++) this.pack(keys[i], values[i]);
      return;
    }
    for (let at = 0; at < PAGE; ) {
      const end = old.runEnd(at, PAGE);
      const value = old.get(at);
      if (value !== 0) this.packRun(at, end, value);
      at = end;
    }
  }

  private pack(at: number, value: number): void {
    const packed = this.packed as Wide;
    const { width, shift } = this;
    if (width >= 8) {
      packed[at] = value;
      return;
    }
    const inside = (at & ((1 << shift) - 1)) * width;
    packed[at >> shift] =
      (packed[at >> shift] & ~(((1 << width) - 1) << inside)) | (value << inside);
  }

  private packRun(start: number, end: number, value: number): void {
    const packed = this.packed as Wide;
    if (this.width >= 8) {
      packed.fill(value, start, end);
      return;
    }
    const perByte = 8 / this.width;
    let at = start;
    while (at < end && at % perByte !== 0) this.pack(at++, value);
    const bytes = Math.trunc((end - at) / perByte);
    packed.fill(value * repeated(this.width), at / perByte, at / perByte + bytes);
    for (at += bytes * perByte; at < end; at++) this.pack(at, value);
  }
}

function widthFor(value: number): number {
  if (value < 2) return 1;
  if (value < 4) return 2;
  if (value < 16) return 4;
  if (value < 256) return 8;
  return value < 65536 ? 16 : 32;
}

/** A byte in which every number of `width` bits is 1. */
function repeated(width: number): number {
  return 255 / (2 ** width - 1);
}
