/**
 * What a disk may hold after the power went: every sector is one byte repeated.
 */
import type { BlockNode } from '../../src/block/node.ts';

const SECTOR = 512;

/**
 * What each sector may read as after a cut: the value that was flushed, or any written since.
 * Sector values are one byte repeated.
 */
export class Expectation {
  readonly flushed: Uint8Array;
  readonly now: Uint8Array;
  readonly since: Map<number, Set<number>> = new Map();

  constructor(sectors: number) {
    this.flushed = new Uint8Array(sectors);
    this.now = new Uint8Array(sectors);
  }

  write(sector: number, count: number, value: number): void {
    for (let s = sector; s < sector + count; s++) {
      const seen = this.since.get(s) ?? new Set();
      seen.add(value);
      this.since.set(s, seen);
      this.now[s] = value;
    }
  }

  /** A value that the sector may have from now on, beside the one it has. */
  mayBecome(sector: number, value: number): void {
    const seen = this.since.get(sector) ?? new Set();
    this.since.set(sector, seen.add(value).add(this.now[sector]));
  }

  /** Takes what the image says now for the truth. */
  async readBack(node: BlockNode, sector: number, count: number): Promise<void> {
    const bytes = new Uint8Array(count * SECTOR);
    await node.read(sector * SECTOR, bytes);
    for (let i = 0; i < count; i++) this.now[sector + i] = bytes[i * SECTOR];
  }

  flush(): void {
    this.flushed.set(this.now);
    this.since.clear();
  }

  allows(sector: number, value: number): boolean {
    return this.flushed[sector] === value || this.since.get(sector)?.has(value) === true;
  }
}

/** Throws when a sector reads as something that it cannot be. */
export async function expectData(
  node: BlockNode,
  expected: Expectation,
  seed: number,
): Promise<void> {
  const bytes = new Uint8Array(node.length);
  await node.read(0, bytes);
  for (let s = 0; s < bytes.length / SECTOR; s++) {
    const sector = bytes.subarray(s * SECTOR, (s + 1) * SECTOR);
    const value = sector[0];
    if (!sector.every(b => b === value) || !expected.allows(s, value)) {
      const was = `flushed ${expected.flushed[s]}, since ${[...(expected.since.get(s) ?? [])]}`;
      throw new Error(`SEED=${seed}: sector ${s} reads ${value}; ${was}`);
    }
  }
}
