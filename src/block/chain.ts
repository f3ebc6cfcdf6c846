/**
 * Questions about a chain of images, and changes of its links.
 */

import { UserError } from '../error.ts';
import type { BlockContext } from './driver.ts';
import { openImage } from './graph.ts';
import type { BlockNode } from './node.ts';
import { Options } from './options.ts';
import { letGo } from './shared-node.ts';

export interface ChainExtent {
  readonly length: number;
  /** The image that says what the bytes are; undefined when none above the base does. */
  readonly owner: BlockNode | undefined;
  /** How far down the chain is who says so: of what lies past an end, the image that is longer. */
  readonly depth: number;
  readonly zero: boolean;
  /** In the owner's file, when the bytes lie there in one piece and in the clear. */
  readonly offset: number | undefined;
}

/** Who holds the bytes at `offset`, looking from `top` down to, not including, `base`. */
export async function chainStatus(
  top: BlockNode,
  base: BlockNode | undefined,
  offset: number,
  length: number,
): Promise<ChainExtent> {
  let span = length;
  let depth = 0;
  for (let at: BlockNode | undefined = top; at !== undefined && at !== base; at = at.backing) {
    if (offset >= at.length) {
      return { length: span, owner: at, depth: depth - 1, zero: true, offset: undefined };
    }
    const extent = await at.status(offset, Math.min(span, at.length - offset));
    span = Math.min(span, extent.length);
    if (extent.allocated) {
      return { length: span, owner: at, depth, zero: extent.zero, offset: extent.offset };
    }
    if (at.backing === undefined) {
      return { length: span, owner: undefined, depth, zero: true, offset: undefined };
    }
    depth++;
  }
  return { length: span, owner: undefined, depth, zero: false, offset: undefined };
}

/** The image above `base` in the chain that starts at `top`; undefined when it is not there. */
export function overlayOf(top: BlockNode, base: BlockNode): BlockNode | undefined {
  for (let at: BlockNode | undefined = top; at !== undefined; at = at.backing) {
    if (at.backing === base) return at;
  }
  return undefined;
}

/** By the name of the file, as the user or a header wrote it. */
export function findInChain(top: BlockNode, filename: string): BlockNode | undefined {
  for (let at: BlockNode | undefined = top.backing; at !== undefined; at = at.backing) {
    if (at.filename === filename) return at;
  }
  for (let at: BlockNode | undefined = top; at !== undefined; at = at.backing) {
    if (at.details().backingFilename === filename) return at.backing;
  }
  return undefined;
}

/**
 * Opens the backing file `base` once more, for writing, and puts it in place of the read-only
 * one, whose own backing file it takes over.
 */
export async function makeWritable(
  top: BlockNode,
  base: BlockNode,
  context: BlockContext,
): Promise<BlockNode> {
  const overlay = overlayOf(top, base);
  if (overlay === undefined) throw new UserError(`Base '${base.filename}' not found`);
  if (!base.readOnly) return base;
  const cache = { writeback: true, direct: false, noFlush: false };
  const fresh = await openImage({
    filename: base.filename,
    options: new Options([['driver', base.driver]]),
    flags: { readOnly: false, cache, withoutBacking: true },
    context: { ...context, encryptedImages: 'legacy', mayOpenEncrypted: () => true },
  });
  fresh.backing = base.backing;
  base.backing = undefined;
  overlay.backing = fresh;
  fresh.encryption?.adopt(base.encryption);
  fresh.nodeName = base.nodeName;
  await letGo(base);
  return fresh;
}
