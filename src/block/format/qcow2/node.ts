/**
 * A qcow2 image as a node of the graph.
 *
 * Spec: "The QCOW2 image format", versions 2 and 3. Reads run freely; everything that changes the
 * image takes the node's lock.
 * Not emulated: discarded clusters are reused but not punched out of the file.
 */

import type { BlockHost } from '../../../disk-host.ts';
import { BlockError, IO_ERROR } from '../../backend.ts';
import { ImageEncryption } from '../../crypto/password.ts';
import type { BlockContext } from '../../driver.ts';
import { type BlockNode, type Extent, type ImageDetails, SizeRefused } from '../../node.ts';
import { checkCompressed, Mutex, readPadded } from '../../request.ts';
import { letGo } from '../../shared-node.ts';
import {
  COMPATIBLE_LAZY_REFCOUNTS,
  get64,
  INCOMPATIBLE_CORRUPT,
  INCOMPATIBLE_DIRTY,
  l1EntriesFor,
  MAX_L1_BYTES,
} from './layout.ts';
import { eachEntry, lookup, type Mapping } from './mapping.ts';
import type { Metadata } from './metadata.ts';
import { MetadataMap } from './metadata-map.ts';
import { Refcounts } from './refcounts.ts';
import type { Snapshot, SnapshotTable } from './snapshots.ts';
import { Writer } from './writer.ts';

const DONE = Promise.resolve();

async function unreadable(): Promise<never> {
  throw new BlockError('EIO', IO_ERROR);
}

export interface Qcow2Parts {
  readonly filename: string;
  readonly file: BlockNode;
  readonly readOnly: boolean;
  readonly metadata: Metadata;
  readonly snapshots: SnapshotTable;
  readonly context: BlockContext;
  readonly deviceName: string;
  /** Counts wait until the image is closed; as the header says, or the option. */
  readonly lazyRefcounts: boolean;
}

export class Qcow2Node implements BlockNode {
  readonly driver = 'qcow2';
  readonly filename: string;
  readonly file: BlockNode;
  readonly readOnly: boolean;
  metadata: Metadata;
  refcounts: Refcounts;
  writer: Writer;
  readonly encryption: ImageEncryption | undefined;
  snapshots: SnapshotTable;
  backing: BlockNode | undefined;
  lazyRefcounts: boolean;
  private readonly context: BlockContext;
  private readonly lock = new Mutex();
  private broken = false;
  /** The last compressed cluster that was unpacked. */
  private unpacked: { place: number; bytes: Uint8Array } | undefined;

  constructor(parts: Qcow2Parts) {
    this.filename = parts.filename;
    this.file = parts.file;
    this.readOnly = parts.readOnly;
    this.metadata = parts.metadata;
    this.snapshots = parts.snapshots;
    this.context = parts.context;
    this.lazyRefcounts = parts.lazyRefcounts;
    const { encrypted } = parts.metadata.header;
    this.encryption = encrypted ? new ImageEncryption(parts.context.host) : undefined;
    [this.refcounts, this.writer] = this.connect();
  }

  private connect(): [Refcounts, Writer] {
    const { metadata } = this;
    metadata.corruption = text => this.corrupted(text);
    const refcounts = new Refcounts(metadata);
    const writer = new Writer({
      metadata,
      refcounts,
      encryption: this.encryption,
      node: this,
      guard: (offset, length) => this.guard(offset, length),
      beforeLinking: () => (this.lazyRefcounts ? metadata.beginLazy() : undefined),
    });
    return [refcounts, writer];
  }

  /** Another process has changed the image: nothing that was read before counts. */
  adopt(metadata: Metadata, snapshots: SnapshotTable): void {
    this.metadata.drop();
    this.metadata = metadata;
    this.snapshots = snapshots;
    this.unpacked = undefined;
    [this.refcounts, this.writer] = this.connect();
  }

  get length(): number {
    return Math.floor(this.metadata.header.size / 512) * 512;
  }

  // Reading

  read(offset: number, into: Uint8Array): Promise<void> {
    if (this.broken) return unreadable();
    const mapping = lookup(this.metadata, offset, into.length);
    return mapping instanceof Promise || mapping.length < into.length
      ? this.readParts(mapping, offset, into)
      : this.readMapped(mapping, offset, into);
  }

  private async readParts(
    first: Mapping | Promise<Mapping>,
    offset: number,
    into: Uint8Array,
  ): Promise<void> {
    let mapping = await first;
    for (let done = 0; ; ) {
      const part = into.subarray(done, done + mapping.length);
      await this.readMapped(mapping, offset + done, part);
      done += mapping.length;
      if (done >= into.length) return;
      mapping = await lookup(this.metadata, offset + done, into.length - done);
    }
  }

