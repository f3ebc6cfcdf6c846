/**
 * A SCSI target: what the transport in front of it sees, and the words of SAM that
 * both sides use.
 *
 * Specification: SAM-3, chapter 5 (commands, status), SPC-3, section 4.5 (sense data).
 */

/** Status bytes. */
export const GOOD = 0x00;
export const CHECK_CONDITION = 0x02;

/** Sense key, additional code, qualifier. */
export type Sense = readonly [key: number, code: number, qualifier: number];

export const NO_SENSE: Sense = [0x00, 0x00, 0x00];
export const NO_MEDIUM: Sense = [0x02, 0x3a, 0x00];
export const READ_FAILED: Sense = [0x0b, 0x00, 0x06];
export const INVALID_OPCODE: Sense = [0x05, 0x20, 0x00];
export const LBA_OUT_OF_RANGE: Sense = [0x05, 0x21, 0x00];
export const INVALID_FIELD: Sense = [0x05, 0x24, 0x00];
export const INVALID_LENGTH: Sense = [0x05, 0x1a, 0x00];
export const INVALID_PARAMETER: Sense = [0x05, 0x26, 0x00];
export const SAVING_NOT_SUPPORTED: Sense = [0x05, 0x39, 0x00];
export const UNIT_NOT_SUPPORTED: Sense = [0x05, 0x25, 0x00];
export const REMOVAL_PREVENTED: Sense = [0x05, 0x53, 0x02];
export const EMPTY_TRAY_LOCKED: Sense = [0x02, 0x53, 0x02];
export const INCOMPATIBLE_FORMAT: Sense = [0x05, 0x30, 0x00];
export const MEDIUM_REMOVED: Sense = [0x06, 0x3a, 0x00];
export const MEDIUM_CHANGED: Sense = [0x06, 0x28, 0x00];
export const POWER_ON: Sense = [0x06, 0x29, 0x00];
export const WRITE_PROTECTED: Sense = [0x07, 0x27, 0x00];
export const NO_SPACE: Sense = [0x07, 0x27, 0x07];

/**
 * `busy`: the medium is at work, ask again later. `in` and `out`: bytes can be taken or given.
 * `done`: the status stands.
 */
export type ScsiPhase = 'done' | 'busy' | 'in' | 'out';

export interface ScsiTarget {
  readonly phase: ScsiPhase;
  /** Which way the running command moves data, whatever the phase. */
  readonly direction: 'none' | 'in' | 'out';
  /** Of the last command, once the phase is `done`. */
  readonly status: number;
  /** Starts a command for a unit, default 0; what ran before is void. */
  execute(cdb: Uint8Array, lun?: number): void;
  /** In phase `in`: fills `into` as far as there is data now; returns the number of bytes. */
  take(into: Uint8Array): number;
  /** In phase `out`: accepts all of `from`, which may be more than the command still needs. */
  give(from: Uint8Array): void;
  /** Gives up the running command. */
  cancel(): void;
  /** As after power-on. */
  reset(): void;
}
