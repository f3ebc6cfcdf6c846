/**
 * The first qcow format (version 1): two levels of tables, no refcounts, no snapshots.
 *
 * Spec: "The QCOW Image Format" (M. McLoughlin). Clusters are only ever added at the end of the
 * file. Data, then tables nothing points to yet, then a barrier, then entries: a power cut leaves
 * at most unused space.
 */

import { UserError } from '../../error.ts';
import { BlockError, IO_ERROR } from '../backend.ts';
import { ImageEncryption } from '../crypto/password.ts';
import { refuseEncrypted } from '../crypto/policy.ts';
import type { BlockContext, Driver, OpenRequest } from '../driver.ts';
import type { BlockNode, Extent, ImageDetails } from '../node.ts';
import { CHUNK, checkCompressed, Mutex, readPadded } from '../request.ts';
import { letGo } from '../shared-node.ts';
import { NO_SNAPSHOTS } from '../snapshot-info.ts';
import { backingNameOf, parseQcowHeader, QCOW_MAGIC, type QcowHeader } from './qcow-header.ts';
import { QcowTables } from './qcow-tables.ts';
import { tableBudget } from './table-budget.ts';

interface Place {
  readonly kind: 'unallocated' | 'normal' | 'compressed';
  /** In the guest's disk, from where the question began. */
  readonly length: number;
  readonly offset: number;
  readonly packedLength: number;
}

export class QcowNode implements BlockNode {
  readonly driver = 'qcow';
  readonly encryption: ImageEncryption | undefined;
  backing: BlockNode | undefined;
  private readonly lock = new Mutex();
  private unpacked: { readonly place: number; readonly bytes: Uint8Array } | undefined;

  constructor(
    readonly filename: string,
    readonly file: BlockNode,
    readonly readOnly: boolean,
    private readonly parts: { readonly header: QcowHeader; readonly context: BlockContext },
    private readonly tables: QcowTables,
  ) {
    if (parts.header.encrypted) this.encryption = new ImageEncryption(parts.context.host);
  }

  get length(): number {
    return Math.ceil(this.parts.header.size / 512) * 512;
  }

  get clusterSize(): number {
    return 2 ** this.parts.header.clusterBits;
  }

  private async lookup(offset: number, limit: number): Promise<Place> {
    const { clusterSize } = this;
    const inCluster = offset % clusterSize;
    const first = await this.tables.entry(offset);
    const span = Math.min(limit, clusterSize - inCluster);
    if (first === 0n) return this.run('unallocated', await this.gap(offset, limit), 0);
    const shift = BigInt(63 - this.parts.header.clusterBits);
    if (first >> 63n === 1n) {
      const place = Number(first & ((1n << shift) - 1n));
      const packedLength = Number((first >> shift) & BigInt(clusterSize - 1));
      return { kind: 'compressed', length: span, offset: place, packedLength };
    }
    const place = Number(first) + inCluster;
    let length = span;
    while (length < limit) {
      const next = await this.tables.entry(offset + length);
      if (Number(next) !== place + length) break;
      length = Math.min(limit, length + clusterSize);
    }
    return this.run('normal', length, place);
  }

  /** How much from `offset` on is not there; whole L2 tables at a time where there is none. */
  private async gap(offset: number, limit: number): Promise<number> {
    const { clusterSize, tables } = this;
    let end = offset;
    while (end < offset + limit) {
      const hasTable = (await tables.tablePlace(end)) !== 0;
      if (hasTable && (await tables.entry(end)) !== 0n) break;
      const step = hasTable ? clusterSize : tables.coverage;
      end += step - (end % step);
    }
    return Math.min(limit, end - offset);
  }

  private run(kind: Place['kind'], length: number, offset: number): Place {
    return { kind, length, offset, packedLength: 0 };
  }

  async read(offset: number, into: Uint8Array): Promise<void> {
    let done = 0;
    while (done < into.length) {
      const at = offset + done;
      const place = await this.lookup(at, into.length - done);
      const part = into.subarray(done, done + place.length);
      if (place.kind === 'unallocated') await readPadded(this.backing, at, part);
      else if (place.kind === 'compressed') await this.readCompressed(place, at, part);
      else {
        await this.file.read(place.offset, part);
        this.encryption?.decrypt(at, part);
      }
      done += place.length;
    }
  }

  private async readCompressed(place: Place, offset: number, into: Uint8Array): Promise<void> {
    if (this.unpacked?.place !== place.offset) {
      const packed = new Uint8Array(place.packedLength);
      await this.file.read(place.offset, packed);
      try {
        const bytes = this.parts.context.host.inflate(packed, this.clusterSize);
        this.unpacked = { place: place.offset, bytes };
      } catch {
        throw new BlockError('EIO', IO_ERROR);
      }
    }
    const inCluster = offset % this.clusterSize;
    const bytes = this.unpacked?.bytes ?? new Uint8Array(this.clusterSize);
    into.set(bytes.subarray(inCluster, inCluster + into.length));
  }

  private change(task: () => Promise<void>): Promise<void> {
    return this.lock.run(async () => {
      if (this.readOnly) throw new BlockError('EACCES', 'Permission denied');
      this.tables.changing = true;
      try {
        await task();
      } finally {
        this.tables.changing = false;
        if (this.tables.isFull) await this.tables.makeRoom();
      }
    });
  }

