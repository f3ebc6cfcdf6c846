/**
 * Changes of what a qcow2 image holds: writes, zeros, discards, compressed clusters.
 *
 * Runs under the node's lock, one operation at a time. Data goes to the file first; only then does
 * the entry in memory point to it, so whatever `Metadata.commit` writes refers to data that the
 * barrier in between has made durable. Clusters that lose their entry are freed after the commit.
 */

import { BlockError, IO_ERROR } from '../../backend.ts';
import type { ImageEncryption } from '../../crypto/password.ts';
import type { BlockNode } from '../../node.ts';
import { fillZeroes, readPadded } from '../../request.ts';
import {
  COPIED,
  compressedPlace,
  entryOffset,
  isCopied,
  kindOf,
  setCompressed,
  setEntry,
  ZERO,
} from './entry.ts';
import { l2Table, lookup } from './mapping.ts';
import type { Metadata } from './metadata.ts';
import type { Refcounts } from './refcounts.ts';
import type { Table } from './table-cache.ts';

/** Preallocated runs are this part of a refcount block long, so that its end is used, too. */
const PREALLOCATED_PART = 128;
/** Clusters are allocated in runs of at most so many bytes. */
const MAX_RUN_BYTES = 2 * 1024 * 1024;

export interface WriterParts {
  readonly metadata: Metadata;
  readonly refcounts: Refcounts;
  readonly encryption: ImageEncryption | undefined;
  /** The image itself, for reading what copy-on-write keeps. */
  readonly node: BlockNode;
  /** Refuses places that hold metadata. */
  readonly guard: (offset: number, length: number) => undefined | Promise<never>;
  /** Called before entries come to refer to new clusters. */
  readonly beforeLinking: () => Promise<void> | undefined;
}

/** Bytes that may be written over where they are. */
interface OwnRun {
  readonly place: number;
  readonly length: number;
}

/** Clusters that were just allocated, and what a guest writes there. */
interface NewRun {
  readonly place: number;
  readonly count: number;
  readonly offset: number;
  readonly part: Uint8Array;
  /** The file has no bytes from here on. */
  readonly untouched: number;
}

export class Writer {
  private readonly clusterSize: number;

  constructor(private readonly parts: WriterParts) {
    this.clusterSize = parts.metadata.clusterSize;
  }

  async write(offset: number, from: Uint8Array): Promise<void> {
    const { metadata } = this.parts;
    let done = 0;
    while (done < from.length) {
      const at = offset + done;
      if (metadata.isFull) await metadata.makeRoom();
      const found = this.tableForWrite(at);
      const table = found instanceof Promise ? await found : found;
      const rest = done === 0 ? from : from.subarray(done);
      const own = this.ownRun(table, at, rest.length);
      done +=
        own === undefined
          ? await this.allocateAndWrite(table, at, rest)
          : await this.writeInPlace(own, at, rest);
    }
  }

  /** The L2 table for `offset`, there and ours alone. */
  tableForWrite(offset: number): Table | Promise<Table> {
    const { metadata } = this.parts;
    const index = Math.floor(offset / metadata.l2Coverage);
    const page = metadata.l1.page(index);
    if (page instanceof Promise) return page.then(() => this.tableForWrite(offset));
    const found = l2Table(metadata, index);
    if (found === undefined || !isCopied(page.data.getUint32((index - page.first) * 8))) {
      return this.newTable(index, found);
    }
    return found instanceof Promise ? found.then(old => old ?? this.newTable(index, old)) : found;
  }

  private async newTable(
    index: number,
    found: Table | undefined | Promise<Table | undefined>,
  ): Promise<Table> {
    const { metadata, refcounts } = this.parts;
    const old = await found;
    if (old !== undefined) await metadata.file.debugEvent?.('l2_alloc.cow_read');
    const place = await refcounts.allocate(1);
    await this.parts.guard(place, this.clusterSize);
    await metadata.reserve(place, old?.bytes);
    const table = metadata.newTable(place, false);
    if (old !== undefined) table.bytes.set(old.bytes);
    const linked = metadata.setL1(index, place, COPIED);
    if (linked !== undefined) await linked;
    if (old !== undefined) metadata.freeLater(old.offset / this.clusterSize);
    return table;
  }

  /** Past the last cluster that the file has any part of. */
  private fileEnd(): number {
    return Math.ceil(this.parts.metadata.highWater / this.clusterSize) * this.clusterSize;
  }

  private indexOf(offset: number): number {
    return Math.floor((offset % this.parts.metadata.l2Coverage) / this.clusterSize);
  }

