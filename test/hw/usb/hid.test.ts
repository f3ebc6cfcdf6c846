import { describe, expect, test } from 'vitest';
import type { HidKind } from '../../../src/hw/usb/hid.ts';
import { Bench } from '../../support/board.ts';
import { PORT1, STS, UhciDriver } from '../../support/uhci-driver.ts';

interface Plugged {
  readonly bench: Bench;
  readonly driver: UhciDriver;
}

async function plugIn(model: HidKind): Promise<Plugged> {
  const bench = new Bench({ usb: true, usbDevices: [{ model }] });
  const driver = new UhciDriver(bench);
  driver.start();
  driver.enable();
  await driver.enumerate(1);
  return { bench, driver };
}

function hex(bytes: Uint8Array | undefined): string {
  return [...(bytes ?? [])].map(b => b.toString(16).padStart(2, '0')).join(' ');
}

/** As QEMU 7.2 answers, but for the number of the serial string. */
const DESCRIPTORS: { readonly [kind in HidKind]: readonly [string, string, string] } = {
  mouse: [
    '12 01 00 02 00 00 00 08 27 06 01 00 00 00 01 02 05 01',
    '09 02 22 00 01 01 06 a0 32 09 04 00 00 01 03 01 02 00 ' +
      '09 21 01 00 00 01 22 34 00 07 05 81 03 04 00 0a',
    '05 01 09 02 a1 01 09 01 a1 00 05 09 19 01 29 05 15 00 25 01 95 05 75 01 81 02 95 01 75 03 ' +
      '81 01 05 01 09 30 09 31 09 38 15 81 25 7f 75 08 95 03 81 06 c0 c0',
  ],
  tablet: [
    '12 01 00 02 00 00 00 08 27 06 01 00 00 00 01 03 05 01',
    '09 02 22 00 01 01 07 a0 32 09 04 00 00 01 03 00 00 00 ' +
      '09 21 01 00 00 01 22 4a 00 07 05 81 03 08 00 0a',
    '05 01 09 02 a1 01 09 01 a1 00 05 09 19 01 29 03 15 00 25 01 95 03 75 01 81 02 95 01 75 05 ' +
      '81 01 05 01 09 30 09 31 15 00 26 ff 7f 35 00 46 ff 7f 75 10 95 02 81 02 05 01 09 38 ' +
      '15 81 25 7f 35 00 45 00 75 08 95 01 81 06 c0 c0',
  ],
  keyboard: [
    '12 01 00 02 00 00 00 08 27 06 01 00 00 00 01 04 05 01',
    '09 02 22 00 01 01 08 a0 32 09 04 00 00 01 03 01 01 00 ' +
      '09 21 11 01 00 01 22 3f 00 07 05 81 03 08 00 0a',
    '05 01 09 06 a1 01 75 01 95 08 05 07 19 e0 29 e7 15 00 25 01 81 02 95 01 75 08 81 01 95 05 ' +
      '75 01 05 08 19 01 29 05 91 02 95 01 75 03 91 01 95 06 75 08 15 00 25 ff 05 07 19 00 29 ff ' +
      '81 00 c0',
  ],
};

describe('descriptors', () => {
  test.each(['mouse', 'tablet', 'keyboard'] as const)('of the %s are QEMU’s', async kind => {
    const { driver } = await plugIn(kind);
    expect([
      hex(await driver.descriptor(1)),
      hex(await driver.descriptor(2)),
      hex(await driver.control([0x81, 6, 0, 0x22, 0, 0, 255, 0])),
    ]).toEqual(DESCRIPTORS[kind]);
  });

  test('texts are by number', async () => {
    const { driver } = await plugIn('tablet');
    expect(await driver.text(3)).toBe('QEMU USB Tablet');
    expect(await driver.text(5)).toBe('42');
    expect(await driver.text(7)).toBe('HID Tablet');
  });
});

describe('mouse', () => {
  test('gets movement once the guest asks for it, nothing twice', async () => {
    const { bench, driver } = await plugIn('mouse');
    const { router } = bench.pc.input;
    expect(router.mice().map(({ name }) => name)).toEqual(['QEMU HID Mouse', 'QEMU PS/2 Mouse']);
    expect(await driver.poll(4)).toBeUndefined();
    expect(router.mice().at(-1)).toMatchObject({ name: 'QEMU HID Mouse', index: 3 });
    router.move(3, -2);
    router.move(1, 0);
    expect(await driver.poll(4)).toEqual([0, 4, 0xfe, 0]);
    expect(await driver.poll(4)).toBeUndefined();
  });

  test('long ways take several reports, clicks keep their order', async () => {
    const { bench, driver } = await plugIn('mouse');
    await driver.poll(4);
    const { router } = bench.pc.input;
    router.move(200, 0);
    router.button(1, true);
    router.button(1, false);
    router.turnWheel(-1);
    expect(await driver.poll(4)).toEqual([0, 127, 0, 0]);
    expect(await driver.poll(4)).toEqual([0, 73, 0, 0]);
    expect(await driver.poll(4)).toEqual([1, 0, 0, 0]);
    expect(await driver.poll(4)).toEqual([0, 0, 0, 1]);
  });

  test('an idle rate repeats the report', async () => {
    const { driver } = await plugIn('mouse');
    await driver.control([0x21, 0x0a, 0, 5, 0, 0, 0, 0]);
    expect(hex(await driver.control([0xa1, 2, 0, 0, 0, 0, 1, 0]))).toBe('05');
    expect(await driver.poll(4)).toEqual([0, 0, 0, 0]);
    expect(await driver.poll(4)).toBeUndefined();
    driver.wait(20);
    expect(await driver.poll(4)).toEqual([0, 0, 0, 0]);
  });

  test('wakes a port that sleeps, if the guest allows it', async () => {
    const { bench, driver } = await plugIn('mouse');
    await driver.poll(4);
    await driver.control([0, 3, 1, 0, 0, 0, 0, 0]);
    expect(hex(await driver.control([0x80, 0, 0, 0, 0, 0, 2, 0]))).toBe('02 00');
    bench.outw(PORT1, 0x1004);
    bench.outw(STS, 0x1f);
    bench.pc.input.router.button(2, true);
    expect(bench.inw(PORT1) & 0x1040).toBe(0x1040);
    expect(bench.inw(STS) & 4).toBe(4);
  });
});

