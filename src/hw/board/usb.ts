/**
 * The board's USB: the controller of the chip set and what is plugged into it, at power-on or
 * later.
 */

import type { BlockBackend } from '../../block/backend.ts';
import type { Clock } from '../../clock.ts';
import { UserError } from '../../error.ts';
import type { Inbox } from '../../inbox.ts';
import type { Memory } from '../../memory.ts';
import type { PropertyValue } from '../catalog.ts';
import type { Device } from '../device.ts';
import { ScsiDisk } from '../scsi/disk.ts';
import type { UsbPort } from '../usb/bus.ts';
import { UsbStorage } from '../usb/storage.ts';
import { Uhci } from '../usb/uhci.ts';
import type { Wiring } from './wiring.ts';

/** `-device usb-storage`, `-usbdevice disk:`. */
export interface UsbStorageOptions {
  readonly backend: BlockBackend;
  readonly id?: string;
  /** In the tree of objects; default among those that nobody named. */
  readonly path?: string;
  readonly serial?: string;
  /** Root port as users count, from 1; default the first that is free. */
  readonly port?: string;
  readonly bootIndex?: number;
  /** It is there, but the guest sees it only after `attach`: its medium cannot be read yet. */
  readonly isDeferred?: boolean;
}

/** One device and where it sits. */
export interface PluggedStorage {
  readonly options: UsbStorageOptions;
  readonly port: UsbPort;
  readonly storage: UsbStorage;
  readonly disk: ScsiDisk;
  /** Of the SCSI bus between the two. */
  readonly busName: string;
}

export interface BoardUsbOptions {
  readonly clock: Clock;
  readonly memory: Memory;
  readonly inbox: Inbox;
  readonly wiring: Wiring;
  /** The board's devices by id: plugging adds to them. */
  readonly devices: Map<string, Device>;
}

/** Of the PCI function, in serial numbers. */
const CONTROLLER_PATH = '0000:00:01.2';

export class BoardUsb {
  readonly controller: Uhci;
  private readonly list: PluggedStorage[] = [];
  private namelessBuses = 0;

  constructor(private readonly options: BoardUsbOptions) {
    const { clock, memory, wiring } = options;
    const uhci: Uhci = new Uhci({
      clock,
      memory,
      place: (base, enabled) => place(base, enabled),
    });
    const place = wiring.ioBar({ name: 'uhci', base: 0, length: 32 }, uhci.ports);
    this.controller = uhci;
    options.devices.set('piix3-usb-uhci', uhci);
  }

  /** In the order in which they were plugged. */
  get plugged(): readonly PluggedStorage[] {
    return this.list;
  }

  /** Throws UserError when there is no free port. */
  plug(options: UsbStorageOptions): PluggedStorage {
    const { inbox, devices } = this.options;
    const { backend, serial = backend.serial } = options;
    if (options.id !== undefined && this.find(options.id) !== undefined) {
      throw new UserError(`Duplicate ID '${options.id}' for device`);
    }
    const { bus } = this.controller;
    const disk = new ScsiDisk({ backend, serial: serial ?? '', inbox });
    const port = bus.claim('QEMU USB MSD', options.port);
    const path = `1-${CONTROLLER_PATH}-${port.number}`;
    const storage = new UsbStorage(disk, serial ?? path);
    port.device = storage;
    devices.set(`usb.${port.number}`, storage);
    devices.set(`usb.${port.number}.disk`, disk);
    const { id } = options;
    const busName = id === undefined ? `scsi.${this.namelessBuses++}` : `${id}.0`;
    const plugged = { options, port, storage, disk, busName };
    this.list.push(plugged);
    if (options.isDeferred !== true) bus.attach(port);
    return plugged;
  }

  find(id: string): PluggedStorage | undefined {
    return this.list.find(({ options }) => options.id === id);
  }

  /** The device at once is gone, for the guest too. */
  unplug(plugged: PluggedStorage): void {
    const at = this.list.indexOf(plugged);
    if (at < 0) return;
    this.list.splice(at, 1);
    const { port, disk } = plugged;
    disk.cancel();
    this.controller.bus.detach(port);
    this.options.devices.delete(`usb.${port.number}`);
    this.options.devices.delete(`usb.${port.number}.disk`);
  }

  /** The drive can be read from now on: the guest sees the devices that waited for that. */
  attachDrive(drive: string): void {
    for (const { options, port } of this.list) {
      if (options.backend.name === drive) this.controller.bus.attach(port);
    }
  }

  infoText(): string {
    return this.controller.bus.infoText();
  }
}

/** What the firmware calls the devices that boot, as they are plugged at power-on. */
export function usbBootPaths(
  devices: readonly UsbStorageOptions[],
): readonly { readonly index: number; readonly path: string }[] {
  const free = new Set(['1', '2']);
  return devices.flatMap(({ port = [...free][0], bootIndex }) => {
    free.delete(port);
    const path = `/pci@i0cf8/usb@1,2/storage@${port}/channel@0/disk@0,0`;
    return bootIndex === undefined ? [] : [{ index: bootIndex, path }];
  });
}

/** Lines of a device in `info qtree`. */
export function storageLines({ port, storage }: PluggedStorage): string[] {
  return [`addr 0.${storage.address}, port ${port.number}, speed 12, name ${storage.product}`];
}

/** Properties of its disk in `info qtree`. */
export function diskValues({ options }: PluggedStorage): {
  readonly [name: string]: PropertyValue;
} {
  const { backend, serial = backend.serial ?? '' } = options;
  return { drive: backend.name, serial };
}
