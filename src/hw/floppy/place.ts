/**
 * Places on a diskette, and where a transfer leaves the identifier that the controller reports.
 *
 * Data sheet: Intel 82077AA (290166), table 5-6 (results after normal termination).
 */

import type { FloppyFormat } from './formats.ts';

export interface Place {
  readonly track: number;
  readonly head: number;
  /** From 1. */
  readonly sector: number;
}

/** Counted from the beginning of the medium. */
export function sectorAt({ track, head, sector }: Place, format: FloppyFormat): number {
  return (track * format.heads + head) * format.sectors + sector - 1;
}

export function afterLast(
  { track, head, sector }: Place,
  { sectors, last, isBothSides }: { sectors: number; last: number; isBothSides: boolean },
): Place {
  const next = sector + sectors;
  if (next <= last) return { track, head, sector: next };
  if (!isBothSides) return { track: track + 1, head, sector: 1 };
  if (head === 1) return { track: track + 1, head: 0, sector: 1 };
  const other = next - last;
  if (other <= last) return { track, head: 1, sector: other };
  return { track: track + 1, head: 0, sector: 1 };
}
