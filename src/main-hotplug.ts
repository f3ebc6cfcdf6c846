/**
 * Devices that come and go while the machine stands or runs: those on the USB, in PCI slots and on
 * SCSI buses, by `device_add`, `device_del`, `usb_add` and `usb_del`, with QEMU's messages and
 * events.
 */

import type { BlockBackend } from './block/backend.ts';
import { UserError } from './error.ts';
import type { Events } from './events.ts';
import type { BoardScsi, PluggedScsi, ScsiDriveOptions } from './hw/board/scsi.ts';
import type { BoardSlots } from './hw/board/slots.ts';
import type { BoardUsb, PluggedUsb } from './hw/board/usb.ts';
import type { BoardVirtio, PluggedVirtio } from './hw/board/virtio.ts';
import type { CharTable } from './main-chars.ts';
import { checkHot, deviceHelp, fitDevice, propertyHelp } from './main-devices.ts';
import { fitUnnamedHid, fitUsbDisk } from './main-devices-usb.ts';
import type { DriveTable, OpenDrive } from './main-drives.ts';
import { type Fittings, noFittings } from './main-fittings.ts';
import { hidOfName } from './main-usb-names.ts';
import type { Devices } from './monitor/vm.ts';
import { CommandLineError, checkId, OptionList, type OptionPair } from './options.ts';

export interface HotPlugOptions {
  /** Undefined without a controller. */
  readonly usb: BoardUsb | undefined;
  readonly slots: BoardSlots;
  readonly virtio: BoardVirtio;
  readonly scsi: BoardScsi;
  readonly drives: DriveTable;
  readonly chars: CharTable;
  readonly events: Events;
  /** What cannot go away: drivers by id. */
  readonly fixed: ReadonlyMap<string, string>;
  /** How devices are numbered so far. */
  readonly counts: DeviceCounts;
}

type DeviceCounts = Pick<Fittings, 'anonymous' | 'unattached' | 'scsiBuses'>;

export class HotPlug implements Devices {
  private counts: DeviceCounts;

  constructor(private readonly options: HotPlugOptions) {
    this.counts = options.counts;
    options.virtio.onEjected = plugged => this.virtioEjected(plugged);
    options.scsi.onEjected = plugged => this.adapterEjected(plugged);
  }

