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
import { OVERHEAD, PagedTable, type TablePage } from '../paged-table.ts';
import { MOST_DIRTY, type TableBudget, WORTH_WRITING } from '../table-budget.ts';
import { FIELD, get64, type Header, INCOMPATIBLE_DIRTY, patchHeader, view } from './layout.ts';
import type { MetadataMap } from './metadata-map.ts';
import { type Table, TableCache } from './table-cache.ts';

/** So much is written at once where a table becomes larger. */
const PIECE = 256 * 1024;
/** So many clusters may wait for the commit that sets them free. */
const FREES = 256 * 1024;

/** Raises the alarm about a corrupt image; always throws. */
export type Corruption = (text: string) => Promise<never>;

export class Metadata extends TableCache {
  l1: PagedTable;
  reftable: PagedTable;
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
  private l1Moved = false;
  private reftableMoved = false;
  private headerDirty = false;
  /** The dirty bit is ours, and on disk. */
  private isLazy = false;
  private readonly pendingFrees: number[] = [];

  constructor(
    file: BlockNode,
    readonly header: Header,
    private headerSector: Uint8Array,
    budget: TableBudget,
  ) {
    super(file, 2 ** header.clusterBits, budget);
    this.l2Entries = this.clusterSize / 8;
    this.l2Coverage = this.l2Entries * this.clusterSize;
    this.l1 = this.l1At(header.l1Offset, header.l1Size);
    this.reftable = this.reftableAt(header.reftableOffset, header.reftableClusters);
    this.highWater = file.length;
  }

  private l1At(offset: number, entries: number): PagedTable {
    return new PagedTable(this.file, offset, entries, this.budget.pages(this));
  }

  private reftableAt(offset: number, clusters: number): PagedTable {
    return this.l1At(offset, clusters * this.l2Entries);
  }

  /**
   * Stores what a new table begins with, so that the host has room for it: a disk that is full
   * later must not cost what was written before.
   */
  async reserve(
    offset: number,
    bytes: Uint8Array = new Uint8Array(this.clusterSize),
  ): Promise<void> {
    try {
      await this.writeAt(offset, bytes);
    } catch (error) {
      this.freeLater(offset / this.clusterSize);
      throw error;
    }
  }

  /** A table in a cluster that was just allocated. */
  newTable(offset: number, isRefblock: boolean): Table {
    const table = this.keep(this.unused(), offset, isRefblock);
    table.bytes.fill(0);
    table.fresh = true;
    this.markDirty(table);
    this.map?.add(offset, this.clusterSize);
    return table;
  }

  /** Memory that only writing can free. */
  private get dirtyBytes(): number {
    const tables = this.dirtyTables * (this.clusterSize + OVERHEAD);
    return tables + this.l1.dirtyBytes + this.reftable.dirtyBytes;
  }

  get isFull(): boolean {
    return this.budget.isFull || this.dirtyBytes > MOST_DIRTY || this.pendingFrees.length > FREES;
  }

  /** Called where nobody holds a table of this image: makes the cache small again. */
  async makeRoom(): Promise<void> {
    if (this.dirtyBytes > MOST_DIRTY || this.pendingFrees.length > FREES) await this.commitAlone();
    this.relieve();
    if (!this.budget.isFull || this.dirtyBytes < WORTH_WRITING) return;
    await this.commitAlone();
    this.relieve();
  }

  /** The tables that a commit holds must stay. */
  private async commitAlone(): Promise<void> {
    const { changing } = this;
    this.changing = true;
    try {
      await this.commit();
    } finally {
      this.changing = changing;
    }
  }

  private relieve(): void {
    const { changing } = this;
    this.changing = false;
    this.budget.relieve();
    this.changing = changing;
  }

  override giveUp(): void {
    if (this.changing) return;
    this.l1.giveUp();
    this.reftable.giveUp();
    super.giveUp();
  }

  /** Forgets everything: the image is closed, or somebody else has changed it. */
  override drop(): void {
    super.drop();
    this.l1.drop();
    this.reftable.drop();
  }

  // L1

  setL1(index: number, offset: number, flags: number): undefined | Promise<undefined> {
    return this.l1.set(index, upper(offset, flags), offset % 0x1_0000_0000);
  }

  /** A larger L1 table, in clusters that were just allocated. */
  async moveL1(offset: number, entries: number): Promise<void> {
    await this.file.debugEvent?.('l1_grow.write_table');
    const table = this.l1At(offset, entries);
    await this.copyTable(this.l1, table);
    this.map?.remove(this.header.l1Offset, this.l1.byteLength);
    this.map?.add(offset, table.byteLength);
    this.l1.drop();
    this.l1 = table;
    this.header.l1Offset = offset;
    this.header.l1Size = entries;
    this.l1Moved = true;
    this.headerDirty = true;
  }

