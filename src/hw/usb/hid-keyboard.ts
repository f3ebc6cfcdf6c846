/**
 * A USB keyboard: QEMU's `usb-kbd`.
 *
 * Specification: USB HID 1.11, appendices B.1 (boot report) and C (rollover).
 * Sixteen keystrokes wait for the guest, one for each report; more are lost.
 * Not emulated: typematic (hosts repeat keys themselves).
 */

import { bool, list, type StateOf, state, struct, u8 } from '../../state.ts';
import { Device } from '../device.ts';
import type { KeyName } from '../input/keys.ts';
import type { InputDevice } from '../input/router.ts';
import type { UsbDevice } from './device.ts';
import { HidEndpoints, type HidWiring, hidFields, productOf } from './hid.ts';
import { usageOf } from './hid-usages.ts';

const QUEUE = 16;
const FIRST_MODIFIER = 0xe0;
const REPORT_KEYS = 6;
const ERROR_ROLLOVER = 1;

const registers = state('usb-kbd', 1, {
  ...hidFields,
  /** Strokes that the guest has not seen. */
  strokes: list(QUEUE, struct({ usage: u8(), down: bool() })),
  /** Usages of the keys that are down, as last reported. */
  down: list(256, u8()),
  /** Bit 0 num, 1 caps, 2 scroll lock. */
  leds: u8(),
});

export class UsbKeyboard extends Device<StateOf<typeof registers>> implements UsbDevice {
  readonly product = productOf('keyboard');
  /** Hears what the user does. */
  readonly events: InputDevice = {
    inputName: 'QEMU HID Keyboard',
    key: (name, event) => this.key(name, event === 'press'),
  };
  onWake: () => void = () => {};
  private readonly endpoints: HidEndpoints;

  constructor(wiring: HidWiring) {
    super(registers);
    this.endpoints = new HidEndpoints({
      ...wiring,
      kind: 'keyboard',
      state: () => this.state,
      hasNews: () => this.state.strokes.length !== 0,
      report: () => this.report(),
      onOutput: data => {
        this.state.leds = data[0] ?? 0;
        return true;
      },
    });
  }

  get address(): number {
    return this.state.address;
  }

  busReset(): void {
    this.reset();
  }

  setup(packet: Uint8Array): void {
    this.endpoints.setup(packet);
  }

  output(endpoint: number, from: Uint8Array): number {
    return this.endpoints.output(endpoint, from);
  }

  input(endpoint: number, into: Uint8Array): number {
    return this.endpoints.input(endpoint, into);
  }

  private key(name: KeyName, down: boolean): void {
    const usage = usageOf(name);
    const { strokes, mayWake } = this.state;
    if (usage === undefined || strokes.length >= QUEUE) return;
    strokes.push({ usage, down });
    if (mayWake) this.onWake();
  }

  /** The keys that are down after the next stroke. */
  private report(): Uint8Array {
    const s = this.state;
    const stroke = s.strokes.shift();
    if (stroke !== undefined) {
      const others = s.down.filter(usage => usage !== stroke.usage);
      s.down = stroke.down ? [...others, stroke.usage] : others;
    }
    const report = new Uint8Array(2 + REPORT_KEYS);
    for (const usage of s.down) {
      if (usage >= FIRST_MODIFIER) report[0] |= 1 << (usage - FIRST_MODIFIER);
    }
    const keys = s.down.filter(usage => usage < FIRST_MODIFIER);
    if (keys.length > REPORT_KEYS) report.fill(ERROR_ROLLOVER, 2);
    else report.set(keys, 2);
    return report;
  }
}
