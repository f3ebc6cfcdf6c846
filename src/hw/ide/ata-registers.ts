/**
 * What an ATA hard disk remembers, as it is saved: task file, data port, running command.
 */

import { bool, oneOf, state, u8, u16, u32 } from '../../state.ts';
import { MAX_MULTIPLE } from './identify.ts';
import { pioFields, taskFile } from './unit.ts';

export const registers = state('ata-disk', 1, {
  ...taskFile,
  ...pioFields,
  /** What the running command does; `data` is a page of the unit itself. */
  phase: oneOf('none', 'data', 'read', 'write', 'dma-read', 'dma-write', 'dma-trim'),
  /** Sectors that the command has still to move. */
  remaining: u32(),
  /** The running command uses 48-bit registers. */
  isExtended: bool(),
  /** Sectors per data block: 1, or as SET MULTIPLE MODE says. */
  block: u8(1),
  multiple: u8(MAX_MULTIPLE),
  singleDma: u16(7),
  multiDma: u16(7),
  ultraDma: u16(0x203f),
  writeCached: bool(true),
  smartEnabled: bool(true),
  currentHeads: u8(),
  currentSectors: u8(),
});