  /**
   * `device_add`. Throws UserError; of class DeviceEncrypted when the device is there and waits for
   * the key of its drive.
   */
  add(pairs: readonly OptionPair[]): void {
    const { usb, virtio, scsi, drives, chars, fixed } = this.options;
    const list = new OptionList(pairs);
    const { id } = list;
    checkId(id);
    const isTaken =
      id !== undefined &&
      [
        ...[usb?.find(id), virtio.find(id), fixed.get(id)],
        ...[scsi.find(id), scsi.findDrive(id)],
      ].some(taken => taken !== undefined);
    if (isTaken) throw new UserError(`Duplicate ID '${id}' for device`);
    const fittings = this.fittings();
    try {
      fitDevice(list, { fittings, chars, drives, isHot: true });
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      throw new UserError(error.message.split('\n')[0], error.errorClass);
    } finally {
      this.keep(fittings);
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

  /** Returns the name of its drive, if the password is to be asked for at once. */
  private plugLast({ usbDevices, virtioDisks, scsi: adapters }: Fittings): string | undefined {
    const { usb, virtio, scsi } = this.options;
    const disk = virtioDisks.at(-1);
    if (disk !== undefined) virtio.plugHot(disk);
    adapters.forEach((fitting, i) => {
      const plugged = scsi.plugged[i];
      if (plugged === undefined) scsi.plugHot(fitting);
      else for (const d of fitting.drives.slice(plugged.drives.length)) scsi.attach(plugged, d);
    });
    const added = usbDevices.at(-1);
    if (added === undefined) return undefined;
    usb?.plug(added);
    return added.model === undefined ? added.backend.name : undefined;
  }

  /**
   * `device_del`: the device's drive goes with it. What sits in a PCI slot goes when the guest, who
   * is asked, lets go of it. Throws UserError.
   */
  async remove(id: string): Promise<void> {
    const { usb, virtio, scsi, slots, fixed } = this.options;
    const slot = virtio.find(id)?.slot ?? scsi.find(id)?.options.slot;
    if (slot !== undefined) {
      slots.hotplug.askBack(slot);
      return;
    }
    const found = scsi.findDrive(id);
    if (found !== undefined) {
      scsi.detach(found.adapter, found.drive);
      await this.scsiDriveGone(found.drive);
      return;
    }
    const driver = fixed.get(id);
    if (driver !== undefined) checkHot(driver);
    const plugged = usb?.find(id);
    if (plugged === undefined) throw new UserError(`Device '${id}' not found`, 'DeviceNotFound');
    await this.unplug(plugged);
  }

  private virtioEjected({ options: { id, path = '', backend } }: PluggedVirtio): void {
    this.options.events.emit('DEVICE_DELETED', { path: `${path}/virtio-backend` });
    this.tellDeleted(id, path);
    void this.removeDrive(backend);
  }

  /** What is on its bus goes first. */
  private adapterEjected({ options: { id, path = '', busName }, drives }: PluggedScsi): void {
    for (const drive of [...drives]) void this.scsiDriveGone(drive, `${path}/${busName}/`);
    this.tellDeleted(id, path);
  }

  private async scsiDriveGone(drive: ScsiDriveOptions, bus = ''): Promise<void> {
    const { id, path = '', backend } = drive;
    // Without an id of `-device` its place is below the bus.
    this.tellDeleted(id, path.startsWith('/') ? path : `${bus}${path}`);
    await this.removeDrive(backend);
  }

  private tellDeleted(id: string | undefined, path: string): void {
    this.options.events.emit('DEVICE_DELETED', id === undefined ? { path } : { device: id, path });
  }

  private async removeDrive(backend: BlockBackend | undefined): Promise<void> {
    const { drives } = this.options;
    const drive = [...drives.drives, ...drives.hidden].find(item => item.backend === backend);
    if (drive !== undefined) await drives.remove(drive);
  }

  private async unplug(plugged: PluggedUsb): Promise<void> {
    const { usb, events } = this.options;
    const { id, path = '' } = plugged.options;
    const { storage } = plugged;
    usb?.unplug(plugged);
    if (storage !== undefined) {
      events.emit('DEVICE_DELETED', { path: `${path}/${storage.busName}/legacy[0]` });
    }
    this.tellDeleted(id, path);
    if (storage !== undefined) await this.removeDrive(storage.backend);
  }

  async addUsb(text: string): Promise<string> {
    const { usb, drives } = this.options;
    const failed = `could not add USB device '${text}'`;
    const hid = hidOfName(text);
    if (hid === undefined && !/^disk:/.test(text)) throw new UserError(failed);
    if (usb === undefined) {
      const hint = 'please try -machine usb=on and check that the machine model supports USB';
      const why = `Error: no usb bus to attach usbdevice ${text}, ${hint}`;
      throw new UserError(`${why}\n${failed}`);
    }
    const fittings = this.fittings();
    let drive: OpenDrive | undefined;
    try {
      if (hid === undefined) {
        drive = await drives.openUsb({ text, location: undefined });
        fitUsbDisk(drive, fittings);
      } else fitUnnamedHid(hid, fittings);
    } catch (error) {
      if (!(error instanceof CommandLineError)) throw error;
      if (drive !== undefined) await drives.remove(drive);
      throw new UserError(`${error.message}\n${failed}`, 'GenericError', error.hint);
    } finally {
      this.keep(fittings);
    }
    this.plugLast(fittings);
    return drive?.backend.name ?? '';
  }

  async removeUsb(text: string): Promise<void> {
    const address = /^0\.(\d+)$/.exec(text)?.[1];
    const found = this.options.usb?.plugged.find(
      ({ device }) => String(device.address) === address,
    );
    if (found === undefined) throw new UserError(`could not delete USB device '${text}'`);
    await this.unplug(found);
  }

  /** What is plugged now, as the checks of `-device` know it. */
  private fittings(): Fittings {
    const { usb, slots, scsi } = this.options;
    const { anonymous, unattached, scsiBuses } = this.counts;
    return {
      ...noFittings(),
      usb: usb !== undefined,
      freeSlots: [...slots.free],
      scsi: scsi.plugged.map(({ options, drives }) => ({ ...options, drives: [...drives] })),
      scsiBuses,
      freeUsbPorts: [...(usb?.controller.bus.freePorts ?? [])],
      anonymous,
      unattached,
    };
  }

  /** Whatever came of it, numbers are used up, and ports that were tried are tried last. */
  private keep(fittings: Fittings): void {
    this.counts = fittings;
    this.options.usb?.controller.bus.orderFreePorts(fittings.freeUsbPorts);
  }
}
