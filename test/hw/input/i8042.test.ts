import { expect, test } from 'vitest';
import { Clock } from '../../../src/clock.ts';
import { I8042 } from '../../../src/hw/input/i8042.ts';
import { isKeyName, KEY_NAMES, type KeyName, keyOfNumber } from '../../../src/hw/input/keys.ts';
import { Ps2Keyboard } from '../../../src/hw/input/ps2-keyboard.ts';
import { Ps2Mouse } from '../../../src/hw/input/ps2-mouse.ts';
import { KeySender } from '../../../src/hw/input/send-keys.ts';
import { Line } from '../../../src/line.ts';
import { Log } from '../../../src/log.ts';
import { RECORDED_KEYS } from './recorded-keys.ts';

const MS = 1_000_000;

function powerOn() {
  const clock = new Clock();
  const leds: number[] = [];
  const keyboard = new Ps2Keyboard({ clock, onLeds: value => leds.push(value) });
  const mouse = new Ps2Mouse();
  const lines = {
    keyboardIrq: new Line('irq1'),
    mouseIrq: new Line('irq12'),
    a20: new Line('a20'),
    reset: new Line('reset'),
  };
  let resets = 0;
  lines.reset.connect(level => {
    if (level) resets++;
  });
  const i8042 = new I8042({ keyboard, mouse, ...lines, log: new Log() });
  const status = (): number => i8042.commandPort.read(0, 1);
  const command = (value: number): void => i8042.commandPort.write(0, 1, value);
  const data = (value: number): void => i8042.dataPort.write(0, 1, value);
  const read = (): number => i8042.dataPort.read(0, 1);
  /** Everything that waits, as hex; mouse bytes with an m. */
  const drain = (): string => {
    const seen: string[] = [];
    while ((status() & 1) !== 0) {
      const prefix = (status() & 0x20) !== 0 ? 'm' : '';
      seen.push(prefix + read().toString(16).padStart(2, '0'));
    }
    return seen.join(' ');
  };
  const toMouse = (...values: number[]): string => {
    for (const value of values) {
      command(0xd4);
      data(value);
    }
    return drain();
  };
  const toKeyboard = (...values: number[]): string => {
    for (const value of values) data(value);
    return drain();
  };
  const mode = (value: number): void => {
    command(0x60);
    data(value);
  };
  return {
    ...lines,
    ...{ clock, keyboard, mouse, i8042, leds, status, command, data, read, drain },
    ...{ toMouse, toKeyboard, mode, resets: () => resets },
  };
}

test('powered on, A20 is open, the status empty, both interrupts enabled', () => {
  const { a20, status, command, drain } = powerOn();
  expect(a20.level).toBe(true);
  expect(status()).toBe(0x18);
  command(0x20);
  expect(drain()).toBe('03');
});

test('self test, interface tests and ports answer as a PC expects', () => {
  const { command, drain, status } = powerOn();
  const answers = [0xaa, 0xab, 0xa9, 0xa4, 0xc0, 0xd0, 0xe0].map(c => {
    command(c);
    return drain();
  });
  expect(answers).toEqual(['55', '00', '00', 'f1', '80', 'cf', '00']);
  expect(status() & 0x04).toBe(0x04);
});

test('every key gives the codes QEMU gives, translated and untranslated', () => {
  for (const [name, set1, set2] of RECORDED_KEYS) {
    for (const [mode, expected] of [
      [0x45, set1],
      [0x05, set2],
    ] as const) {
      const pc = powerOn();
      pc.mode(mode);
      pc.keyboard.key(name as KeyName, 'press');
      const pressed = pc.drain();
      pc.keyboard.key(name as KeyName, 'release');
      const all = [pressed, pc.drain()].filter(part => part !== '').join(' ');
      expect(`${name} ${all}`).toBe(`${name} ${expected}`);
    }
  }
});

test('the data port holds one byte at a time, with an edge of IRQ1 for each', () => {
  const { keyboard, keyboardIrq, mode, read, status } = powerOn();
  mode(0x41);
  let edges = 0;
  keyboardIrq.connect(level => {
    if (level) edges++;
  });
  keyboard.key('up', 'press');
  expect(status() & 0x21).toBe(0x01);
  expect(read()).toBe(0xe0);
  expect(edges).toBe(2);
  expect(read()).toBe(0x48);
  expect(keyboardIrq.level).toBe(false);
  expect(status() & 1).toBe(0);
  expect(read()).toBe(0x48);
});

