/**
 * Changes that touch refcounts everywhere (snapshots, repairs) in one atomic step.
 *
 * All new tables are written to clusters that are free both before and after: L2 tables whose
 * COPIED flags change, the L1 tables, the snapshot table, and a complete new set of refcounts. A
 * single write of the header's first sector then switches from the old world to the new. Either
 * world is consistent by itself, so a power cut never shows a mixture, nor a leak.
 */

import { BlockError } from '../../backend.ts';
import { PAGE_BYTES } from '../paged-table.ts';
import { Counts } from './counts.ts';
import { COPIED, entryOffset, isCopied, kindOf } from './entry.ts';
import type { L1Source } from './l1-source.ts';
import { get64, MAX_REFTABLE_BYTES, set64, view } from './layout.ts';
import { eachEntry } from './mapping.ts';
import type { Qcow2Node } from './node.ts';
import { type L1Root, References, snapshotRoot } from './references.ts';
import type { SnapshotTable, TableChange } from './snapshots.ts';

/** What the image shall be afterwards; the tables given here are read only. */
export interface NewWorld {
  /** Entries of the active L1 table; flags are put right here. */
  readonly l1: L1Source;
  readonly size: number;
  /** Of a new one `l1Offset` is not yet known. */
  readonly snapshots: TableChange;
  /** Entries of a new snapshot's L1 table. */
  readonly newL1?: L1Source;
}

export async function switchTo(node: Qcow2Node, world: NewWorld): Promise<void> {
  await node.metadata.commit();
  if (node.metadata.dirty) await node.metadata.commit();
  node.snapshots.measure(world.snapshots);
  const shadow = new Shadow(node, await clustersInUse(node));
  await shadow.build(world);
}

/** New refcounts from the references, which are used up; everything else stays where it is. */
export async function rebuildRefcounts(node: Qcow2Node, references: References): Promise<void> {
  const shadow = new Shadow(node, references.counts.inUse());
  await shadow.refcountsOnly(references);
}

/** As the refcounts on disk say. */
async function clustersInUse(node: Qcow2Node): Promise<Counts> {
  const { metadata, refcounts } = node;
  const clusters = Math.ceil(metadata.highWater / metadata.clusterSize);
  const counts = new Counts(clusters);
  for (let first = 0; first < clusters; first += refcounts.perBlock) {
    const block = await refcounts.blockAt(first / refcounts.perBlock);
    if (block === undefined) continue;
    const end = Math.min(refcounts.perBlock, clusters - first);
    for (let i = 0; i < end; i++) {
      const start = i;
      while (i < end && block.getUint16(i * 2) !== 0) i++;
      if (i > start) counts.fill(first + start, i - start, 1);
    }
  }
  return counts;
}

/** An L1 table that gets a new place. */
interface Moving {
  readonly source: L1Source;
  readonly active: boolean;
  readonly place: number;
}

