import { expect, test } from 'vitest';
import { epochOf } from '../../../src/calendar.ts';
import { Clock } from '../../../src/clock.ts';
import { Mc146818 } from '../../../src/hw/timer/mc146818.ts';
import { Line } from '../../../src/line.ts';

const SECOND = 1_000_000_000;
/** Friday. */
const BASE = epochOf({ year: 2015, month: 1, day: 2, hours: 23, minutes: 59, seconds: 58 });

function powerOn() {
  const clock = new Clock();
  const irq = new Line('irq8');
  const nmiMask = new Line('nmi-mask');
  const offsets: number[] = [];
  const rtc = new Mc146818({
    clock,
    irq,
    nmiMask,
    baseSeconds: BASE,
    onTimeSet: offset => offsets.push(offset),
  });
  const read = (index: number): number => {
    rtc.ports.write(0, 1, index);
    return rtc.ports.read(1, 1);
  };
  const write = (index: number, value: number): void => {
    rtc.ports.write(0, 1, index);
    rtc.ports.write(1, 1, value);
  };
  const shown = (): string =>
    [0x32, 9, 8, 7, 6, 4, 2, 0].map(i => read(i).toString(16).padStart(2, '0')).join(' ');
  const advance = (ns: number): void => clock.advanceTo(clock.nowNs + ns);
  return { clock, irq, nmiMask, rtc, offsets, read, write, shown, advance };
}

test('powered on it shows the base time and registers as QEMU has them', () => {
  const { shown, read } = powerOn();
  expect(shown()).toBe('20 15 01 02 06 23 59 58');
  expect([read(0x0a), read(0x0b), read(0x0c), read(0x0d)]).toEqual([0x26, 0x02, 0, 0x80]);
  expect(read(0x37)).toBe(0x20);
});

test('midnight carries into day and weekday', () => {
  const { shown, advance } = powerOn();
  advance(2 * SECOND - 1);
  expect(shown()).toBe('20 15 01 02 06 23 59 59');
  advance(1);
  expect(shown()).toBe('20 15 01 03 07 00 00 00');
});

test('binary mode and 12 hours show the same time otherwise', () => {
  const { shown, write, read } = powerOn();
  write(0x0b, 0x04);
  expect(shown()).toBe('14 0f 01 02 06 8b 3b 3a');
  write(0x0b, 0x00);
  expect(read(4)).toBe(0x91);
});

test('UIP rises 244 us before each update', () => {
  const { advance, read } = powerOn();
  advance(SECOND - 245_000);
  expect(read(0x0a)).toBe(0x26);
  advance(1_000);
  expect(read(0x0a)).toBe(0xa6);
  advance(244_000);
  expect(read(0x0a)).toBe(0x26);
});

test('SET freezes the registers, and the time goes on from what was written', () => {
  const { write, shown, advance, offsets, read } = powerOn();
  write(0x0b, 0x82);
  write(0, 0x30);
  write(2, 0x15);
  write(4, 0x08);
  write(6, 0x02);
  write(7, 0x29);
  write(8, 0x02);
  write(9, 0x16);
  advance(5 * SECOND);
  expect(shown()).toBe('20 16 02 29 02 08 15 30');
  write(0x0b, 0x02);
  advance(SECOND);
  expect(shown()).toBe('20 16 02 29 02 08 15 31');
  expect(offsets).toEqual([
    epochOf({ year: 2016, month: 2, day: 29, hours: 8, minutes: 15, seconds: 30 }) - BASE - 5,
  ]);
  write(0x32, 0x19);
  expect(read(0x32)).toBe(0x19);
});

test('the divider in reset stops the clock; the first update comes after half a second', () => {
  const { write, read, advance } = powerOn();
  write(0x0a, 0x76);
  advance(10 * SECOND);
  expect(read(0)).toBe(0x58);
  write(0x0a, 0x26);
  advance(SECOND / 2 - 1);
  expect(read(0)).toBe(0x58);
  advance(1);
  expect(read(0)).toBe(0x59);
});

