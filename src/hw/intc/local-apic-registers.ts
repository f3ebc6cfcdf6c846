/**
 * Registers of a local APIC: where they are, which bits can be written, what they hold after reset.
 *
 * Spec: Intel SDM volume 3, table 11-1 and sections 11.4 to 11.9. local-apic.ts brings them to
 * life.
 */

import { array, bool, i32, state, u8, u16, u32 } from '../../state.ts';
import { DELIVER_EXTINT, ENTRY_MASKED } from './apic-message.ts';

/** Where IA32_APIC_BASE puts it after reset, enabled. */
const RESET_BASE = 0xfee00800;
export const BASE_ENABLE = 1 << 11;
export const APIC_WINDOW = 0x100000;
export const REGISTERS_LENGTH = 0x1000;
/** Six local vectors, version 14h. */
export const VERSION = 0x50014;

/** Registers by offset / 16. */
export const ID = 0x02;
export const VERSION_REGISTER = 0x03;
export const TASK_PRIORITY = 0x08;
export const ARBITRATION_PRIORITY = 0x09;
export const PROCESSOR_PRIORITY = 0x0a;
export const END_OF_INTERRUPT = 0x0b;
export const REMOTE_READ = 0x0c;
export const LOGICAL_DESTINATION = 0x0d;
export const DESTINATION_FORMAT = 0x0e;
export const SPURIOUS = 0x0f;
export const IN_SERVICE = 0x10;
export const TRIGGER_MODE = 0x18;
export const REQUESTS = 0x20;
export const ERROR_STATUS = 0x28;
export const COMMAND_LOW = 0x30;
export const COMMAND_HIGH = 0x31;
export const LVT_TIMER = 0x32;
export const LVT_THERMAL = 0x33;
export const LVT_PERFORMANCE = 0x34;
export const LVT_LINT0 = 0x35;
export const LVT_LINT1 = 0x36;
export const LVT_ERROR = 0x37;
export const INITIAL_COUNT = 0x38;
export const CURRENT_COUNT = 0x39;
export const DIVIDE = 0x3e;

export const SPURIOUS_ENABLE = 0x100;
export const SPURIOUS_WRITABLE = 0x3ff;
export const COMMAND_WRITABLE = 0xccfff & ~0x1000;
export const LVT_WRITABLE = 0x107ff;
export const LVT_LINT_WRITABLE = 0x1a7ff;
export const LVT_ERROR_WRITABLE = 0x100ff;
const LINT_EXTINT = DELIVER_EXTINT << 8;
export const FLAT = 0x0f;
export const EVERYBODY = 0xff;
export const FIRST_VECTOR = 16;

/** Who a command is for. */
export const TO_SELF = 1;
export const TO_ALL = 2;
export const TO_OTHERS = 3;

export const ERROR_SENT_VECTOR = 0x20;
export const ERROR_RECEIVED_VECTOR = 0x40;
export const ERROR_REGISTER = 0x80;

export const registers = state('local-apic', 1, {
  /** IA32_APIC_BASE, low half. */
  base: u32(RESET_BASE),
  id: u8(),
  taskPriority: u8(),
  logicalDestination: u8(),
  destinationFormat: u8(FLAT),
  spurious: u16(0xff),
  /** Errors since the last write to the error status, and what that write made visible. */
  errors: u8(),
  errorStatus: u8(),
  commandLow: u32(),
  commandHigh: u32(),
  thermal: u32(ENTRY_MASKED),
  performance: u32(ENTRY_MASKED),
  lint0: u32(LINT_EXTINT),
  lint1: u32(ENTRY_MASKED),
  error: u32(ENTRY_MASKED),
  requests: array(8, i32()),
  inService: array(8, i32()),
  levels: array(8, i32()),
  /** An ExtINT message waits for its INTA cycle. */
  extInt: bool(),
  /** Levels of the pins as last seen. */
  pin0: bool(),
  pin1: bool(),
});
