/**
 * Disks in PCI slots of their own, that come at power-on or later and go when the guest lets go.
 */

import type { BlockBackend, DiskGeometry } from '../../block/backend.ts';
import type { Inbox } from '../../inbox.ts';
import type { Log } from '../../log.ts';
import type { Memory } from '../../memory.ts';
import type { Device } from '../device.ts';
import { defaultGeometry } from '../ide/geometry.ts';
import { MSIX_BAR_SIZE, MsiX } from '../pci/msix.ts';
import { VirtioBlk } from '../virtio/virtio-blk.ts';
import type { BoardSlots } from './slots.ts';
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
  /** Interrupt messages; default 2, 0 leaves it at the pin. */
  readonly vectors?: number;
  readonly bootIndex?: number;
}

export interface PluggedVirtio {
  readonly options: VirtioDiskOptions;
  readonly slot: number;
  readonly device: VirtioBlk;
}

/** For the configuration and for the queue. */
const VECTORS = 2;

export interface BoardVirtioOptions {
  readonly memory: Memory;
  readonly inbox: Inbox;
  readonly log: Log;
  readonly wiring: Wiring;
  readonly slots: BoardSlots;
  /** Where interrupt messages go; undefined on a machine that has none. */
  readonly send: ((address: number, data: number) => void) | undefined;
}

export class BoardVirtio {
  /** A device has gone. Set by whoever wants to know. */
  onEjected: (gone: PluggedVirtio) => void = () => {};
  private readonly list: PluggedVirtio[] = [];

  constructor(private readonly options: BoardVirtioOptions) {}

  /** In the order in which they were plugged. */
  get plugged(): readonly PluggedVirtio[] {
    return this.list;
  }

  find(id: string): PluggedVirtio | undefined {
    return this.list.find(({ options }) => options.id === id);
  }

  /** Throws UserError when there is no free slot. */
  plug(disk: VirtioDiskOptions): PluggedVirtio {
    const { memory, inbox, log, wiring, slots, send } = this.options;
    const slot = slots.choose('virtio-blk-pci', disk.slot);
    const { backend, vectors = VECTORS } = disk;
    const messages = vectors > 0 && send !== undefined ? this.messages(vectors, send) : undefined;
    const device: VirtioBlk = new VirtioBlk({
      ...{ backend, memory, inbox, log, messages },
      serial: disk.serial ?? backend.serial ?? '',
      geometry: () => virtioGeometry(disk),
      place: (base, enabled) => place(base, enabled),
    });
    const place = wiring.ioBar({ name: 'virtio-pci', base: 0, length: 64 }, device.ports);
    const plugged = { options: disk, slot, device };
    const chips = new Map<string, Device>();
    if (messages !== undefined) chips.set(`virtio-blk.${slot}.msix`, messages.msix);
    chips.set(`virtio-blk.${slot}`, device);
    slots.fill({ slot, pci: device.pci, chips, onEject: () => this.ejected(plugged) });
    this.list.push(plugged);
    return plugged;
  }

  private messages(vectors: number, send: (address: number, data: number) => void) {
    const msix = new MsiX({ vectors, send });
    const place = this.options.wiring.memoryBar('virtio-blk-pci-msix', MSIX_BAR_SIZE, msix.mmio);
    return { msix, place };
  }

  /** The machine runs: the guest hears of it. */
  plugHot(disk: VirtioDiskOptions): void {
    this.options.slots.hotplug.plugged(this.plug(disk).slot);
  }

  private ejected(plugged: PluggedVirtio): void {
    this.list.splice(this.list.indexOf(plugged), 1);
    this.onEjected(plugged);
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
