import { describe, expect, test } from 'vitest';
import { Bench, type RamDisk, ramDisk } from '../../support/board.ts';

const SLOT = 5;
const IO = 0xc000;
const QUEUE = 0x20000;
const AVAILABLE = QUEUE + 16 * 128;
const USED = QUEUE + 0x1000;
const HEADER = 0x30000;
const STATUS = 0x30100;
const DATA = 0x31000;
const EVENT_INDEX = 1 << 29;
const FLUSH = 1 << 9;
const CONFIG_WCE = 1 << 11;

type Segment = readonly [address: number, length: number, isInput: boolean];

/** A driver as small as it gets. */
class Driver {
  private available = 0;
  readonly bench: Bench;
  readonly disk: RamDisk;

  constructor(features = 0, change: Partial<RamDisk> = {}) {
    this.disk = Object.assign(ramDisk(64 * 512, 'foo'), change);
    for (let i = 0; i < this.disk.bytes.length; i++) this.disk.bytes[i] = (i >> 9) ^ i;
    const options = { backend: this.disk, slot: SLOT, serial: 'S1', id: 'v0' };
    this.bench = new Bench({ virtioDisks: [options] });
    this.bench.configWrite(SLOT, 0, 0x10, IO);
    this.bench.configWrite(SLOT, 0, 4, 7);
    this.bench.outb(IO + 18, 3);
    this.bench.outl(IO + 4, features);
    this.bench.outw(IO + 14, 0);
    this.bench.outl(IO + 8, QUEUE >> 12);
    this.bench.outb(IO + 18, 7);
  }

  describe(index: number, [address, length, isInput]: Segment, next: number | undefined): void {
    const { memory } = this.bench;
    memory.write(QUEUE + 16 * index, 4, address);
    memory.write(QUEUE + 16 * index + 4, 4, 0);
    memory.write(QUEUE + 16 * index + 8, 4, length);
    memory.write(QUEUE + 16 * index + 12, 2, (isInput ? 2 : 0) | (next === undefined ? 0 : 1));
    memory.write(QUEUE + 16 * index + 14, 2, next ?? 0);
  }

  header(type: number, sector: number): void {
    const { memory } = this.bench;
    memory.write(HEADER, 4, type);
    memory.write(HEADER + 4, 4, 0);
    memory.write(HEADER + 8, 4, sector);
    memory.write(HEADER + 12, 4, 0);
    memory.write(STATUS, 1, 0xee);
  }

  /** Offers descriptor 0. */
  kick(head = 0): void {
    const { memory } = this.bench;
    memory.write(AVAILABLE + 4 + 2 * (this.available % 128), 2, head);
    this.available++;
    memory.write(AVAILABLE + 2, 2, this.available);
    this.bench.outw(IO + 16, 0);
  }

  /** Runs a request; returns its status byte. */
  async run(type: number, sector: number, data: readonly Segment[]): Promise<number> {
    this.header(type, sector);
    const chain: Segment[] = [[HEADER, 16, false], ...data, [STATUS, 1, true]];
    chain.forEach((segment, i) => {
      this.describe(i, segment, i + 1 < chain.length ? i + 1 : undefined);
    });
    this.kick();
    await this.bench.settle();
    return this.bench.memory.read(STATUS, 1);
  }

  bytes(address: number, length: number): Uint8Array {
    const bytes = new Uint8Array(length);
    this.bench.memory.readBytes(address, bytes);
    return bytes;
  }

  get used(): { index: number; length: number } {
    const { memory } = this.bench;
    const index = memory.read(USED + 2, 2);
    return { index, length: memory.read(USED + 4 + 8 * ((index - 1) & 127) + 4, 4) };
  }

  get interrupt(): boolean {
    return (this.bench.configRead(SLOT, 0, 4) & 0x80000) !== 0;
  }
}

