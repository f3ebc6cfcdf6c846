/**
 * PCI slots whose devices come and go: at power-on or later, away when the guest lets go of them.
 *
 * Specification: see ../acpi/pci-hotplug.ts.
 */

import { UserError } from '../../error.ts';
import { PciHotplug } from '../acpi/pci-hotplug.ts';
import type { Device } from '../device.ts';
import type { PciBus } from '../pci/bus.ts';
import type { PciFunction } from '../pci/config.ts';
import type { Wiring } from './wiring.ts';

export const HOTPLUG_BASE = 0xae00;
const SLOTS = 32;

export interface SlotOptions {
  readonly wiring: Wiring;
  readonly pci: PciBus;
  /** The board's devices by id: plugging adds to them. */
  readonly devices: Map<string, Device>;
  /** General purpose event 1. */
  readonly notify: () => void;
}

/** What sits in a slot. */
interface Occupant {
  readonly slot: number;
  readonly pci: PciFunction;
  /** Its chips by id, the function's own configuration apart. */
  readonly chips: Map<string, Device>;
  /** It goes: nobody waits for what is under way. */
  readonly onEject: () => void;
}

export class BoardSlots {
  readonly hotplug: PciHotplug;
  private readonly occupants = new Map<number, Occupant>();

  constructor(private readonly options: SlotOptions) {
    const { wiring, devices, notify } = options;
    this.hotplug = new PciHotplug({
      notify,
      removable: () =>
        [...this.occupants.keys()].reduce((all, slot) => (all | (1 << slot)) >>> 0, 0),
      onEject: slots => this.eject(slots),
    });
    devices.set('acpi-pci-hotplug', this.hotplug);
    wiring.ports(
      { name: 'acpi-pci-hotplug', base: HOTPLUG_BASE, length: 20, minSize: 4, maxSize: 4 },
      this.hotplug.ports,
    );
  }

  /** Slots that nothing sits in. */
  get free(): readonly number[] {
    const taken = new Set(this.options.pci.sorted.map(({ devfn }) => devfn >> 3));
    return Array.from({ length: SLOTS }, (_, slot) => slot).filter(slot => !taken.has(slot));
  }

  /** The slot that is wanted, default the first that is free. Throws UserError. */
  choose(driver: string, wanted?: number): number {
    const { free } = this;
    const slot = wanted ?? free[0];
    if (slot !== undefined && free.includes(slot)) return slot;
    throw new UserError(`PCI: no slot/function available for ${driver}, all in use`);
  }

  fill(occupant: Occupant): void {
    const { pci, devices } = this.options;
    const { slot, chips } = occupant;
    pci.add(slot, 0, occupant.pci);
    devices.set(`pci.${slot}.0`, occupant.pci);
    for (const [id, chip] of chips) devices.set(id, chip);
    this.occupants.set(slot, occupant);
  }

  /** One more chip of what is in a slot. */
  addChip(slot: number, id: string, chip: Device): void {
    this.occupants.get(slot)?.chips.set(id, chip);
    this.options.devices.set(id, chip);
  }

  removeChip(slot: number, id: string): void {
    this.occupants.get(slot)?.chips.delete(id);
    this.options.devices.delete(id);
  }

  private eject(slots: number): void {
    const { pci, devices } = this.options;
    for (const { slot, pci: chip, chips, onEject } of [...this.occupants.values()]) {
      if (((slots >>> slot) & 1) === 0) continue;
      this.occupants.delete(slot);
      for (const [id, device] of chips) {
        device.reset();
        devices.delete(id);
      }
      chip.reset();
      pci.remove(slot, 0);
      devices.delete(`pci.${slot}.0`);
      onEject();
    }
  }
}
