/**
 * Devices that come and go while the machine stands or runs: USB sticks, by `device_add` and
 * `device_del`, with QEMU's messages and events.
 */

import { UserError } from './error.ts';
import type { Events } from './events.ts';
import type { BoardUsb } from './hw/board/usb.ts';
import type { CharTable } from './main-chars.ts';
import { coldBus, type Fittings, fitDevice } from './main-devices.ts';
import type { DriveTable } from './main-drives.ts';
import type { OptionList } from './options.ts';

export interface HotPlugOptions {
  /** Undefined without a controller. */
  readonly usb: BoardUsb | undefined;
  readonly drives: DriveTable;
  readonly chars: CharTable;
  readonly events: Events;
  /** Of devices that cannot go away. */
  readonly ids: readonly string[];
}

export class HotPlug {
  constructor(private readonly options: HotPlugOptions) {}

  /**
   * `device_add`. Throws UserError; of class DeviceEncrypted when the device is there and waits for
   * the key of its drive.
   */
  add(list: OptionList): void {
    const { usb, drives, chars, ids } = this.options;
    const { id } = list;
    const driver = list.get('driver') ?? '';
    const isTaken = id !== undefined && (usb?.find(id) !== undefined || ids.includes(id));
    if (isTaken) throw new UserError(`Duplicate ID '${id}' for device`);
    const cold = coldBus(driver);
    if (cold !== undefined) throw new UserError(`Bus '${cold}' does not support hotplugging`);
    const fittings = fittingsOf(usb);
    try {
      fitDevice(list, { fittings, chars, drives });
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      throw new UserError(error.message.split('\n')[0], error.errorClass);
    }
    const added = fittings.usbDevices.at(-1);
    if (added === undefined) return;
    usb?.plug(added);
    const missing = drives.missingKeys().find(({ device }) => device === added.backend.name);
    if (missing === undefined) return;
    const { device, filename } = missing;
    throw new UserError(`'${device}' (${filename}) is encrypted`, 'DeviceEncrypted');
  }

  /** `device_del`: the device's drive goes with it. Throws UserError. */
  async remove(id: string): Promise<void> {
    const { usb, drives, events } = this.options;
    const plugged = usb?.find(id);
    if (plugged === undefined) throw new UserError(`Device '${id}' not found`, 'DeviceNotFound');
    usb?.unplug(plugged);
    const path = `/machine/peripheral/${id}`;
    events.emit('DEVICE_DELETED', { path: `${path}/${id}.0/legacy[0]` });
    events.emit('DEVICE_DELETED', { device: id, path });
    await drives.remove(drives.find(plugged.options.backend.name));
  }
}

/** What is plugged now, as the checks of `-device` know it. */
function fittingsOf(usb: BoardUsb | undefined): Fittings {
  const plugged = usb?.plugged ?? [];
  return {
    drives: [],
    serials: [],
    debugcons: [],
    debugExits: [],
    usb: usb !== undefined,
    usbDevices: plugged.map(({ options, port }) => ({ ...options, port: String(port.number) })),
  };
}
