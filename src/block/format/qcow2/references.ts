/**
 * Counts who refers to which host cluster: the truth that refcounts are compared with.
 *
 * Every table is read once however often it is referred to, so the work is bounded by the size of
 * the file and not by what a hostile image claims.
 */

import { Counts } from './counts.ts';
import { COPIED, compressedPlace, entryHex, entryOffset, isCopied, kindOf } from './entry.ts';
import type { L1Source } from './l1-source.ts';
import { isL1Inside, storedL1, tableL1 } from './l1-source.ts';
import type { Qcow2Node } from './node.ts';
import type { L1Place, SnapshotTable } from './snapshots.ts';

const MAX_COUNT = 0xffff;

const SEEN = 1;
const ACTIVE = 2;
const ONE = 4;

/** Upper and lower word of a mask. */
type Bits = readonly [number, number];
const L1_RESERVED: Bits = [0x7f000000, 0x1ff];
const ALL_RESERVED: Bits = [0xff000000, 0x1ff];
const L2_RESERVED: Bits = [0x3f000000, 0x1fe];

export interface L1Root extends L1Source {
  /** Undefined for a table that has no place yet. */
  readonly offset: number | undefined;
  /** How many owners this very table has. */
  readonly times: number;
  readonly active: boolean;
  /** It is not where the file has anything. */
  readonly isOutside: boolean;
}

export class References {
  readonly counts: Counts;
  corruptions = 0;
  /** What does no harm to counting: entries with bits that mean nothing. */
  flaws = 0;
  firstProblem: string | undefined;
  allocated = 0;
  fragmented = 0;
  compressed = 0;
  /** Of each L2 table, by its cluster: the number of references times ONE, and flags. */
  private readonly l2: Counts;
  private readonly clusterSize: number;
  /** Clusters that the file has. */
  private readonly end: number;

  /** `say` is told what is wrong, line by line. */
  constructor(
    private readonly node: Qcow2Node,
    readonly say: (line: string) => void,
  ) {
    this.clusterSize = node.metadata.clusterSize;
    const end = Math.max(node.metadata.highWater, node.file.length);
    const clusters = Math.ceil(end / this.clusterSize);
    this.end = clusters;
    this.counts = new Counts(clusters);
    this.l2 = new Counts(clusters);
  }

  problem(text: string): void {
    this.corruptions++;
    this.firstProblem ??= text;
    this.say(text);
  }

  /** Counts `times` references to every cluster of a range. False when it is outside the file. */
  add(offset: number, length: number, times = 1): boolean {
    if (length === 0) return true;
    if (!this.isInside(offset, length)) return false;
    const first = Math.floor(offset / this.clusterSize);
    const last = Math.floor((offset + length - 1) / this.clusterSize);
    this.counts.add(first, last + 1 - first, times, MAX_COUNT);
    return true;
  }

  private isInside(offset: number, length: number): boolean {
    return Math.floor((offset + length - 1) / this.clusterSize) < this.end;
  }

  /** References to a table, which is to be there. */
  addNamed(what: string, offset: number, length: number): void {
    if (this.add(offset, length)) return;
    this.problem(`ERROR: ${what} at 0x${offset.toString(16)} is outside the image`);
  }

  /** L1 tables, each with the L2 tables and clusters behind it; gone through twice. */
  async addRoots(roots: Iterable<L1Root>): Promise<void> {
    for (const root of roots) {
      const { offset, length, times } = root;
      if (!this.isThere(root)) {
        this.problem(`ERROR: L1 table at 0x${offset?.toString(16)} is outside the image`);
        continue;
      }
      if (offset !== undefined) this.add(offset, length, times);
      await eachPiece(root, entries => this.addL1(root, entries));
    }
    for (const root of roots) {
      if (this.isThere(root)) await eachPiece(root, entries => this.addTables(entries));
    }
  }

  private isThere({ isOutside, offset, length }: L1Root): boolean {
    return !isOutside && (offset === undefined || length === 0 || this.isInside(offset, length));
  }

