/**
 * L2 tables and refcount blocks of an image in memory, each a cluster long.
 *
 * What has not changed may be forgotten at any time, but for the tables that a running change may
 * still hold; when, the budget decides that all open images share.
 */

import type { BlockNode, DebugEvent } from '../../node.ts';
import { OVERHEAD, type TableBudget, type TableHolder } from '../table-budget.ts';
import { view } from './layout.ts';

export interface Table {
  readonly offset: number;
  readonly bytes: Uint8Array;
  readonly data: DataView;
  readonly isRefblock: boolean;
  dirty: boolean;
  /** Nothing on disk points to it yet. */
  fresh: boolean;
}

export class TableCache implements TableHolder {
  /** True while an operation that changes metadata runs: clean tables must stay then. */
  changing = false;
  /** Memory of all tables here. */
  heldBytes = 0;
  private readonly tables = new Map<number, Table>();
  private readonly loading = new Map<number, Promise<Table>>();
  private glanced: Uint8Array | undefined;
  protected dirtyTables = 0;
  /** Those of them that hold counts. */
  protected dirtyBlocks = 0;

  constructor(
    readonly file: BlockNode,
    readonly clusterSize: number,
    protected readonly budget: TableBudget,
  ) {}

  protected charge(bytes: number): void {
    this.heldBytes += bytes;
    this.budget.charge(this, bytes);
    if (bytes > 0) this.budget.relieve();
  }

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
    const bytes = new Uint8Array(this.clusterSize);
    if (this.file.debugEvent !== undefined) {
      await this.file.debugEvent(isRefblock ? 'refblock_load' : 'l2_load');
    }
    await this.file.read(offset, bytes);
    const present = this.tables.get(offset);
    if (present !== undefined) return present;
    return this.keep({ offset, bytes, isRefblock, dirty: false, fresh: false });
  }

  protected keep(table: Omit<Table, 'data'>): Table {
    const full = { ...table, data: view(table.bytes) };
    const isNew = !this.tables.has(table.offset);
    this.tables.set(table.offset, full);
    if (isNew) this.charge(this.clusterSize + OVERHEAD);
    return full;
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

  private forget(offset: number): void {
    this.tables.delete(offset);
    this.charge(-this.clusterSize - OVERHEAD);
  }

  giveUp(): void {
    if (this.changing) return;
    const keep = this.tables.size / 2;
    for (const [offset, table] of this.tables) {
      if (this.tables.size <= keep) return;
      if (!table.dirty) this.forget(offset);
    }
  }

  /** Forgets everything: the image is closed, or somebody else has changed it. */
  drop(): void {
    for (const offset of [...this.tables.keys()]) this.forget(offset);
    this.dirtyTables = 0;
    this.dirtyBlocks = 0;
  }

  /** Writes tables that have changed and that `which` wants. */
  protected async writeTables(
    which: (table: Table) => boolean,
    how: {
      readonly event: (table: Table) => DebugEvent;
      readonly write: (offset: number, bytes: Uint8Array) => Promise<void>;
    },
  ): Promise<void> {
    if (this.dirtyTables === 0) return;
    for (const table of this.tables.values()) {
      if (!table.dirty || !which(table)) continue;
      await this.file.debugEvent?.(how.event(table));
      await how.write(table.offset, table.bytes);
      table.dirty = false;
      table.fresh = false;
      this.countDirty(table, -1);
    }
  }
}
