/**
 * Devices that come and go while the machine stands or runs: USB sticks, by `device_add`,
 * `device_del`, `usb_add` and `usb_del`, with QEMU's messages and events.
 */

import { UserError } from './error.ts';
import type { Events } from './events.ts';
import type { BoardUsb, PluggedPointer, PluggedStorage } from './hw/board/usb.ts';
import type { UsbPort } from './hw/usb/bus.ts';
import type { CharTable } from './main-chars.ts';
import {
  checkHot,
  deviceHelp,
  type Fittings,
  fitDevice,
  fitUsbDisk,
  fitUsbPointer,
  POINTER_WORDS,
  propertyHelp,
} from './main-devices.ts';
import type { DriveTable, OpenDrive } from './main-drives.ts';
import { noFittings } from './main-fittings.ts';
import type { Devices } from './monitor/vm.ts';
import { CommandLineError, checkId, OptionList, type OptionPair } from './options.ts';

export interface HotPlugOptions {
  /** Undefined without a controller. */
  readonly usb: BoardUsb | undefined;
  readonly drives: DriveTable;
  readonly chars: CharTable;
  readonly events: Events;
  /** What cannot go away: drivers by id. */
  readonly fixed: ReadonlyMap<string, string>;
  /** How devices are numbered so far. */
  readonly counts: DeviceCounts;
}

type DeviceCounts = Pick<Fittings, 'anonymous' | 'unattached'>;

export class HotPlug implements Devices {
  private counts: DeviceCounts;

  constructor(private readonly options: HotPlugOptions) {
    this.counts = options.counts;
  }

  /**
   * `device_add`. Throws UserError; of class DeviceEncrypted when the device is there and waits for
   * the key of its drive.
   */
  add(pairs: readonly OptionPair[]): void {
    const { usb, drives, chars, fixed } = this.options;
    const list = new OptionList(pairs);
    const { id } = list;
    checkId(id);
    const isTaken =
      id !== undefined && (fixed.has(id) || (usb?.find(id) ?? usb?.findPointer(id)) !== undefined);
    if (isTaken) throw new UserError(`Duplicate ID '${id}' for device`);
    const fittings = this.fittings();
    try {
      fitDevice(list, { fittings, chars, drives, isHot: true });
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      throw new UserError(error.message.split('\n')[0], error.errorClass);
    } finally {
      this.counts = fittings;
    }
    const added = this.plugLast(fittings);
    const missing = drives.missingKeys().find(({ device }) => device === added);
    if (missing === undefined) return;
    const { device, filename } = missing;
    throw new UserError(`'${device}' (${filename}) is encrypted`, 'DeviceEncrypted');
  }

  help(driver: string | undefined): string | undefined {
    return driver === undefined ? deviceHelp() : propertyHelp(driver);
  }

  /** Returns the name of its drive. */
  private plugLast({ usbDevices, usbPointers }: Fittings): string | undefined {
    const { usb } = this.options;
    const added = usbDevices.slice(usb?.plugged.length).at(-1);
    for (const pointer of usbPointers.slice(usb?.pointers.length)) usb?.plugPointer(pointer);
    if (added !== undefined) usb?.plug(added);
    return added?.backend.name;
  }

  /** `device_del`: the device's drive goes with it. Throws UserError. */
  async remove(id: string): Promise<void> {
    const { usb, fixed } = this.options;
    const driver = fixed.get(id);
    if (driver !== undefined) checkHot(driver);
    const pointer = usb?.findPointer(id);
    if (pointer !== undefined) {
      this.unplugPointer(pointer);
      return;
    }
    const plugged = usb?.find(id);
    if (plugged === undefined) throw new UserError(`Device '${id}' not found`, 'DeviceNotFound');
    await this.unplug(plugged);
  }

  private unplugPointer(plugged: PluggedPointer): void {
    const { usb, events } = this.options;
    const { id, path = '' } = plugged.options;
    usb?.unplugPointer(plugged);
    events.emit('DEVICE_DELETED', id === undefined ? { path } : { device: id, path });
  }

  private async unplug(plugged: PluggedStorage): Promise<void> {
    const { usb, drives, events } = this.options;
    const { id, path = '', backend } = plugged.options;
    const drive = drives.drives.find(item => item.backend === backend);
    usb?.unplug(plugged);
    events.emit('DEVICE_DELETED', { path: `${path}/${plugged.busName}/legacy[0]` });
    events.emit('DEVICE_DELETED', id === undefined ? { path } : { device: id, path });
    if (drive !== undefined) await drives.remove(drive);
  }

  async addUsb(text: string): Promise<string> {
    const { usb, drives } = this.options;
    const failed = `could not add USB device '${text}'`;
    const isPointer = Object.hasOwn(POINTER_WORDS, text);
    if (!isPointer && !text.startsWith('disk:')) throw new UserError(failed);
    if (usb === undefined) {
      const hint = 'please try -machine usb=on and check that the machine model supports USB';
      const why = `Error: no usb bus to attach usbdevice ${text}, ${hint}`;
      throw new UserError(`${why}\n${failed}`);
    }
    const fittings = this.fittings();
    if (isPointer) {
      this.addPointer(text, fittings);
      return '';
    }
    let drive: OpenDrive | undefined;
    try {
      drive = await drives.openUsb({ text, location: undefined });
      fitUsbDisk(drive, fittings);
    } catch (error) {
      if (!(error instanceof CommandLineError)) throw error;
      if (drive !== undefined) await drives.remove(drive);
      throw new UserError(`${error.message}\n${failed}`);
    } finally {
      this.counts = fittings;
    }
    this.plugLast(fittings);
    return drive.backend.name;
  }

  private addPointer(word: string, fittings: Fittings): void {
    try {
      fitUsbPointer(word, fittings);
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      throw new UserError(`${error.message}\ncould not add USB device '${word}'`);
    } finally {
      this.counts = fittings;
    }
    this.plugLast(fittings);
  }

  async removeUsb(text: string): Promise<void> {
    const address = /^0\.(\d+)$/.exec(text)?.[1];
    const { usb } = this.options;
    const pointer = usb?.pointers.find(item => String(item.pointer.address) === address);
    if (pointer !== undefined) {
      this.unplugPointer(pointer);
      return;
    }
    const found = usb?.plugged.find(({ storage }) => String(storage.address) === address);
    if (found === undefined) throw new UserError(`could not delete USB device '${text}'`);
    await this.unplug(found);
  }

  /** What is plugged now, as the checks of `-device` know it. */
  private fittings(): Fittings {
    const { usb } = this.options;
    const { anonymous, unattached } = this.counts;
    const at = ({ port }: { readonly port: UsbPort }) => ({ port: String(port.number) });
    return {
      ...noFittings(usb !== undefined),
      usbDevices: (usb?.plugged ?? []).map(item => ({ ...item.options, ...at(item) })),
      usbPointers: (usb?.pointers ?? []).map(item => ({ ...item.options, ...at(item) })),
      anonymous,
      unattached,
    };
  }
}
