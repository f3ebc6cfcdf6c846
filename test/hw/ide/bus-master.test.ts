import { expect, test } from 'vitest';
import { Bench, disk, type RamDisk, ramDisk } from '../../support/board.ts';

const MEGABYTE = 1 << 20;
const SECTOR = 512;
const LAST = 0x80000000;
const TABLE = 0x1000;
const BASE = 0xc000;
const CONTROL = 0x3f6;

function powerOn(): { bench: Bench; backend: RamDisk } {
  const backend = ramDisk(10 * MEGABYTE);
  for (let i = 0; i < backend.length; i++) backend.bytes[i] = (i / SECTOR + i) & 0xff;
  const bench = new Bench({ drives: [disk(backend)] });
  bench.configWrite(1, 1, 0x20, BASE);
  bench.configWrite(1, 1, 0x04, 5);
  return { bench, backend };
}

interface Dma {
  readonly code: number;
  readonly lba: number;
  readonly count: number;
  readonly pieces: readonly (readonly [address: number, length: number])[];
  readonly toMemory: boolean;
}

async function run(bench: Bench, dma: Dma): Promise<void> {
  dma.pieces.forEach(([address, length], i) => {
    const last = i === dma.pieces.length - 1 ? LAST : 0;
    bench.memory.write(TABLE + 8 * i, 4, address);
    bench.memory.write(TABLE + 8 * i + 4, 4, (length & 0xffff) + last);
  });
  const direction = dma.toMemory ? 8 : 0;
  bench.outb(BASE, direction);
  bench.outb(BASE + 2, 6);
  bench.outl(BASE + 4, TABLE);
  bench.outb(0x1f6, 0xe0);
  bench.outb(0x1f2, dma.count);
  bench.outb(0x1f3, dma.lba & 0xff);
  bench.outb(0x1f4, (dma.lba >> 8) & 0xff);
  bench.outb(0x1f5, (dma.lba >> 16) & 0xff);
  bench.outb(0x1f7, dma.code);
  bench.outb(BASE, direction | 1);
  await bench.settle();
}

test('a read is scattered over the descriptors and ends with an interrupt', async () => {
  const { bench, backend } = powerOn();
  const pieces = [
    [0x4000, 256],
    [0x8002, 512],
    [0x5000, 256],
  ] as const;
  await run(bench, { code: 0xc8, lba: 5, count: 2, pieces, toMemory: true });
  const got = pieces.flatMap(([address, length]) => {
    const part = new Uint8Array(length);
    bench.memory.readBytes(address, part);
    return [...part];
  });
  expect(got).toEqual([...backend.bytes.subarray(5 * SECTOR, 7 * SECTOR)]);
  expect(bench.inb(BASE + 2)).toBe(4);
  expect(bench.inb(CONTROL)).toBe(0x50);
  bench.outb(BASE + 2, 4);
  expect(bench.inb(BASE + 2)).toBe(0);
});

test('a write is gathered', async () => {
  const { bench, backend } = powerOn();
  bench.memory.writeBytes(0x4000, new Uint8Array(256).fill(0x11));
  bench.memory.writeBytes(0x6000, new Uint8Array(256).fill(0x22));
  const pieces = [
    [0x4000, 256],
    [0x6000, 256],
  ] as const;
  await run(bench, { code: 0xca, lba: 9, count: 1, pieces, toMemory: false });
  expect(backend.bytes[9 * SECTOR + 255]).toBe(0x11);
  expect(backend.bytes[9 * SECTOR + 256]).toBe(0x22);
  expect(bench.inb(0x1f2)).toBe(0);
});

test('a length of zero is 64 KiB', async () => {
  const { bench, backend } = powerOn();
  const pieces = [[0x10000, 0]] as const;
  await run(bench, { code: 0xc8, lba: 0, count: 128, pieces, toMemory: true });
  expect(bench.inb(BASE + 2)).toBe(4);
  expect(bench.memory.read(0x1ffff, 1)).toBe(backend.bytes[0xffff]);
});

test('too few descriptors: no data, no interrupt, the engine stops', async () => {
  const { bench } = powerOn();
  const pieces = [[0x4000, 512]] as const;
  await run(bench, { code: 0xc8, lba: 5, count: 2, pieces, toMemory: true });
  expect(bench.inb(BASE + 2)).toBe(0);
  expect(bench.memory.read(0x4000, 4)).toBe(0);
  expect(bench.inb(CONTROL)).toBe(0x50);
});

test('descriptors left over: the engine stays active until it is stopped', async () => {
  const { bench } = powerOn();
  const pieces = [[0x4000, 2048]] as const;
  await run(bench, { code: 0xc8, lba: 5, count: 2, pieces, toMemory: true });
  expect(bench.inb(BASE + 2)).toBe(5);
  bench.outb(BASE, 8);
  expect(bench.inb(BASE + 2)).toBe(4);
});

test('beyond the end of the disk the command is aborted', async () => {
  const { bench } = powerOn();
  const pieces = [[0x4000, 512]] as const;
  await run(bench, { code: 0xc8, lba: 20480, count: 1, pieces, toMemory: true });
  expect([bench.inb(0x1f1), bench.inb(CONTROL), bench.inb(BASE + 2)]).toEqual([0x04, 0x41, 4]);
});

test('a DMA command waits for the bus master, also across a snapshot', async () => {
  const { bench, backend } = powerOn();
  bench.memory.write(TABLE, 4, 0x4000);
  bench.memory.write(TABLE + 4, 4, SECTOR + LAST);
  bench.outl(BASE + 4, TABLE);
  bench.outb(0x1f6, 0xe0);
  bench.outb(0x1f2, 1);
  bench.outb(0x1f3, 3);
  bench.outb(0x1f7, 0xc8);
  await bench.settle();
  const copy = new Bench({ drives: [disk(backend)] });
  copy.pc.load(bench.pc.save());
  copy.memory.write(TABLE, 4, 0x4000);
  copy.memory.write(TABLE + 4, 4, SECTOR + LAST);
  copy.outb(BASE, 9);
  await copy.settle();
  expect(copy.memory.read(0x4010, 1)).toBe(backend.bytes[3 * SECTOR + 0x10]);
});

test('TRIM discards the ranges of its list', async () => {
  const { bench, backend } = powerOn();
  const list = new DataView(new ArrayBuffer(SECTOR));
  list.setUint32(0, 8, true);
  list.setUint16(6, 16, true);
  bench.memory.writeBytes(0x4000, new Uint8Array(list.buffer));
  bench.outb(0x1f1, 1);
  const pieces = [[0x4000, 512]] as const;
  await run(bench, { code: 0x06, lba: 0, count: 1, pieces, toMemory: false });
  expect(backend.discarded).toEqual([[8 * SECTOR, 16 * SECTOR]]);
  expect(bench.inb(CONTROL)).toBe(0x50);
});

test('reset of the machine drops a transfer that is under way', async () => {
  const { bench } = powerOn();
  bench.memory.write(TABLE, 4, 0x4000);
  bench.memory.write(TABLE + 4, 4, SECTOR + LAST);
  bench.outl(BASE + 4, TABLE);
  bench.outb(0x1f6, 0xe0);
  bench.outb(0x1f2, 1);
  bench.outb(0x1f7, 0xc8);
  bench.outb(BASE, 9);
  bench.pc.reset();
  await bench.settle();
  expect(bench.memory.read(0x4010, 1)).toBe(0);
  expect(bench.inb(CONTROL)).toBe(0x50);
});
