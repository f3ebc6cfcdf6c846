/**
 * 8254 programmable interval timer: three 16-bit counters at 1.193182 MHz.
 *
 * Spec: Intel 8254 data sheet (231164).
 */

import type { Clock } from '../../clock.ts';
import type { Line } from '../../line.ts';
import type { PortHandler } from '../../ports.ts';
import { type StateOf, state, u8 } from '../../state.ts';
import { Device } from '../device.ts';

const registers = state('i8254', 1, { control: u8() });

export interface I8254Options {
  readonly clock: Clock;
  /** OUT of counter 0 (IRQ0). */
  readonly out0?: Line;
  /** OUT of counter 2, for a speaker that follows it; nothing is scheduled when left out. */
  readonly out2?: Line;
  /** GATE of counter 2 (port 61h bit 0). The other gates are tied high. */
  readonly gate2: Line;
}

export class I8254 extends Device<StateOf<typeof registers>> {
  /** Four ports: 40h. */
  readonly ports: PortHandler = { read: () => 0xff, write: () => {} };

  constructor(readonly options: I8254Options) {
    super(registers);
  }

  /** The level of a counter's OUT pin at this instant. */
  output(counter: number): boolean {
    return counter > 0;
  }
}
