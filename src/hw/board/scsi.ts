/**
 * SCSI host adapters in PCI slots, and the disks on their buses. Either can come later and go.
 */

import type { BlockBackend } from '../../block/backend.ts';
import type { Clock } from '../../clock.ts';
import type { Inbox } from '../../inbox.ts';
import type { Memory } from '../../memory.ts';
import type { PropertyValue } from '../catalog.ts';
import type { Device } from '../device.ts';
import { ScsiDisk } from '../scsi/disk.ts';
import { Lsi53c895a } from '../scsi/lsi53c895a.ts';
import type { BoardSlots } from './slots.ts';
import type { Wiring } from './wiring.ts';

/** `-drive if=scsi`, `-device scsi-hd` and its relatives. */
export interface ScsiDriveOptions {
  readonly model: 'scsi-disk' | 'scsi-hd' | 'scsi-cd';
  readonly media: 'disk' | 'cdrom';
  readonly scsiId: number;
  readonly backend: BlockBackend;
  readonly id?: string;
  /** In the tree of objects. */
  readonly path?: string;
  readonly serial?: string;
  readonly bootIndex?: number;
}

/** `-device lsi53c895a`, or what drives with `if=scsi` bring along. */
export interface ScsiControllerOptions {
  readonly slot: number;
  readonly busName: string;
  readonly id?: string;
  readonly path?: string;
  readonly drives: readonly ScsiDriveOptions[];
}

export interface PluggedScsi {
  readonly options: ScsiControllerOptions;
  readonly device: Lsi53c895a;
  /** What is on its bus now. */
  readonly drives: readonly ScsiDriveOptions[];
}

export interface BoardScsiOptions {
  readonly clock: Clock;
  readonly memory: Memory;
  readonly inbox: Inbox;
  readonly wiring: Wiring;
  readonly slots: BoardSlots;
}

export class BoardScsi {
  /** An adapter has gone. Set by whoever wants to know. */
  onEjected: (gone: PluggedScsi) => void = () => {};
  private list: (PluggedScsi & { drives: ScsiDriveOptions[] })[] = [];

  constructor(private readonly options: BoardScsiOptions) {}

  get plugged(): readonly PluggedScsi[] {
    return this.list;
  }

  find(id: string): PluggedScsi | undefined {
    return this.list.find(({ options }) => options.id === id);
  }

  /** The drive of that name, and the adapter that it is on. */
  findDrive(id: string): { adapter: PluggedScsi; drive: ScsiDriveOptions } | undefined {
    for (const adapter of this.list) {
      const drive = adapter.drives.find(item => item.id === id);
      if (drive !== undefined) return { adapter, drive };
    }
    return undefined;
  }

  plug(controller: ScsiControllerOptions): PluggedScsi {
    const { clock, memory, wiring, slots } = this.options;
    const { slot, drives } = controller;
    const device: Lsi53c895a = new Lsi53c895a({
      clock,
      memory,
      places: [
        (base, enabled) => io(base, enabled),
        (base, enabled) => mmio(base, enabled),
        (base, enabled) => ram(base, enabled),
      ],
    });
    const io = wiring.ioBar({ name: 'lsi-io', base: 0, length: 0x100 }, device.ports);
    const mmio = wiring.memoryBar('lsi-mmio', 0x400, device.ports);
    const ram = wiring.memoryBar('lsi-ram', 0x2000, device.ram);
    const plugged = { options: controller, device, drives: [] as ScsiDriveOptions[] };
    const chips = new Map<string, Device>([[`lsi53c895a.${slot}`, device]]);
    slots.fill({ slot, pci: device.pci, chips, onEject: () => this.ejected(plugged) });
    this.list.push(plugged);
    for (const drive of drives) this.attach(plugged, drive);
    return plugged;
  }

  /** The machine runs: the guest hears of it. */
  plugHot(controller: ScsiControllerOptions): void {
    this.plug(controller);
    this.options.slots.hotplug.plugged(controller.slot);
  }

  /** Guests look at the bus when they are told to: it has no wire for news. */
  attach(adapter: PluggedScsi, drive: ScsiDriveOptions): void {
    const { inbox, slots } = this.options;
    const { device, options } = adapter;
    const { scsiId, media, backend, serial = backend.serial ?? '' } = drive;
    const onReady = (): void => device.targetReady();
    const disk = new ScsiDisk({ media, backend, inbox, serial, hasQueue: true, onReady });
    device.connect(scsiId, disk);
    slots.addChip(options.slot, `lsi53c895a.${options.slot}.${scsiId}`, disk);
    this.list.find(item => item === adapter)?.drives.push(drive);
  }

  detach(adapter: PluggedScsi, drive: ScsiDriveOptions): void {
    const { slot } = adapter.options;
    adapter.device.disconnect(drive.scsiId);
    this.options.slots.removeChip(slot, `lsi53c895a.${slot}.${drive.scsiId}`);
    const drives = this.list.find(item => item === adapter)?.drives ?? [];
    drives.splice(drives.indexOf(drive), 1);
  }

  private ejected(plugged: PluggedScsi): void {
    this.list = this.list.filter(item => item !== plugged);
    this.onEjected(plugged);
  }
}

/** What the firmware calls the disks that boot. */
export function scsiBootPaths(
  controllers: readonly ScsiControllerOptions[],
): readonly { readonly index: number; readonly path: string }[] {
  return controllers.flatMap(({ slot, drives }) =>
    drives.flatMap(({ bootIndex, scsiId }) => {
      const path = `/pci@i0cf8/scsi@${slot.toString(16)}/channel@0/disk@${scsiId.toString(16)},0`;
      return bootIndex === undefined ? [] : [{ index: bootIndex, path }];
    }),
  );
}

/** Properties of a disk in `info qtree`. */
export function scsiValues(drive: ScsiDriveOptions): { readonly [name: string]: PropertyValue } {
  const { model, media, backend, scsiId, serial = backend.serial ?? '' } = drive;
  const values = { drive: backend.name, serial, 'scsi-id': scsiId };
  if (model !== 'scsi-disk' || media === 'disk') return values;
  return { ...values, product: 'QEMU CD-ROM', removable: true };
}
