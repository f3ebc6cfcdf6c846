/**
 * Changes that touch refcounts everywhere (snapshots, repairs) in one atomic step.
 *
 * All new tables are written to clusters that are free both before and after: L2 tables whose
 * COPIED flags change, the L1 tables, the snapshot table, and a complete new set of refcounts. A
 * single write of the header's first sector then switches from the old world to the new. Either
 * world is consistent by itself, so a power cut never shows a mixture, nor a leak.
 */

import { BlockError } from '../../backend.ts';
import { COPIED, entryOffset, isCopied, kindOf } from './entry.ts';
import { set64, view } from './layout.ts';
import type { Qcow2Node } from './node.ts';
import { type L1Root, References, readL1 } from './references.ts';
import { type Snapshot, serializeSnapshots } from './snapshots.ts';

/** What the image shall be afterwards. `l1Offset` of a snapshot with `l1` is not yet known. */
export interface NewWorld {
  /** Entries of the active L1 table; flags are put right here. */
  readonly l1: DataView;
  readonly size: number;
  readonly snapshots: readonly (Snapshot & { readonly l1?: DataView })[];
}

export async function switchTo(node: Qcow2Node, world: NewWorld): Promise<void> {
  await node.metadata.commit();
  if (node.metadata.dirty) await node.metadata.commit();
  const shadow = new Shadow(node, await oldCounts(node));
  await shadow.build(world);
}

/** New refcounts from the references; everything else stays where it is. */
export async function rebuildRefcounts(node: Qcow2Node, references: References): Promise<void> {
  const shadow = new Shadow(node, references.counts.slice());
  await shadow.refcountsOnly(references);
}

/** Refcounts as they are on disk. */
async function oldCounts(node: Qcow2Node): Promise<Uint16Array> {
  const { metadata, refcounts } = node;
  const clusters = Math.ceil(metadata.highWater / metadata.clusterSize);
  const counts = new Uint16Array(clusters);
  for (let c = 0; c < clusters; c++) counts[c] = await refcounts.get(c);
  return counts;
}

class Shadow {
  private readonly size: number;
  private readonly writes: { readonly offset: number; readonly bytes: Uint8Array }[] = [];
  private counts: Uint16Array = new Uint16Array(0);
  private taken = 0;
  /** How often the L1 tables that get a new place refer to each L2 table. */
  private readonly movingL2 = new Map<number, number>();

  constructor(
    private readonly node: Qcow2Node,
    /** Clusters in use now: not to be written to. */
    private readonly old: Uint16Array,
  ) {
    this.size = node.metadata.clusterSize;
  }

  async build(world: NewWorld): Promise<void> {
    const { header } = this.node.metadata;
    const references = await this.count(world);
    this.counts = references.counts;
    const replaced = await this.newL2Tables(world.l1);
    const active = this.placeL1(world.l1, replaced, true);
    const snapshots = world.snapshots.map(({ l1, ...snapshot }): Snapshot => {
      if (l1 === undefined) return snapshot;
      return { ...snapshot, l1Offset: this.placeL1(l1, replaced, false) };
    });
    const table = serializeSnapshots(snapshots);
    const snapshotsOffset = snapshots.length === 0 ? 0 : this.place(table);
    const refcounts = this.placeRefcounts();
    await this.flushWrites();
    header.l1Offset = active;
    header.l1Size = world.l1.byteLength / 8;
    header.size = world.size;
    header.snapshotCount = snapshots.length;
    header.snapshotsOffset = snapshotsOffset;
    header.reftableOffset = refcounts.offset;
    header.reftableClusters = refcounts.clusters;
    await this.node.switched(snapshots);
  }

  async refcountsOnly(references: References): Promise<void> {
    const { header, clusterSize } = this.node.metadata;
    this.counts = references.counts.slice();
    const first = header.reftableOffset / clusterSize;
    for (let i = 0; i < header.reftableClusters; i++) this.drop(first + i);
    const entries = header.reftableClusters * (clusterSize / 8);
    for (let i = 0; i < entries; i++) this.drop(this.node.metadata.reftableEntry(i) / clusterSize);
    const refcounts = this.placeRefcounts();
    await this.flushWrites();
    header.reftableOffset = refcounts.offset;
    header.reftableClusters = refcounts.clusters;
    await this.node.switched(this.node.snapshots);
  }

  private drop(cluster: number): void {
    if (Number.isInteger(cluster) && cluster > 0 && this.counts[cluster] > 0) {
      this.counts[cluster]--;
    }
  }

  /** References of the new world, its new tables not included. */
  private async count(world: NewWorld): Promise<References> {
    const references = new References(this.node);
    references.add(0, this.size);
    const roots: L1Root[] = [{ offset: undefined, entries: world.l1, times: 1, active: true }];
    this.noteL2(world.l1);
    for (const snapshot of world.snapshots) {
      const moving = snapshot.l1 !== undefined;
      const entries = snapshot.l1 ?? (await readL1(this.node, snapshot));
      if (moving) this.noteL2(entries);
      const offset = moving ? undefined : snapshot.l1Offset;
      roots.push({ offset, entries, times: 1, active: false });
    }
    await references.addRoots(roots);
    if (references.corruptions > 0) {
      await this.node.metadata.corruption(references.messages[0] ?? 'broken tables');
    }
    if (references.counts.some(c => c === 0xffff)) {
      throw new BlockError('EINVAL', 'Invalid argument');
    }
    return references;
  }