describe('what the guest finds', () => {
  test('1af4:1001 in its slot, with the features of QEMU', () => {
    const { bench } = new Driver();
    expect(bench.configRead(SLOT, 0, 0)).toBe(0x10011af4);
    expect(bench.configRead(SLOT, 0, 8)).toBe(0x01000000);
    expect(bench.configRead(SLOT, 0, 0x2c)).toBe(0x00021af4);
    expect(bench.inl(IO)).toBe(0x71000ed4);
    expect(bench.inw(IO + 12)).toBe(128);
    bench.outw(IO + 14, 1);
    expect(bench.inw(IO + 12)).toBe(0);
  });

  test('capacity, limits and geometry in the configuration', () => {
    const { bench } = new Driver(FLUSH);
    expect(bench.inl(IO + 20)).toBe(64);
    expect(bench.inl(IO + 32)).toBe(126);
    expect(bench.inb(IO + 39)).toBe(63);
    expect(bench.inl(IO + 40)).toBe(512);
    expect(bench.inb(IO + 52)).toBe(1);
    expect(bench.inb(IO + 56)).toBe(0xff);
  });

  test('a disk that cannot be written says so', async () => {
    const driver = new Driver(0, { readOnly: true });
    expect(driver.bench.inl(IO) & 0x20).toBe(0x20);
    expect(await driver.run(1, 0, [[DATA, 512, false]])).toBe(1);
  });
});

describe('interrupts as messages', () => {
  const TABLE = 0xfeb00000;

  function withMessages(): Driver {
    const driver = new Driver();
    const { bench } = driver;
    bench.configWrite(SLOT, 0, 0x14, TABLE);
    bench.memory.write(0xfee000f0, 4, 0x1ff);
    bench.memory.write(TABLE + 16, 4, 0xfee00000);
    bench.memory.write(TABLE + 24, 4, 0x55);
    bench.memory.write(TABLE + 28, 4, 0);
    bench.configWrite(SLOT, 0, 0x40, 0x80000000);
    bench.outw(IO + 22, 1);
    return driver;
  }

  /** Requested vectors of the local APIC, those from 40h to 5Fh. */
  const requested = ({ bench }: Driver): number => bench.memory.read(0xfee00220, 4);

  test('the capability has two entries in BAR 1', () => {
    const { bench } = new Driver();
    expect(bench.configRead(SLOT, 0, 4) & 0x100000).toBe(0x100000);
    expect(bench.configRead(SLOT, 0, 0x34) & 0xff).toBe(0x40);
    bench.configWrite(SLOT, 0, 0x40, 0xffffffff);
    expect(bench.configRead(SLOT, 0, 0x40)).toBe(0xc0010011);
    expect([bench.configRead(SLOT, 0, 0x44), bench.configRead(SLOT, 0, 0x48)]).toEqual([1, 0x801]);
  });

  test('a request that is done sends its message and leaves the pin alone', async () => {
    const driver = withMessages();
    expect(driver.bench.inw(IO + 22)).toBe(1);
    expect(driver.bench.inl(IO + 24)).toBe(64);
    expect(await driver.run(0, 0, [[DATA, 512, true]])).toBe(0);
    expect(requested(driver)).toBe(1 << 21);
    expect(driver.interrupt).toBe(false);
  });

  test('a masked message waits', async () => {
    const driver = withMessages();
    driver.bench.memory.write(TABLE + 28, 4, 1);
    await driver.run(0, 0, [[DATA, 512, true]]);
    expect(requested(driver)).toBe(0);
    expect(driver.bench.memory.read(TABLE + 0x800, 4)).toBe(2);
    driver.bench.memory.write(TABLE + 28, 4, 0);
    expect(requested(driver)).toBe(1 << 21);
    expect(driver.bench.memory.read(TABLE + 0x800, 4)).toBe(0);
  });

  test('there is none for a vector that is not in the table', async () => {
    const driver = withMessages();
    driver.bench.outw(IO + 22, 2);
    expect(driver.bench.inw(IO + 22)).toBe(0xffff);
    await driver.run(0, 0, [[DATA, 512, true]]);
    expect(requested(driver)).toBe(0);
  });
});

