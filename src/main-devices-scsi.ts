/**
 * SCSI: `-drive if=scsi` with the host adapters that it brings along, `-device lsi53c895a` and the
 * disks on its bus.
 */

import { UserError } from './error.ts';
import type { ScsiDriveOptions } from './hw/board/scsi.ts';
import { takeSlot } from './main-devices-virtio.ts';
import type { DriveTable, OpenDrive } from './main-drives.ts';
import { type Fittings, findDrive, type Place, type ScsiFitting } from './main-fittings.ts';
import { CommandLineError } from './options.ts';

export const ADAPTER = 'lsi53c895a';
/** The adapter itself. */
const OWN_ID = 7;
const TARGETS = 16;

/** `-drive if=scsi`, before all of `-device`. Throws CommandLineError. */
export function fitScsiDrives(drives: DriveTable, fittings: Fittings): void {
  const buses = drives.drives.flatMap(({ spec }) => (spec.interface === 'scsi' ? [spec.bus] : []));
  for (let bus = 0; bus <= Math.max(-1, ...buses); bus++) {
    const slot = fittings.freeSlots.shift();
    if (slot === undefined) {
      const why = `PCI: no slot/function available for ${ADAPTER}, all in use`;
      throw new CommandLineError(why, undefined);
    }
    addAdapter(drives, fittings, { slot });
  }
}

/** `-device lsi53c895a`. Throws UserError. */
export function fitAdapter(place: Place): void {
  const { list, path, fittings, drives } = place;
  const slot = takeSlot(list, fittings, ADAPTER);
  addAdapter(drives, fittings, { slot, id: list.id, path });
}

/** It takes the drives of its number. */
function addAdapter(
  { drives }: DriveTable,
  { scsi }: Fittings,
  place: Pick<ScsiFitting, 'slot' | 'id' | 'path'>,
): void {
  const nameless = scsi.filter(({ id }) => id === undefined).length;
  const busName = place.id === undefined ? `scsi.${nameless}` : `${place.id}.0`;
  const adapter: ScsiFitting = { ...place, busName, drives: [] };
  for (const drive of drives) {
    const { spec } = drive;
    if (spec.interface !== 'scsi' || spec.bus !== scsi.length) continue;
    if (spec.media === 'cdrom') continue;
    try {
      const path = `legacy[${spec.unit}]`;
      const { unit: scsiId, serial } = spec;
      adapter.drives.push({ ...claim(drive), model: 'scsi-disk', scsiId, path, serial });
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      const rest = `Initialization of device ${ADAPTER} failed: Device initialization failed`;
      throw new CommandLineError(error.message, drive.location, undefined, rest);
    }
  }
  scsi.push(adapter);
}

/** `-device scsi-hd`. Throws UserError. */
export function fitScsiDisk(model: ScsiDriveOptions['model'], place: Place): void {
  const { driver, list, fittings, path } = place;
  const drive = findDrive(place);
  try {
    const { adapter, scsiId } = findPlace(place, fittings.scsi);
    if (drive === undefined) throw new UserError('drive property not set');
    adapter.drives.push({
      ...claim(drive),
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

function claim(drive: OpenDrive): Pick<ScsiDriveOptions, 'backend'> {
  const { backend } = drive;
  if (!backend.inserted) throw new UserError('Device needs media, but drive is empty');
  drive.isClaimed = true;
  return { backend };
}

/** Throws UserError. */
function findPlace(
  { list }: Place,
  adapters: readonly ScsiFitting[],
): { adapter: ScsiFitting; scsiId: number } {
  const bus = list.get('bus');
  const channel = list.number('channel') ?? 0;
  const lun = list.number('lun') ?? 0;
  const wanted = list.number('scsi-id');
  const adapter = adapters.find(({ busName }) => bus === undefined || busName === bus);
  if (adapter === undefined) throw new UserError(`Bus '${bus}' not found`);
  if (channel !== 0) throw new UserError(`bad scsi channel id: ${channel}`);
  if (wanted !== undefined && (wanted >= TARGETS || wanted < 0)) {
    throw new UserError(`bad scsi device id: ${wanted}`);
  }
  if (lun !== 0) throw new UserError(`bad scsi device lun: ${lun}`);
  const taken = new Map(adapter.drives.map(({ scsiId, id }) => [scsiId, id ?? '(null)']));
  const user = wanted === undefined ? undefined : taken.get(wanted);
  if (user !== undefined) throw new UserError(`lun already used by '${user}'`);
  const free = Array.from({ length: OWN_ID }, (_, i) => i).find(id => !taken.has(id));
  const scsiId = wanted ?? free;
  if (scsiId === undefined) throw new UserError('no free target');
  return { adapter, scsiId };
}
