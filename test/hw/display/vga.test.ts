import { expect, test } from 'vitest';
import { powerOn } from './modes.ts';

test('registers keep the bits they have', () => {
  const { out, inb } = powerOn();
  const check = (port: number, index: number, value: number): number => {
    out(port, index);
    out(port + 1, value);
    return inb(port + 1);
  };
  expect(check(0x3c4, 2, 0xff)).toBe(0x0f);
  expect(check(0x3c4, 5, 0xff)).toBe(0x00);
  expect(check(0x3ce, 5, 0xff)).toBe(0x7b);
  expect(check(0x3ce, 8, 0xa5)).toBe(0xa5);
  out(0x3c2, 0xff);
  expect(inb(0x3cc)).toBe(0xef);
  expect(check(0x3d4, 0x0e, 0x12)).toBe(0x12);
});

test('the CRTC answers at 3D4h in colour, at 3B4h in monochrome', () => {
  const { vga, out, inb } = powerOn();
  const mono = vga.portsAt(0x3b4);
  out(0x3c2, 0x01);
  out(0x3d4, 0x0f);
  expect(inb(0x3d4)).toBe(0x0f);
  expect(mono.read(0, 1)).toBe(0xff);
  out(0x3c2, 0x00);
  expect(inb(0x3d4)).toBe(0xff);
  expect(mono.read(0, 1)).toBe(0x0f);
});

test('CR0 to CR7 are write-protected by CR11, but for the line compare bit', () => {
  const { crtc, inb, out, setMode } = powerOn();
  setMode('03h');
  crtc(0x00, 0x11);
  out(0x3d4, 0x00);
  expect(inb(0x3d5)).toBe(0x5f);
  crtc(0x07, 0x00);
  expect(inb(0x3d5)).toBe(0x0f);
});

test('the attribute controller takes index and data in turns; reading 3DAh starts over', () => {
  const { out, inb } = powerOn();
  out(0x3c2, 1);
  inb(0x3da);
  out(0x3c0, 0x05);
  out(0x3c0, 0x3a);
  out(0x3c0, 0x25);
  expect(inb(0x3c1)).toBe(0x3a);
  inb(0x3da);
  expect(inb(0x3c0)).toBe(0x25);
});

test('the DAC takes and gives three bytes an entry', () => {
  const { out, inb } = powerOn();
  out(0x3c8, 0x10);
  for (const v of [1, 2, 3, 4, 5, 6]) out(0x3c9, v);
  expect(inb(0x3c8)).toBe(0x12);
  expect(inb(0x3c7)).toBe(0);
  out(0x3c7, 0x10);
  expect([1, 2, 3, 4, 5, 6].map(() => inb(0x3c9))).toEqual([1, 2, 3, 4, 5, 6]);
  expect(inb(0x3c7)).toBe(3);
});

test('vertical retrace comes 70 times a second in text mode', () => {
  const { clock, inb, setMode } = powerOn();
  setMode('03h');
  let retraces = 0;
  let before = false;
  let retraceSamples = 0;
  for (let us = 0; us < 1_000_000; us += 20) {
    clock.advanceTo(us * 1000);
    const status = inb(0x3da);
    const now = (status & 0x08) !== 0;
    if (now) {
      retraceSamples++;
      expect(status & 0x01).toBe(1);
    }
    if (now && !before) retraces++;
    before = now;
  }
  expect(retraces).toBe(70);
  expect(retraceSamples).toBeGreaterThan(70);
});

test('in planar modes a write goes to the planes that are enabled', () => {
  const { setMode, poke, peek, out } = powerOn();
  setMode('12h');
  out(0x3c4, 2);
  out(0x3c5, 0x05);
  poke(0xa0010, 0xa5);
  out(0x3ce, 4);
  const planes = [0, 1, 2, 3].map(plane => {
    out(0x3cf, plane);
    return peek(0xa0010);
  });
  expect(planes).toEqual([0xa5, 0, 0xa5, 0]);
});

test('write mode 0 rotates, sets and resets, combines with latches, and masks bits', () => {
  const { setMode, poke, peek, indexed, out } = powerOn();
  setMode('12h');
  poke(0xa0000, 0xf0);
  // Set/reset 1010b enabled on planes 0 and 1; rotate by 4 and XOR; bit mask 3Ch.
  indexed(0x3ce, [0x02, 0x03, 0, 0x1c, 0, 0, 5, 0x0f, 0x3c]);
  expect(peek(0xa0000)).toBe(0xf0);
  poke(0xa0000, 0x12);
  out(0x3ce, 4);
  const planes = [0, 1, 2, 3].map(plane => {
    out(0x3cf, plane);
    return peek(0xa0000);
  });
  // XOR with 00, FF, and 21h in the middle bits.
  expect(planes).toEqual([0xf0, 0xcc, 0xd0, 0xd0]);
});

