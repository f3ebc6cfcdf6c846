import { mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { Events } from '../src/events.ts';
import { CharTable } from '../src/main-chars.ts';
import { readConfig } from '../src/main-config.ts';
import { DriveTable } from '../src/main-drives.ts';
import { HotPlug } from '../src/main-hotplug.ts';
import { splitOptions } from '../src/options.ts';
import { Bench } from './support/board.ts';
import { Workshop } from './support/emulator.ts';

const workshop = new Workshop();
const folder = mkdtempSync(join(tmpdir(), 'tinamou-'));
afterAll(() => {
  workshop.close();
  rmSync(folder, { recursive: true });
});
const raw = join(folder, 'raw.img');
writeFileSync(raw, '');
truncateSync(raw, 1 << 20);
const encrypted = join(folder, 'enc.qcow2');
workshop.imageTool('create', '-q', '-f', 'qcow2', '-o', 'encryption=on', encrypted, '4M');

const DEVICE = '  Device 0.0, Port 1, Speed 12 Mb/s, Product QEMU USB MSD\n';

async function powerOn(hasUsb = true) {
  const bench = new Bench({ usb: hasUsb });
  const drives = new DriveTable(
    't',
    () => {},
    () => true,
    new Events(),
  );
  const events = new Events();
  const log: string[] = [];
  events.listen(({ name, data }) => log.push(`${name} ${JSON.stringify(data)}`));
  await drives.openAll(
    readConfig([
      ...['-nodefaults', '-compat', 'encrypted-images=legacy'],
      ...['-drive', `if=none,id=foo,file=${encrypted}`],
      ...['-drive', `if=none,id=p,file=${raw},format=raw`],
      ...['-drive', 'if=none,id=e'],
    ]),
  );
  const { usb, slots, virtio, scsi } = bench.pc;
  drives.onKey = drive => usb?.attachDrive(drive);
  const nothing = () => {};
  const chars = new CharTable({
    post: nothing,
    interrupt: nothing,
    terminate: nothing,
    commitAll: nothing,
    nowMs: () => 0,
  });
  const plug = new HotPlug({
    usb,
    slots,
    virtio,
    scsi,
    drives,
    chars,
    events,
    fixed: new Map([['other', 'ide-hd']]),
    counts: { anonymous: 0, unattached: 0, scsiBuses: 0 },
  });
  const add = (text: string): string => {
    try {
      plug.add(splitOptions(text, 'driver'));
      return '';
    } catch (error) {
      return error instanceof Error ? error.message : String(error);
    }
  };
  return { bench, drives, plug, log, add, usb };
}

test('a stick with an encrypted drive is there, and attached with its key', async () => {
  const { add, bench, drives, usb } = await powerOn();
  expect(add('usb-storage,id=bar,drive=foo')).toBe(`'foo' (${encrypted}) is encrypted`);
  expect(bench.pc.texts.usbText()).toBe(DEVICE);
  expect(usb?.find('bar')?.port.isAttached).toBe(false);
  expect(add('usb-storage,id=bar,drive=foo')).toBe("Duplicate ID 'bar' for device");
  expect(add('usb-storage,id=bar2,drive=foo')).toBe(
    "Property 'usb-storage.drive' can't take value 'foo', it's in use",
  );
  drives.setPassword('foo', undefined, 'secret');
  expect(usb?.find('bar')?.port.isAttached).toBe(true);
  await drives.closeAll();
});

test('a stick that goes takes its drive with it', async () => {
  const { add, plug, log, drives, bench } = await powerOn();
  drives.setPassword('foo', undefined, 'secret');
  expect(add('usb-storage,id=bar,drive=foo')).toBe('');
  await plug.remove('bar');
  expect(log).toEqual([
    'DEVICE_DELETED {"path":"/machine/peripheral/bar/bar.0/legacy[0]"}',
    'DEVICE_DELETED {"device":"bar","path":"/machine/peripheral/bar"}',
  ]);
  expect(bench.pc.texts.usbText()).toBe('');
  expect(add('usb-storage,id=bar,drive=foo')).toBe(
    "Property 'usb-storage.drive' can't find value 'foo'",
  );
  await expect(plug.remove('bar')).rejects.toThrow("Device 'bar' not found");
  await drives.closeAll();
});

test('what cannot be plugged says why, in one line', async () => {
  const { add, drives } = await powerOn();
  expect(add('usb-storage')).toBe('drive property not set');
  expect(add('usb-storage,drive=e')).toBe('Device needs media, but drive is empty');
  expect(add('usb-storage,drive=p,bogus=1')).toBe("Property '.bogus' not found");
  expect(add('usb-storage,drive=p,bus=nope')).toBe("Bus 'nope' not found");
  expect(add('usb-storage,drive=p,port=9')).toBe('usb port 9 (bus usb-bus.0) not found (in use?)');
  expect(add('usb-storage,drive=p,id=1x')).toBe("Parameter 'id' expects an identifier");
  expect(add('usb-storage,drive=p,id=other')).toBe("Duplicate ID 'other' for device");
  expect(add('ide-hd')).toBe("Bus 'ide.1' does not support hotplugging");
  expect(add('pc')).toBe("'pc' is not a valid device model name");
  expect(add('usb-storage,drive=p')).toBe('');
  await drives.closeAll();
  const without = await powerOn(false);
  expect(without.add('usb-storage,drive=p')).toBe(
    "No 'usb-bus' bus found for device 'usb-storage'",
  );
  await without.drives.closeAll();
});

test('an adapter, and disks on its bus, come; a disk goes at once', async () => {
  const { add, plug, log, drives, bench } = await powerOn();
  expect(add('scsi-hd,drive=p')).toBe("No 'SCSI' bus found for device 'scsi-hd'");
  expect(add('lsi,id=hba,addr=5')).toBe('');
  expect(bench.inl(0xae00)).toBe(1 << 5);
  expect(add('lsi')).toBe('');
  expect(add('scsi-hd,id=h,drive=p,bus=hba.0,scsi-id=3')).toBe('');
  expect(add('scsi-cd,id=c,drive=e,bus=hba.0,scsi-id=3')).toBe('no free lun');
  expect(add('scsi-cd,id=c,drive=e,bus=hba.0,scsi-id=3,lun=0')).toBe("lun already used by 'h'");
  expect(add('scsi-cd,id=c,drive=e,bus=hba.0,lun=1')).toBe('bad scsi device lun: 1');
  expect(add('scsi-cd,id=c,drive=e,bus=hba.0,scsi-id=8')).toBe('bad scsi device id: 8');
  expect(add('scsi-cd,id=c,drive=e,bus=hba.0')).toBe('');
  expect(add('scsi-cd,id=h')).toBe("Duplicate ID 'h' for device");
  expect(bench.pc.texts.qtreeText()).toMatch(/bus: scsi.0\n.*bus: hba.0\n.*scsi-cd, id "c"/s);
  await plug.remove('h');
  expect(log).toEqual(['DEVICE_DELETED {"device":"h","path":"/machine/peripheral/h"}']);
  expect(drives.drives.map(({ spec }) => spec.id)).toEqual(['foo', 'e']);
  await drives.closeAll();
});

test('an adapter goes with all that is on it when the guest lets go of it', async () => {
  const { add, plug, log, drives, bench } = await powerOn();
  expect(add('lsi53c895a,id=hba')).toBe('');
  expect(add('scsi-hd,id=h,drive=p')).toBe('');
  await plug.remove('hba');
  expect(log).toEqual([]);
  expect(bench.inl(0xae0c)).toBe(bench.inl(0xae04));
  bench.outl(0xae08, bench.inl(0xae04));
  expect(log).toEqual([
    'DEVICE_DELETED {"device":"h","path":"/machine/peripheral/h"}',
    'DEVICE_DELETED {"device":"hba","path":"/machine/peripheral/hba"}',
  ]);
  expect(bench.pc.scsi.plugged).toEqual([]);
  await drives.closeAll();
});
