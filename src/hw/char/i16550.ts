/**
 * 16550A UART.
 *
 * Spec: National Semiconductor PC16550D data sheet.
 *
 * | offset | DLAB=0 | DLAB=1 |
 * |---|---|---|
 * | 0 | RBR (read), THR (write) | DLL |
 * | 1 | IER | DLM |
 * | 2 | IIR (read), FCR (write) | |
 * | 3 to 7 | LCR, MCR, LSR, MSR, SCR | |
 *
 * As under QEMU, a byte leaves the moment it is written, INTR is not gated by OUT2, and input is
 * paced by the room in the receiver. With `paced`, bytes take the time that divisor and frame give.
 * Not emulated: parity and framing errors (a pipe makes none), sending breaks, DMA pins (RXRDY,
 * TXRDY), modem lines from outside (carrier, DSR and CTS are always there).
 */

import type { Char } from '../../char.ts';
import type { Clock, Timer } from '../../clock.ts';
import type { Line } from '../../line.ts';
import type { PortHandler } from '../../ports.ts';
import { bool, list, ns, type StateOf, state, u8, u16 } from '../../state.ts';
import { Device } from '../device.ts';

const DATA = 0;
const IER = 1;
const IIR_FCR = 2;
const LCR = 3;
const MCR = 4;
const LSR = 5;
const MSR = 6;
const SCR = 7;

const IER_ERBFI = 0x01;
const IER_ETBEI = 0x02;
const IER_ELSI = 0x04;
const IER_EDSSI = 0x08;

const IIR_NONE = 0x01;
const IIR_MODEM = 0x00;
const IIR_THRE = 0x02;
const IIR_DATA = 0x04;
const IIR_LINE = 0x06;
const IIR_TIMEOUT = 0x0c;
const IIR_FIFOS = 0xc0;

const FCR_ENABLE = 0x01;
const FCR_RESET_RX = 0x02;
const FCR_RESET_TX = 0x04;
const FCR_KEPT = 0xc9;

const LCR_STB = 0x04;
const LCR_PEN = 0x08;
const LCR_DLAB = 0x80;

const MCR_LOOP = 0x10;
const MCR_OUT2 = 0x08;

const LSR_DR = 0x01;
const LSR_OE = 0x02;
const LSR_BI = 0x10;
const LSR_THRE = 0x20;
const LSR_TEMT = 0x40;
const LSR_ERRORS = 0x1e;

const MSR_TERI = 0x04;
const MSR_CTS_DSR_DCD = 0xb0;
const MSR_RI = 0x40;

const FIFO_SIZE = 16;
const TRIGGER_LEVELS = [1, 4, 8, 14] as const;
/** Input clock of 1.8432 MHz, divided by 16. */
const BAUD_BASE = 115_200;
const TIMEOUT_CHARACTERS = 4;

const registers = state('i16550', 1, {
  divisor: u16(12),
  ier: u8(),
  fcr: u8(),
  lcr: u8(),
  mcr: u8(MCR_OUT2),
  /** Errors and break; the other bits of LSR follow from the rest. */
  lineErrors: u8(),
  /** The modem lines as last seen, and their deltas below. */
  msr: u8(MSR_CTS_DSR_DCD),
  scr: u8(),
  /** The receiver's FIFO; without FIFOs one byte, the last of which RBR repeats. */
  received: list(FIFO_SIZE, u8()),
  rbr: u8(),
  timeout: bool(),
  timeoutNs: ns(),
  /** The transmitter: FIFO (or THR), shift register, when its byte is out. */
  transmitting: list(FIFO_SIZE, u8()),
  tsr: u8(),
  tsrBusy: bool(),
  tsrDoneNs: ns(),
  thrEmptyPending: bool(),
});

export interface I16550Options {
  readonly clock: Clock;
  readonly irq: Line;
  /** Nothing is connected when left out: what is sent vanishes. */
  readonly char?: Char;
  /** True makes transmission take its time. Default false. */
  readonly paced?: boolean;
}

export class I16550 extends Device<StateOf<typeof registers>> {
  /** Eight ports: 3F8h, 2F8h, 3E8h, 2E8h. */
  readonly ports: PortHandler = {
    read: offset => this.read(offset),
    write: (offset, _size, value) => this.write(offset, value),
  };
  private readonly clock: Clock;
  private readonly char: Char | undefined;
  private readonly receiveTimer: Timer;
  private readonly transmitTimer: Timer;

