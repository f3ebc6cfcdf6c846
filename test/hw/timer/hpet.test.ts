import { expect, test } from 'vitest';
import { Clock } from '../../../src/clock.ts';
import { Hpet } from '../../../src/hw/timer/hpet.ts';
import { Line } from '../../../src/line.ts';
import { Bench } from '../../support/board.ts';

const CONFIGURATION = 0x10;
const STATUS = 0x20;
const COUNTER = 0xf0;
const ON = 1;
const LEGACY = 2;
const LEVEL = 0x02;
const INTERRUPT = 0x04;
const PERIODIC = 0x08;
const SET_VALUE = 0x40;
const BITS_32 = 0x100;
const route = (gsi: number): number => gsi << 9;

function powerOn() {
  const clock = new Clock();
  const gsis = Array.from({ length: 24 }, (_, i) => new Line(`gsi${i}`));
  const wire = (name: string) => ({ from: new Line(name), to: new Line(`${name}-out`) });
  const pit = wire('pit');
  const rtc = wire('rtc');
  const hpet = new Hpet({ clock, gsis, replaced: [pit, rtc] });
  const rises: string[] = [];
  for (const line of gsis) {
    line.connect(level => {
      if (level) rises.push(`${line.name}@${clock.nowNs}`);
    });
  }
  const read = (offset: number): number => hpet.mmio.read(offset, 4);
  const write = (offset: number, value: number): void => hpet.mmio.write(offset, 4, value);
  const configure = (timer: number, value: number): void => write(0x100 + 0x20 * timer, value);
  const compare = (timer: number, low: number, high = 0): void => {
    write(0x108 + 0x20 * timer, low);
    write(0x10c + 0x20 * timer, high);
  };
  const comparator = (timer: number): number => read(0x108 + 0x20 * timer);
  const count = (): number => read(COUNTER) + read(COUNTER + 4) * 2 ** 32;
  const wait = (ns: number): void => clock.advanceTo(clock.nowNs + ns);
  return {
    ...{ clock, gsis, pit, rtc, hpet, rises, read, write, configure, compare, comparator },
    ...{ count, wait },
  };
}

test('says what it is', () => {
  const { read, comparator } = powerOn();
  expect([read(0), read(4)]).toEqual([0x8086a201, 10_000_000]);
  for (const timer of [0, 1, 2]) {
    expect([read(0x100 + 0x20 * timer), read(0x104 + 0x20 * timer)]).toEqual([0x30, 4]);
    expect(comparator(timer)).toBe(0xffffffff);
  }
  expect([read(0x160), read(0x110), read(8)]).toEqual([0, 0, 0]);
});

test('answers accesses of 32 bits only', () => {
  const { hpet, read } = powerOn();
  expect([hpet.mmio.read(0, 1), hpet.mmio.read(0, 2)]).toEqual([0, 0]);
  hpet.mmio.write(CONFIGURATION, 1, ON);
  expect(read(CONFIGURATION)).toBe(0);
});

test('keeps the bits that software may write', () => {
  const { read, write, configure } = powerOn();
  configure(0, 0xffffffff);
  expect(read(0x100)).toBe(0x3f7e);
  write(CONFIGURATION, 0xffffffff);
  expect(read(CONFIGURATION)).toBe(3);
});

test('the counter runs at 100 MHz while enabled, and is written while it stands', () => {
  const { write, count, wait } = powerOn();
  wait(500);
  expect(count()).toBe(0);
  write(COUNTER, 0xfffffff0);
  write(COUNTER + 4, 1);
  write(CONFIGURATION, ON);
  wait(1000);
  expect(count()).toBe(0x1_ffff_fff0 + 100);
  write(COUNTER, 0);
  expect(count()).toBe(0x1_ffff_fff0 + 100);
  write(CONFIGURATION, 0);
  wait(1000);
  expect(count()).toBe(0x1_ffff_fff0 + 100);
});

test('one-shot, edge: one pulse when the counter gets there', () => {
  const { configure, compare, write, read, rises, wait, gsis } = powerOn();
  configure(2, INTERRUPT | route(2));
  compare(2, 1000);
  write(CONFIGURATION, ON);
  wait(1_000_000);
  expect(rises).toEqual(['gsi2@10000']);
  expect([gsis[2].level, read(STATUS)]).toEqual([false, 0]);
});

