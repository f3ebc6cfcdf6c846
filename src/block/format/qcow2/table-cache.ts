/**
 * L2 tables and refcount blocks of an image in memory, each a cluster long.
 *
 * What has not changed may be forgotten at any time, but for the tables that a running change may
 * still hold; when, the budget decides that all open images share.
 */

import type { BlockNode, DebugEvent } from '../../node.ts';
import { OVERHEAD } from '../paged-table.ts';
import type { TableBudget, TableHolder } from '../table-budget.ts';
import { view } from './layout.ts';

interface Piece {
  readonly bytes: Uint8Array;
  readonly data: DataView;
}

export interface Table extends Piece {
  readonly offset: number;
  readonly isRefblock: boolean;
  dirty: boolean;
  /** Nothing on disk points to it yet. */
  fresh: boolean;
}

function pieceOf(size: number): Piece {
  const bytes = new Uint8Array(size);
  return { bytes, data: view(bytes) };
}

/** Memory that may wait for the next tables of an image. */
const SPARE_BYTES = 4 * 1024 * 1024;

export class TableCache implements TableHolder {
  /** True while an operation that changes metadata runs: clean tables must stay then. */
  changing = false;
  /** Memory of all tables here. */
  heldBytes = 0;
  private readonly tables = new Map<number, Table>();
  private readonly loading = new Map<number, Promise<Table>>();
  private glanced: Piece | undefined;
  /** What forgotten tables have left: the collector would let it lie for long. */
  private readonly spare: Piece[] = [];
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

  /**
   * The table at `offset`, from memory or the file. Outside of changes it is good until something
   * else is awaited: after a promise, ask again.
   */
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
  async glance(offset: number, isRefblock = false): Promise<Piece> {
    const cached = this.tables.get(offset);
    this.glanced ??= pieceOf(this.clusterSize);
    if (cached !== undefined) {
      this.glanced.bytes.set(cached.bytes);
      return this.glanced;
    }
    await this.file.debugEvent?.(isRefblock ? 'refblock_load' : 'l2_load');
    await this.file.read(offset, this.glanced.bytes);
    return this.glanced;
  }

  private load(offset: number, isRefblock: boolean): Promise<Table> {
    const underWay = this.loading.get(offset);
    if (underWay !== undefined) return underWay;
    const promise = this.readTable(offset, isRefblock).finally(() => this.loading.delete(offset));
    this.loading.set(offset, promise);
    return promise;
  }

  private async readTable(offset: number, isRefblock: boolean): Promise<Table> {
    const piece = this.spare.pop() ?? pieceOf(this.clusterSize);
    if (this.file.debugEvent !== undefined) {
      await this.file.debugEvent(isRefblock ? 'refblock_load' : 'l2_load');
    }
    await this.file.read(offset, piece.bytes);
    const present = this.tables.get(offset);
    if (present !== undefined) return present;
    return this.keep({ ...piece, offset, isRefblock, dirty: false, fresh: false });
  }

  /** Zeros for a new table. */
  protected blank(): Piece {
    const piece = this.spare.pop();
    piece?.bytes.fill(0);
    return piece ?? pieceOf(this.clusterSize);
  }

  protected keep(table: Table): Table {
    const isNew = !this.tables.has(table.offset);
    this.tables.set(table.offset, table);
    if (isNew) this.charge(this.clusterSize + OVERHEAD);
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

  private forget({ offset, bytes, data }: Table): void {
    this.tables.delete(offset);
    this.charge(-this.clusterSize - OVERHEAD);
    if (this.spare.length * this.clusterSize < SPARE_BYTES) this.spare.push({ bytes, data });
  }

  giveUp(): void {
    if (this.changing) return;
    const keep = this.tables.size / 2;
    for (const table of this.tables.values()) {
      if (this.tables.size <= keep) return;
      if (!table.dirty) this.forget(table);
    }
  }

  /** Forgets everything: the image is closed, or somebody else has changed it. */
  drop(): void {
    for (const table of this.tables.values()) this.forget(table);
    this.spare.length = 0;
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
