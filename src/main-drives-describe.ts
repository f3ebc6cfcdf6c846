/**
 * Media and their images as query-block and query-named-block-nodes describe them; members in the
 * order of the schema.
 */

import type { InsertedInfo } from './block/drive.ts';
import type { DirtyBitmap } from './block/job/dirty-bitmap.ts';
import type { BlockNode } from './block/node.ts';
import type { DriveStatistics } from './block/node-backend.ts';
import type { Json } from './json.ts';

type JsonObject = { readonly [name: string]: Json };
/** `nodeName`: if the user gave the node one. */
export function describeMedium(
  inserted: InsertedInfo,
  nodeName: string | undefined,
  writeThreshold = 0,
): JsonObject {
  const { backingFile, throttling, cache } = inserted;
  return {
    file: inserted.file,
    ...(nodeName === undefined ? {} : { 'node-name': nodeName }),
    ro: inserted.readOnly,
    drv: inserted.driver,
    ...(backingFile === undefined ? {} : { backing_file: backingFile }),
    backing_file_depth: inserted.backingFileDepth,
    encrypted: inserted.encrypted,
    encryption_key_missing: inserted.encryptionKeyMissing,
    detect_zeroes: inserted.detectZeroes,
    ...describeLimits(throttling),
    cache: { writeback: cache.writeback, direct: cache.direct, 'no-flush': cache.noFlush },
    write_threshold: writeThreshold,
    image: describeImages(inserted.images),
  };
}

/** Bursts and sizes are listed only where they were set. */
function describeLimits(limits: InsertedInfo['throttling']): JsonObject {
  const bursts = {
    bps_max: limits.bpsMax,
    bps_rd_max: limits.bpsRdMax,
    bps_wr_max: limits.bpsWrMax,
    iops_max: limits.iopsMax,
    iops_rd_max: limits.iopsRdMax,
    iops_wr_max: limits.iopsWrMax,
    iops_size: limits.iopsSize,
  };
  return {
    bps: limits.bps,
    bps_rd: limits.bpsRd,
    bps_wr: limits.bpsWr,
    iops: limits.iops,
    iops_rd: limits.iopsRd,
    iops_wr: limits.iopsWr,
    ...Object.fromEntries(Object.entries(bursts).filter(([, value]) => value !== 0)),
  };
}

function describeImages(images: InsertedInfo['images']): JsonObject {
  const [image, ...backing] = images;
  if (image === undefined) return {};
  const { details, fullBackingFilename } = image;
  const members: { [name: string]: Json } = {
    filename: image.filename,
    format: image.format,
    'dirty-flag': details.dirty,
  };
  if (image.actualSize !== undefined) members['actual-size'] = image.actualSize;
  members['virtual-size'] = image.virtualSize;
  if (details.clusterSize !== undefined) members['cluster-size'] = details.clusterSize;
  // An image over an encrypted one is called encrypted, too.
  const isOverEncrypted = backing.length > 0 && backing[0].details.encrypted;
  if (details.encrypted || isOverEncrypted) members['encrypted'] = true;
  if (details.backingFilename !== undefined && details.backingFilename !== '') {
    members['backing-filename'] = details.backingFilename;
    if (fullBackingFilename !== undefined) members['full-backing-filename'] = fullBackingFilename;
    if (details.backingFormat !== undefined) {
      members['backing-filename-format'] = details.backingFormat;
    }
  }
  if (backing.length > 0) members['backing-image'] = describeImages(backing);
  if (details.specific !== undefined) {
    members['format-specific'] = { type: details.specific.type, data: details.specific.data };
  }
  return members;
}

/** A job's bitmap; 2.2.50 counts sectors. */
export function describeBitmap({ bytes, granularity }: DirtyBitmap): JsonObject {
  return { count: bytes / 512, granularity };
}

/** What query-blockstats says of a chain of images: the first one's counters are the drive's. */
export function describeStats(
  statistics: DriveStatistics | undefined,
  [node, ...below]: readonly BlockNode[],
  device?: string,
): JsonObject {
  return {
    ...(device === undefined ? {} : { device }),
    ...describeName(node),
    stats: counters(statistics),
    ...(node === undefined
      ? {}
      : { parent: { ...describeName(node.file), stats: counters(undefined) } }),
    ...(below.length === 0 ? {} : { backing: describeStats(undefined, below) }),
  };
}

function describeName(node: BlockNode | undefined): JsonObject {
  return node?.nodeName === undefined ? {} : { 'node-name': node.nodeName };
}

function counters(s: DriveStatistics | undefined): JsonObject {
  return {
    rd_bytes: s?.rdBytes ?? 0,
    wr_bytes: s?.wrBytes ?? 0,
    rd_operations: s?.rdOperations ?? 0,
    wr_operations: s?.wrOperations ?? 0,
    flush_operations: s?.flushOperations ?? 0,
    flush_total_time_ns: s?.flushTotalTimeNs ?? 0,
    wr_total_time_ns: s?.wrTotalTimeNs ?? 0,
    rd_total_time_ns: s?.rdTotalTimeNs ?? 0,
    wr_highest_offset: s?.wrHighestOffset ?? 0,
    rd_merged: 0,
    wr_merged: 0,
  };
}