describe('requests', () => {
  test('reading scatters sectors over the guest’s segments', async () => {
    const driver = new Driver();
    const segments: Segment[] = [
      [DATA, 700, true],
      [DATA + 0x1000, 324, true],
    ];
    expect(await driver.run(0, 3, segments)).toBe(0);
    const got = [...driver.bytes(DATA, 700), ...driver.bytes(DATA + 0x1000, 324)];
    expect(got).toEqual([...driver.disk.bytes.subarray(3 * 512, 5 * 512)]);
    expect(driver.used).toEqual({ index: 1, length: 1025 });
    expect(driver.interrupt).toBe(true);
    expect(driver.bench.inb(IO + 19)).toBe(1);
    expect(driver.interrupt).toBe(false);
  });

  test('writing gathers; without a promise to flush it is on the disk at once', async () => {
    const driver = new Driver();
    driver.bench.memory.writeBytes(DATA, new Uint8Array(512).fill(0xab));
    expect(await driver.run(1, 63, [[DATA, 512, false]])).toBe(0);
    expect(driver.disk.bytes[63 * 512]).toBe(0xab);
    expect(driver.disk.flushes).toBe(1);
    const cached = new Driver(FLUSH);
    await cached.run(1, 0, [[DATA, 512, false]]);
    expect(cached.disk.flushes).toBe(0);
    expect(await cached.run(4, 0, [])).toBe(0);
    expect(cached.disk.flushes).toBe(1);
  });

  test('the driver chooses between write-back and write-through', () => {
    const { disk, bench } = new Driver();
    expect(disk.writeCache).toBe(false);
    bench.outb(IO + 18, 0);
    expect(disk.writeCache).toBe(true);
    expect(new Driver(FLUSH, { writeCache: false }).disk.writeCache).toBe(true);
    const chosen = new Driver(FLUSH | CONFIG_WCE, { writeCache: false });
    expect(chosen.disk.writeCache).toBe(false);
    expect(chosen.bench.inb(IO + 52)).toBe(0);
    chosen.bench.outb(IO + 52, 1);
    expect(chosen.disk.writeCache).toBe(true);
    chosen.bench.pc.reset();
    expect(chosen.disk.writeCache).toBe(false);
  });

  test('beyond the end, broken disks and unknown requests have their status', async () => {
    const driver = new Driver();
    expect(await driver.run(0, 64, [[DATA, 512, true]])).toBe(1);
    expect(await driver.run(99, 0, [])).toBe(2);
    expect(await driver.run(2, 0, [[DATA, 16, true]])).toBe(2);
    expect(driver.bench.memory.read(DATA, 4)).toBe(255);
    driver.disk.broken = true;
    expect(await driver.run(0, 0, [[DATA, 512, true]])).toBe(1);
  });

  test('the serial number is told', async () => {
    const driver = new Driver();
    expect(await driver.run(8, 0, [[DATA, 20, true]])).toBe(0);
    expect(String.fromCharCode(...driver.bytes(DATA, 3))).toBe('S1\0');
  });

  test('an indirect table is one descriptor', async () => {
    const driver = new Driver();
    const { memory } = driver.bench;
    driver.header(0, 1);
    const table = 0x40000;
    const chain: Segment[] = [
      [HEADER, 16, false],
      [DATA, 512, true],
      [STATUS, 1, true],
    ];
    chain.forEach(([address, length, isInput], i) => {
      memory.write(table + 16 * i, 4, address);
      memory.write(table + 16 * i + 8, 4, length);
      memory.write(table + 16 * i + 12, 2, (isInput ? 2 : 0) | (i < 2 ? 1 : 0));
      memory.write(table + 16 * i + 14, 2, i + 1);
    });
    driver.describe(0, [table, 48, false], undefined);
    memory.write(QUEUE + 12, 2, 4);
    driver.kick();
    await driver.bench.settle();
    expect(memory.read(STATUS, 1)).toBe(0);
    expect(driver.bytes(DATA, 4)).toEqual(driver.disk.bytes.subarray(512, 516));
  });
});

