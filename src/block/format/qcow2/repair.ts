/**
 * Checking a qcow2 image, and repairing what refcounts and flags say wrongly.
 *
 * References are the truth: tables and data stay, counts and COPIED flags follow. Counts go up
 * before flags change, and down last, so a repair that is cut short makes nothing worse. Damaged
 * refcount structures are rebuilt from nothing (rebuild.ts).
 */

import { UserError } from '../../../error.ts';
import { BlockError } from '../../backend.ts';
import type { CheckResult, Repair } from '../../check-result.ts';
import { Counts } from './counts.ts';
import { get64, INCOMPATIBLE_CORRUPT, INCOMPATIBLE_DIRTY } from './layout.ts';
import type { Qcow2Node } from './node.ts';
import { rebuildRefcounts } from './rebuild.ts';
import { References, rootsOf } from './references.ts';

interface Comparison {
  readonly leaks: number;
  readonly errors: number;
  /** Something in use counts as free: putting that right needs room that may be in use, too. */
  readonly mustRebuild: boolean;
  readonly highest: number;
}

/** `say` is told what is found, line by line. */
export async function checkQcow2(
  node: Qcow2Node,
  repair: Repair,
  say: (line: string) => void,
): Promise<CheckResult> {
  const references = await countReferences(node, say);
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
  const lasting = references.corruptions + references.flaws;
  const corruptions = lasting + broken + found.errors + flags - corruptionsFixed;
  if (repair !== 'none' && failure === undefined && corruptions === 0) await clearFlags(node);
  const { clusterSize } = node.metadata;
  return {
    checkErrors: 0,
    failure,
    corruptions,
    leaks: found.leaks - leaksFixed,
    corruptionsFixed,
    leaksFixed,
    imageEndOffset: (found.highest + 1) * clusterSize,
    totalClusters: Math.ceil(node.length / clusterSize),
    allocatedClusters: references.allocated,
    fragmentedClusters: references.fragmented,
    compressedClusters: references.compressed,
  };
}

/** Everything but the refcount structures' own clusters. */
async function countReferences(node: Qcow2Node, say: (line: string) => void): Promise<References> {
  const { metadata, snapshots } = node;
  const { header, clusterSize } = metadata;
  const references = new References(node, say);
  references.add(0, clusterSize);
  await references.addRoots(rootsOf(node));
  references.addNamed('snapshot table', header.snapshotsOffset, snapshots.byteLength);
  return references;
}

/** Counts refcount table and blocks; resolves with the number of entries that are wrong. */
async function checkRefcountTables(node: Qcow2Node, references: References): Promise<number> {
  const { header, clusterSize } = node.metadata;
  const tableBytes = header.reftableClusters * clusterSize;
  references.addNamed('refcount table', header.reftableOffset, tableBytes);
  let wrong = 0;
  const bad = (index: number, text: string): void => {
    references.say(`ERROR refcount block ${index} ${text}`);
    wrong++;
  };
  await node.metadata.reftable.scan(({ first, data }) => {
    for (let at = 0; at < data.byteLength; at += 8) {
      const offset = get64(data, at);
      const index = first + at / 8;
      if (offset === 0) continue;
      if (offset % clusterSize !== 0) {
        bad(index, 'is not cluster aligned; refcount table entry corrupted');
        continue;
      }
      const isInside = references.add(offset, clusterSize);
      const count = references.counts.get(offset / clusterSize);
      if (!isInside) bad(index, 'is outside image');
      else if (count !== 1) bad(index, `refcount=${count}`);
    }
  });
  return wrong;
}

type Mode = 'report' | 'leaks' | 'all';

async function compare(node: Qcow2Node, references: References, mode: Mode): Promise<Comparison> {
  const found = { leaks: 0, errors: 0, mustRebuild: false, highest: 0 };
  const { say } = references;
  for await (const range of blocksToCompare(node, references)) {
    compareBlock(references, range, (cluster, stored, counted) => {
      const leak = stored > counted;
      if (stored === 0) found.mustRebuild = true;
      if (leak) found.leaks++;
      else found.errors++;
      const repaired = mode === 'all' || (mode === 'leaks' && leak);
      const word = repaired ? 'Repairing' : leak ? 'Leaked' : 'ERROR';
      if (mode !== 'report' && !repaired) return;
      say(`${word} cluster ${cluster} refcount=${stored} reference=${counted}`);
    });
    found.highest = Math.max(found.highest, highestIn(references, range));
  }
  return found;
}

/** What is stored about clusters from `first` on, up to `end`. */
interface StoredCounts {
  readonly first: number;
  readonly end: number;
  /** Undefined where no block is, so that nothing counts as used. */
  readonly block: DataView | undefined;
}

