/**
 * The header of qcow version 1: 48 bytes, big endian, then the backing file's name, then L1.
 */

import { UserError } from '../../error.ts';
import { fromUtf8, toUtf8 } from '../../utf8.ts';
import type { BlockNode } from '../node.ts';
import { fillZeroes } from '../request.ts';

export const QCOW_MAGIC = 0x514649fb;
const HEADER_BYTES = 48;
const MAX_BACKING_NAME = 1023;
const MAX_L1_ENTRIES = 2 ** 31 / 8;
/** Holds the header and the longest backing file name. */
const FIRST_PART = 64 * 1024;

export interface QcowHeader {
  readonly size: number;
  readonly clusterBits: number;
  readonly l2Bits: number;
  readonly encrypted: boolean;
  readonly l1Offset: number;
  readonly l1Size: number;
  readonly backingOffset: number;
  readonly backingLength: number;
  backingFile: string;
}

function get64(data: DataView, at: number): number {
  return data.getUint32(at) * 0x1_0000_0000 + data.getUint32(at + 4);
}

/** Reads and checks the header. Throws UserError. */
export function parseQcowHeader(
  bytes: Uint8Array,
  deviceName: string,
  fileLength: number,
): QcowHeader {
  const data = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (data.getUint32(0) !== QCOW_MAGIC) throw new UserError('Image not in qcow format');
  const version = data.getUint32(4);
  if (version !== 1) {
    throw new UserError(
      `'${deviceName}' uses a qcow feature which is not supported by this qemu version: ` +
        `QCOW version ${version}`,
    );
  }
  const size = get64(data, 24);
  const clusterBits = data.getUint8(32);
  const l2Bits = data.getUint8(33);
  const crypt = data.getUint32(36);
  if (size <= 1) throw new UserError('Image size is too small (must be at least 2 bytes)');
  if (clusterBits < 9 || clusterBits > 16) {
    throw new UserError('Cluster size must be between 512 and 64k');
  }
  if (l2Bits < 6 || l2Bits > 13) throw new UserError('L2 table size must be between 512 and 64k');
  if (crypt > 1) throw new UserError('invalid encryption method in qcow header');
  const l1Size = Math.ceil(size / 2 ** (clusterBits + l2Bits));
  if (l1Size > MAX_L1_ENTRIES || size > Number.MAX_SAFE_INTEGER) {
    throw new UserError('Image too large');
  }
  const l1Offset = get64(data, 40);
  // Nothing is allocated that the file's size does not justify.
  if (l1Offset + l1Size * 8 > fileLength + 65536) throw new UserError('Could not read L1 table');
  return {
    size,
    clusterBits,
    l2Bits,
    encrypted: crypt === 1,
    l1Offset,
    l1Size,
    backingOffset: get64(data, 8),
    backingLength: data.getUint32(16),
    backingFile: '',
  };
}

export async function backingNameOf(file: BlockNode, header: QcowHeader): Promise<string> {
  if (header.backingOffset === 0) return '';
  if (header.backingLength > MAX_BACKING_NAME) throw new UserError('Backing file name too long');
  const name = new Uint8Array(header.backingLength);
  await file.read(header.backingOffset, name);
  const end = name.indexOf(0);
  return fromUtf8(end < 0 ? name : name.subarray(0, end));
}

export interface QcowSettings {
  readonly size: number;
  readonly encrypted: boolean;
  readonly backingFile: string;
}

/** Writes an empty image into an empty file. */
export async function createQcow(file: BlockNode, settings: QcowSettings): Promise<void> {
  const name = toUtf8(settings.backingFile);
  const withBacking = name.length > 0;
  const clusterBits = withBacking ? 9 : 12;
  const l2Bits = withBacking ? 12 : 9;
  const size = Math.ceil(settings.size / 512) * 512;
  const l1Offset = Math.ceil((HEADER_BYTES + name.length) / 8) * 8;
  const l1Size = Math.ceil(size / 2 ** (clusterBits + l2Bits));
  if (l1Size > MAX_L1_ENTRIES) throw new UserError('Image too large');
  const length = Math.ceil((l1Offset + l1Size * 8) / 512) * 512;
  // The L1 table may be too large for memory, and is all zeros.
  const bytes = new Uint8Array(Math.min(length, FIRST_PART));
  const data = new DataView(bytes.buffer);
  const set64 = (at: number, value: number): void => {
    data.setUint32(at, Math.floor(value / 0x1_0000_0000));
    data.setUint32(at + 4, value % 0x1_0000_0000);
  };
  data.setUint32(0, QCOW_MAGIC);
  data.setUint32(4, 1);
  if (withBacking) {
    set64(8, HEADER_BYTES);
    data.setUint32(16, name.length);
    bytes.set(name, HEADER_BYTES);
  }
  set64(24, size);
  data.setUint8(32, clusterBits);
  data.setUint8(33, l2Bits);
  data.setUint32(36, settings.encrypted ? 1 : 0);
  set64(40, l1Offset);
  await fillZeroes(file, bytes.length, length - bytes.length);
  await file.write(0, bytes);
  await file.flush();
}
