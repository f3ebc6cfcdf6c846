/**
 * What USB keyboards, mice and tablets share: descriptors, class requests and both endpoints.
 *
 * Specification: USB HID 1.11, chapters 6 and 7, appendices B (boot reports) and E (examples).
 * Not emulated: idle rates of single reports (each device has one report only).
 */

import type { Clock } from '../../clock.ts';
import { ns, u8 } from '../../state.ts';
import {
  ControlEndpoint,
  type ControlState,
  controlFields,
  NAK,
  STALL,
  type UsbModel,
} from './device.ts';

export type HidKind = 'mouse' | 'tablet' | 'keyboard';

const REPORT_ENDPOINT = 1;
const INTERRUPT = 3;
const POLL_FRAMES = 10;
/** In units of 2 mA. */
const POWER = 50;
const IDLE_UNIT_NS = 4_000_000;

const HID_DESCRIPTOR = 0x21;
const REPORT_DESCRIPTOR = 0x22;

export const hidFields = {
  ...controlFields,
  /** 0 is the boot protocol. */
  protocol: u8(1),
  /** In units of 4 ms: after that long a report is repeated; 0 is never. */
  idle: u8(),
  /** When the guest last got a report. */
  reportedNs: ns(),
};

interface HidState extends ControlState {
  protocol: number;
  idle: number;
  reportedNs: number;
}

/** Variable, absolute data. */
const DATA = 0x02;
const DATA_RELATIVE = 0x06;
const CONSTANT = 0x01;

/** Items of a report descriptor, by the names of the specification. */
const page = (value: number): number[] => [0x05, value];
const usage = (value: number): number[] => [0x09, value];
const usages = (from: number, to: number): number[] => [0x19, from, 0x29, to];
const logical = (min: number, max: number): number[] => [0x15, min & 0xff, ...maximum(0x25, max)];
const maximum = (item: number, max: number): number[] =>
  max > 0xff ? [item + 1, max & 0xff, max >> 8] : [item, max];
const fields = (count: number, bits: number): number[] => [0x95, count, 0x75, bits];
const fieldsBitsFirst = (bits: number, count: number): number[] => [0x75, bits, 0x95, count];
const input = (kind: number): number[] => [0x81, kind];
const output = (kind: number): number[] => [0x91, kind];
const END = 0xc0;

const DESKTOP = page(1);
const BUTTONS = page(9);
const KEYS = page(7);
const LEDS = page(8);
const WHEEL = usage(0x38);
const POINTER = [...DESKTOP, ...usage(2), 0xa1, 1, ...usage(1), 0xa1, 0];

const REPORTS: { readonly [kind in HidKind]: readonly number[] } = {
  mouse: [
    ...[...POINTER, ...BUTTONS, ...usages(1, 5), ...logical(0, 1), ...fields(5, 1), ...input(DATA)],
    ...[...fields(1, 3), ...input(CONSTANT)],
    ...[...DESKTOP, ...usage(0x30), ...usage(0x31), ...WHEEL, ...logical(-127, 127)],
    ...[...fieldsBitsFirst(8, 3), ...input(DATA_RELATIVE), END, END],
  ],
  tablet: [
    ...[...POINTER, ...BUTTONS, ...usages(1, 3), ...logical(0, 1), ...fields(3, 1), ...input(DATA)],
    ...[...fields(1, 5), ...input(CONSTANT)],
    ...[...DESKTOP, ...usage(0x30), ...usage(0x31), ...logical(0, 0x7fff)],
    // The physical range is the logical one.
    ...[0x35, 0, ...maximum(0x45, 0x7fff), ...fieldsBitsFirst(16, 2), ...input(DATA)],
    ...[...DESKTOP, ...WHEEL, ...logical(-127, 127), 0x35, 0, 0x45, 0],
    ...[...fieldsBitsFirst(8, 1), ...input(DATA_RELATIVE), END, END],
  ],
  keyboard: [
    ...[...DESKTOP, ...usage(6), 0xa1, 1],
    ...[...fieldsBitsFirst(1, 8), ...KEYS, ...usages(0xe0, 0xe7), ...logical(0, 1), ...input(DATA)],
    ...[...fields(1, 8), ...input(CONSTANT)],
    ...[...fields(5, 1), ...LEDS, ...usages(1, 5), ...output(DATA)],
    ...[...fields(1, 3), ...output(CONSTANT)],
    ...[...fields(6, 8), ...logical(0, 0xff), ...KEYS, ...usages(0, 0xff), ...input(0), END],
  ],
};

const NAMES = ['Mouse', 'Tablet', 'Keyboard'] as const;

