/**
 * A USB mouse with five buttons and a wheel, and a tablet that knows places: QEMU's `usb-mouse` and
 * `usb-tablet`.
 *
 * Specification: USB HID 1.11; the mouse's report begins as appendix B.2 has it.
 * Sixteen events wait for the guest; movement beyond is added to the last.
 * Not emulated: idle rates of single reports, resolution settings.
 */

import { i32, list, type StateOf, state, struct, u8, u16 } from '../../state.ts';
import { Device } from '../device.ts';
import type { InputDevice } from '../input/router.ts';
import type { UsbDevice } from './device.ts';
import { HidEndpoints, type HidWiring, hidFields, productOf } from './hid.ts';

const QUEUE = 16;

const registers = state('usb-pointer', 1, {
  ...hidFields,
  buttons: u8(),
  x: u16(),
  y: u16(),
  /** What happened since the last report. Mice: `x` and `y` are counts; tablets: a place. */
  events: list(QUEUE, struct({ x: i32(), y: i32(), dz: i32(), buttons: u8() })),
});

interface PointerEvent {
  x: number;
  y: number;
  dz: number;
  buttons: number;
}

export interface UsbPointerOptions extends HidWiring {
  readonly kind: 'mouse' | 'tablet';
}

export class UsbPointer extends Device<StateOf<typeof registers>> implements UsbDevice {
  readonly product: string;
  /** Hears what the user does. */
  readonly events: InputDevice;
  onWake: () => void = () => {};
  private readonly endpoints: HidEndpoints;
  private readonly isTablet: boolean;

  constructor(options: UsbPointerOptions) {
    super(registers);
    const { kind } = options;
    this.isTablet = kind === 'tablet';
    this.product = productOf(kind);
    this.events = this.isTablet ? this.asTablet() : this.asMouse();
    this.endpoints = new HidEndpoints({
      ...options,
      state: () => this.state,
      hasNews: () => this.state.events.length !== 0,
      report: () => this.report(),
      onOutput: () => false,
    });
  }

  get address(): number {
    return this.state.address;
  }

  busReset(): void {
    const { buttons, x, y } = this.state;
    this.reset();
    Object.assign(this.state, { buttons, x, y });
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

  private asMouse(): InputDevice {
    return {
      inputName: 'QEMU HID Mouse',
      move: (dx, dy) => this.add({ x: dx, y: dy, dz: 0, buttons: this.state.buttons }),
      ...this.rest(() => ({ x: 0, y: 0 })),
    };
  }

  private asTablet(): InputDevice {
    return {
      inputName: 'QEMU HID Tablet',
      moveTo: (axis, value) => {
        this.state[axis] = Math.max(0, Math.min(0x7fff, value));
        const { x, y, buttons } = this.state;
        this.add({ x, y, dz: 0, buttons });
      },
      ...this.rest(() => this.state),
    };
  }

  /** Wheel and buttons, where the pointer does not move. */
  private rest(place: () => { x: number; y: number }): Partial<InputDevice> {
    return {
      turnWheel: dz => {
        const { x, y } = place();
        this.add({ x, y, dz, buttons: this.state.buttons });
      },
      setButtons: buttons => {
        const { x, y } = place();
        if (this.state.buttons === (buttons & 0x1f)) return;
        this.state.buttons = buttons & 0x1f;
        this.add({ x, y, dz: 0, buttons: this.state.buttons });
      },
    };
  }

  /** Movement joins what waits with the same buttons, and whatever waits when there is no room. */
  private add(event: PointerEvent): void {
    const { events } = this.state;
    const last = events.at(-1);
    if (last === undefined || (last.buttons !== event.buttons && events.length < QUEUE)) {
      events.push(event);
    } else {
      last.x = this.isTablet ? event.x : last.x + event.x;
      last.y = this.isTablet ? event.y : last.y + event.y;
      last.dz += event.dz;
      last.buttons = event.buttons;
    }
    if (this.state.mayWake) this.onWake();
  }

  /** The oldest event as far as it fits; what does not stays for the next report. */
  private report(): Uint8Array {
    const { events, buttons, x, y } = this.state;
    const event = events[0] ?? (this.isTablet ? { x, y, dz: 0, buttons } : undefined);
    if (event === undefined) return Uint8Array.of(buttons, 0, 0, 0);
    const dz = clamp(event.dz);
    event.dz -= dz;
    // Away from the user is positive.
    const bytes = this.isTablet ? place(event) : this.takeCounts(event);
    const isDone = event.dz === 0 && (this.isTablet || (event.x === 0 && event.y === 0));
    if (isDone) events.shift();
    return Uint8Array.of(event.buttons, ...bytes, -dz);
  }

  private takeCounts(event: PointerEvent): number[] {
    const x = clamp(event.x);
    const y = clamp(event.y);
    event.x -= x;
    event.y -= y;
    return [x, y];
  }
}

function place({ x, y }: PointerEvent): number[] {
  return [x & 0xff, x >> 8, y & 0xff, y >> 8];
}

function clamp(value: number): number {
  return Math.max(-127, Math.min(127, value));
}
