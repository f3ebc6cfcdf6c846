import { describe, expect, test } from 'vitest';
import { Bench, disk, type RamDisk, ramDisk } from '../../support/board.ts';

const MEGABYTE = 1 << 20;
const SECTOR = 512;
const CONTROL = 0x3f6;

interface Command {
  readonly code: number;
  readonly features?: number;
  readonly count?: number;
  readonly lba?: number;
  /** Device register without the address; default LBA, master. */
  readonly device?: number;
}

function powerOn(length = 10 * MEGABYTE): { bench: Bench; backend: RamDisk } {
  const backend = ramDisk(length);
  for (let i = 0; i < length; i += SECTOR) {
    backend.bytes[i] = (i / SECTOR) & 0xff;
    backend.bytes[i + 1] = (i / SECTOR) >> 8;
  }
  return { bench: new Bench({ drives: [disk(backend)] }), backend };
}

function issue(bench: Bench, command: Command): void {
  const { code, features = 0, count = 0, lba = 0, device = 0xe0 } = command;
  bench.outb(0x1f6, device | ((lba >> 24) & 15));
  bench.outb(0x1f1, features);
  bench.outb(0x1f2, count);
  bench.outb(0x1f3, lba & 0xff);
  bench.outb(0x1f4, (lba >> 8) & 0xff);
  bench.outb(0x1f5, (lba >> 16) & 0xff);
  bench.outb(0x1f7, code);
}

/** Features to status, as a guest reads them. */
function registers(bench: Bench): string {
  const bytes = Array.from({ length: 6 }, (_, i) => bench.inb(0x1f1 + i));
  return [...bytes, bench.inb(CONTROL)].map(b => b.toString(16).padStart(2, '0')).join(' ');
}

function irq(bench: Bench): boolean {
  bench.outb(0x4d1, 0x40);
  bench.outb(0xa0, 0x0a);
  return (bench.inb(0xa0) & 0x40) !== 0;
}

function give(bench: Bench, bytes: Uint8Array): void {
  for (let i = 0; i < bytes.length; i += 2) bench.outw(0x1f0, bytes[i] | (bytes[i + 1] << 8));
}

describe('registers', () => {
  test('after reset the disk is ready and shows its signature', () => {
    expect(registers(powerOn().bench)).toBe('00 01 01 00 00 a0 50');
  });

  test('a missing slave has status 0 and no signature', () => {
    const { bench } = powerOn();
    bench.outb(0x1f6, 0xb0);
    expect(registers(bench)).toBe('00 01 01 ff ff b0 00');
  });

  test('a channel without units reads as zero', () => {
    const { bench } = powerOn();
    expect(Array.from({ length: 7 }, (_, i) => bench.inb(0x171 + i))).toEqual(Array(7).fill(0));
  });

  test('soft reset aborts what was under way and gives the signature with code 1', async () => {
    const { bench, backend } = powerOn();
    issue(bench, { code: 0x30, count: 1, lba: 5 });
    give(bench, new Uint8Array(SECTOR).fill(0xaa));
    expect(bench.inb(CONTROL) & 0x80).toBe(0x80);
    bench.outb(CONTROL, 4);
    bench.outb(CONTROL, 0);
    expect(registers(bench)).toBe('01 01 01 00 00 a0 50');
    await bench.settle();
    expect(registers(bench)).toBe('01 01 01 00 00 a0 50');
    expect(backend.bytes[5 * SECTOR]).toBe(0xaa);
  });

  test('an unknown command is aborted with an interrupt, which reading the status ends', () => {
    const { bench } = powerOn();
    issue(bench, { code: 0x02 });
    expect(registers(bench)).toBe('04 00 00 00 00 e0 41');
    expect(irq(bench)).toBe(true);
    bench.inb(0x1f7);
    expect(irq(bench)).toBe(false);
  });

  test('nIEN keeps the interrupt away', () => {
    const { bench } = powerOn();
    bench.outb(CONTROL, 2);
    issue(bench, { code: 0x91, count: 63, device: 0xaf });
    expect(irq(bench)).toBe(false);
  });

  test('the high-order bytes of 48-bit registers show through bit 7 of device control', () => {
    const { bench } = powerOn();
    bench.outb(0x1f3, 0x12);
    bench.outb(0x1f3, 0x34);
    expect(bench.inb(0x1f3)).toBe(0x34);
    bench.outb(CONTROL, 0x80);
    expect(bench.inb(0x1f3)).toBe(0x12);
    bench.outb(0x1f2, 0);
    expect(bench.inb(0x1f3)).toBe(0x34);
  });
});

