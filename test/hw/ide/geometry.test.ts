import { expect, test } from 'vitest';
import { BlockError } from '../../../src/block/backend.ts';
import {
  defaultGeometry,
  geometryFromSector,
  guessGeometry,
} from '../../../src/hw/ide/geometry.ts';
import { ramDisk } from '../../support/board.ts';

const MEGABYTE = 1 << 20;

function partitioned(lastHead: number, sectors: number): Uint8Array {
  const first = new Uint8Array(512);
  first.set([0x80, 1, 1, 0, 0x83, lastHead, sectors, 0, 0, 8, 0, 0, 0, 0, 1, 0], 0x1be);
  first.set([0x55, 0xaa], 510);
  return first;
}

test('a blank disk has 16 heads of 63 sectors', () => {
  expect(defaultGeometry(4 * MEGABYTE)).toEqual({
    cylinders: 8,
    heads: 16,
    sectors: 63,
    translation: 'none',
  });
  expect(defaultGeometry(2048 * MEGABYTE).translation).toBe('lba');
  expect(defaultGeometry(1e12).cylinders).toBe(16383);
});

test('a partition table with up to 16 heads is the geometry', () => {
  expect(geometryFromSector(partitioned(15, 32), 100 * MEGABYTE)).toEqual({
    cylinders: 400,
    heads: 16,
    sectors: 32,
    translation: 'none',
  });
});

test('one with more heads tells that the firmware translated', () => {
  expect(geometryFromSector(partitioned(254, 63), 100 * MEGABYTE).translation).toBe('large');
  expect(geometryFromSector(partitioned(254, 63), 20000 * MEGABYTE).translation).toBe('lba');
});

test('a disk that cannot be read is judged by its size', async () => {
  const read = () => Promise.reject(new BlockError('EIO', 'Input/output error'));
  expect(await guessGeometry(undefined, { length: 4 * MEGABYTE, read })).toBeUndefined();
  expect(await guessGeometry(undefined, undefined)).toBeUndefined();
});

test("the user's geometry comes before the partition table, its translation fits", async () => {
  const disk = ramDisk(100 * MEGABYTE);
  await disk.write(0, partitioned(15, 32));
  const given = { cylinders: 100, heads: 4, sectors: 17, translation: 'auto' } as const;
  expect(await guessGeometry(given, disk)).toEqual({ ...given, translation: 'none' });
  const large = { ...given, heads: 17 };
  expect((await guessGeometry(large, disk))?.translation).toBe('lba');
  expect((await guessGeometry(undefined, disk))?.cylinders).toBe(400);
});
