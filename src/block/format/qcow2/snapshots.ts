/**
 * qcow2's snapshot table: entries of variable length, one after the other, padded to 8 bytes.
 *
 * Such a table may have 65,536 entries and tens of megabytes. In memory is where entries and L1
 * tables lie; ids and names are read when somebody asks, and a new table is written by copying
 * entries from the old one a piece at a time: names that are not UTF-8 and extra data that this
 * version does not know stay as they are.
 */

import { UserError } from '../../../error.ts';
import type { BlockNode } from '../../node.ts';
import type { SnapshotInfo, SnapshotList } from '../../snapshot-info.ts';
import { bytesToString, get64, MAX_L1_BYTES, set64, stringToBytes, view } from './layout.ts';

const FIXED = 40;
/** Bytes of ids and names that QEMU lists, and stores. */
const MAX_ID = 127;
const MAX_NAME = 255;
/** VM state size in 64 bits, disk size. */
const EXTRA = 16;
const MAX_EXTRA = 1024;
const MAX_TABLE_BYTES = 64 * 1024 * 1024;
/** As much of a table as is read or written at once; more for an entry that is longer. */
const PIECE = 64 * 1024;

/** Where a snapshot's L1 table is, and its entries. */
export interface L1Place {
  readonly l1Offset: number;
  readonly l1Size: number;
}

export interface Snapshot extends SnapshotInfo, L1Place {
  /** Its place in the table, from 0. */
  readonly index: number;
  /** Of the guest's disk when it was taken. */
  readonly diskSize: number;
}

/** What becomes of a table. */
export interface TableChange {
  /** Entries that go, by index. */
  readonly leaving?: ReadonlySet<number>;
  /** New places of L1 tables by the old ones; others stay. */
  readonly moved?: ReadonlyMap<number, number>;
  /** Comes last. */
  readonly added?: Omit<Snapshot, 'index'>;
}

/** Bytes of a file in ascending order, each piece read once. */
class Window {
  private room = new Uint8Array(0);
  private bytes = this.room;
  private start = 0;

  constructor(private readonly file: BlockNode) {}

  /** Good until the next call. */
  async get(at: number, length: number): Promise<Uint8Array> {
    if (at < this.start || at + length > this.start + this.bytes.length) {
      const wanted = Math.max(length, Math.min(PIECE, this.file.length - at));
      if (this.room.length < wanted) this.room = new Uint8Array(wanted);
      this.bytes = this.room.subarray(0, wanted);
      this.start = at;
      await this.file.read(at, this.bytes);
    }
    return this.bytes.subarray(at - this.start, at - this.start + length);
  }
}

export class SnapshotTable implements SnapshotList {
  readonly count: number;
  /** Where entries begin, from the start of the table; at the end, its length. */
  private readonly starts: Uint32Array;
  private readonly l1Offsets: Float64Array;
  private readonly l1Sizes: Uint32Array;
  /** Bytes that an entry gets longer when all extra data is added that this version knows. */
  private readonly growths: Uint8Array;
  private filled = 0;

  private constructor(
    private readonly file: BlockNode,
    readonly offset: number,
    count: number,
    /** Of the guest's disk, for entries that do not say. */
    private readonly diskSize: number,
  ) {
    this.count = count;
    this.starts = new Uint32Array(count + 1);
    this.l1Offsets = new Float64Array(count);
    this.l1Sizes = new Uint32Array(count);
    this.growths = new Uint8Array(count);
  }

  /** Looks at `count` entries. Throws UserError when they cannot be what they should be. */
  static async read(
    file: BlockNode,
    place: { readonly offset: number; readonly count: number; readonly diskSize: number },
  ): Promise<SnapshotTable> {
    const table = new SnapshotTable(file, place.offset, place.count, place.diskSize);
    const window = new Window(file);
    for (let at = place.offset; table.filled < place.count; ) {
      if (at + FIXED > file.length || at - place.offset > MAX_TABLE_BYTES) {
        throw new UserError('Could not read snapshots');
      }
      const data = view(await window.get(at, FIXED));
      if (data.getUint32(36) > MAX_EXTRA) throw new UserError('Could not read snapshots');
      if (data.getUint32(8) > MAX_L1_BYTES / 8) throw new UserError('Snapshot L1 table too large');
      at += table.push(data);
    }
    return table;
  }

  /** Notes the next entry, of which this is the fixed part; answers with its length. */
  private push(data: DataView): number {
    const index = this.filled++;
    const length = lengthOf(data);
    this.l1Offsets[index] = get64(data, 0);
    this.l1Sizes[index] = data.getUint32(8);
    this.growths[index] = lengthOf(data, EXTRA) - length;
    this.starts[index + 1] = this.starts[index] + length;
    return length;
  }

  get byteLength(): number {
    return this.starts[this.filled];
  }

  l1Place(index: number): L1Place {
    return { l1Offset: this.l1Offsets[index], l1Size: this.l1Sizes[index] };
  }

  *l1Places(): Generator<L1Place> {
    for (let index = 0; index < this.count; index++) yield this.l1Place(index);
  }

  /** Of the entries that are kept. */
  *placesAfter({ leaving, moved }: TableChange): Generator<L1Place> {
    for (let index = 0; index < this.count; index++) {
      if (leaving?.has(index) === true) continue;
      const { l1Offset, l1Size } = this.l1Place(index);
      yield { l1Offset: moved?.get(l1Offset) ?? l1Offset, l1Size };
    }
  }

