/**
 * PS/2 mouse.
 */

import type { Clock } from '../../clock.ts';
import { type StateOf, state, u8 } from '../../state.ts';
import { Device } from '../device.ts';
import type { Ps2Port } from './ps2.ts';

const registers = state('ps2-mouse', 1, { buttons: u8() });

export interface Ps2MouseOptions {
  readonly clock: Clock;
}

export class Ps2Mouse extends Device<StateOf<typeof registers>> implements Ps2Port {
  onChange: () => void = () => {};
  readonly hasData = false;

  constructor(readonly options: Ps2MouseOptions) {
    super(registers);
  }

  read(): number {
    return 0;
  }

  write(_value: number): void {}

  /** Movement in counts: x to the right, y down, z wheel towards the user. */
  move(_dx: number, _dy: number, _dz: number): void {}

  /** Bit 0 left, 1 right, 2 middle. */
  setButtons(_buttons: number): void {}
}
