import { describe, expect, test } from 'vitest';
import { Bench, type RamDisk, ramDisk } from '../../support/board.ts';

const DOR = 0x3f2;
const MSR = 0x3f4;
const DATA = 0x3f5;
const DIR = 0x3f7;
const BUFFER = 0x20000;
const DISK = 1440 * 1024;
const READ = 0xe6;
const WRITE = 0xc5;

/** A driver as small as it gets. */
class Driver {
  readonly bench: Bench;
  readonly disk: RamDisk;

  constructor(length = DISK, change: Partial<RamDisk> = {}) {
    this.disk = Object.assign(ramDisk(length, 'floppy0'), change);
    for (let i = 0; i < length; i++) this.disk.bytes[i] = (i >> 9) ^ (i * 3);
    this.bench = new Bench({ floppies: [this.disk] });
    this.interruptsOn();
    this.restart();
  }

  /** Unmasks IRQ 6 of the first 8259, as a level. */
  interruptsOn(): void {
    const { bench } = this;
    for (const [port, value] of [
      [0x20, 0x11],
      [0x21, 0x08],
      [0x21, 0x04],
      [0x21, 0x01],
      [0x21, 0xbf],
      [0x4d0, 0x40],
    ]) {
      bench.outb(port, value);
    }
  }

  get interrupt(): boolean {
    this.bench.outb(0x20, 0x0a);
    return (this.bench.inb(0x20) & 0x40) !== 0;
  }

  restart(): void {
    this.bench.outb(DOR, 0);
    this.bench.outb(DOR, 0x1c);
    for (let i = 0; i < 4; i++) this.command(8);
    this.command(3, 0xdf, 0x02);
  }

  /** Sends a command and takes its result. */
  command(...bytes: readonly number[]): number[] {
    for (const byte of bytes) {
      expect(this.bench.inb(MSR) & 0xc0).toBe(0x80);
      this.bench.outb(DATA, byte);
    }
    return this.result();
  }

  result(): number[] {
    const result: number[] = [];
    while ((this.bench.inb(MSR) & 0xc0) === 0xc0) result.push(this.bench.inb(DATA));
    return result;
  }

  /** Channel 2: 1 is into memory, 2 out of it. */
  dma(direction: number, length: number): void {
    const { bench } = this;
    bench.outb(0x0a, 6);
    bench.outb(0x0c, 0);
    bench.outb(0x0b, 0x42 | (direction << 2));
    bench.outb(0x04, 0);
    bench.outb(0x04, 0);
    bench.outb(0x81, BUFFER >> 16);
    bench.outb(0x05, (length - 1) & 255);
    bench.outb(0x05, (length - 1) >> 8);
    bench.outb(0x0a, 2);
  }

  /** READ or WRITE from a place on. */
  async move(code: number, [c, h, r]: readonly number[], last = 18): Promise<number[]> {
    for (const byte of [code, h << 2, c, h, r, 2, last, 0x1b, 0xff]) this.bench.outb(DATA, byte);
    await this.bench.settle();
    return this.result();
  }

  memory(length: number): Uint8Array {
    const bytes = new Uint8Array(length);
    this.bench.memory.readBytes(BUFFER, bytes);
    return bytes;
  }
}

describe('without data', () => {
  test('after a reset each of four drives reports, and there is an interrupt', () => {
    const driver = new Driver();
    driver.bench.outb(DOR, 0);
    expect(driver.bench.inb(MSR)).toBe(0);
    driver.bench.outb(DOR, 0x0c);
    expect(driver.interrupt).toBe(true);
    expect([0, 1, 2, 3].map(() => driver.command(8))).toEqual([
      [0xc0, 0],
      [0xc1, 0],
      [0xc2, 0],
      [0xc3, 0],
    ]);
    expect(driver.command(8)).toEqual([0x80]);
    expect(driver.interrupt).toBe(false);
  });

  test('it says what it is, and what it does not know', () => {
    const driver = new Driver();
    expect(driver.command(0x10)).toEqual([0x90]);
    expect(driver.command(0x18)).toEqual([0x41]);
    expect(driver.command(0x1f)).toEqual([0x80]);
    expect(driver.command(0x94)).toEqual([0x10]);
    expect(driver.command(0x14)).toEqual([0]);
  });

  test('registers that were set are in the dump', () => {
    const driver = new Driver();
    driver.command(0x13, 0, 0x57, 3);
    expect(driver.command(0x0f, 0, 7)).toEqual([]);
    expect(driver.command(8)).toEqual([0x20, 7]);
    expect(driver.command(0x0e)).toEqual([7, 0, 0, 0, 0xdf, 2, 0, 0, 0x57, 3]);
  });

  test('a seek ends with an interrupt; recalibrating a drive that is not there fails', () => {
    const driver = new Driver();
    driver.command(0x0f, 4, 12);
    expect(driver.interrupt).toBe(true);
    expect(driver.command(8)).toEqual([0x24, 12]);
    expect(driver.command(4, 0)).toEqual([0x28]);
    driver.command(7, 0);
    expect(driver.command(8)).toEqual([0x20, 0]);
    expect(driver.command(4, 0)).toEqual([0x38]);
    driver.command(7, 1);
    expect(driver.command(8)).toEqual([0x71, 0]);
  });

  test('the disk change line is up until the heads step', () => {
    const driver = new Driver();
    expect(driver.bench.inb(DIR) & 0x80).toBe(0x80);
    driver.command(0x0f, 0, 1);
    expect(driver.bench.inb(DIR) & 0x80).toBe(0);
    driver.bench.outb(DOR, 0x0c);
    expect(driver.bench.inb(DIR) & 0x80).toBe(0);
  });
});

