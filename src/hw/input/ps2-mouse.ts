/**
 * PS/2 mouse with three buttons, and a wheel once the driver has knocked (IntelliMouse).
 *
 * Spec: IBM Personal System/2 Technical Reference, "Mouse"; Microsoft IntelliMouse: sample rates
 * 200, 100, 80 in a row turn the wheel on (ID 3), 200, 200, 80 two more buttons (ID 4).
 * Not emulated: the sample rate's pace (packets go as soon as there is movement and room),
 * resolution (counts come as they are).
 */

import { bool, i32, oneOf, type StateOf, state, u8 } from '../../state.ts';
import { Device } from '../device.ts';
import { ACK, type Ps2Port, ps2QueueFields, QUEUE_SIZE, RESEND, SELF_TEST_PASSED } from './ps2.ts';

const SET_SCALING_1_1 = 0xe6;
const SET_SCALING_2_1 = 0xe7;
const SET_RESOLUTION = 0xe8;
const STATUS_REQUEST = 0xe9;
const SET_STREAM_MODE = 0xea;
const READ_DATA = 0xeb;
const RESET_WRAP_MODE = 0xec;
const SET_WRAP_MODE = 0xee;
const SET_REMOTE_MODE = 0xf0;
const READ_DEVICE_TYPE = 0xf2;
const SET_SAMPLE_RATE = 0xf3;
const ENABLE = 0xf4;
const DISABLE = 0xf5;
const SET_DEFAULTS = 0xf6;
const RESET = 0xff;

const WHEEL_ID = 3;
const FIVE_BUTTON_ID = 4;

const registers = state('ps2-mouse', 1, {
  ...ps2QueueFields,
  mode: oneOf('stream', 'remote'),
  wrap: bool(),
  reporting: bool(),
  scaling21: bool(),
  resolution: u8(2),
  sampleRate: u8(100),
  rateBefore: u8(),
  rateBeforeThat: u8(),
  deviceId: u8(),
  buttons: u8(),
  /** Buttons as last reported. */
  reportedButtons: u8(),
  /** Movement not reported yet: right, down, wheel towards the user. */
  dx: i32(),
  dy: i32(),
  dz: i32(),
});

export class Ps2Mouse extends Device<StateOf<typeof registers>> implements Ps2Port {
  onData: () => void = () => {};

  constructor() {
    super(registers);
  }

  get hasData(): boolean {
    return this.state.queue.length > 0;
  }

  read(): number {
    this.state.lastSent = this.state.queue.shift() ?? 0;
    this.fillQueue();
    return this.state.lastSent;
  }

  /** Movement in counts: x to the right, y down, z wheel towards the user. */
  move(dx: number, dy: number, dz = 0): void {
    this.state.dx += dx;
    this.state.dy += dy;
    this.state.dz += dz;
    this.report();
  }

  /** Bit 0 left, 1 right, 2 middle, 3 and 4 the side buttons. */
  setButtons(buttons: number): void {
    this.state.buttons = buttons & 0x1f;
    this.report();
  }

  /** A packet without news, for a driver that fetches them elsewhere. */
  nudge(): void {
    const { reporting, queue } = this.state;
    if (!reporting || queue.length > 0) return;
    queue.push(...this.packet());
    this.onData();
  }

  write(value: number): void {
    const s = this.state;
    const { command } = s;
    s.command = 0;
    if (s.wrap && value !== RESET && value !== RESET_WRAP_MODE) this.answer(value);
    else if (command === 0) this.onCommand(value);
    else this.onArgument(command, value);
  }

  private onCommand(value: number): void {
    const s = this.state;
    switch (value) {
      case SET_RESOLUTION:
      case SET_SAMPLE_RATE:
        s.command = value;
        this.answer(ACK);
        break;
      case STATUS_REQUEST:
        this.answer(ACK, this.status(), s.resolution, s.sampleRate);
        break;
      case READ_DEVICE_TYPE:
        this.answer(ACK, s.deviceId);
        break;
      case READ_DATA:
        this.answer(ACK, ...this.packet());
        break;
      case RESEND:
        this.answer(s.lastSent);
        break;
      case RESET:
        this.setDefaults();
        s.deviceId = 0;
        this.answer(ACK, SELF_TEST_PASSED, 0x00);
        break;
      default:
        this.answer(this.onSetting(value) ? ACK : RESEND);
    }
  }

