import { truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { Workshop } from '../support/emulator.ts';

const workshop = new Workshop();
afterAll(() => workshop.close());
const raw = join(workshop.folder, 'raw.img');
writeFileSync(raw, '');
truncateSync(raw, 1024 * 1024);
workshop.imageTool('create', '-q', '-f', 'qcow2', '-o', 'encryption=on', 'enc.qcow2', '4M');

const BASE = ['-nodefaults', '-display', 'none', '-monitor', 'stdio', '-S'];
const DEVICE = '  Device 0.0, Port 1, Speed 12 Mb/s, Product QEMU USB MSD';
/** Gives the controller ports at C000. */
const MAP = ['o/wx 0xcf8 0x80000a20', 'o/wx 0xcfc 0xc001', 'o/wx 0xcf8 0x80000a04', 'o/wx 0xcfc 5'];

/** What the monitor prints, without its prompts and echoes. */
async function monitor(argv: readonly string[], lines: readonly string[]): Promise<string[]> {
  const input = [...lines, 'quit'].map(line => `${line}\n`).join('');
  const { text, stderr } = await workshop.run([...BASE, ...argv], input);
  expect(stderr).toBe('');
  return text.split('\n').filter(line => line !== '' && !/^\(qemu\)|^QEMU 2/.test(line));
}

test('-usbdevice disk: is a drive usb0 in a stick', async () => {
  const argv = ['-usbdevice', 'disk:format=raw:raw.img'];
  expect(await monitor(argv, ['info usb', 'info block'])).toEqual([
    DEVICE,
    'usb0: raw.img (raw)',
    '    Cache mode:       writeback',
  ]);
});

test('-machine usb=on and -device piix3-usb-uhci are -usb', async () => {
  expect(await monitor([], ['info usb'])).toEqual(['USB support not enabled']);
  expect(await monitor(['-machine', 'usb=on'], ['info usb'])).toEqual([]);
  expect(await monitor(['-device', 'piix3-usb-uhci'], ['info usb'])).toEqual([]);
});

test('an encrypted stick is attached when its key arrives', async () => {
  const drive = ['-drive', 'if=none,id=foo,file=enc.qcow2', '-device', 'usb-storage,drive=foo'];
  const argv = ['-compat', 'encrypted-images=legacy', '-usb', ...drive];
  const port = 'i/hx 0xc010';
  const lines = [...MAP, 'info usb', port, 'block_passwd foo x', port];
  expect(await monitor(argv, lines)).toEqual([
    DEVICE,
    'portw[0xc010] = 0x80',
    'portw[0xc010] = 0x83',
  ]);
});

test('a third stick has no port', async () => {
  const drives = ['a', 'b', 'c'].flatMap(id => [
    ...['-drive', `if=none,id=${id},file=raw.img,format=raw,readonly=on`],
    ...['-device', `usb-storage,drive=${id}`],
  ]);
  const { stderr, status } = await workshop.run(['-nodefaults', '-usb', ...drives]);
  const place = 'qemu-system-x86_64: -device usb-storage,drive=c:';
  expect(stderr).toBe(
    `${place} tried to attach usb device QEMU USB MSD to a bus with no free ports\n` +
      `${place} Device 'usb-storage' could not be initialized\n`,
  );
  expect(status).toBe(1);
});

test('the id of a deleted drive is taken until its device is gone, too', async () => {
  const add = 'drive_add 0 if=none,id=d0,format=raw,file=raw.img';
  const plug = 'device_add usb-storage,drive=d0,id=b0';
  const lines = [add, plug, 'drive_del d0', 'drive_del d0', add, 'device_del b0', add, plug];
  expect(await monitor(['-usb'], [...lines, 'info usb'])).toEqual([
    'OK',
    "Device 'd0' not found",
    "Duplicate ID 'd0' for drive",
    'OK',
    DEVICE.replace('Port 1', 'Port 2'),
  ]);
});
