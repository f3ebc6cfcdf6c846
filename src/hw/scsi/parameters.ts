/**
 * What guests send to a SCSI disk besides the data of sectors: mode pages, lists of blocks to
 * forget, one block for many. Throws ParameterError where the disk has to refuse.
 *
 * Specification: SPC-3, sections 6.7, 6.8 and 7.4 (MODE SELECT); SBC-3, sections 5.28 (UNMAP) and
 * 5.41 ff. (WRITE SAME). Not there: saving of pages, anchored blocks.
 */

import {
  INVALID_FIELD,
  INVALID_LENGTH,
  INVALID_OPCODE,
  INVALID_PARAMETER,
  LBA_OUT_OF_RANGE,
  type Sense,
  WRITE_PROTECTED,
} from './bus.ts';
import {
  addressOf,
  type Extent,
  get16,
  get32,
  get64,
  MODE_SELECT_6,
  MODE_SELECT_10,
  UNMAP,
  WRITE_SAME_10,
  WRITE_SAME_16,
} from './cdb.ts';
import { CACHING, type DiskFacts, modePage, WRITE_CACHE } from './pages.ts';

export class ParameterError extends Error {
  constructor(readonly sense: Sense) {
    super('refused');
  }
}

const refuse = (sense: Sense): never => {
  throw new ParameterError(sense);
};

const PAGE_FORMAT = 0x10;
const SAVE_PAGES = 0x01;
const ANCHOR_OF_UNMAP = 0x01;
/** Of WRITE SAME: ANCHOR, PBDATA, LBDATA. */
const NOT_SAME = 0x16;

/** Commands with a list of parameters; how long it is. Undefined for every other command. */
export function listLength(cdb: Uint8Array, blockLength: number): number | undefined {
  switch (cdb[0]) {
    case MODE_SELECT_6:
      return cdb[4];
    case MODE_SELECT_10:
    case UNMAP:
      return get16(cdb, 7);
    case WRITE_SAME_10:
    case WRITE_SAME_16:
      return blockLength;
    default:
      return undefined;
  }
}

export const isModeSelect = ([code]: Uint8Array): boolean =>
  code === MODE_SELECT_6 || code === MODE_SELECT_10;

/** What can be refused before the list comes. */
export function checkListCommand(cdb: Uint8Array, { isCd, readOnly, blocks }: DiskFacts): void {
  const [code, flags] = cdb;
  if (isCd && !isModeSelect(cdb)) refuse(INVALID_OPCODE);
  if (code === UNMAP) {
    if ((flags & ANCHOR_OF_UNMAP) !== 0) refuse(INVALID_FIELD);
  } else if (code === WRITE_SAME_10 || code === WRITE_SAME_16) {
    const range = sameRange(cdb);
    if ((flags & NOT_SAME) !== 0 || range.blocks === 0) refuse(INVALID_FIELD);
    checkRange(range, blocks);
  } else if ((flags & (PAGE_FORMAT | SAVE_PAGES)) !== PAGE_FORMAT) refuse(INVALID_FIELD);
  if (readOnly && !isModeSelect(cdb)) refuse(WRITE_PROTECTED);
}

/** The blocks that WRITE SAME is about. */
export function sameRange(cdb: Uint8Array): Extent {
  return addressOf(cdb, cdb[0] === WRITE_SAME_10 ? 10 : 16);
}

function checkRange({ lba, blocks }: Extent, all: number): void {
  if (lba + blocks > all) refuse(LBA_OUT_OF_RANGE);
}

const UNMAP_HEADER = 8;
const UNMAP_DESCRIPTOR = 16;

export function readUnmap(list: Uint8Array, blocks: number): Extent[] {
  if (list.length < UNMAP_HEADER || list.length < get16(list, 0) + 2) refuse(INVALID_LENGTH);
  const length = get16(list, 2);
  if (list.length < UNMAP_HEADER + length || length % UNMAP_DESCRIPTOR !== 0) {
    refuse(INVALID_LENGTH);
  }
  const extents: Extent[] = [];
  for (let at = UNMAP_HEADER; at < UNMAP_HEADER + length; at += UNMAP_DESCRIPTOR) {
    const extent = { lba: get64(list, at), blocks: get32(list, at + 8) };
    checkRange(extent, blocks);
    extents.push(extent);
  }
  return extents;
}

/** The only thing that can be chosen: is there a write cache? Undefined: nothing is said of it. */
export function readModeSelect(
  list: Uint8Array,
  isLong: boolean,
  facts: DiskFacts,
): boolean | undefined {
  const headerLength = isLong ? 8 : 4;
  if (list.length < headerLength) refuse(INVALID_LENGTH);
  const descriptors = isLong ? get16(list, 6) : list[3];
  if (list.length < headerLength + descriptors) refuse(INVALID_LENGTH);
  if (descriptors !== 0 && descriptors !== 8) refuse(INVALID_PARAMETER);
  let writeCache: boolean | undefined;
  for (let at = headerLength + descriptors; at < list.length; ) {
    const page = readPage(list, at, facts);
    if (page[0] === CACHING && !facts.isCd) writeCache = (page[2] & WRITE_CACHE) !== 0;
    at += page.length;
  }
  return writeCache;
}

const SUBPAGE = 0x40;

/** Code, length and content; it differs from the present one only where it may. */
function readPage(list: Uint8Array, at: number, facts: DiskFacts): Uint8Array {
  if (at + 2 > list.length) refuse(INVALID_LENGTH);
  if ((list[at] & SUBPAGE) !== 0) refuse(INVALID_PARAMETER);
  const page = list.slice(at, at + 2 + list[at + 1]);
  page[0] &= 0x3f;
  const present = modePage(page[0], facts, 'current');
  const mask = modePage(page[0], facts, 'changeable');
  if (present === undefined || mask === undefined) return refuse(INVALID_PARAMETER);
  if (page[1] !== present.length - 2) refuse(INVALID_PARAMETER);
  if (page.length < present.length) refuse(INVALID_LENGTH);
  for (let i = 2; i < page.length; i++) {
    if (((page[i] ^ present[i]) & ~mask[i]) !== 0) refuse(INVALID_PARAMETER);
  }
  return page;
}
