/**
 * The copy loop of `convert`: skips what reads as zeros anyway, compresses cluster by cluster.
 */

import { BlockError } from '../backend.ts';
import type { BlockNode } from '../node.ts';
import { writeCompressed } from '../operations.ts';
import type { Sources } from './sources.ts';
import { Failure } from './tool.ts';
import { dataRuns, type ZeroTest } from './zero-runs.ts';

export interface CopyPlan {
  readonly compress: boolean;
  /** Runs of zeros this long are left out of the target; 0 writes everything. */
  readonly sparse: number;
  /** The target reads as zeros until it is written to. */
  readonly targetIsZero: boolean;
  /** Copy only what the image itself holds: the target has a backing file. */
  readonly topOnly: boolean;
  readonly isZero: ZeroTest;
  readonly progress: (fraction: number) => void;
}

/** Small enough to stay in the processor's cache between reading and writing. */
const CHUNK = 512 * 1024;
/** Where bytes come from is asked for so much at once. */
const QUESTION = 1024 ** 3;

export async function copyImage(sources: Sources, out: BlockNode, plan: CopyPlan): Promise<void> {
  if (plan.compress) return copyCompressed(sources, out, plan);
  const total = Math.min(sources.length, out.length);
  const clusterSize = out.details().clusterSize ?? 512;
  const job: Job = {
    sources,
    out,
    plan,
    total,
    grain: Math.max(plan.sparse, clusterSize),
    buffer: new Uint8Array(Math.max(CHUNK, clusterSize)),
  };
  for (let at = 0; at < total; ) {
    const most = Math.min(QUESTION, total - at);
    const extent = await reading(at, sources.status(at, most, plan.topOnly));
    const skip = plan.topOnly && extent.owner === undefined;
    const blank = extent.zero && plan.targetIsZero && plan.sparse > 0;
    if (!skip && !blank) {
      if (extent.zero && plan.sparse > 0) {
        await writing(at, out.writeZeroes(at, extent.length, true));
      } else {
        await copyExtent(job, at, extent);
      }
    }
    at += extent.length;
    plan.progress(at / total);
  }
}

interface Job {
  readonly sources: Sources;
  readonly out: BlockNode;
  readonly plan: CopyPlan;
  readonly total: number;
  /** Zeros are looked for in units of so many bytes. */
  readonly grain: number;
  readonly buffer: Uint8Array;
}

async function copyExtent(
  job: Job,
  offset: number,
  extent: { readonly length: number; readonly zero: boolean },
): Promise<void> {
  const { sources, buffer, plan } = job;
  const end = offset + extent.length;
  if (extent.zero) buffer.fill(0);
  for (let at = offset; at < end; ) {
    const length = Math.min(buffer.length - (at % buffer.length), end - at);
    const part = length === buffer.length ? buffer : buffer.subarray(0, length);
    if (!extent.zero) await reading(at, sources.read(at, part));
    await writing(at, writeRuns(job, at, part));
    at += length;
    plan.progress(at / job.total);
  }
}

/** Writes a buffer, long runs of zeros excepted where the target has them already. */
async function writeRuns(job: Job, offset: number, bytes: Uint8Array): Promise<void> {
  const { out, plan } = job;
  if (plan.sparse === 0 || !plan.targetIsZero) return out.write(offset, bytes);
  for (const { start, end } of dataRuns(bytes, offset, job.grain, plan.isZero)) {
    const whole = end - start === bytes.length;
    await out.write(offset + start, whole ? bytes : bytes.subarray(start, end));
  }
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
    if (plan.topOnly || !plan.isZero(part, 0, length))
      await writing(at, writeCompressed(out, at, part));
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
