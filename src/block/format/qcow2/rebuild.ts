/**
 * Changes that touch refcounts everywhere (snapshots, repairs) in one atomic step.
 *
 * All new tables are written to clusters that are free both before and after: L2 tables whose
 * COPIED flags change, the L1 tables, the snapshot table, and a complete new set of refcounts. A
 * single write of the header's first sector then switches from the old world to the new. Either
 * world is consistent by itself, so a power cut never shows a mixture, nor a leak.
 */

import { BlockError } from '../../backend.ts';
import { Counts } from './counts.ts';
import { COPIED, entryOffset, isCopied, kindOf } from './entry.ts';
import { set64, view } from './layout.ts';
import type { Qcow2Node } from './node.ts';
import { l1Root, References, snapshotRoot } from './references.ts';
import { type Snapshot, serializeSnapshots } from './snapshots.ts';

/**
 * What the image shall be afterwards; the tables given here are read only. `l1Offset` of a snapshot
 * with `l1` is not yet known.
 */
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
  const shadow = new Shadow(node, references.counts.copy());
  await shadow.refcountsOnly(references);
}

/** Refcounts as they are on disk. */
async function oldCounts(node: Qcow2Node): Promise<Counts> {
  const { metadata, refcounts } = node;
  const clusters = Math.ceil(metadata.highWater / metadata.clusterSize);
  const counts = new Counts(clusters);
  for (let first = 0; first < clusters; first += refcounts.perBlock) {
    const block = await refcounts.blockAt(first / refcounts.perBlock);
    if (block === undefined) continue;
    const end = Math.min(refcounts.perBlock, clusters - first);
    for (let i = 0; i < end; i++) {
      const count = block.getUint16(i * 2);
      if (count !== 0) counts.set(first + i, count);
    }
  }
  return counts;
}

/** L1 tables are written in pieces of so many bytes. */
const PIECE = 1024 * 1024;

class Shadow {
  private readonly size: number;
  private counts = new Counts(0);
  private taken = 0;
  /** How often the L1 tables that get a new place refer to each L2 table, by its cluster. */
  private readonly movingL2 = new Counts(0);

  constructor(
    private readonly node: Qcow2Node,
    /** Clusters in use now: not to be written to. */
    private readonly old: Counts,
  ) {
    this.size = node.metadata.clusterSize;
  }

  async build(world: NewWorld): Promise<void> {
    const { header } = this.node.metadata;
    const references = await this.count(world);
    this.counts = references.counts;
    const replaced = await this.newL2Tables(world.l1);
    const active = await this.placeL1(world.l1, replaced, true);
    const snapshots: Snapshot[] = [];
    for (const { l1, ...snapshot } of world.snapshots) {
      const l1Offset =
        l1 === undefined ? snapshot.l1Offset : await this.placeL1(l1, replaced, false);
      snapshots.push({ ...snapshot, l1Offset });
    }
    const table = serializeSnapshots(snapshots);
    const snapshotsOffset = snapshots.length === 0 ? 0 : await this.place(table);
    const refcounts = await this.placeRefcounts();
    await this.node.file.flush();
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
    this.counts = references.counts.copy();
    const first = header.reftableOffset / clusterSize;
    for (let i = 0; i < header.reftableClusters; i++) this.drop(first + i);
    const entries = header.reftableClusters * (clusterSize / 8);
    for (let i = 0; i < entries; i++) this.drop(this.node.metadata.reftableEntry(i) / clusterSize);
    const refcounts = await this.placeRefcounts();
    await this.node.file.flush();
    header.reftableOffset = refcounts.offset;
    header.reftableClusters = refcounts.clusters;
    await this.node.switched(this.node.snapshots);
  }

  private drop(cluster: number): void {
    if (!Number.isInteger(cluster) || cluster === 0) return;
    const count = this.counts.get(cluster);
    if (count > 0) this.counts.set(cluster, count - 1);
  }

  /** References of the new world, its new tables not included. */
  private async count(world: NewWorld): Promise<References> {
    const references = new References(this.node);
    references.add(0, this.size);
    const roots = [l1Root(undefined, world.l1, true)];
    this.noteL2(world.l1);
    for (const snapshot of world.snapshots) {
      if (snapshot.l1 === undefined) {
        roots.push(snapshotRoot(this.node, snapshot, 1));
      } else {
        this.noteL2(snapshot.l1);
        roots.push(l1Root(undefined, snapshot.l1, false));
      }
    }
    await references.addRoots(roots);
    if (references.corruptions > 0) {
      await this.node.metadata.corruption(references.messages[0] ?? 'broken tables');
    }
    if (references.counts.highest >= 0xffff) {
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
      const { bytes } = await this.node.metadata.glance(offset);
      const fixed = this.withFlags(bytes);
      if (fixed === undefined) continue;
      // Tables of older snapshots keep pointing to the old one: those are not rewritten.
      const times = this.movingL2.get(offset / this.size) || 1;
      const place = await this.place(fixed);
      this.counts.set(place / this.size, times);
      this.counts.set(offset / this.size, this.counts.get(offset / this.size) - times);
      replaced.set(offset, place);
    }
    return replaced;
  }

