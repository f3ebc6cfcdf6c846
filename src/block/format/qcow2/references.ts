/**
 * Counts who refers to which host cluster: the truth that refcounts are compared with.
 *
 * Every table is read once however often it is referred to, so the work is bounded by the size of
 * the file and not by what a hostile image claims.
 */

import { Counts } from './counts.ts';
import { COPIED, compressedPlace, entryHex, entryOffset, isCopied, kindOf } from './entry.ts';
import { view } from './layout.ts';
import type { Qcow2Node } from './node.ts';
import type { Snapshot } from './snapshots.ts';

const MAX_COUNT = 0xffff;

export interface L1Root {
  /** Undefined for a table that has no place yet. */
  readonly offset: number | undefined;
  readonly length: number;
  /** Read each time it is needed: an image may have many snapshots. */
  readonly entries: () => DataView | Promise<DataView>;
  /** How many owners this very table has. */
  readonly times: number;
  readonly active: boolean;
}

export class References {
  readonly counts: Counts;
  readonly messages: string[] = [];
  corruptions = 0;
  allocated = 0;
  fragmented = 0;
  compressed = 0;
  /** References to each L2 table, by its cluster. */
  private readonly l2Times: Counts;
  /** L2 tables of the disk that the guest sees now. */
  private readonly activeL2: Counts;
  private readonly seenL2: Counts;
  private readonly clusterSize: number;

  constructor(private readonly node: Qcow2Node) {
    this.clusterSize = node.metadata.clusterSize;
    const end = Math.max(node.metadata.highWater, node.file.length);
    const clusters = Math.ceil(end / this.clusterSize) + 1;
    this.counts = new Counts(clusters);
    this.l2Times = new Counts(clusters);
    this.activeL2 = new Counts(clusters);
    this.seenL2 = new Counts(clusters);
  }

  problem(text: string): void {
    this.corruptions++;
    this.messages.push(text);
  }

  /** Counts `times` references to every cluster of a range. False when it is outside the file. */
  add(offset: number, length: number, times = 1): boolean {
    if (length === 0) return true;
    const first = Math.floor(offset / this.clusterSize);
    const last = Math.floor((offset + length - 1) / this.clusterSize);
    if (last >= this.counts.length) return false;
    for (let c = first; c <= last; c++) {
      this.counts.set(c, Math.min(MAX_COUNT, this.counts.get(c) + times));
    }
    return true;
  }

  /** L1 tables, each with the L2 tables and clusters behind it. */
  async addRoots(roots: readonly L1Root[]): Promise<void> {
    const inside: L1Root[] = [];
    for (const root of roots) {
      if (root.offset !== undefined && !this.add(root.offset, root.length, root.times)) {
        this.problem(`ERROR: L1 table at 0x${root.offset.toString(16)} is outside the image`);
        continue;
      }
      inside.push(root);
      this.addL1(root, await root.entries());
    }
    for (const root of inside) await this.addTables(await root.entries());
  }

  private addL1(root: L1Root, entries: DataView): void {
    for (let at = 0; at < entries.byteLength; at += 8) {
      const offset = entryOffset(entries.getUint32(at), entries.getUint32(at + 4));
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
      if (root.active) this.activeL2.set(cluster, 1);
      this.l2Times.set(cluster, this.l2Times.get(cluster) + root.times);
    }
  }

  private async addTables(entries: DataView): Promise<void> {
    for (let at = 0; at < entries.byteLength; at += 8) {
      const offset = entryOffset(entries.getUint32(at), entries.getUint32(at + 4));
      const cluster = offset / this.clusterSize;
      const times = this.l2Times.get(cluster);
      if (times === 0 || this.seenL2.get(cluster) !== 0) continue;
      this.seenL2.set(cluster, 1);
      this.node.metadata.trim();
      await this.addL2(offset, times);
    }
  }

