/**
 * qcow2 images in memory: made, opened, checked.
 */
import { CACHE_MODES } from '../../src/block/cache-mode.ts';
import type { CheckResult, Repair } from '../../src/block/check-result.ts';
import type { BlockContext } from '../../src/block/driver.ts';
import { createQcow2, type Qcow2Settings } from '../../src/block/format/qcow2/create.ts';
import { Qcow2Node } from '../../src/block/format/qcow2/node.ts';
import { checkQcow2 } from '../../src/block/format/qcow2/repair.ts';
import { openImage } from '../../src/block/graph.ts';
import type { BlockNode } from '../../src/block/node.ts';
import { Options } from '../../src/block/options.ts';
import { FileNode } from '../../src/block/protocol/file.ts';
import type { SnapshotInfo } from '../../src/block/snapshot-info.ts';
import type { BlockHost } from '../../src/disk-host.ts';

export function contextOf(host: BlockHost, warnings: string[] = []): BlockContext {
  return {
    host,
    encryptedImages: 'legacy',
    imageTool: 'tinamou-img',
    warn: text => warnings.push(text),
    mayOpenEncrypted: () => true,
  };
}

export async function make(
  host: BlockHost,
  path: string,
  settings: Partial<Qcow2Settings> & { readonly size: number },
): Promise<void> {
  const file = new FileNode(path, host.open(path, 'create'), false, CACHE_MODES['writeback']);
  await createQcow2(file, {
    version: 3,
    clusterSize: 65536,
    encrypted: false,
    lazyRefcounts: false,
    backingFile: '',
    backingFormat: undefined,
    ...settings,
  });
  await file.close();
}

/** A check, with everything it says. */
export async function checked(
  node: Qcow2Node,
  repair: Repair = 'none',
): Promise<CheckResult & { readonly messages: readonly string[] }> {
  const messages: string[] = [];
  return { ...(await checkQcow2(node, repair, line => messages.push(line))), messages };
}

export async function openQcow2(
  host: BlockHost,
  path: string,
  options: { readonly readOnly?: boolean; readonly forCheck?: boolean } = {},
  warnings: string[] = [],
  extra: readonly (readonly [string, string])[] = [],
): Promise<Qcow2Node> {
  const node = await openImage({
    filename: path,
    options: new Options([['driver', 'qcow2'], ...extra]),
    flags: { readOnly: false, cache: CACHE_MODES['writeback'], ...options },
    context: contextOf(host, warnings),
    deviceName: 'image',
  });
  if (!(node instanceof Qcow2Node)) throw new Error('not qcow2');
  return node;
}

export async function snapshotsOf(node: BlockNode): Promise<SnapshotInfo[]> {
  const found: SnapshotInfo[] = [];
  for await (const each of node.details().snapshots) found.push(each);
  return found;
}
