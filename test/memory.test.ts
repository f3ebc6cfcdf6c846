import { expect, test } from 'vitest';
import { Memory } from '../src/memory.ts';

const MIB = 1 << 20;

function withRam() {
  const memory = new Memory(4 * MIB);
  const ram = memory.allocate(MIB);
  memory.map({ name: 'ram', base: 0, length: MIB, backing: { arenaOffset: ram } });
  return { memory, ram };
}

test('nobody answers: reads are all ones, writes vanish', () => {
  const { memory } = withRam();
  memory.write(0x80000000, 4, 1);
  expect(memory.read(0x80000000, 4)).toBe(0xffffffff);
});

test('RAM keeps what is written, at any alignment and across pages', () => {
  const { memory } = withRam();
  memory.write(0xffe, 4, 0x12345678);
  expect(memory.read(0xffe, 4)).toBe(0x12345678);
  expect(memory.read(0x1000, 2)).toBe(0x1234);
  const block = new Uint8Array(10_000).map((_, i) => i * 7);
  memory.writeBytes(0x2345, block);
  const back = new Uint8Array(10_000);
  memory.readBytes(0x2345, back);
  expect(back).toEqual(block);
});

test('ROM over RAM: reads see ROM, writes are lost; write-only shadow RAM catches them', () => {
  const { memory, ram } = withRam();
  const rom = memory.allocate(0x10000);
  memory.u8.fill(0xaa, rom, rom + 0x10000);
  const region = memory.map({
    name: 'rom',
    base: 0xf0000,
    length: 0x10000,
    priority: 1,
    access: 'both',
    backing: { arenaOffset: rom },
  });
  memory.place(region, { access: 'read' });
  memory.write(0xf0000, 1, 0x55);
  expect(memory.read(0xf0000, 1)).toBe(0xaa);
  expect(memory.u8[ram + 0xf0000]).toBe(0x55);
  memory.place(region, { enabled: false });
  expect(memory.read(0xf0000, 1)).toBe(0x55);
});

test('a handler sees offsets in its region and hears of remapping', () => {
  const { memory } = withRam();
  const seen: string[] = [];
  let remaps = 0;
  memory.onRemap = () => remaps++;
  const region = memory.map({
    name: 'dev',
    base: 0xfebf0000,
    length: 0x400,
    backing: {
      read: (offset, size) => offset * 16 + size,
      write: (offset, size, value) => seen.push(`${offset}:${size}:${value}`),
    },
  });
  expect(memory.read(0xfebf0004, 2)).toBe(0x42);
  expect(memory.read(0xfebf0400, 2)).toBe(0xffff);
  memory.write(0xfebf0008, 4, 0xffffffff);
  memory.place(region, { base: 0xe0000000 });
  expect(memory.read(0xe0000001, 1)).toBe(0x11);
  expect([seen, remaps]).toEqual([['8:4:4294967295'], 1]);
});

test('whoever caches code hears of writes to its pages, before they happen', () => {
  const { memory, ram } = withRam();
  const heard: string[] = [];
  memory.codePages[(ram + 0x3000) >>> 12] = 1;
  memory.onCodeWrite = (offset, length) =>
    heard.push(`${(offset - ram).toString(16)}+${length}=${memory.u8[offset]}`);
  memory.write(0x3010, 4, 0xffffffff);
  memory.writeBytes(0x2ff0, new Uint8Array(0x20).fill(1));
  memory.write(0x4000, 1, 1);
  expect(heard).toEqual(['3010+4=0', '3000+16=0']);
});

test('handlers that share a page answer each for their part, and moves are noticed', () => {
  const memory = new Memory(1 << 20);
  const answering = (value: number) => ({ read: () => value, write: () => {} });
  memory.map({ name: 'low', base: 0x5000, length: 0x800, backing: answering(1) });
  const high = memory.map({ name: 'high', base: 0x5800, length: 0x800, backing: answering(2) });
  const whole = memory.map({ name: 'whole', base: 0x6000, length: 0x1000, backing: answering(3) });
  expect([0x5000, 0x5800, 0x5000].map(at => memory.read(at, 1))).toEqual([1, 2, 1]);
  expect(memory.read(0x6000, 1)).toBe(3);
  memory.place(whole, { base: 0x7000 });
  expect(memory.read(0x6000, 1)).toBe(0xff);
  expect(memory.read(0x7abc, 1)).toBe(3);
  memory.place(high, { enabled: false });
  expect([0x5000, 0x5800].map(at => memory.read(at, 1))).toEqual([1, 0xff]);
});
