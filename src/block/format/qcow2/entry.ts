/**
 * L1 and L2 entries of qcow2, as pairs of 32-bit words: flags on top, an offset below.
 */

/** Flags in the upper word. */
export const COPIED = 0x80000000;
export const COMPRESSED = 0x40000000;
/** In the lower word: reads as zeros. Version 3 only. */
export const ZERO = 1;

export type ClusterKind = 'unallocated' | 'zero' | 'normal' | 'compressed';

/** Host offset, bits 9 to 55. */
export function entryOffset(high: number, low: number): number {
  return (high & 0x00ffffff) * 0x1_0000_0000 + ((low & 0xfffffe00) >>> 0);
}

export function kindOf(high: number, low: number): ClusterKind {
  if (high & COMPRESSED) return 'compressed';
  if (low & ZERO) return 'zero';
  return (high & 0x00ffffff) === 0 && (low & 0xfffffe00) === 0 ? 'unallocated' : 'normal';
}

export function isCopied(high: number): boolean {
  return high >>> 31 === 1;
}

export function setEntry(table: DataView, index: number, offset: number, flags: number): void {
  table.setUint32(index * 8, (Math.floor(offset / 0x1_0000_0000) | flags) >>> 0);
  table.setUint32(index * 8 + 4, offset % 0x1_0000_0000);
}

export function entryHex(high: number, low: number): string {
  const digits = (high >>> 0).toString(16) + (low >>> 0).toString(16).padStart(8, '0');
  return digits.replace(/^0+(?=.)/, '');
}

export interface CompressedPlace {
  /** Byte offset in the file. */
  readonly offset: number;
  /** Bytes up to the end of the last sector that holds data of this cluster. */
  readonly length: number;
}

/** Where a compressed cluster's data lies. */
export function compressedPlace(high: number, low: number, clusterBits: number): CompressedPlace {
  const shift = 62 - (clusterBits - 8) - 32;
  const sectors = ((high & 0x3fffffff) >>> shift) + 1;
  const offset = (high & ((1 << shift) - 1)) * 0x1_0000_0000 + (low >>> 0);
  return { offset, length: sectors * 512 - (offset % 512) };
}

export function setCompressed(
  table: DataView,
  index: number,
  place: { readonly offset: number; readonly length: number; readonly clusterBits: number },
): void {
  const shift = 62 - (place.clusterBits - 8) - 32;
  const last = Math.floor((place.offset + place.length - 1) / 512);
  const sectors = last - Math.floor(place.offset / 512);
  const high = Math.floor(place.offset / 0x1_0000_0000) | (sectors << shift) | COMPRESSED;
  table.setUint32(index * 8, high >>> 0);
  table.setUint32(index * 8 + 4, place.offset % 0x1_0000_0000);
}
