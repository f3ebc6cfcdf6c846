/**
 * What checking an image found.
 */

export interface CheckResult {
  /** Inconsistencies that could not even be looked at. */
  readonly checkErrors: number;
  /** Why nothing was repaired, though that was asked for. */
  readonly failure?: string | undefined;
  readonly corruptions: number;
  readonly leaks: number;
  readonly corruptionsFixed: number;
  readonly leaksFixed: number;
  readonly imageEndOffset: number;
  readonly totalClusters: number;
  readonly allocatedClusters: number;
  readonly fragmentedClusters: number;
  readonly compressedClusters: number;
}

export type Repair = 'none' | 'leaks' | 'all';
