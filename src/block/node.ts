/**
 * The block graph's one interface: a node is bytes at offsets, above named children.
 *
 * Formats, filters and protocols are all nodes; guests, jobs and tools meet here. Offsets and
 * lengths are bytes. Protocol nodes take any alignment, the others multiples of 512. Failures are
 * `BlockError`s. Reading past the end gives zeros.
 */

import { errorText } from '../errno.ts';
import { UserError } from '../error.ts';
import { NO_SNAPSHOTS, type SnapshotList } from './snapshot-info.ts';

/** A disk cannot get the wanted size: the reason in words, and the kind of failure. */
export class SizeRefused extends UserError {
  constructor(
    message: string,
    readonly code: 'EINVAL' | 'ENOTSUP',
  ) {
    super(message);
  }

  /** What strerror(3) says of the kind. */
  get kind(): string {
    return errorText(this.code) ?? this.code;
  }
}

/** Where bytes come from, and for how long that answer holds. */
export interface Extent {
  /** In bytes, at least 1 unless the question was about nothing. */
  readonly length: number;
  /** This node itself says what the bytes are, not its backing node. */
  readonly allocated: boolean;
  /** Known to read as zeros. */
  readonly zero: boolean;
  /** In the `file` child, when the bytes lie there in one piece and in the clear. */
  readonly offset: number | undefined;
}

export interface Encryption {
  /** False until a password was given: until then clusters read as stored. */
  readonly keyed: boolean;
  /** Never fails: the format cannot tell a wrong password. */
  setPassword(password: Uint8Array): void;
  /** Takes over the password of another node for the same image. */
  adopt(other: Encryption | undefined): void;
}

/** What `info` says beyond name, size and format. */
export interface ImageDetails {
  readonly clusterSize?: number;
  readonly encrypted: boolean;
  readonly dirty: boolean;
  readonly backingFilename?: string;
  readonly backingFormat?: string;
  readonly snapshots: SnapshotList;
  /** In the order in which it is printed. */
  readonly specific?: { readonly type: string; readonly data: SpecificData };
}

export type SpecificData = { readonly [name: string]: string | boolean | number };

export interface BlockNode {
  /** `qcow2`, `raw`, `file` … */
  readonly driver: string;
  /** As the user, or the image above, wrote it. */
  readonly filename: string;
  readonly readOnly: boolean;
  /** The user's name for it. */
  nodeName?: string | undefined;
  /** In bytes. */
  readonly length: number;
  readonly file: BlockNode | undefined;
  /** Changed by whoever rewires the graph. */
  backing: BlockNode | undefined;
  read(offset: number, into: Uint8Array): Promise<void>;
  write(offset: number, from: Uint8Array): Promise<void>;
  /** Makes a range read as zeros, without storing them where the format can say so. */
  writeZeroes(offset: number, length: number, allowUnmap: boolean): Promise<void>;
  /** The guest no longer needs these bytes. */
  discard(offset: number, length: number): Promise<void>;
  flush(): Promise<void>;
  status(offset: number, length: number): Promise<Extent>;
  truncate(length: number): Promise<void>;
  /** Writes back what is pending and releases the file; children are closed too. */
  close(): Promise<void>;
  details(): ImageDetails;
  readonly encryption?: Encryption;
  /** A format tells what it is about to do: only `blkdebug` listens. */
  debugEvent?(event: DebugEvent): Promise<void>;
}

/** Points in a format's work at which errors can be injected, by their names in configurations. */
export const DEBUG_EVENTS = [
  'l1_update',
  'l1_grow.alloc_table',
  'l1_grow.write_table',
  'l1_grow.activate_table',
  'l2_load',
  'l2_update',
  'l2_update_compressed',
  'l2_alloc.cow_read',
  'l2_alloc.write',
  'read_aio',
  'read_backing_aio',
  'read_compressed',
  'write_aio',
  'write_compressed',
  'vmstate_load',
  'vmstate_save',
  'cow_read',
  'cow_write',
  'reftable_load',
  'reftable_grow',
  'reftable_update',
  'refblock_load',
  'refblock_update',
  'refblock_update_part',
  'refblock_alloc',
  'refblock_alloc.hookup',
  'refblock_alloc.write',
  'refblock_alloc.write_blocks',
  'refblock_alloc.write_table',
  'refblock_alloc.switch_table',
  'cluster_alloc',
  'cluster_alloc_bytes',
  'cluster_free',
  'flush_to_os',
  'flush_to_disk',
  'pwritev_rmw.head',
  'pwritev_rmw.after_head',
  'pwritev_rmw.tail',
  'pwritev_rmw.after_tail',
  'pwritev',
  'pwritev_zero',
  'pwritev_done',
  'empty_image_prepare',
] as const;
export type DebugEvent = (typeof DEBUG_EVENTS)[number];

export const PLAIN_DETAILS: ImageDetails = {
  encrypted: false,
  dirty: false,
  snapshots: NO_SNAPSHOTS,
};

/** A node and all below it, in the order in which they were opened. */
export function nodesFrom(node: BlockNode | undefined): BlockNode[] {
  if (node === undefined) return [];
  return [...nodesFrom(node.file), node, ...nodesFrom(node.backing)];
}

/** The number of images under `node`: 0 without a backing file. */
export function chainDepth(node: BlockNode): number {
  let depth = 0;
  for (let at = node.backing; at !== undefined; at = at.backing) depth++;
  return depth;
}

/** Keys concern an image and its direct backing file. */
function ownAndBelow(node: BlockNode | undefined): Encryption[] {
  return [node?.encryption, node?.backing?.encryption].filter(each => each !== undefined);
}

export function lacksKey(node: BlockNode | undefined): boolean {
  return ownAndBelow(node).some(({ keyed }) => !keyed);
}

/** Can a password be given to it? */
export function isEncrypted(node: BlockNode | undefined): boolean {
  return ownAndBelow(node).length > 0;
}

export function giveKey(node: BlockNode | undefined, password: Uint8Array): void {
  for (const each of ownAndBelow(node)) each.setPassword(password);
}
