/**
 * What a CD/DVD drive answers: INQUIRY, TOC, mode pages, features. Bytes in, bytes out.
 *
 * Specification: INF-8020i revision 2.6, MMC-3, SPC-3. The contents are QEMU's, which guests know.
 * Not emulated: audio, sub-channels, recording, DVD structures, sessions other than the first.
 */

import { bytesOf, FIRMWARE, putText } from './identify.ts';

export const CD_SECTOR = 2048;
/** With its sync bytes, header, EDC and ECC. */
export const RAW_SECTOR = 2352;
export const CD_MODEL = 'QEMU DVD-ROM';

/** IDENTIFY PACKET DEVICE. */
export function identifyPacket(drive: {
  readonly serial: string;
  readonly multiDma: number;
  readonly ultraDma: number;
}): Uint8Array {
  const w = new Uint16Array(256);
  w[0] = 0x85c0; // CD-ROM, removable, DRQ within 50 us, 12-byte packets
  putText(w, 10, 10, drive.serial);
  w.set([3, 512, 4], 20);
  putText(w, 23, 4, FIRMWARE);
  putText(w, 27, 20, CD_MODEL);
  w[48] = 1;
  w[49] = 0x0300;
  w[53] = 7;
  w[62] = 7;
  w[63] = drive.multiDma;
  w.set([3, 0xb4, 0xb4, 0x12c, 0xb4], 64);
  w.set([30, 30], 71);
  w[80] = 0x1e;
  w[88] = drive.ultraDma;
  return bytesOf(w);
}

/** Sense keys. */
export const NOT_READY = 2;
export const ILLEGAL_REQUEST = 5;
export const UNIT_ATTENTION = 6;

/** Additional sense codes. */
export const INVALID_OPCODE = 0x20;
export const LBA_OUT_OF_RANGE = 0x21;
export const INVALID_FIELD = 0x24;
export const MEDIUM_MAY_HAVE_CHANGED = 0x28;
export const INCOMPATIBLE_FORMAT = 0x30;
export const MEDIUM_NOT_PRESENT = 0x3a;
export const REMOVAL_PREVENTED = 0x53;

/** A CD has up to 80 minutes; more sectors make a DVD. */
const CD_MAX_SECTORS = 80 * 60 * 75;
const GET_EVENT_STATUS = 0x4a;
const PROFILE_CD = 0x0008;
const PROFILE_DVD = 0x0010;

const be16 = (value: number): number[] => [(value >>> 8) & 0xff, value & 0xff];
const be32 = (value: number): number[] => [...be16(value >>> 16), ...be16(value & 0xffff)];
const padded = (text: string, length: number): number[] =>
  [...text.padEnd(length).slice(0, length)].map(c => c.charCodeAt(0));

export const get16 = (bytes: Uint8Array, at: number): number => (bytes[at] << 8) | bytes[at + 1];
export const get32 = (bytes: Uint8Array, at: number): number =>
  ((get16(bytes, at) << 16) | get16(bytes, at + 2)) >>> 0;

/** Minutes, seconds, frames of a block address, from the lead-in. */
function msf(lba: number): number[] {
  const frames = lba + 150;
  return [Math.floor(frames / 4500), Math.floor(frames / 75) % 60, frames % 75];
}

export function requestSense(key: number, code: number): number[] {
  return [0xf0, 0, key, 0, 0, 0, 0, 10, 0, 0, 0, 0, code, 0, 0, 0, 0, 0];
}

/** Standard data or a vital product page; undefined for a page that there is not. */
function inquiry(
  packet: Uint8Array,
  names: { serial: string; firmware: string },
): number[] | undefined {
  if ((packet[1] & 1) === 0) {
    const revision = padded(names.firmware, 4);
    return [
      ...[0x05, 0x80, 0x00, 0x21, 31, 0, 0, 0],
      ...padded('QEMU', 8),
      ...padded(CD_MODEL, 16),
      ...revision,
    ];
  }
  if (packet[2] === 0x00) return [0x05, 0x00, 0x00, 0x02, 0x00, 0x83];
  if (packet[2] !== 0x83) return undefined;
  const serial = [0x02, 0x00, 0x00, 20, ...padded(names.serial, 20)];
  const device = [...padded('ATA', 8), ...padded(CD_MODEL, 40), ...padded(names.serial, 20)];
  const body = [...serial, 0x02, 0x01, 0x00, device.length, ...device];
  return [0x05, 0x83, 0x00, body.length, ...body];
}

/**
 * READ TOC, formats 0 (tracks), 1 (sessions), 2 (full); undefined for others and bad tracks. As in
 * QEMU the format is where SFF-8020i has it.
 */
function toc(packet: Uint8Array, total: number): number[] | undefined {
  const isMsf = (packet[1] & 2) !== 0;
  const format = packet[9] >> 6;
  const place = (lba: number): number[] => (isMsf ? [0, ...msf(lba)] : be32(lba));
  if (format === 1) return [0, 0x0a, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0];
  if (format === 2) return fullToc(isMsf, total);
  if (format !== 0) return undefined;
  const start = packet[6];
  if (start > 1 && start !== 0xaa) return undefined;
  const track = start <= 1 ? [0, 0x14, 1, 0, ...place(0)] : [];
  const body = [1, 1, ...track, 0, 0x16, 0xaa, 0, ...place(total)];
  return [...be16(body.length), ...body];
}

