/**
 * The PS/2 port: what the 8042 sees of a device, and the output queue that devices share.
 *
 * Spec: IBM Personal System/2 Technical Reference. Not emulated: the serial protocol's timing (a
 * byte is there as soon as it is sent), parity errors and resends by the controller.
 */

import { list, u8 } from '../../state.ts';

export interface Ps2Port {
  /** A byte from the host to the device. */
  write(value: number): void;
  /** Takes the next byte of the device's queue; 0 when it is empty. */
  read(): number;
  readonly hasData: boolean;
  /** Called by the device when it has sent something. Set by the controller. */
  onData: () => void;
}

export const ACK = 0xfa;
export const RESEND = 0xfe;
export const SELF_TEST_PASSED = 0xaa;

/** Bytes a device keeps until the controller takes them. */
export const QUEUE_SIZE = 16;

export const ps2QueueFields = {
  queue: list(QUEUE_SIZE * 2, u8()),
  /** For the resend command. */
  lastSent: u8(),
  /** The command whose argument comes next; 0 when none is waited for. */
  command: u8(),
};
