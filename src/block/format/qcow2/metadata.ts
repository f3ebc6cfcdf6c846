/**
 * qcow2's tables in memory, and the one place where they go to disk: `commit()`.
 *
 * At every instant the file must be consistent, whatever unflushed writes a power cut loses. So
 * changes of metadata stay in memory until a commit writes them in this order, with barriers:
 *
 * 1. reference counts (increments only) and tables that nothing on disk points to yet;
 * 2. the refcount table, when it changed; a barrier before and after;
 * 3. tables in use: L2 entries, L1 entries, header;
 * 4. decrements are then applied in memory. They reach the disk with the next commit, and only
 *    now may the clusters be given out again.
 *
 * Guest data is written before the entry that points to it is even changed in memory.
 *
 * With lazy refcounts the dirty bit goes to disk first and counts only when the image is closed,
 * or when the refcount table moves: after a crash they are made anew from the tables.
 */

import { BlockError } from '../../backend.ts';
import type { BlockNode, DebugEvent } from '../../node.ts';
import { entryOffset } from './entry.ts';
import {
  FIELD,
  get64,
  type Header,
  INCOMPATIBLE_DIRTY,
  patchHeader,
  set64,
  view,
} from './layout.ts';
import type { MetadataMap } from './metadata-map.ts';

/** Bytes of tables that may be cached before clean ones go, or dirty ones are committed. */
const CACHE_BYTES = 16 * 1024 * 1024;
const SECTOR = 512;

export interface Table {
  readonly offset: number;
  readonly bytes: Uint8Array;
  readonly data: DataView;
  readonly isRefblock: boolean;
  dirty: boolean;
  /** Nothing on disk points to it yet. */
  fresh: boolean;
}

/** Raises the alarm about a corrupt image; always throws. */
export type Corruption = (text: string) => Promise<never>;

export class Metadata {
  l1: DataView;
  reftable: DataView;
  readonly clusterSize: number;
  /** Entries in one L2 table. */
  readonly l2Entries: number;
  /** Bytes of guest disk behind one L2 table. */
  readonly l2Coverage: number;
  /** Past the last byte ever written to the file. */
  highWater: number;
  /** Which clusters hold metadata; built when the first write needs it. */
  map: MetadataMap | undefined;
  corruption: Corruption = async text => {
    throw new BlockError('EIO', text);
  };
  /** True while an operation that changes metadata runs: clean tables must stay then. */
  changing = false;
  private readonly tables = new Map<number, Table>();
  private glanced: Uint8Array | undefined;
  private readonly loading = new Map<number, Promise<Table>>();
  private readonly dirtyL1 = new Set<number>();
  private readonly dirtyReftable = new Set<number>();
  private l1Moved = false;
  private reftableMoved = false;
  private headerDirty = false;
  private dirtyTables = 0;
  /** Those of them that hold counts. */
  private dirtyBlocks = 0;
  /** The dirty bit is ours, and on disk. */
  private isLazy = false;
  private readonly pendingFrees: number[] = [];

  constructor(
    readonly file: BlockNode,
    readonly header: Header,
    private headerSector: Uint8Array,
    l1: Uint8Array,
    reftable: Uint8Array,
  ) {
    this.clusterSize = 2 ** header.clusterBits;
    this.l2Entries = this.clusterSize / 8;
    this.l2Coverage = this.l2Entries * this.clusterSize;
    this.l1 = view(l1);
    this.reftable = view(reftable);
    this.highWater = file.length;
  }

  // Tables

  /** The table at `offset`, from memory or the file. */
  table(offset: number, isRefblock = false): Table | Promise<Table> {
    const cached = this.tables.get(offset);
    if (cached !== undefined) return cached;
    return this.load(offset, isRefblock);
  }

  /** The table at `offset` if it is in memory. */
  cached(offset: number): Table | undefined {
    return this.tables.get(offset);
  }

