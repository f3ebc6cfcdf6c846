/**
 * What IDE drives tell about themselves: IDENTIFY DEVICE, and the two SMART pages.
 *
 * Specification: ATA-7 (INCITS 397), 6.17 and 6.52. The words are QEMU's, which guests know.
 */

export const SECTOR = 512;
export const MAX_MULTIPLE = 16;
export const FIRMWARE = '2.2.50';
export const DISK_MODEL = 'QEMU HARDDISK';

export interface DiskIdentity {
  readonly serial: string;
  readonly model: string;
  readonly firmware: string;
  readonly cylinders: number;
  readonly heads: number;
  readonly sectors: number;
  /** By INITIALIZE DEVICE PARAMETERS, or as above. */
  readonly currentHeads: number;
  readonly currentSectors: number;
  /** In sectors. */
  readonly total: number;
  readonly multiple: number;
  /** Words 62, 63 and 88, with the selected mode in their high byte. */
  readonly singleDma: number;
  readonly multiDma: number;
  readonly ultraDma: number;
  readonly writeCached: boolean;
}

export function identifyDisk(disk: DiskIdentity): Uint8Array {
  const w = new Uint16Array(256);
  const currentCylinders = Math.min(
    65535,
    Math.floor(disk.total / (disk.currentHeads * disk.currentSectors)),
  );
  const isDefault = disk.currentHeads === disk.heads && disk.currentSectors === disk.sectors;
  const cylinders = isDefault ? disk.cylinders : currentCylinders;
  const lba28 = Math.min(disk.total, 0x0fffffff);
  w[0] = 0x0040;
  w[1] = disk.cylinders;
  w[3] = disk.heads;
  w[4] = SECTOR * disk.sectors;
  w[5] = SECTOR;
  w[6] = disk.sectors;
  putText(w, 10, 10, disk.serial);
  w[20] = 3; // dual-ported cache
  w[21] = 512;
  w[22] = 4;
  putText(w, 23, 4, disk.firmware);
  putText(w, 27, 20, disk.model);
  w[47] = 0x8000 | MAX_MULTIPLE;
  w[48] = 1;
  w[49] = 0x0b00; // DMA, LBA, IORDY
  w[51] = 0x200;
  w[52] = 0x200;
  w[53] = 7;
  w[54] = cylinders;
  w[55] = disk.currentHeads;
  w[56] = disk.currentSectors;
  put32(w, 57, cylinders * disk.currentHeads * disk.currentSectors);
  if (disk.multiple > 0) w[59] = 0x100 | disk.multiple;
  put32(w, 60, lba28);
  w[62] = disk.singleDma;
  w[63] = disk.multiDma;
  w[64] = 3;
  w.fill(120, 65, 69);
  w[69] = 0x4000; // reads after TRIM are deterministic
  w[80] = 0x00f0; // ATA-4 to ATA-7
  w[81] = 0x0016;
  w[82] = 0x4021; // NOP, write cache, SMART
  w[83] = 0x7400; // FLUSH CACHE, FLUSH CACHE EXT, 48-bit
  w[84] = 0x4000;
  w[85] = disk.writeCached ? 0x4021 : 0x4001;
  w[86] = 0x3400;
  w[87] = 0x4000;
  w[88] = disk.ultraDma;
  w[93] = 0x6001;
  put32(w, 100, disk.total % 0x100000000);
  put32(w, 102, Math.floor(disk.total / 0x100000000));
  w[106] = 0x6000;
  w[169] = 1; // DATA SET MANAGEMENT: TRIM
  return bytesOf(w);
}

/** Text in words has its bytes swapped and is padded with blanks. */
export function putText(words: Uint16Array, first: number, count: number, text: string): void {
  const padded = text.padEnd(count * 2).slice(0, count * 2);
  for (let i = 0; i < count; i++) {
    words[first + i] = (padded.charCodeAt(2 * i) << 8) | padded.charCodeAt(2 * i + 1);
  }
}

function put32(words: Uint16Array, first: number, value: number): void {
  words[first] = value % 0x10000;
  words[first + 1] = Math.floor(value / 0x10000);
}

export function bytesOf(words: Uint16Array): Uint8Array {
  const bytes = new Uint8Array(words.length * 2);
  const view = new DataView(bytes.buffer);
  words.forEach((word, i) => {
    view.setUint16(2 * i, word, true);
  });
  return bytes;
}

const SMART_ERROR_LOG = 1;
const SMART_SELF_TEST_LOG = 6;

/** Id, flags, current, worst, raw low byte, two further raw bytes, threshold. */
const SMART_ATTRIBUTES = [
  { id: 0x01, flags: 0x03, value: 0x64, worst: 0x64, raw: [0, 0, 0], threshold: 0x06 },
  { id: 0x03, flags: 0x03, value: 0x64, worst: 0x64, raw: [0x10, 0, 0], threshold: 0x00 },
  { id: 0x04, flags: 0x02, value: 0x64, worst: 0x64, raw: [0x64, 0, 0], threshold: 0x14 },
  { id: 0x05, flags: 0x03, value: 0x64, worst: 0x64, raw: [0, 0, 0], threshold: 0x24 },
  { id: 0x09, flags: 0x03, value: 0x64, worst: 0x64, raw: [0x01, 0, 0], threshold: 0x00 },
  { id: 0x0c, flags: 0x03, value: 0x64, worst: 0x64, raw: [0, 0, 0], threshold: 0x00 },
  { id: 0xbe, flags: 0x03, value: 0x45, worst: 0x45, raw: [0x1f, 0, 0x1f, 0x1f], threshold: 0x32 },
] as const;

function smartData(): Uint8Array {
  const page = new Uint8Array(SECTOR);
  page[0] = 0x01;
  SMART_ATTRIBUTES.forEach((a, i) => {
    page.set([a.id, a.flags, 0, a.value, a.worst, ...a.raw], 2 + 12 * i);
  });
  // Off-line collection status, self-test status, capabilities and recommended times.
  page.set([0x82, 0x00, 0x20, 0x01, 0x00, 0x19, 0x03, 0x00, 0x01, 0x00, 0x02, 0x36, 0x01], 362);
  return withChecksum(page);
}

function smartThresholds(): Uint8Array {
  const page = new Uint8Array(SECTOR);
  page[0] = 0x01;
  SMART_ATTRIBUTES.forEach((a, i) => {
    page.set([a.id, a.threshold], 2 + 12 * i);
  });
  return withChecksum(page);
}

/** READ DATA, READ THRESHOLDS, READ LOG; undefined for anything that gives no page. */
export function smartPage(feature: number, log: number): Uint8Array | undefined {
  if (feature === 0xd0) return smartData();
  if (feature === 0xd1) return smartThresholds();
  return feature === 0xd5 ? smartLog(log) : undefined;
}

/** No errors, no self-tests. */
function smartLog(address: number): Uint8Array | undefined {
  if (address !== SMART_ERROR_LOG && address !== SMART_SELF_TEST_LOG) return undefined;
  const page = new Uint8Array(SECTOR);
  page[0] = 0x01;
  return withChecksum(page);
}

function withChecksum(page: Uint8Array): Uint8Array {
  const sum = page.subarray(0, 511).reduce((a, b) => a + b, 0);
  page[511] = -sum;
  return page;
}
