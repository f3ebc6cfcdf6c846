/**
 * The texts and tables a SCSI disk or CD-ROM drive answers with: INQUIRY, mode pages, capacity,
 * sense.
 *
 * Specification: SPC-3, sections 6.4, 7.4, 7.6; SBC-2, sections 5.10, 5.11, 6.3; SPC-3, 4.5.3.
 * Not emulated: changeable mode parameters but the write cache.
 */

import { modePage as opticalPage } from '../ide/mmc.ts';
import type { Sense } from './bus.ts';

export const BLOCK = 512;

const VENDOR = 'QEMU';
const DISK_PRODUCT = 'QEMU HARDDISK';
const CD_PRODUCT = 'QEMU CD-ROM';
const REVISION = '2.2.';
const TYPE_CD = 5;
const REMOVABLE = 0x80;
const LINKED = 0x10;
const COMMAND_QUEUE = 0x02;
const STANDARD_LENGTH = 36;
const SPC_3 = 5;

export const CACHING = 0x08;
const RIGID_GEOMETRY = 0x04;
const DISK_PAGES = [RIGID_GEOMETRY, CACHING];
const CD_PAGES = [0x01, 0x0e, 0x2a];
const ALL_PAGES = 0x3f;
const WRITE_PROTECT = 0x80;
export const WRITE_CACHE = 0x04;

export interface DiskFacts {
  readonly isCd: boolean;
  readonly blocks: number;
  readonly blockLength: number;
  readonly writeCache: boolean;
  /** The guest has locked the tray. */
  readonly isLocked: boolean;
  /** The transport has tags, so several commands may wait. */
  readonly hasQueue: boolean;
  readonly readOnly: boolean;
  readonly serial: string;
  /** The drive's id. */
  readonly name: string;
}

/** What UNMAP takes: 1 GiB, as many descriptors, best in units of 4 KiB. */
const MOST_UNMAPPED = 2 ** 30 / BLOCK;
const MOST_DESCRIPTORS = 255;
const DISCARD_BLOCKS = 8;
/** By UNMAP and by both WRITE SAME. */
const UNMAPS = 0xe0;
const THIN = 2;
/** Of READ CAPACITY (16): blocks may be without a place. */
const PROVISIONED = 0x80;

const encoder = new TextEncoder();

function put(into: Uint8Array, at: number, text: string, length: number): void {
  into.set(encoder.encode(text.padEnd(length).slice(0, length)), at);
}

function put32(into: Uint8Array, at: number, value: number): void {
  for (let i = 0; i < 4; i++) into[at + i] = value >>> (24 - 8 * i);
}

export function standardInquiry({ isCd, hasQueue }: DiskFacts): Uint8Array {
  const page = new Uint8Array(STANDARD_LENGTH);
  if (isCd) page.set([TYPE_CD, REMOVABLE]);
  page[2] = SPC_3;
  page[3] = 0x12;
  page[4] = STANDARD_LENGTH - 5;
  page[7] = hasQueue ? LINKED | COMMAND_QUEUE : LINKED;
  put(page, 8, VENDOR, 8);
  put(page, 16, isCd ? CD_PRODUCT : DISK_PRODUCT, 16);
  put(page, 32, REVISION, 4);
  return page;
}

/** Vital product data; undefined for a page that does not exist. */
export function vitalPage(code: number, facts: DiskFacts): Uint8Array | undefined {
  const content = vitalContent(code, facts);
  if (content === undefined) return undefined;
  const type = facts.isCd ? TYPE_CD : 0;
  return Uint8Array.from([type, code, content.length >> 8, content.length & 0xff, ...content]);
}

function vitalContent(code: number, facts: DiskFacts): Uint8Array | undefined {
  const { serial, name, isCd } = facts;
  switch (code) {
    case 0x00: {
      const known = [0x00, ...(serial === '' ? [] : [0x80]), 0x83, ...(isCd ? [] : [0xb0, 0xb2])];
      return Uint8Array.from(known);
    }
    case 0x80:
      return serial === '' ? undefined : encoder.encode(serial.slice(0, 36));
    case 0x83: {
      const id = encoder.encode((serial === '' ? name : serial).slice(0, 247));
      return Uint8Array.from([0x02, 0, 0, id.length, ...id]);
    }
    case 0xb0: {
      if (isCd) return undefined;
      const limits = new Uint8Array(0x3c);
      // Optimal transfer granularity: one block.
      limits[3] = 1;
      put32(limits, 16, MOST_UNMAPPED);
      put32(limits, 20, MOST_DESCRIPTORS);
      put32(limits, 24, DISCARD_BLOCKS);
      return limits;
    }
    case 0xb2:
      return isCd ? undefined : Uint8Array.from([0, UNMAPS, THIN, 0]);
    default:
      return undefined;
  }
}