function fullToc(isMsf: boolean, total: number): number[] {
  const leadOut = isMsf ? [0, ...msf(total)] : be32(total);
  const start = isMsf ? [0, 0, 2, 0] : [0, 0, 0, 0];
  const point = (number: number, place: number[]): number[] => [
    1,
    0x14,
    0,
    number,
    0,
    0,
    0,
    ...place,
  ];
  const body = [
    ...[1, 1],
    ...point(0xa0, [0, 1, 0, 0]),
    ...point(0xa1, [0, 1, 0, 0]),
    ...point(0xa2, leadOut),
    ...point(1, start),
  ];
  return [...be16(body.length), ...body];
}

/** GET CONFIGURATION: profile list and core feature; undefined for a start further on. */
function configuration(packet: Uint8Array, total: number): number[] | undefined {
  if ((packet[1] & 3) > 1 && get16(packet, 2) !== 0) return undefined;
  const current = total === 0 ? 0 : total > CD_MAX_SECTORS ? PROFILE_DVD : PROFILE_CD;
  const profile = (number: number): number[] => [...be16(number), Number(number === current), 0];
  const features = [...be16(0), 0x03, 8, ...profile(PROFILE_DVD), ...profile(PROFILE_CD)];
  // As QEMU has it, the length does not count the bytes behind the header.
  return [...be32(features.length + 4), ...be16(0), ...be16(current), ...features];
}

/** GET EVENT STATUS NOTIFICATION, polled: the media event. */
function eventStatus(
  packet: Uint8Array,
  medium: { event: number; isOpen: boolean; isPresent: boolean },
): number[] | undefined {
  if ((packet[1] & 1) === 0) return undefined;
  if ((packet[4] & 0x10) === 0) return [0, 2, 0x80, 0x10];
  const status = Number(medium.isOpen) | (medium.isPresent ? 2 : 0);
  return [0, 4, 4, 0x10, medium.event, status, 0, 0];
}

/** MODE SENSE(10): error recovery, audio, capabilities. */
function modeSense(packet: Uint8Array, isLocked: boolean): number[] | undefined {
  const body = (packet[2] & 0xc0) === 0 ? modePage(packet[2], isLocked) : undefined;
  if (body === undefined) return undefined;
  return [...be16(6 + body.length), 0x70, 0, 0, 0, 0, 0, ...body];
}

/** The values of a page as it is now; undefined for a page that there is not. */
export function modePage(code: number, isLocked: boolean): number[] | undefined {
  switch (code) {
    case 0x01:
      return [0x01, 0x06, 0, 0x05, 0, 0, 0, 0];
    case 0x0e:
      return [0x0e, 0x0e, 0, 0, 0x24, 0, 0, 0, 0, 0, 0, 0, 2, 0, 2, 0];
    case 0x2a:
      return [
        ...[0x2a, 0x14, 0x3b, 0, 0x71, 0x60, 0x29 | (isLocked ? 2 : 0), 0],
        ...[...be16(704), 0, 2, ...be16(512), ...be16(704), 0, 0, 0, 0, 0, 0],
      ];
    default:
      return undefined;
  }
}

const mechanismStatus: readonly number[] = [0, 0, 0, 0, 0, 1, 0, 0];

/** READ DISC INFORMATION: one finished session of one track. */
function discInformation(): number[] {
  const body = [0x0e, 1, 1, 1, 1, 0x20];
  return [0, 32, ...body, ...new Array<number>(26).fill(0)];
}

/** A sector as READ CD gives it whole; check codes are zero, as in QEMU. */
export function rawSector(lba: number, data: Uint8Array): Uint8Array {
  const raw = new Uint8Array(RAW_SECTOR);
  raw.fill(0xff, 1, 11);
  raw.set([...msf(lba), 1], 12);
  raw.set(data, 16);
  return raw;
}

/** The drive as answers describe it. */
export interface DriveFacts {
  /** In blocks; 0 without a medium. */
  readonly total: number;
  readonly serial: string;
  readonly event: number;
  readonly isOpen: boolean;
  readonly isLocked: boolean;
}

/**
 * The answer to a command that only asks, and how much of it is wanted; undefined for every other
 * command, `bytes` undefined when the packet asks for what there is not.
 */
export function answer(
  packet: Uint8Array,
  drive: DriveFacts,
): { readonly bytes: readonly number[] | undefined; readonly room: number } | undefined {
  const room = get16(packet, 7);
  switch (packet[0]) {
    case 0x12:
      return {
        bytes: inquiry(packet, { serial: drive.serial, firmware: FIRMWARE }),
        room: packet[4],
      };
    case 0x25:
      return { bytes: [...be32(drive.total - 1), ...be32(CD_SECTOR)], room: 8 };
    case 0x43:
      return { bytes: toc(packet, drive.total), room };
    case 0x46:
      return { bytes: configuration(packet, drive.total), room };
    case GET_EVENT_STATUS:
      return { bytes: eventStatus(packet, { ...drive, isPresent: drive.total > 0 }), room };
    case 0x51:
      return { bytes: discInformation(), room };
    case 0x5a:
      return { bytes: modeSense(packet, drive.isLocked), room };
    case 0xbd:
      return { bytes: mechanismStatus, room: get16(packet, 8) };
    default:
      return undefined;
  }
}

/** The command reports the media event, which is over then. */
export function takesEvent(packet: Uint8Array): boolean {
  return packet[0] === GET_EVENT_STATUS && (packet[1] & 1) !== 0 && (packet[4] & 0x10) !== 0;
}

/** REQUEST SENSE, INQUIRY, GET CONFIGURATION, GET EVENT STATUS NOTIFICATION. */
export const ALLOWED_WITH_ATTENTION = new Set([0x03, 0x12, 0x46, 0x4a]);
/** Commands that fail without a medium before anything else is looked at. */
export const NEED_MEDIUM = new Set([0x00, 0x25, 0x28, 0x2b, 0x43, 0x51, 0xa8, 0xad, 0xbe]);
