import { expect, test } from 'vitest';
import { Char } from '../../../src/char.ts';
import { Clock } from '../../../src/clock.ts';
import { I16550 } from '../../../src/hw/char/i16550.ts';
import { Line } from '../../../src/line.ts';

const [RBR, IER, IIR, LCR, MCR, LSR, MSR, SCR] = [0, 1, 2, 3, 4, 5, 6, 7];

function powerOn(paced = false) {
  const clock = new Clock();
  const irq = new Line('irq4');
  const char = new Char('serial0', 'test');
  let sent = '';
  char.attach({
    write: bytes => {
      sent += new TextDecoder('latin1').decode(bytes);
    },
  });
  const uart = new I16550({ clock, irq, char, paced });
  const read = (offset: number): number => uart.ports.read(offset, 1);
  const write = (offset: number, value: number): void => uart.ports.write(offset, 1, value);
  const type = (text: string): void => char.deliver(new TextEncoder().encode(text));
  const divisor = (value: number): void => {
    write(LCR, 0x83);
    write(0, value & 0xff);
    write(1, value >> 8);
    write(LCR, 0x03);
  };
  return { clock, irq, char, uart, read, write, type, divisor, sent: () => sent };
}

test('powered on, registers read as under QEMU', () => {
  const { read, irq } = powerOn();
  expect([0, 1, 2, 3, 4, 5, 6, 7].map(read)).toEqual([0, 0, 1, 0, 8, 0x60, 0xb0, 0]);
  expect(irq.level).toBe(false);
});

test('bytes go out at once, and the transmitter is ready again', () => {
  const { read, write, sent } = powerOn();
  for (const c of 'hello') {
    expect(read(LSR) & 0x20).toBe(0x20);
    write(0, c.charCodeAt(0));
  }
  expect(sent()).toBe('hello');
});

test('the divisor latch is behind DLAB, and only there', () => {
  const { read, write, divisor } = powerOn();
  divisor(0x1234);
  write(IER, 0x0f);
  expect(read(IER)).toBe(0x0f);
  write(LCR, 0x80);
  expect([read(0), read(1)]).toEqual([0x34, 0x12]);
});

test('scratch register and LCR keep what is written; IER and MCR their bits', () => {
  const { read, write } = powerOn();
  write(SCR, 0xa5);
  write(LCR, 0x1b);
  write(IER, 0xff);
  write(MCR, 0xff);
  expect([read(SCR), read(LCR), read(IER), read(MCR)]).toEqual([0xa5, 0x1b, 0x0f, 0x1f]);
});

test('the transmitter interrupt rises when it is enabled, and falls when IIR tells it', () => {
  const { irq, read, write } = powerOn();
  write(IER, 0x02);
  expect(irq.level).toBe(true);
  expect(read(IIR)).toBe(0x02);
  expect(irq.level).toBe(false);
  expect(read(IIR)).toBe(0x01);
  write(0, 0x41);
  expect(irq.level).toBe(true);
});

test('without FIFOs input waits in the pipe until the guest reads', () => {
  const { irq, read, write, type, char } = powerOn();
  write(IER, 0x01);
  type('abc');
  expect(char.waitingLength).toBe(2);
  expect(irq.level).toBe(true);
  expect(read(IIR)).toBe(0x04);
  let text = '';
  while ((read(LSR) & 1) !== 0) text += String.fromCharCode(read(RBR));
  expect(text).toBe('abc');
  expect(irq.level).toBe(false);
  expect(read(RBR)).toBe(0x63);
});

test('with FIFOs the trigger level decides, then the timeout of four characters', () => {
  const { clock, irq, read, write, type, divisor } = powerOn();
  divisor(1);
  write(IIR, 0x81); // trigger at 8
  write(IER, 0x01);
  expect(read(IIR)).toBe(0xc1);
  type('abc');
  expect(irq.level).toBe(false);
  clock.advanceTo(347_000);
  expect(irq.level).toBe(false);
  clock.advanceTo(347_300);
  expect(read(IIR)).toBe(0xcc);
  expect(read(RBR)).toBe(0x61);
  expect(irq.level).toBe(false);
  type('defghi');
  expect(read(IIR)).toBe(0xc4);
});

test('the FIFO is filled to sixteen and never overruns from a pipe', () => {
  const { read, write, type, char } = powerOn();
  write(IIR, 0x01);
  type('0123456789abcdefXYZ');
  expect(char.waitingLength).toBe(3);
  let text = '';
  while ((read(LSR) & 1) !== 0) text += String.fromCharCode(read(RBR));
  expect(text).toBe('0123456789abcdefXYZ');
});

test('switching FIFOs empties them; a flush does too', () => {
  const { read, write, type } = powerOn();
  write(IIR, 0x01);
  type('ab');
  write(IIR, 0x03);
  expect(read(LSR) & 1).toBe(0);
  type('c');
  write(IIR, 0x00);
  expect(read(LSR) & 1).toBe(0);
});

test('loopback returns what is sent, and shows MCR in MSR with deltas', () => {
  const { read, write, sent, irq } = powerOn();
  write(MCR, 0x1a);
  expect(read(MSR) & 0xf0).toBe(0x90);
  write(0, 0x5a);
  expect(read(RBR)).toBe(0x5a);
  expect(sent()).toBe('');
  write(IER, 0x08);
  write(MCR, 0x1b);
  expect(irq.level).toBe(true);
  expect(read(IIR)).toBe(0x00);
  expect(read(MSR)).toBe(0xb2);
  expect(irq.level).toBe(false);
  write(0, 1);
  write(0, 2);
  expect(read(LSR) & 0x03).toBe(0x03);
  expect(read(LSR) & 0x02).toBe(0);
});

test('a break raises the line status interrupt with a zero byte', () => {
  const { char, irq, read, write } = powerOn();
  write(IER, 0x04);
  char.announce('break');
  expect(irq.level).toBe(true);
  expect(read(IIR)).toBe(0x06);
  expect(read(LSR)).toBe(0x71);
  expect(irq.level).toBe(false);
  expect(read(RBR)).toBe(0);
});

test('paced, a character at 9600 8N1 takes 1.04 ms', () => {
  const { clock, read, write, divisor, sent } = powerOn(true);
  divisor(12);
  write(0, 0x41);
  expect(read(LSR) & 0x60).toBe(0x20);
  write(0, 0x42);
  expect(read(LSR) & 0x60).toBe(0);
  clock.advanceTo(1_041_667);
  expect(sent()).toBe('A');
  expect(read(LSR) & 0x60).toBe(0x20);
  clock.advanceTo(2_083_334);
  expect(sent()).toBe('AB');
  expect(read(LSR) & 0x60).toBe(0x60);
});

test('a snapshot keeps received bytes and the interrupt', () => {
  const before = powerOn();
  before.write(IIR, 0x01);
  before.write(IER, 0x01);
  before.type('xy');
  const after = powerOn();
  after.uart.load(before.uart.save());
  expect(after.irq.level).toBe(true);
  expect([after.read(RBR), after.read(RBR)]).toEqual([0x78, 0x79]);
});
