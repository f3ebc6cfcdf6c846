/**
 * 82371SB (PIIX3), function 2: a UHCI host controller with two root ports.
 *
 * Specification: Intel UHCI 1.1 design guide, chapter 2; data sheet Intel 82371SB (290550).
 * Frames run on a timer of 1 ms while the schedule runs; a controller that is stopped has no timer.
 * Not emulated: legacy keyboard traps (LEGSUP is storage), line status, software debug.
 */

import type { Clock } from '../../clock.ts';
import type { Memory } from '../../memory.ts';
import type { PortHandler } from '../../ports.ts';
import { array, ns, type StateOf, state, struct, u8, u16, u32 } from '../../state.ts';
import { Device } from '../device.ts';
import { PciFunction } from '../pci/config.ts';
import { UsbBus, type UsbPort } from './bus.ts';
import type { UsbDevice } from './device.ts';
import {
  CAUSE_COMPLETE,
  CAUSE_ERROR,
  CAUSE_PROCESS_ERROR,
  CAUSE_SHORT,
  UhciSchedule,
} from './uhci-schedule.ts';

const USBCMD = 0x00;
const USBSTS = 0x02;
const USBINTR = 0x04;
const FRNUM = 0x06;
const FLBASEADD = 0x08;
const SOFMOD = 0x0c;
const PORTSC1 = 0x10;

const CMD_RUN = 0x01;
const CMD_HCRESET = 0x02;
const CMD_GRESET = 0x04;
const CMD_SUSPEND = 0x08;
const CMD_MASK = 0xff;

const STS_INTERRUPT = 0x01;
const STS_ERROR = 0x02;
const STS_RESUME = 0x04;
const STS_PROCESS_ERROR = 0x10;
const STS_HALTED = 0x20;
const STS_CLEARABLE = 0x1f;

const INTR_ERROR = 0x1;
const INTR_RESUME = 0x2;
const INTR_COMPLETE = 0x4;
const INTR_SHORT = 0x8;

const PORT_CONNECTED = 0x0001;
const PORT_CONNECT_CHANGE = 0x0002;
const PORT_ENABLED = 0x0004;
const PORT_ENABLE_CHANGE = 0x0008;
const PORT_RESUME = 0x0040;
const PORT_ALWAYS_ONE = 0x0080;
const PORT_RESET = 0x0200;
const PORT_SUSPENDED = 0x1000;
const PORT_WRITABLE = PORT_ENABLED | PORT_RESUME | PORT_RESET | PORT_SUSPENDED;
/** What a port that is not there reads as: software stops counting. */
const NO_PORT = 0xff7f;

const PORT_COUNT = 2;
const FRAME_NS = 1_000_000;
/** The counter has 11 bits, the list 1024 entries. */
const FRAME_MASK = 0x7ff;
const LIST_MASK = 0x3ff;

const registers = state('piix3-usb-uhci', 1, {
  command: u16(),
  status: u16(STS_HALTED),
  enables: u16(),
  frame: u16(),
  listBase: u32(),
  sofModify: u8(0x40),
  /** Why the interrupt bit is set: CAUSE_COMPLETE, CAUSE_SHORT. */
  causes: u8(),
  nextFrameNs: ns(),
  /** `change`: connect status change; the connection itself is the bus's. */
  ports: array(PORT_COUNT, struct({ bits: u16() })),
});

export interface UhciOptions {
  readonly clock: Clock;
  readonly memory: Memory;
  /** Puts the 32 ports where BAR 4 says. */
  readonly place: (base: number, enabled: boolean) => void;
}

export class Uhci extends Device<StateOf<typeof registers>> {
  readonly pci: PciFunction;
  readonly bus = new UsbBus('usb-bus.0', PORT_COUNT);
  readonly ports: PortHandler = {
    read: (offset, size) => {
      if (size === 4) return (this.read(offset) | (this.read(offset + 2) << 16)) >>> 0;
      const value = this.read(offset & ~1);
      return size === 2 ? value : (value >> (8 * (offset & 1))) & 0xff;
    },
    write: (offset, size, value) => {
      if (size === 4) {
        this.write(offset, value & 0xffff);
        this.write(offset + 2, value >>> 16);
      } else if (size === 2) this.write(offset, value);
      else this.writeByte(offset, value);
      this.settle();
    },
  };
  private readonly frameTimer;
  private readonly schedule: UhciSchedule;