  /** What can be overwritten at `offset`: clusters that are ours alone, in one piece. */
  private ownRun(table: Table, offset: number, length: number): OwnRun | undefined {
    const { metadata } = this.parts;
    const size = this.clusterSize;
    const first = this.indexOf(offset);
    const inCluster = offset % size;
    const last = Math.min(first + Math.ceil((inCluster + length) / size), metadata.l2Entries);
    let place = -1;
    let run = 0;
    for (let i = first; i < last; i++, run++) {
      const high = table.data.getUint32(i * 8);
      const low = table.data.getUint32(i * 8 + 4);
      if (!isCopied(high) || kindOf(high, low) !== 'normal') break;
      const here = entryOffset(high, low);
      if (place === -1) place = here;
      else if (here !== place + run * size) break;
    }
    if (run === 0) return undefined;
    return { place: place + inCluster, length: Math.min(length, run * size - inCluster) };
  }

  private async writeInPlace(run: OwnRun, offset: number, from: Uint8Array): Promise<number> {
    const { metadata, encryption, guard, node } = this.parts;
    const { place, length } = run;
    // A place that is not aligned is answered for by the lookup, which raises the alarm.
    if ((place - offset) % this.clusterSize !== 0) await lookup(metadata, offset, 1);
    const refused = guard(place, length);
    if (refused !== undefined) await refused;
    if (place + length > this.fileEnd()) {
      const cluster = place - (offset % this.clusterSize);
      await metadata.corruption(`Data cluster 0x${cluster.toString(16)} outside of the image`);
    }
    const part = length === from.length ? from : from.subarray(0, length);
    if (node.file?.debugEvent !== undefined) await node.file.debugEvent('write_aio');
    await metadata.writeAt(place, encryption?.encrypt(offset, part) ?? part);
    return length;
  }

  /** Clusters from `index` on that cannot be overwritten in place, at most `most`. */
  private needAllocation(table: Table, index: number, most: number): number {
    const end = Math.min(index + most, this.parts.metadata.l2Entries);
    let at = index;
    for (; at < end; at++) {
      const high = table.data.getUint32(at * 8);
      if (isCopied(high) && kindOf(high, table.data.getUint32(at * 8 + 4)) === 'normal') break;
    }
    return at - index;
  }

  private async allocateAndWrite(table: Table, offset: number, from: Uint8Array): Promise<number> {
    const { metadata, refcounts, guard } = this.parts;
    const size = this.clusterSize;
    const inCluster = offset % size;
    const index = this.indexOf(offset);
    const wanted = Math.min(
      Math.ceil((inCluster + from.length) / size),
      Math.max(1, MAX_RUN_BYTES / size),
    );
    const count = this.needAllocation(table, index, wanted);
    const length = Math.min(from.length, count * size - inCluster);
    const wait = this.parts.beforeLinking();
    if (wait !== undefined) await wait;
    const untouched = metadata.highWater;
    const found = refcounts.allocate(count);
    const place = typeof found === 'number' ? found : await found;
    const refused = guard(place, count * size);
    if (refused !== undefined) await refused;
    const part = length === from.length ? from : from.subarray(0, length);
    try {
      await this.store({ place, count, offset, part, untouched });
    } catch (error) {
      for (let i = 0; i < count; i++) metadata.freeLater(place / size + i);
      throw error;
    }
    for (let i = 0; i < count; i++) {
      this.release(table, index + i);
      setEntry(table.data, index + i, place + i * size, COPIED);
    }
    metadata.markDirty(table);
    return length;
  }

  /**
   * Gives unallocated clusters a place; what they then read as is the file's affair. Resolves with
   * the end of the last place.
   */
  async preallocate(offset: number, length: number, how: 'bare' | 'zeroed'): Promise<number> {
    const { metadata, refcounts } = this.parts;
    const size = this.clusterSize;
    let end = 0;
    for (let at = offset; at < offset + length; ) {
      const table = await this.tableForWrite(at);
      const index = this.indexOf(at);
      const wanted = Math.ceil((offset + length - at) / size);
      const most = Math.max(1, Math.floor(refcounts.perBlock / PREALLOCATED_PART));
      const count = Math.min(wanted, metadata.l2Entries - index, most);
      const place = await refcounts.allocate(count);
      if (how === 'zeroed') await fillZeroes(metadata.file, place, count * size);
      for (let i = 0; i < count; i++) setEntry(table.data, index + i, place + i * size, COPIED);
      metadata.markDirty(table);
      at += count * size;
      end = Math.max(end, place + count * size);
    }
    return end;
  }

  /** Fills new clusters: the guest's bytes, and around them what was there before. */
  private store(run: NewRun): Promise<void> {
    const { metadata, encryption, node } = this.parts;
    const { place, offset, part } = run;
    const whole = part.length === run.count * this.clusterSize;
    if (!whole || node.file?.debugEvent !== undefined) return this.storePadded(run);
    return metadata.writeAt(place, encryption?.encrypt(offset, part) ?? part);
  }

