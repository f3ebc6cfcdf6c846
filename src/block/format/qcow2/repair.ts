/**
 * Checking a qcow2 image, and repairing what refcounts and flags say wrongly.
 *
 * References are the truth: tables and data stay, counts and COPIED flags follow. Counts go up
 * before flags change, and down last, so a repair that is cut short makes nothing worse. Damaged
 * refcount structures are rebuilt from nothing (rebuild.ts).
 */

import { UserError } from '../../../error.ts';
import type { CheckResult, Repair } from '../../check-result.ts';
import { INCOMPATIBLE_CORRUPT, INCOMPATIBLE_DIRTY } from './layout.ts';
import type { Qcow2Node } from './node.ts';
import { rebuildRefcounts } from './rebuild.ts';
import { References, rootsOf } from './references.ts';
import { serializeSnapshots } from './snapshots.ts';

interface Comparison {
  readonly leaks: number[];
  readonly errors: number[];
  /** Something in use counts as free: putting that right needs room that may be in use, too. */
  readonly mustRebuild: boolean;
  readonly highest: number;
}

export async function checkQcow2(node: Qcow2Node, repair: Repair): Promise<CheckResult> {
  const references = await countReferences(node);
  const broken = await checkRefcountTables(node, references);
  const found = await compare(node, references, 'report');
  let leaksFixed = 0;
  let corruptionsFixed = 0;
  let failure: string | undefined;
  if (repair !== 'none') {
    const fixed = await fix(node, references, { ...found, broken, all: repair === 'all' });
    leaksFixed = fixed.leaks;
    corruptionsFixed = fixed.corruptions;
    failure = fixed.failure;
  }
  const count = (cluster: number): number | Promise<number> => node.refcounts.get(cluster);
  const flags = failure === undefined ? await references.checkCopied(count, repair === 'all') : 0;
  if (repair === 'all') {
    corruptionsFixed += flags;
    await node.metadata.commit();
  }
  const corruptions =
    references.corruptions + broken + found.errors.length + flags - corruptionsFixed;
  if (repair !== 'none' && failure === undefined && corruptions === 0) await clearFlags(node);
  const { clusterSize } = node.metadata;
  return {
    checkErrors: 0,
    failure,
    corruptions,
    leaks: found.leaks.length - leaksFixed,
    corruptionsFixed,
    leaksFixed,
    imageEndOffset: (found.highest + 1) * clusterSize,
    totalClusters: Math.ceil(node.length / clusterSize),
    allocatedClusters: references.allocated,
    fragmentedClusters: references.fragmented,
    compressedClusters: references.compressed,
    messages: references.messages,
  };
}

/** Everything but the refcount structures' own clusters. */
export async function countReferences(node: Qcow2Node): Promise<References> {
  const { metadata, snapshots } = node;
  const { header, clusterSize } = metadata;
  const references = new References(node);
  references.add(0, clusterSize);
  await references.addRoots(rootsOf(node, snapshots));
  const tableBytes = snapshots.length === 0 ? 0 : serializeSnapshots(snapshots).length;
  references.addNamed('snapshot table', header.snapshotsOffset, tableBytes);
  return references;
}

/** Counts refcount table and blocks; resolves with the number of entries that are wrong. */
async function checkRefcountTables(node: Qcow2Node, references: References): Promise<number> {
  const { header, clusterSize } = node.metadata;
  const tableBytes = header.reftableClusters * clusterSize;
  references.addNamed('refcount table', header.reftableOffset, tableBytes);
  const entries = header.reftableClusters * (clusterSize / 8);
  let wrong = 0;
  for (let i = 0; i < entries; i++) {
    const offset = node.metadata.reftableEntry(i);
    if (offset === 0) continue;
    if (offset % clusterSize !== 0) {
      const text = 'is not cluster aligned; refcount table entry corrupted';
      references.messages.push(`ERROR refcount block ${i} ${text}`);
      wrong++;
    } else if (!references.add(offset, clusterSize)) {
      references.messages.push(`ERROR refcount block ${i} is outside image`);
      wrong++;
    } else if (references.counts.get(offset / clusterSize) !== 1) {
      const count = references.counts.get(offset / clusterSize);
      references.messages.push(`ERROR refcount block ${i} refcount=${count}`);
      wrong++;
    }
  }
  return wrong;
}

async function compare(
  node: Qcow2Node,
  references: References,
  mode: 'report' | 'leaks' | 'all',
): Promise<Comparison> {
  const found = { leaks: [], errors: [], mustRebuild: false, highest: 0 };
  for (const index of blocksToCompare(node, references)) {
    compareBlock(references, await node.refcounts.blockAt(index), {
      first: index * node.refcounts.perBlock,
      perBlock: node.refcounts.perBlock,
      mode,
      found,
    });
  }
  return found;
}