test('print is SysRq with Alt, pause is Break with Ctrl', () => {
  const { keyboard, mode, drain } = powerOn();
  mode(0x41);
  keyboard.key('alt', 'press');
  keyboard.key('print', 'press');
  keyboard.key('print', 'release');
  expect(drain()).toBe('38 54 d4');
  keyboard.key('alt', 'release');
  keyboard.key('ctrl', 'press');
  keyboard.key('pause', 'press');
  expect(drain()).toBe('b8 1d e0 46 e0 c6');
});

test('a full queue of sixteen bytes loses whole keys', () => {
  const { keyboard, mode, drain } = powerOn();
  mode(0x55); // keyboard interface off: everything stays in the keyboard
  for (const name of KEY_NAMES.slice(11, 31)) keyboard.key(name, 'press');
  mode(0x45);
  expect(drain().split(' ')).toHaveLength(16);
});

test('keyboard commands: identify, LEDs, typematic, echo, scan code set, resend, reset', () => {
  const { toKeyboard, leds } = powerOn();
  expect(toKeyboard(0xf2)).toBe('fa ab 83');
  expect(toKeyboard(0xed)).toBe('fa');
  expect(toKeyboard(0x02)).toBe('fa');
  expect(leds).toEqual([2]);
  expect(toKeyboard(0xf3, 0x00)).toBe('fa fa');
  expect(toKeyboard(0xee)).toBe('ee');
  expect(toKeyboard(0xf0, 0x00)).toBe('fa fa 02');
  expect(toKeyboard(0xf0, 0x01)).toBe('fa fa');
  expect(toKeyboard(0xf0, 0x00)).toBe('fa fa 01');
  expect(toKeyboard(0xfe)).toBe('01');
  expect(toKeyboard(0xff)).toBe('fa aa');
  expect(toKeyboard(0x00)).toBe('fe');
});

test('with scan code set 1 the keyboard sends set 1 itself', () => {
  const { toKeyboard, keyboard, drain } = powerOn();
  toKeyboard(0xf0, 0x01);
  keyboard.key('right', 'press');
  keyboard.key('right', 'release');
  expect(drain()).toBe('e0 4d e0 cd');
});

test('translation turns the ID into AB 41', () => {
  const { mode, toKeyboard } = powerOn();
  mode(0x41);
  expect(toKeyboard(0xf2)).toBe('fa ab 41');
});

test('a disabled keyboard keeps its keys to itself, a disabled interface keeps them back', () => {
  const { toKeyboard, keyboard, drain, command } = powerOn();
  toKeyboard(0xf5);
  keyboard.key('a', 'press');
  expect(drain()).toBe('');
  toKeyboard(0xf4);
  command(0xad);
  keyboard.key('b', 'press');
  expect(drain()).toBe('');
  command(0xae);
  expect(drain()).toBe('32');
});

test('a held key repeats after half a second, 10.9 times a second', () => {
  const { keyboard, drain, clock } = powerOn();
  keyboard.key('a', 'press');
  drain();
  clock.advanceTo(499 * MS);
  expect(drain()).toBe('');
  clock.advanceTo(500 * MS);
  expect(drain()).toBe('1c');
  clock.advanceTo(592 * MS);
  expect(drain()).toBe('1c');
  keyboard.key('a', 'release');
  expect(drain()).toBe('f0 1c');
  clock.advanceTo(2000 * MS);
  expect(drain()).toBe('');
});

test('A20 follows the output port and its two commands, and shows what port 92h did', () => {
  const { a20, command, data, drain } = powerOn();
  command(0xd1);
  data(0xdd);
  expect(a20.level).toBe(false);
  command(0xdf);
  expect(a20.level).toBe(true);
  command(0xdd);
  expect(a20.level).toBe(false);
  a20.set(true);
  command(0xd0);
  expect(drain()).toBe('cf');
});

test('FEh and a low bit 0 of the output port reset the machine', () => {
  const { command, data, resets } = powerOn();
  command(0xff);
  expect(resets()).toBe(0);
  command(0xfe);
  expect(resets()).toBe(1);
  command(0xd1);
  data(0x02);
  expect(resets()).toBe(2);
});

