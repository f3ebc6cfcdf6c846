/**
 * An image that takes all writes and is gone when it is closed: `snapshot=on`.
 */

import { HostError } from '../disk-host.ts';
import { UserError } from '../error.ts';
import { CACHE_MODES } from './cache-mode.ts';
import type { BlockContext } from './driver.ts';
import { createQcow2 } from './format/qcow2/create.ts';
import { qcow2Driver } from './format/qcow2/open.ts';
import type { BlockNode } from './node.ts';
import { Options } from './options.ts';
import { FileNode } from './protocol/file.ts';

const UNSAFE = CACHE_MODES['unsafe'];

/** Puts a temporary image over `backing`; on failure that is closed. */
export async function openOverlay(backing: BlockNode, context: BlockContext): Promise<BlockNode> {
  try {
    const { path, file } = makeFile(context);
    const node = new FileNode(path, file, false, UNSAFE);
    await createQcow2(node, {
      size: backing.length,
      version: 3,
      clusterSize: 65536,
      encrypted: false,
      lazyRefcounts: false,
      backingFile: backing.filename,
      backingFormat: undefined,
    });
    const overlay = await qcow2Driver.open({
      filename: path,
      options: new Options(),
      flags: { readOnly: false, cache: UNSAFE },
      context,
      deviceName: '',
      file: node,
      probed: false,
      openChild: async () => node,
    });
    overlay.backing = backing;
    return overlay;
  } catch (error) {
    await backing.close();
    throw error;
  }
}

function makeFile({ host }: BlockContext): ReturnType<BlockContext['host']['temporary']> {
  try {
    return host.temporary();
  } catch (error) {
    if (!(error instanceof HostError)) throw error;
    throw new UserError(`Could not get temporary filename: ${error.message}`);
  }
}
