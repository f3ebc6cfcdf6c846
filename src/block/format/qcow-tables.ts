/**
 * L1 and L2 tables of a qcow version 1 image: cached within the budget that all open images share,
 * changed in memory, written in order.
 */

import { BlockError, IO_ERROR } from '../backend.ts';
import type { BlockNode } from '../node.ts';
import { OVERHEAD, PagedTable, type TablePage } from './paged-table.ts';
import type { QcowHeader } from './qcow-header.ts';
import { MOST_DIRTY, type TableBudget, type TableHolder } from './table-budget.ts';

interface L2Table {
  readonly offset: number;
  readonly data: DataView;
  dirty: boolean;
  /** Nothing on disk points to it yet. */
  fresh: boolean;
}

export class QcowTables implements TableHolder {
  /** True while an operation that changes tables runs: none may be forgotten then. */
  changing = false;
  heldBytes = 0;
  private readonly l1: PagedTable;
  private readonly l2Bytes: number;
  private readonly clusterSize: number;
  /** Bytes of guest disk behind one L2 table. */
  readonly coverage: number;
  private readonly tables = new Map<number, L2Table>();
  private dirtyTables = 0;
  private end: number;

  constructor(
    private readonly file: BlockNode,
    private readonly header: QcowHeader,
    private readonly budget: TableBudget,
  ) {
    this.l2Bytes = 2 ** header.l2Bits * 8;
    this.clusterSize = 2 ** header.clusterBits;
    this.coverage = 2 ** (header.clusterBits + header.l2Bits);
    this.end = file.length;
    this.l1 = new PagedTable(file, header.l1Offset, header.l1Size, budget.pages(this));
  }

  private charge(bytes: number): void {
    this.heldBytes += bytes;
    this.budget.charge(this, bytes);
    if (bytes > 0) this.budget.relieve();
  }

  /** Reads the start of the L1 table. */
  async begin(): Promise<void> {
    if (this.header.l1Size > 0) await this.l1.page(0);
  }

  /** Where the L2 table for a guest offset is; 0 when there is none. */
  async tablePlace(offset: number): Promise<number> {
    const index = Math.floor(offset / this.coverage);
    if (index >= this.header.l1Size) return 0;
    for (;;) {
      const page = this.l1.page(index);
      if (!(page instanceof Promise)) return placeIn(page, index);
      await page;
    }
  }

  /** The L2 entry for a guest offset; 0 when nothing is there. */
  async entry(offset: number): Promise<bigint> {
    const place = await this.tablePlace(offset);
    if (place === 0) return 0n;
    const table = this.tables.get(place) ?? (await this.load(place));
    return table.data.getBigUint64(this.position(offset));
  }

  async setEntry(offset: number, value: bigint): Promise<void> {
    const index = Math.floor(offset / this.coverage);
    if (index >= this.header.l1Size) throw new BlockError('EIO', IO_ERROR);
    const place = await this.tablePlace(offset);
    let table = place === 0 ? undefined : (this.tables.get(place) ?? (await this.load(place)));
    if (table === undefined) {
      const at = this.alignedEnd();
      this.end = at + this.l2Bytes;
      // The host has room for it from now on, whatever fills the disk until it is stored.
      await this.writeAt(at, new Uint8Array(this.l2Bytes));
      const data = new DataView(new ArrayBuffer(this.l2Bytes));
      table = this.keep({ offset: at, data, dirty: false, fresh: true });
      await this.l1.set(index, Math.floor(at / 0x1_0000_0000), at % 0x1_0000_0000);
    }
    table.data.setBigUint64(this.position(offset), value);
    if (!table.dirty) this.dirtyTables++;
    table.dirty = true;
  }

  private keep(table: L2Table): L2Table {
    this.tables.set(table.offset, table);
    this.charge(this.l2Bytes + OVERHEAD);
    return table;
  }

  private forget(place: number): void {
    this.tables.delete(place);
    this.charge(-this.l2Bytes - OVERHEAD);
  }