  private async addL2(tableOffset: number, times: number): Promise<void> {
    const { data } = await this.node.metadata.table(tableOffset);
    const active = this.activeL2.get(tableOffset / this.clusterSize) !== 0;
    let next = 0;
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
      if (offset === 0) continue;
      if (offset % this.clusterSize !== 0) {
        const where = `offset=${offset.toString(16)}`;
        this.problem(`ERROR ${where}: Cluster is not properly aligned; L2 entry corrupted.`);
        continue;
      }
      if (active && kindOf(high, low) === 'normal') {
        this.allocated++;
        if (next !== 0 && offset !== next) this.fragmented++;
        next = offset + this.clusterSize;
      }
      if (!this.add(offset, this.clusterSize, times)) {
        this.problem(`ERROR: invalid cluster offset=0x${offset.toString(16)}`);
      }
    }
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
    for (let i = 0; i < metadata.header.l1Size; i++) {
      const high = metadata.l1.getUint32(i * 8);
      const low = metadata.l1.getUint32(i * 8 + 4);
      const offset = entryOffset(high, low);
      if (this.activeL2.get(offset / this.clusterSize) === 0) continue;
      metadata.trim();
      const refs = await count(offset / this.clusterSize);
      if ((refs === 1) !== isCopied(high)) {
        wrong++;
        const entry = `l1_index=${i} l1_entry=${entryHex(high, low)} refcount=${refs}`;
        this.messages.push(`${word} OFLAG_COPIED L2 cluster: ${entry}`);
        if (fix) metadata.setL1(i, offset, refs === 1 ? COPIED : 0);
      }
      wrong += await this.checkCopiedL2(offset, count, word);
    }
    return wrong;
  }

  private async checkCopiedL2(
    tableOffset: number,
    count: (cluster: number) => Promise<number> | number,
    word: string,
  ): Promise<number> {
    const { metadata } = this.node;
    const table = await metadata.table(tableOffset);
    let wrong = 0;
    for (let at = 0; at < table.data.byteLength; at += 8) {
      const high = table.data.getUint32(at);
      const low = table.data.getUint32(at + 4);
      const offset = entryOffset(high, low);
      const kind = kindOf(high, low);
      if (offset === 0 || (kind !== 'normal' && kind !== 'zero')) continue;
      if (offset % this.clusterSize !== 0) continue;
      const answer = count(offset / this.clusterSize);
      const refs = typeof answer === 'number' ? answer : await answer;
      if ((refs === 1) === isCopied(high)) continue;
      wrong++;
      const entry = `l2_entry=${entryHex(high, low)} refcount=${refs}`;
      this.messages.push(`${word} OFLAG_COPIED data cluster: ${entry}`);
      if (word !== 'Repairing') continue;
      table.data.setUint32(at, ((high & 0x7fffffff) | (refs === 1 ? COPIED : 0)) >>> 0);
      metadata.markDirty(table);
    }
    return wrong;
  }
}

/** The L1 tables of an image: the active one and the snapshots'. */
export function rootsOf(node: Qcow2Node, snapshots: readonly Snapshot[]): L1Root[] {
  const { header, l1 } = node.metadata;
  const active = { length: l1.byteLength, entries: () => l1, times: 1, active: true };
  const roots: L1Root[] = [{ offset: header.l1Offset, ...active }];
  const seen = new Map<string, Snapshot>();
  const times = new Map<string, number>();
  for (const snapshot of snapshots) {
    const key = `${snapshot.l1Offset} ${snapshot.l1Size}`;
    seen.set(key, snapshot);
    times.set(key, (times.get(key) ?? 0) + 1);
  }
  for (const [key, snapshot] of seen) roots.push(snapshotRoot(node, snapshot, times.get(key) ?? 1));
  return roots;
}

export function snapshotRoot(node: Qcow2Node, snapshot: Snapshot, times: number): L1Root {
  return {
    offset: snapshot.l1Offset,
    length: l1Fits(node, snapshot) ? snapshot.l1Size * 8 : 0,
    entries: () => readL1(node, snapshot),
    times,
    active: false,
  };
}

function l1Fits(node: Qcow2Node, { l1Offset, l1Size }: Snapshot): boolean {
  return l1Offset + l1Size * 8 <= node.metadata.highWater + node.metadata.clusterSize;
}

/** A snapshot's L1 table; an empty one when it cannot be where it is said to be. */
export async function readL1(node: Qcow2Node, snapshot: Snapshot): Promise<DataView> {
  const bytes = new Uint8Array(l1Fits(node, snapshot) ? snapshot.l1Size * 8 : 0);
  if (bytes.length > 0) await node.file.read(snapshot.l1Offset, bytes);
  return view(bytes);
}
