import { expect, test } from 'vitest';
import { Bench, type RamDisk, ramDisk } from '../../support/board.ts';

const SIZE = 0x40000;
const BASE = 0x100000000 - SIZE;

function chip(change: Partial<RamDisk> = {}) {
  const drive = Object.assign(ramDisk(SIZE, 'pflash0'), change);
  drive.bytes.forEach((_, i) => {
    drive.bytes[i] = (i >> 8) ^ i;
  });
  const second = ramDisk(0x1000, 'pflash1');
  second.bytes.fill(0x33);
  const flashes = [drive, second].map(backend => ({ backend, bytes: backend.bytes.slice() }));
  const bench = new Bench({ flashes });
  const { memory } = bench;
  return {
    drive,
    second,
    bench,
    read: (at: number, size: 1 | 2 | 4 = 1) => memory.read(BASE + at, size),
    write: (at: number, ...values: number[]) => {
      for (const value of values) memory.write(BASE + at, 1, value);
    },
    /** What is on the drive once all is written. */
    written: async (from: number, length: number) => {
      await bench.pc.finish();
      return [...drive.bytes.subarray(from, from + length)];
    },
  };
}

test('reads as memory, below 1 MiB too, and the second chip lies below', () => {
  const { bench, drive, read } = chip();
  const { memory } = bench;
  expect(read(0x12345, 4)).toBe(new DataView(drive.bytes.buffer).getUint32(0x12345, true));
  expect(memory.read(0xfffff, 1)).toBe(drive.bytes[SIZE - 1]);
  expect(memory.read(0xe0000, 1)).toBe(drive.bytes[SIZE - 0x20000]);
  expect(memory.read(BASE - 1, 1)).toBe(0x33);
  expect(memory.read(BASE - 0x1000, 1)).toBe(0x33);
  expect(memory.readPages[BASE / 4096]).not.toBe(0);
});

test('status, identifiers and the query table', () => {
  const { read, write } = chip();
  write(0, 0x70);
  expect([read(0), read(0x5000), read(0, 2), read(0, 4)]).toEqual([0x80, 0x80, 0x80, 0x800080]);
  write(0, 0x98);
  const text = (at: number, length: number): string =>
    String.fromCharCode(...Array.from({ length }, (_, i) => read(at + i)));
  expect(text(0x10, 3)).toBe('QRY');
  expect(text(read(0x15), 5)).toBe('PRI10');
  expect([read(0x13), read(0x14)]).toEqual([1, 0]);
  expect(2 ** read(0x27)).toBe(SIZE);
  expect(2 ** read(0x2a)).toBe(256);
  const blocks = read(0x2d) + read(0x2e) * 256 + 1;
  expect(blocks * (read(0x2f) + read(0x30) * 256) * 256).toBe(SIZE);
  write(0, 0x90);
  expect([read(0), read(1), read(2)]).toEqual([0, 0, 0]);
  write(0, 0xff);
  expect(read(0x101)).toBe(0);
});

test('programs bytes and words, and the drive gets them', async () => {
  const { bench, read, write, written } = chip();
  write(0x1000, 0x40, 0x5a);
  expect(read(0x1000)).toBe(0x80);
  write(0x1001, 0x10);
  bench.memory.write(BASE + 0x1004, 4, 0x11223344);
  write(0, 0xff);
  expect([read(0x1000), read(0x1004, 4)]).toEqual([0x5a, 0x11223344]);
  expect(await written(0x1000, 8)).toEqual([0x5a, 0x11, 0x12, 0x13, 0x44, 0x33, 0x22, 0x11]);
});

test('erases the block of the first cycle, if confirmed', async () => {
  const { drive, read, write, written } = chip();
  const before = drive.bytes.slice();
  write(0x2345, 0x20, 0x55);
  expect(read(0x2345)).toBe(before[0x2345]);
  write(0x2345, 0x20, 0xd0);
  expect(read(0)).toBe(0x80);
  write(0, 0xff);
  expect([read(0x1fff), read(0x2000), read(0x2fff), read(0x3000)]).toEqual([
    before[0x1fff],
    0xff,
    0xff,
    before[0x3000],
  ]);
  expect(new Set(await written(0x2000, 0x1000))).toEqual(new Set([0xff]));
  expect(drive.bytes[0x3000]).toBe(before[0x3000]);
});

