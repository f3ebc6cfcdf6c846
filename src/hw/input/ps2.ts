/**
 * The PS/2 port as both its ends see it: the device answers bytes, the controller fetches them.
 */

export interface Ps2Port {
  /** A byte from the host to the device. */
  write(value: number): void;
  /** Takes the next byte of the device's queue; the last one again when it is empty. */
  read(): number;
  readonly hasData: boolean;
  /** Called by the device when `hasData` may have changed. */
  onChange: () => void;
}
