/**
 * Ports that exist and do nothing: 80h (POST codes) and F0h (coprocessor busy latch).
 * Reads give all ones, writes vanish, but for the hook the board may hang on F0h.
 */

import type { PortHandler } from '../../ports.ts';

/** `onWrite` hears every write: F0h clears the coprocessor's interrupt (IRQ13). */
export function stubPort(onWrite: (value: number) => void = () => {}): PortHandler {
  return { read: () => -1, write: (_offset, _size, value) => onWrite(value) };
}
