import { expect, test } from 'vitest';
import { Bench } from '../../support/board.ts';

const hex = (value: number): string => value.toString(16);

test('a guest that scans bus 0 finds the functions of a pc-i440fx', () => {
  const bench = new Bench({ vga: {} });
  const found: string[] = [];
  for (let slot = 0; slot < 32; slot++) {
    for (let func = 0; func < 8; func++) {
      const id = bench.configRead(slot, func, 0);
      if (id !== 0xffffffff) found.push(`${slot}.${func} ${hex(id)}`);
    }
  }
  expect(found).toEqual([
    '0.0 12378086',
    '1.0 70008086',
    '1.1 70108086',
    '1.3 71138086',
    '2.0 11111234',
  ]);
});

test('reads are all ones while the address port is not enabled, and on other buses', () => {
  const bench = new Bench();
  bench.outl(0xcf8, 0x00000000);
  expect(bench.inl(0xcfc)).toBe(0xffffffff);
  bench.outl(0xcf8, 0x80010000);
  expect(bench.inl(0xcfc)).toBe(0xffffffff);
});

test('narrow writes to the address port do not reach it', () => {
  const bench = new Bench();
  bench.outl(0xcf8, 0x80000800);
  bench.outb(0xcf8, 0x00);
  bench.outw(0xcf8, 0x0000);
  expect(bench.inl(0xcf8)).toBe(0x80000800);
});

test('the data window gives single bytes and words of a register', () => {
  const bench = new Bench();
  bench.outl(0xcf8, 0x80000800);
  expect(hex(bench.inw(0xcfe))).toBe('7000');
  expect(hex(bench.inb(0xcfd))).toBe('80');
});

test('a base address register tells its size to a guest that writes all ones', () => {
  const bench = new Bench({ vga: { rom: { name: 'v', bytes: new Uint8Array(0x8000) } } });
  for (const offset of [0x10, 0x18, 0x30]) bench.configWrite(2, 0, offset, 0xffffffff);
  const sizes = [0x10, 0x18, 0x30].map(offset => hex(bench.configRead(2, 0, offset)));
  expect(sizes).toEqual(['ff000008', 'fffff000', 'ffff8001']);
  bench.configWrite(1, 1, 0x20, 0xffffffff);
  expect(hex(bench.configRead(1, 1, 0x20))).toBe('fffffff1');
});

test('memory appears where a base address register puts it, while memory decoding is on', () => {
  const bench = new Bench({ vga: {} });
  bench.configWrite(2, 0, 0x10, 0xfd000000);
  bench.memory.write(0xfd000000, 4, 0x11223344);
  expect(bench.memory.read(0xfd000000, 4)).toBe(0xffffffff);
  bench.configWrite(2, 0, 0x04, 2);
  bench.memory.write(0xfd000000, 4, 0x11223344);
  expect(bench.memory.read(0xfd000000, 4)).toBe(0x11223344);
  bench.configWrite(2, 0, 0x10, 0xe0000000);
  expect(bench.memory.read(0xfd000000, 4)).toBe(0xffffffff);
  expect(bench.memory.read(0xe0000000, 4)).toBe(0x11223344);
});

test('a snapshot brings the mapping back with the registers', () => {
  const before = new Bench({ vga: {} });
  before.configWrite(2, 0, 0x10, 0xe0000000);
  before.configWrite(2, 0, 0x04, 2);
  const after = new Bench({ vga: {} });
  after.pc.load(before.pc.save());
  expect(after.memory.regionAt(0xe0000000, 'read')?.name).toBe('vga.vram');
  expect(after.inl(0xcf8)).toBe(before.inl(0xcf8));
});