  constructor(private readonly options: I16550Options) {
    super(registers);
    this.clock = options.clock;
    this.char = options.char;
    this.receiveTimer = this.clock.timer('i16550-rx-timeout', () => this.onTimeout());
    this.transmitTimer = this.clock.timer('i16550-tx', () => this.onSent());
    this.char?.connect({
      room: () => this.room(),
      receive: bytes => this.receive(bytes),
      event: what => {
        if (what === 'break') this.onBreak();
      },
    });
  }

  protected override settle(): void {
    const s = this.state;
    this.options.irq.set(this.interrupt() !== IIR_NONE);
    if (s.tsrBusy) this.transmitTimer.arm(s.tsrDoneNs);
    else this.transmitTimer.disarm();
    if (this.fifos && s.received.length > 0 && !s.timeout) this.receiveTimer.arm(s.timeoutNs);
    else this.receiveTimer.disarm();
  }

  private get fifos(): boolean {
    return (this.state.fcr & FCR_ENABLE) !== 0;
  }

  private get loops(): boolean {
    return (this.state.mcr & MCR_LOOP) !== 0;
  }

  /** One character on the wire: start, data, parity and stop bits. */
  private get characterNs(): number {
    const { lcr, divisor } = this.state;
    const bits = 7 + (lcr & 3) + ((lcr & LCR_PEN) !== 0 ? 1 : 0) + ((lcr & LCR_STB) !== 0 ? 1 : 0);
    return Math.ceil((bits * Math.max(1, divisor) * 1e9) / BAUD_BASE);
  }

  private get triggerLevel(): number {
    return this.fifos ? TRIGGER_LEVELS[this.state.fcr >> 6] : 1;
  }

  /** The identification of the most urgent interrupt. */
  private interrupt(): number {
    const s = this.state;
    if ((s.ier & IER_ELSI) !== 0 && s.lineErrors !== 0) return IIR_LINE;
    if ((s.ier & IER_ERBFI) !== 0) {
      if (s.received.length >= this.triggerLevel) return IIR_DATA;
      if (s.timeout) return IIR_TIMEOUT;
    }
    if ((s.ier & IER_ETBEI) !== 0 && s.thrEmptyPending) return IIR_THRE;
    if ((s.ier & IER_EDSSI) !== 0 && (s.msr & 0x0f) !== 0) return IIR_MODEM;
    return IIR_NONE;
  }

  private read(offset: number): number {
    const s = this.state;
    const latch = (s.lcr & LCR_DLAB) !== 0;
    switch (offset) {
      case DATA:
        return latch ? s.divisor & 0xff : this.readReceived();
      case IER:
        return latch ? s.divisor >> 8 : s.ier;
      case IIR_FCR:
        return this.readInterrupt();
      case LCR:
        return s.lcr;
      case MCR:
        return s.mcr;
      case LSR:
        return this.readLineStatus();
      case MSR:
        return this.readModemStatus();
      default:
        return s.scr;
    }
  }

  private readReceived(): number {
    const s = this.state;
    const byte = s.received.shift();
    if (byte === undefined) return s.rbr;
    s.rbr = byte;
    s.timeout = false;
    s.timeoutNs = this.clock.nowNs + TIMEOUT_CHARACTERS * this.characterNs;
    this.settle();
    if (!this.loops) this.char?.accept();
    return byte;
  }

  private readInterrupt(): number {
    const identification = this.interrupt();
    if (identification === IIR_THRE) {
      this.state.thrEmptyPending = false;
      this.settle();
    }
    return identification | (this.fifos ? IIR_FIFOS : 0);
  }

  private readLineStatus(): number {
    const s = this.state;
    const empty = s.transmitting.length === 0;
    const value =
      s.lineErrors |
      (s.received.length > 0 ? LSR_DR : 0) |
      (empty ? LSR_THRE : 0) |
      (empty && !s.tsrBusy ? LSR_TEMT : 0);
    if (s.lineErrors !== 0) {
      s.lineErrors &= ~LSR_ERRORS;
      this.settle();
    }
    return value;
  }

  private readModemStatus(): number {
    const value = this.state.msr;
    if ((value & 0x0f) !== 0) {
      this.state.msr &= 0xf0;
      this.settle();
    }
    return value;
  }