  /** Commands that only set something; false for unknown ones. */
  private onSetting(value: number): boolean {
    const s = this.state;
    if (value === SET_SCALING_1_1 || value === SET_SCALING_2_1) {
      s.scaling21 = value === SET_SCALING_2_1;
    } else if (value === SET_STREAM_MODE || value === SET_REMOTE_MODE) {
      s.mode = value === SET_STREAM_MODE ? 'stream' : 'remote';
    } else if (value === SET_WRAP_MODE || value === RESET_WRAP_MODE) {
      s.wrap = value === SET_WRAP_MODE;
    } else if (value === ENABLE || value === DISABLE) {
      s.reporting = value === ENABLE;
    } else if (value === SET_DEFAULTS) {
      this.setDefaults();
    } else return false;
    return true;
  }

  private onArgument(command: number, value: number): void {
    const s = this.state;
    if (command === SET_RESOLUTION) s.resolution = value & 3;
    else {
      s.rateBeforeThat = s.rateBefore;
      s.rateBefore = s.sampleRate;
      s.sampleRate = value;
      if (s.rateBeforeThat === 200 && value === 80) {
        if (s.rateBefore === 100) s.deviceId = WHEEL_ID;
        else if (s.rateBefore === 200) s.deviceId = FIVE_BUTTON_ID;
      }
    }
    this.answer(ACK);
  }

  private setDefaults(): void {
    const { deviceId, buttons } = this.state;
    this.state = this.table.initial();
    Object.assign(this.state, { deviceId, buttons, reportedButtons: buttons });
  }

  private status(): number {
    const s = this.state;
    const { buttons } = s;
    const shown = ((buttons & 1) << 2) | ((buttons & 4) >> 1) | ((buttons & 2) >> 1);
    const enabled = s.reporting ? 0x20 : 0;
    return shown | (s.scaling21 ? 0x10 : 0) | enabled | (s.mode === 'remote' ? 0x40 : 0);
  }

  private report(): void {
    if (this.fillQueue()) this.onData();
  }

  /** In stream mode: packets while there is something to report and room for it. */
  private fillQueue(): boolean {
    const s = this.state;
    if (!s.reporting || s.mode !== 'stream') return false;
    const length = s.deviceId === 0 ? 3 : 4;
    let sent = false;
    while (this.hasNews() && s.queue.length + length <= QUEUE_SIZE) {
      s.queue.push(...this.packet());
      sent = true;
    }
    return sent;
  }

  private hasNews(): boolean {
    const s = this.state;
    const wheel = s.deviceId === 0 ? 0 : s.dz;
    return s.dx !== 0 || s.dy !== 0 || wheel !== 0 || s.buttons !== s.reportedButtons;
  }

  /** One report; what does not fit into it stays for the next. */
  private packet(): number[] {
    const s = this.state;
    const dx = clamp(s.dx, 127);
    const dy = clamp(s.dy, 127);
    const dz = clamp(s.dz, s.deviceId === FIVE_BUTTON_ID ? 7 : 127);
    s.dx -= dx;
    s.dy -= dy;
    s.dz = s.deviceId === 0 ? 0 : s.dz - dz;
    s.reportedButtons = s.buttons;
    const x = this.scaled(dx);
    const y = this.scaled(-dy);
    const signs = (x < 0 ? 0x10 : 0) | (y < 0 ? 0x20 : 0);
    const bytes = [0x08 | (s.buttons & 7) | signs, x & 0xff, y & 0xff];
    if (s.deviceId === WHEEL_ID) bytes.push(dz & 0xff);
    if (s.deviceId === FIVE_BUTTON_ID) bytes.push((dz & 0x0f) | ((s.buttons & 0x18) << 1));
    return bytes;
  }

  /** 2:1 scaling of the data sheet, in stream mode only. */
  private scaled(counts: number): number {
    if (!this.state.scaling21 || this.state.mode !== 'stream') return counts;
    const size = Math.abs(counts);
    const scaledSize = [0, 1, 1, 3, 6, 9][size] ?? size * 2;
    return Math.sign(counts) * scaledSize;
  }

  private answer(...values: number[]): void {
    this.state.queue.push(...values);
    this.state.queue.splice(QUEUE_SIZE);
    this.onData();
  }
}

function clamp(value: number, limit: number): number {
  return Math.max(-limit, Math.min(limit, value));
}
