/**
 * A USB keyboard: QEMU's `usb-kbd`.
 *
 * Specification: USB HID 1.11, appendices B.1 (boot report) and C (rollover).
 * Sixteen keystrokes wait for the guest, one for each report; more are lost.
 * Not emulated: typematic (hosts repeat keys themselves).
 */

import type { Clock } from '../../clock.ts';
import { bool, list, ns, type StateOf, state, struct, u8 } from '../../state.ts';
import { Device } from '../device.ts';
import type { KeyName } from '../input/keys.ts';
import type { InputDevice } from '../input/router.ts';
import { type ControlEndpoint, NAK, STALL, type UsbDevice } from './device.ts';
import { hidControl, hidFields, idleNs, productOf, REPORT_ENDPOINT } from './hid.ts';
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
  leds: u8(),
  reportedNs: ns(),
});

export interface UsbKeyboardOptions {
  readonly clock: Clock;
  readonly serial: string;
  /** The guest has asked for reports. */
  readonly onPoll: () => void;
}

export class UsbKeyboard extends Device<StateOf<typeof registers>> implements UsbDevice {
  readonly product = productOf('keyboard');
  /** Hears what the user does. */
  readonly events: InputDevice = {
    inputName: 'QEMU HID Keyboard',
    key: (name, event) => this.key(name, event === 'press'),
  };
  onWake: () => void = () => {};
  private readonly control: ControlEndpoint;

  constructor(private readonly options: UsbKeyboardOptions) {
    super(registers);
    this.control = hidControl({
      kind: 'keyboard',
      serial: options.serial,
      state: () => this.state,
      report: () => this.report(),
      onOutput: data => {
        this.state.leds = data[0] ?? 0;
        return true;
      },
      onConfigure: () => {},
    });
  }

  get address(): number {
    return this.state.address;
  }

  /** Bit 0 num, 1 caps, 2 scroll lock. */
  get leds(): number {
    return this.state.leds;
  }

  busReset(): void {
    this.reset();
  }

  setup(packet: Uint8Array): void {
    this.control.setup(packet);
  }

  output(endpoint: number, from: Uint8Array): number {
    return endpoint === 0 ? this.control.output(from) : STALL;
  }

  input(endpoint: number, into: Uint8Array): number {
    if (endpoint === 0) return this.control.input(into);
    const s = this.state;
    if (endpoint !== REPORT_ENDPOINT || s.haltedIn || s.configuration === 0) return STALL;
    this.options.onPoll();
    const { nowNs } = this.options.clock;
    if (s.strokes.length === 0 && nowNs - s.reportedNs < idleNs(s)) return NAK;
    s.reportedNs = nowNs;
    const report = this.report();
    into.set(report);
    return report.length;
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
