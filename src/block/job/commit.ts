/**
 * `commit`: moves what images hold down into a base. Of the active image it is a mirror into the
 * base; of an image further down, a copy and then one link less.
 */

import { chainStatus, makeWritable, overlayOf } from '../chain.ts';
import type { BlockContext } from '../driver.ts';
import type { BlockNode } from '../node.ts';
import { setBacking } from '../operations.ts';
import { letGo } from '../shared-node.ts';
import type { Job } from './job.ts';
import { mirror } from './mirror.ts';

const PIECE = 512 * 1024;

export interface CommitPlan {
  readonly top: BlockNode;
  readonly base: BlockNode;
  readonly context: BlockContext;
  /** What the image above is to say of its backing file; default the base's name. */
  readonly backingFile?: string | undefined;
}

export async function commit(job: Job, plan: CommitPlan): Promise<void> {
  const active = job.drive.node;
  if (active === undefined) return;
  const base = await makeWritable(active, plan.base, plan.context);
  if (base.length < plan.top.length) await base.truncate(plan.top.length);
  if (plan.top === active) {
    return mirror(job, {
      target: base,
      sync: 'top',
      base,
      onSourceError: 'report',
      onTargetError: 'report',
      changeOver: old => closeDownTo(old, base),
    });
  }
  job.len = plan.top.length;
  while (job.offset < plan.top.length) {
    const most = Math.min(PIECE, plan.top.length - job.offset);
    const extent = await chainStatus(plan.top, base, job.offset, most);
    if (extent.owner !== undefined) await push(plan.top, base, job.offset, extent);
    job.offset += extent.length;
    await job.breathe(extent.owner === undefined ? 0 : extent.length);
  }
  await base.flush();
  await unlink(job, active, { ...plan, base });
}

async function push(
  top: BlockNode,
  base: BlockNode,
  offset: number,
  extent: { readonly length: number; readonly zero: boolean },
): Promise<void> {
  if (extent.zero) return base.writeZeroes(offset, extent.length, true);
  const bytes = new Uint8Array(extent.length);
  await top.read(offset, bytes);
  await base.write(offset, bytes);
}

/** The image above the committed ones stands on the base from now on. */
async function unlink(job: Job, active: BlockNode, plan: CommitPlan): Promise<void> {
  const { top, base, backingFile = base.filename } = plan;
  const overlay = overlayOf(active, top);
  if (overlay === undefined) return;
  if (!overlay.readOnly) await setBacking(overlay, backingFile, base.driver);
  const release = await job.drive.drain();
  overlay.backing = base;
  release();
  await closeDownTo(top, base);
}

/** Closes the images from `top` down to, not including, `base`. */
async function closeDownTo(top: BlockNode, base: BlockNode): Promise<void> {
  for (let at: BlockNode | undefined = top; at !== undefined && at !== base; ) {
    const next: BlockNode | undefined = at.backing;
    at.backing = undefined;
    await letGo(at);
    at = next;
  }
}