  private write(offset: number, value: number): void {
    const s = this.state;
    const latch = (s.lcr & LCR_DLAB) !== 0;
    switch (offset) {
      case DATA:
        if (latch) s.divisor = (s.divisor & 0xff00) | value;
        else this.transmit(value);
        break;
      case IER:
        if (latch) s.divisor = (s.divisor & 0x00ff) | (value << 8);
        else this.writeInterruptEnable(value);
        break;
      case IIR_FCR:
        this.writeFifoControl(value);
        break;
      case LCR:
        s.lcr = value;
        break;
      case MCR:
        s.mcr = value & 0x1f;
        this.watchModem();
        break;
      case SCR:
        s.scr = value;
        break;
      default: // LSR and MSR are read only
    }
    this.settle();
  }

  /** Enabling the transmitter's interrupt while it is empty raises it. */
  private writeInterruptEnable(value: number): void {
    const s = this.state;
    const rising = value & ~s.ier;
    s.ier = value & 0x0f;
    if ((rising & IER_ETBEI) !== 0 && s.transmitting.length === 0) s.thrEmptyPending = true;
  }

  private writeFifoControl(value: number): void {
    const s = this.state;
    const switches = ((value ^ s.fcr) & FCR_ENABLE) !== 0;
    if (switches || (value & FCR_RESET_RX) !== 0) {
      s.received = [];
      s.timeout = false;
      s.lineErrors &= ~LSR_BI;
    }
    if (switches || (value & FCR_RESET_TX) !== 0) {
      s.transmitting = [];
      s.thrEmptyPending = true;
    }
    s.fcr = value & FCR_KEPT;
    this.settle();
    this.char?.accept();
  }

  /** In loopback the outputs of MCR are the modem's lines. */
  private watchModem(): void {
    const s = this.state;
    const { mcr } = s;
    const looped = ((mcr & 0x0c) << 4) | ((mcr & 0x02) << 3) | ((mcr & 0x01) << 5);
    const lines = this.loops ? looped : MSR_CTS_DSR_DCD;
    const changed = (lines ^ s.msr) & 0xf0;
    // RI counts when it falls only.
    const deltas = (changed >> 4) & ~MSR_TERI;
    const ringEnds = (changed & MSR_RI) !== 0 && (lines & MSR_RI) === 0;
    s.msr = lines | (s.msr & 0x0f) | deltas | (ringEnds ? MSR_TERI : 0);
  }

  private transmit(value: number): void {
    const s = this.state;
    s.thrEmptyPending = false;
    if (this.options.paced !== true) {
      this.emit(value);
      s.thrEmptyPending = true;
      return;
    }
    if (!this.fifos) s.transmitting = [value];
    else if (s.transmitting.length < FIFO_SIZE) s.transmitting.push(value);
    if (!s.tsrBusy) this.loadShiftRegister();
  }

  private loadShiftRegister(): void {
    const s = this.state;
    const next = s.transmitting.shift();
    s.tsrBusy = next !== undefined;
    if (next === undefined) return;
    s.tsr = next;
    s.tsrDoneNs = this.clock.nowNs + this.characterNs;
    if (s.transmitting.length === 0) s.thrEmptyPending = true;
  }

  private onSent(): void {
    this.emit(this.state.tsr);
    this.loadShiftRegister();
    this.settle();
  }

  private emit(value: number): void {
    if (this.loops) this.take(value);
    else this.char?.write(Uint8Array.of(value));
  }

  /** Bytes the receiver takes now: up to its trigger level, so that the guest is asked in time. */
  private room(): number {
    if (this.loops) return 0;
    const waiting = this.state.received.length;
    if (!this.fifos) return waiting === 0 ? 1 : 0;
    if (waiting >= FIFO_SIZE) return 0;
    return waiting < this.triggerLevel ? this.triggerLevel - waiting : 1;
  }

  private receive(bytes: Uint8Array): void {
    for (const byte of bytes) this.take(byte);
    this.settle();
  }

  private take(byte: number): void {
    const s = this.state;
    if (!this.fifos) {
      if (s.received.length > 0) s.lineErrors |= LSR_OE;
      s.received = [byte];
      return;
    }
    if (s.received.length < FIFO_SIZE) s.received.push(byte);
    else s.lineErrors |= LSR_OE;
    s.timeout = false;
    s.timeoutNs = this.clock.nowNs + TIMEOUT_CHARACTERS * this.characterNs;
  }

  private onBreak(): void {
    this.take(0);
    this.state.lineErrors |= LSR_BI;
    this.settle();
  }

  private onTimeout(): void {
    this.state.timeout = true;
    this.settle();
  }
}