test('level: high until software clears the status', () => {
  const { configure, compare, write, read, wait, gsis } = powerOn();
  configure(1, INTERRUPT | LEVEL | route(2));
  compare(1, 100);
  write(CONFIGURATION, ON);
  wait(999);
  expect([gsis[2].level, read(STATUS)]).toEqual([false, 0]);
  wait(1);
  expect([gsis[2].level, read(STATUS)]).toEqual([true, 2]);
  write(STATUS, 1);
  expect(gsis[2].level).toBe(true);
  write(STATUS, 2);
  expect([gsis[2].level, read(STATUS)]).toEqual([false, 0]);
});

test('two timers share an interrupt: it is high while either asks', () => {
  const { configure, compare, write, wait, gsis } = powerOn();
  for (const timer of [0, 1]) {
    configure(timer, INTERRUPT | LEVEL | route(2));
    compare(timer, 100);
  }
  write(CONFIGURATION, ON);
  wait(1000);
  write(STATUS, 1);
  expect(gsis[2].level).toBe(true);
  write(STATUS, 2);
  expect(gsis[2].level).toBe(false);
});

test('periodic: from the first value on, every period; the comparator shows what is next', () => {
  const { configure, compare, comparator, write, rises, wait, read } = powerOn();
  configure(0, INTERRUPT | PERIODIC | SET_VALUE | BITS_32 | route(2));
  write(0x108, 5000);
  expect(read(0x100) & SET_VALUE).toBe(0);
  compare(0, 2000);
  write(CONFIGURATION, ON);
  wait(100_000);
  expect(rises).toEqual([50, 70, 90].map(us => `gsi2@${us}000`));
  expect(comparator(0)).toBe(11_000);
});

test('periods that would hold the machine up lose some of their interrupts', () => {
  const { configure, write, rises, wait } = powerOn();
  configure(0, INTERRUPT | PERIODIC | SET_VALUE | BITS_32 | route(2));
  write(0x108, 1);
  write(CONFIGURATION, ON);
  wait(1_000_000);
  expect(rises.length).toBeGreaterThan(90);
  expect(rises.length).toBeLessThan(102);
});

test('64 bits, periodic: each half of the first value needs its permission', () => {
  const { configure, write, rises, wait } = powerOn();
  for (const [register, value] of [
    [0x108, 5000],
    [0x10c, 0],
  ]) {
    configure(0, PERIODIC | SET_VALUE | route(2));
    write(register, value);
  }
  write(0x108, 2000);
  configure(0, INTERRUPT | PERIODIC | route(2));
  write(CONFIGURATION, ON);
  wait(100_000);
  expect(rises).toEqual([50, 70, 90].map(us => `gsi2@${us}000`));
});

test.each([0, 1, 0x7fffffff, 0x80000000, 0xffffffff])('period %i ends nobody', period => {
  const { configure, write, rises, wait } = powerOn();
  configure(0, INTERRUPT | PERIODIC | SET_VALUE | BITS_32 | route(2));
  write(0x108, 100);
  write(0x108, period);
  write(CONFIGURATION, ON);
  wait(100_000);
  expect(rises[0]).toBe('gsi2@1000');
  expect(rises.length).toBeLessThan(12);
});

test('a comparator that the counter has passed matches at once', () => {
  const { configure, compare, write, rises, wait } = powerOn();
  write(CONFIGURATION, ON);
  wait(10_000);
  compare(0, 500);
  configure(0, INTERRUPT | route(2));
  wait(0);
  expect(rises).toEqual(['gsi2@10000']);
});

test('32 bits, one-shot: the wrap of the counter interrupts too, and then the comparator', () => {
  const { configure, write, rises, wait } = powerOn();
  write(COUNTER, 0xfffffff0);
  configure(0, INTERRUPT | BITS_32 | route(2));
  write(0x108, 0x10);
  write(CONFIGURATION, ON);
  wait(60e9);
  expect(rises).toEqual(['gsi2@160', 'gsi2@320']);
});

