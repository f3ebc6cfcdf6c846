/**
 * One PCI bus: functions by number, and their four shared interrupt wires.
 *
 * A function's INTx pin reaches wire `(pin + slot - 1) & 3` of the chip set, which is how boards
 * spread interrupts over slots. Each wire is high while any function pulls it.
 */

import { assert } from '../../error.ts';
import { Line } from '../../line.ts';
import type { AccessSize } from '../../ports.ts';
import type { PciFunction } from './config.ts';

export class PciBus {
  /** By slot and function: `slot << 3 | function`. */
  readonly functions = new Map<number, PciFunction>();
  private readonly pulling = [0, 0, 0, 0];

  /** `pirq`: the four wires of the interrupt router. */
  constructor(
    readonly name: string,
    private readonly pirq: readonly Line[],
  ) {}

  add(slot: number, func: number, device: PciFunction): void {
    const devfn = (slot << 3) | func;
    assert(!this.functions.has(devfn), `PCI slot ${slot}.${func} is free`);
    this.functions.set(devfn, device);
    device.devfn = devfn;
    const pin = device.options.interruptPin ?? 0;
    if (pin > 0) device.intx = this.join((pin - 1 + slot - 1) & 3);
  }

  /** The function is gone; it must have let go of its interrupt. */
  remove(slot: number, func: number): void {
    this.functions.delete((slot << 3) | func);
  }

  /** Functions in the order of their numbers. */
  get sorted(): readonly PciFunction[] {
    return [...this.functions.values()].sort((a, b) => a.devfn - b.devfn);
  }

  /** All ones where no function answers. */
  read(devfn: number, offset: number, size: AccessSize): number {
    const device = this.functions.get(devfn);
    return device === undefined ? 0xffffffff : device.read(offset, size);
  }

  write(devfn: number, offset: number, size: AccessSize, value: number): void {
    this.functions.get(devfn)?.write(offset, size, value);
  }

  /** A new output onto one of the four wires. */
  private join(wire: number): Line {
    const line = new Line(`${this.name}.int${'abcd'[wire]}`);
    line.connect(level => {
      this.pulling[wire] += level ? 1 : -1;
      this.pirq[wire].set(this.pulling[wire] > 0);
    });
    return line;
  }
}
