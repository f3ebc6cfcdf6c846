/**
 * System control port B (61h): speaker gate and data, refresh toggle, OUT of PIT counter 2.
 *
 * Spec: IBM PC AT Technical Reference; 82371SB (PIIX3), NMISC.
 *
 * | bit | |
 * |---|---|
 * | 0 | GATE of counter 2 |
 * | 1 | speaker data enable |
 * | 2, 3 | parity and IOCHK off: stored only, there are no such errors |
 * | 4 | refresh cycle toggle (read only): flips every 15.085 us |
 * | 5 | OUT of counter 2 (read only) |
 */

import type { Clock } from '../../clock.ts';
import type { Line } from '../../line.ts';
import type { PortHandler } from '../../ports.ts';
import { type StateOf, state, u8 } from '../../state.ts';
import { Device } from '../device.ts';

const registers = state('port61', 1, { control: u8() });

const GATE_SPK = 0x01;
const WRITABLE = 0x0f;
const REF_TOGGLE = 0x10;
const T2_OUT = 0x20;
const REFRESH_PERIOD_NS = 15_085;

export interface Port61Options {
  readonly clock: Clock;
  /** Drives GATE of counter 2. */
  readonly gate2: Line;
  /** The level of OUT of counter 2 now. */
  readonly out2: () => boolean;
}

export class Port61 extends Device<StateOf<typeof registers>> {
  /** One port: 61h. */
  readonly ports: PortHandler = {
    read: () => this.read(),
    write: (_offset, _size, value) => {
      this.state.control = value & WRITABLE;
      this.settle();
    },
  };

  constructor(private readonly options: Port61Options) {
    super(registers);
  }

  protected override settle(): void {
    this.options.gate2.set((this.state.control & GATE_SPK) !== 0);
  }

  private read(): number {
    const { clock, out2 } = this.options;
    const toggle = Math.floor(clock.nowNs / REFRESH_PERIOD_NS) % 2 === 1;
    return this.state.control | (toggle ? REF_TOGGLE : 0) | (out2() ? T2_OUT : 0);
  }
}
