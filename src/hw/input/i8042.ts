/**
 * 8042 keyboard controller of a PC AT with a PS/2 mouse port.
 */

import type { Line } from '../../line.ts';
import type { Log } from '../../log.ts';
import type { PortHandler } from '../../ports.ts';
import { type StateOf, state, u8 } from '../../state.ts';
import { Device } from '../device.ts';
import type { Ps2Port } from './ps2.ts';

const registers = state('i8042', 1, { status: u8() });

export interface I8042Options {
  readonly keyboard: Ps2Port;
  readonly mouse: Ps2Port;
  /** IRQ1. */
  readonly keyboardIrq: Line;
  /** IRQ12. */
  readonly mouseIrq: Line;
  /** Shared with port 92h: whoever wrote last drives it. */
  readonly a20: Line;
  /** Pulsed when the guest asks for a system reset. */
  readonly reset: Line;
  readonly log: Log;
}

export class I8042 extends Device<StateOf<typeof registers>> {
  /** One port: 60h. */
  readonly dataPort: PortHandler = { read: () => 0xff, write: () => {} };
  /** One port: 64h. */
  readonly commandPort: PortHandler = { read: () => 0xff, write: () => {} };

  constructor(readonly options: I8042Options) {
    super(registers);
  }
}
