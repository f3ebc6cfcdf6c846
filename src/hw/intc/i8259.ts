/**
 * 8259A programmable interrupt controller. A PC has two: the slave's INT is the master's IR2.
 *
 * Spec: Intel 8259A data sheet (231468); 82371SB (PIIX3), ELCR.
 *
 * Port 0: ICW1 (bit 4 set), OCW2 (bits 4-3 = 00), OCW3 (01); reads give IRR or ISR, or poll.
 * Port 1: ICW2, ICW3, ICW4 after ICW1, else OCW1 (IMR).
 *
 * Edges are latched until they are acknowledged, even if the line falls before. Whether an input
 * is level-triggered is ELCR's business alone, as in PIIX3: LTIM of ICW1 changes nothing.
 * Not emulated: MCS-80/85 mode, buffered mode (both have no effect in a PC).
 */

import type { Line } from '../../line.ts';
import type { PortHandler } from '../../ports.ts';
import { bool, oneOf, type StateOf, state, u8 } from '../../state.ts';
import { Device } from '../device.ts';

const ICW1 = 0x10;
const ICW1_IC4 = 0x01;
const ICW1_SNGL = 0x02;
const ICW4_AEOI = 0x02;
const ICW4_SFNM = 0x10;
const OCW3 = 0x08;
const OCW3_RIS = 0x01;
const OCW3_RR = 0x02;
const OCW3_POLL = 0x04;
const OCW3_SMM = 0x20;
const OCW3_ESMM = 0x40;

/** OCW2, bits 7-5: R, SL, EOI. */
const ROTATE_IN_AEOI_CLEAR = 0;
const NON_SPECIFIC_EOI = 1;
const SPECIFIC_EOI = 3;
const ROTATE_IN_AEOI_SET = 4;
const ROTATE_ON_NON_SPECIFIC_EOI = 5;
const SET_PRIORITY = 6;
const ROTATE_ON_SPECIFIC_EOI = 7;

const CASCADE_INPUT = 2;
const SPURIOUS_INPUT = 7;
const NO_PRIORITY = 8;

const registers = state('i8259', 1, {
  /** Levels of the inputs as last seen, so that a loaded snapshot invents no edges. */
  pins: u8(),
  irr: u8(),
  imr: u8(),
  isr: u8(),
  elcr: u8(),
  /** Bits 7-3 of the vectors (ICW2). */
  vectorBase: u8(),
  /** The input that has the highest priority now. */
  highestPriority: u8(),
  expects: oneOf('ocw', 'icw2', 'icw3', 'icw4'),
  icw4Needed: bool(),
  single: bool(),
  readsIsr: bool(),
  poll: bool(),
  specialMask: bool(),
  autoEoi: bool(),
  rotateOnAutoEoi: bool(),
  specialFullyNested: bool(),
});

export interface I8259Options {
  /** IR0..IR7: eight lines, to each of which the chip listens. */
  readonly inputs: readonly Line[];
  /** INT. */
  readonly output: Line;
  /** Which bits of ELCR can be set: 0xf8 for the master, 0xde for the slave. */
  readonly elcrMask: number;
  /** Given to the master only: who gives the vector of IR2 in an INTA cycle. */
  readonly slave?: I8259;
}

export class I8259 extends Device<StateOf<typeof registers>> {
  /** Two ports: 20h or A0h. */
  readonly ports: PortHandler = {
    read: offset => (offset === 0 ? this.readStatus() : this.readMask()),
    write: (offset, _size, value) =>
      offset === 0 ? this.writeCommand(value) : this.writeData(value),
  };
  /** One port: 4D0h or 4D1h. */
  readonly elcrPort: PortHandler = {
    read: () => this.state.elcr,
    write: (_offset, _size, value) => this.writeElcr(value),
  };

  constructor(private readonly options: I8259Options) {
    super(registers);
    options.inputs.forEach((input, i) => {
      input.connect(level => this.onInput(1 << i, level));
    });
  }

  override reset(): void {
    const { pins } = this.state;
    this.state = this.table.initial();
    this.state.pins = pins;
    this.settle();
  }

  /** The INTA cycle: returns the vector. Call on the master only. */
  acknowledge(): number {
    const { slave } = this.options;
    const input = this.pending();
    if (input < 0) return this.state.vectorBase | SPURIOUS_INPUT;
    this.beginService(input);
    if (input === CASCADE_INPUT && slave !== undefined) return slave.acknowledge();
    return this.state.vectorBase | input;
  }

  /** A line of `info pic`, without newline; `name` is `pic0` or `pic1`. */
  infoText(name: string): string {
    const s = this.state;
    const hex = (value: number): string => value.toString(16).padStart(2, '0');
    return (
      `${name}: irr=${hex(s.irr)} imr=${hex(s.imr)} isr=${hex(s.isr)} hprio=${s.highestPriority}` +
      ` irq_base=${hex(s.vectorBase)} rr_sel=${Number(s.readsIsr)} elcr=${hex(s.elcr)}` +
      ` fnm=${Number(s.specialFullyNested)}`
    );
  }

  protected override settle(): void {
    this.options.output.set(this.pending() >= 0);
  }