  private readMapped(mapping: Mapping, offset: number, into: Uint8Array): Promise<void> {
    switch (mapping.kind) {
      case 'zero':
        into.fill(0);
        return DONE;
      case 'unallocated':
        return this.readBelow(offset, into);
      case 'normal':
        if (this.file.debugEvent === undefined && this.encryption === undefined) {
          return this.file.read(mapping.offset, into);
        }
        return this.readStored(mapping.offset, offset, into);
      case 'compressed':
        return this.readCompressed(mapping.place, offset, into);
    }
  }

  private async readStored(place: number, offset: number, into: Uint8Array): Promise<void> {
    await this.file.debugEvent?.('read_aio');
    await this.file.read(place, into);
    this.encryption?.decrypt(offset, into);
  }

  private readBelow(offset: number, into: Uint8Array): Promise<void> {
    const below = offset < this.length ? this.backing : undefined;
    const told = below === undefined ? undefined : this.file.debugEvent?.('read_backing_aio');
    return told === undefined
      ? readPadded(below, offset, into)
      : told.then(() => readPadded(below, offset, into));
  }

  private async readCompressed(
    place: { readonly offset: number; readonly length: number },
    offset: number,
    into: Uint8Array,
  ): Promise<void> {
    const { clusterSize } = this.metadata;
    if (this.unpacked?.place !== place.offset) {
      const packed = new Uint8Array(place.length);
      await this.file.debugEvent?.('read_compressed');
      await this.file.read(place.offset, packed);
      try {
        const bytes = this.context.host.inflate(packed, clusterSize);
        this.unpacked = { place: place.offset, bytes };
      } catch {
        throw new BlockError('EIO', IO_ERROR);
      }
    }
    const inCluster = offset % clusterSize;
    const bytes = this.unpacked?.bytes ?? new Uint8Array(clusterSize);
    into.set(bytes.subarray(inCluster, inCluster + into.length));
  }

  async status(offset: number, length: number): Promise<Extent> {
    if (this.broken) throw new BlockError('EIO', IO_ERROR);
    const mapping = await lookup(this.metadata, offset, length);
    if (mapping.kind === 'unallocated') {
      const zero = this.backing === undefined || offset >= this.backing.length;
      return { length: mapping.length, allocated: false, zero, offset: undefined };
    }
    const clear = mapping.kind === 'normal' && !this.metadata.header.encrypted;
    return {
      length: mapping.length,
      allocated: true,
      zero: mapping.kind === 'zero',
      offset: clear ? mapping.offset : undefined,
    };
  }

  /** True when stored compressed: such extents have no place of their own in the file. */
  async isCompressed(offset: number): Promise<boolean> {
    return (await lookup(this.metadata, offset, 1)).kind === 'compressed';
  }

  // Writing

  /** Runs a change alone. Nothing else may alter the image meanwhile. */
  exclusive<T>(task: () => Promise<T>): Promise<T> {
    return this.lock.run(() => this.change(task, 'mapped'));
  }

  /** The same for repairs, which cannot rely on tables being where they should be. */
  exclusiveUnmapped<T>(task: () => Promise<T>): Promise<T> {
    return this.lock.run(() => this.change(task, 'unmapped'));
  }

  private async change<T>(task: () => Promise<T>, how: 'mapped' | 'unmapped'): Promise<T> {
    if (this.broken) throw new BlockError('EIO', IO_ERROR);
    if (this.readOnly) throw new BlockError('EACCES', 'Permission denied');
    const { metadata } = this;
    metadata.changing = true;
    try {
      if (how === 'mapped' && metadata.map === undefined) await this.buildMap();
      return await task();
    } finally {
      metadata.changing = false;
      if (metadata.isFull && !this.broken) await metadata.makeRoom();
    }
  }

  write(offset: number, from: Uint8Array): Promise<void> {
    return this.exclusive(() => {
      this.unpacked = undefined;
      return this.writer.write(offset, from);
    });
  }

  writeZeroes(offset: number, length: number, allowUnmap: boolean): Promise<void> {
    return this.exclusive(() => this.writer.writeZeroes(offset, length, allowUnmap));
  }

  discard(offset: number, length: number): Promise<void> {
    return this.exclusive(() => this.writer.discard(offset, length));
  }

  /** One whole cluster, or the rest of the disk. */
  writeCompressed(offset: number, from: Uint8Array): Promise<void> {
    return this.exclusive(async () => {
      this.unpacked = undefined;
      const { clusterSize } = this.metadata;
      checkCompressed({ clusterSize, length: this.length }, offset, from.length);
      let cluster = from;
      if (from.length < clusterSize) {
        cluster = new Uint8Array(clusterSize);
        cluster.set(from);
      }
      const packed = this.context.host.deflate(cluster);
      await this.writer.writeCompressed(offset, from.length < clusterSize ? cluster : from, packed);
    });
  }

