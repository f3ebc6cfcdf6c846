/**
 * Monitor commands about drives and media: adding, removing, ejecting, changing, resizing. In
 * QEMU's order: `change` ejects before it opens.
 *
 * Where encrypted images are refused, `change` looks first, so that the old medium stays.
 */

import { BlockError } from './block/backend.ts';
import { CACHE_MODES } from './block/cache-mode.ts';
import { makeWritable } from './block/chain.ts';
import { DRIVERS } from './block/drivers.ts';
import { openImage } from './block/graph.ts';
import type { BlockNode } from './block/node.ts';
import { setBacking } from './block/operations.ts';
import { flatten, Options } from './block/options.ts';
import { UserError } from './error.ts';
import type { DriveTable, OpenDrive } from './main-drives.ts';
import type { JsonObject } from './monitor/drives.ts';
import { parseOptions } from './options.ts';

/** Numbers of the drive types as QEMU's messages show them. */
const TYPES = ['ide', 'none', 'scsi', 'floppy', 'pflash', 'mtd', 'sd', 'virtio', 'xen'];

export async function addDrive(table: DriveTable, text: string): Promise<void> {
  const { pairs, id } = parseOptions(text, { name: 'drive' });
  const taken = [...table.drives, ...table.hidden];
  if (id !== undefined && taken.some(({ spec }) => spec.id === id)) {
    throw new UserError(`Duplicate ID '${id}' for drive`);
  }
  const drive = await table.add(pairs.map(({ key, value }) => [key, value] as const));
  const type = drive.spec.interface;
  if (type === 'none') return;
  await table.remove(drive);
  throw new UserError(`Can't hot-add drive to type ${TYPES.indexOf(type)}`);
}

export async function addNode(table: DriveTable, options: JsonObject): Promise<void> {
  const { id } = options;
  if (typeof id !== 'string') throw new UserError('Block device needs an ID');
  const { file, ...others } = options;
  const reference = typeof file === 'string' ? file : undefined;
  const flat = new Options([['if', 'none']]);
  flatten(reference === undefined ? options : others, '', flat);
  const pairs = flat.entries();
  const has = (key: string, value: string): boolean =>
    pairs.some(([k, v]) => k === key && v === value);
  if (has('aio', 'native') && !has('cache.direct', 'on')) {
    throw new UserError('aio=native requires cache.direct=true');
  }
  if (table.drives.some(({ spec }) => spec.id === id)) {
    throw new UserError(`Device with id '${id}' already exists`);
  }
  const drive = await table.add(pairs, reference);
  if (!drive.backend.keyMissing) return;
  await table.remove(drive);
  throw new UserError("blockdev-add doesn't support encrypted devices");
}

export async function removeDrive(table: DriveTable, device: string): Promise<void> {
  const drive = table.find(device);
  checkIdle(drive);
  await table.remove(drive);
  if (drive.isClaimed) table.hidden.add(drive);
}

export async function eject(table: DriveTable, device: string, force: boolean): Promise<void> {
  const drive = table.find(device);
  checkEject(table, drive, force);
  await table.empty(drive);
}

function checkEject(table: DriveTable, drive: OpenDrive, force: boolean): void {
  const { backend } = drive;
  checkIdle(drive);
  if (!table.isRemovable(drive)) {
    throw new UserError(`Device '${backend.name}' is not removable`);
  }
  const { tray } = backend;
  if (tray === undefined || !tray.isLocked || tray.isOpen) return;
  tray.requestEject(force);
  if (!force) throw new UserError(`Device '${backend.name}' is locked`);
}

function checkIdle({ backend }: OpenDrive): void {
  if (backend.job === undefined) return;
  const why = `block device is in use by block job: ${backend.job}`;
  throw new UserError(`Device '${backend.name}' is busy: ${why}`);
}

interface Change {
  readonly device: string;
  readonly target: string;
  readonly format: string | undefined;
}

export async function change(table: DriveTable, request: Change): Promise<void> {
  const drive = table.find(request.device);
  const { format } = request;
  if (format !== undefined && !DRIVERS.some(({ name }) => name === format)) {
    throw new UserError(`Invalid block format '${format}'`);
  }
  checkEject(table, drive, false);
  if (table.encryptedImages === 'refuse') await checkNotRefused(table, drive, request);
  await table.empty(drive);
  table.insert(drive, await openMedium(table, drive, request));
  const { backend } = drive;
  if (!backend.keyMissing) return;
  const what = `'${backend.name}' (${backend.encryptedFilename}) is encrypted`;
  throw new UserError(what, 'DeviceEncrypted');
}

async function openMedium(
  table: DriveTable,
  { spec, backend }: OpenDrive,
  { target, format }: Change,
  readOnly = spec.readOnly,
): Promise<BlockNode> {
  const cache = CACHE_MODES['writethrough'];
  const node = await openImage({
    filename: target,
    options: new Options(format === undefined ? [] : [['driver', format]]),
    flags: { readOnly, cache },
    context: await table.context(),
    deviceName: spec.id,
  });
  backend.cache = cache;
  return node;
}

/** Opens the new medium for a moment: a refusal of its encryption comes before the ejection. */
async function checkNotRefused(
  table: DriveTable,
  drive: OpenDrive,
  request: Change,
): Promise<void> {
  const { cache } = drive.backend;
  try {
    await (await openMedium(table, drive, request, true)).close();
  } catch (error) {
    if (!(error instanceof UserError) || error.hint !== undefined) throw error;
  } finally {
    drive.backend.cache = cache;
  }
}

interface NewBackingFile {
  readonly device: string;
  readonly node: string;
  readonly filename: string;
}

export async function changeBackingFile(
  table: DriveTable,
  { device, node: name, filename }: NewBackingFile,
): Promise<void> {
  const { backend } = table.find(device);
  let node = backend.node;
  while (node !== undefined && node.nodeName !== name) node = node.backing;
  if (backend.node === undefined || node === undefined) throw new UserError('image file not found');
  if (node.backing === undefined) {
    throw new UserError('not allowing backing file change on an image without a backing file');
  }
  const release = await backend.drain();
  try {
    if (node !== backend.node) {
      node = await makeWritable(backend.node, node, await table.context());
    }
    await setBacking(node, filename, node.backing?.driver);
  } catch (error) {
    if (!(error instanceof BlockError)) throw error;
    throw new UserError(`Could not change backing file to '${filename}': ${error.message}`);
  } finally {
    release();
  }
}

export async function resize({ backend }: OpenDrive, size: number): Promise<void> {
  if (size < 0) throw new UserError("Parameter 'size' expects a >0 size");
  if (backend.job !== undefined) {
    const why = `block device is in use by block job: ${backend.job}`;
    throw new UserError(`Device '${backend.name}' is busy: ${why}`);
  }
  const { node } = backend;
  if (node === undefined) throw new UserError(`Device '${backend.name}' has no medium`);
  if (node.readOnly) throw new UserError(`Device '${backend.name}' is read only`);
  const release = await backend.drain();
  try {
    await node.truncate(Math.ceil(size / 512) * 512);
  } catch (error) {
    throw cannotResize(error);
  } finally {
    release();
  }
}

/** Why not is said by the format, where it says anything. */
function cannotResize(error: unknown): unknown {
  const why = error instanceof UserError ? error.message : undefined;
  if (why !== undefined || (error instanceof BlockError && error.code === 'ENOTSUP')) {
    const text = 'this feature or command is not currently supported';
    return new UserError(text, 'GenericError', undefined, why);
  }
  if (!(error instanceof BlockError)) return error;
  return new UserError(`Could not resize: ${error.message}`);
}
