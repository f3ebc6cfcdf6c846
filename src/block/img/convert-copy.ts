/**
 * The copy loop of `convert`: skips what reads as zeros anyway, compresses cluster by cluster.
 */

import { BlockError } from '../backend.ts';
import type { ChainExtent } from '../chain.ts';
import type { BlockNode } from '../node.ts';
import { writeCompressed } from '../operations.ts';
import { STEP_BYTES, Steps } from './progress.ts';
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
  /** Bytes that are copied, of all that will be. */
  readonly progress: (done: number, total: number) => void;
  /** Finds out how many bytes there are to copy before it begins. */
  readonly countsFirst: boolean;
}

/** Small enough to stay in the processor's cache between reading and writing. */
const CHUNK = 512 * 1024;
/** Where bytes come from is asked for so much at once. */
const QUESTION = 1024 ** 3;

export async function copyImage(sources: Sources, out: BlockNode, plan: CopyPlan): Promise<void> {
  const length = Math.min(sources.length, out.length);
  const clusterSize = out.details().clusterSize ?? (plan.compress ? 65536 : 512);
  const grain = plan.compress ? clusterSize : Math.max(plan.sparse, clusterSize);
  const all = plan.countsFirst ? await bytesToCopy(sources, { length, grain, plan }) : length;
  let done = 0;
  const tell = (bytes: number): void => {
    done += bytes;
    plan.progress(plan.countsFirst ? done : job.at, all);
  };
  const job: Job = {
    sources,
    out,
    plan,
    length,
    at: 0,
    grain,
    buffer: new Uint8Array(plan.compress ? clusterSize : Math.max(CHUNK, clusterSize)),
    steps: new Steps(tell, plan.compress ? clusterSize : STEP_BYTES),
  };
  if (plan.compress) return copyCompressed(job);
  for (; job.at < length; ) {
    const extent = await nextExtent(sources, job.at, length, plan);
    if (isCopied(extent, plan)) await copyExtent(job, extent);
    else {
      const stays = plan.targetIsZero || (plan.topOnly && extent.owner === undefined);
      if (!stays) await writing(job.at, out.writeZeroes(job.at, extent.length, true));
      job.at += extent.length;
    }
  }
}

function nextExtent(
  sources: Sources,
  at: number,
  end: number,
  { topOnly }: CopyPlan,
): Promise<ChainExtent> {
  return reading(at, sources.status(at, Math.min(QUESTION, end - at), topOnly));
}

/** Are bytes read and written, or is it known what is there? */
function isCopied({ owner, zero }: ChainExtent, plan: CopyPlan): boolean {
  if (plan.topOnly && owner === undefined) return false;
  return !zero || (plan.compress ? plan.topOnly : plan.sparse === 0);
}

async function bytesToCopy(
  sources: Sources,
  { length, grain, plan }: { length: number; grain: number; plan: CopyPlan },
): Promise<number> {
  let bytes = 0;
  for (let at = 0; at < length; ) {
    const extent = plan.compress
      ? await nextClusters(sources, { at, end: length, grain, plan })
      : await nextExtent(sources, at, length, plan);
    if ('copied' in extent ? extent.copied : isCopied(extent, plan)) bytes += extent.length;
    at += extent.length;
  }
  return bytes;
}

/** A cluster to compress, or as many as can be left out. */
async function nextClusters(
  sources: Sources,
  { at, end, grain, plan }: { at: number; end: number; grain: number; plan: CopyPlan },
): Promise<{ readonly length: number; readonly copied: boolean }> {
  const length = Math.min(grain, end - at);
  const extent = await nextExtent(sources, at, end, plan);
  if (isCopied(extent, plan) || extent.length < length) return { length, copied: true };
  return { length: Math.max(length, Math.floor(extent.length / grain) * grain), copied: false };
}

interface Job {
  readonly sources: Sources;
  readonly out: BlockNode;
  readonly plan: CopyPlan;
  readonly length: number;
  at: number;
  /** Zeros are looked for in units of so many bytes. */
  readonly grain: number;
  readonly buffer: Uint8Array;
  readonly steps: Steps;
}

async function copyExtent(job: Job, extent: ChainExtent): Promise<void> {
  const { sources, buffer } = job;
  const end = job.at + extent.length;
  if (extent.zero) buffer.fill(0);
  while (job.at < end) {
    const { at } = job;
    const length = Math.min(buffer.length - (at % buffer.length), end - at);
    const part = length === buffer.length ? buffer : buffer.subarray(0, length);
    if (!extent.zero) await reading(at, sources.read(at, part));
    await writing(at, writeRuns(job, at, part));
    job.at += length;
    job.steps.add(length);
  }
  job.steps.endExtent();
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

async function copyCompressed(job: Job): Promise<void> {
  const { sources, out, plan, length: end, buffer: cluster } = job;
  const grain = cluster.length;
  while (job.at < end) {
    const { at } = job;
    const { length, copied } = await nextClusters(sources, { at, end, grain, plan });
    if (!copied) {
      job.at += length;
      continue;
    }
    const part = cluster.subarray(0, length);
    await reading(at, sources.read(at, part));
    if (plan.topOnly || !plan.isZero(part, 0, length))
      await writing(at, writeCompressed(out, at, part));
    job.at += length;
    job.steps.add(length);
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
