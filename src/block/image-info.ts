/**
 * What is known about one image: for `info`, `info block -v` and query-block, as data and as text.
 */

import { civilOf } from '../calendar.ts';
import { formatSize } from '../size.ts';
import { toUtf8 } from '../utf8.ts';
import type { BlockNode, ImageDetails } from './node.ts';
import { FileNode } from './protocol/file.ts';
import type { SnapshotInfo, SnapshotList } from './snapshot-info.ts';

export interface ImageInfo {
  readonly filename: string;
  readonly format: string;
  readonly virtualSize: number;
  /** Bytes on the host's disk. */
  readonly actualSize: number | undefined;
  readonly details: ImageDetails;
  /** Where the backing file really is, when that is not what the header says. */
  readonly fullBackingFilename: string | undefined;
}

/** Bytes that one image, without its backing files, takes on the host. */
export function allocatedBytes(node: BlockNode): number | undefined {
  for (let at: BlockNode | undefined = node; at !== undefined; at = at.file) {
    if (at instanceof FileNode) return at.allocated;
  }
  return undefined;
}

export function imageInfo(node: BlockNode, fullBackingFilename?: string): ImageInfo {
  const details = node.details();
  const differs = fullBackingFilename !== details.backingFilename;
  return {
    filename: node.filename,
    format: node.driver,
    virtualSize: node.length,
    actualSize: allocatedBytes(node),
    details,
    fullBackingFilename: differs ? fullBackingFilename : undefined,
  };
}

/** Text that goes out in pieces, however many lines it is made of. */
export class Pieces {
  private text = '';

  constructor(private readonly out: (text: string) => void) {}

  add(text: string): void {
    this.text += text;
    if (this.text.length >= 65536) this.end();
  }

  end(): void {
    if (this.text !== '') this.out(this.text);
    this.text = '';
  }
}

/** The image's own lines. */
export async function printImageInfo(
  info: ImageInfo,
  localOffset: LocalOffset,
  pieces: Pieces,
): Promise<void> {
  const { details } = info;
  const line = (text: string): void => pieces.add(`${text}\n`);
  line(`image: ${info.filename}`);
  line(`file format: ${info.format}`);
  line(`virtual size: ${formatSize(info.virtualSize)} (${info.virtualSize} bytes)`);
  line(`disk size: ${info.actualSize === undefined ? 'unavailable' : formatSize(info.actualSize)}`);
  if (details.encrypted) line('encrypted: yes');
  if (details.clusterSize !== undefined) line(`cluster_size: ${details.clusterSize}`);
  if (details.dirty) line('cleanly shut down: no');
  if (details.backingFilename !== undefined && details.backingFilename !== '') {
    const actual = info.fullBackingFilename;
    const where = actual === undefined ? '' : ` (actual path: ${actual})`;
    line(`backing file: ${details.backingFilename}${where}`);
    if (details.backingFormat !== undefined) {
      line(`backing file format: ${details.backingFormat}`);
    }
  }
  await printSnapshots(details.snapshots, localOffset, pieces);
  if (details.specific !== undefined) {
    line('Format specific information:');
    for (const [name, value] of Object.entries(details.specific.data)) {
      line(`    ${name.replaceAll('-', ' ')}: ${value}`);
    }
  }
}

/** Nothing when there are none. */
export async function printSnapshots(
  snapshots: SnapshotList,
  localOffset: LocalOffset,
  pieces: Pieces,
): Promise<void> {
  if (snapshots.count > 0) pieces.add(`Snapshot list:\n${SNAPSHOT_HEADER}\n`);
  for await (const each of snapshots) pieces.add(`${snapshotLine(each, localOffset)}\n`);
}

export const SNAPSHOT_HEADER =
  'ID        TAG                 VM SIZE                DATE       VM CLOCK';

/** The host's time zone, see BlockHost. */
export type LocalOffset = (epochSeconds: number) => number;

/** One line of a snapshot table, with the date in local time. */
export function snapshotLine(snapshot: SnapshotInfo, localOffset: LocalOffset): string {
  const clockMs = Math.floor(snapshot.vmClockNs / 1e6);
  const seconds = Math.floor(clockMs / 1000);
  const pad = (value: number, width: number): string => String(value).padStart(width, '0');
  const clock =
    `${pad(Math.floor(seconds / 3600), 2)}:${pad(Math.floor(seconds / 60) % 60, 2)}:` +
    `${pad(seconds % 60, 2)}.${pad(clockMs % 1000, 3)}`;
  const tag = `${column(snapshot.id, 10)}${column(snapshot.name, 20)}`;
  const size = formatSize(snapshot.vmStateSize).padStart(7);
  const { dateSeconds } = snapshot;
  const date = dateText(dateSeconds + localOffset(dateSeconds));
  return `${tag}${size}${date.padStart(20)}${clock.padStart(15)}`;
}

/** Columns are bytes wide. */
function column(text: string, width: number): string {
  return text + ' '.repeat(Math.max(0, width - toUtf8(text).length));
}

function dateText(epochSeconds: number): string {
  const { year, month, day, hours, minutes, seconds } = civilOf(epochSeconds);
  const two = (value: number): string => String(value).padStart(2, '0');
  return `${year}-${two(month)}-${two(day)} ${two(hours)}:${two(minutes)}:${two(seconds)}`;
}