  giveUp(): void {
    if (this.changing) return;
    this.l1.giveUp();
    const keep = this.tables.size / 2;
    for (const [place, table] of this.tables) {
      if (this.tables.size <= keep) return;
      if (!table.dirty) this.forget(place);
    }
  }

  /** Forgets everything: the image is closed. */
  drop(): void {
    this.dropTables();
    this.l1.drop();
  }

  private dropTables(): void {
    for (const place of [...this.tables.keys()]) this.forget(place);
    this.dirtyTables = 0;
  }

  /** False for places before the tables' end or past the file's: a broken entry. */
  mayHoldData(offset: number, length: number): boolean {
    const first = this.header.l1Offset + this.header.l1Size * 8;
    return offset >= first && offset + length <= this.alignedEnd();
  }

  /** A place for one cluster. */
  allocate(): number {
    const at = this.alignedEnd();
    this.end = at + this.clusterSize;
    return at;
  }

  /** A place for compressed data. */
  append(length: number): number {
    const at = this.end;
    this.end = at + length;
    return at;
  }

  async writeAt(offset: number, bytes: Uint8Array): Promise<void> {
    await this.file.write(offset, bytes);
  }

  private get dirtyBytes(): number {
    return this.dirtyTables * (this.l2Bytes + OVERHEAD) + this.l1.dirtyBytes;
  }

  get isFull(): boolean {
    return this.budget.isFull || this.dirtyBytes > MOST_DIRTY;
  }

  /** Makes the cache small again; called where nobody holds a table. */
  async makeRoom(): Promise<void> {
    if (this.dirtyBytes > 0) await this.commit();
    const { changing } = this;
    this.changing = false;
    this.budget.relieve();
    this.changing = changing;
  }

  /** New tables, a barrier, then entries that point to new things, and another barrier. */
  async commit(): Promise<void> {
    const dirty = [...this.tables.values()].filter(t => t.dirty);
    if (dirty.length === 0 && !this.l1.dirty) return this.file.flush();
    for (const table of dirty) if (table.fresh) await this.store(table);
    await this.file.flush();
    for (const table of dirty) if (table.dirty) await this.store(table);
    await this.l1.store((offset, bytes) => this.writeAt(offset, bytes));
    await this.file.flush();
  }

  /** Drops every entry. The space stays in the file. */
  async clear(): Promise<void> {
    this.dropTables();
    await this.l1.scan(async ({ first, data }) => {
      for (let at = 0; at < data.byteLength; at += 8) {
        if (data.getBigUint64(at) === 0n) continue;
        await this.l1.set(first + at / 8, 0, 0);
        if (this.isFull) await this.makeRoom();
      }
    });
    await this.commit();
    const used = this.header.l1Offset + this.header.l1Size * 8;
    await this.file.truncate(used);
    this.end = used;
  }

  private async store(table: L2Table): Promise<void> {
    await this.writeAt(table.offset, new Uint8Array(table.data.buffer));
    if (table.dirty) this.dirtyTables--;
    table.dirty = false;
    table.fresh = false;
  }

  private async load(place: number): Promise<L2Table> {
    if (place > this.end || place < this.header.l1Offset) throw new BlockError('EIO', IO_ERROR);
    const bytes = new Uint8Array(this.l2Bytes);
    await this.file.read(place, bytes);
    const present = this.tables.get(place);
    if (present !== undefined) return present;
    const data = new DataView(bytes.buffer);
    return this.keep({ offset: place, data, dirty: false, fresh: false });
  }

  private position(offset: number): number {
    return Math.floor((offset % this.coverage) / this.clusterSize) * 8;
  }

  private alignedEnd(): number {
    return Math.ceil(this.end / this.clusterSize) * this.clusterSize;
  }
}

function placeIn(page: TablePage, index: number): number {
  return Number(page.data.getBigUint64((index - page.first) * 8));
}