  constructor(private readonly options: UhciOptions) {
    super(registers);
    this.frameTimer = options.clock.timer('uhci-frame', () => this.runFrame());
    this.schedule = new UhciSchedule(options.memory, address => this.find(address));
    this.pci = new PciFunction({
      name: 'piix3-usb-uhci',
      vendor: 0x8086,
      device: 0x7020,
      revision: 1,
      classCode: 0x0c0300,
      interruptPin: 4,
      initial: [
        [0x60, 0x10],
        [0xc1, 0x20],
      ],
      bars: [{ index: 4, kind: 'io', size: 32, place: options.place }],
    });
    this.bus.ports.forEach((port, i) => {
      port.onChange = () => this.onPortChange(port, i);
      port.onWake = () => this.onPortWake(i);
    });
  }

  override reset(): void {
    this.state = this.table.initial();
    this.bus.ports.forEach((port, i) => {
      if (port.attached !== undefined) this.state.ports[i].bits = PORT_CONNECT_CHANGE;
    });
    this.settle();
  }

  protected override settle(): void {
    const s = this.state;
    if ((s.command & CMD_RUN) === 0) this.frameTimer.disarm();
    else if (this.frameTimer.deadlineNs !== s.nextFrameNs) this.frameTimer.arm(s.nextFrameNs);
    this.pci.interrupt(this.isInterrupting());
  }

  private isInterrupting(): boolean {
    const { status, enables, causes } = this.state;
    return (
      ((causes & CAUSE_COMPLETE) !== 0 && (enables & INTR_COMPLETE) !== 0) ||
      ((causes & CAUSE_SHORT) !== 0 && (enables & INTR_SHORT) !== 0) ||
      ((status & STS_ERROR) !== 0 && (enables & INTR_ERROR) !== 0) ||
      ((status & STS_RESUME) !== 0 && (enables & INTR_RESUME) !== 0) ||
      (status & STS_PROCESS_ERROR) !== 0
    );
  }

  private runFrame(): void {
    const s = this.state;
    const entry = (s.listBase & ~0xfff) + 4 * (s.frame & LIST_MASK);
    s.nextFrameNs += FRAME_NS;
    const causes = this.pci.isMaster ? this.schedule.run(entry >>> 0) : 0;
    s.frame = (s.frame + 1) & FRAME_MASK;
    const hasCompleted = (causes & (CAUSE_COMPLETE | CAUSE_SHORT)) !== 0;
    if (hasCompleted) s.status |= STS_INTERRUPT;
    s.causes |= causes & (CAUSE_COMPLETE | CAUSE_SHORT);
    if ((causes & CAUSE_ERROR) !== 0) s.status |= STS_ERROR;
    if ((causes & CAUSE_PROCESS_ERROR) !== 0) {
      s.status |= STS_PROCESS_ERROR | STS_HALTED;
      s.command &= ~CMD_RUN;
    }
    this.settle();
  }

  private find(address: number): UsbDevice | undefined {
    for (let i = 0; i < PORT_COUNT; i++) {
      const device = this.bus.ports[i].attached;
      const isEnabled = (this.state.ports[i].bits & PORT_ENABLED) !== 0;
      if (isEnabled && device?.address === address) return device;
    }
    return undefined;
  }

  private onPortChange(port: UsbPort, index: number): void {
    const s = this.state;
    const state = s.ports[index];
    state.bits |= PORT_CONNECT_CHANGE;
    if (port.attached === undefined) {
      if ((state.bits & PORT_ENABLED) !== 0) state.bits |= PORT_ENABLE_CHANGE;
      state.bits &= ~(PORT_ENABLED | PORT_SUSPENDED);
    }
    if ((s.command & CMD_SUSPEND) !== 0) s.status |= STS_RESUME;
    this.settle();
  }

