/**
 * Which host clusters hold metadata: guest data must never be written there, whatever a corrupt
 * table says. Its size follows what there is of metadata, wherever in the file that lies.
 */

import { Counts } from './counts.ts';

export class MetadataMap {
  private readonly marks = new Counts(0);

  constructor(private readonly clusterBits: number) {}

  add(offset: number, length: number): void {
    this.marks.fill(this.first(offset), this.count(offset, length), 1);
  }

  remove(offset: number, length: number): void {
    this.marks.fill(this.first(offset), this.count(offset, length), 0);
  }

  overlaps(offset: number, length: number): boolean {
    const first = this.first(offset);
    const end = first + this.count(offset, length);
    return this.marks.nextUsed(first, end) < end;
  }

  private first(offset: number): number {
    return Math.floor(offset / 2 ** this.clusterBits);
  }

  private count(offset: number, length: number): number {
    return Math.ceil((offset + length) / 2 ** this.clusterBits) - this.first(offset);
  }
}
