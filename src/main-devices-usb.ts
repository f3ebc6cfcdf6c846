/**
 * USB devices of `-device`, `-usbdevice` and their relatives in monitors: sticks, keyboards, mice.
 */

import { UserError } from './error.ts';
import type { UsbDeviceOptions, UsbStorageOptions } from './hw/board/usb.ts';
import { type HidKind, productOf } from './hw/usb/hid.ts';
import type { OpenDrive } from './main-drives.ts';
import { type Fittings, findDrive, nameScsiBus, type Place } from './main-fittings.ts';
import { CommandLineError } from './options.ts';

/** Smaller numbers are the board's own devices. */
const FIRST_UNATTACHED = 32;
const STICK = 'QEMU USB MSD';

/** Takes a port. Throws UserError. */
function claimPort({ freeUsbPorts }: Fittings, product: string, wanted?: string): string {
  const at = wanted === undefined ? 0 : freeUsbPorts.indexOf(wanted);
  const [port] = at < 0 ? [] : freeUsbPorts.splice(at, 1);
  if (port !== undefined) return port;
  throw new UserError(
    wanted === undefined
      ? `tried to attach usb device ${product} to a bus with no free ports`
      : `usb port ${wanted} (bus usb-bus.0) not found (in use?)`,
  );
}

/** Runs the rest of a device's start-up; its port is free again, behind the others, if it fails. */
function withPort<T>(place: Place, product: string, start: () => T): T {
  const { driver, list, fittings } = place;
  let port: string | undefined;
  try {
    port = claimPort(fittings, product, list.get('port'));
    return start();
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    if (port !== undefined) fittings.freeUsbPorts.push(port);
    throw new UserError(`${error.message}\nDevice '${driver}' could not be initialized`);
  }
}

function placeOf({ list, path }: Place): Omit<UsbDeviceOptions, 'model' | 'backend' | 'busName'> {
  return { path, id: list.id, serial: list.get('serial'), port: list.get('port') };
}

export function fitUsbStorage(place: Place): void {
  const { list, fittings } = place;
  const drive = findDrive(place);
  const checked = withPort(place, STICK, () => {
    if (drive === undefined) throw new UserError('drive property not set');
    if (!drive.backend.inserted) throw new UserError('Device needs media, but drive is empty');
    return drive;
  });
  plugStick(checked, fittings, { ...placeOf(place), bootIndex: list.number('bootindex') });
}

export function fitUsbHid(kind: HidKind, place: Place): void {
  withPort(place, productOf(kind), () => {
    place.fittings.usbDevices.push({ ...placeOf(place), model: kind });
  });
}

/** The guest sees an encrypted medium only when its key is there. */
function plugStick(
  drive: OpenDrive,
  fittings: Fittings,
  options: Omit<UsbStorageOptions, 'backend' | 'busName' | 'isDeferred' | 'model'>,
): void {
  const { backend } = drive;
  drive.isClaimed = true;
  const busName = nameScsiBus(fittings, options.id);
  fittings.usbDevices.push({ ...options, backend, busName, isDeferred: backend.keyMissing });
}

/** Devices that came without `-device`. Throws CommandLineError. */
function unnamedPath(fittings: Fittings, product: string): string {
  try {
    claimPort(fittings, product);
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    throw new CommandLineError(error.message, undefined);
  }
  return `/machine/unattached/device[${FIRST_UNATTACHED + fittings.unattached++}]`;
}

/** What `-usbdevice disk:` and `usb_add` opened. Throws CommandLineError. */
export function fitUsbDisk(drive: OpenDrive, fittings: Fittings): void {
  plugStick(drive, fittings, { path: unnamedPath(fittings, STICK) });
}

/** `-usbdevice mouse`. Throws CommandLineError. */
export function fitUnnamedHid(kind: HidKind, fittings: Fittings): void {
  fittings.usbDevices.push({ path: unnamedPath(fittings, productOf(kind)), model: kind });
}
