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
import type { InputDevice, InputRouter } from '../input/router.ts';
import { ScsiDisk } from '../scsi/disk.ts';
import type { UsbPort } from '../usb/bus.ts';
import type { UsbDevice } from '../usb/device.ts';
import { type HidKind, productOf } from '../usb/hid.ts';
import { UsbKeyboard } from '../usb/hid-keyboard.ts';
import { UsbPointer } from '../usb/hid-pointer.ts';
import { UsbStorage } from '../usb/storage.ts';
import { Uhci } from '../usb/uhci.ts';
import type { Wiring } from './wiring.ts';

interface UsbPlace {
  readonly id?: string;
  /** In the tree of objects; default among those that nobody named. */
  readonly path?: string;
  readonly serial?: string;
  /** Root port as users count, from 1; default the first that is free. */
  readonly port?: string;
}

/** `-device usb-storage`, `-usbdevice disk:`. */
export interface UsbStorageOptions extends UsbPlace {
  readonly model?: undefined;
  readonly backend: BlockBackend;
  /** Of the SCSI bus inside; default after the device's id. */
  readonly busName?: string;
  readonly bootIndex?: number;
  /** It is there, but the guest sees it only after `attach`: its medium cannot be read yet. */
  readonly isDeferred?: boolean;
}

/** `-device usb-mouse` and so on, `-usbdevice mouse`. */
export interface UsbHidOptions extends UsbPlace {
  readonly model: HidKind;
}

export type UsbDeviceOptions = UsbStorageOptions | UsbHidOptions;

/** A stick's inside. */
export interface StorageInside {
  readonly backend: BlockBackend;
  readonly disk: ScsiDisk;
  /** Of the SCSI bus between the two. */
  readonly busName: string;
}

/** One device and where it sits. */
export interface PluggedUsb {
  readonly options: UsbDeviceOptions;
  readonly port: UsbPort;
  readonly device: UsbDevice;
  readonly storage?: StorageInside;
  /** What it hears of the user. */
  readonly events?: InputDevice;
}

export interface BoardUsbOptions {
  readonly clock: Clock;
  readonly memory: Memory;
  readonly inbox: Inbox;
  readonly wiring: Wiring;
  /** The board's devices by id: plugging adds to them. */
  readonly devices: Map<string, Device>;
  /** Keyboards and mice are fed by it. */
  readonly input: InputRouter;
}

/** Of the PCI function, in serial numbers. */
const CONTROLLER_PATH = '0000:00:01.2';
const HID_SERIAL = '42';

export class BoardUsb {
  readonly controller: Uhci;
  private readonly list: PluggedUsb[] = [];

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
  get plugged(): readonly PluggedUsb[] {
    return this.list;
  }

  /** Throws UserError when there is no free port. */
  plug(options: UsbDeviceOptions): PluggedUsb {
    if (options.id !== undefined && this.find(options.id) !== undefined) {
      throw new UserError(`Duplicate ID '${options.id}' for device`);
    }
    const plugged = options.model === undefined ? this.plugStorage(options) : this.plugHid(options);
    const { bus } = this.controller;
    this.list.push(plugged);
    if (options.model !== undefined || options.isDeferred !== true) bus.attach(plugged.port);
    return plugged;
  }

  private plugStorage(options: UsbStorageOptions): PluggedUsb {
    const { inbox, devices } = this.options;
    const { backend, id = 'scsi', busName = `${id}.0`, serial = backend.serial } = options;
    const disk = new ScsiDisk({ media: 'disk', backend, serial: serial ?? '', inbox });
    const port = this.controller.bus.claim('QEMU USB MSD', options.port);
    const path = `1-${CONTROLLER_PATH}-${port.number}`;
    const device = new UsbStorage(disk, serial ?? path);
    port.device = device;
    devices.set(`usb.${port.number}`, device);
    devices.set(`usb.${port.number}.disk`, disk);
    return { options, port, device, storage: { backend, disk, busName } };
  }

  private plugHid(options: UsbHidOptions): PluggedUsb {
    const { clock, devices, input } = this.options;
    const { model, serial = HID_SERIAL } = options;
    const port = this.controller.bus.claim(productOf(model), options.port);
    const onPoll = (): void => input.prefer(device.events);
    const device: UsbKeyboard | UsbPointer =
      model === 'keyboard'
        ? new UsbKeyboard({ clock, serial, onPoll })
        : new UsbPointer({ clock, serial, onPoll, kind: model });
    port.device = device;
    devices.set(`usb.${port.number}`, device);
    input.add(device.events);
    return { options, port, device, events: device.events };
  }

  find(id: string): PluggedUsb | undefined {
    return this.list.find(({ options }) => options.id === id);
  }

  /** The device at once is gone, for the guest too. */
  unplug(plugged: PluggedUsb): void {
    const at = this.list.indexOf(plugged);
    if (at < 0) return;
    this.list.splice(at, 1);
    const { port, storage, events } = plugged;
    storage?.disk.cancel();
    if (events !== undefined) this.options.input.remove(events);
    this.controller.bus.detach(port);
    this.options.devices.delete(`usb.${port.number}`);
    this.options.devices.delete(`usb.${port.number}.disk`);
  }

  /** The drive can be read from now on: the guest sees the devices that waited for that. */
  attachDrive(drive: string): void {
    for (const { storage, port } of this.list) {
      if (storage?.backend.name === drive) this.controller.bus.attach(port);
    }
  }

  infoText(): string {
    return this.controller.bus.infoText();
  }
}

/** What the firmware calls the devices that boot, as they are plugged at power-on. */
export function usbBootPaths(
  devices: readonly UsbDeviceOptions[],
): readonly { readonly index: number; readonly path: string }[] {
  const free = new Set(['1', '2']);
  return devices.flatMap(device => {
    const { port = [...free][0] } = device;
    free.delete(port);
    const path = `/pci@i0cf8/usb@1,2/storage@${port}/channel@0/disk@0,0`;
    if (device.model !== undefined || device.bootIndex === undefined) return [];
    return [{ index: device.bootIndex, path }];
  });
}

/** Lines of a device in `info qtree`. */
export function usbLines({ port, device }: PluggedUsb): string[] {
  const place = `addr 0.${device.address}, port ${port.number}, speed 12`;
  return [`${place}, name ${device.product}${port.isAttached ? ', attached' : ''}`];
}

/** Properties of its disk in `info qtree`. */
export function diskValues(
  { serial }: UsbDeviceOptions,
  { backend }: StorageInside,
): { readonly [name: string]: PropertyValue } {
  return { drive: backend.name, serial: serial ?? backend.serial ?? '' };
}
