/**
 * Command descriptor blocks of SCSI disks, as far as they say where and how much.
 *
 * Specification: SPC-3, section 4.3; SBC-3, chapter 5. Not here: service actions, control bytes.
 */

export interface Transfer {
  readonly kind: 'read' | 'write' | 'verify';
  /** Of the command descriptor block. */
  readonly size: 6 | 10 | 12 | 16;
}

export const TRANSFERS: { readonly [code: number]: Transfer | undefined } = {
  8: { kind: 'read', size: 6 },
  40: { kind: 'read', size: 10 },
  168: { kind: 'read', size: 12 },
  136: { kind: 'read', size: 16 },
  10: { kind: 'write', size: 6 },
  42: { kind: 'write', size: 10 },
  170: { kind: 'write', size: 12 },
  138: { kind: 'write', size: 16 },
  // WRITE AND VERIFY: what was written is there.
  46: { kind: 'write', size: 10 },
  174: { kind: 'write', size: 12 },
  142: { kind: 'write', size: 16 },
  47: { kind: 'verify', size: 10 },
  175: { kind: 'verify', size: 12 },
  143: { kind: 'verify', size: 16 },
};

export const MODE_SELECT_6 = 0x15;
export const MODE_SELECT_10 = 0x55;
export const UNMAP = 0x42;
export const WRITE_SAME_10 = 0x41;
export const WRITE_SAME_16 = 0x93;

/** TEST UNIT READY, REZERO, RESERVE, RELEASE, START STOP, SEEK: nothing moves in this disk. */
export const HARMLESS = [0x00, 0x01, 0x16, 0x17, 0x1b, 0x2b];
/** Commands of a CD-ROM drive that only ask, and those that a pending attention does not stop. */
export const ASKED_OPTICAL = [0x43, 0x46, 0x4a, 0x51, 0xbd];
export const CALM = [0x46, 0x4a];
export const NEEDS_MEDIUM = [
  ...[0x00, 0x25, 0x35, 0x91, 0x9e, UNMAP, WRITE_SAME_10, WRITE_SAME_16],
  ...Object.keys(TRANSFERS).map(Number),
];

export function get16(bytes: Uint8Array, at: number): number {
  return (bytes[at] << 8) | bytes[at + 1];
}

export function get32(bytes: Uint8Array, at: number): number {
  return get16(bytes, at) * 2 ** 16 + get16(bytes, at + 2);
}

export function get64(bytes: Uint8Array, at: number): number {
  return get32(bytes, at) * 2 ** 32 + get32(bytes, at + 4);
}

export interface Extent {
  readonly lba: number;
  readonly blocks: number;
}

export function addressOf(cdb: Uint8Array, size: Transfer['size']): Extent {
  switch (size) {
    case 6:
      // A count of 0 is 256 here, and nothing in the longer forms.
      return { lba: get32(cdb, 0) & 0x1fffff, blocks: cdb[4] || 256 };
    case 10:
      return { lba: get32(cdb, 2), blocks: get16(cdb, 7) };
    case 12:
      return { lba: get32(cdb, 2), blocks: get32(cdb, 6) };
    case 16:
      return { lba: get64(cdb, 2), blocks: get32(cdb, 10) };
  }
}