/** Refcount blocks that are there, or would have to be. */
function* blocksToCompare(node: Qcow2Node, references: References): Generator<number> {
  const { perBlock } = node.refcounts;
  const { counts } = references;
  const known = node.metadata.reftable.byteLength / 8;
  const inside = Math.min(known, Math.ceil(counts.length / perBlock));
  for (let index = 0; index < inside; index++) {
    const first = index * perBlock;
    const there = node.metadata.reftableEntry(index) !== 0;
    if (there || counts.mayHave(first, first + perBlock)) yield index;
  }
  for (const first of counts.ranges(perBlock)) {
    if (first / perBlock >= known) yield first / perBlock;
  }
}

interface BlockComparison {
  readonly first: number;
  readonly perBlock: number;
  readonly mode: 'report' | 'leaks' | 'all';
  readonly found: { leaks: number[]; errors: number[]; mustRebuild: boolean; highest: number };
}

function compareBlock(
  references: References,
  block: DataView | undefined,
  { first, perBlock, mode, found }: BlockComparison,
): void {
  const { counts } = references;
  const end = Math.min(first + perBlock, counts.length);
  for (let cluster = first; cluster < end; cluster++) {
    const counted = counts.get(cluster);
    const stored = block?.getUint16((cluster - first) * 2) ?? 0;
    if (stored > 0 || counted > 0) found.highest = cluster;
    if (stored === counted) continue;
    const leak = stored > counted;
    if (stored === 0) found.mustRebuild = true;
    (leak ? found.leaks : found.errors).push(cluster);
    const repaired = mode === 'all' || (mode === 'leaks' && leak);
    const word = repaired ? 'Repairing' : leak ? 'Leaked' : 'ERROR';
    if (mode === 'report' || repaired) {
      references.messages.push(
        `${word} cluster ${cluster} refcount=${stored} reference=${counted}`,
      );
    }
  }
}

interface Fixed {
  readonly leaks: number;
  readonly corruptions: number;
  readonly failure?: string;
}

/** What is to be said about a refcount table and blocks that a new set has replaced. */
async function oldStructures(node: Qcow2Node, references: References): Promise<string[]> {
  const { header, clusterSize } = node.metadata;
  const clusters = new Set<number>();
  const first = header.reftableOffset / clusterSize;
  for (let i = 0; i < header.reftableClusters; i++) clusters.add(first + i);
  const entries = header.reftableClusters * (clusterSize / 8);
  for (let i = 0; i < entries; i++) clusters.add(node.metadata.reftableEntry(i) / clusterSize);
  const own = [...clusters].filter(c => c > 0 && references.counts.get(c) === 1);
  return own.sort((a, b) => a - b).map(c => `Repairing cluster ${c} refcount=1 reference=0`);
}

async function fix(
  node: Qcow2Node,
  references: References,
  what: Comparison & { readonly broken: number; readonly all: boolean },
): Promise<Fixed> {
  if (what.broken > 0 || what.mustRebuild) {
    if (!what.all) {
      references.messages.push('ERROR need to rebuild refcount structures');
      return { leaks: 0, corruptions: 0, failure: 'Input/output error' };
    }
    references.messages.push('Rebuilding refcount structure');
    const old = await oldStructures(node, references);
    await rebuildRefcounts(node, references);
    references.messages.push(...old);
    const corruptions = what.broken + what.errors.length;
    return { leaks: what.leaks.length, corruptions };
  }
  await compare(node, references, what.all ? 'all' : 'leaks');
  if (what.all) {
    for (const cluster of what.errors) {
      await node.refcounts.store(cluster, references.counts.get(cluster));
    }
    await node.metadata.commit();
  }
  for (const cluster of what.leaks) {
    await node.refcounts.store(cluster, references.counts.get(cluster));
  }
  await node.metadata.commit();
  return { leaks: what.leaks.length, corruptions: what.all ? what.errors.length : 0 };
}

async function clearFlags(node: Qcow2Node): Promise<void> {
  const { header } = node.metadata;
  const bits = header.incompatible & ~(INCOMPATIBLE_DIRTY | INCOMPATIBLE_CORRUPT);
  if (header.version === 3 && bits !== header.incompatible) {
    await node.metadata.setIncompatible(bits);
  }
}

/** An image that was not closed properly by a writer with lazy refcounts. */
export async function repairDirty(node: Qcow2Node): Promise<void> {
  const result = await node.exclusiveUnmapped(() => checkQcow2(node, 'all'));
  for (const message of result.messages) node.warn(message);
  if (result.failure !== undefined) {
    throw new UserError(`Could not repair dirty image: ${result.failure}`);
  }
}
