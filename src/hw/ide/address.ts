/**
 * Which sector the registers of an ATA disk name: cylinder, head, sector, or LBA of 28 or 48 bits.
 *
 * Specification: ATA-6, section 6.2 (CHS), ATA-7, section 4.2 and 6.x (48-bit registers).
 */

import { DEVICE_LBA, type TaskFile } from './unit.ts';

export interface AddressedTask extends TaskFile {
  isExtended: boolean;
  currentHeads: number;
  currentSectors: number;
}

/** -1 for sector number 0 of a track, which there is not. */
export function sectorOf(s: AddressedTask): number {
  if ((s.device & DEVICE_LBA) === 0) {
    const cylinder = s.lbaHigh * 256 + s.lbaMid;
    const track = cylinder * s.currentHeads + (s.device & 15);
    return s.lbaLow === 0 ? -1 : track * s.currentSectors + s.lbaLow - 1;
  }
  const low = s.lbaLow | (s.lbaMid << 8) | (s.lbaHigh << 16);
  if (!s.isExtended) return ((s.device & 15) << 24) | low;
  const high = s.hob.lbaLow | (s.hob.lbaMid << 8) | (s.hob.lbaHigh << 16);
  return high * 0x1000000 + low;
}

export function setSector(s: AddressedTask, sector: number): void {
  if ((s.device & DEVICE_LBA) === 0) {
    const track = Math.floor(sector / s.currentSectors);
    const cylinder = Math.floor(track / s.currentHeads);
    s.lbaLow = (sector % s.currentSectors) + 1;
    s.device = (s.device & 0xf0) | (track % s.currentHeads);
    s.lbaMid = cylinder & 0xff;
    s.lbaHigh = (cylinder >> 8) & 0xff;
    return;
  }
  s.lbaLow = sector & 0xff;
  s.lbaMid = (sector >>> 8) & 0xff;
  s.lbaHigh = (sector >>> 16) & 0xff;
  const high = Math.floor(sector / 0x1000000);
  if (!s.isExtended) {
    s.device = (s.device & 0xf0) | (high & 15);
    return;
  }
  s.hob.lbaLow = high & 0xff;
  s.hob.lbaMid = (high >>> 8) & 0xff;
  s.hob.lbaHigh = (high >>> 16) & 0xff;
}

/** DATA SET MANAGEMENT: pairs of 48-bit sector and 16-bit count; what lies outside is dropped. */
export function trimRanges(list: Uint8Array, total: number): [sector: number, count: number][] {
  const view = new DataView(list.buffer, list.byteOffset);
  const ranges: [number, number][] = [];
  for (let at = 0; at + 8 <= list.length; at += 8) {
    const sector = view.getUint32(at, true) + view.getUint16(at + 4, true) * 0x100000000;
    const count = view.getUint16(at + 6, true);
    if (count > 0 && sector + count <= total) ranges.push([sector, count]);
  }
  return ranges;
}
