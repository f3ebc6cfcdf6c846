/**
 * Devices that come and go while the machine stands or runs: USB sticks, by `device_add`,
 * `device_del`, `usb_add` and `usb_del`, with QEMU's messages and events.
 */

import { UserError } from './error.ts';
import type { Events } from './events.ts';
import type { BoardUsb, PluggedStorage } from './hw/board/usb.ts';
import type { CharTable } from './main-chars.ts';
import {
  checkHot,
  deviceHelp,
  type Fittings,
  fitDevice,
  fitUsbDisk,
  propertyHelp,
} from './main-devices.ts';
import type { DriveTable, OpenDrive } from './main-drives.ts';
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
    const isTaken = id !== undefined && (usb?.find(id) !== undefined || fixed.has(id));
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
  private plugLast({ usbDevices }: Fittings): string | undefined {
    const added = usbDevices.at(-1);
    if (added !== undefined) this.options.usb?.plug(added);
    return added?.backend.name;
  }

  /** `device_del`: the device's drive goes with it. Throws UserError. */
  async remove(id: string): Promise<void> {
    const { usb, fixed } = this.options;
    const driver = fixed.get(id);
    if (driver !== undefined) checkHot(driver);
    const plugged = usb?.find(id);
    if (plugged === undefined) throw new UserError(`Device '${id}' not found`, 'DeviceNotFound');
    await this.unplug(plugged);
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
    if (!/^disk:/.test(text)) throw new UserError(failed);
    if (usb === undefined) {
      const hint = 'please try -machine usb=on and check that the machine model supports USB';
      const why = `Error: no usb bus to attach usbdevice ${text}, ${hint}`;
      throw new UserError(`${why}\n${failed}`);
    }
    const fittings = this.fittings();
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

  async removeUsb(text: string): Promise<void> {
    const address = /^0\.(\d+)$/.exec(text)?.[1];
    const found = this.options.usb?.plugged.find(
      ({ storage }) => String(storage.address) === address,
    );
    if (found === undefined) throw new UserError(`could not delete USB device '${text}'`);
    await this.unplug(found);
  }

  /** What is plugged now, as the checks of `-device` know it. */
  private fittings(): Fittings {
    const { usb } = this.options;
    const plugged = usb?.plugged ?? [];
    const { anonymous, unattached } = this.counts;
    return {
      drives: [],
      serials: [],
      debugcons: [],
      debugExits: [],
      usb: usb !== undefined,
      usbDevices: plugged.map(({ options, port }) => ({ ...options, port: String(port.number) })),
      anonymous,
      unattached,
    };
  }
}
