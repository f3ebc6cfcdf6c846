/**
 * L1 and L2 tables of a qcow version 1 image: cached, changed in memory, written in order.
 */

import { BlockError, IO_ERROR } from '../backend.ts';
import type { BlockNode } from '../node.ts';
import type { QcowHeader } from './qcow-header.ts';

const CACHE_BYTES = 8 * 1024 * 1024;

interface L2Table {
  readonly offset: number;
  readonly data: DataView;
  dirty: boolean;
  /** Nothing on disk points to it yet. */
  fresh: boolean;
}

export class QcowTables {
  private readonly l1: DataView;
  private readonly l2Bytes: number;
  private readonly clusterSize: number;
  private readonly coverage: number;
  private readonly tables = new Map<number, L2Table>();
  private readonly dirtyL1 = new Set<number>();
  private end: number;

  constructor(
    private readonly file: BlockNode,
    private readonly header: QcowHeader,
    l1: Uint8Array,
  ) {
    this.l1 = new DataView(l1.buffer, l1.byteOffset, l1.byteLength);
    this.l2Bytes = 2 ** header.l2Bits * 8;
    this.clusterSize = 2 ** header.clusterBits;
    this.coverage = 2 ** (header.clusterBits + header.l2Bits);
    this.end = file.length;
  }

  /** The L2 entry for a guest offset; 0 when nothing is there. */
  async entry(offset: number): Promise<bigint> {
    const index = Math.floor(offset / this.coverage);
    if (index >= this.header.l1Size) return 0n;
    const place = Number(this.l1.getBigUint64(index * 8));
    if (place === 0) return 0n;
    const table = this.tables.get(place) ?? (await this.load(place));
    return table.data.getBigUint64(this.position(offset));
  }

  async setEntry(offset: number, value: bigint): Promise<void> {
    const index = Math.floor(offset / this.coverage);
    const place = Number(this.l1.getBigUint64(index * 8));
    let table = place === 0 ? undefined : (this.tables.get(place) ?? (await this.load(place)));
    if (table === undefined) {
      const at = this.alignedEnd();
      this.end = at + this.l2Bytes;
      const data = new DataView(new ArrayBuffer(this.l2Bytes));
      table = { offset: at, data, dirty: true, fresh: true };
      this.tables.set(at, table);
      this.l1.setBigUint64(index * 8, BigInt(at));
      this.dirtyL1.add(index);
    }
    table.data.setBigUint64(this.position(offset), value);
    table.dirty = true;
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

  /** Keeps the cache small; called between operations. */
  async makeRoom(): Promise<void> {
    if (this.tables.size * this.l2Bytes <= CACHE_BYTES) return;
    await this.commit();
    this.tables.clear();
  }

  /** New tables, a barrier, then entries that point to new things, and another barrier. */
  async commit(): Promise<void> {
    const dirty = [...this.tables.values()].filter(t => t.dirty);
    if (dirty.length === 0 && this.dirtyL1.size === 0) return this.file.flush();
    for (const table of dirty) if (table.fresh) await this.store(table);
    await this.file.flush();
    for (const table of dirty) if (table.dirty) await this.store(table);
    for (const index of this.dirtyL1) {
      const entry = new Uint8Array(this.l1.buffer, this.l1.byteOffset + index * 8, 8);
      await this.writeAt(this.header.l1Offset + index * 8, entry);
    }
    this.dirtyL1.clear();
    await this.file.flush();
  }

  /** Drops every entry. The space stays in the file. */
  async clear(): Promise<void> {
    this.tables.clear();
    for (let i = 0; i < this.header.l1Size; i++) {
      if (this.l1.getBigUint64(i * 8) === 0n) continue;
      this.l1.setBigUint64(i * 8, 0n);
      this.dirtyL1.add(i);
    }
    await this.commit();
    const used = this.header.l1Offset + this.header.l1Size * 8;
    await this.file.truncate(used);
    this.end = used;
  }

  private async store(table: L2Table): Promise<void> {
    await this.writeAt(table.offset, new Uint8Array(table.data.buffer));
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
    const table = { offset: place, data, dirty: false, fresh: false };
    this.tables.set(place, table);
    return table;
  }

  private position(offset: number): number {
    return Math.floor((offset % this.coverage) / this.clusterSize) * 8;
  }

  private alignedEnd(): number {
    return Math.ceil(this.end / this.clusterSize) * this.clusterSize;
  }
}
