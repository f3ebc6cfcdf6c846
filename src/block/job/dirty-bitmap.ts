/**
 * Which pieces of a disk were written to since somebody last looked.
 */

export class DirtyBitmap {
  /** Pieces that are dirty. */
  count = 0;
  private readonly bits: Uint8Array;
  private readonly pieces: number;

  constructor(
    readonly length: number,
    /** Bytes of one piece; a power of two. */
    readonly granularity: number,
  ) {
    this.pieces = Math.ceil(length / granularity);
    this.bits = new Uint8Array(Math.ceil(this.pieces / 8));
  }

  /** Marks everything that the range touches. */
  mark(offset: number, length: number): void {
    if (length === 0) return;
    const last = Math.min(this.pieces - 1, Math.floor((offset + length - 1) / this.granularity));
    for (let piece = Math.floor(offset / this.granularity); piece <= last; piece++) {
      const mask = 1 << (piece % 8);
      if ((this.bits[piece >> 3] & mask) !== 0) continue;
      this.bits[piece >> 3] |= mask;
      this.count++;
    }
  }

  isDirty(offset: number): boolean {
    const piece = Math.floor(offset / this.granularity);
    return (this.bits[piece >> 3] & (1 << (piece % 8))) !== 0;
  }

  clear(offset: number): void {
    const piece = Math.floor(offset / this.granularity);
    const mask = 1 << (piece % 8);
    if ((this.bits[piece >> 3] & mask) === 0) return;
    this.bits[piece >> 3] &= ~mask;
    this.count--;
  }

  /** The first dirty offset at or after `from`, wrapping around; undefined when all is clean. */
  next(from: number): number | undefined {
    if (this.count === 0) return undefined;
    const start = Math.floor(from / this.granularity) % Math.max(1, this.pieces);
    for (let i = 0; i < this.pieces; i++) {
      const piece = (start + i) % this.pieces;
      if (this.bits[piece >> 3] & (1 << (piece % 8))) return piece * this.granularity;
    }
    return undefined;
  }

  /** Bytes that are dirty, the last piece counted to the end of the disk only. */
  get bytes(): number {
    const whole = this.count * this.granularity;
    const tail = this.pieces * this.granularity - this.length;
    return this.pieces > 0 && this.isDirty(this.length - 1) ? whole - tail : whole;
  }
}
