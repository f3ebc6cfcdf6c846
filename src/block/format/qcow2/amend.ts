/**
 * Changes of a qcow2 image's header: backing file, version, lazy refcounts.
 *
 * The header's first sector is written last and in one piece; a backing file name goes to a place
 * that the old header does not use, so either name is whole at any instant.
 */

import { UserError } from '../../../error.ts';
import { BlockError } from '../../backend.ts';
import { expandInactive } from './expand.ts';
import {
  COMPATIBLE_LAZY_REFCOUNTS,
  type Header,
  INCOMPATIBLE_DIRTY,
  serializeHeader,
  stringToBytes,
} from './layout.ts';
import type { Qcow2Node } from './node.ts';

const SECTOR = 512;

/** Writes the header anew. Under the lock, nothing else pending. */
async function rewriteHeader(node: Qcow2Node, old: { start: number; end: number }): Promise<void> {
  const { metadata } = node;
  const bytes = serializeHeader(metadata.header, old);
  const before = new Uint8Array(metadata.clusterSize);
  await node.file.read(0, before);
  const from = Math.max(SECTOR, old.start);
  if (old.end > from) bytes.set(before.subarray(from, old.end), from);
  const name = stringToBytes(metadata.header.backingFile);
  bytes.set(name, metadata.header.backingOffset);
  if (bytes.length > SECTOR) await metadata.writeAt(SECTOR, bytes.subarray(SECTOR));
  await node.file.flush();
  await metadata.writeAt(0, bytes.subarray(0, SECTOR));
  await node.file.flush();
  metadata.replaceHeaderSector(bytes.slice(0, SECTOR));
}

function nameRange(header: Header): { start: number; end: number } {
  const length = stringToBytes(header.backingFile).length;
  return { start: header.backingOffset, end: header.backingOffset + length };
}

/** Stores another backing file name; an empty one detaches the image. */
export function setBacking(
  node: Qcow2Node,
  filename: string,
  format: string | undefined,
): Promise<void> {
  return node.exclusive(async () => {
    await node.settle();
    const { header } = node.metadata;
    const old = nameRange(header);
    const saved = { ...header };
    header.backingFile = filename;
    header.backingFormat = filename === '' ? undefined : format;
    try {
      if (stringToBytes(filename).length > 1023) throw new UserError('Backing file name too long');
      await rewriteHeader(node, old);
    } catch (error) {
      Object.assign(header, saved);
      if (error instanceof UserError) throw new BlockError('ENOSPC', 'No space left on device');
      throw error;
    }
  });
}

export interface Amendments {
  readonly version?: 2 | 3;
  readonly lazyRefcounts?: boolean;
  readonly backingFile?: string;
  readonly backingFormat?: string;
  readonly size?: number;
}

/** Changes what can be changed in a finished image; progress is in entries of L1 tables. */
export async function amendQcow2(
  node: Qcow2Node,
  wanted: Amendments,
  progress: (done: number, total: number) => void,
): Promise<void> {
  const { header } = node.metadata;
  const version = wanted.version ?? header.version;
  if (version === 2 && wanted.lazyRefcounts === true) {
    throw new UserError(
      'Lazy refcounts only supported with compatibility level 1.1 and above ' +
        '(use compat=1.1 or greater)',
    );
  }
  if (wanted.size !== undefined) node.checkSize(wanted.size);
  if (version === 3 && header.version === 2) await setVersion(node, 3);
  if (wanted.backingFile !== undefined || wanted.backingFormat !== undefined) {
    const name = wanted.backingFile ?? header.backingFile;
    await setBacking(node, name, wanted.backingFormat ?? header.backingFormat);
  }
  if (wanted.lazyRefcounts !== undefined) await setLazy(node, wanted.lazyRefcounts);
  if (wanted.size !== undefined) await node.truncate(wanted.size);
  if (version === 2 && header.version === 3) await downgrade(node, progress);
}

function setVersion(node: Qcow2Node, version: 2 | 3): Promise<void> {
  return node.exclusive(async () => {
    await node.settle();
    const old = nameRange(node.metadata.header);
    node.metadata.header.version = version;
    await rewriteHeader(node, old);
  });
}

function setLazy(node: Qcow2Node, enabled: boolean): Promise<void> {
  return node.exclusive(async () => {
    const { header } = node.metadata;
    await node.settle();
    node.lazyRefcounts = enabled;
    header.compatible = enabled
      ? header.compatible | COMPATIBLE_LAZY_REFCOUNTS
      : header.compatible & ~COMPATIBLE_LAZY_REFCOUNTS;
    node.metadata.headerChanged();
    await node.metadata.commit();
  });
}

/** Version 2 knows no zero clusters: those become clusters full of zeros, or nothing. */
async function downgrade(
  node: Qcow2Node,
  progress: (done: number, total: number) => void,
): Promise<void> {
  const { header } = node.metadata;
  if ((header.incompatible & ~INCOMPATIBLE_DIRTY) !== 0) {
    throw new BlockError('ENOTSUP', 'Operation not supported');
  }
  await node.exclusive(async () => {
    let total = header.l1Size;
    for (const { l1Size } of node.snapshots.l1Places()) total += l1Size;
    let done = 0;
    const visited = (): void => progress(++done, total);
    await expandInactive(node, visited);
    await node.writer.expandZeroes(visited);
    await node.settle();
  });
  header.compatible = 0;
  header.incompatible = 0;
  await setVersion(node, 2);
}
