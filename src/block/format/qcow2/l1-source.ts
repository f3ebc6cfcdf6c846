/**
 * L1 tables wherever they are, read a piece at a time: an image may have many, and large ones.
 */

import { BlockError } from '../../backend.ts';
import { PAGE_BYTES, type PagedTable } from '../paged-table.ts';
import { view } from './layout.ts';
import type { Qcow2Node } from './node.ts';
import type { L1Place } from './snapshots.ts';

export interface L1Source {
  /** In bytes. */
  readonly length: number;
  /** Entries from byte `at` of the table on, PAGE_BYTES at most; good until the next call. */
  readonly piece: (at: number) => DataView | Promise<DataView>;
}

/** A table of which parts are in memory; no more than `length` bytes of it. */
export function tableL1(table: PagedTable, length = table.byteLength): L1Source {
  const room = new Uint8Array(Math.min(PAGE_BYTES, length));
  const piece = async (at: number): Promise<DataView> => {
    const bytes = room.subarray(0, length - at);
    await table.copy(at / 8, bytes);
    return view(bytes);
  };
  return { length, piece };
}

/** All zeros. */
export function emptyL1(length: number): L1Source {
  const zeros = new Uint8Array(Math.min(PAGE_BYTES, length));
  return { length, piece: at => view(zeros.subarray(0, length - at)) };
}

/** A snapshot's table, with zeros after it up to `length` bytes. */
export function storedL1(node: Qcow2Node, snapshot: L1Place, length?: number): L1Source {
  const stored = l1Length(node, snapshot);
  const total = length ?? stored;
  const piece = async (at: number): Promise<DataView> => {
    const bytes = new Uint8Array(Math.min(PAGE_BYTES, total - at));
    const there = Math.max(0, Math.min(bytes.length, stored - at));
    if (there > 0) await node.file.read(snapshot.l1Offset + at, bytes.subarray(0, there));
    return view(bytes);
  };
  return { length: total, piece };
}

/** Can a snapshot's L1 table be where it is said to be? */
export function isL1Inside(node: Qcow2Node, { l1Offset, l1Size }: L1Place): boolean {
  const { highWater, clusterSize } = node.metadata;
  if (l1Size === 0) return true;
  return l1Offset % clusterSize === 0 && l1Offset + l1Size * 8 < highWater + clusterSize;
}

/** Throws BlockError: a disk must not read as zeros because its table is lost. */
export function requireL1(node: Qcow2Node, snapshot: L1Place): void {
  if (!isL1Inside(node, snapshot)) throw new BlockError('EIO', 'Input/output error');
}

/** Bytes of a snapshot's L1 table; 0 when it cannot be where it is said to be. */
export function l1Length(node: Qcow2Node, snapshot: L1Place): number {
  return isL1Inside(node, snapshot) ? snapshot.l1Size * 8 : 0;
}
