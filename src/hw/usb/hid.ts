/**
 * USB pointers: QEMU's `usb-mouse` and `usb-tablet`, one interrupt endpoint each.
 *
 * Specification: USB Device Class Definition for Human Interface Devices 1.11, with the mouse of
 * its appendix E.10 and a wheel. Not emulated: the boot protocol's shorter reports, idle rates.
 */

import { bool, i32, type StateOf, state, u8, u16 } from '../../state.ts';
import { Device } from '../device.ts';
import {
  ControlEndpoint,
  controlFields,
  NAK,
  type SetupPacket,
  STALL,
  type UsbDevice,
  type UsbModel,
} from './device.ts';

export type PointerKind = 'usb-mouse' | 'usb-tablet';

const INTERRUPT_IN = 1;
const REPORT_DESCRIPTOR = 0x22;
/** Absolute places go from 0 to this. */
export const TABLET_MAX = 0x7fff;

// biome-ignore format: as in the specification, an item after the other
const BUTTONS = [
  0x05, 0x09, 0x19, 0x01, 0x29, 0x03, 0x15, 0x00, 0x25, 0x01, 0x95, 0x03, 0x75, 0x01, 0x81, 0x02,
  0x95, 0x01, 0x75, 0x05, 0x81, 0x01,
];
// biome-ignore format: as in the specification, an item after the other
const MOUSE_REPORT = [
  0x05, 0x01, 0x09, 0x02, 0xa1, 0x01, 0x09, 0x01, 0xa1, 0x00, ...BUTTONS,
  0x05, 0x01, 0x09, 0x30, 0x09, 0x31, 0x09, 0x38, 0x15, 0x81, 0x25, 0x7f, 0x75, 0x08, 0x95, 0x03,
  0x81, 0x06, 0xc0, 0xc0,
];
// biome-ignore format: as in the specification, an item after the other
const TABLET_REPORT = [
  0x05, 0x01, 0x09, 0x01, 0xa1, 0x01, 0x09, 0x01, 0xa1, 0x00, ...BUTTONS,
  0x05, 0x01, 0x09, 0x30, 0x09, 0x31, 0x15, 0x00, 0x26, 0xff, 0x7f, 0x35, 0x00, 0x46, 0xff, 0x7f,
  0x75, 0x10, 0x95, 0x02, 0x81, 0x02,
  0x05, 0x01, 0x09, 0x38, 0x15, 0x81, 0x25, 0x7f, 0x35, 0x00, 0x45, 0x00, 0x75, 0x08, 0x95, 0x01,
  0x81, 0x06, 0xc0, 0xc0,
];

interface PointerModel {
  readonly product: string;
  /** As `info mice` has it. */
  readonly mouseName: string;
  readonly isAbsolute: boolean;
  readonly report: readonly number[];
  /** Subclass and protocol: 1 and 2 is a boot mouse. */
  readonly protocol: readonly [number, number];
  readonly packet: number;
}

export const POINTERS: { readonly [K in PointerKind]: PointerModel } = {
  'usb-mouse': {
    product: 'QEMU USB Mouse',
    mouseName: 'QEMU HID Mouse',
    isAbsolute: false,
    report: MOUSE_REPORT,
    protocol: [1, 2],
    packet: 4,
  },
  'usb-tablet': {
    product: 'QEMU USB Tablet',
    mouseName: 'QEMU HID Tablet',
    isAbsolute: true,
    report: TABLET_REPORT,
    protocol: [0, 0],
    packet: 8,
  },
};

const registers = state('usb-pointer', 1, {
  ...controlFields,
  idle: u8(),
  protocol: u8(1),
  buttons: u8(),
  dx: i32(),
  dy: i32(),
  /** Towards the user. */
  dz: i32(),
  x: u16(),
  y: u16(),
  hasNews: bool(),
});

