/**
 * The commands of an ATA disk that come in families, by code.
 *
 * Specification: ATA-7, volume 1, section 6 and annex B.
 */

export type Phase = 'read' | 'write' | 'dma-read' | 'dma-write' | 'dma-trim';

/** By command code: what moves how, with how many address bits, in blocks of many sectors. */
export const TRANSFERS = new Map<number, readonly [Phase, 'ext' | '', ('multiple' | '')?]>([
  [0x20, ['read', '']], // READ SECTOR(S)
  [0x21, ['read', '']],
  [0x24, ['read', 'ext']],
  [0xc4, ['read', '', 'multiple']],
  [0x29, ['read', 'ext', 'multiple']],
  [0x30, ['write', '']], // WRITE SECTOR(S)
  [0x31, ['write', '']],
  [0x3c, ['write', '']], // WRITE VERIFY
  [0x34, ['write', 'ext']],
  [0xc5, ['write', '', 'multiple']],
  [0x39, ['write', 'ext', 'multiple']],
  [0xc8, ['dma-read', '']],
  [0xc9, ['dma-read', '']],
  [0x25, ['dma-read', 'ext']],
  [0xca, ['dma-write', '']],
  [0xcb, ['dma-write', '']],
  [0x35, ['dma-write', 'ext']],
  [0x06, ['dma-trim', '']], // DATA SET MANAGEMENT
]);
export const TRIM = 1;

/** SET FEATURES that change nothing here: power, acoustics, look-ahead, defaults, ECC. */
export const HARMLESS_FEATURES = new Set([
  0x05, 0x42, 0x55, 0x66, 0x67, 0x69, 0x85, 0x96, 0x9a, 0xaa, 0xc2, 0xcc,
]);

/** Standby, idle, sleep: the unit answers, and wakes with the next command. */
export const POWER_COMMANDS = new Set([0x94, 0x95, 0x96, 0x97, 0x99, 0xe0, 0xe1, 0xe2, 0xe3, 0xe6]);

export const SMART_ENABLE = 0xd8;
export const SMART_DISABLE = 0xd9;
/** SMART without data: autosave, off-line test, enable, disable, status (all is well). */
export const SMART_CONTROL = new Set([0xd2, 0xd4, SMART_ENABLE, SMART_DISABLE, 0xda]);
