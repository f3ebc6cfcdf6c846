/**
 * What every USB device shares: the contract with its controller, descriptors, and the control
 * endpoint with the standard requests.
 *
 * Specification: USB 1.1, sections 8.5 (transactions), 9.3 to 9.6 (requests, descriptors).
 * Not emulated: data toggles (no packet is ever lost).
 */

import { bool, buffer, oneOf, u8, u32 } from '../../state.ts';

/** Answers of an endpoint other than a number of bytes. */
export const NAK = -1;
export const STALL = -2;

/** One transaction at a time, as a controller puts it on the wire. */
export interface UsbDevice {
  /** Given by the guest; 0 after a bus reset. */
  readonly address: number;
  /** As descriptors and `info usb` show it. */
  readonly product: string;
  /** The port's reset signal. */
  busReset(): void;
  /** SETUP always succeeds. `packet` has 8 bytes. */
  setup(packet: Uint8Array): void;
  /** IN: puts a packet into `into`, which has room for any. Returns its length, NAK or STALL. */
  input(endpoint: number, into: Uint8Array): number;
  /** OUT. Returns the length taken, NAK or STALL. */
  output(endpoint: number, from: Uint8Array): number;
  /** The device asks for a resume of its bus. Set by the port that it sits on. */
  onWake?: () => void;
}

export interface EndpointModel {
  /** With bit 7 for IN. */
  readonly address: number;
  /** 2 is bulk, 3 interrupt. */
  readonly attributes: number;
  readonly maxPacket: number;
  /** In frames; default 0. */
  readonly interval?: number;
}

/** Everything its descriptors say. */
export interface UsbModel {
  readonly vendor: number;
  readonly product: number;
  /** Strings 1, 2 and so on: maker, product, serial number, configuration, unless `use` differs. */
  readonly strings: readonly string[];
  /** Which string is what; default 1 to 4. */
  readonly use?: {
    readonly product: number;
    readonly serial: number;
    readonly configuration: number;
  };
  readonly interfaceClass: readonly [number, number, number];
  /** Between interface and endpoints. */
  readonly classDescriptor?: readonly number[];
  /** From the bus, in units of 2 mA, by a device that can wake its host. Default: self-powered. */
  readonly busPower?: number;
  readonly endpoints: readonly EndpointModel[];
}

/** Of endpoint 0. */
export const CONTROL_PACKET = 8;
const LANGUAGE = 0x0409;
const SELF_POWERED = 0x40;
const REMOTE_WAKEUP = 0x20;

/** The part of a device's state that its control endpoint has. */
export const controlFields = {
  address: u8(),
  /** Counts from the end of SET_ADDRESS on. */
  nextAddress: u8(),
  configuration: u8(),
  stage: oneOf('idle', 'data-in', 'status-in', 'stalled', 'data-out'),
  reply: buffer(0x10000),
  replyPosition: u32(),
  /** The SETUP packet whose data come. */
  setupPacket: buffer(8),
  /** The guest allows the device to wake it. */
  mayWake: bool(),
  haltedIn: bool(),
  haltedOut: bool(),
};

export interface ControlState {
  address: number;
  nextAddress: number;
  configuration: number;
  stage: 'idle' | 'data-in' | 'status-in' | 'stalled' | 'data-out';
  reply: Uint8Array;
  replyPosition: number;
  setupPacket: Uint8Array;
  mayWake: boolean;
  haltedIn: boolean;
  haltedOut: boolean;
}

/** Fields of a SETUP packet. */
export interface SetupPacket {
  /** Request type and request: `type << 8 | request`. */
  readonly code: number;
  readonly value: number;
  readonly index: number;
  readonly length: number;
}

const NOTHING = new Uint8Array(0);

export interface ControlOptions {
  readonly model: UsbModel;
  readonly state: () => ControlState;
  /** Requests of the class, and standard ones of its own: the answer, or undefined to stall. */
  readonly classRequest: (setup: SetupPacket) => Uint8Array | undefined;
  /** Requests that bring data: false to stall. Default: there are none. */
  readonly classData?: (setup: SetupPacket, data: Uint8Array) => boolean;
  /** The guest chose a configuration, which resets every endpoint. */
  readonly onConfigure: () => void;
}

/** Endpoint 0. */
export class ControlEndpoint {
  constructor(private readonly options: ControlOptions) {}

  setup(packet: Uint8Array): void {
    const s = this.options.state();
    const setup = setupOf(packet);
    const isIn = (packet[0] & 0x80) !== 0;
    s.nextAddress = s.address;
    s.replyPosition = 0;
    s.reply = NOTHING;
    if (!isIn && setup.length > 0) {
      this.expectData(packet, setup.length);
      return;
    }
    const answer = this.answer(setup);
    if (answer === undefined) s.stage = 'stalled';
    else if (isIn && setup.length > 0) {
      s.reply = answer.slice(0, setup.length);
      s.stage = 'data-in';
    } else s.stage = 'status-in';
  }

  input(into: Uint8Array): number {
    const s = this.options.state();
    if (s.stage === 'data-in') {
      const at = s.replyPosition;
      const length = Math.min(CONTROL_PACKET, s.reply.length - at);
      into.set(s.reply.subarray(at, at + length));
      s.replyPosition += length;
      return length;
    }
    if (s.stage !== 'status-in') return STALL;
    s.stage = 'idle';
    s.address = s.nextAddress;
    return 0;
  }

  /** More than a packet of data is not for any request that there is. */
  private expectData(packet: Uint8Array, length: number): void {
    const s = this.options.state();
    const isKnown = this.options.classData !== undefined && length <= CONTROL_PACKET;
    s.stage = isKnown ? 'data-out' : 'stalled';
    s.setupPacket = packet.slice(0, 8);
  }