  async flush(): Promise<void> {
    if (this.readOnly || this.broken) return;
    if (!this.metadata.needsFlush) return this.file.flush();
    await this.exclusive(() => this.metadata.flush());
  }

  /** Throws SizeRefused when the disk cannot become this large. */
  checkSize(length: number): void {
    if (length % 512 !== 0) {
      throw new SizeRefused('The new size must be a multiple of 512', 'EINVAL');
    }
    if (this.snapshots.count > 0) {
      throw new SizeRefused("Can't resize an image which has snapshots", 'ENOTSUP');
    }
    if (length < this.length) {
      throw new SizeRefused("qcow2 doesn't support shrinking images yet", 'ENOTSUP');
    }
  }

  async truncate(length: number): Promise<void> {
    this.checkSize(length);
    await this.exclusive(async () => {
      await this.growL1(l1EntriesFor(length, this.metadata.header.clusterBits));
      this.metadata.header.size = length;
      this.metadata.headerChanged();
      await this.metadata.commit();
    });
  }

  /** Makes the L1 table hold at least `entries`. Under the lock. */
  async growL1(entries: number): Promise<void> {
    const { metadata, refcounts } = this;
    const { clusterSize } = metadata;
    if (entries <= metadata.header.l1Size) return;
    if (entries * 8 > MAX_L1_BYTES) throw new BlockError('EFBIG', 'File too large');
    await this.file.debugEvent?.('l1_grow.alloc_table');
    const ahead = Math.min(MAX_L1_BYTES / 8, Math.ceil(metadata.header.l1Size * 1.5));
    const wanted = Math.max(entries, ahead);
    const place = await refcounts.allocate(Math.ceil((wanted * 8) / clusterSize));
    const first = metadata.header.l1Offset / clusterSize;
    const count = Math.ceil(metadata.l1.byteLength / clusterSize);
    await metadata.moveL1(place, wanted);
    for (let i = 0; i < count; i++) metadata.freeLater(first + i);
  }

  /** Switches to tables that were prepared in free clusters: one write of the header. */
  async switched(snapshots: SnapshotTable): Promise<void> {
    await this.metadata.switchHeader();
    this.refcounts.restart();
    this.snapshots = snapshots;
    this.unpacked = undefined;
    await this.buildMap();
  }

  /** Reads a snapshot's disk from now on; for read-only images. */
  async lookInto(snapshot: Snapshot): Promise<void> {
    this.metadata.showL1(snapshot.l1Offset, snapshot.l1Size);
    this.metadata.header.size = snapshot.diskSize;
  }

  get host(): BlockHost {
    return this.context.host;
  }

  warn(text: string): void {
    this.context.warn(text);
  }

  /** Cuts unused clusters off the end of the file. Under the lock. */
  async trimEnd(): Promise<void> {
    const { clusterSize } = this.metadata;
    let end = Math.ceil(this.metadata.highWater / clusterSize);
    while (end > 1 && (await this.refcounts.get(end - 1)) === 0) end--;
    if (end * clusterSize >= this.metadata.highWater) return;
    await this.file.truncate(end * clusterSize);
    this.metadata.highWater = end * clusterSize;
  }

  // Machine state, past the end of the disk

  /** Where machine state lies in the image's address space. */
  get vmStateOffset(): number {
    return (
      l1EntriesFor(this.metadata.header.size, this.metadata.header.clusterBits) *
      this.metadata.l2Coverage
    );
  }

  writeVmState(offset: number, from: Uint8Array): Promise<void> {
    return this.exclusive(async () => {
      await this.file.debugEvent?.('vmstate_save');
      const at = this.vmStateOffset + offset;
      await this.growL1(Math.ceil((at + from.length) / this.metadata.l2Coverage));
      await this.writer.write(at, from);
    });
  }

  async readVmState(offset: number, into: Uint8Array): Promise<void> {
    await this.file.debugEvent?.('vmstate_load');
    return this.read(this.vmStateOffset + offset, into);
  }

  // State

  details(): ImageDetails {
    const { header } = this.metadata;
    const has = (bits: number, bit: number): boolean => (bits & bit) !== 0;
    return {
      clusterSize: this.metadata.clusterSize,
      encrypted: header.encrypted,
      dirty: has(header.incompatible, INCOMPATIBLE_DIRTY),
      backingFilename: header.backingFile === '' ? undefined : header.backingFile,
      backingFormat: header.backingFormat,
      snapshots: this.snapshots,
      specific: {
        type: 'qcow2',
        data:
          header.version === 2
            ? { compat: '0.10' }
            : {
                compat: '1.1',
                'lazy-refcounts': has(header.compatible, COMPATIBLE_LAZY_REFCOUNTS),
                corrupt: has(header.incompatible, INCOMPATIBLE_CORRUPT),
              },
      },
    };
  }