  private addL1(root: L1Root, entries: DataView): void {
    for (let at = 0; at < entries.byteLength; at += 8) {
      const high = entries.getUint32(at);
      const low = entries.getUint32(at + 4);
      const offset = entryOffset(high, low);
      // A flag without a table means nothing.
      this.checkReserved('l1', high, low, offset === 0 ? ALL_RESERVED : L1_RESERVED);
      if (offset === 0) continue;
      if (offset % this.clusterSize !== 0) {
        const where = `l2_offset=${offset.toString(16)}`;
        this.problem(`ERROR ${where}: Table is not cluster aligned; L1 entry corrupted`);
        continue;
      }
      if (!this.add(offset, this.clusterSize, root.times)) {
        this.problem(`ERROR: invalid cluster offset=0x${offset.toString(16)}`);
        continue;
      }
      const cluster = offset / this.clusterSize;
      const flags = root.active ? ACTIVE : 0;
      const known = this.l2.get(cluster);
      const times = Math.min(MAX_COUNT, Math.floor(known / ONE) + root.times);
      this.l2.set(cluster, times * ONE + ((known | flags) % ONE));
    }
  }

  /** Bits that mean nothing. */
  private checkReserved(what: string, high: number, low: number, [upper, lower]: Bits): void {
    if ((high & upper) === 0 && (low & lower) === 0) return;
    this.flaws++;
    this.say(`ERROR found ${what} entry with reserved bits set: ${entryHex(high, low)}`);
  }

  /** Is this L2 table one of the disk that the guest sees now? */
  private isActive(offset: number): boolean {
    return (this.l2.get(offset / this.clusterSize) & ACTIVE) !== 0;
  }

  private async addTables(entries: DataView): Promise<void> {
    for (let at = 0; at < entries.byteLength; at += 8) {
      const offset = entryOffset(entries.getUint32(at), entries.getUint32(at + 4));
      const cluster = offset / this.clusterSize;
      const known = this.l2.get(cluster);
      if (known === 0 || (known & SEEN) !== 0) continue;
      this.l2.set(cluster, known | SEEN);
      await this.addL2(offset, Math.floor(known / ONE));
    }
  }

  private async addL2(tableOffset: number, times: number): Promise<void> {
    const { data } = await this.node.metadata.glance(tableOffset);
    const active = this.isActive(tableOffset);
    let next = 0;
    // Clusters that lie one after the other are counted together.
    let start = 0;
    let end = 0;
    for (let at = 0; at < data.byteLength; at += 8) {
      const high = data.getUint32(at);
      const low = data.getUint32(at + 4);
      if (high === 0 && low === 0) continue;
      if (kindOf(high, low) === 'compressed') {
        this.addCompressed(high, low, times);
        if (active) {
          this.allocated++;
          this.compressed++;
          this.fragmented++;
        }
        continue;
      }
      const offset = entryOffset(high, low);
      this.checkReserved('l2', high, low, L2_RESERVED);
      if (offset === 0) continue;
      if (offset % this.clusterSize !== 0) {
        const where = `offset=${offset.toString(16)}`;
        this.problem(`ERROR ${where}: Cluster is not properly aligned; L2 entry corrupted.`);
        continue;
      }
      if (active) {
        this.allocated++;
        if (next !== 0 && offset !== next) this.fragmented++;
        next = offset + this.clusterSize;
      }
      if (!this.isInside(offset, this.clusterSize)) {
        this.problem(`ERROR: invalid cluster offset=0x${offset.toString(16)}`);
        continue;
      }
      if (offset !== end) {
        this.add(start, end - start, times);
        start = offset;
      }
      end = offset + this.clusterSize;
    }
    this.add(start, end - start, times);
  }

  private addCompressed(high: number, low: number, times: number): void {
    const { clusterBits } = this.node.metadata.header;
    const place = compressedPlace(high, low, clusterBits);
    if (isCopied(high)) {
      const sector = Math.floor(place.offset / 512).toString(16);
      this.problem(
        `ERROR: cluster 0x${sector}: copied flag must never be set for compressed clusters`,
      );
    }
    if (!this.add(place.offset, place.length, times)) {
      this.problem(`ERROR: invalid cluster offset=0x${place.offset.toString(16)}`);
    }
  }

