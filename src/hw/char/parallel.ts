/**
 * A parallel port with a printer that takes everything: QEMU's `isa-parallel`.
 *
 * Document: IEEE 1284-1994, compatibility mode; registers as the PC/AT technical reference has
 * them. As in QEMU a byte goes out when STROBE rises, and the handshake goes on by reading: busy,
 * then acknowledge, then ready. Not emulated: input from outside, EPP, ECP, nibble and byte modes.
 *
 * | port | register |
 * |---|---|
 * | 0 | data |
 * | 1 | status: not busy, not acknowledge, paper end, selected, not error, EPP timeout |
 * | 2 | control: direction, interrupt enable, select in, not initialize, auto feed, strobe |
 */

import type { Char } from '../../char.ts';
import type { Line } from '../../line.ts';
import type { PortHandler } from '../../ports.ts';
import { bool, type StateOf, state, u8 } from '../../state.ts';
import { Device } from '../device.ts';

const DATA = 0;
const STATUS = 1;
const CONTROL = 2;

const NOT_BUSY = 0x80;
const NOT_ACKNOWLEDGE = 0x40;
const SELECTED = 0x10;
const NOT_ERROR = 0x08;
const TIMEOUT = 0x01;
const READY = NOT_BUSY | NOT_ACKNOWLEDGE | SELECTED | NOT_ERROR;

const CONTROL_ALWAYS = 0xc0;
const INPUT = 0x20;
const INTERRUPT_ENABLE = 0x10;
const SELECT_IN = 0x08;
const NOT_INITIALIZE = 0x04;
const STROBE = 0x01;

const registers = state('parallel_isa', 1, {
  data: u8(0xff),
  status: u8(READY | TIMEOUT),
  control: u8(SELECT_IN | NOT_INITIALIZE | CONTROL_ALWAYS),
  isInterrupting: bool(),
});

export interface ParallelOptions {
  readonly irq: Line;
  readonly char: Char;
}

export class Parallel extends Device<StateOf<typeof registers>> {
  readonly ports: PortHandler = {
    read: offset => this.read(offset),
    write: (offset, _size, value) => {
      this.write(offset, value);
      this.settle();
    },
  };

  constructor(private readonly options: ParallelOptions) {
    super(registers);
  }

  protected override settle(): void {
    this.options.irq.set(this.state.isInterrupting);
  }

  private read(offset: number): number {
    const { data, control } = this.state;
    if (offset === DATA) return (control & INPUT) !== 0 ? 0xff : data;
    if (offset === CONTROL) return control;
    return offset === STATUS ? this.readStatus() : 0xff;
  }

  /** What is read now; the handshake then takes its next step. */
  private readStatus(): number {
    const s = this.state;
    const { status } = s;
    const isUnderWay = (status & NOT_BUSY) === 0 && (s.control & STROBE) === 0;
    if (isUnderWay) {
      const isAcknowledged = (status & NOT_ACKNOWLEDGE) === 0;
      if (isAcknowledged) s.status |= NOT_BUSY | NOT_ACKNOWLEDGE;
      else s.status &= ~NOT_ACKNOWLEDGE;
    }
    s.isInterrupting = false;
    this.settle();
    return status;
  }

  private write(offset: number, value: number): void {
    if (offset === DATA) this.state.data = value;
    else if (offset === CONTROL) this.writeControl((value & 0x3f) | CONTROL_ALWAYS);
  }

  private writeControl(value: number): void {
    const s = this.state;
    const before = s.control;
    s.control = value;
    if ((value & NOT_INITIALIZE) === 0) {
      s.status = READY;
      s.isInterrupting = false;
      return;
    }
    if ((value & STROBE) !== 0) {
      s.status &= ~NOT_BUSY;
      if ((before & STROBE) === 0) this.options.char.write(Uint8Array.of(s.data));
    } else if ((before & STROBE) !== 0 && (value & INTERRUPT_ENABLE) !== 0) {
      s.isInterrupting = true;
    }
  }
}