describe('data', () => {
  test('a read goes over both sides and ends where the DMA controller says', async () => {
    const driver = new Driver();
    driver.dma(1, 20 * 512);
    expect(await driver.move(READ, [3, 0, 1])).toEqual([4, 0, 0, 3, 1, 3, 2]);
    expect(driver.memory(20 * 512)).toEqual(
      driver.disk.bytes.subarray(3 * 36 * 512, (3 * 36 + 20) * 512),
    );
  });

  test('the interrupt stands until the result is read', async () => {
    const driver = new Driver();
    driver.dma(1, 512);
    for (const byte of [READ, 0, 0, 0, 18, 2, 18, 0x1b, 0xff]) driver.bench.outb(DATA, byte);
    expect(driver.bench.inb(MSR)).toBe(0x10);
    await driver.bench.settle();
    expect(driver.interrupt).toBe(true);
    expect(driver.result()).toEqual([4, 0, 0, 0, 1, 1, 2]);
    expect(driver.interrupt).toBe(false);
  });

  test('the end of the track before the end of the DMA is an error', async () => {
    const driver = new Driver();
    driver.dma(1, 4 * 512);
    expect(await driver.move(READ & 0x7f, [0, 0, 17])).toEqual([0x40, 0x80, 0, 1, 0, 1, 2]);
  });

  test('a write changes the disk, unless it is protected', async () => {
    const driver = new Driver();
    driver.bench.memory.writeBytes(BUFFER, new Uint8Array(512).fill(0x77));
    driver.dma(2, 512);
    expect(await driver.move(WRITE, [1, 1, 2])).toEqual([4, 0, 0, 1, 1, 3, 2]);
    expect(driver.disk.bytes[(36 + 18 + 1) * 512]).toBe(0x77);
    const locked = new Driver(DISK, { readOnly: true });
    locked.dma(2, 512);
    expect(await locked.move(WRITE, [0, 0, 1])).toEqual([0x40, 2, 0, 0, 0, 1, 2]);
    expect(locked.command(4, 0)).toEqual([0x78]);
  });

  test('no such sector, no medium, the wrong rate and a broken disk have their bits', async () => {
    const driver = new Driver();
    driver.dma(1, 512);
    expect(await driver.move(READ, [0, 0, 19])).toEqual([0x40, 4, 0, 0, 0, 19, 2]);
    driver.bench.outb(DIR, 2);
    expect(await driver.move(READ, [0, 0, 1])).toEqual([0x40, 1, 0, 0, 0, 1, 2]);
    driver.bench.outb(DIR, 0);
    driver.disk.broken = true;
    expect(await driver.move(READ, [0, 0, 1])).toEqual([0x40, 0x20, 0x20, 0, 0, 1, 2]);
    const empty = new Driver(0, { inserted: false });
    empty.dma(1, 512);
    expect(await empty.move(READ, [0, 0, 1])).toEqual([0x40, 1, 0, 0, 0, 1, 2]);
  });

  test('formatting fills a track with the guest’s byte', async () => {
    const driver = new Driver();
    driver.dma(2, 18 * 4);
    for (const byte of [0x4d, 4, 2, 18, 0x54, 0xf6]) driver.bench.outb(DATA, byte);
    await driver.bench.settle();
    expect(driver.result()[0]).toBe(4);
    expect(driver.disk.bytes.subarray(18 * 512, 36 * 512).every(byte => byte === 0xf6)).toBe(true);
    expect(driver.disk.bytes[36 * 512]).toBe(36);
  });

  test('READ ID finds the sector under the head', () => {
    const driver = new Driver();
    driver.command(0x0f, 0, 5);
    driver.command(8);
    expect(driver.command(0x4a, 4)).toEqual([4, 0, 0, 5, 1, 1, 2]);
  });

  test('a reset makes an answer void', async () => {
    const driver = new Driver();
    driver.dma(1, 512);
    for (const byte of [READ, 0, 0, 0, 1, 2, 18, 0x1b, 0xff]) driver.bench.outb(DATA, byte);
    driver.restart();
    await driver.bench.settle();
    expect(driver.bench.inb(MSR)).toBe(0x80);
    expect(driver.memory(4)).toEqual(new Uint8Array(4));
  });
});

test('the CMOS tells the type of the drives', () => {
  const types = (length: number): number => {
    const { bench } = new Driver(length);
    bench.outb(0x70, 0x10);
    return bench.inb(0x71);
  };
  expect([DISK, 2 * DISK, 1200 * 1024, 720 * 1024].map(types)).toEqual([0x40, 0x50, 0x20, 0x40]);
});

test('state goes from one board to another', () => {
  const driver = new Driver();
  driver.command(0x0f, 0, 9);
  const saved = driver.bench.pc.save();
  const other = new Driver();
  other.bench.pc.load(saved);
  expect(other.interrupt).toBe(true);
  expect(other.command(8)).toEqual([0x20, 9]);
});
