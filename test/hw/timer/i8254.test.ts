import { expect, test } from 'vitest';
import { Clock } from '../../../src/clock.ts';
import { Port61 } from '../../../src/hw/misc/port61.ts';
import { I8254, pitTickNs, pitTicks } from '../../../src/hw/timer/i8254.ts';
import { Line } from '../../../src/line.ts';

function powerOn() {
  const clock = new Clock();
  const out0 = new Line('irq0');
  const gate2 = new Line('gate2');
  const pit = new I8254({ clock, out0, gate2 });
  const port61 = new Port61({ clock, gate2, out2: () => pit.output(2) });
  const edges: number[] = [];
  out0.connect(level => {
    if (level) edges.push(pitTicks(clock.nowNs));
  });
  const out = (port: number, value: number): void =>
    port === 0x61 ? port61.ports.write(0, 1, value) : pit.ports.write(port - 0x40, 1, value);
  const inb = (port: number): number =>
    port === 0x61 ? port61.ports.read(0, 1) : pit.ports.read(port - 0x40, 1);
  const program = (counter: number, control: number, count: number): void => {
    out(0x43, (counter << 6) | control);
    out(0x40 + counter, count & 0xff);
    out(0x40 + counter, count >> 8);
  };
  const latched = (counter: number): number => {
    out(0x43, counter << 6);
    const low = inb(0x40 + counter);
    return low | (inb(0x40 + counter) << 8);
  };
  const status = (counter: number): number => {
    out(0x43, 0xe0 | (2 << counter));
    return inb(0x40 + counter);
  };
  /** To the middle of the clock pulse, counted from now. */
  const pulses = (n: number): void =>
    clock.advanceTo(pitTickNs(pitTicks(clock.nowNs) + n) + (n > 0 ? 100 : 0));
  return { clock, out0, gate2, pit, port61, edges, out, inb, program, latched, status, pulses };
}

test('clock pulses and nanoseconds convert without loss over days', () => {
  for (const tick of [0, 1, 2, 1_193_181, 1_193_182, 1_193_183, 1e12 + 7]) {
    expect(pitTicks(pitTickNs(tick))).toBe(tick);
    if (tick > 0) expect(pitTicks(pitTickNs(tick) - 1)).toBe(tick - 1);
  }
});

test('powered on, IRQ0 comes every 65536 pulses', () => {
  const { clock, edges } = powerOn();
  clock.advanceTo(250_000_000);
  expect(edges).toEqual([65536, 131072, 196608, 262144]);
});

test('mode 2 gives an edge every period, and keeps them when time jumps', () => {
  const { clock, edges, program } = powerOn();
  program(0, 0x34, 1000);
  clock.advanceTo(pitTickNs(5500));
  expect(edges).toEqual([1001, 2001, 3001, 4001, 5001]);
});

test('edges that pass within one slice are not lost', () => {
  const { clock, edges, program, status } = powerOn();
  program(0, 0x34, 1000);
  let now = 0;
  clock.setSource(
    () => now,
    () => {},
  );
  now = pitTickNs(1500);
  clock.sync();
  status(0);
  program(2, 0xb4 & 0x3f, 7);
  clock.advanceTo(now);
  expect(edges.length).toBe(1);
});

test('mode 2 counts from the period down to one', () => {
  const { program, latched, pulses, status } = powerOn();
  program(1, 0x34, 5);
  const seen: number[] = [];
  for (let i = 0; i < 12; i++) {
    pulses(1);
    seen.push(latched(1));
  }
  expect(seen).toEqual([5, 4, 3, 2, 1, 5, 4, 3, 2, 1, 5, 4]);
  expect(status(1)).toBe(0xb4);
});

test('mode 3 counts by two, OUT high for the longer half of an odd period', () => {
  const { pit, program, latched, pulses } = powerOn();
  program(1, 0x36, 5);
  const seen: string[] = [];
  for (let i = 0; i < 10; i++) {
    pulses(1);
    seen.push(`${latched(1)}${pit.output(1) ? 'H' : 'L'}`);
  }
  expect(seen).toEqual(['4H', '2H', '0H', '4L', '2L', '4H', '2H', '0H', '4L', '2L']);
});

test('a count written while mode 2 runs waits for the end of the period', () => {
  const { edges, out, program, pulses, status } = powerOn();
  program(0, 0x34, 100);
  pulses(50);
  out(0x40, 200);
  out(0x40, 0);
  expect(status(0) & 0x40).toBe(0x40);
  pulses(600);
  expect(edges).toEqual([101, 301, 501]);
});

test('a count written while mode 3 runs waits for the end of the half period', () => {
  const { pit, out, program, pulses } = powerOn();
  program(1, 0x36, 100);
  pulses(11); // ten pulses into the high half
  out(0x41, 20);
  out(0x41, 0);
  pulses(39);
  expect(pit.output(1)).toBe(true);
  pulses(1);
  expect(pit.output(1)).toBe(false);
  pulses(10);
  expect(pit.output(1)).toBe(true);
  pulses(10);
  expect(pit.output(1)).toBe(false);
});

