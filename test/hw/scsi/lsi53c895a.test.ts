import { describe, expect, test } from 'vitest';
import * as reg from '../../../src/hw/scsi/lsi-registers.ts';
import { Bench, ramDisk } from '../../support/board.ts';

const SLOT = 5;
const IO = 0xc000;
const MMIO = 0xfeb00000;
const RAM = 0xfeb10000;
const SCRIPT = 0x20000;
const TABLE = 0x20800;
const COMMAND = 0x21000;
const MESSAGE = 0x21100;
const STATUS = 0x21200;
const DATA = 0x30000;
const TARGET = 2;

const SELECT = 0x41000000 | (TARGET << 16);
const CLEAR_ACK = 0x60000040;
const WAIT_DISCONNECT = 0x48000000;
const INTERRUPT = 0x98080000;
const DONE = 0xd07e;

/** A driver as small as it gets: writes scripts and starts them. */
class Driver {
  readonly disk = ramDisk(256 * 512, 'foo');
  readonly bench = new Bench({
    scsi: [
      {
        slot: SLOT,
        busName: 'scsi.0',
        drives: [{ model: 'scsi-hd', media: 'disk', scsiId: TARGET, backend: this.disk }],
      },
    ],
  });

  constructor() {
    for (let i = 0; i < this.disk.bytes.length; i++) this.disk.bytes[i] = (i >> 9) ^ i;
    [IO, MMIO, RAM].forEach((base, i) => {
      this.bench.configWrite(SLOT, 0, 0x10 + 4 * i, base);
    });
    this.bench.configWrite(SLOT, 0, 4, 7);
    this.bench.outb(IO + reg.DIEN, 0x7d);
    this.bench.outb(IO + reg.SIEN0, 0xff);
    this.bench.outb(IO + reg.SIEN1, 0xff);
  }

  /** Runs a script until nothing moves. */
  async run(script: readonly number[], at = SCRIPT): Promise<void> {
    const { bench } = this;
    script.forEach((word, i) => {
      bench.memory.write(at + 4 * i, 4, word >>> 0);
    });
    bench.outl(IO + reg.DSP, at);
    await bench.settle();
  }

  command(...bytes: readonly number[]): readonly number[] {
    const { memory } = this.bench;
    memory.writeBytes(COMMAND, Uint8Array.from(bytes));
    memory.write(MESSAGE, 1, 0x80);
    memory.write(STATUS, 2, 0xeeee);
    return [SELECT, 0, 0x0e000001, MESSAGE, 0x0a000000 | bytes.length, COMMAND];
  }

  readonly end = [
    ...[0x0b000001, STATUS, 0x0f000001, STATUS + 1],
    ...[CLEAR_ACK, 0, WAIT_DISCONNECT, 0, INTERRUPT, DONE],
  ];

  /** The first command is told that the power is on. */
  async ready(): Promise<void> {
    await this.run([...this.command(0, 0, 0, 0, 0, 0), ...this.end]);
    expect(this.bench.memory.read(STATUS, 1)).toBe(2);
    this.acknowledge();
  }

  acknowledge(): { dstat: number; sist0: number; sist1: number } {
    const { bench } = this;
    const dstat = bench.inb(IO + reg.DSTAT);
    return { dstat, sist0: bench.inb(IO + reg.SIST0), sist1: bench.inb(IO + reg.SIST1) };
  }

  bytes(address: number, length: number): Uint8Array {
    const bytes = new Uint8Array(length);
    this.bench.memory.readBytes(address, bytes);
    return bytes;
  }

  get interrupt(): boolean {
    return (this.bench.configRead(SLOT, 0, 4) & 0x80000) !== 0;
  }
}

const read10 = (lba: number, blocks: number) => [0x28, 0, 0, 0, 0, lba, 0, 0, blocks, 0];
const QUIET = { dstat: 0x80, sist0: 0, sist1: 0 };

