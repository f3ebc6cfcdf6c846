/**
 * Taking, applying and deleting internal snapshots, each an atomic switch of tables.
 */

import type { HostDate } from '../../../disk-host.ts';
import { BlockError } from '../../backend.ts';
import { findByIdOrName, type SnapshotInfo } from '../../snapshot-info.ts';
import { emptyL1, type L1Source, requireL1, storedL1, tableL1 } from './l1-source.ts';
import { l1EntriesFor, MAX_SNAPSHOTS } from './layout.ts';
import type { Qcow2Node } from './node.ts';
import { switchTo } from './rebuild.ts';
import type { Snapshot } from './snapshots.ts';

export interface SnapshotRequest {
  readonly name: string;
  /** Default the next one that is free. */
  readonly id?: string;
  /** The snapshot that goes when this one is there, by id. */
  readonly replaces?: string;
  readonly date: HostDate;
  readonly vmStateSize: number;
  readonly vmClockNs: number;
}

/** The active disk has no machine state: that is the snapshot's alone. */
function withoutVmState(node: Qcow2Node): L1Source {
  const { size, clusterBits } = node.metadata.header;
  return tableL1(node.metadata.l1, l1EntriesFor(size, clusterBits) * 8);
}

interface Ids {
  /** One more than the highest number so far. */
  readonly next: string;
  readonly replaced: ReadonlySet<number>;
  /** The wanted id is another snapshot's. */
  readonly taken: boolean;
}

async function lookAtIds(node: Qcow2Node, { id, replaces }: SnapshotRequest): Promise<Ids> {
  let highest = 0;
  let taken = false;
  const replaced = new Set<number>();
  for await (const snapshot of node.snapshots) {
    highest = Math.max(highest, Number.parseInt(snapshot.id, 10) || 0);
    if (snapshot.id === replaces) replaced.add(snapshot.index);
    else taken ||= snapshot.id === id;
  }
  return { next: String(highest + 1), replaced, taken };
}

export function createSnapshot(node: Qcow2Node, request: SnapshotRequest): Promise<SnapshotInfo> {
  return node.exclusive(async () => {
    const ids = await lookAtIds(node, request);
    if (node.snapshots.count - ids.replaced.size >= MAX_SNAPSHOTS) {
      throw new BlockError('EFBIG', 'File too large');
    }
    if (ids.taken) throw new BlockError('EEXIST', 'File exists');
    const { header } = node.metadata;
    const added = {
      id: request.id ?? ids.next,
      name: request.name,
      dateSeconds: request.date.seconds,
      dateNanoseconds: request.date.nanoseconds,
      vmStateSize: request.vmStateSize,
      vmClockNs: request.vmClockNs,
      l1Offset: 0,
      l1Size: header.l1Size,
      diskSize: header.size,
    };
    await switchTo(node, {
      l1: withoutVmState(node),
      size: header.size,
      snapshots: { leaving: ids.replaced, added },
      newL1: tableL1(node.metadata.l1),
    });
    return added;
  });
}

async function find(node: Qcow2Node, key: string): Promise<Snapshot> {
  const found = await findByIdOrName(node.snapshots, key);
  if (found === undefined) throw new BlockError('ENOENT', 'No such file or directory');
  return found;
}

/** Makes the disk what it was when the snapshot was taken. */
export function applySnapshot(node: Qcow2Node, key: string): Promise<void> {
  return node.exclusive(async () => {
    const snapshot = await find(node, key);
    const { header } = node.metadata;
    if (snapshot.diskSize !== header.size) {
      node.warn('qcow2: Loading snapshots with different disk size is not implemented');
      throw new BlockError('ENOTSUP', 'Operation not supported');
    }
    const entries = Math.max(
      snapshot.l1Size,
      l1EntriesFor(header.size, header.clusterBits),
      header.l1Size,
    );
    requireL1(node, snapshot);
    const l1 = storedL1(node, snapshot, entries * 8);
    await switchTo(node, { l1, size: header.size, snapshots: {} });
  });
}

export function deleteSnapshot(node: Qcow2Node, key: string): Promise<Snapshot> {
  return node.exclusive(async () => {
    const snapshot = await find(node, key);
    await switchTo(node, {
      l1: tableL1(node.metadata.l1),
      size: node.metadata.header.size,
      snapshots: { leaving: new Set([snapshot.index]) },
    });
    return snapshot;
  });
}

/** Forgets everything the image holds: a commit has moved it to the backing file. */
export function makeEmpty(node: Qcow2Node): Promise<void> {
  return node.exclusive(async () => {
    const { header } = node.metadata;
    await node.file.debugEvent?.('empty_image_prepare');
    const entries = l1EntriesFor(header.size, header.clusterBits);
    const empty = async (): Promise<void> => {
      const l1 = emptyL1(entries * 8);
      await switchTo(node, { l1, size: header.size, snapshots: {} });
    };
    await empty();
    if (node.snapshots.count > 0) return;
    // The new tables lie behind the old data; once that is free they can move to the front.
    await empty();
    await node.trimEnd();
  });
}
