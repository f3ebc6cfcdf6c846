/**
 * PS/2 keyboard with 102 keys (MF2).
 *
 * Spec: IBM Personal System/2 Technical Reference, "Keyboard". The keyboard speaks scan code set 2;
 * the 8042 translates. Sixteen bytes of queue: a key that does not fit is lost, as under QEMU;
 * answers to commands always fit.
 * Not emulated: the codes of set 3 (it can be selected, keys go on in set 2), the false shifts
 * around the keys between typewriter and number block while Num Lock is lit.
 */

import type { Clock, Timer } from '../../clock.ts';
import { bool, list, ns, type StateOf, state, text, u8 } from '../../state.ts';
import { Device } from '../device.ts';
import { isKeyName, type KeyName, scanOf, toSet1 } from './keys.ts';
import { ACK, type Ps2Port, ps2QueueFields, QUEUE_SIZE, RESEND, SELF_TEST_PASSED } from './ps2.ts';

const SET_LEDS = 0xed;
const ECHO = 0xee;
const SCAN_CODE_SET = 0xf0;
const IDENTIFY = 0xf2;
const SET_TYPEMATIC = 0xf3;
const ENABLE = 0xf4;
const DEFAULTS_AND_DISABLE = 0xf5;
const DEFAULTS = 0xf6;
const SET_3_FIRST = 0xf7;
const SET_3_LAST = 0xfd;
/** From here on, set 3 commands take a key as argument. */
const SET_3_KEYED = 0xfb;
const RESET = 0xff;

const BREAK = 0xf0;
const EXTENDED = 0xe0;
/** 500 ms, then 10.9 characters a second. */
const DEFAULT_TYPEMATIC = 0x2b;
const PAUSE_CODES = [0xe1, 0x14, 0x77, 0xe1, 0xf0, 0x14, 0xf0, 0x77];
const PAUSE_SET_1 = [0xe1, 0x1d, 0x45, 0xe1, 0x9d, 0xc5];

const registers = state('ps2-keyboard', 1, {
  ...ps2QueueFields,
  scanning: bool(true),
  scanCodeSet: u8(2),
  leds: u8(),
  typematic: u8(DEFAULT_TYPEMATIC),
  /** Names of the keys that are down, in the order they went down. */
  down: list(128, text()),
  /** The key that repeats, and when. */
  repeating: text(),
  repeatNs: ns(),
});

export interface Ps2KeyboardOptions {
  readonly clock: Clock;
  /** Hears of LED changes: bit 0 scroll, 1 num, 2 caps lock. */
  readonly onLeds?: (leds: number) => void;
}

export class Ps2Keyboard extends Device<StateOf<typeof registers>> implements Ps2Port {
  onData: () => void = () => {};
  private readonly clock: Clock;
  private readonly repeat: Timer;

  constructor(private readonly options: Ps2KeyboardOptions) {
    super(registers);
    this.clock = options.clock;
    this.repeat = this.clock.timer('ps2-keyboard-typematic', () => this.onRepeat());
  }

  /** Keys that are held stay held. */
  override reset(): void {
    const { down } = this.state;
    this.state = this.table.initial();
    this.state.down = down;
    this.settle();
  }

  get hasData(): boolean {
    return this.state.queue.length > 0;
  }

  read(): number {
    this.state.lastSent = this.state.queue.shift() ?? 0;
    return this.state.lastSent;
  }

  /** A key goes down or up. A second press of a key that is down repeats it. */
  key(name: KeyName, event: 'press' | 'release'): void {
    const s = this.state;
    const wasDown = s.down.includes(name);
    if (event === 'release' && !wasDown) return;
    if (!wasDown) s.down.push(name);
    this.send(this.codes(name, event));
    if (event === 'release') s.down = s.down.filter(other => other !== name);
    s.repeating = event === 'press' && name !== 'pause' ? name : '';
    const [delayNs] = this.typematicNs();
    s.repeatNs = this.clock.nowNs + delayNs;
    this.settle();
  }

  protected override settle(): void {
    if (this.state.repeating === '' || !this.state.scanning) this.repeat.disarm();
    else this.repeat.arm(this.state.repeatNs);
  }

  write(value: number): void {
    const { command } = this.state;
    this.state.command = 0;
    if (command === 0 || value >= SET_LEDS) this.onCommand(value);
    else this.onArgument(command, value);
    this.settle();
  }