interface KindFacts {
  readonly name: (typeof NAMES)[number];
  /** Subclass (1 has the boot protocol) and protocol. */
  readonly boot: readonly [number, number];
  readonly release: number;
  readonly maxPacket: number;
}

const FACTS: { readonly [kind in HidKind]: KindFacts } = {
  mouse: { name: 'Mouse', boot: [1, 2], release: 0x0001, maxPacket: 4 },
  tablet: { name: 'Tablet', boot: [0, 0], release: 0x0001, maxPacket: 8 },
  keyboard: { name: 'Keyboard', boot: [1, 1], release: 0x0111, maxPacket: 8 },
};

export function productOf(kind: HidKind): string {
  return `QEMU USB ${FACTS[kind].name}`;
}

function hidDescriptor(kind: HidKind): number[] {
  const { release } = FACTS[kind];
  const { length } = REPORTS[kind];
  const report = [REPORT_DESCRIPTOR, length & 0xff, length >> 8];
  return [9, HID_DESCRIPTOR, release & 0xff, release >> 8, 0, 1, ...report];
}

function modelOf(kind: HidKind, serial: string): UsbModel {
  const { boot, maxPacket } = FACTS[kind];
  const at = NAMES.indexOf(FACTS[kind].name);
  const names = NAMES.map(name => `QEMU USB ${name}`);
  return {
    vendor: 0x0627,
    product: 0x0001,
    strings: ['QEMU', ...names, serial, ...NAMES.map(name => `HID ${name}`)],
    use: { product: 2 + at, serial: 5, configuration: 6 + at },
    interfaceClass: [3, ...boot],
    classDescriptor: hidDescriptor(kind),
    busPower: POWER,
    endpoints: [
      {
        address: 0x80 | REPORT_ENDPOINT,
        attributes: INTERRUPT,
        maxPacket,
        interval: POLL_FRAMES,
      },
    ],
  };
}

/** What whoever plugs in a device gives it. */
export interface HidWiring {
  readonly clock: Clock;
  readonly serial: string;
  /** The guest has asked for reports. */
  readonly onPoll: () => void;
}

export interface HidEndpointsOptions extends HidWiring {
  readonly kind: HidKind;
  readonly state: () => HidState;
  /** Whether the user did something that no report has told. */
  readonly hasNews: () => boolean;
  /** The next report; there is always one. */
  readonly report: () => Uint8Array;
  /** An output report: false when there is none. */
  readonly onOutput: (data: Uint8Array) => boolean;
}

/** Endpoint 0, and the one reports come from. */
export class HidEndpoints {
  private readonly control: ControlEndpoint;

  constructor(private readonly options: HidEndpointsOptions) {
    this.control = hidControl(options);
  }

  setup(packet: Uint8Array): void {
    this.control.setup(packet);
  }

  output(endpoint: number, from: Uint8Array): number {
    return endpoint === 0 ? this.control.output(from) : STALL;
  }

  input(endpoint: number, into: Uint8Array): number {
    if (endpoint === 0) return this.control.input(into);
    const { state, clock, hasNews, onPoll } = this.options;
    const s = state();
    if (endpoint !== REPORT_ENDPOINT || s.haltedIn || s.configuration === 0) return STALL;
    onPoll();
    const { nowNs } = clock;
    if (!hasNews() && nowNs - s.reportedNs < idleNs(s)) return NAK;
    s.reportedNs = nowNs;
    const report = this.options.report();
    into.set(report);
    return report.length;
  }
}

/** Endpoint 0 with the requests of the class. */
function hidControl(options: HidEndpointsOptions): ControlEndpoint {
  const { kind, serial, state } = options;
  const hasBoot = FACTS[kind].boot[0] === 1;
  const nothing = new Uint8Array(0);
  return new ControlEndpoint({
    model: modelOf(kind, serial),
    state,
    onConfigure: () => {},
    classData: ({ code }, data) => code === 0x2109 && options.onOutput(data),
    classRequest: ({ code, value }) => {
      const s = state();
      switch (code) {
        case 0x8106:
          return value >> 8 === REPORT_DESCRIPTOR ? Uint8Array.from(REPORTS[kind]) : undefined;
        case 0xa101:
          return options.report();
        case 0xa102:
          return Uint8Array.of(s.idle);
        case 0x210a:
          s.idle = value >> 8;
          return nothing;
        case 0xa103:
          return hasBoot ? Uint8Array.of(s.protocol) : undefined;
        case 0x210b:
          if (!hasBoot) return undefined;
          s.protocol = value & 1;
          return nothing;
        default:
          return undefined;
      }
    },
  });
}

/** How long a report stands before it is repeated; Infinity for ever. */
function idleNs({ idle }: HidState): number {
  return idle === 0 ? Number.POSITIVE_INFINITY : idle * IDLE_UNIT_NS;
}
