/**
 * An internal snapshot as the tools and the monitor list it.
 */

export interface SnapshotInfo {
  readonly id: string;
  readonly name: string;
  /** Bytes of machine state stored with it; 0 for a snapshot of the disk alone. */
  readonly vmStateSize: number;
  readonly dateSeconds: number;
  readonly dateNanoseconds: number;
  /** Virtual time of the machine. */
  readonly vmClockNs: number;
}