  private onCommand(value: number): void {
    const s = this.state;
    switch (value) {
      case SET_LEDS:
      case SCAN_CODE_SET:
      case SET_TYPEMATIC:
        s.command = value;
        this.answer(ACK);
        break;
      case ECHO:
        this.answer(ECHO);
        break;
      case IDENTIFY:
        this.answer(ACK, 0xab, 0x83);
        break;
      case ENABLE:
        s.scanning = true;
        this.answer(ACK);
        break;
      case DEFAULTS_AND_DISABLE:
      case DEFAULTS:
        this.setDefaults();
        s.scanning = value === DEFAULTS;
        this.answer(ACK);
        break;
      case RESEND:
        this.answer(s.lastSent);
        break;
      case RESET:
        this.setDefaults();
        this.answer(ACK, SELF_TEST_PASSED);
        break;
      default:
        if (value >= SET_3_FIRST && value <= SET_3_LAST) {
          if (value >= SET_3_KEYED) s.command = value;
          this.answer(ACK);
        } else this.answer(RESEND);
    }
  }

  private onArgument(command: number, value: number): void {
    const s = this.state;
    switch (command) {
      case SET_LEDS:
        s.leds = value & 7;
        this.options.onLeds?.(s.leds);
        this.answer(ACK);
        break;
      case SET_TYPEMATIC:
        s.typematic = value & 0x7f;
        this.answer(ACK);
        break;
      case SCAN_CODE_SET:
        if (value === 0) this.answer(ACK, s.scanCodeSet);
        else if (value <= 3) {
          s.scanCodeSet = value;
          this.answer(ACK);
        } else this.answer(RESEND);
        break;
      default:
        this.answer(ACK);
    }
  }

  private setDefaults(): void {
    const s = this.state;
    s.queue = [];
    Object.assign(s, { scanning: true, scanCodeSet: 2, leds: 0, repeating: '' });
    s.typematic = DEFAULT_TYPEMATIC;
    this.options.onLeds?.(0);
  }

  private answer(...values: number[]): void {
    this.state.queue.push(...values);
    this.state.queue.splice(QUEUE_SIZE);
    this.onData();
  }

  private send(codes: readonly number[]): void {
    const s = this.state;
    if (!s.scanning || s.queue.length + codes.length > QUEUE_SIZE) return;
    s.queue.push(...codes);
    if (codes.length > 0) this.onData();
  }

  private codes(name: KeyName, event: 'press' | 'release'): readonly number[] {
    if (name === 'pause') return this.pauseCodes(event);
    const scan = scanOf(name);
    if (scan === undefined) return [];
    if (name !== 'print') return this.sequence(scan.code, scan.e0, event);
    // Print is SysRq with Alt; with Shift or Ctrl it goes without its false shift.
    if (this.isDown('alt', 'alt_r', 'altgr')) return this.sequence(0x84, false, event);
    const key = this.sequence(scan.code, true, event);
    if (this.isDown('shift', 'shift_r', 'ctrl', 'ctrl_r')) return key;
    const shift = this.sequence(0x12, true, event);
    return event === 'press' ? [...shift, ...key] : [...key, ...shift];
  }

  /** Pause sends make and break at once, and nothing when it is let go. */
  private pauseCodes(event: 'press' | 'release'): readonly number[] {
    if (event === 'release') return [];
    if (this.isDown('ctrl', 'ctrl_r')) {
      return [...this.sequence(0x7e, true, 'press'), ...this.sequence(0x7e, true, 'release')];
    }
    return this.state.scanCodeSet === 1 ? PAUSE_SET_1 : PAUSE_CODES;
  }

  private sequence(code: number, e0: boolean, event: 'press' | 'release'): readonly number[] {
    const prefix = e0 ? [EXTENDED] : [];
    if (this.state.scanCodeSet === 1) {
      return [...prefix, toSet1(code) | (event === 'press' ? 0 : 0x80)];
    }
    return event === 'press' ? [...prefix, code] : [...prefix, BREAK, code];
  }

  private isDown(...names: readonly KeyName[]): boolean {
    return names.some(name => this.state.down.includes(name));
  }

  private onRepeat(): void {
    const s = this.state;
    if (!isKeyName(s.repeating)) return;
    this.send(this.codes(s.repeating, 'press'));
    const [, periodNs] = this.typematicNs();
    s.repeatNs += periodNs;
    this.settle();
  }

  /** Delay before the first repetition, and period: (8 + A) * 2^B * 4.17 ms. */
  private typematicNs(): [delayNs: number, periodNs: number] {
    const { typematic } = this.state;
    const delayNs = (((typematic >> 5) & 3) + 1) * 250_000_000;
    const periodNs = (8 + (typematic & 7)) * (1 << ((typematic >> 3) & 3)) * 4_170_000;
    return [delayNs, periodNs];
  }
}