test('the periodic interrupt comes at its rate, once for each read of register C', () => {
  const { clock, irq, read, write } = powerOn();
  const times: number[] = [];
  irq.connect(level => {
    if (!level) return;
    times.push(clock.nowNs);
  });
  write(0x0b, 0x42);
  clock.advanceTo(3_000_000);
  expect(irq.level).toBe(true);
  expect(times).toEqual([976_563]);
  expect(read(0x0c)).toBe(0xc0);
  expect(irq.level).toBe(false);
  clock.advanceTo(3_906_250);
  expect(times).toEqual([976_563, 3_906_250]);
});

test('1024 periodic interrupts make a second', () => {
  const { clock, irq, read, write } = powerOn();
  let ticks = 0;
  write(0x0b, 0x42);
  for (let i = 1; i <= 4096; i++) {
    clock.advanceTo(Math.ceil((i * SECOND) / 4096));
    if (!irq.level) continue;
    ticks++;
    read(0x0c);
  }
  expect(ticks).toBe(1024);
});

test('the update interrupt comes each second', () => {
  const { irq, read, write, advance } = powerOn();
  write(0x0b, 0x12);
  read(0x0c);
  advance(SECOND - 1);
  expect(irq.level).toBe(false);
  advance(1);
  expect(irq.level).toBe(true);
  expect(read(0x0c) & 0x90).toBe(0x90);
  expect(irq.level).toBe(false);
});

test('flags rise without interrupts enabled, and do not drive the line', () => {
  const { irq, read, advance } = powerOn();
  advance(SECOND);
  expect(irq.level).toBe(false);
  expect(read(0x0c)).toBe(0x70 & ~0x20);
  expect(read(0x0c)).toBe(0);
});

test('the alarm comes when hours, minutes and seconds match', () => {
  const { clock, irq, read, write } = powerOn();
  write(1, 0x05);
  write(3, 0x10);
  write(5, 0x06);
  write(0x0b, 0x22);
  const expected = (6 * 3600 + 10 * 60 + 5 + 2) * SECOND;
  expect(clock.nextDeadlineNs()).toBe(expected);
  clock.advanceTo(expected);
  expect(irq.level).toBe(true);
  expect(read(0x0c) & 0xa0).toBe(0xa0);
});

test('an alarm of C0h and above does not care', () => {
  const { clock, write } = powerOn();
  write(1, 0x00);
  write(3, 0xc0);
  write(5, 0xff);
  write(0x0b, 0x22);
  expect(clock.nextDeadlineNs()).toBe(2 * SECOND);
  write(1, 0xff);
  expect(clock.nextDeadlineNs()).toBe(SECOND);
  write(1, 0x99);
  expect(clock.nextDeadlineNs()).toBe(Number.POSITIVE_INFINITY);
});

test('bit 7 of the index port masks NMI', () => {
  const { nmiMask, rtc, read } = powerOn();
  rtc.ports.write(0, 1, 0x8f);
  expect(nmiMask.level).toBe(true);
  rtc.setCmos([[0x0f, 5]]);
  expect(read(0x0f)).toBe(5);
  expect(nmiMask.level).toBe(false);
});

test('reset keeps RAM and time, and stops interrupts', () => {
  const { rtc, irq, read, write, advance, shown } = powerOn();
  write(0x40, 0x99);
  write(0x0b, 0x42);
  advance(SECOND);
  expect(irq.level).toBe(true);
  rtc.reset();
  expect(irq.level).toBe(false);
  expect(read(0x40)).toBe(0x99);
  expect(read(0x0b)).toBe(0x02);
  expect(shown()).toBe('20 15 01 02 06 23 59 59');
});

test('a snapshot goes on where it was, interrupts included', () => {
  const before = powerOn();
  before.write(0x0b, 0x12);
  before.advance(SECOND / 2);
  const after = powerOn();
  after.clock.restore(before.clock.nowNs);
  after.rtc.load(before.rtc.save());
  after.advance(SECOND / 2);
  expect(after.irq.level).toBe(true);
  expect(after.shown()).toBe('20 15 01 02 06 23 59 59');
});
