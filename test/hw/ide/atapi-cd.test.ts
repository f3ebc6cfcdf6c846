import { expect, test } from 'vitest';
import type { DriveOptions } from '../../../src/hw/board/options.ts';
import { Bench, type RamDisk, ramDisk } from '../../support/board.ts';

const BASE = 0x170;
const CONTROL = 0x376;
const BLOCK = 2048;

interface Drawer extends RamDisk {
  inserted: boolean;
  change(): void;
}

function powerOn(blocks = 4608): { bench: Bench; cd: Drawer } {
  const listeners: (() => void)[] = [];
  const disk = ramDisk(blocks * BLOCK, 'ide1-cd0');
  for (let i = 0; i < blocks; i++) disk.bytes.set([i & 0xff, i >> 8], i * BLOCK);
  const cd: Drawer = Object.assign(disk, {
    inserted: blocks > 0,
    readOnly: true,
    connectTray: () => {},
    onMediaChange: (listener: () => void) => listeners.push(listener),
    change: () => {
      for (const listener of listeners) listener();
    },
  });
  const drive: DriveOptions = { bus: 1, unit: 0, media: 'cdrom', backend: cd };
  return { bench: new Bench({ drives: [drive] }), cd };
}

interface Answer {
  readonly status: number;
  readonly error: number;
  readonly data: number[];
  /** The length of each block. */
  readonly blocks: number[];
}

async function packet(bench: Bench, bytes: readonly number[], limit = 0xfffe): Promise<Answer> {
  const command = [...bytes, ...new Array<number>(12 - bytes.length).fill(0)];
  bench.outb(BASE + 6, 0xa0);
  bench.outb(BASE + 1, 0);
  bench.outb(BASE + 4, limit & 0xff);
  bench.outb(BASE + 5, limit >> 8);
  bench.outb(BASE + 7, 0xa0);
  for (let i = 0; i < 12; i += 2) bench.outw(BASE, command[i] | (command[i + 1] << 8));
  const data: number[] = [];
  const blocks: number[] = [];
  for (await bench.settle(); (bench.inb(CONTROL) & 8) !== 0; await bench.settle()) {
    const length = bench.inb(BASE + 4) | (bench.inb(BASE + 5) << 8);
    blocks.push(length);
    data.push(...bench.words(BASE, (length + 1) >> 1));
  }
  return { status: bench.inb(CONTROL), error: bench.inb(BASE + 1), data, blocks };
}

async function sense(bench: Bench): Promise<string> {
  const { data } = await packet(bench, [0x03, 0, 0, 0, 18]);
  return `${data[2]}/${data[12].toString(16)}`;
}

const testReady = [0x00];

test('the signature and IDENTIFY tell a packet device', () => {
  const { bench } = powerOn();
  const signature = [BASE + 4, BASE + 5].map(port => bench.inb(port));
  expect(signature).toEqual([0x14, 0xeb]);
  bench.outb(BASE + 7, 0xec);
  expect([bench.inb(BASE + 1), bench.inb(CONTROL)]).toEqual([0x04, 0x41]);
  bench.outb(BASE + 7, 0xa1);
  const words = new Uint16Array(bench.words(BASE, 256).buffer);
  expect(words[0]).toBe(0x85c0);
});

test('READ CAPACITY gives the last block and the block length', async () => {
  const { bench } = powerOn();
  const { data } = await packet(bench, [0x25]);
  expect(data).toEqual([0, 0, 0x11, 0xff, 0, 0, 8, 0]);
});

test('READ (10) gives blocks, cut as the host asked', async () => {
  const { bench } = powerOn();
  const whole = await packet(bench, [0x28, 0, 0, 0, 1, 2, 0, 0, 2]);
  expect(whole.blocks).toEqual([4096]);
  expect([whole.data[0], whole.data[1], whole.data[BLOCK]]).toEqual([2, 1, 3]);
  const cut = await packet(bench, [0x28, 0, 0, 0, 1, 2, 0, 0, 2], 1000);
  expect(cut.blocks).toEqual([1000, 1000, 1000, 1000, 96]);
  expect(cut.data).toEqual(whole.data);
});

