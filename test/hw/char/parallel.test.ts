import { expect, test } from 'vitest';
import { Char } from '../../../src/char.ts';
import { Bench } from '../../support/board.ts';

const DATA = 0x378;
const STATUS = 0x379;
const CONTROL = 0x37a;

function printer() {
  const printed: number[] = [];
  const parallels = ['parallel0', 'parallel1'].map(label => new Char(label, 'null'));
  parallels[0].attach({ write: bytes => printed.push(...bytes) });
  const bench = new Bench({ parallels });
  const interrupt = (): boolean => {
    bench.outb(0x20, 0x0a);
    return (bench.inb(0x20) & 0x80) !== 0;
  };
  return { bench, printed, interrupt };
}

test('registers at power-on, and the bits that can be written', () => {
  const { bench } = printer();
  expect([DATA, STATUS, CONTROL, 0x37b].map(at => bench.inb(at))).toEqual([0xff, 0xd9, 0xcc, 0xff]);
  bench.outb(CONTROL, 0);
  expect([bench.inb(CONTROL), bench.inb(STATUS)]).toEqual([0xc0, 0xd8]);
  bench.outb(DATA, 0x55);
  expect(bench.inb(DATA)).toBe(0x55);
  bench.outb(CONTROL, 0x20);
  expect([bench.inb(DATA), bench.inb(CONTROL)]).toEqual([0xff, 0xe0]);
});

test('a strobe prints one byte; reading leads through busy and acknowledge', () => {
  const { bench, printed, interrupt } = printer();
  bench.outb(DATA, 0x41);
  bench.outb(CONTROL, 0x04);
  bench.outb(STATUS, 0x12);
  bench.outb(CONTROL, 0x05);
  bench.outb(CONTROL, 0x05);
  expect([bench.inb(STATUS) & 0xfe, bench.inb(STATUS) & 0xfe]).toEqual([0x58, 0x58]);
  bench.outb(CONTROL, 0x04);
  const steps = [0, 1, 2, 3].map(() => bench.inb(STATUS) & 0xfe);
  expect(steps).toEqual([0x58, 0x18, 0xd8, 0xd8]);
  expect(printed).toEqual([0x41]);
  expect(interrupt()).toBe(false);
});

test('with interrupts enabled the end of the strobe is IRQ 7, until the status is read', () => {
  const { bench, interrupt } = printer();
  const master: [number, number][] = [
    [0x20, 0x11],
    [0x21, 8],
    [0x21, 4],
    [0x21, 1],
    [0x21, 0x7f],
    [0x4d0, 0x80],
  ];
  for (const [port, value] of master) bench.outb(port, value);
  bench.outb(CONTROL, 0x15);
  expect(interrupt()).toBe(false);
  bench.outb(CONTROL, 0x14);
  expect(interrupt()).toBe(true);
  const saved = bench.pc.save();
  bench.inb(STATUS);
  expect(interrupt()).toBe(false);
  bench.pc.load(saved);
  expect(interrupt()).toBe(true);
  bench.outb(CONTROL, 0x10);
  expect(interrupt()).toBe(false);
});

test('info qtree and mtree list them', () => {
  const { texts } = printer().bench.pc;
  const tree = texts.qtreeText().replace(/^ +/gm, '');
  for (const [i, base] of ['888 (0x378)', '632 (0x278)'].entries()) {
    expect(tree).toContain(
      `dev: isa-parallel, id ""\nindex = ${i} (0x${i})\niobase = ${base}\nirq = 7 (0x7)\n` +
        `chardev = "parallel${i}"\nisa irq 7\n`,
    );
  }
  expect(texts.mtreeText()).toContain('0000000000000378-000000000000037f (prio 0, RW): parallel\n');
});
