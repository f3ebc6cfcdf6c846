/**
 * 82441FX PCI and memory controller: which of RAM, ROM and video memory answers below 1 MiB.
 *
 * Data sheet: Intel 82441FX (290549), sections 3.2.18 (PAM0-6) and 3.2.19 (SMRAM).
 * Not emulated: DRAM timing and row registers (storage only), the D_LCK bit of SMRAM, ECC, the
 * turbo register.
 *
 * As in QEMU a reset of the machine does not reach the controller's own registers: shadow RAM stays
 * where it is, and firmware finds the variables of its first start in it.
 *
 * Each of the 13 shadow segments has two overlays on RAM, one for reads and one for writes: while
 * a PAM bit is clear, that kind of access goes to the ROM behind the PCI bridge instead.
 */

import { Line } from '../../line.ts';
import type { Memory, MmioHandler, Region } from '../../memory.ts';
import { PciFunction } from './config.ts';

const PAM0 = 0x59;
/** As QEMU has it: all memory, in units of 8 MiB. */
const RAM_SIZE = 0x57;
const SMRAM = 0x72;
const SMRAM_DEFAULT = 0x02;
const D_OPEN = 0x40;
const G_SMRAME = 0x08;
const READ_ENABLE = 1;
const WRITE_ENABLE = 2;

const VIDEO_BASE = 0xa0000;
const VIDEO_SIZE = 0x20000;
const ROM_BASE = 0xc0000;
const BIOS_BASE = 0xe0000;
/** Above RAM; video memory maps itself between the two. */
const HOLE_PRIORITY = 1;
const SMRAM_PRIORITY = 3;

export interface I440FxOptions {
  readonly memory: Memory;
  /** Arena offset of guest-physical address 0. */
  readonly ramOffset: number;
  /** In bytes. */
  readonly ramSize: number;
  /** 128 KiB behind C0000: writable expansion ROM space. */
  readonly romOffset: number;
  /** 128 KiB behind E0000: the end of the firmware. */
  readonly biosOffset: number;
}

interface Segment {
  readonly base: number;
  readonly size: number;
  /** Register and bit position of its two bits. */
  readonly register: number;
  readonly shift: number;
  readonly read: Region;
  readonly write: Region;
}

const nobody: MmioHandler = {
  read: () => 0xffffffff,
  write: () => {},
};

export class I440Fx {
  readonly pci: PciFunction;
  /** High while the processor is in system management mode. */
  readonly smm = new Line('smm');
  readonly segments: readonly Segment[];
  private readonly smram: Region;

  constructor(private readonly options: I440FxOptions) {
    const { memory, ramOffset } = options;
    memory.map({
      name: 'smram-region',
      base: VIDEO_BASE,
      length: VIDEO_SIZE,
      priority: HOLE_PRIORITY,
      backing: nobody,
    });
    this.smram = memory.map({
      name: 'smram',
      base: VIDEO_BASE,
      length: VIDEO_SIZE,
      priority: SMRAM_PRIORITY,
      enabled: false,
      backing: { arenaOffset: ramOffset + VIDEO_BASE },
    });
    this.segments = [
      this.segment(0xf0000, 0x10000, 0),
      ...Array.from({ length: 12 }, (_, i) => this.segment(ROM_BASE + i * 0x4000, 0x4000, i + 1)),
    ];
    this.pci = new PciFunction({
      name: 'i440FX',
      vendor: 0x8086,
      device: 0x1237,
      revision: 2,
      classCode: 0x060000,
      initial: [
        [RAM_SIZE, Math.min(255, Math.floor(options.ramSize / 0x800000))],
        [SMRAM, SMRAM_DEFAULT],
      ],
      keepsRegisters: true,
      onChange: () => this.settle(),
    });
    this.smm.connect(() => this.settle());
  }

  /** What a segment's reads and writes reach: `info mtree` names it so. */
  segmentMode(segment: Segment): 'pci' | 'rom' | 'wo' | 'ram' {
    const bits = (this.pci.read(segment.register, 1) >> segment.shift) & 3;
    return (['pci', 'rom', 'wo', 'ram'] as const)[bits];
  }

  /** The video window shows RAM. */
  get isSmramOpen(): boolean {
    const smram = this.pci.read(SMRAM, 1);
    return (smram & D_OPEN) !== 0 || (this.smm.level && (smram & G_SMRAME) !== 0);
  }

  private segment(base: number, size: number, index: number): Segment {
    const { memory, romOffset, biosOffset } = this.options;
    const isBios = base >= BIOS_BASE;
    const arenaOffset = isBios ? biosOffset + base - BIOS_BASE : romOffset + base - ROM_BASE;
    const place = { name: 'pam-pci', base, length: size, priority: HOLE_PRIORITY } as const;
    return {
      base,
      size,
      register: PAM0 + ((index + 1) >> 1),
      shift: index === 0 || index % 2 === 0 ? 4 : 0,
      read: memory.map({ ...place, access: 'read', backing: { arenaOffset } }),
      write: memory.map({
        ...place,
        access: 'write',
        backing: isBios ? nobody : { arenaOffset },
      }),
    };
  }

  private settle(): void {
    const { memory } = this.options;
    for (const segment of this.segments) {
      const bits = this.pci.read(segment.register, 1) >> segment.shift;
      memory.place(segment.read, { enabled: (bits & READ_ENABLE) === 0 });
      memory.place(segment.write, { enabled: (bits & WRITE_ENABLE) === 0 });
    }
    memory.place(this.smram, { enabled: this.isSmramOpen });
  }
}