  /**
   * Writes all of a table, changes included, to where nothing points yet, and zeros for what is
   * new in the larger one.
   */
  private async copyTable(from: PagedTable, to: PagedTable): Promise<void> {
    await from.scan(page => this.writeAt(to.offset + page.first * 8, page.bytes));
    const zeros = new Uint8Array(Math.min(PIECE, to.byteLength - from.byteLength));
    for (let at = from.byteLength; at < to.byteLength; at += zeros.length) {
      await this.writeAt(to.offset + at, zeros.subarray(0, to.byteLength - at));
    }
  }

  // Refcount table

  /** At once when that part of the table is in memory. */
  reftableEntry(index: number): number | Promise<number> {
    if (index >= this.reftable.entries) return 0;
    const page = this.reftable.page(index);
    return page instanceof Promise
      ? page.then(() => this.reftableEntry(index))
      : entryOf(page, index);
  }

  /** The same where only what is in memory counts. */
  knownReftableEntry(index: number): number {
    const page = index < this.reftable.entries ? this.reftable.cached(index) : undefined;
    return page === undefined ? 0 : entryOf(page, index);
  }

  setReftableEntry(index: number, offset: number): undefined | Promise<undefined> {
    return this.reftable.set(index, upper(offset, 0), offset % 0x1_0000_0000);
  }

  async moveReftable(offset: number, clusters: number): Promise<void> {
    const table = this.reftableAt(offset, clusters);
    await this.copyTable(this.reftable, table);
    this.map?.remove(this.header.reftableOffset, this.reftable.byteLength);
    this.map?.add(offset, table.byteLength);
    this.reftable.drop();
    this.reftable = table;
    this.header.reftableOffset = offset;
    this.header.reftableClusters = clusters;
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
    return this.dirtyBlocks > 0 || this.reftable.dirty || this.tablesDirty;
  }

  /** The same but for what lazy refcounts leave for later. */
  private get tablesDirty(): boolean {
    return (
      this.dirtyTables > this.dirtyBlocks ||
      this.l1.dirty ||
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
    await this.write(table => (table.isRefblock ? !countsLater : table.fresh));
    if (this.reftableMoved) {
      await this.file.debugEvent?.('refblock_alloc.write_table');
      await this.storeTable(this.reftable);
    }
    if (this.l1Moved) await this.storeTable(this.l1);
    await this.file.flush();
    if (!countsLater) await this.commitReftable();
    await this.write(table => !table.isRefblock);
    if (this.l1.dirty) await this.file.debugEvent?.('l1_update');
    await this.storeTable(this.l1);
    if (this.l1Moved) await this.file.debugEvent?.('l1_grow.activate_table');
    this.l1Moved = false;
    if (this.headerDirty) await this.writeHeader();
    await this.file.flush();
    await this.applyFrees();
  }

  private async commitReftable(): Promise<void> {
    if (!this.reftableMoved && !this.reftable.dirty) return;
    if (this.reftableMoved) {
      await this.file.debugEvent?.('refblock_alloc.switch_table');
      await this.writeHeader(this.committed());
    } else {
      await this.file.debugEvent?.('reftable_update');
      await this.file.debugEvent?.('refblock_alloc.hookup');
      await this.storeTable(this.reftable);
    }
    this.reftableMoved = false;
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
    this.drop();
    this.l1 = this.l1At(this.header.l1Offset, this.header.l1Size);
    this.reftable = this.reftableAt(this.header.reftableOffset, this.header.reftableClusters);
    this.map = undefined;
  }

  /** Shows the disk of another L1 table; for images that are only read. */
  showL1(offset: number, entries: number): void {
    this.l1.drop();
    this.l1 = this.l1At(offset, entries);
    this.header.l1Size = entries;
  }

  private async writeHeader(overrides: Partial<Header> = {}): Promise<void> {
    const partial = Object.keys(overrides).length > 0;
    patchHeader(view(this.headerSector), { ...this.header, ...overrides });
    await this.writeAt(0, this.headerSector);
    if (!partial) this.headerDirty = false;
  }

  private write(which: (table: Table) => boolean): Promise<void> {
    return this.writeTables(which, {
      event: table => this.eventOf(table),
      write: (offset, bytes) => this.writeAt(offset, bytes),
    });
  }

  /** What writing a table is called. */
  private eventOf({ isRefblock, fresh }: Table): DebugEvent {
    if (!isRefblock) return fresh ? 'l2_alloc.write' : 'l2_update';
    if (!fresh) return 'refblock_update';
    return this.reftableMoved ? 'refblock_alloc.write_blocks' : 'refblock_alloc.write';
  }

  private storeTable(table: PagedTable): Promise<void> {
    return table.store((offset, bytes) => this.writeAt(offset, bytes));
  }

  private async applyFrees(): Promise<void> {
    if (this.pendingFrees.length > 0) await this.file.debugEvent?.('cluster_free');
    const frees = this.pendingFrees.splice(0);
    for (const cluster of frees) {
      await this.decrement(cluster);
      if (this.isFull) await this.makeRoom();
    }
  }
}

function entryOf(page: TablePage, index: number): number {
  return get64(page.data, (index - page.first) * 8);
}

function upper(offset: number, flags: number): number {
  return (Math.floor(offset / 0x1_0000_0000) | flags) >>> 0;
}
