/**
 * A qcow2 image with as many snapshots as one likes, which share the L2 tables of the disk: made by
 * writing its tables, as taking them one by one would take hours.
 */
import { closeSync, fstatSync, ftruncateSync, openSync, readSync, writeSync } from 'node:fs';

export interface ManySnapshots {
  readonly count: number;
  /** Bytes of the name of snapshot `index`, from 0. */
  readonly name: (index: number) => Uint8Array;
  /** Extra data of entries: 16 bytes, or none as the oldest programs wrote it. */
  readonly extra?: 0 | 16;
}

/** Changes a fresh image; what it refers to must be counted by a repair afterwards. */
export function addSnapshots(path: string, { count, name, extra = 16 }: ManySnapshots): void {
  const fd = openSync(path, 'r+');
  const header = Buffer.alloc(104);
  readSync(fd, header, 0, header.length, 0);
  const cluster = 2 ** header.readUInt32BE(20);
  const l1 = Buffer.alloc(header.readUInt32BE(36) * 8);
  readSync(fd, l1, 0, l1.length, Number(header.readBigUInt64BE(40)));
  const align = (at: number): number => Math.ceil(at / cluster) * cluster;
  let at = align(fstatSync(fd).size);
  const firstL1 = at;
  const stride = align(l1.length);
  for (let i = 0; i < count; i++, at += stride) writeSync(fd, l1, 0, l1.length, at);
  header.writeUInt32BE(count, 60);
  header.writeBigUInt64BE(BigInt(at), 64);
  for (let i = 0; i < count; i++) {
    const id = Buffer.from(String(i + 1));
    const text = name(i);
    const entry = Buffer.alloc(Math.ceil((40 + extra + id.length + text.length) / 8) * 8);
    entry.writeBigUInt64BE(BigInt(firstL1 + i * stride), 0);
    entry.writeUInt32BE(l1.length / 8, 8);
    entry.writeUInt16BE(id.length, 12);
    entry.writeUInt16BE(text.length, 14);
    entry.writeUInt32BE(extra, 36);
    if (extra === 0) entry.writeUInt32BE(4096, 32);
    else entry.set(header.subarray(24, 32), 48);
    entry.set(id, 40 + extra);
    entry.set(text, 40 + extra + id.length);
    at += writeSync(fd, entry, 0, entry.length, at);
  }
  ftruncateSync(fd, align(at));
  writeSync(fd, header, 0, header.length, 0);
  closeSync(fd);
}