  write(offset: number, from: Uint8Array): Promise<void> {
    return this.change(() => this.writeAll(offset, from));
  }

  private async writeAll(offset: number, from: Uint8Array): Promise<void> {
    let done = 0;
    while (done < from.length) {
      const at = offset + done;
      if (this.tables.isFull) await this.tables.makeRoom();
      const place = await this.lookup(at, from.length - done);
      const own = place.kind === 'normal';
      const most = own ? place.length : this.clusterSize - (at % this.clusterSize);
      const part = from.subarray(done, done + Math.min(most, place.length));
      if (own) {
        if (!this.tables.mayHoldData(place.offset, place.length)) {
          throw new BlockError('EIO', IO_ERROR);
        }
        const stored = this.encryption?.encrypt(at, part) ?? part;
        await this.tables.writeAt(place.offset, stored);
      } else {
        await this.writeNew(at, part);
      }
      done += part.length;
    }
  }

  /** At most one cluster, which gets a new place. */
  private async writeNew(offset: number, part: Uint8Array): Promise<void> {
    const { clusterSize } = this;
    const start = offset - (offset % clusterSize);
    let whole = part;
    if (part.length < clusterSize) {
      whole = new Uint8Array(clusterSize);
      const inside = Math.min(clusterSize, Math.max(0, this.length - start));
      await this.read(start, whole.subarray(0, inside));
      whole.set(part, offset - start);
    }
    const place = this.tables.allocate();
    await this.tables.writeAt(place, this.encryption?.encrypt(start, whole) ?? whole);
    await this.tables.setEntry(offset, BigInt(place));
  }

  writeCompressed(offset: number, from: Uint8Array): Promise<void> {
    return this.change(async () => {
      checkCompressed(this, offset, from.length);
      let cluster = from;
      if (from.length < this.clusterSize) {
        cluster = new Uint8Array(this.clusterSize);
        cluster.set(from);
      }
      const packed = this.parts.context.host.deflate(cluster);
      if (packed.length >= this.clusterSize) return this.writeAll(offset, from);
      const place = this.tables.append(packed.length);
      await this.tables.writeAt(place, packed);
      const shift = BigInt(63 - this.parts.header.clusterBits);
      const size = BigInt(packed.length) << shift;
      await this.tables.setEntry(offset, (1n << 63n) | size | BigInt(place));
    });
  }

  writeZeroes(offset: number, length: number, allowUnmap: boolean): Promise<void> {
    return this.change(async () => {
      for (let done = 0; done < length; ) {
        const place = await this.lookup(offset + done, length - done);
        const blank = allowUnmap && place.kind === 'unallocated' && this.backing === undefined;
        const part = blank ? place.length : Math.min(place.length, CHUNK);
        if (!blank) await this.writeAll(offset + done, new Uint8Array(part));
        done += part;
      }
    });
  }

  async discard(): Promise<void> {}

  async flush(): Promise<void> {
    if (this.readOnly) return;
    await this.lock.run(() => this.tables.commit());
  }

  async status(offset: number, length: number): Promise<Extent> {
    const place = await this.lookup(offset, length);
    if (place.kind === 'unallocated') {
      const zero = this.backing === undefined || offset >= this.backing.length;
      return { length: place.length, allocated: false, zero, offset: undefined };
    }
    const clear = place.kind === 'normal' && !this.parts.header.encrypted;
    const at = clear ? place.offset : undefined;
    return { length: place.length, allocated: true, zero: false, offset: at };
  }

  async isCompressed(offset: number): Promise<boolean> {
    return (await this.lookup(offset, 1)).kind === 'compressed';
  }

  async truncate(): Promise<void> {
    throw new BlockError('ENOTSUP', 'Operation not supported');
  }

  /** Forgets everything the image holds. */
  makeEmpty(): Promise<void> {
    return this.change(() => this.tables.clear());
  }

  details(): ImageDetails {
    const { header } = this.parts;
    return {
      clusterSize: this.clusterSize,
      encrypted: header.encrypted,
      dirty: false,
      backingFilename: header.backingFile === '' ? undefined : header.backingFile,
      snapshots: NO_SNAPSHOTS,
    };
  }

  async close(): Promise<void> {
    try {
      await this.flush();
    } finally {
      this.tables.drop();
      await letGo(this.file);
      if (this.backing !== undefined) await letGo(this.backing);
    }
  }
}

export const qcowDriver: Driver = {
  name: 'qcow',
  kind: 'format',
  probe: head => {
    const data = new DataView(head.buffer, head.byteOffset, head.byteLength);
    const ours = head.length >= 8 && data.getUint32(0) === QCOW_MAGIC && data.getUint32(4) === 1;
    return ours ? 100 : 0;
  },
  open: openQcow,
};

async function openQcow(request: OpenRequest): Promise<QcowNode> {
  const { file, flags, deviceName } = request;
  if (file === undefined) throw new UserError('A block device must be specified for "file"');
  const bytes = new Uint8Array(48);
  await file.read(0, bytes);
  const header = parseQcowHeader(bytes, deviceName, file.length);
  if (header.encrypted) refuseEncrypted('qcow', request.context);
  header.backingFile = await backingNameOf(file, header);
  const tables = new QcowTables(file, header, tableBudget(request.context.host));
  await tables.begin();
  const parts = { header, context: request.context };
  return new QcowNode(request.filename, file, flags.readOnly, parts, tables);
}
