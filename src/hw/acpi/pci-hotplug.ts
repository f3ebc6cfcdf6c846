/**
 * The registers through which firmware tables learn which PCI slots came and shall go: QEMU's
 * `acpi-pci-hotplug`, ports AE00h to AE13h.
 *
 * Specification: QEMU's documentation, "QEMU<->ACPI BIOS PCI hotplug interface".
 * Not emulated: buses behind bridges (bus selector 0 only).
 */

import type { PortHandler } from '../../ports.ts';
import { type StateOf, state, u32 } from '../../state.ts';
import { Device } from '../device.ts';

const UP = 0;
const DOWN = 4;
const EJECT = 8;
const REMOVABLE = 12;
const SELECT = 16;

const registers = state('acpi-pci-hotplug', 1, {
  /** Slots by bit: plugged since the guest last asked, and wanted back. */
  up: u32(),
  down: u32(),
  select: u32(),
});

export interface PciHotplugOptions {
  /** Slots by bit whose functions may go. */
  readonly removable: () => number;
  /** The guest lets go of slots. */
  readonly onEject: (slots: number) => void;
  /** Something changed: general purpose event 1. */
  readonly notify: () => void;
}

export class PciHotplug extends Device<StateOf<typeof registers>> {
  readonly ports: PortHandler = {
    read: offset => this.read(offset),
    write: (offset, _size, value) => this.write(offset, value),
  };

  constructor(private readonly options: PciHotplugOptions) {
    super(registers);
  }

  /** Nobody can object any more. */
  override reset(): void {
    const { down } = this.state;
    super.reset();
    if (down !== 0) this.options.onEject(down);
  }

  plugged(slot: number): void {
    this.state.up = (this.state.up | (1 << slot)) >>> 0;
    this.options.notify();
  }

  /** The guest is asked to let go of a slot. */
  askBack(slot: number): void {
    this.state.down = (this.state.down | (1 << slot)) >>> 0;
    this.options.notify();
  }

  private read(offset: number): number {
    const s = this.state;
    if (s.select !== 0 && offset !== SELECT) return 0;
    switch (offset) {
      case UP: {
        const { up } = s;
        s.up = 0;
        return up;
      }
      case DOWN:
        return s.down;
      case REMOVABLE:
        return this.options.removable();
      case SELECT:
        return s.select;
      default:
        return 0;
    }
  }

  private write(offset: number, value: number): void {
    const s = this.state;
    if (offset === SELECT) s.select = value;
    if (offset !== EJECT || s.select !== 0) return;
    s.down = (s.down & ~value) >>> 0;
    this.options.onEject(value >>> 0);
  }
}
