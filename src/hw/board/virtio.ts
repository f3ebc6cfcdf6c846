/**
 * Disks in PCI slots of their own, that come at power-on or later and go when the guest lets go.
 */

import type { BlockBackend, DiskGeometry } from '../../block/backend.ts';
import { UserError } from '../../error.ts';
import type { Inbox } from '../../inbox.ts';
import type { Log } from '../../log.ts';
import type { Memory } from '../../memory.ts';
import { PciHotplug } from '../acpi/pci-hotplug.ts';
import type { Device } from '../device.ts';
import { defaultGeometry } from '../ide/geometry.ts';
import type { PciBus } from '../pci/bus.ts';
import { VirtioBlk } from '../virtio/virtio-blk.ts';
import type { Wiring } from './wiring.ts';

/** `-device virtio-blk-pci`, `-drive if=virtio`. */
export interface VirtioDiskOptions {
  readonly backend: BlockBackend;
  readonly id?: string;
  /** In the tree of objects. */
  readonly path?: string;
  readonly serial?: string;
  /** Default the first that is free. */
  readonly slot?: number;
  readonly geometry?: DiskGeometry;
  readonly bootIndex?: number;
}

export interface PluggedVirtio {
  readonly options: VirtioDiskOptions;
  readonly slot: number;
  readonly device: VirtioBlk;
}

export interface BoardVirtioOptions {
  readonly memory: Memory;
  readonly inbox: Inbox;
  readonly log: Log;
  readonly wiring: Wiring;
  readonly pci: PciBus;
  /** The board's devices by id: plugging adds to them. */
  readonly devices: Map<string, Device>;
  /** General purpose event 1. */
  readonly notify: () => void;
}

const HOTPLUG_BASE = 0xae00;
const SLOTS = 32;

export class BoardVirtio {
  readonly hotplug: PciHotplug;
  /** A device has gone. Set by whoever wants to know. */
  onEjected: (gone: PluggedVirtio) => void = () => {};
  private readonly list: PluggedVirtio[] = [];

  constructor(private readonly options: BoardVirtioOptions) {
    const { wiring, devices, notify } = options;
    this.hotplug = new PciHotplug({
      notify,
      removable: () => this.list.reduce((slots, { slot }) => (slots | (1 << slot)) >>> 0, 0),
      onEject: slots => this.eject(slots),
    });
    devices.set('acpi-pci-hotplug', this.hotplug);
    wiring.ports(
      { name: 'acpi-pci-hotplug', base: HOTPLUG_BASE, length: 20, minSize: 4, maxSize: 4 },
      this.hotplug.ports,
    );
  }

  /** In the order in which they were plugged. */
  get plugged(): readonly PluggedVirtio[] {
    return this.list;
  }

  find(id: string): PluggedVirtio | undefined {
    return this.list.find(({ options }) => options.id === id);
  }

  /** Slots that nothing sits in. */
  get freeSlots(): readonly number[] {
    const taken = new Set(this.options.pci.sorted.map(({ devfn }) => devfn >> 3));
    return Array.from({ length: SLOTS }, (_, slot) => slot).filter(slot => !taken.has(slot));
  }

  /** Throws UserError when there is no free slot. */
  plug(disk: VirtioDiskOptions): PluggedVirtio {
    const { memory, inbox, log, wiring, pci, devices } = this.options;
    const { freeSlots } = this;
    const slot = disk.slot ?? freeSlots[0];
    if (slot === undefined || !freeSlots.includes(slot)) {
      throw new UserError('PCI: no slot/function available for virtio-blk-pci, all in use');
    }
    const { backend } = disk;
    const device: VirtioBlk = new VirtioBlk({
      ...{ backend, memory, inbox, log },
      serial: disk.serial ?? backend.serial ?? '',
      geometry: () => virtioGeometry(disk),
      place: (base, enabled) => place(base, enabled),
    });
    const place = wiring.ioBar({ name: 'virtio-pci', base: 0, length: 64 }, device.ports);
    pci.add(slot, 0, device.pci);
    devices.set(`pci.${slot}.0`, device.pci);
    devices.set(`virtio-blk.${slot}`, device);
    const plugged = { options: disk, slot, device };
    this.list.push(plugged);
    return plugged;
  }

  /** The machine runs: the guest hears of it. */
  plugHot(disk: VirtioDiskOptions): void {
    this.hotplug.plugged(this.plug(disk).slot);
  }

  private eject(slots: number): void {
    const gone = this.list.filter(({ slot }) => ((slots >>> slot) & 1) !== 0);
    for (const plugged of gone) {
      const { device, slot } = plugged;
      this.list.splice(this.list.indexOf(plugged), 1);
      device.cancel();
      device.reset();
      device.pci.reset();
      this.options.pci.remove(slot, 0);
      this.options.devices.delete(`pci.${slot}.0`);
      this.options.devices.delete(`virtio-blk.${slot}`);
      this.onEjected(plugged);
    }
  }
}

export function virtioGeometry({ backend, geometry }: VirtioDiskOptions): DiskGeometry {
  return geometry ?? backend.geometry ?? defaultGeometry(backend.length);
}

/** What the firmware calls the disks that boot. */
export function virtioBootPaths(
  disks: readonly PluggedVirtio[],
): readonly { readonly index: number; readonly path: string }[] {
  return disks.flatMap(({ slot, options: { bootIndex } }) =>
    bootIndex === undefined
      ? []
      : [{ index: bootIndex, path: `/pci@i0cf8/scsi@${slot.toString(16)}/disk@0,0` }],
  );
}