class Shadow {
  private readonly size: number;
  private counts = new Counts(0);
  private taken = 0;
  /** How often the L1 tables that get a new place refer to each L2 table, by its cluster. */
  private readonly movingL2 = new Counts(0);
  /** Where L2 tables went that one L1 table refers to more than once, as none should. */
  private readonly strays = new Map<number, number>();
  private readonly room = new Uint8Array(PAGE_BYTES);

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
    const active = this.placeFor(world.l1, true);
    const moving = [active];
    let change = world.snapshots;
    if (world.newL1 !== undefined && change.added !== undefined) {
      const added = this.placeFor(world.newL1, false);
      moving.push(added);
      change = { ...change, added: { ...change.added, l1Offset: added.place } };
    }
    await this.writeL1s(moving);
    const snapshots = await this.placeSnapshots(change);
    const refcounts = await this.placeRefcounts();
    await this.node.file.flush();
    header.l1Offset = active.place;
    header.l1Size = world.l1.length / 8;
    header.size = world.size;
    header.snapshotCount = snapshots.count;
    header.snapshotsOffset = snapshots.offset;
    header.reftableOffset = refcounts.offset;
    header.reftableClusters = refcounts.clusters;
    await this.node.switched(snapshots);
  }

  async refcountsOnly(references: References): Promise<void> {
    const { header, clusterSize, reftable } = this.node.metadata;
    this.counts = references.counts;
    const first = header.reftableOffset / clusterSize;
    for (let i = 0; i < header.reftableClusters; i++) this.drop(first + i);
    await reftable.scan(({ data }) => {
      for (let at = 0; at < data.byteLength; at += 8) this.drop(get64(data, at) / clusterSize);
    });
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
    const references = new References(this.node, () => {});
    references.add(0, this.size);
    const unplaced = (l1: L1Source, active: boolean): L1Root => ({
      ...l1,
      offset: undefined,
      times: 1,
      active,
      isOutside: false,
    });
    const roots = [unplaced(world.l1, true)];
    if (world.newL1 !== undefined) roots.push(unplaced(world.newL1, false));
    for (const root of roots) await this.noteL2(root);
    const { node } = this;
    await references.addRoots({
      *[Symbol.iterator]() {
        yield* roots;
        for (const place of node.snapshots.placesAfter(world.snapshots)) {
          yield snapshotRoot(node, place, 1);
        }
      },
    });
    if (references.corruptions > 0) {
      await this.node.metadata.corruption(references.firstProblem ?? 'broken tables');
    }
    if (references.counts.highest >= 0xffff) {
      throw new BlockError('EINVAL', 'Invalid argument');
    }
    return references;
  }

  private async noteL2(l1: L1Source): Promise<void> {
    for (let at = 0; at < l1.length; at += PAGE_BYTES) {
      eachEntry({ data: await l1.piece(at) }, offset => {
        if (offset !== 0) this.movingL2.add(Math.floor(offset / this.size), 1, 1, 0xffff);
      });
    }
  }

  private placeFor(source: L1Source, active: boolean): Moving {
    // A disk of no size has no table.
    if (source.length === 0) return { source, active, place: 0 };
    const clusters = Math.ceil(source.length / this.size);
    return { source, active, place: this.take(clusters) * this.size };
  }

  /** Writes the first table, the active one, and those that share L2 tables with it. */
  private async writeL1s(moving: readonly Moving[]): Promise<void> {
    const length = Math.max(...moving.map(({ source }) => source.length));
    const replaced = new Map<number, number>();
    for (let at = 0; at < length; at += PAGE_BYTES) {
      replaced.clear();
      for (const [old, place] of this.strays) replaced.set(old, place);
      const [active] = moving;
      if (at < active.source.length) {
        await this.newL2Tables(await active.source.piece(at), replaced, moving.length);
      }
      for (const table of moving) {
        if (at < table.source.length) await this.writePiece(table, at, replaced);
      }
    }
  }

  /** L2 tables whose flags no longer fit get copies; notes old offset → new offset. */
  private async newL2Tables(
    l1: DataView,
    replaced: Map<number, number>,
    moving: number,
  ): Promise<void> {
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
      if (times > moving) this.strays.set(offset, place);
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

  private async writePiece(
    { source, place, active }: Moving,
    start: number,
    replaced: Map<number, number>,
  ): Promise<void> {
    const l1 = await source.piece(start);
    const bytes = this.room.subarray(0, l1.byteLength);
    const data = view(bytes.fill(0));
    for (let at = 0; at < bytes.length; at += 8) {
      const old = entryOffset(l1.getUint32(at), l1.getUint32(at + 4));
      if (old === 0) continue;
      const offset = replaced.get(old) ?? old;
      const alone = active && this.counts.get(offset / this.size) === 1;
      set64(data, at, offset);
      data.setUint32(at, (data.getUint32(at) | (alone ? COPIED : 0)) >>> 0);
    }
    await this.node.metadata.writeAt(place + start, bytes);
  }

  /** Writes bytes to clusters that are free in both worlds. */
  private async place(bytes: Uint8Array): Promise<number> {
    const offset = this.take(Math.max(1, Math.ceil(bytes.length / this.size))) * this.size;
    await this.node.metadata.writeAt(offset, bytes);
    return offset;
  }

  private async placeSnapshots(change: TableChange): Promise<SnapshotTable> {
    const { node, size } = this;
    const { bytes } = node.snapshots.measure(change);
    const offset = bytes === 0 ? 0 : this.take(Math.ceil(bytes / size)) * size;
    return node.snapshots.rewrite(change, offset, (at, piece) => node.metadata.writeAt(at, piece));
  }

  private take(count: number): number {
    let first = this.freeFrom(this.taken);
    for (let at = first; at < first + count; at++) {
      if (this.isFree(at)) continue;
      first = this.freeFrom(at);
      at = first;
    }
    this.counts.fill(first, count, 1);
    if (count === 1) this.taken = first + 1;
    return first;
  }

  /** The first cluster from `start` on that is free in both worlds. */
  private freeFrom(start: number): number {
    let at = start;
    while (!this.isFree(at)) {
      const world = this.old.get(at) === 0 ? this.counts : this.old;
      at = world.runEnd(at, Number.MAX_SAFE_INTEGER);
    }
    return at;
  }

  private isFree(cluster: number): boolean {
    return this.old.get(cluster) === 0 && this.counts.get(cluster) === 0;
  }

  /** All refcounts anew, with blocks only where something is counted. */
  private async placeRefcounts(): Promise<{ readonly offset: number; readonly clusters: number }> {
    const { table, entries } = this.takeRefcounts();
    const perBlock = this.size / 2;
    const block = new Uint8Array(this.size);
    const data = view(block);
    for (let index = 0; index < entries.byteLength / 8; index++) {
      const offset = get64(entries, index * 8);
      if (offset === 0) continue;
      const start = index * perBlock;
      for (let i = 0; i < perBlock; i++) data.setUint16(i * 2, this.counts.get(start + i));
      await this.node.metadata.writeAt(offset, block);
    }
    const bytes = new Uint8Array(entries.buffer, 0, table.clusters * this.size);
    await this.node.metadata.writeAt(table.first * this.size, bytes);
    return { offset: table.first * this.size, clusters: table.clusters };
  }

  /** Places for all refcount blocks, as the refcount table has them, and for the table. */
  private takeRefcounts(): {
    readonly table: { readonly first: number; readonly clusters: number };
    readonly entries: DataView;
  } {
    const perBlock = this.size / 2;
    let entries = view(new Uint8Array(this.size));
    let table = { first: 0, clusters: 0 };
    for (let missing = true; missing; ) {
      missing = false;
      for (const start of this.counts.ranges(perBlock)) {
        const at = (start / perBlock) * 8;
        entries = this.atLeast(entries, at + 8);
        if (get64(entries, at) !== 0) continue;
        set64(entries, at, this.take(1) * this.size);
        missing = true;
      }
      const clusters = entries.byteLength / this.size;
      if (table.clusters >= clusters) continue;
      this.counts.fill(table.first, table.clusters, 0);
      table = { clusters, first: this.take(clusters) };
      missing = true;
    }
    return { table, entries };
  }

  /** The same table, with room for `bytes` in whole clusters. */
  private atLeast(table: DataView, bytes: number): DataView {
    if (bytes <= table.byteLength) return table;
    if (bytes > MAX_REFTABLE_BYTES) throw new BlockError('EFBIG', 'File too large');
    const grown = new Uint8Array(Math.ceil(bytes / this.size) * this.size);
    grown.set(new Uint8Array(table.buffer));
    return view(grown);
  }
}
