/**
 * The board's drives as their surroundings see them: geometry, serial numbers, CMOS entries.
 */

import type { DiskGeometry } from '../../block/backend.ts';
import { defaultGeometry } from '../ide/geometry.ts';
import type { CmosDisk } from '../timer/cmos.ts';
import type { DriveOptions } from './options.ts';

const TRANSLATION_CODES = { none: 0, lba: 1, large: 2, auto: 1 } as const;

export function geometryOf(drive: DriveOptions): DiskGeometry {
  return drive.geometry ?? defaultGeometry(drive.backend.length);
}

/** Given by the user, or by place. */
export function serialOf({ bus, unit, backend, serial }: DriveOptions): string {
  return serial ?? backend.serial ?? `QM0000${bus * 2 + unit + 1}`;
}

/** The hard disks in the order of the CMOS: masters and slaves of both channels. */
export function cmosDisks(drives: readonly DriveOptions[]): (CmosDisk | undefined)[] {
  return [0, 1, 2, 3].map(index => {
    const drive = drives.find(d => d.bus * 2 + d.unit === index && d.media === 'disk');
    if (drive === undefined) return undefined;
    const geometry = geometryOf(drive);
    return { ...geometry, translation: TRANSLATION_CODES[geometry.translation] };
  });
}
