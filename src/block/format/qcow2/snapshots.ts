/**
 * qcow2's snapshot table: entries of variable length, one after the other, padded to 8 bytes.
 */

import { UserError } from '../../../error.ts';
import type { BlockNode } from '../../node.ts';
import type { SnapshotInfo } from '../../snapshot-info.ts';
import { bytesToString, get64, MAX_L1_BYTES, set64, stringToBytes, view } from './layout.ts';

const FIXED = 40;
/** VM state size in 64 bits, disk size. */
const EXTRA = 16;
const MAX_TABLE_BYTES = 64 * 1024 * 1024;

export interface Snapshot extends SnapshotInfo {
  readonly l1Offset: number;
  readonly l1Size: number;
  /** Of the guest's disk when it was taken. */
  readonly diskSize: number;
  /** Extra data that this version does not know. */
  readonly unknownExtra: Uint8Array;
}

/** Reads `count` entries. Throws UserError when they cannot be what they should be. */
export async function readSnapshots(
  file: BlockNode,
  place: { readonly offset: number; readonly count: number; readonly diskSize: number },
): Promise<Snapshot[]> {
  const snapshots: Snapshot[] = [];
  let at = place.offset;
  for (let i = 0; i < place.count; i++) {
    if (at + FIXED > file.length || at - place.offset > MAX_TABLE_BYTES) {
      throw new UserError('Could not read snapshots');
    }
    const fixed = new Uint8Array(FIXED);
    await file.read(at, fixed);
    const data = view(fixed);
    const idLength = data.getUint16(12);
    const nameLength = data.getUint16(14);
    const extraLength = data.getUint32(36);
    if (extraLength > 1024) throw new UserError('Could not read snapshots');
    const rest = new Uint8Array(extraLength + idLength + nameLength);
    await file.read(at + FIXED, rest);
    snapshots.push(parseOne(data, rest, place.diskSize));
    at += Math.ceil((FIXED + rest.length) / 8) * 8;
  }
  return snapshots;
}

function parseOne(data: DataView, rest: Uint8Array, diskSize: number): Snapshot {
  const idLength = data.getUint16(12);
  const extraLength = data.getUint32(36);
  const l1Size = data.getUint32(8);
  if (l1Size > MAX_L1_BYTES / 8) throw new UserError('Snapshot L1 table too large');
  const extra = view(rest);
  return {
    l1Offset: get64(data, 0),
    l1Size,
    dateSeconds: data.getUint32(16),
    dateNanoseconds: data.getUint32(20),
    vmClockNs: get64(data, 24),
    vmStateSize: extraLength >= 8 ? get64(extra, 0) : data.getUint32(32),
    diskSize: extraLength >= 16 ? get64(extra, 8) : diskSize,
    unknownExtra: rest.slice(Math.min(EXTRA, extraLength), extraLength),
    id: bytesToString(rest.subarray(extraLength, extraLength + idLength)),
    name: bytesToString(rest.subarray(extraLength + idLength)),
  };
}

/** Bytes of the table of these snapshots. */
export function snapshotTableLength(snapshots: readonly Snapshot[]): number {
  return snapshots.reduce((sum, snapshot) => sum + lengthOf(snapshot), 0);
}

function lengthOf({ id, name, unknownExtra }: Snapshot): number {
  const text = stringToBytes(id).length + stringToBytes(name).length;
  return Math.ceil((FIXED + EXTRA + unknownExtra.length + text) / 8) * 8;
}

export function serializeSnapshots(snapshots: readonly Snapshot[]): Uint8Array {
  const parts = snapshots.map(serializeOne);
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  if (bytes.length > MAX_TABLE_BYTES) throw new UserError('Too many snapshots');
  return bytes;
}

function serializeOne(snapshot: Snapshot): Uint8Array {
  const id = stringToBytes(snapshot.id);
  const name = stringToBytes(snapshot.name);
  const extraLength = EXTRA + snapshot.unknownExtra.length;
  const length = FIXED + extraLength + id.length + name.length;
  const bytes = new Uint8Array(Math.ceil(length / 8) * 8);
  const data = view(bytes);
  set64(data, 0, snapshot.l1Offset);
  data.setUint32(8, snapshot.l1Size);
  data.setUint16(12, id.length);
  data.setUint16(14, name.length);
  data.setUint32(16, snapshot.dateSeconds);
  data.setUint32(20, snapshot.dateNanoseconds);
  set64(data, 24, snapshot.vmClockNs);
  data.setUint32(32, Math.min(snapshot.vmStateSize, 0xffffffff));
  data.setUint32(36, extraLength);
  set64(data, FIXED, snapshot.vmStateSize);
  set64(data, FIXED + 8, snapshot.diskSize);
  bytes.set(snapshot.unknownExtra, FIXED + EXTRA);
  bytes.set(id, FIXED + extraLength);
  bytes.set(name, FIXED + extraLength + id.length);
  return bytes;
}

/** By id first, then by name, as QEMU's tools look snapshots up. */
export function findSnapshot(snapshots: readonly Snapshot[], key: string): Snapshot | undefined {
  return snapshots.find(s => s.id === key) ?? snapshots.find(s => s.name === key);
}
