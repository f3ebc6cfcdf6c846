/**
 * A table of 64-bit entries that may be too large for memory: pages of it are read when they are
 * needed, and forgotten again unless they have changed.
 *
 * Which pages stay is its owner's affair; changes go to the file by sectors, in `store`.
 */

import { BlockError } from '../backend.ts';
import type { BlockNode } from '../node.ts';

const PAGE_ENTRIES = 2048;
export const PAGE_BYTES = PAGE_ENTRIES * 8;
/** What a table or page takes beside its bytes: objects and views. */
export const OVERHEAD = 512;
const SECTOR = 512;
const SECTOR_ENTRIES = SECTOR / 8;

export interface PageMemory {
  /** At most PAGE_BYTES, with anything in them. */
  take(bytes: number): Uint8Array;
  giveBack(bytes: Uint8Array): void;
  /** Called when what was taken can be forgotten again. */
  settle(): void;
}

export interface TablePage {
  /** The entry at the start of `data`. */
  readonly first: number;
  readonly bytes: Uint8Array;
  readonly data: DataView;
  dirty: boolean;
}

export class PagedTable {
  private readonly pages = new Map<number, TablePage>();
  private readonly loading = new Map<number, Promise<TablePage>>();
  private readonly dirtySectors = new Set<number>();
  private last: TablePage | undefined;
  private isDropped = false;

  constructor(
    private readonly file: BlockNode,
    readonly offset: number,
    readonly entries: number,
    /** Where memory for pages comes from and goes to. */
    private readonly memory: PageMemory,
  ) {}

  get byteLength(): number {
    return this.entries * 8;
  }

  get dirty(): boolean {
    return this.dirtySectors.size > 0;
  }

  /** Bytes of pages that must stay. */
  dirtyBytes = 0;

  /**
   * The page with entry `index`; at once when it is in memory. It is good until something else is
   * awaited: after a promise, ask again.
   */
  page(index: number): TablePage | Promise<TablePage> {
    return this.cached(index) ?? this.load(Math.floor(index / PAGE_ENTRIES));
  }

  cached(index: number): TablePage | undefined {
    const { last } = this;
    if (last !== undefined && index >= last.first && index < last.first + PAGE_ENTRIES) return last;
    const page = this.pages.get(Math.floor(index / PAGE_ENTRIES));
    if (page !== undefined) this.last = page;
    return page;
  }

  private load(number: number): Promise<TablePage> {
    const underWay = this.loading.get(number);
    if (underWay !== undefined) return underWay;
    const promise = this.read(number).finally(() => this.loading.delete(number));
    this.loading.set(number, promise);
    return promise;
  }

  private async read(number: number): Promise<TablePage> {
    const first = number * PAGE_ENTRIES;
    if (first >= this.entries) throw new BlockError('EIO', 'Input/output error');
    const bytes = this.memory.take(Math.min(PAGE_ENTRIES, this.entries - first) * 8);
    try {
      await this.file.read(this.offset + first * 8, bytes);
    } catch (error) {
      this.memory.giveBack(bytes);
      throw error;
    }
    const page = { first, bytes, data: view(bytes), dirty: false };
    if (this.isDropped) {
      this.memory.giveBack(bytes);
      return page;
    }
    this.pages.set(number, page);
    this.memory.settle();
    return page;
  }

  /** Changes an entry in memory; at once when its page is there. */
  set(index: number, high: number, low: number): undefined | Promise<undefined> {
    const page = this.cached(index);
    if (page === undefined) {
      return this.load(Math.floor(index / PAGE_ENTRIES)).then(() => this.set(index, high, low));
    }
    page.data.setUint32((index - page.first) * 8, high);
    page.data.setUint32((index - page.first) * 8 + 4, low);
    this.dirtySectors.add(Math.floor(index / SECTOR_ENTRIES));
    if (!page.dirty) this.dirtyBytes += page.bytes.length + OVERHEAD;
    page.dirty = true;
    return undefined;
  }

  /** All entries in order, as copies of pages, each good until the next. */
  async scan(visit: (page: TablePage) => void | Promise<void>): Promise<void> {
    const room = new Uint8Array(Math.min(PAGE_BYTES, this.byteLength));
    for (let first = 0; first < this.entries; first += PAGE_ENTRIES) {
      const bytes = room.subarray(0, this.byteLength - first * 8);
      await this.copy(first, bytes);
      const done = visit({ first, bytes, data: view(bytes), dirty: false });
      if (done !== undefined) await done;
    }
  }

  /** Entries from `first` on, at the start of a page; what is not in memory stays so. */
  async copy(first: number, into: Uint8Array): Promise<void> {
    const page = this.cached(first);
    if (page === undefined) await this.file.read(this.offset + first * 8, into);
    else into.set(page.bytes.subarray(0, into.length));
  }

  /** Writes the sectors that have changed. */
  async store(write: (offset: number, bytes: Uint8Array) => Promise<void>): Promise<void> {
    for (const sector of this.dirtySectors) {
      const page = this.cached(sector * SECTOR_ENTRIES);
      if (page === undefined) throw new Error('a changed page is not in memory');
      const at = sector * SECTOR - page.first * 8;
      await write(this.offset + sector * SECTOR, page.bytes.subarray(at, at + SECTOR));
    }
    this.dirtySectors.clear();
    this.dirtyBytes = 0;
    for (const page of this.pages.values()) page.dirty = false;
  }

  /** Forgets pages that have not changed; without `all`, about half of what there is. */
  giveUp(all = false): void {
    const keep = all ? 0 : this.pages.size / 2;
    for (const [number, page] of this.pages) {
      if (this.pages.size <= keep) return;
      if (!page.dirty) this.forget(number, page);
    }
  }

  /** Forgets everything, changes too, for ever. */
  drop(): void {
    this.isDropped = true;
    for (const [number, page] of this.pages) this.forget(number, page);
    this.dirtySectors.clear();
    this.dirtyBytes = 0;
  }

  private forget(number: number, page: TablePage): void {
    this.pages.delete(number);
    if (this.last === page) this.last = undefined;
    this.memory.giveBack(page.bytes);
  }
}

function view(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
