/**
 * A table of 64-bit entries that may be too large for memory: pages of it are read when they are
 * needed, and forgotten again unless they have changed.
 *
 * Which pages stay is its owner's affair; changes go to the file by sectors, in `store`.
 */

import { BlockError } from '../backend.ts';
import type { BlockNode } from '../node.ts';
import { OVERHEAD } from './table-budget.ts';

const PAGE_ENTRIES = 2048;
export const PAGE_BYTES = PAGE_ENTRIES * 8;
const SECTOR = 512;
const SECTOR_ENTRIES = SECTOR / 8;

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
  private scratch: Uint8Array<ArrayBuffer> | undefined;

  constructor(
    private readonly file: BlockNode,
    readonly offset: number,
    readonly entries: number,
    /** Told of memory that is needed from now on, or no longer. */
    private readonly charge: (bytes: number) => void,
  ) {}

  get byteLength(): number {
    return this.entries * 8;
  }

  get dirty(): boolean {
    return this.dirtySectors.size > 0;
  }

  /** Bytes of pages that must stay. */
  dirtyBytes = 0;

  /** The page with entry `index`; at once when it is in memory. */
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
    const page = emptyPage(first, Math.min(PAGE_ENTRIES, this.entries - first));
    await this.file.read(this.offset + first * 8, page.bytes);
    const present = this.pages.get(number);
    if (present !== undefined) return present;
    this.pages.set(number, page);
    this.charge(page.bytes.length + OVERHEAD);
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

  /** All entries in order, by pages; what is not in memory leaves nothing behind there. */
  async scan(visit: (page: TablePage) => void | Promise<void>): Promise<void> {
    for (let first = 0; first < this.entries; first += PAGE_ENTRIES) {
      const done = visit(this.cached(first) ?? (await this.glance(first)));
      if (done !== undefined) await done;
    }
  }

  /** The page from entry `first` on, good until the next glance. */
  private async glance(first: number): Promise<TablePage> {
    const count = Math.min(PAGE_ENTRIES, this.entries - first);
    this.scratch ??= new Uint8Array(Math.min(PAGE_ENTRIES, this.entries) * 8);
    const bytes = this.scratch.subarray(0, count * 8);
    await this.file.read(this.offset + first * 8, bytes);
    const data = new DataView(bytes.buffer, 0, bytes.length);
    return { first, bytes, data, dirty: false };
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

  /** Forgets everything, changes too. */
  drop(): void {
    for (const [number, page] of this.pages) this.forget(number, page);
    this.dirtySectors.clear();
    this.dirtyBytes = 0;
  }

  private forget(number: number, page: TablePage): void {
    this.pages.delete(number);
    if (this.last === page) this.last = undefined;
    this.charge(-page.bytes.length - OVERHEAD);
  }
}

function emptyPage(first: number, count: number): TablePage {
  const bytes = new Uint8Array(count * 8);
  return { first, bytes, data: new DataView(bytes.buffer), dirty: false };
}
