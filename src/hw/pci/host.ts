/**
 * Configuration mechanism #1: the address port CF8 and the data window CFC to CFF.
 *
 * Specification: PCI Local Bus 2.1, section 3.7.4.1.
 * Not emulated: buses other than 0 (reads are all ones), type 1 cycles.
 */

import type { PortHandler } from '../../ports.ts';
import { type StateOf, state, u32 } from '../../state.ts';
import { Device } from '../device.ts';
import type { PciBus } from './bus.ts';

const ENABLED = 0x80000000;
const ALL_ONES = 0xffffffff;

const registers = state('pci-host', 1, { address: u32() });

export class PciHost extends Device<StateOf<typeof registers>> {
  /** CF8 to CFB: only doublewords at CF8 count. */
  readonly addressPorts: PortHandler = {
    read: () => this.state.address,
    write: (offset, size, value) => {
      if (offset === 0 && size === 4) this.state.address = value;
    },
  };

  /** CFC to CFF. */
  readonly dataPorts: PortHandler = {
    read: (offset, size) => {
      const target = this.target();
      if (target === undefined) return ALL_ONES;
      return this.bus.read(target, this.register(offset), size);
    },
    write: (offset, size, value) => {
      const target = this.target();
      if (target !== undefined) this.bus.write(target, this.register(offset), size, value);
    },
  };

  constructor(private readonly bus: PciBus) {
    super(registers);
  }

  /** The addressed function's number, undefined where there can be none. */
  private target(): number | undefined {
    const { address } = this.state;
    const isBus0 = (address & 0x00ff0000) === 0;
    return (address & ENABLED) !== 0 && isBus0 ? (address >>> 8) & 0xff : undefined;
  }

  private register(offset: number): number {
    return (this.state.address & 0xfc) | offset;
  }
}