test('D2h and D3h put bytes into the output buffer', () => {
  const { command, data, drain, mouseIrq } = powerOn();
  command(0xd2);
  data(0x12);
  expect(drain()).toBe('12');
  command(0xd3);
  data(0x34);
  expect(mouseIrq.level).toBe(true);
  expect(drain()).toBe('m34');
  expect(mouseIrq.level).toBe(false);
});

test('the mouse resets, identifies itself and tells its status', () => {
  const { toMouse } = powerOn();
  expect(toMouse(0xff)).toBe('mfa maa m00');
  expect(toMouse(0xf2)).toBe('mfa m00');
  expect(toMouse(0xe9)).toBe('mfa m00 m02 m64');
  expect(toMouse(0xf4, 0xe7)).toBe('mfa mfa');
  expect(toMouse(0xe9)).toBe('mfa m30 m02 m64');
  expect(toMouse(0x77)).toBe('mfe');
});

test('the mouse reports movement in packets of three bytes, split when it is far', () => {
  const { toMouse, mouse, drain } = powerOn();
  mouse.move(5, 5);
  expect(drain()).toBe('');
  toMouse(0xf6, 0xf4);
  mouse.move(5, 3);
  expect(drain()).toBe('m28 m05 mfd');
  mouse.setButtons(1);
  mouse.move(-200, 0);
  expect(drain()).toBe('m09 m00 m00 m19 m81 m00 m19 mb7 m00');
});

test('movement beyond the queue follows as the guest reads, byte for byte', () => {
  const { toMouse, mouse, drain } = powerOn();
  toMouse(0xf4);
  mouse.move(127 * 8, 0);
  expect(drain()).toBe(Array(8).fill('m08 m7f m00').join(' '));
});

test('the IntelliMouse knock turns the wheel on', () => {
  const { toMouse, mouse, drain } = powerOn();
  toMouse(0xf3, 200, 0xf3, 100, 0xf3, 80);
  expect(toMouse(0xf2)).toBe('mfa m03');
  toMouse(0xf4);
  mouse.move(0, 0, -1);
  expect(drain()).toBe('m08 m00 m00 mff');
  toMouse(0xf3, 200, 0xf3, 200, 0xf3, 80);
  expect(toMouse(0xf2)).toBe('mfa m04');
  mouse.setButtons(0x10);
  expect(drain()).toBe('m08 m00 m00 m20');
});

test('remote mode reports when asked, wrap mode echoes', () => {
  const { toMouse, mouse } = powerOn();
  toMouse(0xf0, 0xf4);
  mouse.move(1, -1);
  expect(toMouse(0xeb)).toBe('mfa m08 m01 m01');
  expect(toMouse(0xee)).toBe('mfa');
  expect(toMouse(0x12)).toBe('m12');
  expect(toMouse(0xec)).toBe('mfa');
});

test('sendkey holds each key, then lets go in reverse order', () => {
  const { clock, keyboard, mode, drain } = powerOn();
  mode(0x45);
  const sender = new KeySender(clock, keyboard);
  sender.send(['ctrl', 'alt', 'delete']);
  sender.send(['a'], 20);
  const seen: string[] = [];
  for (let ms = 0; ms <= 700; ms += 50) {
    clock.advanceTo(ms * MS);
    const codes = drain();
    if (codes !== '') seen.push(`${ms}: ${codes}`);
  }
  expect(seen).toEqual([
    '0: 1d',
    '100: 38',
    '200: e0 53',
    '300: e0 d3',
    '400: b8',
    '500: 9d',
    '600: 1e',
    '650: 9e',
  ]);
});

test('key names and numbers are QEMU’s', () => {
  expect(isKeyName('kp_enter')).toBe(true);
  expect(isKeyName('enter')).toBe(false);
  expect(keyOfNumber(0x1e)).toBe('a');
  expect(keyOfNumber(0xd3)).toBe('delete');
  expect(keyOfNumber(0x1c)).toBe('ret');
});

test('a snapshot keeps bytes that wait', () => {
  const before = powerOn();
  before.mode(0x45);
  before.keyboard.key('f1', 'press');
  before.keyboard.key('f2', 'press');
  const after = powerOn();
  after.keyboard.load(before.keyboard.save());
  after.i8042.load(before.i8042.save());
  expect(after.keyboardIrq.level).toBe(true);
  expect(after.drain()).toBe('3b 3c');
});
