/**
 * qcow2's reference counts: finding free clusters, counting up now and down later.
 *
 * 16 bits per cluster, in blocks that the refcount table points to. A block that does not exist
 * means that everything it would cover is free.
 */

import { prefixedHex } from '../../../fixed.ts';
import { BlockError } from '../../backend.ts';
import { MAX_REFTABLE_BYTES } from './layout.ts';
import type { Metadata } from './metadata.ts';
import type { Table } from './table-cache.ts';

const MAX_REFCOUNT = 0xffff;

export class Refcounts {
  /** Counts in one block. */
  readonly perBlock: number;
  /** No cluster below this one is free. */
  private hint = 0;
  /** Runs of clusters are looked for from here on: below are gaps that were too short for one. */
  private runHint = 0;
  /** Where the next compressed cluster may continue; 0 for nowhere. */
  private compressedAt = 0;

  constructor(private readonly metadata: Metadata) {
    this.perBlock = metadata.clusterSize / 2;
    metadata.decrement = cluster => this.decrement(cluster);
  }

  /** At once when the counts are in memory. */
  get(cluster: number): number | Promise<number> {
    const found = this.block(cluster);
    const at = (cluster % this.perBlock) * 2;
    if (found === undefined) return 0;
    if (!(found instanceof Promise)) return found.data.getUint16(at);
    return found.then(block => (block === undefined ? 0 : this.get(cluster)));
  }

  /**
   * The counts from `index` times `perBlock` on, good until the next glance; undefined where there
   * is no proper block.
   */
  async blockAt(index: number): Promise<DataView | undefined> {
    const { clusterSize, highWater } = this.metadata;
    const offset = await this.metadata.reftableEntry(index);
    if (offset === 0 || offset % clusterSize !== 0 || offset >= highWater) return undefined;
    return (await this.metadata.glance(offset, true)).data;
  }

  /** Finds `count` free clusters in a row and takes them; answers with the offset in the file. */
  allocate(count: number): number | Promise<number> {
    const at = this.metadata.file.debugEvent === undefined ? this.allocateHere(count) : -1;
    return at >= 0 ? at : this.allocateAnywhere(count);
  }

  /** Looks only where the last search ended, if that block is in memory; -1 for nothing there. */
  private allocateHere(count: number): number {
    const from = this.startFor(count);
    const index = Math.floor(from / this.perBlock);
    const block = this.metadata.cached(this.metadata.knownReftableEntry(index));
    if (block === undefined) return -1;
    const { data } = block;
    const home = index * this.perBlock;
    let start = from - home;
    for (let at = start; at - start < count; at++) {
      if (at >= this.perBlock) return -1;
      if (data.getUint16(at * 2) !== 0) start = at + 1;
    }
    for (let at = start; at < start + count; at++) data.setUint16(at * 2, 1);
    this.metadata.markDirty(block);
    return this.taken(home + start, count);
  }

  private startFor(count: number): number {
    return count === 1 ? this.hint : Math.max(this.hint, this.runHint);
  }

  private taken(first: number, count: number): number {
    if (count > 1) this.runHint = first + count;
    if (first === this.hint || count === 1) this.hint = first + count;
    return first * this.metadata.clusterSize;
  }

  private async allocateAnywhere(count: number): Promise<number> {
    await this.metadata.file.debugEvent?.('cluster_alloc');
    return this.findAndTake(count);
  }

  private async findAndTake(count: number): Promise<number> {
    const isLong = count >= this.perBlock - 1;
    const first = await (isLong ? this.takeLong(count) : this.findFree(count));
    if (!isLong) await this.take(first, count);
    return this.taken(first, count);
  }

  /**
   * Takes more clusters than a new block leaves free around itself: the blocks that they need come
   * after them.
   */
  private async takeLong(count: number): Promise<number> {
    const most = Math.ceil((count * 1.02 + 4) / (this.perBlock - 2)) + 2;
    for (;;) {
      const first = await this.findGap(count + most);
      let blocks = 0;
      for (let missing = -1; missing !== blocks; ) {
        blocks = Math.max(missing, 0);
        missing = await this.missingBlocks(first, count + blocks);
      }
      const last = Math.floor((first + count + blocks - 1) / this.perBlock);
      if (last >= this.metadata.reftable.entries) {
        await this.growReftable(last);
        continue;
      }
      let place = first + count;
      for (let index = Math.floor(first / this.perBlock); index <= last; index++) {
        if ((await this.metadata.reftableEntry(index)) !== 0) continue;
        const { clusterSize } = this.metadata;
        await this.metadata.writeAt(place * clusterSize, new Uint8Array(clusterSize));
        this.metadata.newTable(place * clusterSize, true);
        await this.metadata.setReftableEntry(index, place * clusterSize);
        place++;
      }
      await this.take(first, count + blocks);
      return first;
    }
  }

