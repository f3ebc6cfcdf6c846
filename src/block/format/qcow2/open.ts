/**
 * Opening a qcow2 image: header, tables and snapshots are read and checked, nothing is written
 * unless the image was left dirty or carries feature bits that a writer must clear.
 */

import type { BlockHost } from '../../../disk-host.ts';
import { UserError } from '../../../error.ts';
import { refuseEncrypted } from '../../crypto/policy.ts';
import type { Driver, OpenRequest } from '../../driver.ts';
import type { BlockNode } from '../../node.ts';
import type { Options } from '../../options.ts';
import { tableBudget } from '../table-budget.ts';
import {
  COMPATIBLE_LAZY_REFCOUNTS,
  FIELD,
  type Header,
  INCOMPATIBLE_CORRUPT,
  INCOMPATIBLE_DIRTY,
  parseHeader,
  QCOW2_MAGIC,
  view,
} from './layout.ts';
import { Metadata } from './metadata.ts';
import { Qcow2Node } from './node.ts';
import { repairDirty } from './repair.ts';
import { SnapshotTable } from './snapshots.ts';

/** Reads the first cluster, or what there is of it. */
async function firstCluster(file: BlockNode): Promise<Uint8Array> {
  const probe = new Uint8Array(512);
  await file.read(0, probe);
  const data = view(probe);
  const bits = data.getUint32(20);
  if (data.getUint32(0) !== QCOW2_MAGIC || bits < 9 || bits > 21) return probe;
  const cluster = new Uint8Array(2 ** bits);
  await file.read(0, cluster);
  return cluster;
}

/** Sizes of caches that there are none of here: read, without effect. */
const CACHE_SIZES = ['cache-size', 'l2-cache-size', 'refcount-cache-size'];

/** Switches of checks that are always made, and of discards that pass anyway. */
const SWITCHES = [
  'pass-discard-request',
  'pass-discard-snapshot',
  'pass-discard-other',
  'overlap-check.main-header',
  'overlap-check.active-l1',
  'overlap-check.active-l2',
  'overlap-check.refcount-table',
  'overlap-check.refcount-block',
  'overlap-check.snapshot-table',
  'overlap-check.inactive-l1',
  'overlap-check.inactive-l2',
];

const OVERLAP_CHECKS = ['none', 'constant', 'cached', 'all'];
const OVERLAP_OPTIONS = ['overlap-check', 'overlap-check.template'];

export const qcow2Driver: Driver = {
  name: 'qcow2',
  kind: 'format',
  probe: head => {
    const data = view(head);
    const version = head.length >= 8 ? data.getUint32(4) : 0;
    return head.length >= 8 && data.getUint32(0) === QCOW2_MAGIC && version >= 2 ? 100 : 0;
  },
  open: openQcow2,
  changeable: [...CACHE_SIZES, ...SWITCHES, ...OVERLAP_OPTIONS, 'lazy-refcounts'],
};

/** Options without effect are checked all the same. */
function takeTuning(options: Options): void {
  for (const name of CACHE_SIZES) options.takeSize(name);
  for (const name of SWITCHES) options.takeBool(name);
  for (const name of OVERLAP_OPTIONS) {
    const value = options.take(name) ?? 'none';
    if (OVERLAP_CHECKS.includes(value)) continue;
    throw new UserError(
      `Unsupported value '${value}' for qcow2 option 'overlap-check'. ` +
        `Allowed are any of the following: ${OVERLAP_CHECKS.join(', ')}`,
    );
  }
}

async function openQcow2(request: OpenRequest): Promise<Qcow2Node> {
  const { file, flags, options, deviceName } = request;
  if (file === undefined) throw new UserError('A block device must be specified for "file"');
  const bytes = await firstCluster(file);
  const header = parseHeader({ bytes, fileLength: file.length, deviceName });
  const corrupt = (header.incompatible & INCOMPATIBLE_CORRUPT) !== 0;
  if (corrupt && !flags.readOnly && flags.forCheck !== true) {
    throw new UserError('qcow2: Image is corrupt; cannot be opened read/write');
  }
  if (header.encrypted) refuseEncrypted('qcow2', request.context);
  const { metadata, snapshots } = await readTables(file, header, bytes, request.context.host);
  takeTuning(options);
  const lazy = options.takeBool('lazy-refcounts');
  if (lazy === true && header.version === 2) {
    throw new UserError(
      'Lazy refcounts require a qcow2 image with at least qemu 1.1 compatibility level',
    );
  }
  const node = new Qcow2Node({
    filename: request.filename,
    file,
    readOnly: flags.readOnly,
    metadata,
    snapshots,
    context: request.context,
    deviceName,
    lazyRefcounts: lazy ?? hasLazyRefcounts(header),
  });
  if (flags.readOnly || header.version === 2) return node;
  await clearAutoclear(node, header, bytes);
  const isDirty = (header.incompatible & INCOMPATIBLE_DIRTY) !== 0;
  if (isDirty && flags.forCheck !== true) await repairDirty(node);
  return node;
}

/** What is always needed; the rest of large tables is read when it is. */
async function readTables(file: BlockNode, header: Header, bytes: Uint8Array, host: BlockHost) {
  const metadata = new Metadata(file, header, bytes.slice(0, 512), tableBudget(host));
  try {
    if (header.l1Size > 0) await metadata.l1.page(0);
    await file.debugEvent?.('reftable_load');
    await metadata.reftable.page(0);
    return { metadata, snapshots: await readSnapshots(file, header) };
  } catch (error) {
    metadata.drop();
    throw error;
  }
}

function readSnapshots(file: BlockNode, header: Header): Promise<SnapshotTable> {
  return SnapshotTable.read(file, {
    offset: header.snapshotsOffset,
    count: header.snapshotCount,
    diskSize: header.size,
  });
}

/** Reads everything again: another process had the image. Nothing may be under way. */
export async function reloadQcow2(node: Qcow2Node, deviceName: string): Promise<void> {
  const { file } = node;
  const bytes = await firstCluster(file);
  const header = parseHeader({ bytes, fileLength: file.length, deviceName });
  const { metadata, snapshots } = await readTables(file, header, bytes, node.host);
  node.adopt(metadata, snapshots);
}

/** What we do not know, a repair included, we may put out of date: bitmaps, for one. */
async function clearAutoclear(node: Qcow2Node, header: Header, bytes: Uint8Array): Promise<void> {
  const data = view(bytes);
  const autoclear =
    data.getUint32(FIELD.autoclear) !== 0 || data.getUint32(FIELD.autoclear + 4) !== 0;
  if (autoclear) await node.metadata.setIncompatible(header.incompatible);
}

function hasLazyRefcounts(header: Header): boolean {
  return (header.compatible & COMPATIBLE_LAZY_REFCOUNTS) !== 0;
}