  private async storePadded(run: NewRun): Promise<void> {
    const { metadata, encryption, node } = this.parts;
    const { place, offset, part } = run;
    const { file } = metadata;
    const total = run.count * this.clusterSize;
    const head = offset % this.clusterSize;
    const tail = total - head - part.length;
    const start = offset - head;
    const keyed = encryption?.keyed === true;
    const end = offset + part.length;
    const blank =
      !keyed &&
      place >= run.untouched &&
      (await this.readsZero(start, head)) &&
      (await this.readsZero(end, tail));
    if (blank) {
      await file.debugEvent?.('write_aio');
      await metadata.writeAt(place + head, part);
      return;
    }
    const whole = new Uint8Array(total);
    const isPadded = head > 0 || tail > 0;
    if (isPadded) await file.debugEvent?.('cow_read');
    if (head > 0) await readPadded(node, start, whole.subarray(0, head));
    whole.set(part, head);
    if (tail > 0) await readPadded(node, end, whole.subarray(head + part.length));
    await file.debugEvent?.('write_aio');
    if (isPadded) await file.debugEvent?.('cow_write');
    await metadata.writeAt(place, encryption?.encrypt(start, whole) ?? whole);
  }

  /** True when a range is known to read as zeros without looking at data. */
  private async readsZero(offset: number, length: number): Promise<boolean> {
    if (length === 0) return true;
    const mapping = await lookup(this.parts.metadata, offset, length);
    if (mapping.length < length) return false;
    if (mapping.kind === 'zero') return true;
    if (mapping.kind !== 'unallocated') return false;
    const backing = this.parts.node.backing;
    return backing === undefined || offset >= backing.length;
  }

  /** Frees, later, what an entry refers to. The entry itself is the caller's to change. */
  private release(table: Table, index: number): void {
    const { metadata, refcounts } = this.parts;
    const high = table.data.getUint32(index * 8);
    const low = table.data.getUint32(index * 8 + 4);
    const kind = kindOf(high, low);
    if (kind === 'compressed') {
      refcounts.endCompressed();
      const { offset, length } = compressedPlace(high, low, metadata.header.clusterBits);
      const last = Math.floor((offset + length - 1) / this.clusterSize);
      for (let c = Math.floor(offset / this.clusterSize); c <= last; c++) metadata.freeLater(c);
      return;
    }
    const offset = entryOffset(high, low);
    if (offset !== 0) metadata.freeLater(Math.floor(offset / this.clusterSize));
  }

  /** Whether the entry for `offset` refers to a place in the file. */
  private async hasPlace(offset: number): Promise<boolean> {
    const { metadata } = this.parts;
    const table = await l2Table(metadata, Math.floor(offset / metadata.l2Coverage));
    if (table === undefined) return false;
    const index = this.indexOf(offset);
    const high = table.data.getUint32(index * 8);
    const low = table.data.getUint32(index * 8 + 4);
    return kindOf(high, low) === 'compressed' || entryOffset(high, low) !== 0;
  }

  /**
   * Stores one cluster compressed, or plainly if that saves nothing. Compressed data replaces
   * nothing: where the cluster has a place in the file already, this fails.
   */
  async writeCompressed(offset: number, cluster: Uint8Array, packed: Uint8Array): Promise<void> {
    const { metadata, refcounts, guard } = this.parts;
    if (packed.length >= this.clusterSize) return this.write(offset, cluster);
    if (await this.hasPlace(offset)) throw new BlockError('EIO', IO_ERROR);
    const table = await this.tableForWrite(offset);
    const index = this.indexOf(offset);
    const place = await refcounts.allocateBytes(packed.length);
    await guard(place, packed.length);
    await metadata.file.debugEvent?.('l2_update_compressed');
    await metadata.file.debugEvent?.('write_compressed');
    await metadata.writeAt(place, packed);
    const { clusterBits } = metadata.header;
    setCompressed(table.data, index, { offset: place, length: packed.length, clusterBits });
    metadata.markDirty(table);
  }

  /**
   * Makes whole clusters read as zeros; what is in part covered is written. They are zeros of this
   * image from then on, whatever backing file it is given; only who may unmap can leave holes.
   */
  async writeZeroes(offset: number, length: number, allowUnmap: boolean): Promise<void> {
    const { metadata } = this.parts;
    const version3 = metadata.header.version === 3;
    let done = 0;
    while (done < length) {
      const at = offset + done;
      if (metadata.isFull) await metadata.makeRoom();
      const mapping = await lookup(metadata, at, length - done);
      const mayBeHole = allowUnmap && !(version3 && this.isWhole(at, length - done));
      const stays =
        mapping.kind === 'zero' ||
        (mapping.kind === 'unallocated' && mayBeHole && (await this.readsZero(at, mapping.length)));
      done += stays ? mapping.length : await this.zeroPart(at, length - done, allowUnmap);
    }
  }

