/**
 * `backup`: a copy of the drive as it was when the job began. What the guest overwrites is copied
 * before the write goes through.
 */

import { chainStatus } from '../chain.ts';
import type { BlockNode } from '../node.ts';
import { RangeLock } from '../range-lock.ts';
import { DirtyBitmap } from './dirty-bitmap.ts';
import { CopyError, type Job, type OnError, sided } from './job.ts';

const CLUSTER = 65536;

export interface BackupPlan {
  readonly target: BlockNode;
  readonly sync: 'full' | 'top' | 'none';
  /** The target stays open. */
  readonly keepsTarget?: boolean;
  readonly onSourceError: OnError;
  readonly onTargetError: OnError;
}

export async function backup(job: Job, plan: BackupPlan): Promise<void> {
  const { drive } = job;
  const source = drive.node;
  if (source === undefined) return;
  const total = source.length;
  job.len = total;
  const missing = new DirtyBitmap(total, CLUSTER);
  missing.mark(0, total);
  const locks = new RangeLock();
  const copy = async (offset: number): Promise<void> => {
    const length = Math.min(CLUSTER, total - offset);
    const release = await locks.acquire(offset, length);
    try {
      if (!missing.isDirty(offset)) return;
      await copyCluster(source, plan.target, offset, length);
      missing.clear(offset);
      job.offset += length;
    } finally {
      release();
    }
  };
  drive.beforeWrite = async (offset, length) => {
    const first = offset - (offset % CLUSTER);
    try {
      for (let at = first; at < offset + length; at += CLUSTER) await copy(at);
    } catch (error) {
      throw error instanceof CopyError ? error.why : error;
    }
  };
  try {
    if (plan.sync === 'none') while (!job.wasCancelled) await waitForCancel(job);
    else await copyAll(job, source, plan, copy);
    await plan.target.flush();
  } finally {
    drive.beforeWrite = undefined;
    if (plan.keepsTarget !== true) await plan.target.close();
  }
}

async function waitForCancel(job: Job): Promise<void> {
  await job.sleepUntilTold();
  await job.breathe(0);
}

async function copyAll(
  job: Job,
  source: BlockNode,
  plan: BackupPlan,
  copy: (offset: number) => Promise<void>,
): Promise<void> {
  for (let at = 0; at < source.length; at += CLUSTER) {
    const length = Math.min(CLUSTER, source.length - at);
    if (plan.sync === 'top' && !(await heldByTop(source, at, length))) {
      await job.breathe(0);
      continue;
    }
    await persist(job, plan, () => copy(at));
    await job.breathe(length);
  }
}

/** Tries until it works, or until a failure is one that ends the job. */
async function persist(job: Job, plan: BackupPlan, work: () => Promise<void>): Promise<void> {
  for (;;) {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof CopyError)) throw error;
      const { operation, why } = error;
      const onError = operation === 'read' ? plan.onSourceError : plan.onTargetError;
      if (job.decide(why, onError, operation) === 'report') throw why;
      await job.breathe(0);
    }
  }
}

async function heldByTop(source: BlockNode, offset: number, length: number): Promise<boolean> {
  for (let at = offset; at < offset + length; ) {
    const extent = await source.status(at, offset + length - at);
    if (extent.allocated) return true;
    at += extent.length;
  }
  return false;
}

async function copyCluster(
  source: BlockNode,
  target: BlockNode,
  offset: number,
  length: number,
): Promise<void> {
  const extent = await sided('read', chainStatus(source, undefined, offset, length));
  if (extent.zero && extent.length === length) {
    return sided('write', target.writeZeroes(offset, length, true));
  }
  const bytes = new Uint8Array(length);
  await sided('read', source.read(offset, bytes));
  await sided('write', target.write(offset, bytes));
}
