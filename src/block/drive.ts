/**
 * Opening a drive: from the description of `-drive` to a backend with its graph, and what
 * `info block` and query-block say about it.
 */

import { UserError } from '../error.ts';
import { CACHE_MODES, cacheModeText } from './cache-mode.ts';
import type { DriveSpec } from './drive-options.ts';
import type { BlockContext, OpenFlags } from './driver.ts';
import { openImage } from './graph.ts';
import { type ImageInfo, imageInfo } from './image-info.ts';
import { type BlockNode, chainDepth, giveKey, isEncrypted, lacksKey } from './node.ts';
import { DriveBackend } from './node-backend.ts';
import { Options } from './options.ts';
import { openOverlay } from './overlay.ts';
import { type ThrottleLimits, takeThrottling } from './throttle.ts';

/** Opens the drive's image, if it has one. Throws UserError with QEMU's words. */
export async function openDrive(spec: DriveSpec, context: BlockContext): Promise<DriveBackend> {
  if (spec.file === undefined && spec.options.size === 0 && spec.format === undefined) {
    return new DriveBackend(spec, context.host, undefined);
  }
  if (spec.format !== undefined) spec.options.set('driver', spec.format);
  const flags: OpenFlags = {
    readOnly: spec.readOnly || spec.snapshot,
    cache: spec.cache,
    unmap: spec.unmap,
  };
  const node = await openImage({
    filename: spec.file,
    options: spec.options,
    flags,
    context,
    deviceName: spec.id,
  });
  if (!spec.snapshot) return new DriveBackend(spec, context.host, node);
  const overlay = await openOverlay(node, context);
  return new DriveBackend(spec, context.host, overlay, CACHE_MODES['unsafe']);
}

export interface DriveInfo {
  readonly device: string;
  readonly locked: boolean;
  readonly trayOpen: boolean;
  /** Undefined for an empty drive. */
  readonly inserted: InsertedInfo | undefined;
}

export interface InsertedInfo {
  readonly file: string;
  readonly driver: string;
  readonly readOnly: boolean;
  /** The top image's own state. */
  readonly encrypted: boolean;
  readonly encryptionKeyMissing: boolean;
  /** As it was opened: with the folder of the image above it, or by an option. */
  readonly backingFile: string | undefined;
  readonly backingFileDepth: number;
  readonly cache: {
    readonly writeback: boolean;
    readonly direct: boolean;
    readonly noFlush: boolean;
  };
  readonly cacheText: string;
  readonly detectZeroes: string;
  readonly throttling: ThrottleLimits;
  /** Top image first, then its backing files. */
  readonly images: readonly ImageInfo[];
}

export function driveInfo(drive: DriveBackend): DriveInfo {
  const node = drive.node;
  return {
    device: drive.name,
    locked: drive.tray?.isLocked ?? false,
    trayOpen: drive.tray?.isOpen ?? false,
    inserted: node === undefined ? undefined : insertedInfo(drive, node),
  };
}

/** One node of a drive's graph; the drive's own settings are its top node's. */
export function nodeInfo(drive: DriveBackend, node: BlockNode): InsertedInfo {
  const info = insertedInfo(drive, node);
  if (node === drive.node) return info;
  // What lies under a format is always written back: the format flushes where it must.
  const cache = node.file === undefined ? { ...drive.cache, writeback: true } : drive.cache;
  return {
    ...info,
    encryptionKeyMissing: lacksKey(node),
    cache,
    cacheText: cacheModeText(cache),
    detectZeroes: 'off',
    throttling: takeThrottling(new Options()),
  };
}

function insertedInfo(drive: DriveBackend, node: BlockNode): InsertedInfo {
  const details = node.details();
  const images: ImageInfo[] = [];
  for (let at: BlockNode | undefined = node; at !== undefined; at = at.backing) {
    images.push(imageInfo(at, at.backing?.filename));
  }
  return {
    file: node.filename,
    driver: node.driver,
    readOnly: node.readOnly,
    encrypted: details.encrypted,
    encryptionKeyMissing: drive.keyMissing,
    backingFile: node.backing?.filename ?? (details.backingFilename || undefined),
    backingFileDepth: chainDepth(node),
    cache: drive.cache,
    cacheText: cacheModeText(drive.cache),
    detectZeroes: drive.detectZeroes,
    throttling: drive.limits,
    images,
  };
}

/** Applies a password; refuses drives that are not encrypted. */
export function setDrivePassword(drive: DriveBackend, password: Uint8Array): void {
  if (!drive.encrypted) throw new UserError(`Device '${drive.name}' is not encrypted`);
  drive.setPassword(password);
}

/** The same for a node below a drive's own: it has no device's name. */
export function setNodePassword(node: BlockNode, password: Uint8Array): void {
  if (!isEncrypted(node)) throw new UserError("Device '' is not encrypted");
  giveKey(node, password);
}
