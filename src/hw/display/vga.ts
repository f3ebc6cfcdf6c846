/**
 * Standard VGA with Bochs VBE extensions: QEMU's `VGA` (1234:1111) and `isa-vga`.
 */

import type { Clock } from '../../clock.ts';
import type { Memory, MmioHandler } from '../../memory.ts';
import type { PortHandler } from '../../ports.ts';
import { type StateOf, state, u8 } from '../../state.ts';
import { Device } from '../device.ts';

const registers = state('vga', 1, { misc: u8() });

export interface VgaOptions {
  readonly clock: Clock;
  /** Where the video memory is allocated. */
  readonly memory: Memory;
  /** In MiB; 16 by default. */
  readonly vgamemMb?: number;
}

/** Port ranges of the legacy registers, each to be mapped with `portsAt(base)`. */
export const VGA_PORT_RANGES = [
  { base: 0x3b4, length: 2 },
  { base: 0x3ba, length: 1 },
  { base: 0x3c0, length: 16 },
  { base: 0x3d4, length: 2 },
  { base: 0x3da, length: 1 },
] as const;

export class Vga extends Device<StateOf<typeof registers>> {
  /** Three ports at 1CEh: index, data, data (1D0h); accesses up to 2 bytes, minSize 1. */
  readonly vbePorts: PortHandler = { read: () => 0xff, write: () => {} };
  /** `vga-lowmem`: 128 KiB at A0000h, in the PCI space at priority 1. */
  readonly window: MmioHandler = { read: () => 0xff, write: () => {} };
  /** `vga.mmio`: 4 KiB, BAR 2. */
  readonly mmio: MmioHandler = { read: () => 0xff, write: () => {} };
  /** The video memory in the arena: `vga.vram`, BAR 0. */
  readonly vramOffset: number;
  readonly vramLength: number;

  constructor(readonly options: VgaOptions) {
    super(registers);
    this.vramLength = (options.vgamemMb ?? 16) << 20;
    this.vramOffset = options.memory.allocate(this.vramLength);
  }

  /** A handler for ports that start at `base` (one of VGA_PORT_RANGES). */
  portsAt(base: number): PortHandler {
    return { read: () => base & 0xff, write: () => {} };
  }
}
