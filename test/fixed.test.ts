import { expect, test } from 'vitest';
import { reportText, sizeWithUnit } from '../src/block/io/text.ts';
import { fixed } from '../src/fixed.ts';
import { formatSize } from '../src/size.ts';

test('a number in the middle between two texts goes to the even one, as with printf', () => {
  // What `printf "%.0f" 0.5` and so on print.
  const cases: [number, number, string][] = [
    [0.5, 0, '0'],
    [1.5, 0, '2'],
    [2.5, 0, '2'],
    [1.25, 1, '1.2'],
    [1.75, 1, '1.8'],
    [2.25, 1, '2.2'],
    [9.95, 1, '9.9'],
    [3.125, 2, '3.12'],
    [9.375, 2, '9.38'],
    [1.0625, 3, '1.062'],
    [1.1875, 3, '1.188'],
    [-3.125, 2, '-3.12'],
    [1.005, 2, '1.00'],
    [99.995, 2, '100.00'],
    [1e12 + 0.125, 2, '1000000000000.12'],
  ];
  for (const [value, digits, text] of cases) expect(fixed(value, digits), `${value}`).toBe(text);
});

test('sizes of images and of requests are rounded that way', () => {
  expect(formatSize(2.25 * 1024 ** 3)).toBe('2.2G');
  expect(formatSize(1.75 * 1024)).toBe('1.8K');
  expect(sizeWithUnit(1.0625 * 1024 ** 2)).toBe('1.062 MiB');
  const report = { offset: 0, requested: 1088, done: 1088, operations: 1, seconds: 1 };
  expect(reportText({ verb: 'read', ...report, condensed: false })).toContain('1.062 KiB, 1 ops');
});
