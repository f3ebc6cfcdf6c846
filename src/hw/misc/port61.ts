/**
 * System control port B (61h): speaker gate and data, refresh toggle, OUT of PIT counter 2.
 *
 * Spec: IBM PC AT Technical Reference, 82371SB (PIIX3) NMISC. Not emulated: parity and IOCHK NMI.
 */

import type { Clock } from '../../clock.ts';
import type { Line } from '../../line.ts';
import type { PortHandler } from '../../ports.ts';
import { type StateOf, state, u8 } from '../../state.ts';
import { Device } from '../device.ts';

const registers = state('port61', 1, { control: u8() });

export interface Port61Options {
  readonly clock: Clock;
  /** Drives GATE of counter 2. */
  readonly gate2: Line;
  /** The level of OUT of counter 2 now. */
  readonly out2: () => boolean;
}

export class Port61 extends Device<StateOf<typeof registers>> {
  /** One port: 61h. */
  readonly ports: PortHandler = { read: () => 0xff, write: () => {} };

  constructor(readonly options: Port61Options) {
    super(registers);
  }
}
