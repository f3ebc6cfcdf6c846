/**
 * Moving what the images above a base hold into the base: `commit`, offline or of a stopped guest.
 */

import { type ChainExtent, chainStatus } from './chain.ts';
import type { BlockNode } from './node.ts';
import { CHUNK } from './request.ts';

/** Where bytes come from is asked for so much at once. */
const QUESTION = 1024 ** 3;

/** Bytes that are in `base`, of all that have to get there. */
export type CommitProgress = (done: number, total: number) => void;

/** Copies everything above `base` into it; `base` must be writable. */
export async function commitInto(
  top: BlockNode,
  base: BlockNode,
  progress?: CommitProgress,
): Promise<void> {
  if (base.length < top.length) await base.truncate(top.length);
  const buffer = new Uint8Array(CHUNK);
  const total = progress === undefined ? 0 : await bytesAbove(top, base);
  let done = 0;
  for (let at = 0; at < top.length; ) {
    const extent = await nextExtent(top, base, at);
    let { length } = extent;
    if (extent.owner !== undefined && extent.zero) {
      await base.writeZeroes(at, length, true);
    } else if (extent.owner !== undefined) {
      length = Math.min(length, CHUNK - (at % CHUNK));
      const part = buffer.subarray(0, length);
      await top.read(at, part);
      await base.write(at, part);
    }
    at += length;
    if (extent.owner === undefined) continue;
    done += length;
    progress?.(done, total);
  }
  await base.flush();
}

function nextExtent(top: BlockNode, base: BlockNode, at: number): Promise<ChainExtent> {
  return chainStatus(top, base, at, Math.min(QUESTION, top.length - at));
}

async function bytesAbove(top: BlockNode, base: BlockNode): Promise<number> {
  let bytes = 0;
  for (let at = 0; at < top.length; ) {
    const extent = await nextExtent(top, base, at);
    if (extent.owner !== undefined) bytes += extent.length;
    at += extent.length;
  }
  return bytes;
}
