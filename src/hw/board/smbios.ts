/**
 * The SMBIOS tables that describe this board: structures 1, 3, 4, 16, 17, 19, 32 and 127, and the
 * entry point, whose address and check sums the firmware fills in. Structure 0 is the firmware's.
 *
 * Specification: DMTF DSP0134, version 2.8.
 */

const MANUFACTURER = 'QEMU';
const PRODUCT = 'Standard PC (i440FX + PIIX, 1996)';
const MEGABYTE = 0x100000;
const UNKNOWN_SIZE = 0x80000000;

export interface SmbiosFacts {
  /** In bytes. */
  readonly ramSize: number;
  /** 16 bytes in the order of the text form. */
  readonly uuid: Uint8Array;
  /** As `-M` names it. */
  readonly machine: string;
  /** CPUID leaf 1: EAX and EDX. */
  readonly cpuSignature: number;
  readonly cpuFeatures: number;
}

export interface SmbiosFiles {
  readonly tables: Uint8Array;
  readonly anchor: Uint8Array;
}

export function smbiosFiles(facts: SmbiosFacts): SmbiosFiles {
  const structures = [
    system(facts),
    chassis(facts),
    processor(facts),
    memoryArray(facts),
    memoryModule(facts),
    memoryRange(facts),
    structure(32, 0x2000, new Uint8Array(7)),
    structure(127, 0x7f00, new Uint8Array(0)),
  ];
  const tables = Uint8Array.from(structures.flatMap(s => [...s]));
  const longest = Math.max(...structures.map(s => s.length));
  return { tables, anchor: anchor(tables.length, structures.length, longest) };
}

/** Header, formatted area, strings. */
function structure(
  type: number,
  handle: number,
  body: Uint8Array,
  strings: readonly string[] = [],
): Uint8Array {
  const text = strings.length === 0 ? '\0\0' : `${strings.join('\0')}\0\0`;
  return Uint8Array.from([
    type,
    4 + body.length,
    handle & 0xff,
    handle >> 8,
    ...body,
    ...new TextEncoder().encode(text),
  ]);
}

function system({ uuid, machine }: SmbiosFacts): Uint8Array {
  const body = new Uint8Array(23);
  body.set([1, 2, 3, 0]);
  // The first three groups of a UUID are numbers, little-endian here.
  body.set(
    [3, 2, 1, 0, 5, 4, 7, 6].map(i => uuid[i]),
    4,
  );
  body.set(uuid.subarray(8, 16), 12);
  body[20] = 6; // wake-up: power switch
  return structure(1, 0x0100, body, [MANUFACTURER, PRODUCT, machine]);
}

function chassis({ machine }: SmbiosFacts): Uint8Array {
  const body = new Uint8Array(18);
  body.set([1, 1, 2, 0, 0, 3, 3, 3, 2]);
  return structure(3, 0x0300, body, [MANUFACTURER, machine]);
}

function processor({ cpuSignature, cpuFeatures, machine }: SmbiosFacts): Uint8Array {
  const body = new Uint8Array(38);
  const view = new DataView(body.buffer);
  body.set([1, 3, 1, 2]); // socket string, central processor, family other, manufacturer string
  view.setUint32(4, cpuSignature, true);
  view.setUint32(8, cpuFeatures, true);
  body[12] = 3; // version string
  view.setUint16(16, 2000, true); // MHz, at most and now
  view.setUint16(18, 2000, true);
  body[20] = 0x41; // populated, enabled
  body[21] = 1; // upgrade: other
  body.fill(0xff, 22, 28); // no cache handles
  body.set([1, 1, 1], 31); // cores, enabled cores, threads
  view.setUint16(34, 2, true); // characteristics: unknown
  view.setUint16(36, 1, true); // family 2: other
  return structure(4, 0x0400, body, ['CPU 0', MANUFACTURER, machine]);
}

function memoryArray({ ramSize }: SmbiosFacts): Uint8Array {
  const body = new Uint8Array(19);
  const view = new DataView(body.buffer);
  body.set([1, 3, 6]); // other place, system memory, multi-bit ECC
  const kilobytes = ramSize / 1024;
  view.setUint32(3, Math.min(kilobytes, UNKNOWN_SIZE), true);
  view.setUint16(7, 0xfffe, true);
  view.setUint16(9, 1, true);
  return structure(16, 0x1000, body);
}

function memoryModule({ ramSize }: SmbiosFacts): Uint8Array {
  const body = new Uint8Array(36);
  const view = new DataView(body.buffer);
  view.setUint16(0, 0x1000, true);
  view.setUint16(2, 0xfffe, true);
  view.setUint16(4, 0xffff, true);
  view.setUint16(6, 0xffff, true);
  view.setUint16(8, Math.min(0x7fff, Math.ceil(ramSize / MEGABYTE)), true);
  body.set([9, 0, 1, 0, 7, 2], 10); // DIMM, no set, locator string, -, RAM, detail other
  body[19] = 2; // manufacturer string
  return structure(17, 0x1100, body, ['DIMM 0', MANUFACTURER]);
}

function memoryRange({ ramSize }: SmbiosFacts): Uint8Array {
  const body = new Uint8Array(27);
  const view = new DataView(body.buffer);
  view.setUint32(4, ramSize / 1024 - 1, true);
  view.setUint16(8, 0x1000, true);
  body[10] = 1;
  return structure(19, 0x1300, body);
}

/** The 2.x entry point. */
function anchor(length: number, count: number, longest: number): Uint8Array {
  const bytes = new Uint8Array(31);
  const view = new DataView(bytes.buffer);
  bytes.set(new TextEncoder().encode('_SM_'), 0);
  bytes[5] = 31;
  bytes[6] = 2;
  bytes[7] = 8;
  view.setUint16(8, longest, true);
  bytes.set(new TextEncoder().encode('_DMI_'), 16);
  view.setUint16(22, length, true);
  view.setUint16(28, count, true);
  bytes[30] = 0x28;
  return bytes;
}