/** Refcount blocks that are there, or would have to be; each good until the next. */
async function* blocksToCompare(
  node: Qcow2Node,
  references: References,
): AsyncGenerator<StoredCounts> {
  const { perBlock } = node.refcounts;
  const { counts } = references;
  const known = node.metadata.reftable.entries;
  const inside = Math.min(known, Math.ceil(counts.length / perBlock));
  const at = async (index: number): Promise<StoredCounts> => {
    const first = index * perBlock;
    const block = await node.refcounts.blockAt(index);
    return { first, end: Math.min(first + perBlock, counts.length), block };
  };
  for (let index = 0; index < inside; index++) {
    const first = index * perBlock;
    const entry = node.metadata.reftableEntry(index);
    const there = (typeof entry === 'number' ? entry : await entry) !== 0;
    if (there || counts.mayHave(first, first + perBlock)) yield at(index);
  }
  for (const first of counts.ranges(perBlock)) {
    if (first / perBlock >= known) yield at(first / perBlock);
  }
}

/** Tells of each cluster whose count is not the number of references. */
function compareBlock(
  { counts }: References,
  { first, end, block }: StoredCounts,
  differs: (cluster: number, stored: number, counted: number) => void,
): void {
  for (let cluster = first; cluster < end; ) {
    const next = counts.runEnd(cluster, end);
    const counted = counts.get(cluster);
    for (; cluster < next; cluster++) {
      const stored = block?.getUint16((cluster - first) * 2) ?? 0;
      if (stored !== counted) differs(cluster, stored, counted);
    }
  }
}

/** The last cluster in use by either account; 0 when there is none. */
function highestIn({ counts }: References, { first, end, block }: StoredCounts): number {
  for (let cluster = end - 1; cluster >= first; cluster--) {
    const stored = block?.getUint16((cluster - first) * 2) ?? 0;
    if (stored > 0 || counts.get(cluster) > 0) return cluster;
  }
  return 0;
}

interface Fixed {
  readonly leaks: number;
  readonly corruptions: number;
  readonly failure?: string;
}

/** Refcount table and blocks that a new set will replace, and nobody else refers to. */
async function oldStructures(node: Qcow2Node, references: References): Promise<Counts> {
  const { header, clusterSize } = node.metadata;
  const own = new Counts(0);
  const note = (cluster: number): void => {
    if (cluster > 0 && references.counts.get(cluster) === 1) own.set(cluster, 1);
  };
  const first = header.reftableOffset / clusterSize;
  for (let i = 0; i < header.reftableClusters; i++) note(first + i);
  await node.metadata.reftable.scan(({ data }) => {
    for (let at = 0; at < data.byteLength; at += 8) note(get64(data, at) / clusterSize);
  });
  return own;
}

async function fix(
  node: Qcow2Node,
  references: References,
  what: Comparison & { readonly broken: number; readonly all: boolean },
): Promise<Fixed> {
  const { say } = references;
  if (what.broken > 0 || what.mustRebuild) {
    if (!what.all) {
      say('ERROR need to rebuild refcount structures');
      return { leaks: 0, corruptions: 0, failure: 'Input/output error' };
    }
    say('Rebuilding refcount structure');
    const old = await oldStructures(node, references);
    await rebuildRefcounts(node, references);
    for (const c of old.used()) say(`Repairing cluster ${c} refcount=1 reference=0`);
    return { leaks: what.leaks, corruptions: what.broken + what.errors };
  }
  await compare(node, references, what.all ? 'all' : 'leaks');
  if (what.all && what.errors > 0) await correct(node, references, 'errors');
  if (what.leaks > 0) await correct(node, references, 'leaks');
  return { leaks: what.leaks, corruptions: what.all ? what.errors : 0 };
}

/** Makes counts what they should be, and brings them to the file. */
async function correct(
  node: Qcow2Node,
  references: References,
  which: 'errors' | 'leaks',
): Promise<void> {
  for await (const range of blocksToCompare(node, references)) {
    const wrong: number[] = [];
    compareBlock(references, range, (cluster, stored, counted) => {
      if (stored > counted === (which === 'leaks')) wrong.push(cluster);
    });
    for (const cluster of wrong) {
      await node.refcounts.store(cluster, references.counts.get(cluster));
    }
    if (node.metadata.isFull) await node.metadata.makeRoom();
  }
  await node.metadata.commit();
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
  const say = (line: string): void => node.warn(line);
  let failure: string | undefined;
  try {
    ({ failure } = await node.exclusiveUnmapped(() => checkQcow2(node, 'all', say)));
  } catch (error) {
    if (!(error instanceof BlockError)) throw error;
    failure = error.message;
  }
  if (failure !== undefined) throw new UserError(`Could not repair dirty image: ${failure}`);
}
