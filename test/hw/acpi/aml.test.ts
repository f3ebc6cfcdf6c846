import { expect, test } from 'vitest';
import * as aml from '../../../src/hw/acpi/aml.ts';

const hex = (bytes: aml.Aml): string =>
  bytes.map(byte => byte.toString(16).padStart(2, '0')).join(' ');

test('names are padded segments, with prefixes for paths of two and of more', () => {
  expect(hex(aml.name('_HID'))).toBe('5f 48 49 44');
  expect(hex(aml.name('\\_S5'))).toBe('5c 5f 53 35 5f');
  expect(hex(aml.name('\\_SB.PCI0'))).toBe('5c 2e 5f 53 42 5f 50 43 49 30');
  expect(hex(aml.name('A.B.C')).startsWith('2f 03 41')).toBe(true);
});

test('integers take the shortest form', () => {
  expect([0, 1, 2, 0x100, 0x10000].map(value => hex(aml.integer(value)))).toEqual([
    '00',
    '01',
    '0a 02',
    '0b 00 01',
    '0c 00 00 01 00',
  ]);
});

test('a device id is compressed as the EISA standard says', () => {
  expect(hex(aml.eisaId('PNP0A03'))).toBe('0c 41 d0 0a 03');
  expect(hex(aml.eisaId('PNP0C0F'))).toBe('0c 41 d0 0c 0f');
});

test('a package length counts itself, in one to four bytes', () => {
  const scopeOf = (length: number): aml.Aml =>
    aml.scope('_SB', new Array<number>(length).fill(0xa3));
  expect(hex(scopeOf(2)).slice(0, 20)).toBe('10 07 5f 53 42 5f a3');
  expect(scopeOf(100).slice(1, 3)).toEqual([0x40 | (106 & 15), 106 >> 4]);
  const large = scopeOf(5000);
  expect(large.slice(1, 4)).toEqual([0x80 | (5007 & 15), (5007 >> 4) & 0xff, 5007 >> 12]);
});

test('a resource template is a buffer that ends with an end tag', () => {
  expect(hex(aml.resources(aml.ioPorts(0x60, 1), aml.isaIrq(1)))).toBe(
    '11 10 0a 0d 47 01 60 00 60 00 01 01 22 02 00 79 00',
  );
});
