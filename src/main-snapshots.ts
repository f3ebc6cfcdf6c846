/**
 * Snapshots inside images as the monitor takes, lists and deletes them. Those of the whole machine
 * are in main-machine-snapshots.ts.
 */

import { BlockError } from './block/backend.ts';
import { SNAPSHOT_HEADER, snapshotLine } from './block/image-info.ts';
import type { BlockNode } from './block/node.ts';
import type { DriveBackend } from './block/node-backend.ts';
import {
  createSnapshot,
  deleteSnapshot as deleteIn,
  supportsSnapshots,
} from './block/operations.ts';
import {
  findByIdOrName,
  findSnapshot as findIn,
  type SnapshotInfo,
} from './block/snapshot-info.ts';
import { HostError } from './disk-host.ts';
import { UserError } from './error.ts';
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
  const { snapshots } = node.details();
  if ((await findIn(snapshots, s => s.name === name)) !== undefined) {
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
  const found = await findIn(
    node.details().snapshots,
    s => (id ?? s.id) === s.id && (name ?? s.name) === s.name,
  );
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

export interface Holder {
  readonly device: string;
  readonly node: BlockNode;
  readonly localOffset: DriveBackend['localOffset'];
}

/** Writable images that can hold snapshots, in order of creation. */
export function holders(table: DriveTable): Holder[] {
  return table.drives.flatMap(({ backend }) => {
    const { node } = backend;
    if (node === undefined || !supportsSnapshots(node)) return [];
    return [{ device: backend.name, node, localOffset: backend.localOffset }];
  });
}

export async function snapshotsText(table: DriveTable): Promise<string> {
  const [first, ...others] = holders(table);
  if (first === undefined) return 'No available block device supports snapshots\n';
  const known: Set<string>[] = [];
  for (const { node } of others) known.push(await idsAndNames(node));
  const lines: string[] = [];
  for await (const item of first.node.details().snapshots) {
    if (!known.every(keys => keys.has(item.id))) continue;
    lines.push(`${snapshotLine(item, first.localOffset)}\n`);
  }
  if (lines.length === 0) return 'There is no snapshot available.\n';
  return `${SNAPSHOT_HEADER}\n${lines.join('')}`;
}

async function idsAndNames(node: BlockNode): Promise<Set<string>> {
  const keys = new Set<string>();
  for await (const { id, name } of node.details().snapshots) keys.add(id).add(name);
  return keys;
}

/** The first that has `key` as its id or its name. */
export function findSnapshot(node: BlockNode, key: string): Promise<SnapshotInfo | undefined> {
  return findIn(node.details().snapshots, s => s.id === key || s.name === key);
}

/** Of all images, by id or else by name; what went wrong is told when all have been tried. */
export async function deleteSnapshots(table: DriveTable, key: string): Promise<void> {
  const all = holders(table);
  if (all.length === 0) throw new UserError('No block device supports snapshots');
  const failures: string[] = [];
  for (const { device, node } of all) {
    const found = await findByIdOrName(node.details().snapshots, key);
    const why = found === undefined ? "Can't find the snapshot" : await attempt(node, found.id);
    if (why !== undefined) {
      failures.push(`Error while deleting snapshot on device '${device}': ${why}`);
    }
  }
  if (failures.length > 0) throw new UserError(failures.join('\n'));
}

/** Why a snapshot cannot be deleted; undefined when it was. */
async function attempt(node: BlockNode, id: string): Promise<string | undefined> {
  try {
    await deleteIn(node, id);
    return undefined;
  } catch (error) {
    if (error instanceof BlockError || error instanceof HostError) return error.message;
    throw error;
  }
}