  /** In order, each good until the next. */
  private async *entries(): AsyncGenerator<{ readonly index: number; readonly bytes: Uint8Array }> {
    const window = new Window(this.file);
    for (let index = 0; index < this.count; index++) {
      const start = this.starts[index];
      const bytes = await window.get(this.offset + start, this.starts[index + 1] - start);
      yield { index, bytes };
    }
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Snapshot> {
    for await (const { index, bytes } of this.entries()) yield this.parse(index, bytes);
  }

  private parse(index: number, bytes: Uint8Array): Snapshot {
    const data = view(bytes);
    const extraLength = data.getUint32(36);
    const id = FIXED + extraLength;
    const name = id + data.getUint16(12);
    return {
      index,
      ...this.l1Place(index),
      dateSeconds: data.getUint32(16),
      dateNanoseconds: data.getUint32(20),
      vmClockNs: get64(data, 24),
      vmStateSize: extraLength >= 8 ? get64(data, FIXED) : data.getUint32(32),
      diskSize: extraLength >= 16 ? get64(data, FIXED + 8) : this.diskSize,
      id: textOf(bytes.subarray(id, name), MAX_ID),
      name: textOf(bytes.subarray(name, name + data.getUint16(14)), MAX_NAME),
    };
  }

  /** How many entries there are after a change, and their bytes. Throws UserError. */
  measure({ leaving, added }: TableChange): { readonly count: number; readonly bytes: number } {
    let count = added === undefined ? 0 : 1;
    let bytes = added === undefined ? 0 : newEntry(added).length;
    for (let index = 0; index < this.count; index++) {
      if (leaving?.has(index) === true) continue;
      count++;
      bytes += this.starts[index + 1] - this.starts[index] + this.growths[index];
    }
    if (bytes > MAX_TABLE_BYTES) throw new UserError('Too many snapshots');
    return { count, bytes };
  }

  /** Writes the changed table to `offset`, piece by piece; resolves with it. */
  async rewrite(
    change: TableChange,
    offset: number,
    write: (offset: number, bytes: Uint8Array) => Promise<void>,
  ): Promise<SnapshotTable> {
    const { count, bytes } = this.measure(change);
    const table = new SnapshotTable(this.file, offset, count, this.diskSize);
    const room = new Uint8Array(Math.min(PIECE, bytes));
    let done = 0;
    let pending = 0;
    const put = async (entry: Uint8Array): Promise<void> => {
      for (let from = 0; from < entry.length; ) {
        const part = entry.subarray(from, from + room.length - pending);
        room.set(part, pending);
        pending += part.length;
        from += part.length;
        if (pending < room.length) continue;
        await write(offset + done, room);
        done += pending;
        pending = 0;
      }
      table.push(view(entry));
    };
    for await (const entry of this.entries()) {
      if (change.leaving?.has(entry.index) === true) continue;
      const kept = this.complete(entry.bytes);
      const moved = change.moved?.get(this.l1Offsets[entry.index]);
      if (moved !== undefined) set64(view(kept), 0, moved);
      await put(kept);
    }
    if (change.added !== undefined) await put(newEntry(change.added));
    if (pending > 0) await write(offset + done, room.subarray(0, pending));
    return table;
  }

  /** The same entry with all extra data that this version knows. */
  private complete(entry: Uint8Array): Uint8Array {
    const old = view(entry);
    const extraLength = old.getUint32(36);
    if (extraLength >= EXTRA) return entry;
    const bytes = new Uint8Array(lengthOf(old, EXTRA));
    const used = FIXED + extraLength + old.getUint16(12) + old.getUint16(14);
    bytes.set(entry.subarray(0, FIXED));
    bytes.set(entry.subarray(FIXED + extraLength, used), FIXED + EXTRA);
    const data = view(bytes);
    data.setUint32(36, EXTRA);
    set64(data, FIXED, extraLength >= 8 ? get64(old, FIXED) : old.getUint32(32));
    set64(data, FIXED + 8, this.diskSize);
    return bytes;
  }
}

/** What a C string of so many bytes at most shows of others. */
function textOf(bytes: Uint8Array, most: number): string {
  const end = bytes.indexOf(0);
  return bytesToString(bytes.subarray(0, Math.min(most, end < 0 ? bytes.length : end)));
}

function padded(length: number): number {
  return Math.ceil(length / 8) * 8;
}

/** Of an entry, by its fixed part; with at least so much extra data. */
function lengthOf(data: DataView, extra = 0): number {
  const extraLength = Math.max(extra, data.getUint32(36));
  return padded(FIXED + extraLength + data.getUint16(12) + data.getUint16(14));
}

function newEntry(snapshot: Omit<Snapshot, 'index'>): Uint8Array {
  const id = stringToBytes(snapshot.id).subarray(0, MAX_ID);
  const name = stringToBytes(snapshot.name).subarray(0, MAX_NAME);
  const bytes = new Uint8Array(padded(FIXED + EXTRA + id.length + name.length));
  const data = view(bytes);
  set64(data, 0, snapshot.l1Offset);
  data.setUint32(8, snapshot.l1Size);
  data.setUint16(12, id.length);
  data.setUint16(14, name.length);
  data.setUint32(16, snapshot.dateSeconds);
  data.setUint32(20, snapshot.dateNanoseconds);
  set64(data, 24, snapshot.vmClockNs);
  data.setUint32(32, Math.min(snapshot.vmStateSize, 0xffffffff));
  data.setUint32(36, EXTRA);
  set64(data, FIXED, snapshot.vmStateSize);
  set64(data, FIXED + 8, snapshot.diskSize);
  bytes.set(id, FIXED + EXTRA);
  bytes.set(name, FIXED + EXTRA + id.length);
  return bytes;
}