describe('lsi53c895a', () => {
  test('a script reads sectors and tells by an interrupt', async () => {
    const driver = new Driver();
    await driver.ready();
    const half = 0x09000000 | 512;
    const command = driver.command(...read10(3, 2));
    await driver.run([...command, half, DATA, half, DATA + 0x1000, ...driver.end]);
    expect(driver.interrupt).toBe(true);
    expect(driver.bench.inl(IO + reg.DSPS)).toBe(DONE);
    expect(driver.acknowledge()).toEqual({ ...QUIET, dstat: 0x80 | reg.SCRIPT_INTERRUPT });
    expect(driver.interrupt).toBe(false);
    expect(driver.bench.memory.read(STATUS, 2)).toBe(0);
    expect(driver.bytes(DATA, 512)).toEqual(driver.disk.bytes.slice(3 * 512, 4 * 512));
    expect(driver.bytes(DATA + 0x1000, 512)).toEqual(driver.disk.bytes.slice(4 * 512, 5 * 512));
  });

  test('a table of addresses, and a jump on the phase, write a sector', async () => {
    const driver = new Driver();
    await driver.ready();
    const { memory } = driver.bench;
    memory.writeBytes(DATA, new Uint8Array(512).fill(0x5a));
    memory.write(TABLE + 8, 4, 512);
    memory.write(TABLE + 12, 4, DATA);
    driver.bench.outl(IO + reg.DSA, TABLE);
    const write = driver.command(0x2a, 0, 0, 0, 0, 9, 0, 0, 1, 0);
    // To what comes behind the next instruction when the phase is DATA OUT.
    const jump = [0x808b0000, 8, INTERRUPT, 0xbad];
    await driver.run([...write, ...jump, 0x18000000, 8, ...driver.end]);
    expect(driver.bench.inl(IO + reg.DSPS)).toBe(DONE);
    expect(driver.disk.bytes.slice(9 * 512, 10 * 512)).toEqual(new Uint8Array(512).fill(0x5a));
  });

  test('nobody answers at other numbers: the script waits where it needs an answer', async () => {
    const driver = new Driver();
    await driver.run([0x41030000, 0, 0x9e030000, 1, INTERRUPT, DONE]);
    expect(driver.bench.inb(IO + reg.ISTAT1)).toBe(reg.IS_RUNNING);
    expect(driver.bench.inb(IO + reg.SCNTL1) & reg.CONNECTED).toBe(0);
    driver.bench.clock.advanceTo(driver.bench.clock.nowNs + 1_000_000);
    expect(driver.bench.inl(IO + reg.DSP)).toBe(SCRIPT + 16);
    expect(driver.acknowledge()).toEqual({ ...QUIET, sist1: reg.SELECTION_TIMEOUT });
    expect(driver.interrupt).toBe(false);
  });

  test('a phase that the script does not expect stops it, with what is left', async () => {
    const driver = new Driver();
    await driver.ready();
    await driver.run([...driver.command(...read10(0, 1)), 0x09000400, DATA, ...driver.end]);
    expect(driver.bench.inl(IO + reg.DBC) & 0xffffff).toBe(512);
    expect(driver.bench.inl(IO + reg.DNAD)).toBe(DATA + 512);
    expect(driver.acknowledge()).toEqual({ ...QUIET, sist0: reg.PHASE_MISMATCH });
  });

  test('registers, chip memory and the main memory exchange bytes', async () => {
    const driver = new Driver();
    const { memory } = driver.bench;
    memory.write(DATA, 4, 0x12345678);
    const scratch = 0x34;
    await driver.run(
      [
        // From memory to the chip's, by a move; from there to a register.
        ...[0xc0000004, DATA, RAM + 0x100],
        ...[0xe1340004, RAM + 0x100],
        // One more in its lowest byte, all bits of the second turned round.
        ...[0x7e000100 | (scratch << 16), 0, 0x7b00ff00 | ((scratch + 1) << 16), 0],
        ...[0xe0340004, DATA + 4, INTERRUPT, DONE],
      ],
      RAM,
    );
    expect(driver.bench.inl(IO + reg.DSPS)).toBe(DONE);
    expect(memory.read(DATA + 4, 4)).toBe(0x1234a979);
    expect(memory.read(MMIO + scratch, 4)).toBe(0x1234a979);
  });

  test.each([
    ['synchronous', [1, 3, 1, 5, 200], [1, 3, 1, 10, 31]],
    ['wide', [1, 2, 3, 1], [1, 2, 3, 0]],
    ['parallel protocol', [1, 6, 4, 9, 0, 31, 1, 2], [7]],
  ] as const)('targets answer %s negotiation', async (_what, message, answer) => {
    const driver = new Driver();
    await driver.ready();
    const sent = [0x80, ...message];
    const command = driver.command(0, 0, 0, 0, 0, 0);
    driver.bench.memory.writeBytes(MESSAGE, Uint8Array.from(sent));
    const receive = answer.flatMap((_, i) => [0x0f000001, DATA + i, CLEAR_ACK, 0]);
    const rest = command.slice(4);
    const start = [SELECT, 0, 0x0e000000 | sent.length, MESSAGE];
    await driver.run([...start, ...receive, ...rest, ...driver.end]);
    expect([...driver.bytes(DATA, answer.length)]).toEqual([...answer]);
    expect(driver.bench.memory.read(STATUS, 2)).toBe(0);
  });

  test('other units say that they are not there', async () => {
    const driver = new Driver();
    await driver.ready();
    const inquiry = driver.command(0x12, 0, 0, 0, 36, 0);
    driver.bench.memory.write(MESSAGE, 1, 0x81);
    await driver.run([...inquiry, 0x09000024, DATA, ...driver.end]);
    expect(driver.bytes(DATA, 1)[0]).toBe(0x7f);
    expect(driver.bench.memory.read(STATUS, 2)).toBe(0);
    driver.acknowledge();
    const read = driver.command(...read10(0, 1));
    driver.bench.memory.write(MESSAGE, 1, 0x81);
    await driver.run([...read, ...driver.end]);
    expect(driver.bench.memory.read(STATUS, 2)).toBe(2);
  });

  const DISCONNECTED = [0x0f000001, DATA, CLEAR_ACK, 0, WAIT_DISCONNECT, 0];
  const RESELECTED = [0x50000000, SCRIPT, 0x0f000003, DATA + 4, CLEAR_ACK, 0];

  test('a target leaves the bus while its medium is at work, and comes back', async () => {
    const driver = new Driver();
    await driver.ready();
    const [select, , , ...command] = driver.command(...read10(7, 1));
    driver.bench.memory.writeBytes(MESSAGE, Uint8Array.of(0xc0, 0x21, 5));
    const start = [select, 0, 0x0e000003, ...command, ...DISCONNECTED, ...RESELECTED];
    await driver.run([...start, 0x09000200, DATA + 8, ...driver.end]);
    expect(driver.bench.inl(IO + reg.DSPS)).toBe(DONE);
    expect([...driver.bytes(DATA, 7)]).toEqual([4, 0, 0, 0, 0x80, 0x20, 5]);
    expect(driver.bench.inb(IO + reg.SSID)).toBe(0x80 | TARGET);
    expect(driver.bytes(DATA + 8, 512)).toEqual(driver.disk.bytes.slice(7 * 512, 8 * 512));
    expect(driver.bench.memory.read(STATUS, 2)).toBe(0);
  });

  test('commands wait in the target’s queue for their turn', async () => {
    const driver = new Driver();
    await driver.ready();
    const both = [1, 2].flatMap(tag => {
      const [select, , , , ...command] = driver.command(...read10(0, 1));
      const message = MESSAGE + 8 * tag;
      driver.bench.memory.writeBytes(message, Uint8Array.of(0xc0, 0x20, tag));
      return [select, 0, 0x0e000003, message, ...command, ...DISCONNECTED];
    });
    const back = [DATA, DATA + 512].flatMap((to, i) => [
      ...[0x50000000, SCRIPT, 0x0f000003, DATA + 1024 + 4 * i, CLEAR_ACK, 0, 0x09000200, to],
      ...[0x0b000001, STATUS + 2 * i, 0x0f000001, STATUS + 2 * i + 1],
      ...[CLEAR_ACK, 0, WAIT_DISCONNECT, 0],
    ]);
    driver.bench.memory.writeBytes(STATUS, Uint8Array.of(9, 9, 9, 9));
    await driver.run([...both, ...back, INTERRUPT, DONE]);
    expect(driver.bench.inl(IO + reg.DSPS)).toBe(DONE);
    expect([...driver.bytes(DATA + 1024, 7)]).toEqual([0x80, 0x20, 1, 0, 0x80, 0x20, 2]);
    expect([...driver.bytes(STATUS, 4)]).toEqual([0, 0, 0, 0]);
    const sector = driver.disk.bytes.slice(0, 512);
    expect(driver.bytes(DATA, 1024)).toEqual(Uint8Array.of(...sector, ...sector));
  });

  test('a script that waits for targets goes on at a signal', async () => {
    const driver = new Driver();
    await driver.run([0x50000000, SCRIPT + 16, 0x98080000, 1, 0x98080000, 2]);
    expect(driver.bench.inb(IO + reg.ISTAT1)).toBe(reg.IS_RUNNING);
    driver.bench.outb(IO + reg.ISTAT0, reg.SIGNAL);
    expect(driver.bench.inl(IO + reg.DSPS)).toBe(2);
    expect(driver.bench.inb(IO + reg.CTEST2) & 0x40).toBe(0x40);
    expect(driver.bench.inb(IO + reg.ISTAT0) & reg.SIGNAL).toBe(0);
  });

  test('an endless script can be aborted', async () => {
    const driver = new Driver();
    await driver.run([0x80880000, 0xfffff8]);
    expect(driver.bench.inb(IO + reg.ISTAT1)).toBe(reg.IS_RUNNING);
    driver.bench.outb(IO + reg.ISTAT0, reg.ABORT);
    expect(driver.acknowledge()).toEqual({ ...QUIET, dstat: 0x80 | reg.ABORTED });
    expect(driver.bench.inb(IO + reg.ISTAT1)).toBe(0);
  });

  test('a saved board goes on where it was', async () => {
    const driver = new Driver();
    await driver.ready();
    const first = [...driver.command(...read10(5, 2)), 0x09000200, DATA, INTERRUPT, 1];
    await driver.run([...first, 0x09000200, DATA + 512, ...driver.end]);
    const saved = driver.bench.pc.save();
    const next = new Driver();
    next.bench.memory.u8.set(driver.bench.memory.u8);
    next.bench.pc.load(saved);
    next.bench.outb(IO + reg.DCNTL, reg.START);
    await next.bench.settle();
    expect(next.bench.inl(IO + reg.DSPS)).toBe(DONE);
    expect(next.bytes(DATA, 1024)).toEqual(next.disk.bytes.slice(5 * 512, 7 * 512));
  });
});
