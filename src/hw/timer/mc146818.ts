/**
 * MC146818 real-time clock with 128 bytes of battery-backed RAM.
 *
 * Spec: Motorola MC146818A data sheet.
 */

import type { Clock } from '../../clock.ts';
import type { Line } from '../../line.ts';
import type { PortHandler } from '../../ports.ts';
import { bytes, type StateOf, state } from '../../state.ts';
import { Device } from '../device.ts';

const registers = state('mc146818', 1, { ram: bytes(128) });

export interface Mc146818Options {
  readonly clock: Clock;
  /** IRQ8, active high. */
  readonly irq: Line;
  /** What the RTC shows at virtual time 0: seconds since 1970 as if its local time were UTC. */
  readonly baseSeconds: number;
  /** High while bit 7 of port 70h masks NMI. */
  readonly nmiMask?: Line;
}

export class Mc146818 extends Device<StateOf<typeof registers>> {
  /** Two ports: 70h index, 71h data. */
  readonly ports: PortHandler = { read: () => 0xff, write: () => {} };

  constructor(readonly options: Mc146818Options) {
    super(registers);
  }

  /** Battery-backed contents from outside the chip: index to value. See cmos.ts. */
  setCmos(contents: Iterable<readonly [index: number, value: number]>): void {
    for (const [index, value] of contents) this.state.ram[index] = value;
  }
}
