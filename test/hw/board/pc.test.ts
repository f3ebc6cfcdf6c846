import { expect, test } from 'vitest';
import { Char } from '../../../src/char.ts';
import { Bench, disk, ramDisk } from '../../support/board.ts';

const MEGABYTE = 1 << 20;

/** As a BIOS initializes the two 8259s: vectors 08h and 70h, everything unmasked. */
function initialize(bench: Bench): void {
  for (const [base, vector, cascade] of [
    [0x20, 0x08, 0x04],
    [0xa0, 0x70, 0x02],
  ]) {
    bench.outb(base, 0x11);
    bench.outb(base + 1, vector);
    bench.outb(base + 1, cascade);
    bench.outb(base + 1, 0x01);
    bench.outb(base + 1, 0x00);
  }
}

test('a disk interrupt arrives as vector 76h and goes when the status is read', async () => {
  const bench = new Bench({ drives: [disk(ramDisk(MEGABYTE))] });
  initialize(bench);
  bench.outb(0x1f7, 0xe7);
  await bench.settle();
  expect(bench.pc.intr.level).toBe(true);
  expect(bench.pc.acknowledge()).toBe(0x76);
  expect(bench.pc.intr.level).toBe(false);
});

test.each([
  { name: 'the keyboard controller', port: 0x64, value: 0xfe },
  { name: 'port 92h', port: 0x92, value: 0x01 },
  { name: 'the reset control register', port: 0xcf9, value: 0x06 },
])('$name resets the machine', ({ port, value }) => {
  const bench = new Bench();
  bench.outb(port, value);
  expect(bench.events).toEqual(['reset guest-reset']);
});

test('A20 is open after reset, closed and opened by port 92h', () => {
  const bench = new Bench();
  expect(bench.pc.a20.level).toBe(true);
  bench.outb(0x92, 0x00);
  expect(bench.pc.a20.level).toBe(false);
  bench.pc.reset();
  expect(bench.pc.a20.level).toBe(true);
});

test('no interrupt is pending after reset', () => {
  const bench = new Bench();
  bench.pc.reset();
  initialize(bench);
  expect(bench.pc.intr.level).toBe(false);
});

test('serial ports, debug console and debug exit are where options put them', () => {
  const sent: number[] = [];
  const capture = (): Char => {
    const char = new Char('c', 'test');
    char.attach({ write: bytes => sent.push(...bytes) });
    return char;
  };
  const bench = new Bench({
    serials: [undefined, capture()],
    debugcons: [{ port: 0x402, char: capture() }],
    debugExits: [{ port: 0x501, size: 2 }],
  });
  expect(bench.inb(0x3fd)).toBe(0xff);
  expect(bench.inb(0x2fd)).toBe(0x60);
  bench.outb(0x402, 0x41);
  expect(sent).toEqual([0x41]);
  bench.outb(0x501, 0x10);
  expect(bench.events).toEqual(['exit 33']);
});

test('boot_set changes what the firmware reads from the CMOS', () => {
  const bench = new Bench();
  const cmos = (index: number): number => {
    bench.outb(0x70, index);
    return bench.inb(0x71);
  };
  expect([cmos(0x3d), cmos(0x38)]).toEqual([0x12, 0x30]);
  bench.pc.setBootOrder('dc');
  expect([cmos(0x3d), cmos(0x38) >> 4]).toEqual([0x23, 0]);
  expect(cmos(0x15)).toBe(0x80);
});

test('what one board saves another loads, and saves alike', async () => {
  const options = { drives: [disk(ramDisk(MEGABYTE))], vga: {} };
  const before = new Bench(options);
  initialize(before);
  before.configWrite(1, 1, 0x20, 0xc000);
  before.configWrite(1, 1, 0x04, 5);
  before.outb(0x1f7, 0xec);
  before.words(0x1f0, 100);
  const after = new Bench(options);
  after.pc.load(before.pc.save());
  expect(after.pc.save()).toEqual(before.pc.save());
  expect(after.pc.intr.level).toBe(before.pc.intr.level);
  expect([...after.words(0x1f0, 156)]).toEqual([...before.words(0x1f0, 156)]);
});

test('a board with 3.5 GiB or more leaves the hole below 4 GiB to PCI', async () => {
  const { ramBelow4g } = await import('../../../src/hw/board/ram.ts');
  expect(ramBelow4g(0xdff00000)).toBe(0xdff00000);
  expect(ramBelow4g(0xe0000000)).toBe(0xc0000000);
});
