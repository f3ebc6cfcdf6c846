/**
 * The copy loop of `convert`: skips what reads as zeros anyway, compresses cluster by cluster.
 */

import { BlockError } from '../backend.ts';
import type { BlockNode } from '../node.ts';
import { writeCompressed } from '../operations.ts';
import type { Sources } from './sources.ts';
import { Failure } from './tool.ts';

export interface CopyPlan {
  readonly compress: boolean;
  /** Runs of zeros this long are left out of the target; 0 writes everything. */
  readonly sparse: number;
  /** The target reads as zeros until it is written to. */
  readonly targetIsZero: boolean;
  /** Copy only what the image itself holds: the target has a backing file. */
  readonly topOnly: boolean;
  readonly isZero: (bytes: Uint8Array) => boolean;
  readonly progress: (fraction: number) => void;
}

/** Small enough to stay in the processor's cache between reading and writing. */
const CHUNK = 512 * 1024;

export async function copyImage(sources: Sources, out: BlockNode, plan: CopyPlan): Promise<void> {
  if (plan.compress) return copyCompressed(sources, out, plan);
  const total = Math.min(sources.length, out.length);
  const buffer = new Uint8Array(CHUNK);
  for (let at = 0; at < total; ) {
    const most = Math.min(CHUNK - (at % CHUNK), total - at);
    const extent = await reading(at, sources.status(at, most, plan.topOnly));
    const skip = plan.topOnly && extent.owner === undefined;
    const blank = extent.zero && plan.targetIsZero && plan.sparse > 0;
    if (!skip && !blank) {
      const part = buffer.subarray(0, extent.length);
      if (extent.zero) part.fill(0);
      else await reading(at, sources.read(at, part));
      if (extent.zero && plan.sparse > 0) {
        await writing(at, out.writeZeroes(at, extent.length, true));
      } else {
        await writing(at, writeRuns(out, at, part, plan));
      }
    }
    at += extent.length;
    plan.progress(at / total);
  }
}

/** Writes a buffer, long runs of zeros excepted where the target has them already. */
async function writeRuns(
  out: BlockNode,
  offset: number,
  bytes: Uint8Array,
  plan: CopyPlan,
): Promise<void> {
  if (plan.sparse === 0 || !plan.targetIsZero) return out.write(offset, bytes);
  const grain = Math.max(plan.sparse, out.details().clusterSize ?? 512);
  let start = -1;
  for (let at = 0; at < bytes.length; ) {
    const next = Math.min(bytes.length, at + grain - ((offset + at) % grain));
    const zero = plan.isZero(bytes.subarray(at, next));
    if (zero && start >= 0) {
      await out.write(offset + start, bytes.subarray(start, at));
      start = -1;
    } else if (!zero && start < 0) {
      start = at;
    }
    at = next;
  }
  if (start >= 0) await out.write(offset + start, bytes.subarray(start));
}

async function copyCompressed(sources: Sources, out: BlockNode, plan: CopyPlan): Promise<void> {
  const total = Math.min(sources.length, out.length);
  const grain = out.details().clusterSize ?? 65536;
  const cluster = new Uint8Array(grain);
  for (let at = 0; at < total; ) {
    const length = Math.min(grain, total - at);
    const extent = await reading(at, sources.status(at, total - at, plan.topOnly));
    const leaveOut = plan.topOnly ? extent.owner === undefined : extent.zero;
    if (leaveOut && extent.length >= length) {
      at += Math.max(length, Math.floor(extent.length / grain) * grain);
      continue;
    }
    const part = cluster.subarray(0, length);
    await reading(at, sources.read(at, part));
    if (plan.topOnly || !plan.isZero(part)) await writing(at, writeCompressed(out, at, part));
    at += length;
    plan.progress(at / total);
  }
}

function located(what: string, offset: number, error: unknown): unknown {
  if (!(error instanceof BlockError)) return error;
  return new Failure([`error while ${what} sector ${Math.floor(offset / 512)}: ${error.message}`]);
}

async function reading<T>(offset: number, work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    throw located('reading', offset, error);
  }
}

async function writing(offset: number, work: Promise<void>): Promise<void> {
  try {
    await work;
  } catch (error) {
    throw located('writing', offset, error);
  }
}