test('write mode 1 copies latches, mode 2 spreads a colour, mode 3 takes the data as mask', () => {
  const { setMode, poke, peek, out } = powerOn();
  setMode('12h');
  const mode = (value: number): void => {
    out(0x3ce, 5);
    out(0x3cf, value);
  };
  const planesAt = (address: number): number[] =>
    [0, 1, 2, 3].map(plane => {
      out(0x3ce, 4);
      out(0x3cf, plane);
      return peek(address);
    });
  mode(2);
  poke(0xa0000, 0x09);
  expect(planesAt(0xa0000)).toEqual([0xff, 0, 0, 0xff]);
  peek(0xa0000);
  mode(1);
  poke(0xa0001, 0x55);
  expect(planesAt(0xa0001)).toEqual([0xff, 0, 0, 0xff]);
  mode(3);
  out(0x3ce, 0);
  out(0x3cf, 0x06);
  peek(0xa0000);
  poke(0xa0000, 0x0f);
  expect(planesAt(0xa0000)).toEqual([0xf0, 0x0f, 0x0f, 0xf0]);
});

test('read mode 1 finds pixels of a colour', () => {
  const { setMode, poke, peek, indexed } = powerOn();
  setMode('12h');
  indexed(0x3ce, [0, 0, 0, 0, 0, 2]);
  poke(0xa0000, 0x0c);
  indexed(0x3ce, [0, 0, 0x0c, 0, 0, 0x08, 5, 0x0f]);
  expect(peek(0xa0000)).toBe(0xff);
  indexed(0x3ce, [0, 0, 0x0d]);
  expect(peek(0xa0000)).toBe(0x00);
  indexed(0x3ce, [0, 0, 0x0d, 0, 0, 0x08, 5, 0x0e]);
  expect(peek(0xa0000)).toBe(0xff);
});

test('the window opens where the graphics controller says', () => {
  const { setMode, peek, poke } = powerOn();
  setMode('03h');
  poke(0xb8000, 0x41);
  expect(peek(0xb8000)).toBe(0x41);
  expect(peek(0xa0000)).toBe(0xff);
  setMode('13h');
  poke(0xa1234, 0x77);
  expect(peek(0xa1234)).toBe(0x77);
  expect(peek(0xb8000)).toBe(0xff);
});

test('words and double words are bytes in order', () => {
  const { vga, setMode } = powerOn();
  setMode('03h');
  vga.window.write(0x18000, 4, 0x07420741);
  expect(vga.window.read(0x18000, 2)).toBe(0x0741);
  expect(vga.window.read(0x18002, 2)).toBe(0x0742);
});

test('VBE identifies itself, tells capabilities and memory', () => {
  const { vbe, readVbe } = powerOn();
  expect(readVbe(0)).toBe(0xb0c5);
  vbe(0, 0xb0c2);
  expect(readVbe(0)).toBe(0xb0c2);
  vbe(0, 0x1234);
  expect(readVbe(0)).toBe(0xb0c2);
  vbe(4, 0x02);
  expect([readVbe(1), readVbe(2), readVbe(3)]).toEqual([16000, 12000, 32]);
  vbe(4, 0x00);
  expect(readVbe(10)).toBe(256);
});

test('enabling VBE clears the screen and sets virtual size; virtual width can grow', () => {
  const { vga, vbe, readVbe } = powerOn();
  vga.vram.fill(0x55, 0, 0x1000);
  vbe(1, 1024);
  vbe(2, 768);
  vbe(3, 32);
  vbe(4, 0x41);
  expect(vga.vram[0]).toBe(0);
  expect([readVbe(6), readVbe(7)]).toEqual([1024, 4096]);
  vbe(6, 2048);
  expect([readVbe(6), readVbe(7)]).toEqual([2048, 2048]);
  vbe(9, 100);
  expect(vga.vbeGeometry).toEqual({ lineBytes: 8192, startByte: 819200 });
  vbe(9, 2000);
  expect(readVbe(9)).toBe(0);
  vga.vram.fill(0x55, 0, 0x1000);
  vbe(4, 0x00);
  vbe(4, 0xc1);
  expect(vga.vram[0]).toBe(0x55);
});

test('banks move the 64 KiB window through video memory', () => {
  const { vga, vbe, poke, peek } = powerOn();
  vbe(1, 640);
  vbe(2, 480);
  vbe(3, 8);
  vbe(4, 0x01);
  vbe(5, 3);
  poke(0xa0010, 0x99);
  expect(vga.vram[0x30010]).toBe(0x99);
  expect(peek(0xa0010)).toBe(0x99);
});

test('BAR 2 has the VGA’s ports at 400h and the VBE registers at 500h', () => {
  const { vga, inb, readVbe } = powerOn();
  vga.mmio.write(0x402, 1, 0x01);
  vga.mmio.write(0x404, 2, 0x0f02);
  expect([inb(0x3c4), inb(0x3c5)]).toEqual([0x02, 0x0f]);
  expect(vga.mmio.read(0x404, 2)).toBe(0x0f02);
  vga.mmio.write(0x502, 2, 800);
  expect(readVbe(1)).toBe(800);
  expect(vga.mmio.read(0x500, 2)).toBe(0xb0c5);
  expect(vga.mmio.read(0x604, 4)).toBe(0x1e1e1e1e);
});

test('a snapshot restores registers and the VBE geometry', () => {
  const before = powerOn();
  before.setMode('13h');
  before.vbe(1, 800);
  before.vbe(2, 600);
  before.vbe(3, 16);
  before.vbe(4, 0x41);
  const after = powerOn();
  after.vga.load(before.vga.save());
  expect(after.vga.vbeGeometry).toEqual({ lineBytes: 1600, startByte: 0 });
  expect(after.readVbe(1)).toBe(800);
});
