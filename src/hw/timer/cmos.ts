/**
 * What a PC's firmware expects in CMOS RAM: memory size, drives and boot order, in QEMU's layout.
 *
 * Not written: the PC/AT checksum (2Eh, 2Fh), which QEMU leaves zero as well.
 */

import { UserError } from '../../error.ts';

export interface CmosDisk {
  readonly cylinders: number;
  readonly heads: number;
  readonly sectors: number;
  /** BIOS translation: 0 none, 1 LBA, 2 large, 3 rechs. */
  readonly translation?: 0 | 1 | 2 | 3;
}

export type FloppyType = '144' | '288' | '120' | 'none';

export interface PcCmosOptions {
  /** Bytes below 4 GiB, and above. */
  readonly ramBelow4g: number;
  readonly ramAbove4g?: number;
  readonly cpuCount?: number;
  /** Letters of -boot order: a floppy, c disk, d CD-ROM, n network. Three count. */
  readonly bootOrder?: string;
  /** Drives A and B. */
  readonly floppies?: readonly FloppyType[];
  /** ide0 master, ide0 slave, ide1 master, ide1 slave; undefined where there is no hard disk. */
  readonly disks?: readonly (CmosDisk | undefined)[];
  /** False tells the BIOS to start floppies without 55AAh at their end. Default true. */
  readonly floppySignatureChecked?: boolean;
}

const FLOPPY_TYPES = 0x10;
const DISK_TYPES = 0x12;
const EQUIPMENT = 0x14;
const BASE_MEMORY_KB = 0x15;
const EXTENDED_MEMORY_KB = 0x17;
const DISK_EXTENDED_TYPES = 0x19;
const DISK_GEOMETRY = [0x1b, 0x24] as const;
const EXTENDED_MEMORY_KB_POST = 0x30;
const MEMORY_ABOVE_16M = 0x34;
const BOOT_THIRD = 0x38;
const DISK_TRANSLATION = 0x39;
const BOOT_FIRST_TWO = 0x3d;
const MEMORY_ABOVE_4G = 0x5b;
const CPU_COUNT_LESS_ONE = 0x5f;

const EQUIPMENT_FLOPPY = 0x01;
const EQUIPMENT_FPU = 0x02;
const EQUIPMENT_MOUSE = 0x04;
const EQUIPMENT_TWO_FLOPPIES = 0x40;
/** Disk type 47 of the AT's table: geometry given apart. */
const USER_DEFINED_TYPE = 47;
const UNIT_64K = 0x10000;

const MAX_BOOT_DEVICES = 3;
const BOOT_CODES: { readonly [letter: string]: number | undefined } = {
  a: 1,
  b: 1,
  c: 2,
  d: 3,
  n: 4,
};
const FLOPPY_CODES: { readonly [type in FloppyType]: number } = {
  none: 0,
  '120': 2,
  '144': 4,
  '288': 5,
};

/** Index and value pairs for `Mc146818.setCmos`. */
export function pcCmos(options: PcCmosOptions): Map<number, number> {
  const cmos = new Map<number, number>();
  const put = (index: number, size: number, value: number): void => {
    for (let i = 0; i < size; i++) cmos.set(index + i, Math.floor(value / 256 ** i) & 0xff);
  };
  putMemory(put, options.ramBelow4g, options.ramAbove4g ?? 0);
  put(CPU_COUNT_LESS_ONE, 1, (options.cpuCount ?? 1) - 1);
  for (const [index, value] of bootOrderCmos(options)) cmos.set(index, value);
  putFloppies(put, options.floppies ?? []);
  putDisks(put, options.disks ?? []);
  return cmos;
}

/** The boot order's part of it, which can change while the machine is on. Throws UserError. */
export function bootOrderCmos(
  options: Pick<PcCmosOptions, 'bootOrder' | 'floppySignatureChecked'>,
): readonly (readonly [index: number, value: number])[] {
  const letters = [...(options.bootOrder ?? '')];
  if (letters.length > MAX_BOOT_DEVICES) throw new UserError('Too many boot devices for PC');
  const [first = 0, second = 0, third = 0] = letters.map(letter => {
    const code = BOOT_CODES[letter];
    if (code === undefined) throw new UserError(`Invalid boot device for PC: '${letter}'`);
    return code;
  });
  return [
    [BOOT_FIRST_TWO, (second << 4) | first],
    [BOOT_THIRD, (third << 4) | (options.floppySignatureChecked === false ? 1 : 0)],
  ];
}

type Put = (index: number, size: number, value: number) => void;

function putMemory(put: Put, below4g: number, above4g: number): void {
  const extendedKb = Math.min(65535, Math.max(0, Math.floor(below4g / 1024) - 1024));
  const above16m = Math.max(0, below4g - (16 << 20));
  put(BASE_MEMORY_KB, 2, Math.min(640, Math.floor(below4g / 1024)));
  put(EXTENDED_MEMORY_KB, 2, extendedKb);
  put(EXTENDED_MEMORY_KB_POST, 2, extendedKb);
  put(MEMORY_ABOVE_16M, 2, Math.min(65535, Math.floor(above16m / UNIT_64K)));
  put(MEMORY_ABOVE_4G, 3, Math.floor(above4g / UNIT_64K));
}

function putFloppies(put: Put, floppies: readonly FloppyType[]): void {
  const [a = 'none', b = 'none'] = floppies;
  put(FLOPPY_TYPES, 1, (FLOPPY_CODES[a] << 4) | FLOPPY_CODES[b]);
  const there = [a, b].filter(type => type !== 'none').length;
  const floppyBits = there === 0 ? 0 : EQUIPMENT_FLOPPY;
  const secondBit = there === 2 ? EQUIPMENT_TWO_FLOPPIES : 0;
  put(EQUIPMENT, 1, floppyBits | secondBit | EQUIPMENT_FPU | EQUIPMENT_MOUSE);
}

function putDisks(put: Put, disks: readonly (CmosDisk | undefined)[]): void {
  put(DISK_TYPES, 1, (disks[0] ? 0xf0 : 0) | (disks[1] ? 0x0f : 0));
  DISK_GEOMETRY.forEach((base, i) => {
    const disk = disks[i];
    if (disk === undefined) return;
    const { cylinders, heads, sectors } = disk;
    put(DISK_EXTENDED_TYPES + i, 1, USER_DEFINED_TYPE);
    put(base, 2, cylinders);
    put(base + 2, 1, heads);
    put(base + 3, 2, 0xffff); // no write precompensation
    put(base + 5, 1, 0xc0 | (heads > 8 ? 8 : 0));
    put(base + 6, 2, cylinders); // landing zone
    put(base + 8, 1, sectors);
  });
  let translations = 0;
  for (let i = 0; i < 4; i++) translations |= (disks[i]?.translation ?? 0) << (i * 2);
  put(DISK_TRANSLATION, 1, translations);
}
