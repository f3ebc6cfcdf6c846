import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { Bench, disk, ramDisk } from '../../support/board.ts';

const MEGABYTE = 1 << 20;
const golden = readFileSync(join(import.meta.dirname, '../../goldens/C05-info.txt'), 'utf8');

/** What QEMU 2.2.50 printed for a command, on a machine with -nodefaults and two disks. */
function recorded(command: string): string {
  const start = golden.indexOf(`(qemu) ${command}\n`);
  expect(start).toBeGreaterThan(0);
  const from = start + command.length + 8;
  return golden.slice(from, golden.indexOf('(qemu) ', from));
}

function machine(): Bench {
  return new Bench({
    firmware: { name: 'bios-256k.bin', bytes: new Uint8Array(256 * 1024) },
    drives: [
      disk(ramDisk(4 * MEGABYTE, 'ide0-hd0'), 0, 0),
      disk(ramDisk(4 * MEGABYTE, 'ide0-hd1'), 0, 1),
    ],
  });
}

/** Drops lines that match, and what is nested under them. */
function without(text: string, pattern: RegExp): string {
  let hidden = Number.POSITIVE_INFINITY;
  const kept = text.split('\n').filter(line => {
    const indent = line.length - line.trimStart().length;
    if (indent > hidden) return false;
    hidden = pattern.test(line) ? indent : Number.POSITIVE_INFINITY;
    return hidden === Number.POSITIVE_INFINITY;
  });
  return kept.join('\n');
}

test('info pci prints what QEMU prints before any firmware ran', () => {
  expect(machine().pc.texts.pciText()).toBe(recorded('info pci'));
});

test('info pic prints what QEMU prints before any firmware ran', () => {
  expect(machine().pc.texts.picText()).toBe(recorded('info pic'));
});

test('info qtree prints what QEMU prints before any firmware ran', () => {
  expect(machine().pc.texts.qtreeText()).toBe(recorded('info qtree'));
});

test('info mtree differs from QEMU only in registers that are not there', () => {
  const absent = /: acpi-cpu-hotplug$/;
  const theirs = without(recorded('info mtree'), absent).replaceAll('3ffffff', '0ffffff');
  expect(machine().pc.texts.mtreeText()).toBe(theirs);
});

test('info mtree follows the firmware', () => {
  const bench = machine();
  bench.configWriteByte(0, 0, 0x59, 0x30);
  bench.configWriteByte(0, 0, 0x5f, 0x10);
  bench.configWrite(1, 1, 0x20, 0xc040);
  bench.configWrite(1, 1, 0x04, 5);
  bench.configWrite(1, 3, 0x40, 0x601);
  bench.configWriteByte(1, 3, 0x80, 1);
  const text = bench.pc.texts.mtreeText();
  const lines = text
    .split('\n')
    .filter(line => /pam-r|bmdma|acpi|piix4|bus master/.test(line))
    .map(line => line.replace(/\b0{8}/g, ''));
  expect(`${lines.join('\n')}\n`).toMatchInlineSnapshot(`
    "  000ec000-000effff (prio 1, R-): alias pam-rom @pc.ram 000ec000-000effff
      000f0000-000fffff (prio 1, RW): alias pam-ram @pc.ram 000f0000-000fffff
      00000600-0000063f (prio 0, RW): piix4-pm
        00000600-00000603 (prio 0, RW): acpi-evt
        00000604-00000605 (prio 0, RW): acpi-cnt
        00000608-0000060b (prio 0, RW): acpi-tmr
      0000ae00-0000ae13 (prio 0, RW): acpi-pci-hotplug
      0000afe0-0000afe3 (prio 0, RW): acpi-gpe0
      0000c040-0000c04f (prio 1, RW): piix-bmdma-container
        0000c040-0000c043 (prio 0, RW): piix-bmdma
        0000c044-0000c047 (prio 0, RW): bmdma
        0000c048-0000c04b (prio 0, RW): piix-bmdma
        0000c04c-0000c04f (prio 0, RW): bmdma
    00000000-ffffffffffffffff (prio 0, RW): alias bus master @system 00000000-ffffffffffffffff
    "
  `);
});

test('info roms lists firmware, option ROMs and tables', () => {
  const bench = new Bench({
    optionRoms: [{ name: 'linuxboot.bin', bytes: new Uint8Array(1024) }],
  });
  const lines = bench.pc.texts.romsText().split('\n');
  expect(lines[0]).toBe('fw=genroms/linuxboot.bin size=0x000400 name="linuxboot.bin"');
  expect(lines[1]).toBe('addr=00000000fffe0000 size=0x020000 mem=rom name="bios.bin"');
  expect(lines.slice(2).map(line => line.split(' ')[0])).toEqual([
    '/rom@etc/acpi/tables',
    '/rom@etc/table-loader',
    '/rom@etc/acpi/rsdp',
    '',
  ]);
});