  async close(): Promise<void> {
    try {
      if (!this.readOnly && !this.broken && this.metadata.dirty) {
        await this.exclusive(() => this.settle());
      } else if (!this.broken) await this.metadata.endLazy();
    } finally {
      this.metadata.drop();
      await letGo(this.file);
      if (this.backing !== undefined) await letGo(this.backing);
    }
  }

  /** Brings everything to disk, counts included; the image counts as closed. Under the lock. */
  async settle(): Promise<void> {
    await this.metadata.commit();
    // The decrements of that commit.
    if (this.metadata.dirty) await this.metadata.commit();
    await this.metadata.endLazy();
  }

  // Safety

  private guard(offset: number, length: number): undefined | Promise<never> {
    if (offset > Number.MAX_SAFE_INTEGER - length) return this.corrupted('Data outside the image');
    if (this.metadata.map?.overlaps(offset, length) !== true) return undefined;
    return this.refuseWrite(offset, length);
  }

  private async refuseWrite(offset: number, length: number): Promise<never> {
    const what = await this.nameOf(offset, length);
    return this.corrupted(`Preventing invalid write on metadata (overlaps with ${what})`);
  }

  private async nameOf(offset: number, length: number): Promise<string> {
    const { header, clusterSize } = this.metadata;
    const meets = (at: number, size: number): boolean =>
      size > 0 && at < offset + length && offset < at + Math.ceil(size / clusterSize) * clusterSize;
    if (offset < clusterSize) return 'qcow2_header';
    if (meets(header.l1Offset, header.l1Size * 8)) return 'active L1 table';
    if (meets(header.reftableOffset, header.reftableClusters * clusterSize)) {
      return 'refcount table';
    }
    if (meets(header.snapshotsOffset, header.snapshotCount > 0 ? 1 : 0)) return 'snapshot table';
    for (const { l1Offset, l1Size } of this.snapshots.l1Places()) {
      if (meets(l1Offset, l1Size * 8)) return 'inactive L1 table';
    }
    let isL2 = false;
    await this.metadata.l1.scan(page => {
      eachEntry(page, at => {
        isL2 ||= meets(at, clusterSize);
      });
    });
    return isL2 ? 'active L2 table' : 'refcount block';
  }

  /** Collects where metadata is; two tables in one place are corruption. */
  async buildMap(): Promise<void> {
    const { header, clusterSize } = this.metadata;
    const map = new MetadataMap(header.clusterBits);
    const end = Math.ceil(this.metadata.highWater / clusterSize) * clusterSize;
    let bad: string | undefined;
    const add = (offset: number, length: number, what: string): void => {
      if (length === 0 || offset === 0) return;
      const outside = offset % clusterSize !== 0 || offset + length > end + length;
      if (outside || map.overlaps(offset, length)) bad ??= what;
      else map.add(offset, length);
    };
    map.add(0, clusterSize);
    add(header.l1Offset, header.l1Size * 8, 'active L1 table');
    add(header.reftableOffset, header.reftableClusters * clusterSize, 'refcount table');
    if (header.snapshotCount > 0) add(header.snapshotsOffset, 1, 'snapshot table');
    for (const { l1Offset, l1Size } of this.snapshots.l1Places()) {
      add(l1Offset, l1Size * 8, 'inactive L1 table');
    }
    await this.metadata.reftable.scan(({ data }) => {
      for (let at = 0; at < data.byteLength; at += 8) {
        add(get64(data, at), clusterSize, 'refcount block');
      }
    });
    await this.metadata.l1.scan(page => {
      eachEntry(page, at => add(at, clusterSize, 'active L2 table'));
    });
    if (bad !== undefined) {
      await this.corrupted(`Preventing invalid write on metadata (overlaps with ${bad})`);
    }
    this.metadata.map = map;
  }

  /** Marks the image, once, and refuses everything from now on. */
  private async corrupted(text: string): Promise<never> {
    if (!this.broken) {
      this.broken = !this.readOnly;
      const shown = this.readOnly ? 'Image is corrupt' : 'Marking image as corrupt';
      const later = this.readOnly ? 'further non-fatal corruption' : 'further corruption';
      this.context.warn(`qcow2: ${shown}: ${text}; ${later} events will be suppressed`);
      if (!this.readOnly && this.metadata.header.version === 3) {
        const bits = this.metadata.header.incompatible | INCOMPATIBLE_CORRUPT;
        await this.metadata.setIncompatible(bits);
      }
    }
    throw new BlockError('EIO', IO_ERROR);
  }
}
