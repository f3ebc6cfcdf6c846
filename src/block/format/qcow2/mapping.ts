/**
 * From guest offsets to places in the file: lookups in L1 and L2 that change nothing.
 */

import { prefixedHex } from '../../../fixed.ts';
import type { TablePage } from '../paged-table.ts';
import {
  COMPRESSED,
  type CompressedPlace,
  compressedPlace,
  entryOffset,
  kindOf,
  ZERO,
} from './entry.ts';
import type { Metadata } from './metadata.ts';
import type { Table } from './table-cache.ts';

export type Mapping =
  | { readonly kind: 'unallocated' | 'zero'; readonly length: number }
  | { readonly kind: 'normal'; readonly length: number; readonly offset: number }
  | { readonly kind: 'compressed'; readonly length: number; readonly place: CompressedPlace };

/** The offsets of L2 tables in a part of an L1 table. */
export function eachEntry(
  { data }: Pick<TablePage, 'data'>,
  visit: (offset: number) => void,
): void {
  for (let at = 0; at < data.byteLength; at += 8) {
    visit(entryOffset(data.getUint32(at), data.getUint32(at + 4)));
  }
}

/** The L2 table behind an L1 entry, undefined where there is none. */
export function l2Table(
  metadata: Metadata,
  l1Index: number,
): Table | undefined | Promise<Table | undefined> {
  if (l1Index >= metadata.header.l1Size) return undefined;
  const page = metadata.l1.page(l1Index);
  if (page instanceof Promise) return page.then(() => l2Table(metadata, l1Index));
  return tableBehind(metadata, page, l1Index);
}

function tableBehind(
  metadata: Metadata,
  { data, first }: TablePage,
  l1Index: number,
): Table | undefined | Promise<Table | undefined> {
  const at = (l1Index - first) * 8;
  const offset = entryOffset(data.getUint32(at), data.getUint32(at + 4));
  if (offset === 0) return undefined;
  if (offset % metadata.clusterSize !== 0) {
    const where = `${prefixedHex(offset)} unaligned (L1 index: ${prefixedHex(l1Index)})`;
    return metadata.corruption(`L2 table offset ${where}`);
  }
  return metadata.table(offset);
}

/**
 * What lies at `offset`, for at most `limit` bytes and never past one L2 table; at once when the
 * table is in memory.
 */
export function lookup(
  metadata: Metadata,
  offset: number,
  limit: number,
): Mapping | Promise<Mapping> {
  const l1Index = Math.floor(offset / metadata.l2Coverage);
  const inTable = offset - l1Index * metadata.l2Coverage;
  const most = Math.min(limit, metadata.l2Coverage - inTable);
  const found = l2Table(metadata, l1Index);
  if (found === undefined) return { kind: 'unallocated', length: most };
  if (!(found instanceof Promise)) return lookupIn(metadata, found, inTable, most);
  return found.then(table =>
    table === undefined ? { kind: 'unallocated', length: most } : lookup(metadata, offset, limit),
  );
}

function lookupIn(
  metadata: Metadata,
  table: Table,
  inTable: number,
  limit: number,
): Mapping | Promise<Mapping> {
  const { clusterSize } = metadata;
  const { data } = table;
  const index = Math.floor(inTable / clusterSize);
  const inCluster = inTable - index * clusterSize;
  const high = data.getUint32(index * 8);
  const low = data.getUint32(index * 8 + 4);
  const kind = kindOf(high, low);
  const wanted = Math.ceil((inCluster + limit) / clusterSize);
  const upTo = (clusters: number): number => Math.min(limit, clusters * clusterSize - inCluster);
  if (kind === 'compressed') {
    const place = compressedPlace(high, low, metadata.header.clusterBits);
    return { kind, length: upTo(1), place };
  }
  if (kind === 'zero' && metadata.header.version === 2) {
    return badEntry(metadata, table, index, 'Zero cluster entry found in pre-v3 image');
  }
  if (kind === 'normal') {
    const offset = entryOffset(high, low);
    if (offset % clusterSize !== 0) {
      const text = `Cluster allocation offset ${prefixedHex(offset)} unaligned`;
      return badEntry(metadata, table, index, text);
    }
    const run = contiguous(data, index, { wanted, clusterSize, offset });
    return { kind, length: upTo(run), offset: offset + inCluster };
  }
  let run = 1;
  while (run < wanted && sameKind(data, index + run, kind)) run++;
  return { kind, length: upTo(run) };
}

/** Clusters from `index` on that lie one after the other in the file. */
function contiguous(
  data: DataView,
  index: number,
  from: { readonly wanted: number; readonly clusterSize: number; readonly offset: number },
): number {
  let run = 1;
  let next = from.offset;
  while (run < from.wanted) {
    const high = data.getUint32((index + run) * 8);
    const low = data.getUint32((index + run) * 8 + 4);
    next += from.clusterSize;
    if (high & COMPRESSED || low & ZERO || entryOffset(high, low) !== next) break;
    run++;
  }
  return run;
}

function sameKind(data: DataView, index: number, kind: string): boolean {
  return kindOf(data.getUint32(index * 8), data.getUint32(index * 8 + 4)) === kind;
}

function badEntry(metadata: Metadata, table: Table, index: number, text: string): Promise<never> {
  const where = `L2 offset: ${prefixedHex(table.offset)}, L2 index: ${prefixedHex(index)}`;
  return metadata.corruption(`${text} (${where})`);
}
