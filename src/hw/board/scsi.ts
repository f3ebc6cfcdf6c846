/**
 * SCSI host adapters in PCI slots, and the disks on their buses. They are there from power-on on.
 */

import type { BlockBackend } from '../../block/backend.ts';
import type { Clock } from '../../clock.ts';
import type { Inbox } from '../../inbox.ts';
import type { Memory } from '../../memory.ts';
import type { PropertyValue } from '../catalog.ts';
import type { Device } from '../device.ts';
import type { PciBus } from '../pci/bus.ts';
import { ScsiDisk } from '../scsi/disk.ts';
import { Lsi53c895a } from '../scsi/lsi53c895a.ts';
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
}

export interface BoardScsiOptions {
  readonly clock: Clock;
  readonly memory: Memory;
  readonly inbox: Inbox;
  readonly wiring: Wiring;
  readonly pci: PciBus;
  /** The board's devices by id: plugging adds to them. */
  readonly devices: Map<string, Device>;
}

export class BoardScsi {
  private readonly list: PluggedScsi[] = [];

  constructor(private readonly options: BoardScsiOptions) {}

  get plugged(): readonly PluggedScsi[] {
    return this.list;
  }

  plug(controller: ScsiControllerOptions): void {
    const { clock, memory, inbox, wiring, pci, devices } = this.options;
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
    pci.add(slot, 0, device.pci);
    devices.set(`pci.${slot}.0`, device.pci);
    devices.set(`lsi53c895a.${slot}`, device);
    for (const { scsiId, media, backend, serial = backend.serial ?? '' } of drives) {
      const onReady = (): void => device.targetReady();
      const disk = new ScsiDisk({ media, backend, inbox, serial, hasQueue: true, onReady });
      device.connect(scsiId, disk);
      devices.set(`lsi53c895a.${slot}.${scsiId}`, disk);
    }
    this.list.push({ options: controller, device });
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
