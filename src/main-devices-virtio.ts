/**
 * Disks in PCI slots: `-device virtio-blk-pci` and `-drive if=virtio`.
 */

import { UserError } from './error.ts';
import type { VirtioDiskOptions } from './hw/board/virtio.ts';
import { MAX_VECTORS } from './hw/pci/msix.ts';
import type { DriveTable, OpenDrive } from './main-drives.ts';
import { type Fittings, findDrive, initFailed, type Place } from './main-fittings.ts';
import { CommandLineError, type OptionList } from './options.ts';

const DRIVER = 'virtio-blk-pci';

/** Throws UserError. */
export function fitVirtioBlk(place: Place): void {
  const { list, path, fittings } = place;
  const drive = findDrive(place, 'virtio-blk-device');
  const slot = takeSlot(list, fittings, DRIVER);
  try {
    plug(drive, fittings, {
      ...{ path, slot },
      id: list.id,
      serial: list.get('serial'),
      bootIndex: list.number('bootindex'),
      vectors: vectorsOf(list),
    });
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    fittings.freeSlots.unshift(slot);
    throw initFailed(DRIVER, error.message);
  }
}

/** Throws UserError. */
function vectorsOf(list: OptionList): number | undefined {
  const vectors = list.number('vectors');
  if (vectors !== undefined && (vectors < 0 || vectors > MAX_VECTORS)) {
    throw new UserError('unable to init msix vectors');
  }
  return vectors;
}

/** `-drive if=virtio`, behind all of `-device`. Throws CommandLineError. */
export function fitVirtioDrives({ drives }: DriveTable, fittings: Fittings): void {
  for (const drive of drives) {
    const { spec } = drive;
    if (spec.interface !== 'virtio') continue;
    const path = `/machine/peripheral-anon/device[${fittings.anonymous++}]`;
    const slot = fittings.freeSlots.shift();
    if (slot === undefined) {
      const why = `PCI: no slot/function available for ${DRIVER}, all in use`;
      throw new CommandLineError(why, undefined);
    }
    try {
      plug(drive, fittings, { path, slot, serial: spec.serial });
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      throw new CommandLineError(initFailed(DRIVER, error.message).message, drive.location);
    }
  }
}

/** Throws UserError. */
function plug(
  drive: OpenDrive | undefined,
  { virtioDisks }: Fittings,
  options: Omit<VirtioDiskOptions, 'backend'>,
): void {
  if (drive === undefined) throw new UserError('drive property not set');
  const { backend } = drive;
  if (!backend.inserted) throw new UserError('Device needs media, but drive is empty');
  drive.isClaimed = true;
  virtioDisks.push({ ...options, backend, geometry: drive.geometry });
}

/** The slot of `addr=`, or the first that is free. Throws UserError. */
export function takeSlot(list: OptionList, { freeSlots }: Fittings, driver: string): number {
  const addr = list.get('addr');
  const match = addr === undefined ? undefined : /^(0x)?([0-9a-f]{1,2})(\.0)?$/i.exec(addr);
  if (match === null) {
    throw new UserError(`Property '${driver}.addr' doesn't take value '${addr}'`);
  }
  const wanted = match === undefined ? freeSlots[0] : Number.parseInt(match[2], 16);
  const at = freeSlots.indexOf(wanted);
  if (at >= 0) return freeSlots.splice(at, 1)[0];
  const why =
    match === undefined
      ? `PCI: no slot/function available for ${driver}, all in use`
      : `PCI: slot ${wanted} function 0 not available for ${driver}, in use`;
  throw initFailed(driver, why);
}