  /**
   * The table at `offset`, to be looked at before the next glance: a look at all tables of a large
   * image shall neither fill the cache nor leave garbage.
   */
  async glance(offset: number, isRefblock = false): Promise<Pick<Table, 'bytes' | 'data'>> {
    const cached = this.tables.get(offset);
    if (cached !== undefined) return cached;
    this.glanced ??= new Uint8Array(this.clusterSize);
    await this.file.debugEvent?.(isRefblock ? 'refblock_load' : 'l2_load');
    await this.file.read(offset, this.glanced);
    return { bytes: this.glanced, data: view(this.glanced) };
  }

  private load(offset: number, isRefblock: boolean): Promise<Table> {
    const underWay = this.loading.get(offset);
    if (underWay !== undefined) return underWay;
    const promise = this.readTable(offset, isRefblock).finally(() => this.loading.delete(offset));
    this.loading.set(offset, promise);
    return promise;
  }

  private async readTable(offset: number, isRefblock: boolean): Promise<Table> {
    if (!this.changing) this.evictClean();
    const bytes = new Uint8Array(this.clusterSize);
    if (this.file.debugEvent !== undefined) {
      await this.file.debugEvent(isRefblock ? 'refblock_load' : 'l2_load');
    }
    await this.file.read(offset, bytes);
    const present = this.tables.get(offset);
    if (present !== undefined) return present;
    return this.keep({ offset, bytes, isRefblock, dirty: false, fresh: false });
  }

  private keep(table: Omit<Table, 'data'>): Table {
    const full = { ...table, data: view(table.bytes) };
    this.tables.set(table.offset, full);
    return full;
  }

  /** A table in a cluster that was just allocated. */
  newTable(offset: number, bytes: Uint8Array, isRefblock: boolean): Table {
    const table = this.keep({ offset, bytes, isRefblock, dirty: false, fresh: true });
    this.markDirty(table);
    this.map?.add(offset, this.clusterSize);
    return table;
  }

  markDirty(table: Table): void {
    if (table.dirty) return;
    table.dirty = true;
    this.countDirty(table, 1);
  }

  private countDirty(table: Table, by: 1 | -1): void {
    this.dirtyTables += by;
    if (table.isRefblock) this.dirtyBlocks += by;
  }

  get isFull(): boolean {
    return this.tables.size * this.clusterSize > CACHE_BYTES;
  }

  /** Called between operations only: makes the cache small again. */
  async makeRoom(): Promise<void> {
    if (!this.isFull) return;
    if (this.dirtyTables * this.clusterSize > CACHE_BYTES / 2) await this.commit();
    this.evictClean();
  }

  /** Forgets clean tables when there are many; for loops over all tables, between two of them. */
  trim(): void {
    if (this.isFull) this.evictClean();
  }

  private evictClean(): void {
    const limit = CACHE_BYTES / this.clusterSize;
    if (this.tables.size <= limit) return;
    for (const [offset, table] of this.tables) {
      if (!table.dirty) this.tables.delete(offset);
      if (this.tables.size <= limit / 2) return;
    }
  }

  // L1

  setL1(index: number, offset: number, flags: number): void {
    this.l1.setUint32(index * 8, (Math.floor(offset / 0x1_0000_0000) | flags) >>> 0);
    this.l1.setUint32(index * 8 + 4, offset % 0x1_0000_0000);
    this.dirtyL1.add(Math.floor((index * 8) / SECTOR));
  }

  l2Offset(index: number): number {
    return entryOffset(this.l1.getUint32(index * 8), this.l1.getUint32(index * 8 + 4));
  }

  /** A larger L1 table, in clusters that were just allocated. */
  moveL1(offset: number, bytes: Uint8Array): void {
    this.map?.remove(this.header.l1Offset, this.l1.byteLength);
    this.map?.add(offset, bytes.length);
    this.l1 = view(bytes);
    this.header.l1Offset = offset;
    this.header.l1Size = bytes.length / 8;
    this.l1Moved = true;
    this.headerDirty = true;
  }

  // Refcount table

  reftableEntry(index: number): number {
    const bytes = index * 8;
    if (bytes >= this.reftable.byteLength) return 0;
    return get64(this.reftable, bytes);
  }