  private async missingBlocks(first: number, count: number): Promise<number> {
    let missing = 0;
    const last = Math.floor((first + count - 1) / this.perBlock);
    for (let index = Math.floor(first / this.perBlock); index <= last; index++) {
      if ((await this.metadata.reftableEntry(index)) === 0) missing++;
    }
    return missing;
  }

  /** Free clusters in a row; those without a block are free. */
  private async findGap(count: number): Promise<number> {
    let start = this.startFor(count);
    for (let at = start; at - start < count; ) {
      const index = Math.floor(at / this.perBlock);
      const end = (index + 1) * this.perBlock;
      const block = await this.blockAt(index);
      for (; block !== undefined && at < end; at++) {
        if (block.getUint16((at - index * this.perBlock) * 2) !== 0) start = at + 1;
        else if (at + 1 - start === count) return start;
      }
      at = end;
    }
    return start;
  }

  /** Room for `length` bytes of compressed data, shared with its neighbours. */
  async allocateBytes(length: number): Promise<number> {
    await this.metadata.file.debugEvent?.('cluster_alloc_bytes');
    const size = this.metadata.clusterSize;
    const at = this.compressedAt;
    const inside = at % size;
    if (inside !== 0) {
      const cluster = Math.floor(at / size);
      const fits = inside + length <= size;
      const next = fits ? -1 : await this.nextIfFree(cluster + 1);
      const shared = (await this.get(cluster)) < MAX_REFCOUNT;
      if (shared && (fits || next === cluster + 1)) {
        await this.set(cluster, (await this.get(cluster)) + 1);
        if (!fits) await this.set(next, 1);
        this.compressedAt = at + length;
        return at;
      }
    }
    const offset = await this.findAndTake(1);
    this.compressedAt = offset + length;
    return offset;
  }

  private async nextIfFree(cluster: number): Promise<number> {
    if ((await this.get(cluster)) !== 0) return -1;
    await this.ensureBlock(cluster);
    return (await this.get(cluster)) === 0 ? cluster : -1;
  }

  /** Forgets where compressed data could continue: those clusters may be about to go. */
  endCompressed(): void {
    this.compressedAt = 0;
  }

  /** After someone else has changed the counts. */
  restart(): void {
    this.hint = 0;
    this.runHint = 0;
    this.compressedAt = 0;
  }

  /** For repairs: a count that was too low, or too high. */
  async store(cluster: number, count: number): Promise<void> {
    await this.set(cluster, count);
    this.restart();
  }

  private async decrement(cluster: number): Promise<void> {
    const block = await this.block(cluster);
    const at = (cluster % this.perBlock) * 2;
    const count = block?.data.getUint16(at) ?? 0;
    if (block === undefined || count === 0) return;
    block.data.setUint16(at, count - 1);
    this.metadata.markDirty(block);
    if (count === 1 && cluster < this.hint) this.hint = cluster;
    if (count === 1 && cluster < this.runHint) this.runHint = cluster;
    if (count === 1 && Math.floor(this.compressedAt / this.metadata.clusterSize) === cluster) {
      this.compressedAt = 0;
    }
  }

  /** A refcount block that may be read, or undefined where none exists. */
  private block(cluster: number): Table | undefined | Promise<Table | undefined> {
    const index = Math.floor(cluster / this.perBlock);
    const offset = this.metadata.reftableEntry(index);
    if (typeof offset === 'number') return this.blockBehind(index, offset);
    return offset.then(place => this.blockBehind(index, place));
  }

  private blockBehind(index: number, offset: number): Table | undefined | Promise<Table> {
    if (offset === 0) return undefined;
    if (offset % this.metadata.clusterSize !== 0) {
      const where = `${prefixedHex(offset)} unaligned (reftable index: ${prefixedHex(index)})`;
      return this.metadata.corruption(`Refblock offset ${where}`);
    }
    return this.metadata.table(offset, true);
  }

