import { expect, test } from 'vitest';
import { type AcpiFiles, acpiFiles } from '../../../src/hw/acpi/tables.ts';
import { dsdt } from '../../../src/hw/board/dsdt.ts';

const TABLES_AT = 0x7fe0000;
const RSDP_AT = 0xf5000;

function files(): AcpiFiles {
  const places = { ramEnd: 0x8000000, gpe0: 0xafe0, hotplugBase: 0xae00, fixedSlots: [0, 1] };
  const facts = { ...places, serials: [true, false] as const };
  return acpiFiles(dsdt(facts), {
    sciIrq: 9,
    smiCommand: 0xb2,
    acpiEnable: 0xf1,
    acpiDisable: 0xf0,
    pmBase: 0x600,
    gpe0: 0xafe0,
    apics: {
      localApic: 0xfee00000,
      ioapic: 0xfec00000,
      timerPin: 2,
      levelIrqs: [5, 9, 10, 11],
    },
    hpet: { base: 0xfed00000, id: 0x8086a201 },
  });
}

/** Runs the loader's commands as a firmware does; memory by file. */
function load({ tables, rsdp, loader }: AcpiFiles) {
  const places = new Map([
    ['etc/acpi/tables', { at: TABLES_AT, bytes: tables.slice() }],
    ['etc/acpi/rsdp', { at: RSDP_AT, bytes: rsdp.slice() }],
  ]);
  const view = new DataView(loader.buffer);
  const allocated: string[] = [];
  for (let at = 0; at < loader.length; at += 128) {
    const name = (offset: number): string =>
      new TextDecoder().decode(loader.subarray(at + offset, at + offset + 56)).replace(/\0.*/s, '');
    const file = places.get(name(4));
    expect(file).toBeDefined();
    const bytes = file!.bytes;
    const memory = new DataView(bytes.buffer);
    switch (view.getUint32(at, true)) {
      case 1:
        allocated.push(name(4));
        break;
      case 2: {
        const offset = view.getUint32(at + 116, true);
        const target = places.get(name(60));
        memory.setUint32(offset, memory.getUint32(offset, true) + target!.at, true);
        break;
      }
      default: {
        const [into, from, length] = [60, 64, 68].map(o => view.getUint32(at + o, true));
        const sum = bytes.subarray(from, from + length).reduce((a, b) => a + b, 0);
        bytes[into] -= sum;
      }
    }
  }
  expect(allocated).toEqual(['etc/acpi/rsdp', 'etc/acpi/tables']);
  return { tables: places.get('etc/acpi/tables')!.bytes, rsdp: places.get('etc/acpi/rsdp')!.bytes };
}

const sum = (bytes: Uint8Array): number => bytes.reduce((a, b) => a + b, 0) & 0xff;

test('after the loader ran, all tables are found from the root and have valid check sums', () => {
  const { tables, rsdp } = load(files());
  const view = new DataView(tables.buffer);
  const at = (address: number): { name: string; bytes: Uint8Array; offset: number } => {
    const offset = address - TABLES_AT;
    const length = view.getUint32(offset + 4, true);
    const bytes = tables.subarray(offset, offset + length);
    return { name: new TextDecoder().decode(bytes.subarray(0, 4)), bytes, offset };
  };
  expect(sum(rsdp.subarray(0, 20))).toBe(0);
  const rsdt = at(new DataView(rsdp.buffer).getUint32(16, true));
  const fadt = at(view.getUint32(rsdt.offset + 36, true));
  const facs = at(view.getUint32(fadt.offset + 36, true));
  const code = at(view.getUint32(fadt.offset + 40, true));
  const madt = at(view.getUint32(rsdt.offset + 40, true));
  const hpet = at(view.getUint32(rsdt.offset + 44, true));
  const names = [rsdt, fadt, facs, code, madt, hpet].map(t => t.name);
  expect(names).toEqual(['RSDT', 'FACP', 'FACS', 'DSDT', 'APIC', 'HPET']);
  expect([rsdt, fadt, code, madt, hpet].map(t => sum(t.bytes))).toEqual([0, 0, 0, 0, 0]);
  expect(facs.offset % 64).toBe(0);
});

test('the fixed table has the ports where the firmware put them', () => {
  const { tables } = load(files());
  const view = new DataView(tables.buffer);
  const at = Buffer.from(tables).indexOf('FACP');
  const long = (offset: number): number => view.getUint32(at + offset, true);
  expect([long(56), long(64), long(76), long(80)]).toEqual([0x600, 0x604, 0x608, 0xafe0]);
  expect([view.getUint16(at + 46, true), long(48), tables[at + 52]]).toEqual([9, 0xb2, 0xf1]);
});

test('the interrupt table has processor, IOAPIC, overrides and NMI', () => {
  const { tables } = load(files());
  const at = Buffer.from(tables).indexOf('APIC');
  const view = new DataView(tables.buffer, at);
  const entries: string[] = [];
  for (let from = 44; from < view.getUint32(4, true); from += tables[at + from + 1]) {
    const bytes = tables.subarray(at + from, at + from + tables[at + from + 1]);
    entries.push(Buffer.from(bytes).toString('hex'));
  }
  expect([view.getUint32(36, true), view.getUint32(40, true)]).toEqual([0xfee00000, 1]);
  expect(entries).toEqual([
    '0008000001000000',
    '010c00000000c0fe00000000',
    '020a0000020000000000',
    '020a0005050000000d00',
    '020a0009090000000d00',
    '020a000a0a0000000d00',
    '020a000b0b0000000d00',
    '0406ff000001',
  ]);
});
