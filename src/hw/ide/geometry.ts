/**
 * Cylinders, heads and sectors of a disk, as QEMU guesses them: from the partition table if that
 * tells, else 16 heads of 63 sectors.
 */

import { BlockError, type DiskGeometry } from '../../block/backend.ts';

const SECTOR = 512;
const MAX_CYLINDERS = 16383;
const TABLE = 0x1be;
/** Where LARGE translation ends: 1024 cylinders of 128 heads. */
const LARGE_LIMIT = 131072;

/** The geometry that a size alone suggests. */
export function defaultGeometry(length: number): DiskGeometry {
  const cylinders = physicalCylinders(Math.floor(length / SECTOR));
  return { cylinders, heads: 16, sectors: 63, translation: cylinders <= 1024 ? 'none' : 'lba' };
}

/** What can be asked for the first sector. */
interface Readable {
  readonly length: number;
  read(offset: number, into: Uint8Array): Promise<void>;
}

/** What the user gave, or what the first sector of the medium tells; undefined: go by the size. */
export async function guessGeometry(
  given: DiskGeometry | undefined,
  medium: Readable | undefined,
): Promise<DiskGeometry | undefined> {
  if (given !== undefined) return withTranslation(given);
  if (medium === undefined || medium.length < SECTOR) return undefined;
  const first = new Uint8Array(SECTOR);
  try {
    await medium.read(0, first);
  } catch (error) {
    if (!(error instanceof BlockError)) throw error;
    return undefined;
  }
  return geometryFromSector(first, medium.length);
}

/** What `first`, sector 0 of a disk of `length` bytes, says. */
export function geometryFromSector(first: Uint8Array, length: number): DiskGeometry {
  const logical = partitionGeometry(first, Math.floor(length / SECTOR));
  if (logical === undefined) return defaultGeometry(length);
  if (logical.heads <= 16) return { ...logical, translation: 'none' };
  const cylinders = physicalCylinders(Math.floor(length / SECTOR));
  const translation = cylinders * 16 <= LARGE_LIMIT ? 'large' : 'lba';
  return { cylinders, heads: 16, sectors: 63, translation };
}

function partitionGeometry(
  first: Uint8Array,
  total: number,
): Omit<DiskGeometry, 'translation'> | undefined {
  if (first[510] !== 0x55 || first[511] !== 0xaa) return undefined;
  const view = new DataView(first.buffer, first.byteOffset);
  for (let at = TABLE; at < TABLE + 64; at += 16) {
    const lastHead = first[at + 5];
    if (view.getUint32(at + 12, true) === 0 || lastHead === 0) continue;
    const heads = lastHead + 1;
    const sectors = first[at + 6] & 63;
    if (sectors === 0) continue;
    const cylinders = Math.floor(total / (heads * sectors));
    if (cylinders < 1 || cylinders > MAX_CYLINDERS) continue;
    return { cylinders, heads, sectors };
  }
  return undefined;
}

function physicalCylinders(total: number): number {
  return Math.min(MAX_CYLINDERS, Math.max(2, Math.floor(total / (16 * 63))));
}

function withTranslation(given: DiskGeometry): DiskGeometry {
  if (given.translation !== 'auto') return given;
  const small = given.cylinders <= 1024 && given.heads <= 16 && given.sectors <= 63;
  return { ...given, translation: small ? 'none' : 'lba' };
}