describe('reading through the data port', () => {
  test('gives each sector with an interrupt of its own', async () => {
    const { bench } = powerOn();
    issue(bench, { code: 0x20, count: 2, lba: 0x1234 });
    expect(irq(bench)).toBe(false);
    expect(bench.inb(CONTROL)).toBe(0xd0);
    await bench.settle();
    expect(irq(bench)).toBe(true);
    expect(registers(bench)).toBe('00 01 35 12 00 e0 58');
    bench.inb(0x1f7);
    expect([...bench.words(0x1f0, 256).subarray(0, 2)]).toEqual([0x34, 0x12]);
    await bench.settle();
    expect(irq(bench)).toBe(true);
    bench.inb(0x1f7);
    expect([...bench.words(0x1f0, 256).subarray(0, 2)]).toEqual([0x35, 0x12]);
    expect(registers(bench)).toBe('00 00 36 12 00 e0 50');
    expect(irq(bench)).toBe(false);
  });

  test('addresses cylinders, heads and sectors, and carries over track ends', async () => {
    const { bench } = powerOn();
    issue(bench, { code: 0x20, count: 2, lba: 63, device: 0xaf });
    await bench.settle();
    expect(bench.words(0x1f0, 256)[0]).toBe(((15 * 63 + 62) & 0xff) as number);
    await bench.settle();
    expect(registers(bench)).toBe('00 00 02 01 00 a0 58');
  });

  test('count 0 means 256 sectors', async () => {
    const { bench } = powerOn();
    issue(bench, { code: 0x20, lba: 0 });
    let sectors = 0;
    for (await bench.settle(); (bench.inb(CONTROL) & 8) !== 0; await bench.settle()) {
      expect(bench.words(0x1f0, 256)[0]).toBe(sectors & 0xff);
      sectors++;
    }
    expect(sectors).toBe(256);
  });

  test('READ MULTIPLE gives blocks, the last one shorter', async () => {
    const { bench } = powerOn();
    issue(bench, { code: 0xc6, count: 4 });
    issue(bench, { code: 0xc4, count: 6, lba: 5 });
    await bench.settle();
    expect(registers(bench)).toBe('00 02 09 00 00 e0 58');
    bench.words(0x1f0, 1024);
    await bench.settle();
    expect(registers(bench)).toBe('00 00 0b 00 00 e0 58');
    bench.words(0x1f0, 512);
    expect(registers(bench)).toBe('00 00 0b 00 00 e0 50');
  });

  test('48-bit commands take 16-bit counts', async () => {
    const { bench } = powerOn();
    bench.outb(0x1f2, 0x01);
    for (const port of [0x1f3, 0x1f4, 0x1f5]) bench.outb(port, 0);
    issue(bench, { code: 0x24, count: 0x02, lba: 0x10 });
    let sectors = 0;
    for (await bench.settle(); (bench.inb(CONTROL) & 8) !== 0; await bench.settle()) {
      bench.words(0x1f0, 256);
      sectors++;
    }
    expect(sectors).toBe(0x102);
  });

  test('ends with an abort where the disk ends', async () => {
    const { bench } = powerOn();
    issue(bench, { code: 0x20, count: 2, lba: 20479 });
    await bench.settle();
    bench.words(0x1f0, 256);
    expect(registers(bench)).toBe('04 01 00 50 00 e0 41');
    issue(bench, { code: 0x20, count: 1, lba: 20480 });
    expect(registers(bench)).toBe('04 01 00 50 00 e0 41');
    expect(irq(bench)).toBe(true);
  });

  test('an error of the backend is an abort', async () => {
    const { bench, backend } = powerOn();
    backend.broken = true;
    issue(bench, { code: 0x20, count: 1 });
    await bench.settle();
    expect(registers(bench)).toBe('04 01 00 00 00 e0 41');
  });

  test('half a sector read survives a snapshot', async () => {
    const { bench, backend } = powerOn();
    issue(bench, { code: 0x20, count: 2, lba: 7 });
    await bench.settle();
    bench.words(0x1f0, 128);
    const copy = new Bench({ drives: [disk(backend)] });
    copy.pc.load(bench.pc.save());
    expect([...copy.words(0x1f0, 128)]).toEqual([...bench.words(0x1f0, 128)]);
    await copy.settle();
    expect([...copy.words(0x1f0, 256).subarray(0, 2)]).toEqual([8, 0]);
  });
});

