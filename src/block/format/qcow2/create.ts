/**
 * Making an empty qcow2 image: header, refcount table, refcount block, L1 table, in that order.
 */

import { UserError } from '../../../error.ts';
import type { BlockNode } from '../../node.ts';
import { fillZeroes } from '../../request.ts';
import {
  COMPATIBLE_LAZY_REFCOUNTS,
  type Header,
  l1EntriesFor,
  MAX_L1_BYTES,
  serializeHeader,
  set64,
  view,
} from './layout.ts';
import type { Qcow2Node } from './node.ts';

export type Preallocation = 'off' | 'metadata' | 'falloc' | 'full';

export interface Qcow2Settings {
  /** In bytes. */
  readonly size: number;
  readonly version: 2 | 3;
  readonly clusterSize: number;
  readonly encrypted: boolean;
  readonly lazyRefcounts: boolean;
  readonly backingFile: string;
  readonly backingFormat: string | undefined;
}

/** Refuses what cannot be made. */
export function checkSettings(settings: Qcow2Settings): void {
  const bits = Math.log2(settings.clusterSize);
  if (!Number.isInteger(bits) || bits < 9 || bits > 21) {
    throw new UserError('Cluster size must be a power of two between 512 and 2048k');
  }
  if (settings.version === 2 && settings.lazyRefcounts) {
    throw new UserError(
      'Lazy refcounts only supported with compatibility level 1.1 and above ' +
        '(use compat=1.1 or greater)',
    );
  }
  if (l1EntriesFor(settings.size, bits) > MAX_L1_BYTES / 8) {
    throw new UserError('Could not resize image: File too large');
  }
  // A name that is too long for the first cluster.
  serializeHeader(headerOf(settings, placesOf(settings)));
}

/** Where things are in an empty image, in clusters but for the last. */
interface Places {
  readonly tableClusters: number;
  readonly blocks: number;
  readonly used: number;
  readonly l1Size: number;
  readonly l1Offset: number;
}

function placesOf({ clusterSize, size }: Qcow2Settings): Places {
  const l1Size = l1EntriesFor(Math.ceil(size / 512) * 512, Math.log2(clusterSize));
  const l1Clusters = Math.ceil((l1Size * 8) / clusterSize);
  const perBlock = clusterSize / 2;
  let blocks = 1;
  let tableClusters = 1;
  let used = 0;
  for (;;) {
    used = 1 + tableClusters + blocks + l1Clusters;
    if (blocks * perBlock >= used) break;
    blocks = Math.ceil(used / perBlock);
    tableClusters = Math.ceil((blocks * 8) / clusterSize);
  }
  const l1Offset = (1 + tableClusters + blocks) * clusterSize;
  return { tableClusters, blocks, used, l1Size, l1Offset };
}

function headerOf(settings: Qcow2Settings, places: Places): Header {
  const { clusterSize } = settings;
  return {
    version: settings.version,
    clusterBits: Math.log2(clusterSize),
    size: Math.ceil(settings.size / 512) * 512,
    encrypted: settings.encrypted,
    l1Size: places.l1Size,
    l1Offset: places.l1Size === 0 ? 0 : places.l1Offset,
    reftableOffset: clusterSize,
    reftableClusters: places.tableClusters,
    snapshotCount: 0,
    snapshotsOffset: 0,
    incompatible: 0,
    compatible: settings.lazyRefcounts ? COMPATIBLE_LAZY_REFCOUNTS : 0,
    backingFile: settings.backingFile,
    backingOffset: 0,
    backingFormat: settings.backingFormat,
    unknownExtensions: [],
    unknownFields: new Uint8Array(0),
  };
}

/** Writes an empty image into an empty file. */
export async function createQcow2(file: BlockNode, settings: Qcow2Settings): Promise<void> {
  checkSettings(settings);
  const { clusterSize } = settings;
  const places = placesOf(settings);
  const { tableClusters, blocks, used, l1Size, l1Offset } = places;
  const bytes = serializeHeader(headerOf(settings, places));
  const table = new Uint8Array(tableClusters * clusterSize);
  const counts = new Uint8Array(blocks * clusterSize);
  for (let i = 0; i < blocks; i++) {
    set64(view(table), i * 8, (1 + tableClusters + i) * clusterSize);
  }
  for (let i = 0; i < used; i++) view(counts).setUint16(i * 2, 1);
  await file.write(clusterSize, table);
  await file.write((1 + tableClusters) * clusterSize, counts);
  const l1Bytes = Math.ceil((l1Size * 8) / 512) * 512;
  await fillZeroes(file, l1Offset, l1Bytes);
  await file.flush();
  await file.write(0, bytes);
  await file.flush();
}

/** Gives every cluster a place at once; `falloc` and `full` also write zeros there. */
export async function preallocate(node: Qcow2Node, mode: Preallocation): Promise<void> {
  if (mode === 'off') return;
  const how = mode === 'metadata' ? 'bare' : 'zeroed';
  const { metadata, writer } = node;
  // One table at a time, so that finished ones can go to the file.
  const step = metadata.l2Coverage;
  let end = 0;
  for (let at = 0; at < node.length; at += step) {
    const part = Math.min(step, node.length - at);
    end = Math.max(end, await node.exclusive(() => writer.preallocate(at, part, how)));
  }
  await node.exclusive(async () => {
    if (end > node.file.length) await node.file.truncate(end);
    metadata.highWater = Math.max(metadata.highWater, end);
    await metadata.commit();
  });
}