  setReftableEntry(index: number, offset: number): void {
    set64(this.reftable, index * 8, offset);
    this.dirtyReftable.add(Math.floor((index * 8) / SECTOR));
  }

  moveReftable(offset: number, bytes: Uint8Array): void {
    this.map?.remove(this.header.reftableOffset, this.reftable.byteLength);
    this.map?.add(offset, bytes.length);
    this.reftable = view(bytes);
    this.header.reftableOffset = offset;
    this.header.reftableClusters = bytes.length / this.clusterSize;
    this.reftableMoved = true;
  }

  headerChanged(): void {
    this.headerDirty = true;
  }

  /** The header's first sector, after someone else has written the whole of it. */
  replaceHeaderSector(sector: Uint8Array): void {
    this.headerSector = sector;
  }

  /** Host clusters that lose a reference once nothing on disk refers to them any more. */
  freeLater(cluster: number): void {
    this.pendingFrees.push(cluster);
  }

  get dirty(): boolean {
    return this.dirtyBlocks > 0 || this.dirtyReftable.size > 0 || this.tablesDirty;
  }

  /** The same but for what lazy refcounts leave for later. */
  private get tablesDirty(): boolean {
    return (
      this.dirtyTables > this.dirtyBlocks ||
      this.dirtyL1.size > 0 ||
      this.l1Moved ||
      this.reftableMoved ||
      this.headerDirty ||
      this.pendingFrees.length > 0
    );
  }

  /** What a guest's flush has to write. */
  get needsFlush(): boolean {
    return this.isLazy ? this.tablesDirty : this.dirty;
  }

  /** Says in the header that counts may be wrong from now on. */
  beginLazy(): Promise<void> | undefined {
    return this.isLazy ? undefined : this.markUnclean();
  }

  private async markUnclean(): Promise<void> {
    await this.setIncompatible(this.header.incompatible | INCOMPATIBLE_DIRTY);
    this.isLazy = true;
  }

  /** After a commit: the counts on disk are right again. */
  async endLazy(): Promise<void> {
    if (!this.isLazy) return;
    this.isLazy = false;
    await this.setIncompatible(this.header.incompatible & ~INCOMPATIBLE_DIRTY);
  }

  // To disk

  async writeAt(offset: number, bytes: Uint8Array): Promise<void> {
    await this.file.write(offset, bytes);
    this.highWater = Math.max(this.highWater, offset + bytes.length);
  }

  /** Set by the refcounts: applies one decrement in memory. */
  decrement: (cluster: number) => Promise<void> = async () => {};

  /** For a guest's flush: as `commit`, without the counts if they may wait. */
  flush(): Promise<void> {
    return this.commit(this.isLazy && !this.reftableMoved);
  }

  /** Brings everything to disk; see the top of this file. Resolves after the last barrier. */
  async commit(countsLater = false): Promise<void> {
    await this.file.debugEvent?.('flush_to_os');
    if (!this.dirty) return this.file.flush();
    await this.writeTables(table => (table.isRefblock ? !countsLater : table.fresh));
    if (this.reftableMoved) {
      await this.file.debugEvent?.('refblock_alloc.write_table');
      await this.writeAt(this.header.reftableOffset, bytesOf(this.reftable));
    }
    if (this.l1Moved) {
      await this.file.debugEvent?.('l1_grow.write_table');
      await this.writeAt(this.header.l1Offset, bytesOf(this.l1));
    }
    await this.file.flush();
    if (!countsLater) await this.commitReftable();
    await this.writeTables(table => !table.isRefblock);
    if (this.dirtyL1.size > 0) await this.file.debugEvent?.('l1_update');
    if (!this.l1Moved) await this.writeSectors(this.header.l1Offset, this.l1, this.dirtyL1);
    if (this.l1Moved) await this.file.debugEvent?.('l1_grow.activate_table');
    this.l1Moved = false;
    this.dirtyL1.clear();
    if (this.headerDirty) await this.writeHeader();
    await this.file.flush();
    await this.applyFrees();
  }

