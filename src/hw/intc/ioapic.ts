/**
 * 82093AA I/O APIC: 24 interrupt inputs, each turned into a message to the local APICs by its entry
 * of the redirection table.
 *
 * Spec: Intel 82093AA data sheet (290566), chapter 3.
 *
 * | offset | register |
 * |---|---|
 * | 00h | IOREGSEL: which register the window shows |
 * | 10h | IOWIN: the window; 0 ID, 1 version, 2 arbitration, 10h and up two per input |
 *
 * Edges at masked inputs are lost. Making an entry edge-triggered clears its remote IRR, which is
 * how systems end an interrupt without a broadcast.
 * Not emulated: polarity (the board's wires are active high, whatever an entry says), arbitration.
 */

import type { Line } from '../../line.ts';
import type { MmioHandler } from '../../memory.ts';
import { array, type StateOf, state, u8, u32 } from '../../state.ts';
import { Device } from '../device.ts';
import {
  DELIVER_LOWEST,
  deliveryOf,
  ENTRY_MASKED,
  MESSAGE_LEVEL,
  type MessageSink,
  vectorOf,
} from './apic-message.ts';

export const IOAPIC_PINS = 24;
const SELECT = 0x00;
const WINDOW = 0x10;
const REGISTER_ID = 0;
const REGISTER_VERSION = 1;
const REGISTER_ARBITRATION = 2;
const REGISTER_TABLE = 0x10;
/** 24 inputs, version 11h. */
const VERSION = ((IOAPIC_PINS - 1) << 16) | 0x11;
/** An interrupt was taken and not ended yet: level-triggered inputs only. */
const REMOTE_IRR = 1 << 14;
/** Without remote IRR and delivery status. */
const ENTRY_WRITABLE = 0x1afff;

const registers = state('ioapic', 1, {
  id: u8(),
  select: u8(),
  /** Levels of the inputs as last seen, so that a loaded snapshot invents no edges. */
  pins: u32(),
  /** Lower halves of the entries. */
  entries: array(IOAPIC_PINS, u32(ENTRY_MASKED)),
  destinations: array(IOAPIC_PINS, u8()),
});

export class IoApic extends Device<StateOf<typeof registers>> {
  readonly mmio: MmioHandler = {
    read: (offset, size) => this.read(offset, size),
    write: (offset, size, value) => this.write(offset, size, value),
  };

  /** `inputs` in the order of the pins; a hole is a pin that nothing is wired to. */
  constructor(
    inputs: readonly (Line | undefined)[],
    private readonly sink: MessageSink,
  ) {
    super(registers);
    inputs.forEach((input, pin) => {
      input?.connect(level => this.onInput(pin, level));
    });
  }

  override reset(): void {
    const { pins } = this.state;
    this.state = this.table.initial();
    this.state.pins = pins;
  }

  /** A local APIC ended the service of a level-triggered interrupt. */
  endOfInterrupt(vector: number): void {
    const { entries } = this.state;
    for (let pin = 0; pin < IOAPIC_PINS; pin++) {
      const entry = entries[pin];
      if ((entry & REMOTE_IRR) === 0 || vectorOf(entry) !== vector) continue;
      entries[pin] = entry & ~REMOTE_IRR;
      this.serveLevel(pin);
    }
  }

  private onInput(pin: number, level: boolean): void {
    const s = this.state;
    const bit = 1 << pin;
    const rises = level && (s.pins & bit) === 0;
    s.pins = level ? s.pins | bit : s.pins & ~bit;
    if (!level) return;
    const entry = s.entries[pin];
    if ((entry & MESSAGE_LEVEL) !== 0) this.serveLevel(pin);
    else if (rises && (entry & ENTRY_MASKED) === 0) {
      this.sink.deliver(entry, s.destinations[pin]);
    }
  }

  private serveLevel(pin: number): void {
    const { entries, destinations, pins } = this.state;
    const entry = entries[pin];
    const isFree = (entry & (ENTRY_MASKED | REMOTE_IRR)) === 0;
    if (!isFree || (entry & MESSAGE_LEVEL) === 0 || (pins & (1 << pin)) === 0) return;
    const isTaken = this.sink.deliver(entry, destinations[pin]);
    if (isTaken && deliveryOf(entry) <= DELIVER_LOWEST) entries[pin] = entry | REMOTE_IRR;
  }

  private read(offset: number, size: number): number {
    if (offset === SELECT) return this.state.select;
    return offset === WINDOW && size === 4 ? this.readRegister(this.state.select) : 0;
  }

  private write(offset: number, size: number, value: number): void {
    if (offset === SELECT) this.state.select = value & 0xff;
    else if (offset === WINDOW && size === 4) this.writeRegister(this.state.select, value);
  }

  private readRegister(register: number): number {
    const s = this.state;
    if (register === REGISTER_ID || register === REGISTER_ARBITRATION) return s.id << 24;
    if (register === REGISTER_VERSION) return VERSION;
    const pin = (register - REGISTER_TABLE) >> 1;
    if (pin < 0 || pin >= IOAPIC_PINS) return 0;
    return (register & 1) === 0 ? s.entries[pin] : (s.destinations[pin] << 24) >>> 0;
  }

  private writeRegister(register: number, value: number): void {
    const s = this.state;
    if (register === REGISTER_ID) s.id = (value >>> 24) & 0x0f;
    const pin = (register - REGISTER_TABLE) >> 1;
    if (pin < 0 || pin >= IOAPIC_PINS) return;
    if ((register & 1) !== 0) s.destinations[pin] = value >>> 24;
    else {
      const kept = (value & MESSAGE_LEVEL) === 0 ? 0 : s.entries[pin] & REMOTE_IRR;
      s.entries[pin] = (value & ENTRY_WRITABLE) | kept;
    }
    this.serveLevel(pin);
  }
}
