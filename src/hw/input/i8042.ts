/**
 * 8042 keyboard controller of a PC AT with a PS/2 mouse port.
 *
 * Spec: IBM Personal System/2 Technical Reference, "Keyboard and auxiliary device controller".
 *
 * Port 60h: data. Port 64h: reads give the status, writes are commands.
 * | status | | mode (command byte) | |
 * |---|---|---|---|
 * | 0 OBF | data for the host | 0 INT | IRQ1 when the keyboard's data is there |
 * | 2 SYS | self test passed | 1 INT2 | IRQ12, for the mouse |
 * | 3 A2 | last write was a command | 2 SYS | shows in the status |
 * | 4 INH | not locked: always set | 4, 5 EN | keyboard, mouse interface off |
 * | 5 AUX | the data is the mouse's | 6 XLATE | set 2 scan codes become set 1 |
 *
 * Not emulated: the time commands take (IBF is never seen set), password security, the input port's
 * jumpers (it reads 80h).
 */

import type { Line } from '../../line.ts';
import type { Log } from '../../log.ts';
import type { PortHandler } from '../../ports.ts';
import { bool, bytes, list, type StateOf, state, struct, u8 } from '../../state.ts';
import { Device } from '../device.ts';
import { toSet1 } from './keys.ts';
import type { Ps2Port } from './ps2.ts';

const STATUS_OBF = 0x01;
const STATUS_SYS = 0x04;
const STATUS_A2 = 0x08;
const STATUS_INH = 0x10;
const STATUS_AUX = 0x20;

const MODE_INT = 0x01;
const MODE_INT2 = 0x02;
const MODE_SYS = 0x04;
const MODE_DISABLE_KEYBOARD = 0x10;
const MODE_DISABLE_MOUSE = 0x20;
const MODE_XLATE = 0x40;

const OUTPUT_RESET = 0x01;
const OUTPUT_A20 = 0x02;
const OUTPUT_OBF = 0x10;
const OUTPUT_AUX_OBF = 0x20;
/** The pins that show what is latched; OBF pins are worked out. */
const OUTPUT_LATCHED = 0xcf;

const READ_RAM = 0x20;
const WRITE_RAM = 0x60;
const PASSWORD_TEST = 0xa4;
const DISABLE_MOUSE = 0xa7;
const ENABLE_MOUSE = 0xa8;
const TEST_MOUSE = 0xa9;
const SELF_TEST = 0xaa;
const TEST_KEYBOARD = 0xab;
const DISABLE_KEYBOARD = 0xad;
const ENABLE_KEYBOARD = 0xae;
const READ_INPUT = 0xc0;
const READ_OUTPUT = 0xd0;
const WRITE_OUTPUT = 0xd1;
const WRITE_KEYBOARD_BUFFER = 0xd2;
const WRITE_MOUSE_BUFFER = 0xd3;
const WRITE_MOUSE = 0xd4;
const DISABLE_A20 = 0xdd;
const ENABLE_A20 = 0xdf;
const READ_TEST_INPUTS = 0xe0;
const PULSE_OUTPUT = 0xf0;

const INPUT_PORT = 0x80;
const NO_PASSWORD = 0xf1;
const BREAK_PREFIX = 0xf0;

const registers = state('i8042', 1, {
  /** Byte 0 is the mode. */
  ram: bytes(32, Uint8Array.of(MODE_INT | MODE_INT2)),
  selfTested: bool(),
  lastWriteWasCommand: bool(true),
  /** The command whose argument comes next on port 60h; 0 when none does. */
  command: u8(),
  outputPort: u8(OUTPUT_LATCHED),
  /** The output buffer: what port 60h reads. */
  full: bool(),
  data: u8(),
  fromMouse: bool(),
  /** Answers that wait for the output buffer. */
  answers: list(32, struct({ data: u8(), fromMouse: bool() })),
  /** Translation has swallowed F0. */
  breakPending: bool(),
});

export interface I8042Options {
  readonly keyboard: Ps2Port;
  readonly mouse: Ps2Port;
  /** IRQ1. */
  readonly keyboardIrq: Line;
  /** IRQ12. */
  readonly mouseIrq: Line;
  /** Shared with port 92h: whoever wrote last drives it. High after reset. */
  readonly a20: Line;
  /** Pulsed when the guest asks for a system reset. */
  readonly reset: Line;
  readonly log: Log;
}

export class I8042 extends Device<StateOf<typeof registers>> {
  /** One port: 60h. */
  readonly dataPort: PortHandler = {
    read: () => this.readData(),
    write: (_offset, _size, value) => this.writeData(value),
  };
  /** One port: 64h. */
  readonly commandPort: PortHandler = {
    read: () => this.status(),
    write: (_offset, _size, value) => this.writeCommand(value),
  };

  constructor(private readonly options: I8042Options) {
    super(registers);
    options.keyboard.onData = () => this.pump();
    options.mouse.onData = () => this.pump();
    options.a20.connect(level => {
      const { outputPort } = this.state;
      this.state.outputPort = level ? outputPort | OUTPUT_A20 : outputPort & ~OUTPUT_A20;
    });
    this.settle();
  }

  protected override settle(): void {
    const s = this.state;
    const mode = s.ram[0];
    this.options.a20.set((s.outputPort & OUTPUT_A20) !== 0);
    this.options.keyboardIrq.set(s.full && !s.fromMouse && (mode & MODE_INT) !== 0);
    this.options.mouseIrq.set(s.full && s.fromMouse && (mode & MODE_INT2) !== 0);
  }

  /** Fills the output buffer, if somebody has a byte. */
  private pump(): void {
    while (!this.state.full && this.fetch()) {
      // A swallowed F0 leaves the buffer empty: look again.
    }
    this.settle();
  }

