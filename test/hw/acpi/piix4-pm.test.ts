import { expect, test } from 'vitest';
import { Bench } from '../../support/board.ts';

const HALF_PERIOD_NS = Math.ceil((0x800000 * 1e9) / 3579545);

/** As SeaBIOS sets it up. */
function powerOn(): Bench {
  const bench = new Bench();
  bench.configWrite(1, 3, 0x40, 0x601);
  bench.configWriteByte(1, 3, 0x80, 1);
  return bench;
}

function sci(bench: Bench): boolean {
  // Slave 8259 unmasked, level: its request register shows the wire of IRQ9.
  bench.outb(0xa0, 0x0a);
  return (bench.inb(0xa0) & 2) !== 0;
}

test('the registers answer only where and when the firmware put them', () => {
  const bench = new Bench();
  expect(bench.inl(0x608)).toBe(0xffffffff);
  bench.configWrite(1, 3, 0x40, 0x601);
  expect(bench.inl(0x608)).toBe(0xffffffff);
  bench.configWriteByte(1, 3, 0x80, 1);
  expect(bench.inl(0x608)).toBe(0);
  bench.configWrite(1, 3, 0x40, 0xb001);
  expect(bench.inl(0x608)).toBe(0xffffffff);
  expect(bench.inl(0xb008)).toBe(0);
});

test('the timer counts 3579545 ticks a second and wraps at 24 bits', () => {
  const bench = powerOn();
  bench.clock.advanceTo(1e9);
  expect(bench.inl(0x608)).toBe(3579545);
  bench.clock.advanceTo(100e9);
  expect(bench.inl(0x608)).toBe(357954500 % 0x1000000);
});

test('raises SCI when bit 23 toggles, until the guest acknowledges', () => {
  const bench = powerOn();
  bench.outb(0x4d1, 0x02);
  bench.outw(0x602, 0x0001);
  bench.clock.advanceTo(HALF_PERIOD_NS - 1000);
  expect(sci(bench)).toBe(false);
  bench.clock.advanceTo(HALF_PERIOD_NS);
  expect(sci(bench)).toBe(true);
  expect(bench.inw(0x600) & 1).toBe(1);
  bench.outw(0x600, 0x0001);
  expect(sci(bench)).toBe(false);
  bench.clock.advanceTo(2 * HALF_PERIOD_NS);
  expect(sci(bench)).toBe(true);
});

test('the power button is an event for guests that enabled it, and nothing for others', () => {
  const bench = powerOn();
  bench.outb(0x4d1, 0x02);
  bench.pc.powerButton();
  expect(bench.inw(0x600) & 0x100).toBe(0);
  bench.outw(0x602, 0x0100);
  bench.pc.powerButton();
  expect(sci(bench)).toBe(true);
  expect(bench.inw(0x600) & 0x100).toBe(0x100);
  bench.outw(0x600, 0x0100);
  expect(sci(bench)).toBe(false);
});

test('sleep type 0 with SLP_EN switches off', () => {
  const bench = powerOn();
  bench.outw(0x604, 0x0001);
  expect(bench.events).toEqual([]);
  bench.outw(0x604, 0x2001);
  expect(bench.events).toEqual(['shutdown']);
  expect(bench.inw(0x604)).toBe(0x0001);
});

test('commands F1 and F0 at the APM port switch SCI_EN', () => {
  const bench = powerOn();
  bench.outb(0xb2, 0xf1);
  expect(bench.inw(0x604)).toBe(1);
  bench.outb(0xb2, 0xf0);
  expect(bench.inw(0x604)).toBe(0);
  expect(bench.inb(0xb2)).toBe(0xf0);
});

test('a write to the APM port is an SMI once the firmware enabled it', () => {
  const bench = new Bench({ hasSmm: true });
  let count = 0;
  bench.pc.smi.connect(level => {
    if (level) count++;
  });
  bench.outb(0xb2, 0x00);
  expect(count).toBe(0);
  bench.configWrite(1, 3, 0x58, 0x02000000);
  bench.outb(0xb2, 0x00);
  expect(count).toBe(1);
});

test('without system management mode the firmware finds it already set up', () => {
  expect(new Bench({ hasSmm: false }).configRead(1, 3, 0x58)).toBe(0x02000000);
  expect(new Bench({ hasSmm: true }).configRead(1, 3, 0x58)).toBe(0);
});

test('a byte written to an EEPROM on the SMBus is read back', () => {
  const bench = new Bench();
  const command = (address: number, index: number, data: number): number => {
    bench.outb(0xb100, 0xff);
    bench.outb(0xb104, address);
    bench.outb(0xb103, index);
    bench.outb(0xb105, data);
    bench.outb(0xb102, 0x48);
    return bench.inb(0xb100);
  };
  expect(command(0xa2, 7, 0x5a)).toBe(0x02);
  expect(command(0xa3, 7, 0)).toBe(0x02);
  expect(bench.inb(0xb105)).toBe(0x5a);
  expect(command(0x11, 0, 0)).toBe(0x04);
});
