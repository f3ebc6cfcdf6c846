/**
 * Moving what the images above a base hold into the base: `commit`, offline or of a stopped guest.
 */

import { chainStatus } from './chain.ts';
import type { BlockNode } from './node.ts';
import { CHUNK } from './request.ts';

/** Where bytes come from is asked for so much at once. */
const QUESTION = 1024 ** 3;

/** Copies everything above `base` into it; `base` must be writable. Progress is a fraction. */
export async function commitInto(
  top: BlockNode,
  base: BlockNode,
  progress: (fraction: number) => void,
): Promise<void> {
  if (base.length < top.length) await base.truncate(top.length);
  const buffer = new Uint8Array(CHUNK);
  for (let at = 0; at < top.length; ) {
    const extent = await chainStatus(top, base, at, Math.min(QUESTION, top.length - at));
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
    progress(at / top.length);
  }
  await base.flush();
}
