import { expect, test } from 'vitest';
import { pcCmos } from '../../../src/hw/timer/cmos.ts';

/** Rows of 16 bytes from 10h on; `..` where nothing is set. */
function dump(cmos: Map<number, number>): string[] {
  return [0x10, 0x20, 0x30, 0x50].map(row =>
    Array.from(
      { length: 16 },
      (_, i) =>
        cmos
          .get(row + i)
          ?.toString(16)
          .padStart(2, '0') ?? '..',
    )
      .join(' ')
      .trim(),
  );
}

test('128 MiB, a default floppy drive and one small disk read as under QEMU', () => {
  const cmos = pcCmos({
    ramBelow4g: 128 << 20,
    bootOrder: 'c',
    floppies: ['144'],
    disks: [{ cylinders: 2, heads: 16, sectors: 63 }],
  });
  expect(dump(cmos)).toEqual([
    '40 .. f0 .. 07 80 02 ff ff 2f .. 02 00 10 ff ff',
    'c8 02 00 3f .. .. .. .. .. .. .. .. .. .. .. ..',
    'ff ff .. .. 00 07 .. .. 00 00 .. .. .. 02 .. ..',
    '.. .. .. .. .. .. .. .. .. .. .. 00 00 00 .. 00',
  ]);
});

test('3 MiB and a disk with LBA translation read as under QEMU', () => {
  const cmos = pcCmos({
    ramBelow4g: 3 << 20,
    bootOrder: 'c',
    floppies: ['144'],
    disks: [{ cylinders: 6241, heads: 16, sectors: 63, translation: 1 }],
  });
  expect(dump(cmos)).toEqual([
    '40 .. f0 .. 07 80 02 00 08 2f .. 61 18 10 ff ff',
    'c8 61 18 3f .. .. .. .. .. .. .. .. .. .. .. ..',
    '00 08 .. .. 00 00 .. .. 00 01 .. .. .. 02 .. ..',
    '.. .. .. .. .. .. .. .. .. .. .. 00 00 00 .. 00',
  ]);
});

test('two disks, no floppy, memory above 4 GiB, three boot devices', () => {
  const disk = { cylinders: 2, heads: 16, sectors: 63 };
  const cmos = pcCmos({
    ramBelow4g: 3584 * 2 ** 20,
    ramAbove4g: 1416 * 2 ** 20,
    cpuCount: 2,
    bootOrder: 'cdn',
    disks: [disk, disk],
  });
  expect(dump(cmos)).toEqual([
    '00 .. ff .. 06 80 02 ff ff 2f 2f 02 00 10 ff ff',
    'c8 02 00 3f 02 00 10 ff ff c8 02 00 3f .. .. ..',
    'ff ff .. .. 00 df .. .. 40 00 .. .. .. 32 .. ..',
    '.. .. .. .. .. .. .. .. .. .. .. 80 58 00 .. 01',
  ]);
});
