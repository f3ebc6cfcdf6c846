/**
 * `mirror`: copies a drive to another image while the guest goes on writing, until both hold the
 * same; then, when told, the drive changes over. Active commit is a mirror into a backing file.
 */

import { chainStatus } from '../chain.ts';
import type { BlockNode } from '../node.ts';
import { DirtyBitmap } from './dirty-bitmap.ts';
import { CopyError, type Job, type OnError, sided } from './job.ts';

const GRANULARITY = 65536;
const SMALLEST = 4096;
const COPY_BYTES = 1024 * 1024;

export interface MirrorPlan {
  readonly target: BlockNode;
  /** What of the drive's chain is copied: all, the images above `base`, or new writes only. */
  readonly sync: 'full' | 'top' | 'none';
  /** For active commit: the image that is the target. */
  readonly base?: BlockNode;
  readonly granularity?: number;
  readonly onSourceError: OnError;
  readonly onTargetError: OnError;
  /** The drive runs on the target from now on; the old chain is handed back to be closed. */
  readonly changeOver: (old: BlockNode) => Promise<void>;
}

/** As large as the target's clusters, if those are of a usual size. */
function granularityFor({ granularity, target }: MirrorPlan): number {
  if (granularity !== undefined) return granularity;
  const { clusterSize } = target.details();
  return clusterSize === undefined
    ? GRANULARITY
    : Math.min(GRANULARITY, Math.max(SMALLEST, clusterSize));
}

export async function mirror(job: Job, plan: MirrorPlan): Promise<void> {
  const { drive } = job;
  const source = drive.node;
  if (source === undefined) return;
  const bitmap = new DirtyBitmap(source.length, granularityFor(plan));
  const onWrite = (offset: number, length: number): void => {
    bitmap.mark(offset, length);
    job.nudge();
  };
  drive.writeListeners.add(onWrite);
  drive.dirtyBitmaps.add(bitmap);
  let swapped = false;
  try {
    await markInitial(job, source, bitmap, plan);
    swapped = await follow(job, source, bitmap, plan);
    if (swapped) await plan.changeOver(source);
  } finally {
    drive.writeListeners.delete(onWrite);
    drive.dirtyBitmaps.delete(bitmap);
    if (!swapped && plan.base === undefined) await plan.target.close();
  }
}

/** Keeps the target equal until told to change over (true) or to stop. */
async function follow(
  job: Job,
  source: BlockNode,
  bitmap: DirtyBitmap,
  plan: MirrorPlan,
): Promise<boolean> {
  for (;;) {
    await persist(job, plan, () => copyUntilClean(job, source, bitmap, plan.target));
    job.announceReady();
    if (job.wasCancelled) {
      await plan.target.flush();
      return false;
    }
    if (job.shallComplete) {
      if (await changeOver(job, source, bitmap, plan)) return true;
    } else if (bitmap.count === 0) await job.sleepUntilTold();
  }
}

/** With the guest's requests held back: the last pieces, and the target takes the drive's place. */
async function changeOver(
  job: Job,
  source: BlockNode,
  bitmap: DirtyBitmap,
  plan: MirrorPlan,
): Promise<boolean> {
  const release = await job.drive.drain();
  try {
    await copyUntilClean(job, source, bitmap, plan.target);
    await sided('write', plan.target.flush());
    job.drive.swap(plan.target);
    return true;
  } catch (error) {
    decide(job, plan, error);
    return false;
  } finally {
    release();
  }
}

/** Throws what ends the job. */
function decide(job: Job, plan: MirrorPlan, error: unknown): void {
  if (!(error instanceof CopyError)) throw error;
  const { operation, why } = error;
  const onError = operation === 'read' ? plan.onSourceError : plan.onTargetError;
  if (job.decide(why, onError, operation) === 'report') throw why;
}

/** Tries until it works, or until a failure is one that ends the job. */
async function persist(job: Job, plan: MirrorPlan, work: () => Promise<void>): Promise<void> {
  for (;;) {
    try {
      return await work();
    } catch (error) {
      decide(job, plan, error);
      await job.breathe(0);
    }
  }
}

/** The pieces to copy at first. */
async function markInitial(
  job: Job,
  source: BlockNode,
  bitmap: DirtyBitmap,
  plan: MirrorPlan,
): Promise<void> {
  if (plan.sync === 'none') return;
  const base = plan.base ?? (plan.sync === 'top' ? source.backing : undefined);
  for (let at = 0; at < source.length; ) {
    const extent = await chainStatus(source, base, at, source.length - at);
    const wanted = plan.sync === 'full' || extent.owner !== undefined;
    if (wanted) bitmap.mark(at, extent.length);
    at += extent.length;
    await job.breathe(0);
  }
  job.len = bitmap.bytes;
}

async function copyUntilClean(
  job: Job,
  source: BlockNode,
  bitmap: DirtyBitmap,
  target: BlockNode,
): Promise<void> {
  let from = 0;
  for (;;) {
    const at = bitmap.next(from);
    job.len = job.offset + bitmap.bytes;
    if (at === undefined) return;
    const length = takeRun(bitmap, at, source.length);
    try {
      await copyPiece(source, target, at, length);
    } catch (error) {
      bitmap.mark(at, length);
      throw error;
    }
    job.offset += length;
    job.len = job.offset + bitmap.bytes;
    from = at + length;
    if (!job.shallComplete) await job.breathe(length);
  }
}

/** Clears a run of dirty pieces before they are read: writes from now on mark them again. */
function takeRun(bitmap: DirtyBitmap, start: number, total: number): number {
  let end = start;
  while (end < total && end - start < COPY_BYTES && bitmap.isDirty(end)) {
    bitmap.clear(end);
    end += bitmap.granularity;
  }
  return Math.min(end, total) - start;
}

async function copyPiece(
  source: BlockNode,
  target: BlockNode,
  offset: number,
  length: number,
): Promise<void> {
  for (let done = 0; done < length; ) {
    const at = offset + done;
    const extent = await sided('read', chainStatus(source, undefined, at, length - done));
    if (extent.zero) await sided('write', target.writeZeroes(at, extent.length, true));
    else {
      const bytes = new Uint8Array(extent.length);
      await sided('read', source.read(at, bytes));
      await sided('write', target.write(at, bytes));
    }
    done += extent.length;
  }
}