  /** Takes one byte for the output buffer; false when nobody has one. */
  private fetch(): boolean {
    const { keyboard, mouse } = this.options;
    const s = this.state;
    const answer = s.answers.shift();
    if (answer !== undefined) {
      Object.assign(s, { full: true, data: answer.data, fromMouse: answer.fromMouse });
    } else if (keyboard.hasData && (s.ram[0] & MODE_DISABLE_KEYBOARD) === 0) {
      this.fetchKeyboard(keyboard.read());
    } else if (mouse.hasData && (s.ram[0] & MODE_DISABLE_MOUSE) === 0) {
      Object.assign(s, { full: true, data: mouse.read(), fromMouse: true });
    } else return false;
    return true;
  }

  private fetchKeyboard(value: number): void {
    const s = this.state;
    const translates = (s.ram[0] & MODE_XLATE) !== 0;
    if (translates && value === BREAK_PREFIX) {
      s.breakPending = true;
      return;
    }
    s.data = translates ? toSet1(value) | (s.breakPending ? 0x80 : 0) : value;
    Object.assign(s, { full: true, fromMouse: false, breakPending: false });
  }

  private status(): number {
    const s = this.state;
    const sys = s.selfTested || (s.ram[0] & MODE_SYS) !== 0;
    return (
      (s.full ? STATUS_OBF : 0) |
      (s.full && s.fromMouse ? STATUS_AUX : 0) |
      (sys ? STATUS_SYS : 0) |
      (s.lastWriteWasCommand ? STATUS_A2 : 0) |
      STATUS_INH
    );
  }

  /** Reads of an empty buffer repeat the last byte. */
  private readData(): number {
    const s = this.state;
    const { data } = s;
    if (!s.full) return data;
    s.full = false;
    // The interrupt falls before the next byte raises it again.
    this.options.keyboardIrq.set(false);
    this.options.mouseIrq.set(false);
    this.pump();
    return data;
  }

  private answer(data: number, fromMouse = false): void {
    this.state.answers.push({ data, fromMouse });
  }

  private writeCommand(value: number): void {
    const s = this.state;
    s.lastWriteWasCommand = true;
    s.command = 0;
    if (value >= READ_RAM && value < READ_RAM + 0x20) this.answer(s.ram[value & 0x1f]);
    else if (value >= WRITE_RAM && value < WRITE_RAM + 0x20) s.command = value;
    else if (value >= PULSE_OUTPUT) this.pulseOutput(value & 0x0f);
    else this.onCommand(value);
    this.pump();
  }

  private onCommand(value: number): void {
    const s = this.state;
    switch (value) {
      case WRITE_OUTPUT:
      case WRITE_KEYBOARD_BUFFER:
      case WRITE_MOUSE_BUFFER:
      case WRITE_MOUSE:
        s.command = value;
        break;
      case DISABLE_MOUSE:
        s.ram[0] |= MODE_DISABLE_MOUSE;
        break;
      case ENABLE_MOUSE:
        s.ram[0] &= ~MODE_DISABLE_MOUSE;
        break;
      case DISABLE_KEYBOARD:
        s.ram[0] |= MODE_DISABLE_KEYBOARD;
        break;
      case ENABLE_KEYBOARD:
        s.ram[0] &= ~MODE_DISABLE_KEYBOARD;
        break;
      case SELF_TEST:
        s.selfTested = true;
        this.answer(0x55);
        break;
      case DISABLE_A20:
        s.outputPort &= ~OUTPUT_A20;
        break;
      case ENABLE_A20:
        s.outputPort |= OUTPUT_A20;
        break;
      default: {
        const result = this.query(value);
        if (result !== undefined) this.answer(result);
        else this.options.log.guestError('i8042', `unknown command 0x${value.toString(16)}`);
      }
    }
  }

  /** Commands that only answer. */
  private query(value: number): number | undefined {
    switch (value) {
      case PASSWORD_TEST:
        return NO_PASSWORD;
      case TEST_MOUSE:
      case TEST_KEYBOARD:
      case READ_TEST_INPUTS:
        return 0x00;
      case READ_INPUT:
        return INPUT_PORT;
      case READ_OUTPUT:
        return this.outputPins();
      default:
        return undefined;
    }
  }

  private outputPins(): number {
    const s = this.state;
    if (!s.full) return s.outputPort;
    return s.outputPort | (s.fromMouse ? OUTPUT_AUX_OBF : OUTPUT_OBF);
  }

  /** Bits that are 0 are pulsed low; only the reset pin goes anywhere. */
  private pulseOutput(bits: number): void {
    if ((bits & OUTPUT_RESET) === 0) this.options.reset.pulse();
  }

  private writeData(value: number): void {
    const s = this.state;
    const { command } = s;
    s.lastWriteWasCommand = false;
    s.command = 0;
    switch (command) {
      case WRITE_OUTPUT:
        this.writeOutput(value);
        break;
      case WRITE_KEYBOARD_BUFFER:
        this.answer(value);
        break;
      case WRITE_MOUSE_BUFFER:
        this.answer(value, true);
        break;
      case WRITE_MOUSE:
        // Talking to a device turns its interface on.
        s.ram[0] &= ~MODE_DISABLE_MOUSE;
        this.options.mouse.write(value);
        break;
      case 0:
        s.ram[0] &= ~MODE_DISABLE_KEYBOARD;
        this.options.keyboard.write(value);
        break;
      default:
        s.ram[command & 0x1f] = value;
    }
    this.pump();
  }

  private writeOutput(value: number): void {
    this.state.outputPort = (value & OUTPUT_LATCHED) | OUTPUT_RESET;
    this.options.a20.set((value & OUTPUT_A20) !== 0);
    if ((value & OUTPUT_RESET) === 0) this.options.reset.pulse();
  }
}
