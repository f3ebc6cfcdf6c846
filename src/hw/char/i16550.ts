/**
 * 16550A UART.
 */

import type { Char } from '../../char.ts';
import type { Clock } from '../../clock.ts';
import type { Line } from '../../line.ts';
import type { PortHandler } from '../../ports.ts';
import { type StateOf, state, u8 } from '../../state.ts';
import { Device } from '../device.ts';

const registers = state('i16550', 1, { scr: u8() });

export interface I16550Options {
  readonly clock: Clock;
  readonly irq: Line;
  /** Nothing is connected when left out: what is sent vanishes. */
  readonly char?: Char;
}

export class I16550 extends Device<StateOf<typeof registers>> {
  /** Eight ports: 3F8h, 2F8h, 3E8h, 2E8h. */
  readonly ports: PortHandler = { read: () => 0xff, write: () => {} };

  constructor(readonly options: I16550Options) {
    super(registers);
  }
}
