import { describe, expect, test } from 'vitest';
import { Bench, type RamDisk, ramDisk } from '../../support/board.ts';
import { Random, seedOr } from '../../support/random.ts';
import { IN, OUT, PORT1, UhciDriver } from '../../support/uhci-driver.ts';

const BLOCK = 512;
const BLOCKS = 2048;

interface Stick {
  readonly bench: Bench;
  readonly driver: UhciDriver;
  readonly disk: RamDisk;
}

async function plugIn(change: Partial<RamDisk> = {}): Promise<Stick> {
  const disk = Object.assign(ramDisk(BLOCKS * BLOCK, 'foo'), change);
  const bench = new Bench({ usb: true, usbDevices: [{ backend: disk, id: 'bar' }] });
  const driver = new UhciDriver(bench);
  driver.start();
  driver.enable();
  await driver.enumerate(1);
  // The first command tells of the power-on.
  await driver.scsiOut([0, 0, 0, 0, 0, 0]);
  return { bench, driver, disk };
}

function cdb10(code: number, lba: number, blocks: number): number[] {
  const address = [lba >>> 24, (lba >> 16) & 255, (lba >> 8) & 255, lba & 255];
  return [code, 0, ...address, 0, blocks >> 8, blocks & 255, 0];
}

function hex(bytes: Uint8Array | undefined): string {
  return [...(bytes ?? [])].map(b => b.toString(16).padStart(2, '0')).join(' ');
}

describe('enumeration', () => {
  test('descriptors name QEMU USB MSD 46f4:0001 with two bulk endpoints', async () => {
    const { driver } = await plugIn();
    expect(hex(await driver.descriptor(1))).toBe(
      '12 01 00 02 00 00 00 08 f4 46 01 00 00 00 01 02 03 01',
    );
    expect(hex(await driver.descriptor(2))).toBe(
      '09 02 20 00 01 01 04 c0 00 09 04 00 00 02 08 06 50 00 ' +
        '07 05 81 02 40 00 00 07 05 02 02 40 00 00',
    );
    expect(hex(await driver.descriptor(1, 0, 8))).toBe('12 01 00 02 00 00 00 08');
    expect(await driver.text(1)).toBe('QEMU');
    expect(await driver.text(2)).toBe('QEMU USB MSD');
    expect(await driver.text(3)).toBe('1-0000:00:01.2-1');
  });

  test('the address counts from the status stage on, until the port is reset', async () => {
    const { bench, driver } = await plugIn();
    expect(bench.pc.texts.usbText()).toContain('Device 0.1, Port 1');
    await driver.enumerate(9);
    expect(bench.pc.texts.usbText()).toContain('Device 0.9, Port 1');
    bench.outw(PORT1, 0x200);
    expect(bench.pc.texts.usbText()).toContain('Device 0.0, Port 1');
  });

  test('configuration, interface and status can be asked for', async () => {
    const { driver } = await plugIn();
    expect(hex(await driver.control([0x80, 8, 0, 0, 0, 0, 1, 0]))).toBe('01');
    expect(hex(await driver.control([0x81, 10, 0, 0, 0, 0, 1, 0]))).toBe('00');
    expect(hex(await driver.control([0x80, 0, 0, 0, 0, 0, 2, 0]))).toBe('01 00');
    expect(hex(await driver.control([0xa1, 0xfe, 0, 0, 0, 0, 1, 0]))).toBe('00');
  });

  test('requests that are not known stall and the next one works', async () => {
    const { driver } = await plugIn();
    expect(await driver.descriptor(6)).toBeUndefined();
    expect(await driver.control([0, 9, 2, 0, 0, 0, 0, 0])).toBeUndefined();
    expect(await driver.control([0x40, 77, 0, 0, 0, 0, 0, 0])).toBeUndefined();
    expect((await driver.descriptor(1))?.length).toBe(18);
  });
});