  /** A device wants its port, or the whole bus, to go on. */
  private onPortWake(index: number): void {
    const s = this.state;
    const isSuspended = (s.ports[index].bits & PORT_SUSPENDED) !== 0;
    if (!isSuspended && (s.command & CMD_SUSPEND) === 0) return;
    if (isSuspended) s.ports[index].bits |= PORT_RESUME;
    s.status |= STS_RESUME;
    this.settle();
  }

  /** `offset` is even. */
  private read(offset: number): number {
    const s = this.state;
    switch (offset) {
      case USBCMD:
        return s.command;
      case USBSTS:
        return s.status;
      case USBINTR:
        return s.enables;
      case FRNUM:
        return s.frame;
      case FLBASEADD:
        return s.listBase & 0xffff;
      case FLBASEADD + 2:
        return s.listBase >>> 16;
      case SOFMOD:
        return s.sofModify;
      default:
        return this.readPort((offset - PORTSC1) >> 1);
    }
  }

  private readPort(index: number): number {
    const port = this.bus.ports[index];
    if (port === undefined) return NO_PORT;
    const isConnected = port.attached !== undefined;
    return this.state.ports[index].bits | PORT_ALWAYS_ONE | (isConnected ? PORT_CONNECTED : 0);
  }

  /** A byte of a word register: the other half keeps its value, except for bits that ones clear. */
  private writeByte(offset: number, value: number): void {
    const register = offset & ~1;
    const shift = 8 * (offset & 1);
    let other = this.read(register) & ~(0xff << shift);
    if (register === USBSTS) other = 0;
    if (register >= PORTSC1) other &= ~(PORT_CONNECT_CHANGE | PORT_ENABLE_CHANGE);
    this.write(register, other | (value << shift));
  }

  private write(offset: number, value: number): void {
    const s = this.state;
    switch (offset) {
      case USBCMD:
        this.writeCommand(value & CMD_MASK);
        break;
      case USBSTS:
        s.status &= ~(value & STS_CLEARABLE);
        if ((value & STS_INTERRUPT) !== 0) s.causes = 0;
        break;
      case USBINTR:
        s.enables = value & 0xf;
        break;
      case FRNUM:
        if ((s.command & CMD_RUN) === 0) s.frame = value & FRAME_MASK;
        break;
      case FLBASEADD:
        s.listBase = ((s.listBase & 0xffff0000) | (value & 0xf000)) >>> 0;
        break;
      case FLBASEADD + 2:
        s.listBase = ((s.listBase & 0xffff) | (value << 16)) >>> 0;
        break;
      case SOFMOD:
        s.sofModify = value & 0x7f;
        break;
      default:
        this.writePort((offset - PORTSC1) >> 1, value);
    }
  }

  private writeCommand(value: number): void {
    if ((value & CMD_HCRESET) !== 0) {
      this.reset();
      return;
    }
    const s = this.state;
    const wasRunning = (s.command & CMD_RUN) !== 0;
    const isRunning = (value & CMD_RUN) !== 0;
    if ((value & CMD_GRESET) !== 0 && (s.command & CMD_GRESET) === 0) this.resetBus();
    s.command = value;
    if (isRunning && !wasRunning) s.nextFrameNs = this.options.clock.nowNs + FRAME_NS;
    if (isRunning) s.status &= ~STS_HALTED;
    else s.status |= STS_HALTED;
  }

  /** Global reset reaches every device. */
  private resetBus(): void {
    this.bus.ports.forEach((port, i) => {
      port.attached?.busReset();
      this.state.ports[i].bits = port.attached === undefined ? 0 : PORT_CONNECT_CHANGE;
    });
  }

  private writePort(index: number, value: number): void {
    const port = this.bus.ports[index];
    if (port === undefined) return;
    const state = this.state.ports[index];
    const before = state.bits;
    const cleared = value & (PORT_CONNECT_CHANGE | PORT_ENABLE_CHANGE);
    let bits = (before & ~PORT_WRITABLE & ~cleared) | (value & PORT_WRITABLE);
    const isReset = (bits & PORT_RESET) !== 0;
    // A port in reset, or without a device, cannot be enabled.
    if (isReset || port.attached === undefined) bits &= ~PORT_ENABLED;
    if (isReset && (before & PORT_RESET) === 0) port.attached?.busReset();
    state.bits = bits;
  }
}