  output(from: Uint8Array): number {
    const s = this.options.state();
    if (s.stage === 'data-out') {
      const isTaken = this.options.classData?.(setupOf(s.setupPacket), from) === true;
      s.stage = isTaken ? 'status-in' : 'stalled';
      return isTaken ? from.length : STALL;
    }
    if (s.stage !== 'data-in') return STALL;
    s.stage = 'idle';
    return from.length;
  }

  private answer(setup: SetupPacket): Uint8Array | undefined {
    if ((setup.code & 0x6000) !== 0) return this.options.classRequest(setup);
    const s = this.options.state();
    switch (setup.code) {
      case 0x0005:
        s.nextAddress = setup.value & 0x7f;
        return NOTHING;
      case 0x0009:
        return this.configure(setup.value & 0xff);
      case 0x8006:
        return this.descriptor(setup.value >> 8, setup.value & 0xff);
      case 0x8008:
        return Uint8Array.of(s.configuration);
      case 0x8000:
        return Uint8Array.of(this.status(), 0);
      case 0x8100:
        return Uint8Array.of(0, 0);
      case 0x810a:
        return Uint8Array.of(0);
      case 0x010b:
        return setup.value === 0 ? NOTHING : undefined;
      case 0x8200:
        return Uint8Array.of(this.isHalted(setup.index) ? 1 : 0, 0);
      case 0x0201:
      case 0x0203:
        return this.setHalt(setup, setup.code === 0x0203);
      case 0x0001:
      case 0x0003:
        return this.setWake(setup, setup.code === 0x0003);
      default:
        return this.options.classRequest(setup);
    }
  }

  /** Bit 0: powered by itself; bit 1: may wake the host. */
  private status(): number {
    const isSelfPowered = this.options.model.busPower === undefined;
    return (isSelfPowered ? 1 : 0) | (this.options.state().mayWake ? 2 : 0);
  }

  /** DEVICE_REMOTE_WAKEUP. */
  private setWake({ value }: SetupPacket, mayWake: boolean): Uint8Array | undefined {
    if (value !== 1 || this.options.model.busPower === undefined) return undefined;
    this.options.state().mayWake = mayWake;
    return NOTHING;
  }

  private configure(value: number): Uint8Array | undefined {
    if (value > 1) return undefined;
    const s = this.options.state();
    s.configuration = value;
    s.haltedIn = false;
    s.haltedOut = false;
    this.options.onConfigure();
    return NOTHING;
  }

  private isHalted(endpoint: number): boolean {
    const s = this.options.state();
    if ((endpoint & 15) === 0) return false;
    return (endpoint & 0x80) !== 0 ? s.haltedIn : s.haltedOut;
  }

  /** ENDPOINT_HALT. */
  private setHalt({ value, index }: SetupPacket, isHalted: boolean): Uint8Array | undefined {
    const s = this.options.state();
    const isKnown = this.options.model.endpoints.some(e => e.address === (index & 0xff));
    if (value !== 0 || (!isKnown && (index & 15) !== 0)) return undefined;
    if (isKnown && (index & 0x80) !== 0) s.haltedIn = isHalted;
    else if (isKnown) s.haltedOut = isHalted;
    return NOTHING;
  }

  private descriptor(type: number, index: number): Uint8Array | undefined {
    const { model } = this.options;
    if (type === 1) return deviceDescriptor(model);
    if (type === 2 && index === 0) return configurationDescriptor(model);
    if (type === 3) return stringDescriptor(model.strings, index);
    return undefined;
  }
}

function setupOf(packet: Uint8Array): SetupPacket {
  return {
    code: (packet[0] << 8) | packet[1],
    value: packet[2] | (packet[3] << 8),
    index: packet[4] | (packet[5] << 8),
    length: packet[6] | (packet[7] << 8),
  };
}

const USUAL_STRINGS = { product: 2, serial: 3, configuration: 4 };

function word(value: number): number[] {
  return [value & 0xff, value >> 8];
}

function deviceDescriptor({ vendor, product, use = USUAL_STRINGS }: UsbModel): Uint8Array {
  const release = word(0x0200);
  const ids = [...word(vendor), ...word(product), 0, 0];
  const strings = [1, use.product, use.serial];
  return Uint8Array.from([18, 1, ...release, 0, 0, 0, CONTROL_PACKET, ...ids, ...strings, 1]);
}

function configurationDescriptor(model: UsbModel): Uint8Array {
  const { interfaceClass, endpoints, classDescriptor = [], busPower, use = USUAL_STRINGS } = model;
  const parts = [9, 4, 0, 0, endpoints.length, ...interfaceClass, 0, ...classDescriptor];
  for (const { address, attributes, maxPacket, interval = 0 } of endpoints) {
    parts.push(7, 5, address, attributes, ...word(maxPacket), interval);
  }
  const total = word(9 + parts.length);
  const power = 0x80 | (busPower === undefined ? SELF_POWERED : REMOTE_WAKEUP);
  const head = [9, 2, ...total, 1, 1, use.configuration, power, busPower ?? 0];
  return Uint8Array.from([...head, ...parts]);
}

function stringDescriptor(strings: readonly string[], index: number): Uint8Array | undefined {
  if (index === 0) return Uint8Array.of(4, 3, ...word(LANGUAGE));
  const text = strings[index - 1];
  if (text === undefined) return undefined;
  const units = Array.from({ length: Math.min(text.length, 126) }, (_, i) => text.charCodeAt(i));
  return Uint8Array.from([2 + units.length * 2, 3, ...units.flatMap(word)]);
}