describe('bulk-only transport', () => {
  test('a wrapper that is none stalls both pipes until they are cleared', async () => {
    const { bench, driver } = await plugIn();
    bench.memory.writeBytes(0x30000, new Uint8Array(31));
    expect((await driver.bulk(OUT, 0x30000, 31)).statuses[0] & 0x400000).toBe(0x400000);
    expect((await driver.bulk(IN, 0x30000, 13)).statuses[0] & 0x400000).toBe(0x400000);
    expect(hex(await driver.control([0x82, 0, 0, 0, 0x81, 0, 2, 0]))).toBe('01 00');
    await driver.control([0x21, 0xff, 0, 0, 0, 0, 0, 0]);
    await driver.control([2, 1, 0, 0, 0x81, 0, 0, 0]);
    await driver.control([2, 1, 0, 0, 2, 0, 0, 0]);
    expect((await driver.scsiOut([0, 0, 0, 0, 0, 0])).status).toBe(0);
  });

  test('less data than asked for is a short packet, and the rest is the residue', async () => {
    const { driver } = await plugIn();
    const { data, csw } = await driver.scsiIn([0x12, 0, 0, 0, 255, 0], 255);
    expect(data.length).toBe(36);
    expect(csw).toMatchObject({ residue: 219, status: 0 });
  });

  test('a failed command that should read gives an empty packet and status 1', async () => {
    const { driver } = await plugIn();
    const { data, csw } = await driver.scsiIn(cdb10(0x28, BLOCKS, 1), BLOCK);
    expect(data.length).toBe(0);
    expect(csw).toMatchObject({ residue: BLOCK, status: 1 });
    expect(await driver.sense()).toBe('05 21 00');
  });

  test('more data than the host has room for is a phase error', async () => {
    const { driver } = await plugIn();
    expect((await driver.scsiIn(cdb10(0x28, 0, 2), BLOCK)).csw.status).toBe(2);
    expect((await driver.scsiOut(cdb10(0x28, 0, 2))).status).toBe(2);
    expect((await driver.scsiOut([0, 0, 0, 0, 0, 0])).status).toBe(0);
  });

  test('reset in the middle of a command makes room for the next', async () => {
    const { driver, disk } = await plugIn();
    await driver.wrap(cdb10(0x2a, 3, 2), 2 * BLOCK, false);
    await driver.bulk(OUT, 0x30000, 64);
    await driver.control([0x21, 0xff, 0, 0, 0, 0, 0, 0]);
    expect((await driver.scsiOut([0, 0, 0, 0, 0, 0])).status).toBe(0);
    expect(disk.bytes.every(b => b === 0)).toBe(true);
  });
});

describe('the disk', () => {
  test('the first command reports the power-on', async () => {
    const bench = new Bench({ usb: true, usbDevices: [{ backend: ramDisk(BLOCK) }] });
    const driver = new UhciDriver(bench);
    driver.start();
    driver.enable();
    await driver.enumerate(1);
    expect((await driver.scsiIn([0x12, 0, 0, 0, 36, 0], 36)).csw.status).toBe(0);
    expect((await driver.scsiOut([0, 0, 0, 0, 0, 0])).status).toBe(1);
    expect(await driver.sense()).toBe('06 29 00');
    expect((await driver.scsiOut([0, 0, 0, 0, 0, 0])).status).toBe(0);
    expect(await driver.sense()).toBe('00 00 00');
  });

  test('is a QEMU HARDDISK 2.2.', async () => {
    const { driver } = await plugIn();
    const { data } = await driver.scsiIn([0x12, 0, 0, 0, 36, 0], 36);
    expect(hex(data.subarray(0, 8))).toBe('00 00 05 12 1f 00 00 10');
    expect(new TextDecoder().decode(data.subarray(8))).toBe('QEMU    QEMU HARDDISK   2.2.');
    const pages = await driver.scsiIn([0x12, 1, 0, 0, 36, 0], 36);
    expect(hex(pages.data)).toBe('00 00 00 04 00 83 b0 b2');
    const id = await driver.scsiIn([0x12, 1, 0x83, 0, 36, 0], 36);
    expect(hex(id.data)).toBe('00 83 00 07 02 00 00 03 66 6f 6f');
  });

  test('capacity, LUNs and mode pages', async () => {
    const { driver } = await plugIn();
    expect(hex((await driver.scsiIn(cdb10(0x25, 0, 0), 8)).data)).toBe('00 00 07 ff 00 00 02 00');
    const long = [0x9e, 0x10, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 32, 0, 0];
    expect(hex((await driver.scsiIn(long, 32)).data.subarray(0, 12))).toBe(
      '00 00 00 00 00 00 07 ff 00 00 02 00',
    );
    const luns = [0xa0, 0, 0, 0, 0, 0, 0, 0, 0, 16, 0, 0];
    expect(hex((await driver.scsiIn(luns, 16)).data.subarray(0, 4))).toBe('00 00 00 08');
    const mode = await driver.scsiIn([0x1a, 0, 0x08, 0, 192, 0], 192);
    expect(hex(mode.data.subarray(0, 15))).toBe('1f 00 00 08 00 00 08 00 00 00 02 00 08 12 04');
    const all = await driver.scsiIn([0x5a, 8, 0x3f, 0, 0, 0, 0, 0, 192, 0], 192);
    expect([all.data.length, all.data[1], all.data[8], all.data[32]]).toEqual([52, 50, 4, 8]);
    expect((await driver.scsiIn([0x1a, 0, 0x02, 0, 192, 0], 192)).csw.status).toBe(1);
    expect(await driver.sense()).toBe('05 24 00');
  });

  test('a read-only medium says so and refuses writing', async () => {
    const { driver } = await plugIn({ readOnly: true });
    expect((await driver.scsiIn([0x1a, 0, 0x3f, 0, 192, 0], 192)).data[2]).toBe(0x80);
    expect((await driver.scsiOut(cdb10(0x2a, 0, 1), new Uint8Array(BLOCK))).status).toBe(1);
    expect(await driver.sense()).toBe('07 27 00');
  });

  test('a host that fails is an aborted command', async () => {
    const { driver, disk } = await plugIn();
    disk.broken = true;
    expect((await driver.scsiIn(cdb10(0x28, 0, 1), BLOCK)).csw.status).toBe(1);
    expect(await driver.sense()).toBe('0b 00 06');
    expect((await driver.scsiOut(cdb10(0x2a, 0, 1), new Uint8Array(BLOCK))).status).toBe(1);
    expect(await driver.sense()).toBe('0b 00 06');
  });

  test('synchronizing flushes; unknown commands are refused', async () => {
    const { driver, disk } = await plugIn();
    expect((await driver.scsiOut(cdb10(0x35, 0, 0))).status).toBe(0);
    expect(disk.flushes).toBe(1);
    expect((await driver.scsiOut([0x1b, 0, 0, 0, 0, 0])).status).toBe(0);
    expect((await driver.scsiOut([0x1e, 0, 0, 0, 1, 0])).status).toBe(0);
    expect((await driver.scsiOut(cdb10(0x2f, 2047, 1))).status).toBe(0);
    expect((await driver.scsiOut(cdb10(0x2f, 2047, 2))).status).toBe(1);
    expect((await driver.scsiOut([0xc7])).status).toBe(1);
    expect(await driver.sense()).toBe('05 20 00');
  });

  test('without a medium it is not ready', async () => {
    const { driver } = await plugIn({ inserted: false });
    expect((await driver.scsiOut([0, 0, 0, 0, 0, 0])).status).toBe(1);
    expect(await driver.sense()).toBe('02 3a 00');
  });
});

