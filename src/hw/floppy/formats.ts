/**
 * Diskettes by their size, and the drives that take them.
 *
 * Source: IBM and ECMA formats as DOS made them; the first of a size counts.
 */

import type { FloppyType } from '../timer/cmos.ts';

/** Data rates as the controller's rate register codes them. */
export const RATE_500K = 0;
export const RATE_300K = 1;
export const RATE_250K = 2;
export const RATE_1M = 3;

export interface FloppyFormat {
  readonly tracks: number;
  readonly heads: number;
  /** Per track. */
  readonly sectors: number;
  readonly rate: number;
  readonly drive: FloppyType;
}

type Row = readonly [tracks: number, heads: number, sectors: number, rate: number, d: FloppyType];

const ROWS: readonly Row[] = [
  [80, 2, 18, RATE_500K, '144'],
  [80, 2, 20, RATE_500K, '144'],
  [80, 2, 21, RATE_500K, '144'],
  [82, 2, 21, RATE_500K, '144'],
  [83, 2, 21, RATE_500K, '144'],
  [80, 2, 22, RATE_500K, '144'],
  [80, 2, 23, RATE_500K, '144'],
  [80, 2, 24, RATE_500K, '144'],
  [80, 2, 36, RATE_1M, '288'],
  [80, 2, 39, RATE_1M, '288'],
  [80, 2, 9, RATE_250K, '144'],
  [80, 2, 10, RATE_250K, '144'],
  [82, 2, 10, RATE_250K, '144'],
  [80, 2, 15, RATE_500K, '120'],
  [80, 2, 16, RATE_500K, '120'],
  [40, 2, 9, RATE_300K, '120'],
  [40, 1, 9, RATE_300K, '120'],
  [40, 2, 8, RATE_300K, '120'],
  [40, 1, 8, RATE_300K, '120'],
];

const FORMATS: readonly FloppyFormat[] = ROWS.map(([tracks, heads, sectors, rate, drive]) => ({
  tracks,
  heads,
  sectors,
  rate,
  drive,
}));

export const SECTOR = 512;

/** The format of a medium of that many bytes: a 1.44 MB one where none has this size. */
export function formatOf(length: number): FloppyFormat {
  const fits = ({ tracks, heads, sectors }: FloppyFormat): boolean =>
    tracks * heads * sectors * SECTOR === length;
  return FORMATS.find(fits) ?? FORMATS[0];
}
