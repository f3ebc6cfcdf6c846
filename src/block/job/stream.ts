/**
 * `stream`: pulls what the backing files hold into the image, until it stands on `base` or alone.
 */

import { BlockError } from '../backend.ts';
import { chainStatus } from '../chain.ts';
import type { BlockNode } from '../node.ts';
import { setBacking } from '../operations.ts';
import { letGo } from '../shared-node.ts';
import type { Job, OnError } from './job.ts';

const PIECE = 512 * 1024;

export interface StreamPlan {
  /** Stays the backing file; undefined: the image shall need none. */
  readonly base: BlockNode | undefined;
  /** What the image's header shall call the base. */
  readonly baseName: string;
  readonly onError: OnError;
}

export async function stream(job: Job, plan: StreamPlan): Promise<void> {
  const { drive } = job;
  const top = drive.node;
  if (top === undefined) return;
  job.len = top.length;
  let ignored: BlockError | undefined;
  while (job.offset < top.length) {
    const { offset } = job;
    const length = Math.min(PIECE, top.length - offset);
    try {
      await job.breathe(await streamPiece(job, top, plan, { offset, length }));
    } catch (error) {
      if (!(error instanceof BlockError)) throw error;
      const action = job.decide(error, plan.onError, 'read');
      if (action === 'report') throw error;
      if (action === 'ignore') {
        ignored ??= error;
        job.offset += length;
      }
      await job.breathe(0);
    }
  }
  if (ignored !== undefined) throw ignored;
  await cutChain(job, top, plan);
}

/** Moves on by one extent; resolves with the number of bytes copied. */
async function streamPiece(
  job: Job,
  top: BlockNode,
  plan: StreamPlan,
  piece: { readonly offset: number; readonly length: number },
): Promise<number> {
  const at = piece.offset;
  const release = await job.drive.lockRange(at, piece.length);
  try {
    const own = await top.status(at, piece.length);
    let { length } = own;
    let copied = 0;
    if (!own.allocated) {
      const below = await belowStatus(top, plan.base, at, length);
      length = below.length;
      if (below.wanted) {
        copied = length;
        await pull(top, at, length);
      }
    }
    job.offset += length;
    return copied;
  } finally {
    release();
  }
}

async function belowStatus(
  top: BlockNode,
  base: BlockNode | undefined,
  offset: number,
  length: number,
): Promise<{ readonly length: number; readonly wanted: boolean }> {
  if (top.backing === undefined || top.backing === base) return { length, wanted: false };
  const extent = await chainStatus(top.backing, base, offset, length);
  return { length: extent.length, wanted: extent.owner !== undefined };
}

async function pull(top: BlockNode, offset: number, length: number): Promise<void> {
  const bytes = new Uint8Array(length);
  await top.read(offset, bytes);
  await top.write(offset, bytes);
}

/** Drops the images between: in the header first, then in the graph. */
async function cutChain(job: Job, top: BlockNode, plan: StreamPlan): Promise<void> {
  await top.flush();
  await setBacking(top, plan.baseName, plan.base?.driver);
  const release = await job.drive.drain();
  const old = top.backing;
  top.backing = plan.base;
  release();
  for (let at = old; at !== undefined && at !== plan.base; ) {
    const next: BlockNode | undefined = at.backing;
    at.backing = undefined;
    await letGo(at);
    at = next;
  }
}
