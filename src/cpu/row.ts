/**
 * How a file of ops/ writes its part of the instruction table; table.ts explains the notation.
 */

import type { Feature } from './models.ts';
import type { Operation } from './operation.ts';

export interface Row {
  readonly encoding: string;
  /** Comma-separated, empty for none. */
  readonly operands: string;
  readonly operation: Operation;
  /** Without it: #UD. */
  readonly feature?: Feature;
}

export function row(encoding: string, operands: string, operation: Operation): Row {
  return { encoding, operands, operation };
}

/** A row that exists only on processors with `feature`. */
export function featured(feature: Feature, ...given: readonly Row[]): Row[] {
  return given.map(r => ({ ...r, feature }));
}

export function hex(n: number): string {
  return n.toString(16).toUpperCase().padStart(2, '0');
}