const FORMS = [
  (lba: number, n: number, w: number) => [8 + w, lba >> 16, (lba >> 8) & 255, lba & 255, n & 255],
  (lba: number, n: number, w: number) => cdb10(0x28 + w, lba, n),
  (lba: number, n: number, w: number) => [0xa8 + w, 0, 0, 0, lba >> 8, lba & 255, 0, 0, 0, n],
  (lba: number, n: number, w: number) => [
    ...[0x88 + w, 0, 0, 0, 0, 0, 0, 0, lba >> 8, lba & 255, 0, 0, 0, n],
  ],
];

/** Random transfers in every form of command; returns what the machine came to. */
async function randomTransfers(seed: number): Promise<{ clockNs: number; bytes: Uint8Array }> {
  const random = new Random(seed);
  const { bench, driver, disk } = await plugIn();
  const expected = new Uint8Array(BLOCKS * BLOCK);
  for (let i = 0; i < 24; i++) {
    const blocks = 1 + random.below(i % 8 === 0 ? 200 : 6);
    const lba = random.below(BLOCKS - blocks);
    const form = FORMS[random.below(FORMS.length)];
    if (random.below(2) === 0) {
      const data = random.fill(new Uint8Array(blocks * BLOCK));
      expected.set(data, lba * BLOCK);
      expect((await driver.scsiOut(form(lba, blocks, 2), data)).status).toBe(0);
    } else {
      const { data, csw } = await driver.scsiIn(form(lba, blocks, 0), blocks * BLOCK);
      expect(csw).toMatchObject({ residue: 0, status: 0 });
      const same = Buffer.compare(data, expected.subarray(lba * BLOCK, (lba + blocks) * BLOCK));
      expect(same).toBe(0);
    }
  }
  expect(Buffer.compare(disk.bytes, expected)).toBe(0);
  return { clockNs: bench.clock.nowNs, bytes: disk.bytes };
}

test('random transfers read what was written, in the same virtual time every run', async () => {
  const seed = seedOr(20150310);
  const first = await randomTransfers(seed);
  const second = await randomTransfers(seed);
  expect(second.clockNs).toBe(first.clockNs);
});

describe('a device that waits for its key', () => {
  test('is there for users, and for guests only when it is attached', () => {
    const usbDevices = [{ backend: ramDisk(BLOCK, 'foo'), id: 'bar', isDeferred: true }];
    const bench = new Bench({ usb: true, usbDevices });
    new UhciDriver(bench).start();
    const text = '  Device 0.0, Port 1, Speed 12 Mb/s, Product QEMU USB MSD\n';
    expect(bench.pc.texts.usbText()).toBe(text);
    expect(bench.inw(PORT1)).toBe(0x80);
    bench.pc.usb?.attachDrive('foo');
    expect(bench.inw(PORT1)).toBe(0x83);
    expect(bench.pc.texts.usbText()).toBe(text);
  });

  test('unplugging it leaves the port as it was', () => {
    const usbDevices = [{ backend: ramDisk(BLOCK, 'foo'), id: 'bar', isDeferred: true }];
    const { pc } = new Bench({ usb: true, usbDevices });
    const bar = pc.usb?.find('bar');
    if (bar === undefined) throw new Error('there is a device');
    pc.usb?.unplug(bar);
    expect(pc.texts.usbText()).toBe('');
    expect(pc.usb?.find('bar')).toBeUndefined();
  });
});