  /** Compares the flags of the active tables with counts; `fix` repairs them in memory. */
  async checkCopied(
    count: (cluster: number) => Promise<number> | number,
    fix: boolean,
  ): Promise<number> {
    const { metadata } = this.node;
    const word = fix ? 'Repairing' : 'ERROR';
    let wrong = 0;
    await metadata.l1.scan(async ({ first, data }) => {
      for (let at = 0; at < data.byteLength; at += 8) {
        const high = data.getUint32(at);
        const low = data.getUint32(at + 4);
        const offset = entryOffset(high, low);
        if (offset === 0 || !this.isActive(offset)) continue;
        if (fix && metadata.isFull) await metadata.makeRoom();
        const refs = await count(offset / this.clusterSize);
        if ((refs === 1) !== isCopied(high)) {
          wrong++;
          const index = first + at / 8;
          const entry = `l1_index=${index} l1_entry=${entryHex(high, low)} refcount=${refs}`;
          this.say(`${word} OFLAG_COPIED L2 cluster: ${entry}`);
          if (fix) await metadata.setL1(index, offset, refs === 1 ? COPIED : 0);
        }
        wrong += await this.checkCopiedL2(offset, count, word);
      }
    });
    return wrong;
  }

  private async checkCopiedL2(
    tableOffset: number,
    count: (cluster: number) => Promise<number> | number,
    word: string,
  ): Promise<number> {
    const { metadata } = this.node;
    const fix = word === 'Repairing';
    const table = fix ? await metadata.table(tableOffset) : undefined;
    const { data } = table ?? (await metadata.glance(tableOffset));
    let wrong = 0;
    for (let at = 0; at < data.byteLength; at += 8) {
      const high = data.getUint32(at);
      const low = data.getUint32(at + 4);
      const offset = entryOffset(high, low);
      const kind = kindOf(high, low);
      if (offset === 0 || (kind !== 'normal' && kind !== 'zero')) continue;
      if (offset % this.clusterSize !== 0) continue;
      const answer = count(offset / this.clusterSize);
      const refs = typeof answer === 'number' ? answer : await answer;
      if ((refs === 1) === isCopied(high)) continue;
      wrong++;
      const entry = `l2_entry=${entryHex(high, low)} refcount=${refs}`;
      this.say(`${word} OFLAG_COPIED data cluster: ${entry}`);
      if (table === undefined) continue;
      data.setUint32(at, ((high & 0x7fffffff) | (refs === 1 ? COPIED : 0)) >>> 0);
      metadata.markDirty(table);
    }
    return wrong;
  }
}

/** The L1 tables of an image: the active one and the snapshots'. */
export function rootsOf(node: Qcow2Node): Iterable<L1Root> {
  const { header, l1 } = node.metadata;
  const active = { offset: header.l1Offset, times: 1, active: true, isOutside: false };
  const owners = ownersOf(node.snapshots);
  return {
    *[Symbol.iterator]() {
      yield { ...tableL1(l1), ...active };
      let index = 0;
      for (const place of node.snapshots.l1Places()) {
        const times = owners[index++];
        if (times > 0) yield snapshotRoot(node, place, times);
      }
    },
  };
}

/** For the first snapshot of those that share an L1 table, how many they are; 0 for the others. */
function ownersOf(snapshots: SnapshotTable): Uint32Array {
  const { count } = snapshots;
  const order = Uint32Array.from({ length: count }, (_, index) => index);
  const differ = (a: number, b: number): number => {
    const [one, other] = [snapshots.l1Place(a), snapshots.l1Place(b)];
    return one.l1Offset - other.l1Offset || one.l1Size - other.l1Size;
  };
  order.sort((a, b) => differ(a, b) || a - b);
  const owners = new Uint32Array(count);
  for (let i = 0, first = 0; i < count; i++) {
    if (differ(order[first], order[i]) !== 0) first = i;
    owners[order[first]]++;
  }
  return owners;
}

export function snapshotRoot(node: Qcow2Node, place: L1Place, times: number): L1Root {
  const table = storedL1(node, place);
  const isOutside = !isL1Inside(node, place);
  return { ...table, offset: place.l1Offset, times, active: false, isOutside };
}

async function eachPiece(
  root: L1Root,
  visit: (entries: DataView) => void | Promise<void>,
): Promise<void> {
  for (let at = 0; at < root.length; ) {
    const entries = await root.piece(at);
    await visit(entries);
    at += entries.byteLength;
  }
}