export function capacity10({ blocks, blockLength }: DiskFacts): Uint8Array {
  const answer = new Uint8Array(8);
  put32(answer, 0, Math.min(blocks - 1, 0xffffffff));
  put32(answer, 4, blockLength);
  return answer;
}

export function capacity16({ blocks, blockLength, isCd }: DiskFacts): Uint8Array {
  const answer = new Uint8Array(32);
  put32(answer, 0, Math.floor((blocks - 1) / 2 ** 32));
  put32(answer, 4, (blocks - 1) % 2 ** 32);
  put32(answer, 8, blockLength);
  if (!isCd) answer[14] = PROVISIONED;
  return answer;
}

export function reportLuns(): Uint8Array {
  const answer = new Uint8Array(16);
  answer[3] = 8;
  return answer;
}

export interface ModeRequest {
  /** MODE SENSE (10) rather than (6). */
  readonly isLong: boolean;
  readonly page: number;
  readonly hasDescriptor: boolean;
  /** What may be changed instead of the values. */
  readonly isMask: boolean;
}

/**
 * Header, block descriptor, pages; undefined for a page that does not exist. A CD-ROM drive has no
 * descriptor.
 */
export function modeSense(request: ModeRequest, facts: DiskFacts): Uint8Array | undefined {
  const all = facts.isCd ? CD_PAGES : DISK_PAGES;
  const wanted = request.page === ALL_PAGES ? all : [request.page];
  const pages: number[] = [];
  for (const code of wanted) {
    const page = modePage(code, facts, request.isMask ? 'changeable' : 'current');
    if (page === undefined) return undefined;
    pages.push(...page);
  }
  const hasDescriptor = request.hasDescriptor && !facts.isCd;
  const descriptor = new Uint8Array(hasDescriptor ? 8 : 0);
  if (hasDescriptor) {
    put32(descriptor, 0, facts.blocks > 0xffffff ? 0 : facts.blocks);
    put32(descriptor, 4, BLOCK);
  }
  const specific = facts.readOnly && !facts.isCd ? WRITE_PROTECT : 0;
  const length = descriptor.length + pages.length;
  const header = request.isLong
    ? [(length + 6) >> 8, (length + 6) & 0xff, 0, specific, 0, 0, 0, descriptor.length]
    : [length + 3, 0, specific, descriptor.length];
  return Uint8Array.from([...header, ...descriptor, ...pages]);
}

/** A page with its code and length; the bits of `changeable` are those that can be changed. */
export function modePage(
  code: number,
  facts: DiskFacts,
  values: 'current' | 'changeable',
): number[] | undefined {
  const page = currentPage(code, facts);
  if (values === 'current' || page === undefined) return page;
  page.fill(0, 2);
  if (code === CACHING) page[2] = WRITE_CACHE;
  return page;
}

function currentPage(code: number, facts: DiskFacts): number[] | undefined {
  if (facts.isCd) return opticalPage(code, facts.isLocked);
  if (code === CACHING) {
    const page = new Array<number>(18).fill(0);
    page[0] = facts.writeCache ? WRITE_CACHE : 0;
    return [CACHING, page.length, ...page];
  }
  if (code !== RIGID_GEOMETRY) return undefined;
  return [RIGID_GEOMETRY, 22, ...geometryPage(facts.blocks)];
}

function geometryPage(blocks: number): Uint8Array {
  const page = new Uint8Array(22);
  const heads = 16;
  const cylinders = Math.min(Math.floor(blocks / (heads * 63)), 0xffffff);
  for (const at of [0, 4, 7]) {
    page[at] = cylinders >>> 16;
    page[at + 1] = cylinders >>> 8;
    page[at + 2] = cylinders;
  }
  page[3] = heads;
  // 5400 revolutions per minute.
  page[18] = 5400 >> 8;
  page[19] = 5400 & 0xff;
  return page;
}

/** Fixed format. */
export function senseData([key, code, qualifier]: Sense): Uint8Array {
  const data = new Uint8Array(18);
  data[0] = 0x70;
  data[2] = key;
  data[7] = 10;
  data[12] = code;
  data[13] = qualifier;
  return data;
}
