/**
 * How a board puts registers into its two address spaces: fixed, or where a base address register
 * says.
 */

import type { Memory, MmioHandler } from '../../memory.ts';
import type { AccessSize, PortHandler, Ports } from '../../ports.ts';
import type { BarOptions } from '../pci/config.ts';

export interface PortPlace {
  /** As `info mtree` shows it. */
  readonly name: string;
  readonly base: number;
  readonly length: number;
  readonly priority?: number;
  readonly minSize?: AccessSize;
  readonly maxSize?: AccessSize;
}

/** Moves registers, or takes them out of the address space. */
export type Mover = (base: number, enabled: boolean) => void;

/** Where regions wait while they are not enabled. */
const PARKED = 0xfff0;

export class Wiring {
  constructor(
    private readonly memory: Memory,
    private readonly portSpace: Ports,
  ) {}

  ports(place: PortPlace, handler: PortHandler): void {
    this.portSpace.map({ ...place, handler });
  }

  /** Ports that move; `place.base` is relative to where they are moved. */
  ioBar(place: PortPlace, handler: PortHandler): Mover {
    const ports = this.portSpace;
    const region = ports.map({ maxSize: 4, priority: 1, ...place, base: PARKED, handler });
    ports.place(region, PARKED, false);
    return (base, enabled) => ports.place(region, base + place.base, enabled);
  }

  /** Memory that moves. */
  memoryBar(
    name: string,
    length: number,
    backing: MmioHandler | { readonly arenaOffset: number },
    access: 'read' | 'both' = 'both',
  ): Mover {
    const { memory } = this;
    const region = memory.map({
      name,
      base: 0,
      length,
      priority: 1,
      enabled: false,
      access,
      backing,
    });
    return (base, enabled) => memory.place(region, { base, enabled });
  }

  /** The expansion ROM register of a PCI function, and the ROM behind it. */
  romBar(rom: { readonly name: string; readonly bytes: Uint8Array }): BarOptions {
    const size = 2 ** Math.ceil(Math.log2(Math.max(rom.bytes.length, 0x1000)));
    const arenaOffset = this.memory.allocate(size, rom.name);
    this.memory.u8.set(rom.bytes, arenaOffset);
    const place = this.memoryBar(rom.name, size, { arenaOffset }, 'read');
    return { index: 6, kind: 'rom', size, place };
  }
}