describe('writing through the data port', () => {
  test('asks for the first sector at once, for the next when the first is stored', async () => {
    const { bench, backend } = powerOn();
    issue(bench, { code: 0x30, count: 2, lba: 7 });
    expect(registers(bench)).toBe('00 02 07 00 00 e0 58');
    expect(irq(bench)).toBe(false);
    give(bench, new Uint8Array(SECTOR).fill(0x11));
    await bench.settle();
    expect(registers(bench)).toBe('00 01 08 00 00 e0 58');
    expect(irq(bench)).toBe(true);
    give(bench, new Uint8Array(SECTOR).fill(0x22));
    await bench.settle();
    expect(registers(bench)).toBe('00 00 09 00 00 e0 50');
    expect(backend.bytes[7 * SECTOR + 511]).toBe(0x11);
    expect(backend.bytes[8 * SECTOR + 511]).toBe(0x22);
    expect(backend.bytes[9 * SECTOR + 2]).toBe(0);
  });

  test('with the write cache off every write is flushed', async () => {
    const { bench, backend } = powerOn();
    issue(bench, { code: 0xef, features: 0x82 });
    await bench.settle();
    const before = backend.flushes;
    issue(bench, { code: 0x30, count: 1, lba: 7 });
    give(bench, new Uint8Array(SECTOR));
    await bench.settle();
    expect(backend.flushes).toBe(before + 1);
  });

  test('FLUSH CACHE is busy until the backend has flushed', async () => {
    const { bench, backend } = powerOn();
    issue(bench, { code: 0xe7 });
    expect(bench.inb(CONTROL) & 0x80).toBe(0x80);
    await bench.settle();
    expect(bench.inb(CONTROL)).toBe(0x50);
    expect(backend.flushes).toBe(1);
  });
});

describe('IDENTIFY DEVICE', () => {
  function identify(length = 10 * MEGABYTE): Uint16Array {
    const { bench } = powerOn(length);
    issue(bench, { code: 0xec });
    return new Uint16Array(bench.words(0x1f0, 256).buffer);
  }

  const text = (words: Uint16Array, from: number, to: number): string =>
    [...words.subarray(from, to)].map(w => String.fromCharCode(w >> 8, w & 0xff)).join('');

  test('names the model, the serial number and the version', () => {
    const words = identify();
    expect(text(words, 27, 47).trimEnd()).toBe('QEMU HARDDISK');
    expect(text(words, 10, 20).trimEnd()).toBe('QM00001');
    expect(text(words, 23, 27).trimEnd()).toBe('2.2.50');
  });

  test('tells geometry and size', () => {
    const words = identify(100 * MEGABYTE);
    expect([words[1], words[3], words[6]]).toEqual([203, 16, 63]);
    expect(words[60] + words[61] * 65536).toBe(204800);
    expect(words[100] + words[101] * 65536).toBe(204800);
    expect(words[57] + words[58] * 65536).toBe(203 * 16 * 63);
  });

  test('shows the transfer mode that SET FEATURES chose', () => {
    const { bench } = powerOn();
    issue(bench, { code: 0xef, features: 3, count: 0x22 });
    issue(bench, { code: 0xec });
    const words = new Uint16Array(bench.words(0x1f0, 256).buffer);
    expect([words[63], words[88]].map(w => w.toString(16))).toEqual(['407', '3f']);
  });
});

describe('other commands', () => {
  test.each([
    { name: 'RECALIBRATE', code: 0x10, after: '00 01 03 02 01 e0 50' },
    { name: 'READ VERIFY', code: 0x40, after: '00 01 03 02 01 e0 50' },
    { name: 'SEEK', code: 0x70, after: '00 01 03 02 01 e0 50' },
    { name: 'DIAGNOSTIC', code: 0x90, after: '01 01 01 00 00 a0 50' },
    { name: 'STANDBY IMMEDIATE', code: 0xe0, after: '00 01 03 02 01 e0 40' },
    { name: 'CHECK POWER MODE', code: 0xe5, after: '00 ff 03 02 01 e0 50' },
    { name: 'READ NATIVE MAX', code: 0xf8, after: '00 01 ff 4f 00 e0 50' },
    { name: 'NOP', code: 0x00, after: '04 01 03 02 01 e0 41' },
    { name: 'PACKET', code: 0xa0, after: '04 01 03 02 01 e0 41' },
    { name: 'SMART without its key', code: 0xb0, after: '04 01 03 02 01 e0 41' },
  ])('$name answers as QEMU does', ({ code, after }) => {
    const { bench } = powerOn();
    issue(bench, { code, count: 1, lba: 0x010203 });
    expect(registers(bench)).toBe(after);
  });

  test('SET MULTIPLE MODE takes powers of two up to 16', () => {
    const { bench } = powerOn();
    const status = [0, 1, 2, 3, 8, 16, 32].map(count => {
      issue(bench, { code: 0xc6, count });
      return bench.inb(0x1f7);
    });
    expect(status).toEqual([0x50, 0x50, 0x50, 0x41, 0x50, 0x50, 0x41]);
  });

  test('INITIALIZE DEVICE PARAMETERS changes what CHS addresses mean', async () => {
    const { bench } = powerOn();
    issue(bench, { code: 0x91, count: 17, device: 0xa3 });
    issue(bench, { code: 0x20, count: 1, lba: 1, device: 0xa1 });
    await bench.settle();
    expect(bench.words(0x1f0, 256)[0]).toBe(17);
  });

  test('SMART data has a valid check sum', () => {
    const { bench } = powerOn();
    issue(bench, { code: 0xb0, features: 0xd0, lba: 0xc24f00 });
    const sum = bench.words(0x1f0, 256).reduce((a, b) => a + b, 0);
    expect(sum & 0xff).toBe(0);
  });
});
