/**
 * What a SCSI disk or CD-ROM drive remembers, as it is saved.
 */

import { bool, buffer, count, oneOf, state, u8, u32 } from '../../state.ts';

/** A piece of a transfer. */
export const PIECE = 0x10000;
/** A packet of the transport may reach over the end of a piece. */
export const PIECE_LIMIT = PIECE + 0x1000;

export const registers = state('scsi-disk', 2, {
  phase: oneOf('done', 'busy', 'in', 'out'),
  direction: oneOf('none', 'in', 'out'),
  status: u8(),
  senseKey: u8(),
  senseCode: u8(),
  senseQualifier: u8(),
  /** Told with the next command that has to tell it. */
  attention: oneOf('power-on', 'medium-changed', 'none', 'medium-removed'),
  /** Bytes on their way to or from the guest. */
  data: buffer(PIECE_LIMIT),
  position: u32(),
  lba: count(),
  /** Blocks that the command has still to read or write. */
  remaining: count(),
  /** The command whose list of parameters is awaited or worked on, and how long that is. */
  list: buffer(16),
  listLength: u32(),
  isLocked: bool(),
  /** Of a CD-ROM drive: its tray, and the event that it has to report. */
  isOpen: bool(),
  event: u8(),
});
