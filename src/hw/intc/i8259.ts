/**
 * 8259A programmable interrupt controller. A PC has two: the slave's INT is the master's IR2.
 *
 * Spec: Intel 8259A data sheet (231468), 82371SB (PIIX3) for ELCR. Not emulated: MCS-80 mode.
 */

import type { Line } from '../../line.ts';
import type { PortHandler } from '../../ports.ts';
import { type StateOf, state, u8 } from '../../state.ts';
import { Device } from '../device.ts';

const registers = state('i8259', 1, { irr: u8(), imr: u8(), isr: u8() });

export interface I8259Options {
  /** IR0..IR7: eight lines, of which the chip listens to each. */
  readonly inputs: readonly Line[];
  /** INT. */
  readonly output: Line;
  /** Which bits of ELCR can be set: 0xf8 for the master, 0xde for the slave. */
  readonly elcrMask: number;
  /** The master's slave, on IR2: it gives the vector of an INTA cycle for that input. */
  readonly slave?: I8259;
}

export class I8259 extends Device<StateOf<typeof registers>> {
  /** Two ports: 20h or A0h. */
  readonly ports: PortHandler = { read: () => 0xff, write: () => {} };
  /** One port: 4D0h or 4D1h. */
  readonly elcrPort: PortHandler = { read: () => 0xff, write: () => {} };

  constructor(readonly options: I8259Options) {
    super(registers);
  }

  /** The INTA cycle: returns the vector. Call on the master only. */
  acknowledge(): number {
    return 0;
  }

  /** A line of `info pic`; `name` is `pic0` or `pic1`. Ends without newline. */
  infoText(name: string): string {
    return name;
  }
}