describe('tablet', () => {
  test('says places, 0 to 7FFFh', async () => {
    const { bench, driver } = await plugIn('tablet');
    await driver.poll(8);
    const { router } = bench.pc.input;
    router.moveTo('x', 0x1234);
    router.moveTo('y', 0x99999);
    router.button(2, true);
    expect(await driver.poll(8)).toEqual([0, 0x34, 0x12, 0xff, 0x7f, 0]);
    expect(await driver.poll(8)).toEqual([2, 0x34, 0x12, 0xff, 0x7f, 0]);
    expect(await driver.poll(8)).toBeUndefined();
  });

  test('has no boot protocol', async () => {
    const { driver } = await plugIn('tablet');
    expect(await driver.control([0xa1, 3, 0, 0, 0, 0, 1, 0])).toBeUndefined();
  });
});

describe('keyboard', () => {
  test('reports modifiers and keys stroke by stroke, once the guest asks', async () => {
    const { bench, driver } = await plugIn('keyboard');
    bench.pc.input.router.key('a', 'press');
    expect(bench.inb(0x64) & 1).toBe(1);
    expect(await driver.poll(8)).toBeUndefined();
    bench.pc.keys.send(['shift', 'a'], 10);
    driver.wait(100);
    const reports = [];
    for (let i = 0; i < 4; i++) reports.push(await driver.poll(8));
    expect(reports).toEqual([
      [2, 0, 0, 0, 0, 0, 0, 0],
      [2, 0, 4, 0, 0, 0, 0, 0],
      [2, 0, 0, 0, 0, 0, 0, 0],
      [0, 0, 0, 0, 0, 0, 0, 0],
    ]);
    expect(await driver.poll(8)).toBeUndefined();
  });

  test('more than six keys are an error in every place', async () => {
    const { bench, driver } = await plugIn('keyboard');
    await driver.poll(8);
    for (const key of ['a', 'b', 'c', 'd', 'e', 'f', 'g'] as const) {
      bench.pc.input.router.key(key, 'press');
    }
    const reports = [];
    for (let i = 0; i < 7; i++) reports.push(await driver.poll(8));
    expect(reports[5]).toEqual([0, 0, 4, 5, 6, 7, 8, 9]);
    expect(reports[6]).toEqual([0, 0, 1, 1, 1, 1, 1, 1]);
  });

  test('an output report sets the lamps; a request without an end stalls', async () => {
    const { driver } = await plugIn('keyboard');
    expect(await driver.control([0x21, 9, 0, 2, 0, 0, 1, 0, 0x05])).toBeDefined();
    expect(await driver.control([0x21, 9, 0, 2, 0, 0, 64, 0])).toBeUndefined();
  });

  test('keystrokes and preferences survive saving and loading', async () => {
    const { bench, driver } = await plugIn('keyboard');
    await driver.poll(8);
    bench.pc.input.router.key('b', 'press');
    const saved = bench.pc.save();
    const other = new Bench({ usb: true, usbDevices: [{ model: 'keyboard' }] });
    other.memory.u8.set(bench.memory.u8.subarray(0, 0x30000));
    other.clock.advanceTo(bench.clock.nowNs);
    other.pc.load(saved);
    const twin = new UhciDriver(other);
    twin.address = 1;
    expect(await twin.poll(8)).toEqual([0, 0, 5, 0, 0, 0, 0, 0]);
    other.pc.input.router.key('b', 'release');
    expect(await twin.poll(8)).toEqual([0, 0, 0, 0, 0, 0, 0, 0]);
  });
});

test('a mouse that is taken out leaves the other its work', async () => {
  const { bench, driver } = await plugIn('mouse');
  await driver.poll(4);
  const { pc } = bench;
  const usb = pc.usb;
  const mouse = usb?.plugged[0];
  if (usb !== undefined && mouse !== undefined) usb.unplug(mouse);
  expect(pc.input.router.mice()).toMatchObject([{ name: 'QEMU PS/2 Mouse', isCurrent: true }]);
  expect(bench.inw(PORT1) & 7).toBe(2);
});
