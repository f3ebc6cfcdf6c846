/**
 * Interrupt messages: what an IOAPIC, a message-signalled device or the processor itself sends to
 * local APICs.
 *
 * Spec: Intel SDM volume 3, 11.6.1 (interrupt command) and 11.11 (message signalled interrupts);
 * Intel 82093AA data sheet, 3.2.4. All three put vector, delivery mode and trigger into the same
 * bits, so a message is that word and a destination.
 */

export const DELIVER_FIXED = 0;
export const DELIVER_LOWEST = 1;
export const DELIVER_SMI = 2;
export const DELIVER_NMI = 4;
export const DELIVER_INIT = 5;
export const DELIVER_EXTINT = 7;

export const MESSAGE_LOGICAL = 1 << 11;
/** Of an INIT only: set is assert. */
export const MESSAGE_ASSERT = 1 << 14;
export const MESSAGE_LEVEL = 1 << 15;

/** Of local vectors and redirection entries. */
export const ENTRY_MASKED = 1 << 16;

export const vectorOf = (word: number): number => word & 0xff;
export const deliveryOf = (word: number): number => (word >> 8) & 7;

/** Where messages go. */
export interface MessageSink {
  /** Returns whether somebody took the message. */
  deliver(message: number, destination: number): boolean;
}
