/**
 * Registers of the LSI53C895A: their addresses, their bits, and what is saved of them.
 *
 * Specification: LSI53C895A PCI to Ultra2 SCSI Controller Technical Manual, chapter 4.
 */

import { bool, bytes, list, ns, oneOf, state, struct, u8, u16 } from '../../state.ts';
import { LONGEST_COMMAND, UNTAGGED } from './parallel-bus.ts';

export const REGISTERS = 0x100;
export const CHIP_RAM = 0x2000;

export const SCNTL0 = 0x00;
export const SCNTL1 = 0x01;
export const SCNTL2 = 0x02;
export const SCNTL3 = 0x03;
export const SCID = 0x04;
export const SXFER = 0x05;
export const SDID = 0x06;
export const SFBR = 0x08;
export const SOCL = 0x09;
export const SSID = 0x0a;
export const SBCL = 0x0b;
export const DSTAT = 0x0c;
export const SSTAT0 = 0x0d;
export const SSTAT1 = 0x0e;
export const SSTAT2 = 0x0f;
export const DSA = 0x10;
export const ISTAT0 = 0x14;
export const ISTAT1 = 0x15;
export const CTEST1 = 0x19;
export const CTEST2 = 0x1a;
export const TEMP = 0x1c;
export const DFIFO = 0x20;
/** The low 24 bits of the double word whose top byte is DCMD. */
export const DBC = 0x24;
export const DCMD = 0x27;
export const DNAD = 0x28;
export const DSP = 0x2c;
export const DSPS = 0x30;
export const DMODE = 0x38;
export const DIEN = 0x39;
export const DCNTL = 0x3b;
export const SIEN0 = 0x40;
export const SIEN1 = 0x41;
export const SIST0 = 0x42;
export const SIST1 = 0x43;
export const GPCNTL = 0x47;
export const STIME1 = 0x49;
export const RESPID0 = 0x4a;
export const STEST0 = 0x4c;
export const STEST1 = 0x4d;
export const SIDL = 0x50;
export const STEST4 = 0x52;
export const CCNTL0 = 0x56;
export const SBDL = 0x58;
export const PMJAD1 = 0xc0;
export const PMJAD2 = 0xc4;
export const RBC = 0xc8;
export const UA = 0xcc;
export const ESA = 0xd0;
export const IA = 0xd4;

/** SCNTL1. */
export const CONNECTED = 0x10;
export const BUS_RESET = 0x08;
/** SCNTL2. */
export const WIDE_RESIDUE = 0x01;
/** SSID. */
export const SSID_VALID = 0x80;
/** SOCL and SBCL. */
export const ATN = 0x08;
export const BUSY = 0x20;
export const REQUEST = 0x80;
/** DSTAT. */
export const FIFO_EMPTY = 0x80;
export const ABORTED = 0x10;
export const SINGLE_STEP = 0x08;
export const SCRIPT_INTERRUPT = 0x04;
export const ILLEGAL = 0x01;
/** ISTAT0. */
export const ABORT = 0x80;
export const SOFT_RESET = 0x40;
export const SIGNAL = 0x20;
export const SEMAPHORE = 0x10;
export const IS_CONNECTED = 0x08;
export const ON_THE_FLY = 0x04;
export const SCSI_PENDING = 0x02;
export const DMA_PENDING = 0x01;
/** ISTAT1. */
export const IS_RUNNING = 0x02;
/** SIST0. */
export const PHASE_MISMATCH = 0x80;
/** The target has left without a message. */
export const UNEXPECTED = 0x04;
export const RESET_SEEN = 0x02;
/** SIST1. */
export const SELECTION_TIMEOUT = 0x04;
export const GENERAL_TIMER = 0x02;
/** DMODE. */
export const MANUAL_START = 0x01;
/** DCNTL. */
export const START = 0x04;
export const STEP = 0x10;
export const NO_PIN = 0x02;
/** CCNTL0. */
export const MISMATCH_JUMP = 0x80;
export const JUMP_BY_DIRECTION = 0x40;

/** Values after reset that are not zero. */
const INITIAL: readonly (readonly [register: number, value: number])[] = [
  [SCNTL0, 0xc0],
  [SCID, 7],
  [DSTAT, FIFO_EMPTY],
  [CTEST1, 0xf0],
  [CTEST2, 0x01],
  [GPCNTL, 0x0f],
  // The bus is a low-voltage differential one, and the clock has locked.
  [STEST4, 0xe0],
];

export function initialRegisters(): Uint8Array {
  const registers = new Uint8Array(REGISTERS);
  for (const [register, value] of INITIAL) registers[register] = value;
  return registers;
}

/** What software cannot change by writing. */
export const READ_ONLY: ReadonlySet<number> = new Set([
  ...[SSID, SBCL, SSTAT0, SSTAT1, SSTAT2, CTEST1, DFIFO, STEST0, STEST1, SIDL, STEST4],
  ...[SBDL, SBDL + 1, DSTAT, SIST0, SIST1],
]);

/** Commands that have left the bus, at most: a full queue of each target. */
const MOST_AWAY = 16 * 256;

const nexus = struct({
  id: u8(),
  lun: u8(),
  tag: u16(UNTAGGED),
  mayDisconnect: bool(),
  command: bytes(LONGEST_COMMAND),
  isStarted: bool(),
});

export const lsiState = state('lsi53c895a', 2, {
  registers: bytes(REGISTERS, initialRegisters()),
  memory: bytes(CHIP_RAM),
  carry: bool(),
  /**
   * `target`: the script waits for the target's next phase. `reselect`: it waits to be selected
   * by a target, or for the processor's signal.
   */
  run: oneOf('stopped', 'running', 'target', 'reselect'),
  /** A block move is under way: DNAD and DBC tell what is left. */
  isMoving: bool(),
  /** What happens on the bus; see parallel-bus.ts. */
  stage: oneOf('free', 'selecting', 'command', 'run', 'refused', 'complete', 'leaving'),
  nexus,
  away: list(MOST_AWAY, nexus),
  /** Messages that the target has to send before it goes on. */
  replies: list(16, u8()),
  /** When an endless script goes on, a selection fails, the general timer ends; 0 is never. */
  turnNs: ns(),
  selectionNs: ns(),
  generalNs: ns(),
});