  private noteL2(l1: DataView): void {
    for (let at = 0; at < l1.byteLength; at += 8) {
      const offset = entryOffset(l1.getUint32(at), l1.getUint32(at + 4));
      const cluster = offset / this.size;
      if (offset !== 0) this.movingL2.set(cluster, this.movingL2.get(cluster) + 1);
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
      const alone = this.counts.get(offset / this.size) === 1;
      if (alone === isCopied(high)) continue;
      fixed ??= view(table.slice());
      fixed.setUint32(at, ((high & 0x7fffffff) | (alone ? COPIED : 0)) >>> 0);
    }
    return fixed === undefined ? undefined : new Uint8Array(fixed.buffer);
  }

  private async placeL1(
    l1: DataView,
    replaced: Map<number, number>,
    active: boolean,
  ): Promise<number> {
    // A disk of no size has no table.
    if (l1.byteLength === 0) return 0;
    const place = this.take(Math.ceil(l1.byteLength / this.size)) * this.size;
    for (let start = 0; start < l1.byteLength; start += PIECE) {
      const bytes = new Uint8Array(Math.min(PIECE, l1.byteLength - start));
      const data = view(bytes);
      for (let at = 0; at < bytes.length; at += 8) {
        const old = entryOffset(l1.getUint32(start + at), l1.getUint32(start + at + 4));
        if (old === 0) continue;
        const offset = replaced.get(old) ?? old;
        const alone = active && this.counts.get(offset / this.size) === 1;
        set64(data, at, offset);
        data.setUint32(at, (data.getUint32(at) | (alone ? COPIED : 0)) >>> 0);
      }
      await this.node.metadata.writeAt(place + start, bytes);
    }
    return place;
  }

  /** Writes bytes to clusters that are free in both worlds. */
  private async place(bytes: Uint8Array): Promise<number> {
    const offset = this.take(Math.max(1, Math.ceil(bytes.length / this.size))) * this.size;
    await this.node.metadata.writeAt(offset, bytes);
    return offset;
  }

  private take(count: number): number {
    let run = 0;
    let at = this.taken;
    for (; run < count; at++) run = this.isFree(at) ? run + 1 : 0;
    const first = at - count;
    for (let i = 0; i < count; i++) this.counts.set(first + i, 1);
    if (count === 1) this.taken = at;
    return first;
  }

  private isFree(cluster: number): boolean {
    return this.old.get(cluster) === 0 && this.counts.get(cluster) === 0;
  }

  /** All refcounts anew, with blocks only where something is counted. */
  private async placeRefcounts(): Promise<{ readonly offset: number; readonly clusters: number }> {
    const perBlock = this.size / 2;
    const blocks = new Map<number, number>();
    let table: { first: number; clusters: number } | undefined;
    for (;;) {
      const needed = this.counts.ranges(perBlock);
      for (const start of needed) if (!blocks.has(start)) blocks.set(start, this.take(1));
      const highest = (this.counts.ranges(perBlock).at(-1) ?? 0) / perBlock;
      const clusters = Math.ceil(((highest + 1) * 8) / this.size);
      if (table === undefined || table.clusters < clusters) {
        if (table !== undefined) {
          for (let i = 0; i < table.clusters; i++) this.counts.set(table.first + i, 0);
        }
        table = { clusters, first: this.take(clusters) };
      }
      if (this.counts.ranges(perBlock).every(start => blocks.has(start))) break;
    }
    const bytes = new Uint8Array(table.clusters * this.size);
    const block = new Uint8Array(this.size);
    const data = view(block);
    for (const [start, cluster] of blocks) {
      set64(view(bytes), (start / perBlock) * 8, cluster * this.size);
      for (let i = 0; i < perBlock; i++) data.setUint16(i * 2, this.counts.get(start + i));
      await this.node.metadata.writeAt(cluster * this.size, block);
    }
    await this.node.metadata.writeAt(table.first * this.size, bytes);
    return { offset: table.first * this.size, clusters: table.clusters };
  }
}
