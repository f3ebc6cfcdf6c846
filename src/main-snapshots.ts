/**
 * Snapshots inside images as the monitor takes, lists and deletes them.
 *
 * Not there: the state of the whole machine in an image, so `savevm` ends in an error and `loadvm`
 * finds disk-only snapshots at most.
 */

import { BlockError } from './block/backend.ts';
import { SNAPSHOT_HEADER, snapshotLine } from './block/image-info.ts';
import type { BlockNode } from './block/node.ts';
import {
  createSnapshot,
  deleteSnapshot as deleteIn,
  supportsSnapshots,
} from './block/operations.ts';
import type { SnapshotInfo } from './block/snapshot-info.ts';
import { UserError } from './error.ts';
import { localOffsetSeconds } from './host-main.ts';
import type { DriveTable } from './main-drives.ts';
import type { JsonObject, Undo } from './monitor/drives.ts';

function imageOf(table: DriveTable, device: string): BlockNode {
  const { backend } = table.find(device);
  const { node } = backend;
  if (node === undefined) throw new UserError(`Device '${device}' has no medium`);
  if (node.readOnly) throw new UserError(`Device '${device}' is read only`);
  if (!supportsSnapshots(node)) {
    const what = `Block format '${node.driver}' used by device '${device}'`;
    throw new UserError(`${what} does not support feature 'internal snapshot'`);
  }
  return node;
}

export async function takeSnapshot(table: DriveTable, device: string, name: string): Promise<Undo> {
  const node = imageOf(table, device);
  if (name === '') throw new UserError('Name is empty');
  if (node.details().snapshots.some(s => s.name === name)) {
    throw new UserError(`Snapshot with name '${name}' already exists on device '${device}'`);
  }
  const { host } = await table.context();
  try {
    const { id } = await createSnapshot(node, { name, date: host.now() });
    return async () => {
      await deleteIn(node, id);
    };
  } catch (error) {
    if (!(error instanceof BlockError)) throw error;
    const what = `Failed to create snapshot '${name}' on device '${device}'`;
    throw new UserError(`${what}: ${error.message}`);
  }
}

interface Wanted {
  readonly device: string;
  readonly id: string | undefined;
  readonly name: string | undefined;
}

export async function deleteSnapshot(table: DriveTable, wanted: Wanted): Promise<JsonObject> {
  const { device, id, name } = wanted;
  const node = imageOf(table, device);
  if (id === undefined && name === undefined) throw new UserError('Name or id must be provided');
  const found = node
    .details()
    .snapshots.find(s => (id ?? s.id) === s.id && (name ?? s.name) === s.name);
  if (found === undefined) {
    const what = `Snapshot with id '${id ?? 'null'}' and name '${name ?? 'null'}'`;
    throw new UserError(`${what} does not exist on device '${device}'`);
  }
  await deleteIn(node, found.id);
  return describe(found);
}

function describe(found: SnapshotInfo): JsonObject {
  return {
    id: found.id,
    name: found.name,
    'vm-state-size': found.vmStateSize,
    'date-sec': found.dateSeconds,
    'date-nsec': found.dateNanoseconds,
    'vm-clock-sec': Math.floor(found.vmClockNs / 1e9),
    'vm-clock-nsec': found.vmClockNs % 1e9,
  };
}

/** Writable images that can hold snapshots, in order of creation. */
function holders(table: DriveTable): { readonly device: string; readonly node: BlockNode }[] {
  return table.drives.flatMap(({ backend }) => {
    const { node } = backend;
    return node !== undefined && supportsSnapshots(node) ? [{ device: backend.name, node }] : [];
  });
}

export function snapshotsText(table: DriveTable): string {
  const [first, ...others] = holders(table);
  if (first === undefined) return 'No available block device supports snapshots\n';
  const common = first.node
    .details()
    .snapshots.filter(s => others.every(({ node }) => has(node, s.id)));
  if (common.length === 0) return 'There is no snapshot available.\n';
  const lines = common.map(item => {
    const dateSeconds = item.dateSeconds + localOffsetSeconds();
    return `${snapshotLine({ ...item, dateSeconds })}\n`;
  });
  return `${SNAPSHOT_HEADER}\n${lines.join('')}`;
}

function has(node: BlockNode, key: string): boolean {
  return node.details().snapshots.some(s => s.id === key || s.name === key);
}

export async function deleteSnapshots(table: DriveTable, key: string): Promise<void> {
  const all = holders(table);
  if (all.length === 0) throw new UserError('No block device supports snapshots');
  for (const { device, node } of all) {
    const found = node.details().snapshots.find(s => s.id === key || s.name === key);
    if (found === undefined) {
      const what = `Error while deleting snapshot on device '${device}'`;
      throw new UserError(`${what}: Can't find the snapshot`);
    }
    await deleteIn(node, found.id);
  }
}

export function checkSave(table: DriveTable): void {
  for (const { backend } of table.drives) {
    const { node } = backend;
    if (node === undefined || node.readOnly || supportsSnapshots(node)) continue;
    throw new UserError(`Device '${backend.name}' is writable but does not support snapshots.`);
  }
  if (holders(table).length === 0) throw new UserError('No block device can accept snapshots');
}

export function hasSaved(table: DriveTable, name: string): boolean {
  const [first] = holders(table);
  if (first === undefined) throw new UserError('No block device supports snapshots');
  const found = first.node.details().snapshots.find(s => s.id === name || s.name === name);
  if (found === undefined) return false;
  if (found.vmStateSize > 0) return true;
  const what = 'This is a disk-only snapshot. Revert to it offline using qemu-img.';
  throw new UserError(what);
}