test('a long read is fetched piece by piece', async () => {
  const { bench } = powerOn();
  const { data } = await packet(bench, [0xa8, 0, 0, 0, 0, 0, 0, 0, 0, 100], BLOCK);
  expect(data.length).toBe(100 * BLOCK);
  expect(data[99 * BLOCK]).toBe(99);
});

test('beyond the end: illegal request, block address out of range', async () => {
  const { bench } = powerOn();
  const { status, error } = await packet(bench, [0x28, 0, 0, 0, 0x12, 0, 0, 0, 1]);
  expect([status, error]).toEqual([0x41, 0x50]);
  expect(await sense(bench)).toBe('5/21');
});

test('READ CD adds header and sync bytes when asked for the whole sector', async () => {
  const { bench } = powerOn();
  const { data } = await packet(bench, [0xbe, 0, 0, 0, 0, 16, 0, 0, 1, 0xf8]);
  expect(data.length).toBe(2352);
  expect(data.slice(0, 18)).toEqual([
    ...[0, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 0],
    ...[0, 2, 16, 1, 16, 0],
  ]);
});

test('the table of contents has one track and the lead-out', async () => {
  const { bench } = powerOn();
  const { data } = await packet(bench, [0x43, 2, 0, 0, 0, 0, 0, 3, 0x24]);
  expect(data).toEqual([0, 18, 1, 1, 0, 20, 1, 0, 0, 0, 2, 0, 0, 22, 170, 0, 0, 1, 3, 33]);
});

test('an empty drive is not ready', async () => {
  const { bench } = powerOn(0);
  expect((await packet(bench, testReady)).error).toBe(0x20);
  expect(await sense(bench)).toBe('2/3a');
});

test('a new medium is first none, then a unit attention, then ready', async () => {
  const { bench, cd } = powerOn();
  cd.change();
  expect((await packet(bench, testReady)).error).toBe(0x20);
  expect(await sense(bench)).toBe('2/3a');
  expect((await packet(bench, testReady)).error).toBe(0x60);
  expect(await sense(bench)).toBe('6/28');
  expect((await packet(bench, testReady)).status).toBe(0x50);
});

test('a locked tray stays closed, an unlocked one opens and closes', async () => {
  const { bench } = powerOn();
  await packet(bench, [0x1e, 0, 0, 0, 1]);
  expect((await packet(bench, [0x1b, 0, 0, 0, 2])).error).toBe(0x20);
  expect(await sense(bench)).toBe('2/53');
  await packet(bench, [0x1e, 0, 0, 0, 0]);
  expect((await packet(bench, [0x1b, 0, 0, 0, 2])).status).toBe(0x50);
  expect((await packet(bench, testReady)).error).toBe(0x20);
  expect((await packet(bench, [0x4a, 1, 0, 0, 0x10, 0, 0, 0, 8])).data[5]).toBe(1);
  await packet(bench, [0x1b, 0, 0, 0, 3]);
  expect((await packet(bench, testReady)).status).toBe(0x50);
});

test('an unknown packet is an illegal request', async () => {
  const { bench } = powerOn();
  expect((await packet(bench, [0xff])).status).toBe(0x41);
  expect(await sense(bench)).toBe('5/20');
});

test('a read by DMA reaches memory, also when a snapshot came between', async () => {
  const { bench, cd } = powerOn();
  const arm = (b: Bench): void => {
    b.configWrite(1, 1, 0x20, 0xc001);
    b.configWrite(1, 1, 0x04, 5);
    b.memory.write(0x1000, 4, 0x4000);
    b.memory.write(0x1004, 4, (BLOCK | 0x80000000) >>> 0);
    b.outl(0xc00c, 0x1000);
  };
  arm(bench);
  bench.outb(BASE + 1, 1);
  bench.outb(BASE + 7, 0xa0);
  for (const word of [0x0028, 0, 0x0700, 0, 1, 0]) bench.outw(BASE, word);
  const drive: DriveOptions = { bus: 1, unit: 0, media: 'cdrom', backend: cd };
  const copy = new Bench({ drives: [drive] });
  copy.pc.load(bench.pc.save());
  arm(copy);
  copy.outb(0xc008, 9);
  await copy.settle();
  expect(copy.inb(CONTROL)).toBe(0x50);
  expect(copy.memory.read(0x4000, 2)).toBe(7);
  expect(copy.inb(0xc00a)).toBe(4);
});