test('mode 0 raises OUT at terminal count and goes on counting from FFFF', () => {
  const { edges, program, latched, pulses, pit } = powerOn();
  program(0, 0x30, 10);
  expect(pit.output(0)).toBe(false);
  pulses(10);
  expect(pit.output(0)).toBe(false);
  expect(latched(0)).toBe(1);
  pulses(1);
  expect(edges).toEqual([11]);
  expect(latched(0)).toBe(0);
  pulses(1);
  expect(latched(0)).toBe(0xffff);
  pulses(70000);
  expect(edges).toEqual([11]);
});

test('in mode 0 the first byte of a count stops the counter', () => {
  const { pit, out, program, pulses } = powerOn();
  program(1, 0x30, 10);
  pulses(20);
  expect(pit.output(1)).toBe(true);
  out(0x41, 5);
  expect(pit.output(1)).toBe(false);
  pulses(100);
  expect(pit.output(1)).toBe(false);
  out(0x41, 0);
  pulses(6);
  expect(pit.output(1)).toBe(true);
});

test('mode 4 strobes once, low for one pulse', () => {
  const { pit, program, pulses } = powerOn();
  program(1, 0x38, 3);
  const seen: boolean[] = [];
  for (let i = 0; i < 7; i++) {
    pulses(1);
    seen.push(pit.output(1));
  }
  expect(seen).toEqual([true, true, true, false, true, true, true]);
});

test('GATE starts the one-shot of mode 1, again and again', () => {
  const { pit, gate2, program, pulses } = powerOn();
  program(2, 0x32, 4);
  pulses(10);
  expect(pit.output(2)).toBe(true);
  gate2.pulse();
  pulses(1);
  expect(pit.output(2)).toBe(false);
  pulses(3);
  expect(pit.output(2)).toBe(false);
  pulses(1);
  expect(pit.output(2)).toBe(true);
});

test('GATE holds the count of mode 0, and resumes it', () => {
  const { gate2, program, latched, pulses } = powerOn();
  gate2.set(true);
  program(2, 0x30, 100);
  pulses(11);
  expect(latched(2)).toBe(90);
  gate2.set(false);
  pulses(50);
  expect(latched(2)).toBe(90);
  gate2.set(true);
  pulses(5);
  expect(latched(2)).toBe(85);
});

test('a loop on port 61h bit 5 measures 50 ms, as boot-time calibrations do', () => {
  const { clock, out, inb, program } = powerOn();
  out(0x61, (inb(0x61) & ~0x02) | 0x01);
  program(2, 0x30, 59659);
  let start = clock.nowNs;
  while ((inb(0x61) & 0x20) === 0) clock.advanceTo(clock.nowNs + 1000);
  expect(Math.round((clock.nowNs - start) / 1000)).toBe(50_001);
  start = clock.nowNs;
  const before = inb(0x61) & 0x10;
  while ((inb(0x61) & 0x10) === before) clock.advanceTo(clock.nowNs + 100);
  expect(clock.nowNs - start).toBeLessThanOrEqual(15_200);
});

test('BCD counters count in decimal', () => {
  const { program, latched, pulses } = powerOn();
  program(1, 0x35, 0x1000);
  pulses(2);
  expect(latched(1)).toBe(0x0999);
});

test('a latched count stays until it is read; read-back gives status first', () => {
  const { out, inb, program, pulses } = powerOn();
  program(1, 0x34, 1000);
  pulses(101);
  out(0x43, 0xc4); // count and status of counter 1
  pulses(100);
  out(0x43, 0x40); // ignored: still latched
  expect(inb(0x41)).toBe(0xb4);
  expect(inb(0x41) | (inb(0x41) << 8)).toBe(900);
  expect(inb(0x41) | (inb(0x41) << 8)).toBe(800);
});

test('access to one byte only reads and writes that byte', () => {
  const { out, inb, pulses } = powerOn();
  out(0x43, 0x54); // counter 1, low byte, mode 2
  out(0x41, 18);
  pulses(4);
  expect([inb(0x41), inb(0x41)]).toEqual([15, 15]);
  out(0x43, 0x64); // high byte
  out(0x41, 2);
  pulses(2);
  expect(inb(0x41)).toBe(1);
});

test('a snapshot restores counts and the next edge', () => {
  const before = powerOn();
  before.program(0, 0x34, 1000);
  before.pulses(500);
  const after = powerOn();
  after.clock.restore(before.clock.nowNs);
  after.pit.load(before.pit.save());
  after.pulses(600);
  expect(after.edges).toEqual([1001]);
  expect(after.latched(0)).toBe(901);
});

test('reset starts all counters again', () => {
  const { pit, edges, program, pulses } = powerOn();
  program(0, 0x34, 100);
  pulses(50);
  pit.reset();
  pulses(65536);
  expect(edges).toEqual([50 + 65536]);
});
