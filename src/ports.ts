/**
 * The 64 KiB I/O port space. Unmapped ports read as all ones and swallow writes.
 *
 * A region says which access sizes its handler takes; wider accesses are split into several, lower
 * port first, as the ISA bus does. Narrower accesses than `minSize` read the enclosing register.
 */

import { assert } from './error.ts';

/** In bytes. */
export type AccessSize = 1 | 2 | 4;

export interface PortHandler {
  /** `offset` is relative to the region; the result is unsigned or signed, callers truncate. */
  read(offset: number, size: AccessSize): number;
  write(offset: number, size: AccessSize, value: number): void;
}

export interface PortRegionOptions {
  /** As `info mtree` shows it. */
  readonly name: string;
  readonly base: number;
  /** In ports. */
  readonly length: number;
  readonly priority?: number;
  readonly minSize?: AccessSize;
  readonly maxSize?: AccessSize;
  readonly handler: PortHandler;
}

export class PortRegion {
  readonly name: string;
  readonly length: number;
  readonly priority: number;
  readonly minSize: AccessSize;
  readonly maxSize: AccessSize;
  readonly handler: PortHandler;
  /** Ports that one access may take: a single one can be wider than it looks. */
  readonly reach: number;
  base: number;
  enabled = true;

  constructor(options: PortRegionOptions) {
    this.name = options.name;
    this.base = options.base;
    this.length = options.length;
    this.priority = options.priority ?? 0;
    this.minSize = options.minSize ?? 1;
    this.maxSize = options.maxSize ?? 1;
    this.handler = options.handler;
    this.reach = Math.max(this.length, this.minSize);
  }

  covers(port: number): boolean {
    return this.enabled && port >= this.base && port < this.base + this.length;
  }
}

const UNMAPPED = 0xffff;

export class Ports {
  readonly regions: PortRegion[] = [];
  private readonly owner = new Uint16Array(0x10000).fill(UNMAPPED);

  map(options: PortRegionOptions): PortRegion {
    const region = new PortRegion(options);
    assert(options.length > 0 && options.base >= 0, `port region ${options.name} has a place`);
    this.regions.push(region);
    this.refresh(region.base, region.length);
    return region;
  }

  /** Moves, enables or disables a region, as PCI BARs and power-management bases do. */
  place(region: PortRegion, base: number, enabled: boolean): void {
    if (region.base === base && region.enabled === enabled) return;
    const oldBase = region.base;
    region.base = base;
    region.enabled = enabled;
    this.refresh(oldBase, region.length);
    this.refresh(base, region.length);
  }

  unmap(region: PortRegion): void {
    this.place(region, region.base, false);
    this.regions.splice(this.regions.indexOf(region), 1);
    this.refresh(0, 0x10000);
  }

  /** Unsigned, zero-extended. */
  read(port: number, size: AccessSize): number {
    const region = this.at(port);
    if (region === undefined) {
      return size === 1 ? 0xff : this.split(port, size);
    }
    const offset = port - region.base;
    if (size > region.maxSize || offset + size > region.reach) {
      return size === 1 ? region.handler.read(offset, 1) & 0xff : this.split(port, size);
    }
    if (size < region.minSize) {
      const aligned = offset & ~(region.minSize - 1);
      const whole = region.handler.read(aligned, region.minSize);
      return truncate(whole >>> ((offset - aligned) * 8), size);
    }
    return truncate(region.handler.read(offset, size), size);
  }

  write(port: number, size: AccessSize, value: number): void {
    const region = this.at(port);
    const offset = region === undefined ? 0 : port - region.base;
    const fits = region !== undefined && size <= region.maxSize && offset + size <= region.reach;
    if (fits) {
      region.handler.write(offset, size, truncate(value, size));
      return;
    }
    if (size === 1) return;
    const half = (size / 2) as AccessSize;
    this.write(port, half, truncate(value, half));
    this.write((port + half) & 0xffff, half, truncate(value >>> (half * 8), half));
  }

  at(port: number): PortRegion | undefined {
    const index = this.owner[port & 0xffff];
    return index === UNMAPPED ? undefined : this.regions[index];
  }

  private split(port: number, size: AccessSize): number {
    const half = (size / 2) as AccessSize;
    const low = this.read(port, half);
    const high = this.read((port + half) & 0xffff, half);
    return truncate(low | (high << (half * 8)), size);
  }

  private refresh(base: number, length: number): void {
    const end = Math.min(0x10000, base + length);
    for (let port = Math.max(0, base); port < end; port++) {
      let best = UNMAPPED;
      for (let i = 0; i < this.regions.length; i++) {
        const region = this.regions[i];
        if (!region.covers(port)) continue;
        // Of equal priorities the one mapped last answers.
        if (best === UNMAPPED || region.priority >= this.regions[best].priority) best = i;
      }
      this.owner[port] = best;
    }
  }
}

function truncate(value: number, size: AccessSize): number {
  if (size === 4) return value >>> 0;
  return size === 2 ? value & 0xffff : value & 0xff;
}
