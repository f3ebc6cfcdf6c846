/**
 * `mirror`: copies a drive to another image while the guest goes on writing, until both hold the
 * same; then, when told, the drive changes over. Active commit is a mirror into a backing file.
 */

import { chainStatus } from '../chain.ts';
import type { BlockNode } from '../node.ts';
import { DirtyBitmap } from './dirty-bitmap.ts';
import type { Job } from './job.ts';

const GRANULARITY = 65536;
const COPY_BYTES = 1024 * 1024;

export interface MirrorPlan {
  readonly target: BlockNode;
  /** What of the drive's chain is copied: all, the images above `base`, or new writes only. */
  readonly sync: 'full' | 'top' | 'none';
  /** For active commit: the image that is the target. */
  readonly base?: BlockNode;
  readonly granularity?: number;
  /** The drive runs on the target from now on; the old chain is handed back to be closed. */
  readonly changeOver: (old: BlockNode) => Promise<void>;
}

export async function mirror(job: Job, plan: MirrorPlan): Promise<void> {
  const { drive } = job;
  const source = drive.node;
  if (source === undefined) return;
  const bitmap = new DirtyBitmap(source.length, plan.granularity ?? GRANULARITY);
  const onWrite = (offset: number, length: number): void => {
    bitmap.mark(offset, length);
    job.nudge();
  };
  drive.writeListeners.add(onWrite);
  let swapped = false;
  try {
    await markInitial(job, source, bitmap, plan);
    await copyUntilClean(job, source, bitmap, plan.target);
    job.announceReady();
    while (!job.shallComplete && !job.wasCancelled) {
      if (bitmap.count === 0) await job.sleepUntilTold();
      await copyUntilClean(job, source, bitmap, plan.target);
    }
    if (job.wasCancelled) {
      await plan.target.flush();
      return;
    }
    const release = await drive.drain();
    try {
      await copyUntilClean(job, source, bitmap, plan.target);
      await plan.target.flush();
      drive.swap(plan.target);
      swapped = true;
    } finally {
      release();
    }
    await plan.changeOver(source);
  } finally {
    drive.writeListeners.delete(onWrite);
    if (!swapped && plan.base === undefined) await plan.target.close();
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
    const extent = await chainStatus(source, undefined, at, length - done);
    if (extent.zero) await target.writeZeroes(at, extent.length, true);
    else {
      const bytes = new Uint8Array(extent.length);
      await source.read(at, bytes);
      await target.write(at, bytes);
    }
    done += extent.length;
  }
}