  /** Is the whole cluster covered that begins here? */
  private isWhole(offset: number, length: number): boolean {
    const whole = length >= this.clusterSize || offset + length === this.parts.node.length;
    return whole && offset % this.clusterSize === 0;
  }

  private async zeroPart(offset: number, length: number, allowUnmap: boolean): Promise<number> {
    const size = this.clusterSize;
    const version3 = this.parts.metadata.header.version === 3;
    const canUnmap = version3 || (allowUnmap && this.parts.node.backing === undefined);
    if (!this.isWhole(offset, length) || !canUnmap) {
      const part = Math.min(length, size - (offset % size));
      await this.write(offset, new Uint8Array(part));
      return part;
    }
    const clusters = Math.max(1, Math.floor(length / size));
    const done = allowUnmap
      ? await this.dropEntries(offset, clusters, version3 ? ZERO : 0)
      : await this.hideClusters(offset, clusters);
    return Math.min(length, done * size);
  }

  /** Whole clusters of one L2 table read as zeros, and keep their places; how many. */
  private async hideClusters(offset: number, clusters: number): Promise<number> {
    const table = await this.tableForWrite(offset);
    const first = this.indexOf(offset);
    const count = Math.min(clusters, this.parts.metadata.l2Entries - first);
    for (let i = first; i < first + count; i++) {
      const low = table.data.getUint32(i * 8 + 4);
      if (kindOf(table.data.getUint32(i * 8), low) === 'compressed') {
        this.release(table, i);
        setEntry(table.data, i, ZERO, 0);
      } else table.data.setUint32(i * 8 + 4, (low | ZERO) >>> 0);
    }
    this.parts.metadata.markDirty(table);
    return count;
  }

  /** Frees whole clusters, in one L2 table; resolves with their number. */
  private async dropEntries(offset: number, clusters: number, low: number): Promise<number> {
    const table = await this.tableForWrite(offset);
    const first = this.indexOf(offset);
    const count = Math.min(clusters, this.parts.metadata.l2Entries - first);
    for (let i = first; i < first + count; i++) {
      this.release(table, i);
      table.data.setUint32(i * 8, 0);
      table.data.setUint32(i * 8 + 4, low);
    }
    this.parts.metadata.markDirty(table);
    return count;
  }

  /** Turns zero clusters into what version 2 can say; tells of each entry of the L1 table. */
  async expandZeroes(visited: () => void): Promise<void> {
    const { node, metadata } = this.parts;
    const end = node.length;
    let entries = 0;
    for (let at = 0; at < end; ) {
      if (metadata.isFull) await metadata.makeRoom();
      const mapping = await lookup(metadata, at, end - at);
      if (mapping.kind === 'zero') await this.expandRun(at, mapping.length);
      at += mapping.length;
      for (; (entries + 1) * metadata.l2Coverage <= at; entries++) visited();
    }
    for (; entries < metadata.header.l1Size; entries++) visited();
  }

  private async expandRun(offset: number, length: number): Promise<void> {
    const { node } = this.parts;
    const bare = node.backing === undefined;
    for (let done = 0; done < length; ) {
      const part = Math.min(length - done, MAX_RUN_BYTES);
      if (bare) {
        const clusters = Math.ceil(part / this.clusterSize);
        done += (await this.dropEntries(offset + done, clusters, 0)) * this.clusterSize;
      } else {
        await this.write(offset + done, new Uint8Array(part));
        done += part;
      }
    }
  }

  /** Gives back the clusters that lie wholly inside the range. */
  async discard(offset: number, length: number): Promise<void> {
    const size = this.clusterSize;
    const end = offset + length;
    const limit = end === this.parts.node.length ? Math.ceil(end / size) : Math.floor(end / size);
    const { metadata } = this.parts;
    let at = Math.ceil(offset / size) * size;
    const low = metadata.header.version === 3 ? ZERO : 0;
    while (at < limit * size) {
      if (metadata.isFull) await metadata.makeRoom();
      const mapping = await lookup(metadata, at, limit * size - at);
      const span = Math.max(1, Math.ceil(mapping.length / size));
      const nothing =
        mapping.kind === 'zero' ||
        (mapping.kind === 'unallocated' && (low === 0 || this.parts.node.backing === undefined));
      at += (nothing ? span : await this.dropEntries(at, span, low)) * size;
    }
  }
}
