/**
 * What `-device` and its relatives gather before a machine is built, or plugged into.
 */

import type { BlockBackend } from './block/backend.ts';
import type { Char } from './char.ts';
import { UserError } from './error.ts';
import type {
  DebugconOptions,
  DebugExitOptions,
  DriveOptions,
  FlashOptions,
} from './hw/board/options.ts';
import type { ScsiControllerOptions, ScsiDriveOptions } from './hw/board/scsi.ts';
import type { UsbDeviceOptions } from './hw/board/usb.ts';
import type { VirtioDiskOptions } from './hw/board/virtio.ts';
import type { CharTable } from './main-chars.ts';
import type { DriveTable, OpenDrive } from './main-drives.ts';
import type { OptionList } from './options.ts';

/** A SCSI host adapter whose bus still takes drives. */
export interface ScsiFitting extends ScsiControllerOptions {
  readonly drives: ScsiDriveOptions[];
}

/** What the board will be built from. */
export interface Fittings {
  readonly drives: DriveOptions[];
  readonly serials: (Char | undefined)[];
  readonly parallels: Char[];
  readonly debugcons: DebugconOptions[];
  readonly debugExits: DebugExitOptions[];
  /** There is a USB controller. */
  usb: boolean;
  readonly usbDevices: UsbDeviceOptions[];
  /** Root ports in the order in which they are given out. */
  readonly freeUsbPorts: string[];
  /** Drives A and B. */
  readonly floppies: (BlockBackend | undefined)[];
  /** Chips with the firmware. */
  readonly flashes: FlashOptions[];
  readonly virtioDisks: VirtioDiskOptions[];
  /** SCSI host adapters, those of `-drive if=scsi` first. */
  readonly scsi: ScsiFitting[];
  /** SCSI buses so far whose controller got no id: they are numbered. */
  scsiBuses: number;
  /** PCI slots that nothing sits in. */
  readonly freeSlots: number[];
  /** Devices so far that got no id: they are numbered. */
  anonymous: number;
  /** USB devices so far that came without `-device`. */
  unattached: number;
}

export function noFittings(): Fittings {
  return {
    drives: [],
    serials: [],
    parallels: [],
    debugcons: [],
    debugExits: [],
    usb: false,
    usbDevices: [],
    freeUsbPorts: ['1', '2'],
    floppies: [],
    flashes: [],
    virtioDisks: [],
    scsi: [],
    scsiBuses: 0,
    freeSlots: Array.from({ length: 30 }, (_, i) => i + 2),
    anonymous: 0,
    unattached: 0,
  };
}

/** The name of a new controller's SCSI bus. */
export function nameScsiBus(fittings: Fittings, id: string | undefined): string {
  return id === undefined ? `scsi.${fittings.scsiBuses++}` : `${id}.0`;
}

/** One device that is being fitted. */
export interface Place {
  readonly driver: string;
  readonly list: OptionList;
  readonly fittings: Fittings;
  readonly chars: CharTable;
  readonly drives: DriveTable;
  /** The machine is there: only some buses take devices now. */
  readonly isHot?: boolean;
  /** Where the device will be in the tree of objects. */
  readonly path: string;
}

/** The device was found wrong while it was set up: three lines. IDE's end in a full stop. */
export function initFailed(driver: string, why: string, end = ''): UserError {
  return new UserError(
    `${why}\nDevice initialization failed${end}\nDevice '${driver}' could not be initialized`,
  );
}

/** The drive of `drive=`, as long as nobody has it; `owner` is whose property that is. */
export function findDrive({ driver, list, drives }: Place, owner = driver): OpenDrive | undefined {
  const name = list.get('drive');
  if (name === undefined) return undefined;
  const found = drives.drives.find(({ spec }) => spec.id === name);
  if (found === undefined) {
    throw new UserError(`Property '${owner}.drive' can't find value '${name}'`);
  }
  if (found.isClaimed) {
    throw new UserError(`Property '${owner}.drive' can't take value '${name}', it's in use`);
  }
  return found;
}
