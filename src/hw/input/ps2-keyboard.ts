/**
 * PS/2 keyboard.
 */

import type { Clock } from '../../clock.ts';
import { type StateOf, state, u8 } from '../../state.ts';
import { Device } from '../device.ts';
import type { KeyName } from './keys.ts';
import type { Ps2Port } from './ps2.ts';

const registers = state('ps2-keyboard', 1, { leds: u8() });

export interface Ps2KeyboardOptions {
  readonly clock: Clock;
  /** Hears of LED changes: bit 0 scroll, 1 num, 2 caps lock. */
  readonly onLeds?: (leds: number) => void;
}

export class Ps2Keyboard extends Device<StateOf<typeof registers>> implements Ps2Port {
  onChange: () => void = () => {};
  readonly hasData = false;

  constructor(readonly options: Ps2KeyboardOptions) {
    super(registers);
  }

  read(): number {
    return 0;
  }

  write(_value: number): void {}

  /** A key goes down or up. Delivered through the inbox only. */
  key(_name: KeyName, _event: 'press' | 'release'): void {}
}
