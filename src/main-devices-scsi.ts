/**
 * SCSI: `-drive if=scsi` with the host adapters that it brings along, `-device lsi53c895a` and the
 * disks on its bus.
 */

import { UserError } from './error.ts';
import type { ScsiDriveOptions } from './hw/board/scsi.ts';
import { takeSlot } from './main-devices-virtio.ts';
import type { DriveTable, OpenDrive } from './main-drives.ts';
import {
  type Fittings,
  findDrive,
  nameScsiBus,
  type Place,
  type ScsiFitting,
} from './main-fittings.ts';
import { CommandLineError, type OptionList } from './options.ts';

export const ADAPTER = 'lsi53c895a';
/** Numbers on its bus. */
const LAST_ID = 7;
const LAST_UNIT = 0;

/** `-drive if=scsi`, before all of `-device`. Throws CommandLineError. */
export function fitScsiDrives(drives: DriveTable, fittings: Fittings): void {
  const buses = drives.drives.flatMap(({ spec }) => (spec.interface === 'scsi' ? [spec.bus] : []));
  for (let bus = 0; bus <= Math.max(-1, ...buses); bus++) {
    const slot = fittings.freeSlots.shift();
    if (slot === undefined) {
      const why = `PCI: no slot/function available for ${ADAPTER}, all in use`;
      throw new CommandLineError(why, undefined);
    }
    addAdapter(drives.drives, fittings, { slot });
  }
}

/** `-device lsi53c895a`. Throws UserError. */
export function fitAdapter(place: Place): void {
  const { list, path, fittings, drives, isHot = false } = place;
  const slot = takeSlot(list, fittings, ADAPTER);
  addAdapter(isHot ? [] : drives.drives, fittings, { slot, id: list.id, path });
}

/** It takes those of the drives that have its number. */
function addAdapter(
  drives: readonly OpenDrive[],
  fittings: Fittings,
  place: Pick<ScsiFitting, 'slot' | 'id' | 'path'>,
): void {
  const { scsi } = fittings;
  const busName = nameScsiBus(fittings, place.id);
  const adapter: ScsiFitting = { ...place, busName, drives: [] };
  for (const drive of drives) {
    const { spec } = drive;
    if (spec.interface !== 'scsi' || spec.bus !== scsi.length) continue;
    try {
      const path = `legacy[${spec.unit}]`;
      const { unit: scsiId, serial, media } = spec;
      adapter.drives.push({ ...claim(drive, media), model: 'scsi-disk', scsiId, path, serial });
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      const rest = `Initialization of device ${ADAPTER} failed: Device initialization failed`;
      throw new CommandLineError(error.message, drive.location, undefined, rest);
    }
  }
  scsi.push(adapter);
}

/** `-device scsi-hd`, `scsi-cd`, `scsi-disk`: the last is what its drive is. Throws UserError. */
export function fitScsiDisk(model: ScsiDriveOptions['model'], place: Place): void {
  const { driver, list, fittings, path } = place;
  const drive = findDrive(place);
  try {
    const adapter = findAdapter(place, fittings.scsi);
    const scsiId = findId(list, adapter);
    if (drive === undefined) throw new UserError('drive property not set');
    const own = { 'scsi-hd': 'disk', 'scsi-cd': 'cdrom', 'scsi-disk': drive.spec.media } as const;
    adapter.drives.push({
      ...claim(drive, own[model]),
      ...{ model, scsiId, path },
      id: list.id,
      serial: list.get('serial'),
      bootIndex: list.number('bootindex'),
    });
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    const rest = `Device initialization failed.\nDevice '${driver}' could not be initialized`;
    throw new UserError(`${error.message}\n${rest}`);
  }
}

function claim(
  drive: OpenDrive,
  media: 'disk' | 'cdrom',
): Pick<ScsiDriveOptions, 'backend' | 'media'> {
  const { backend } = drive;
  if (media === 'disk' && !backend.inserted) {
    throw new UserError('Device needs media, but drive is empty');
  }
  drive.isClaimed = true;
  return { backend, media };
}

/** The one whose bus was named, or the newest: buses are looked for in the order of the tree. */
function findAdapter({ list }: Place, adapters: readonly ScsiFitting[]): ScsiFitting {
  const bus = list.get('bus');
  const adapter = adapters.findLast(({ busName }) => bus === undefined || busName === bus);
  if (adapter === undefined) throw new UserError(`Bus '${bus}' not found`);
  return adapter;
}

/** The device's number on the bus. Throws UserError. */
function findId(list: OptionList, { drives }: ScsiFitting): number {
  const channel = list.number('channel') ?? 0;
  const lun = list.number('lun');
  const wanted = list.number('scsi-id');
  if (channel !== 0) throw new UserError(`bad scsi channel id: ${channel}`);
  if (wanted !== undefined && (wanted > LAST_ID || wanted < 0)) {
    throw new UserError(`bad scsi device id: ${wanted}`);
  }
  if (lun !== undefined && lun !== LAST_UNIT) throw new UserError(`bad scsi device lun: ${lun}`);
  const taken = new Map(drives.map(({ scsiId, id }) => [scsiId, id ?? '(null)']));
  if (wanted === undefined) {
    const free = Array.from({ length: LAST_ID + 1 }, (_, i) => i).find(id => !taken.has(id));
    if (free === undefined) throw new UserError('no free target');
    return free;
  }
  const user = taken.get(wanted);
  if (user === undefined) return wanted;
  throw new UserError(lun === undefined ? 'no free lun' : `lun already used by '${user}'`);
}
