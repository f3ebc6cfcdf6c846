/**
 * What an IDE channel and its units know of each other, and the register block that every unit has.
 *
 * Specification: ATA-7, volume 1, sections 5.x (registers, signatures).
 */

import { bool, buffer, struct, u8, u32 } from '../../state.ts';

/** Status register. */
export const BSY = 0x80;
export const DRDY = 0x40;
const DSC = 0x10;
export const DRQ = 0x08;
export const ERR = 0x01;
export const READY = DRDY | DSC;

/** Error register. */
export const ABRT = 0x04;
export const NO_ERROR_DIAGNOSTIC = 0x01;

/** Register numbers within the command block. */
export const FEATURES = 1;
export const DEVICE = 6;
export const COMMAND_STATUS = 7;

/** In the device register. */
export const DEVICE_SLAVE = 0x10;
export const DEVICE_LBA = 0x40;
const DEVICE_OBSOLETE = 0xa0;

/** A bus-master transfer: bytes between the unit and the guest's descriptors. */
export interface DmaRequest {
  /** Bytes that the descriptors are asked for. */
  readonly length: number;
  /** The guest started the bus master: the unit does its part, then calls `finish`. */
  readonly start: (transfer: DmaTransfer) => void;
}

export interface DmaTransfer {
  /** Bytes for which there are descriptors. */
  readonly capacity: number;
  /** Memory to unit. */
  fetch(into: Uint8Array): void;
  /** Unit to memory. */
  store(from: Uint8Array): void;
  /** Ends the transfer: the active bit goes unless descriptors are left over. */
  finish(): void;
  /** Ends it so that the active bit goes in any case. */
  stop(): void;
}

/** What a unit sees of its channel. */
export interface UnitHost {
  /** INTRQ of this unit; the channel gates it by nIEN. */
  interrupt(): void;
  /** INTRQ goes. */
  clearInterrupt(): void;
  /** Hands a DMA command to the bus master; undefined takes it back. */
  requestDma(request: DmaRequest | undefined): void;
}

export interface IdeUnit {
  readonly status: number;
  /** `previous` reads the high-order byte of the 48-bit registers. */
  readRegister(index: number, previous: boolean): number;
  writeRegister(index: number, value: number): void;
  command(code: number): void;
  readData(size: number): number;
  writeData(size: number, value: number): void;
  /** SRST, and the end of EXECUTE DEVICE DIAGNOSTIC. */
  softReset(): void;
}

/** The command block; `hob` is what was in a register before the last write. */
export const taskFile = {
  features: u8(),
  error: u8(),
  count: u8(),
  lbaLow: u8(),
  lbaMid: u8(),
  lbaHigh: u8(),
  device: u8(DEVICE_OBSOLETE),
  status: u8(),
  hob: struct({ features: u8(), count: u8(), lbaLow: u8(), lbaMid: u8(), lbaHigh: u8() }),
};

/** Bytes under way through the data port. */
export const pioFields = {
  data: buffer(0x20000),
  position: u32(),
  /** Where the block of this data request ends. */
  end: u32(),
  /** From the host. */
  isOutput: bool(),
};

export interface TaskFile {
  features: number;
  error: number;
  count: number;
  lbaLow: number;
  lbaMid: number;
  lbaHigh: number;
  device: number;
  status: number;
  hob: { features: number; count: number; lbaLow: number; lbaMid: number; lbaHigh: number };
}

const NAMES = ['features', 'count', 'lbaLow', 'lbaMid', 'lbaHigh'] as const;

export function readTask(task: TaskFile, index: number, previous: boolean): number {
  if (index === COMMAND_STATUS) return task.status;
  if (index === DEVICE) return task.device;
  if (index === FEATURES) return previous ? task.hob.features : task.error;
  const name = NAMES[index - FEATURES];
  return previous ? task.hob[name] : task[name];
}

export function writeTask(task: TaskFile, index: number, value: number): void {
  if (index === DEVICE) {
    task.device = value | DEVICE_OBSOLETE;
    return;
  }
  const name = NAMES[index - FEATURES];
  task.hob[name] = task[name];
  task[name] = value;
}

/** What a unit shows after reset, so that software knows what it is. */
export function setSignature(task: TaskFile, lbaMid: number, lbaHigh: number): void {
  task.device = DEVICE_OBSOLETE;
  task.count = 1;
  task.lbaLow = 1;
  task.lbaMid = lbaMid;
  task.lbaHigh = lbaHigh;
}