  private onInput(bit: number, level: boolean): void {
    const s = this.state;
    const rises = level && (s.pins & bit) === 0;
    s.pins = level ? s.pins | bit : s.pins & ~bit;
    if ((s.elcr & bit) !== 0) s.irr = level ? s.irr | bit : s.irr & ~bit;
    else if (rises) s.irr |= bit;
    this.settle();
  }

  /** The input to be serviced next, or -1. */
  private pending(): number {
    const s = this.state;
    const priority = this.priorityOf(s.irr & ~s.imr);
    let inService = s.isr;
    if (s.specialMask) inService &= ~s.imr;
    // In special fully nested mode the master lets a second interrupt of the slave through.
    if (s.specialFullyNested && this.options.slave) inService &= ~(1 << CASCADE_INPUT);
    if (priority >= this.priorityOf(inService)) return -1;
    return (priority + s.highestPriority) & 7;
  }

  /** Of the inputs in `mask` the highest priority: 0 to 7, or 8 when it is empty. */
  private priorityOf(mask: number): number {
    for (let priority = 0; priority < NO_PRIORITY; priority++) {
      if ((mask & (1 << ((priority + this.state.highestPriority) & 7))) !== 0) return priority;
    }
    return NO_PRIORITY;
  }

  private beginService(input: number): void {
    const s = this.state;
    const bit = 1 << input;
    if ((s.elcr & bit) === 0) s.irr &= ~bit;
    if (!s.autoEoi) s.isr |= bit;
    else if (s.rotateOnAutoEoi) s.highestPriority = (input + 1) & 7;
    // INT falls with INTA, so that the master sees an edge when more is pending.
    this.options.output.set(false);
    this.settle();
  }

  private readStatus(): number {
    if (this.state.poll) return this.readPoll();
    return this.state.readsIsr ? this.state.isr : this.state.irr;
  }

  private readMask(): number {
    return this.state.poll ? this.readPoll() : this.state.imr;
  }

  /** The poll command turns the next read into an INTA cycle. */
  private readPoll(): number {
    this.state.poll = false;
    const input = this.pending();
    if (input < 0) return 0;
    this.beginService(input);
    return 0x80 | input;
  }

  private writeCommand(value: number): void {
    const s = this.state;
    if ((value & ICW1) !== 0) {
      this.initialize(value);
    } else if ((value & OCW3) !== 0) {
      if ((value & OCW3_POLL) !== 0) s.poll = true;
      if ((value & OCW3_RR) !== 0) s.readsIsr = (value & OCW3_RIS) !== 0;
      if ((value & OCW3_ESMM) !== 0) s.specialMask = (value & OCW3_SMM) !== 0;
    } else {
      this.writeOcw2(value >> 5, value & 7);
    }
    this.settle();
  }

  private initialize(icw1: number): void {
    const { pins, elcr } = this.state;
    this.state = this.table.initial();
    Object.assign(this.state, { pins, elcr, irr: pins & elcr });
    this.state.expects = 'icw2';
    this.state.icw4Needed = (icw1 & ICW1_IC4) !== 0;
    this.state.single = (icw1 & ICW1_SNGL) !== 0;
  }

  private writeOcw2(command: number, level: number): void {
    const s = this.state;
    switch (command) {
      case ROTATE_IN_AEOI_CLEAR:
      case ROTATE_IN_AEOI_SET:
        s.rotateOnAutoEoi = command === ROTATE_IN_AEOI_SET;
        break;
      case NON_SPECIFIC_EOI:
      case ROTATE_ON_NON_SPECIFIC_EOI: {
        const priority = this.priorityOf(s.isr);
        if (priority === NO_PRIORITY) break;
        const input = (priority + s.highestPriority) & 7;
        s.isr &= ~(1 << input);
        if (command === ROTATE_ON_NON_SPECIFIC_EOI) s.highestPriority = (input + 1) & 7;
        break;
      }
      case SPECIFIC_EOI:
      case ROTATE_ON_SPECIFIC_EOI:
        s.isr &= ~(1 << level);
        if (command === ROTATE_ON_SPECIFIC_EOI) s.highestPriority = (level + 1) & 7;
        break;
      case SET_PRIORITY:
        s.highestPriority = (level + 1) & 7;
        break;
      default: // 2: no operation
    }
  }

  private writeData(value: number): void {
    const s = this.state;
    switch (s.expects) {
      case 'ocw':
        s.imr = value;
        break;
      case 'icw2':
        s.vectorBase = value & 0xf8;
        s.expects = s.single ? this.afterIcw3() : 'icw3';
        break;
      case 'icw3':
        // Which input the slave is on is wired, not programmed.
        s.expects = this.afterIcw3();
        break;
      case 'icw4':
        s.specialFullyNested = (value & ICW4_SFNM) !== 0;
        s.autoEoi = (value & ICW4_AEOI) !== 0;
        s.expects = 'ocw';
        break;
    }
    this.settle();
  }

  private afterIcw3(): 'icw4' | 'ocw' {
    return this.state.icw4Needed ? 'icw4' : 'ocw';
  }

  private writeElcr(value: number): void {
    const s = this.state;
    s.elcr = value & this.options.elcrMask;
    s.irr = (s.irr & ~s.elcr) | (s.pins & s.elcr);
    this.settle();
  }
}