  /** L2 tables whose flags no longer fit get copies; resolves with old offset → new offset. */
  private async newL2Tables(l1: DataView): Promise<Map<number, number>> {
    const replaced = new Map<number, number>();
    for (let at = 0; at < l1.byteLength; at += 8) {
      const offset = entryOffset(l1.getUint32(at), l1.getUint32(at + 4));
      if (offset === 0 || replaced.has(offset)) continue;
      const { bytes } = await this.node.metadata.table(offset);
      const fixed = this.withFlags(bytes);
      if (fixed === undefined) continue;
      // Tables of older snapshots keep pointing to the old one: those are not rewritten.
      const times = this.movingL2.get(offset) ?? 1;
      const place = this.place(fixed);
      this.counts[place / this.size] = times;
      this.counts[offset / this.size] -= times;
      replaced.set(offset, place);
    }
    return replaced;
  }

  private noteL2(l1: DataView): void {
    for (let at = 0; at < l1.byteLength; at += 8) {
      const offset = entryOffset(l1.getUint32(at), l1.getUint32(at + 4));
      if (offset !== 0) this.movingL2.set(offset, (this.movingL2.get(offset) ?? 0) + 1);
    }
  }

  /** A copy of an L2 table with right COPIED flags; undefined when they are right already. */
  private withFlags(table: Uint8Array): Uint8Array | undefined {
    const data = view(table);
    let fixed: DataView | undefined;
    for (let at = 0; at < table.length; at += 8) {
      const high = data.getUint32(at);
      const low = data.getUint32(at + 4);
      const offset = entryOffset(high, low);
      if (offset === 0 || kindOf(high, low) === 'compressed') continue;
      const alone = this.counts[offset / this.size] === 1;
      if (alone === isCopied(high)) continue;
      fixed ??= view(table.slice());
      fixed.setUint32(at, ((high & 0x7fffffff) | (alone ? COPIED : 0)) >>> 0);
    }
    return fixed === undefined ? undefined : new Uint8Array(fixed.buffer);
  }

  private placeL1(l1: DataView, replaced: Map<number, number>, active: boolean): number {
    const bytes = new Uint8Array(l1.byteLength);
    const data = view(bytes);
    for (let at = 0; at < l1.byteLength; at += 8) {
      const old = entryOffset(l1.getUint32(at), l1.getUint32(at + 4));
      const offset = replaced.get(old) ?? old;
      const alone = active && offset !== 0 && this.counts[offset / this.size] === 1;
      set64(data, at, offset);
      data.setUint32(at, (data.getUint32(at) | (alone ? COPIED : 0)) >>> 0);
    }
    return this.place(bytes);
  }

  /** Puts bytes into clusters that are free in both worlds. */
  private place(bytes: Uint8Array): number {
    const count = Math.max(1, Math.ceil(bytes.length / this.size));
    const first = this.take(count);
    this.writes.push({ offset: first * this.size, bytes });
    return first * this.size;
  }

  private take(count: number): number {
    let run = 0;
    let at = this.taken;
    for (; run < count; at++) run = this.isFree(at) ? run + 1 : 0;
    const first = at - count;
    if (at > this.counts.length) {
      const grown = new Uint16Array(Math.max(at, Math.ceil(this.counts.length * 1.1)));
      grown.set(this.counts);
      this.counts = grown;
    }
    for (let i = 0; i < count; i++) this.counts[first + i] = 1;
    if (count === 1) this.taken = at;
    return first;
  }

  private isFree(cluster: number): boolean {
    return (this.old[cluster] ?? 0) === 0 && (this.counts[cluster] ?? 0) === 0;
  }

  /** All refcounts anew, with blocks only where something is counted. */
  private placeRefcounts(): { readonly offset: number; readonly clusters: number } {
    const perBlock = this.size / 2;
    const blocks = new Map<number, number>();
    let table: { first: number; clusters: number } | undefined;
    for (;;) {
      const needed = this.nonZeroBlocks(perBlock);
      for (const index of needed) if (!blocks.has(index)) blocks.set(index, this.take(1));
      const highest = Math.max(...this.nonZeroBlocks(perBlock));
      const clusters = Math.ceil(((highest + 1) * 8) / this.size);
      if (table === undefined || table.clusters < clusters) {
        if (table !== undefined) {
          for (let i = 0; i < table.clusters; i++) this.counts[table.first + i] = 0;
        }
        table = { clusters, first: this.take(clusters) };
      }
      if (this.nonZeroBlocks(perBlock).every(index => blocks.has(index))) break;
    }
    const bytes = new Uint8Array(table.clusters * this.size);
    for (const [index, cluster] of blocks) {
      set64(view(bytes), index * 8, cluster * this.size);
      const block = new Uint8Array(this.size);
      const data = view(block);
      for (let i = 0; i < perBlock; i++) {
        data.setUint16(i * 2, this.counts[index * perBlock + i] ?? 0);
      }
      this.writes.push({ offset: cluster * this.size, bytes: block });
    }
    this.writes.push({ offset: table.first * this.size, bytes });
    return { offset: table.first * this.size, clusters: table.clusters };
  }

  private nonZeroBlocks(perBlock: number): number[] {
    const found: number[] = [];
    for (let start = 0; start < this.counts.length; start += perBlock) {
      const part = this.counts.subarray(start, start + perBlock);
      if (part.some(c => c !== 0)) found.push(start / perBlock);
    }
    return found;
  }

  private async flushWrites(): Promise<void> {
    for (const { offset, bytes } of this.writes) {
      await this.node.metadata.writeAt(offset, bytes);
    }
    await this.node.file.flush();
  }
}