  private async set(cluster: number, count: number): Promise<void> {
    if (this.metadata.file.debugEvent !== undefined) {
      await this.metadata.file.debugEvent('refblock_alloc');
    }
    const block = (await this.block(cluster)) ?? (await this.ensureBlock(cluster));
    block.data.setUint16((cluster % this.perBlock) * 2, count);
    this.metadata.markDirty(block);
  }

  /** Counts 1 for each of `count` free clusters. */
  private async take(first: number, count: number): Promise<void> {
    await this.metadata.file.debugEvent?.('refblock_alloc');
    const end = first + count;
    for (let cluster = first; cluster < end; ) {
      const found = this.block(cluster);
      const present = found instanceof Promise ? await found : found;
      const block = present ?? (await this.ensureBlock(cluster));
      const inBlock = cluster % this.perBlock;
      const last = Math.min(inBlock + end - cluster, this.perBlock);
      for (let i = inBlock; i < last; i++) block.data.setUint16(i * 2, 1);
      this.metadata.markDirty(block);
      cluster += last - inBlock;
    }
  }

  private async findFree(count: number): Promise<number> {
    let start = this.startFor(count);
    let at = start;
    for (;;) {
      // A missing block means free clusters, but the block itself will need a place among them.
      const index = Math.floor(at / this.perBlock);
      const first = index * this.perBlock;
      const end = first + this.perBlock;
      // Looked at only: of a full image all blocks pass here.
      const data = (await this.blockAt(index)) ?? (await this.ensureBlock(at)).data;
      for (; at < end; at++) {
        if (data.getUint16((at - first) * 2) !== 0) start = at + 1;
        else if (at + 1 - start === count) return start;
      }
    }
  }

  /** Makes sure that a block covers `cluster`. The block describes itself. */
  private async ensureBlock(cluster: number): Promise<Table> {
    const present = await this.block(cluster);
    if (present !== undefined) return present;
    const index = Math.floor(cluster / this.perBlock);
    if (index >= this.metadata.reftable.entries) {
      await this.growReftable(index);
      const grown = await this.block(cluster);
      if (grown !== undefined) return grown;
    }
    const home = index * this.perBlock;
    const offset = Math.max(home, 1) * this.metadata.clusterSize;
    await this.metadata.writeAt(offset, new Uint8Array(this.metadata.clusterSize));
    const linked = this.metadata.setReftableEntry(index, offset);
    if (linked !== undefined) await linked;
    const block = this.metadata.newTable(offset, true);
    block.data.setUint16((offset / this.metadata.clusterSize - home) * 2, 1);
    return block;
  }

  /**
   * Moves the refcount table to a larger place: past everything that it covers so far, together
   * with the blocks that describe the new place.
   */
  private async growReftable(neededIndex: number): Promise<void> {
    const { metadata } = this;
    await metadata.file.debugEvent?.('reftable_grow');
    const size = metadata.clusterSize;
    const entriesPerCluster = size / 8;
    const firstIndex = metadata.reftable.entries;
    const base = firstIndex * this.perBlock;
    const wanted = Math.ceil(Math.max(neededIndex + 1, firstIndex * 1.5) + 1);
    let tableClusters = Math.ceil(wanted / entriesPerCluster);
    let blocks = 1;
    while (blocks * this.perBlock < blocks + tableClusters) blocks++;
    tableClusters = Math.max(tableClusters, Math.ceil((firstIndex + blocks) / entriesPerCluster));
    if (tableClusters * size > MAX_REFTABLE_BYTES) {
      throw new BlockError('EFBIG', 'File too large');
    }
    const oldFirst = metadata.header.reftableOffset / size;
    const oldClusters = metadata.reftable.byteLength / size;
    await metadata.moveReftable((base + blocks) * size, tableClusters);
    for (let b = 0; b < blocks; b++) {
      const block = metadata.newTable((base + b) * size, true);
      await metadata.setReftableEntry(firstIndex + b, block.offset);
    }
    for (let i = 0; i < blocks + tableClusters; i++) await this.set(base + i, 1);
    for (let i = 0; i < oldClusters; i++) metadata.freeLater(oldFirst + i);
  }
}
