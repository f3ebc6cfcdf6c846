/**
 * What disk requests cost in virtual time, and who is told.
 */

import type { BlockBackend } from '../block/backend.ts';

export type DiskOperation = 'read' | 'write' | 'flush' | 'trim';

/** A fixed part, and so much per byte. */
interface Cost {
  readonly requestNs: number;
  readonly byteNs: number;
}

export const HARD_DISK: Cost = { requestNs: 50_000, byteNs: 5 };
/** Faster than any that turns: nobody wants to wait for that. */
export const FLOPPY: Cost = { requestNs: 300_000, byteNs: 1000 };
export const OPTICAL: Cost = { requestNs: 100_000, byteNs: 20 };

/** How long `length` bytes take, as the inbox wants to know it. */
export function diskTiming(
  { requestNs, byteNs }: Cost,
  backend: BlockBackend,
  operation: DiskOperation,
  length: number,
) {
  const account =
    operation === 'trim' ? () => {} : (ns: number) => backend.account?.(operation, ns);
  return { durationNs: requestNs + byteNs * length, account };
}