describe('interrupts', () => {
  test('none while the guest does not want them', async () => {
    const driver = new Driver();
    driver.bench.memory.write(AVAILABLE, 2, 1);
    await driver.run(4, 0, []);
    expect(driver.interrupt).toBe(false);
    expect(driver.used.index).toBe(1);
  });

  test('with event indexes: when the used index passes the wanted one', async () => {
    const driver = new Driver(EVENT_INDEX);
    const { memory, ports } = driver.bench;
    memory.write(AVAILABLE + 4 + 2 * 128, 2, 1);
    await driver.run(4, 0, []);
    // The first time always.
    expect(ports.read(IO + 19, 1)).toBe(1);
    await driver.run(4, 0, []);
    expect(ports.read(IO + 19, 1)).toBe(1);
    await driver.run(4, 0, []);
    expect(ports.read(IO + 19, 1)).toBe(0);
    // The device says up to where it has seen the requests.
    expect(memory.read(USED + 4 + 8 * 128, 2)).toBe(3);
  });
});

describe('guests that err', () => {
  test('descriptors in a circle stop the queue until a reset', async () => {
    const driver = new Driver();
    driver.describe(0, [HEADER, 16, false], 0);
    driver.kick();
    expect(await driver.run(4, 0, [])).toBe(0xee);
    driver.bench.outb(IO + 18, 0);
    expect(driver.bench.inl(IO + 8)).toBe(0);
  });

  test('answers after a reset do not reach the guest', async () => {
    const driver = new Driver();
    driver.header(0, 0);
    driver.describe(0, [HEADER, 16, false], 1);
    driver.describe(1, [DATA, 512, true], 2);
    driver.describe(2, [STATUS, 1, true], undefined);
    driver.kick();
    driver.bench.outb(IO + 18, 0);
    await driver.bench.settle();
    expect(driver.bench.memory.read(STATUS, 1)).toBe(0xee);
  });
});

describe('coming and going', () => {
  test('the slot’s bit and the general purpose event tell of a new disk', () => {
    const bench = new Bench();
    bench.pc.virtio.plugHot({ backend: ramDisk(512), slot: 7 });
    expect(bench.inl(0xafe0) & 2).toBe(2);
    expect(bench.inl(0xae00)).toBe(1 << 7);
    expect(bench.inl(0xae00)).toBe(0);
    expect(bench.inl(0xae0c)).toBe(1 << 7);
    expect(bench.configRead(7, 0, 0)).toBe(0x10011af4);
  });

  test('a disk that is asked back goes when the guest ejects it, or with a reset', () => {
    for (const isReset of [false, true]) {
      const { bench } = new Driver();
      const gone: string[] = [];
      bench.pc.virtio.onEjected = ({ options }) => gone.push(options.id ?? '');
      bench.pc.slots.hotplug.askBack(SLOT);
      expect(bench.inl(0xae04)).toBe(1 << SLOT);
      expect(bench.configRead(SLOT, 0, 0)).toBe(0x10011af4);
      if (isReset) bench.pc.reset();
      else bench.outl(0xae08, 1 << SLOT);
      expect(gone).toEqual(['v0']);
      expect(bench.configRead(SLOT, 0, 0)).toBe(0xffffffff);
      expect(bench.inl(0xae04)).toBe(0);
      expect(bench.inl(IO)).toBe(0xffffffff);
    }
  });

  test('state goes from one board to another', async () => {
    const driver = new Driver();
    await driver.run(4, 0, []);
    const saved = driver.bench.pc.save();
    const other = new Driver();
    other.bench.pc.load(saved);
    expect(other.bench.inb(IO + 19)).toBe(1);
    expect(other.bench.pc.save()).not.toEqual(saved);
    driver.bench.inb(IO + 19);
    expect(other.bench.pc.save()).toEqual(driver.bench.pc.save());
  });
});
