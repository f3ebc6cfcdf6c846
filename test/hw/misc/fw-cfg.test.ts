import { expect, test } from 'vitest';
import { Bench } from '../../support/board.ts';

const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);

function readKey(bench: Bench, key: number, length: number): Uint8Array {
  bench.outw(0x510, key);
  return Uint8Array.from({ length }, () => bench.inb(0x511));
}

function directory(bench: Bench): Map<string, { key: number; size: number }> {
  const count = new DataView(readKey(bench, 0x19, 4).buffer).getUint32(0);
  const bytes = readKey(bench, 0x19, 4 + 64 * count);
  const view = new DataView(bytes.buffer);
  return new Map(
    Array.from({ length: count }, (_, i) => {
      const at = 4 + 64 * i;
      const name = text(bytes.subarray(at + 8, at + 64)).replace(/\0.*/s, '');
      return [name, { size: view.getUint32(at), key: view.getUint16(at + 4) }];
    }),
  );
}

test('the signature and the interface number tell a guest that the device is there', () => {
  const bench = new Bench();
  expect(text(readKey(bench, 0, 4))).toBe('QEMU');
  expect([...readKey(bench, 1, 4)]).toEqual([1, 0, 0, 0]);
});

test('beyond the end of an entry, and of an unknown one, there are zeros', () => {
  const bench = new Bench();
  expect([...readKey(bench, 0, 6)].slice(4)).toEqual([0, 0]);
  expect([...readKey(bench, 0x7777, 2)]).toEqual([0, 0]);
});

test('the directory lists the files that firmware looks for', () => {
  const bench = new Bench({
    optionRoms: [{ name: 'linuxboot.bin', bytes: new Uint8Array(1024), bootIndex: 0 }],
    boot: { order: 'cad', menu: true, splashTime: 2000 },
  });
  const files = directory(bench);
  expect([...files.keys()]).toEqual([
    'etc/boot-menu-wait',
    'etc/boot-fail-wait',
    'etc/smbios/smbios-tables',
    'etc/smbios/smbios-anchor',
    'etc/e820',
    'genroms/linuxboot.bin',
    'etc/system-states',
    'etc/acpi/tables',
    'etc/table-loader',
    'etc/acpi/rsdp',
    'bootorder',
  ]);
  const order = files.get('bootorder');
  expect(order).toBeDefined();
  expect(text(readKey(bench, order!.key, order!.size))).toBe('/rom@genroms/linuxboot.bin\0');
});

test('e820 has one range of RAM', () => {
  const bench = new Bench();
  const file = directory(bench).get('etc/e820');
  const view = new DataView(readKey(bench, file!.key, 20).buffer);
  expect(view.getBigUint64(0, true)).toBe(0n);
  expect(view.getBigUint64(8, true)).toBe(16n << 20n);
  expect(view.getUint32(16, true)).toBe(1);
});

test('a kernel loader reads what the command line gave', () => {
  const bench = new Bench({
    fwCfgEntries: [{ key: 0x15, bytes: new TextEncoder().encode('console=ttyS0\0') }],
    nographic: true,
    uuid: Uint8Array.from({ length: 16 }, (_, i) => i),
  });
  expect(text(readKey(bench, 0x15, 13))).toBe('console=ttyS0');
  expect([...readKey(bench, 4, 2)]).toEqual([1, 0]);
  expect([...readKey(bench, 2, 16)]).toEqual(Array.from({ length: 16 }, (_, i) => i));
});