test('whoever disables takes the interrupt back', () => {
  const { configure, compare, write, read, wait, gsis } = powerOn();
  configure(0, INTERRUPT | LEVEL | route(2));
  compare(0, 100);
  write(CONFIGURATION, ON);
  wait(1000);
  configure(0, LEVEL | route(2));
  expect([gsis[2].level, read(STATUS)]).toEqual([false, 0]);
  configure(0, INTERRUPT | LEVEL | route(2));
  wait(0);
  expect(gsis[2].level).toBe(true);
  write(CONFIGURATION, 0);
  expect([gsis[2].level, read(STATUS)]).toEqual([false, 0]);
});

test('legacy replacement: timers 0 and 1 are IRQ 0 and 8, those who had them are cut off', () => {
  const { configure, compare, write, rises, wait, pit, rtc } = powerOn();
  pit.from.set(true);
  rtc.from.set(true);
  expect([pit.to.level, rtc.to.level]).toEqual([true, true]);
  for (const timer of [0, 1, 2]) {
    configure(timer, INTERRUPT | route(5));
    compare(timer, 100 * (timer + 1));
  }
  write(CONFIGURATION, ON | LEGACY);
  expect([pit.to.level, rtc.to.level]).toEqual([false, false]);
  pit.from.set(false);
  pit.from.set(true);
  expect(pit.to.level).toBe(false);
  wait(10_000);
  expect(rises).toEqual(['gsi0@1000', 'gsi8@2000', 'gsi5@3000']);
  write(CONFIGURATION, ON);
  expect([pit.to.level, rtc.to.level]).toEqual([true, true]);
});

test('one that was saved goes on in another', () => {
  const before = powerOn();
  before.configure(0, INTERRUPT | PERIODIC | SET_VALUE | LEVEL | BITS_32 | route(2));
  before.write(0x108, 5000);
  before.write(0x108, 2000);
  before.write(CONFIGURATION, ON);
  before.wait(60_000);
  const after = powerOn();
  after.clock.restore(before.clock.nowNs);
  after.hpet.load(before.hpet.save());
  expect([after.gsis[2].level, after.read(STATUS)]).toEqual([true, 1]);
  for (const { write, wait } of [before, after]) {
    write(STATUS, 1);
    wait(15_000);
  }
  expect(after.hpet.save()).toEqual(before.hpet.save());
  expect(after.rises.at(-1)).toBe('gsi2@70000');
  expect(after.count()).toBe(7500);
});

test('reset stops it', () => {
  const { hpet, configure, compare, write, count, wait, gsis, pit } = powerOn();
  pit.from.set(true);
  configure(0, INTERRUPT | LEVEL | route(2));
  compare(0, 100);
  write(CONFIGURATION, ON | LEGACY);
  wait(1000);
  expect(gsis[0].level).toBe(true);
  hpet.reset();
  wait(1000);
  expect([gsis[0].level, pit.to.level, count()]).toEqual([false, true, 0]);
});

test('on the board: at FED00000h, 1 KiB, on input 2 of the IOAPIC', () => {
  const bench = new Bench();
  const { memory, clock } = bench;
  const base = 0xfed00000;
  expect(memory.read(base, 4)).toBe(0x8086a201);
  expect(memory.read(base + 0x400, 4)).toBe(0xffffffff);
  memory.write(0xfee000f0, 4, 0x1ff);
  for (const [register, value] of [
    [0x14, 0x41],
    [0x15, 0],
  ]) {
    memory.write(0xfec00000, 4, register);
    memory.write(0xfec00010, 4, value);
  }
  bench.outb(0x43, 0x30); // the 8254, which shares the input, is quiet
  memory.write(base + 0x140, 4, INTERRUPT | route(2));
  memory.write(base + 0x148, 4, 100);
  memory.write(base + 0x14c, 4, 0);
  memory.write(base + CONFIGURATION, 4, ON);
  expect(memory.read(0xfee00220, 4)).toBe(0);
  clock.advanceTo(1000);
  expect(memory.read(0xfee00220, 4)).toBe(2);
});