test('a buffer is programmed when confirmed, inside of its window only', () => {
  const { drive, read, write } = chip();
  write(0x1100, 0xe8);
  expect(read(0x1100)).toBe(0x80);
  write(0x1100, 3);
  for (let i = 0; i < 4; i++) write(0x1110 + i, i + 1);
  write(0x1100, 0xd0);
  expect(read(0x1100)).toBe(0x80);
  write(0, 0xff);
  expect([read(0x110f), read(0x1110, 4)]).toEqual([drive.bytes[0x110f], 0x04030201]);
  write(0x1200, 0xe8, 0, 7, 0x99);
  expect(read(0x1200)).toBe(drive.bytes[0x1200]);
  write(0x12ff, 0xe8, 1, 7);
  write(0x1300, 8);
  expect(read(0)).toBe(0xb0);
  write(0, 0x50, 0x70);
  expect(read(0)).toBe(0x80);
});

test('a drive that is read-only stays as it is, and the status says so', async () => {
  const { drive, read, write, written } = chip({ readOnly: true });
  const before = [...drive.bytes];
  write(0, 0x40, 0x77);
  expect(read(0)).toBe(0x90);
  write(0, 0x20, 0xd0);
  expect(read(0)).toBe(0xb0);
  write(0, 0xff);
  expect(read(0)).toBe(before[0]);
  expect(await written(0, SIZE)).toEqual(before);
});

test('tells whoever runs code out of it; page by page', () => {
  const { bench, write } = chip();
  const { memory } = bench;
  const told: [number, number][] = [];
  memory.onCodeWrite = (at, length) => told.push([at, length]);
  const page = memory.readPages[(BASE + 0x1000) / 4096] & ~0xfff;
  memory.codePages[page >>> 12] = 1;
  write(0x1fff, 0x40, 1);
  write(0x2000, 0x40, 1);
  write(0x1000, 0x20, 0xd0);
  expect(told).toEqual([
    [page + 0xfff, 1],
    [page, 0x1000],
  ]);
});

test('a write that fails does not hold up the next ones', async () => {
  const { bench, drive, write, written } = chip();
  drive.broken = true;
  write(0x1000, 0x40, 1);
  await bench.inbox.drain();
  drive.broken = false;
  write(0x3000, 0x40, 2);
  expect(await written(0x3000, 1)).toEqual([2]);
});

test('its state survives in the middle of a sequence; a reset ends it', () => {
  const { bench, read, write } = chip();
  write(0x1100, 0xe8, 1, 0xaa);
  const saved = bench.pc.save();
  write(0x1100, 0x55, 0xd0, 0xff);
  bench.pc.load(saved);
  expect(read(0)).toBe(0x80);
  write(0x1101, 0xbb);
  write(0x1100, 0xd0, 0xff);
  expect(read(0x1100, 2)).toBe(0xbbaa);
  write(0, 0x98);
  bench.pc.reset();
  expect(read(0x1100, 2)).toBe(0xbbaa);
});

test('info qtree, mtree and roms show the chips in place of the ROM', () => {
  const { bench, write } = chip();
  const { texts } = bench.pc;
  expect(texts.qtreeText()).toContain(
    '  dev: cfi.pflash01, id ""\n    drive = "pflash0"\n    num-blocks = 64 (0x40)\n' +
      '    sector-length = 4096 (0x1000)\n    width = 1 (0x1)\n',
  );
  expect(texts.qtreeText()).toContain('    mmio 00000000fffc0000/0000000000040000\n');
  const line = '  00000000fffc0000-00000000ffffffff (prio 0, R-): system.flash0\n';
  expect(texts.mtreeText()).toContain(`\n${line}`);
  expect(texts.mtreeText()).toContain('(prio 1, R-): isa-bios\n');
  expect(texts.mtreeText()).not.toContain('pc.bios');
  expect(texts.romsText()).not.toContain('mem=rom');
  write(0, 0x70);
  expect(texts.mtreeText()).toContain(line.replace('R-', 'RW'));
});
