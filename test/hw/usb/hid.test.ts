import { expect, test } from 'vitest';
import type { PointerKind, UsbPointer } from '../../../src/hw/usb/hid.ts';
import { Bench } from '../../support/board.ts';
import { IN, PORT1, UhciDriver } from '../../support/uhci-driver.ts';

const REPORT = 0x30000;

function hex(bytes: Uint8Array | undefined): string {
  return [...(bytes ?? [])].map(b => b.toString(16).padStart(2, '0')).join(' ');
}

async function plugIn(kind: PointerKind) {
  const bench = new Bench({ usb: true, usbPointers: [{ kind, id: 'm' }] });
  const driver = new UhciDriver(bench);
  driver.start();
  driver.enable();
  const pointer = bench.pc.usb?.findPointer('m')?.pointer as UsbPointer;
  expect(pointer.isActive).toBe(false);
  await driver.enumerate(1);
  expect(pointer.isActive).toBe(true);
  /** What the interrupt endpoint has to say; undefined when it has nothing. */
  const poll = async (): Promise<string | undefined> => {
    const packet = { pid: IN, endpoint: 1, length: 8, buffer: REPORT };
    const { lengths } = await driver.run([packet], 20);
    if (lengths.length === 0) return undefined;
    const bytes = new Uint8Array(lengths[0]);
    bench.memory.readBytes(REPORT, bytes);
    return hex(bytes);
  };
  return { bench, driver, pointer, poll };
}

test('a mouse is a boot mouse with a wheel', async () => {
  const { driver, bench } = await plugIn('usb-mouse');
  expect(hex(await driver.descriptor(2))).toBe(
    '09 02 22 00 01 01 04 a0 32 09 04 00 00 01 03 01 02 00 ' +
      '09 21 01 00 00 01 22 34 00 07 05 81 03 04 00 0a',
  );
  expect(await driver.text(2)).toBe('QEMU USB Mouse');
  const report = await driver.control([0x81, 6, 0, 0x22, 0, 0, 0xff, 0]);
  expect(report?.length).toBe(0x34);
  expect(hex(report?.subarray(0, 8))).toBe('05 01 09 02 a1 01 09 01');
  expect(await driver.control([0x21, 0x0a, 0, 5, 0, 0, 0, 0])).toBeDefined();
  expect(hex(await driver.control([0xa1, 2, 0, 0, 0, 0, 1, 0]))).toBe('05');
  expect(bench.pc.texts.usbText()).toBe(
    '  Device 0.1, Port 1, Speed 12 Mb/s, Product QEMU USB Mouse\n',
  );
});

test('what moves is told once, far ways in several reports', async () => {
  const { pointer, poll } = await plugIn('usb-mouse');
  expect(await poll()).toBeUndefined();
  pointer.move(3, -2);
  pointer.setButtons(1);
  expect(await poll()).toBe('01 03 fe 00');
  expect(await poll()).toBeUndefined();
  pointer.move(200, 0, 1);
  expect(await poll()).toBe('01 7f 00 ff');
  expect(await poll()).toBe('01 49 00 00');
  pointer.setButtons(0);
  expect(await poll()).toBe('00 00 00 00');
  expect(await poll()).toBeUndefined();
});

test('a tablet says where it is', async () => {
  const { pointer, poll, driver } = await plugIn('usb-tablet');
  expect(hex((await driver.descriptor(2))?.subarray(14, 17))).toBe('03 00 00');
  pointer.moveTo(0x1234, 0x9999);
  pointer.setButtons(4);
  expect(await poll()).toBe('04 34 12 ff 7f 00');
  pointer.move(0, 0, -1);
  expect(await poll()).toBe('04 34 12 ff 7f 01');
});

test('unplugged, its port is free', async () => {
  const { bench } = await plugIn('usb-mouse');
  const { usb } = bench.pc;
  const plugged = usb?.findPointer('m');
  if (plugged !== undefined) usb?.unplugPointer(plugged);
  expect(bench.pc.texts.usbText()).toBe('');
  expect(bench.inw(PORT1) & 1).toBe(0);
});