function modelOf({ product, report, protocol, packet }: PointerModel): UsbModel {
  const [subclass, code] = protocol;
  const length = [report.length & 0xff, report.length >> 8];
  return {
    vendor: 0x0627,
    product: 0x0001,
    strings: ['QEMU', product, '42', 'HID Mouse'],
    attributes: 0xa0,
    power: 50,
    interfaceClass: [3, subclass, code],
    classDescriptor: [9, 0x21, 0x01, 0x00, 0, 1, REPORT_DESCRIPTOR, ...length],
    endpoints: [{ address: 0x80 | INTERRUPT_IN, attributes: 3, maxPacket: packet, interval: 10 }],
  };
}

export class UsbPointer extends Device<StateOf<typeof registers>> implements UsbDevice {
  readonly product: string;
  private readonly model: PointerModel;
  private readonly control: ControlEndpoint;

  constructor(readonly kind: PointerKind) {
    super(registers);
    this.model = POINTERS[kind];
    this.product = this.model.product;
    this.control = new ControlEndpoint({
      model: modelOf(this.model),
      state: () => this.state,
      classRequest: setup => this.classRequest(setup),
      interfaceDescriptor: type =>
        type === REPORT_DESCRIPTOR ? Uint8Array.from(this.model.report) : undefined,
      onConfigure: () => {},
    });
  }

  get address(): number {
    return this.state.address;
  }

  /** The guest has set it up: what moves comes here. */
  get isActive(): boolean {
    return this.state.configuration !== 0;
  }

  get buttons(): number {
    return this.state.buttons;
  }

  busReset(): void {
    this.reset();
  }

  setup(packet: Uint8Array): void {
    this.control.setup(packet);
  }

  input(endpoint: number, into: Uint8Array): number {
    if (endpoint === 0) return this.control.input(into);
    if (endpoint !== INTERRUPT_IN || this.state.haltedIn) return STALL;
    if (!this.state.hasNews) return NAK;
    const report = this.takeReport();
    into.set(report);
    return report.length;
  }

  output(endpoint: number, from: Uint8Array): number {
    return endpoint === 0 ? this.control.output(from) : STALL;
  }

  /** Movement in counts: x to the right, y down, z the wheel towards the user. */
  move(dx: number, dy: number, dz = 0): void {
    const s = this.state;
    s.dx += dx;
    s.dy += dy;
    s.dz += dz;
    s.hasNews = true;
  }

  /** Of a tablet. */
  moveTo(x: number, y: number): void {
    const inside = (value: number): number => Math.max(0, Math.min(TABLET_MAX, value));
    this.state.x = inside(x);
    this.state.y = inside(y);
    this.state.hasNews = true;
  }

  get place(): { readonly x: number; readonly y: number } {
    return this.state;
  }

  /** Bit 0 left, 1 right, 2 middle. */
  setButtons(buttons: number): void {
    this.state.buttons = buttons & 7;
    this.state.hasNews = true;
  }

  /** What is more than a report holds waits for the next. */
  private takeReport(): number[] {
    const s = this.state;
    const part = (value: number): number => Math.max(-127, Math.min(127, value));
    const dz = part(s.dz);
    s.dz -= dz;
    if (this.model.isAbsolute) {
      s.hasNews = s.dz !== 0;
      return [s.buttons, s.x & 0xff, s.x >> 8, s.y & 0xff, s.y >> 8, -dz & 0xff];
    }
    const dx = part(s.dx);
    const dy = part(s.dy);
    s.dx -= dx;
    s.dy -= dy;
    s.hasNews = s.dx !== 0 || s.dy !== 0 || s.dz !== 0;
    return [s.buttons, dx & 0xff, dy & 0xff, -dz & 0xff];
  }

  private classRequest({ code, value }: SetupPacket): Uint8Array | undefined {
    const s = this.state;
    switch (code) {
      case 0xa101:
        return Uint8Array.from(this.takeReport());
      case 0xa102:
        return Uint8Array.of(s.idle);
      case 0xa103:
        return Uint8Array.of(s.protocol);
      case 0x210a:
        s.idle = value >> 8;
        return new Uint8Array(0);
      case 0x210b:
        s.protocol = value & 0xff;
        return new Uint8Array(0);
      default:
        return undefined;
    }
  }
}
