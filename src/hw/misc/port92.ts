/**
 * System control port A (92h): fast A20 gate and fast reset.
 *
 * Spec: IBM PS/2 Technical Reference. Not emulated: disk activity light, password lock.
 */

import type { Line } from '../../line.ts';
import type { PortHandler } from '../../ports.ts';
import { type StateOf, state, u8 } from '../../state.ts';
import { Device } from '../device.ts';

const registers = state('port92', 1, { outport: u8() });

const INIT_NOW = 0x01;
const A20_GATE = 0x02;

export interface Port92Options {
  /** Shared with the 8042: whoever wrote last drives it. */
  readonly a20: Line;
  /** Pulsed when the guest asks for a system reset. */
  readonly reset: Line;
}

export class Port92 extends Device<StateOf<typeof registers>> {
  /** One port: 92h. */
  readonly ports: PortHandler = {
    read: () => this.state.outport,
    write: (_offset, _size, value) => this.write(value),
  };

  constructor(private readonly options: Port92Options) {
    super(registers);
  }

  private write(value: number): void {
    const rising = value & ~this.state.outport;
    this.state.outport = value;
    this.options.a20.set((value & A20_GATE) !== 0);
    if ((rising & INIT_NOW) !== 0) this.options.reset.pulse();
  }
}