  private async commitReftable(): Promise<void> {
    if (!this.reftableMoved && this.dirtyReftable.size === 0) return;
    if (this.reftableMoved) {
      await this.file.debugEvent?.('refblock_alloc.switch_table');
      await this.writeHeader(this.committed());
    } else {
      await this.file.debugEvent?.('reftable_update');
      await this.file.debugEvent?.('refblock_alloc.hookup');
      await this.writeSectors(this.header.reftableOffset, this.reftable, this.dirtyReftable);
    }
    this.reftableMoved = false;
    this.dirtyReftable.clear();
    await this.file.flush();
  }

  /** What the header on disk says now about everything but the refcount table. */
  private committed(withReftable = false): Partial<Header> {
    const old = view(this.headerSector);
    return {
      size: get64(old, FIELD.size),
      l1Size: old.getUint32(FIELD.l1Size),
      l1Offset: get64(old, FIELD.l1Offset),
      snapshotCount: old.getUint32(FIELD.snapshotCount),
      snapshotsOffset: get64(old, FIELD.snapshotsOffset),
      ...(withReftable
        ? {
            reftableOffset: get64(old, FIELD.reftableOffset),
            reftableClusters: old.getUint32(FIELD.reftableClusters),
          }
        : {}),
    };
  }

  /** Sets an incompatible feature bit at once, whatever else is pending. */
  async setIncompatible(bits: number): Promise<void> {
    this.header.incompatible = bits;
    await this.writeHeader(this.committed(true));
    await this.file.flush();
  }

  /** Makes a header that points to new tables valid, and reads those tables. */
  async switchHeader(): Promise<void> {
    await this.writeHeader();
    await this.file.flush();
    this.tables.clear();
    this.dirtyTables = 0;
    this.dirtyBlocks = 0;
    this.dirtyL1.clear();
    this.dirtyReftable.clear();
    this.l1 = await this.reread(this.l1, this.header.l1Offset, this.header.l1Size * 8);
    const { reftableOffset, reftableClusters } = this.header;
    const length = reftableClusters * this.clusterSize;
    this.reftable = await this.reread(this.reftable, reftableOffset, length);
    this.map = undefined;
  }

  /** Into the same memory, if it fits: these tables may be large. */
  private async reread(old: DataView, offset: number, length: number): Promise<DataView> {
    const bytes = length === old.byteLength ? bytesOf(old) : new Uint8Array(length);
    if (length > 0) await this.file.read(offset, bytes);
    return view(bytes);
  }

  private async writeHeader(overrides: Partial<Header> = {}): Promise<void> {
    const partial = Object.keys(overrides).length > 0;
    patchHeader(view(this.headerSector), { ...this.header, ...overrides });
    await this.writeAt(0, this.headerSector);
    if (!partial) this.headerDirty = false;
  }

  private async writeTables(which: (table: Table) => boolean): Promise<void> {
    if (this.dirtyTables === 0) return;
    for (const table of this.tables.values()) {
      if (!table.dirty || !which(table)) continue;
      await this.file.debugEvent?.(this.eventOf(table));
      await this.writeAt(table.offset, table.bytes);
      table.dirty = false;
      table.fresh = false;
      this.countDirty(table, -1);
    }
  }

  /** What writing a table is called. */
  private eventOf({ isRefblock, fresh }: Table): DebugEvent {
    if (!isRefblock) return fresh ? 'l2_alloc.write' : 'l2_update';
    if (!fresh) return 'refblock_update';
    return this.reftableMoved ? 'refblock_alloc.write_blocks' : 'refblock_alloc.write';
  }

  private async writeSectors(at: number, table: DataView, sectors: Set<number>): Promise<void> {
    const bytes = bytesOf(table);
    for (const sector of sectors) {
      const start = sector * SECTOR;
      await this.writeAt(at + start, bytes.subarray(start, start + SECTOR));
    }
  }

  private async applyFrees(): Promise<void> {
    if (this.pendingFrees.length > 0) await this.file.debugEvent?.('cluster_free');
    const frees = this.pendingFrees.splice(0);
    for (const cluster of frees) await this.decrement(cluster);
  }
}

function bytesOf(data: DataView): Uint8Array {
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
}
