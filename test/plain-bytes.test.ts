import { expect, test } from 'vitest';
import { decodePlain, encodePlain } from '../src/plain-bytes.ts';
import type { Plain } from '../src/state.ts';
import { Random } from './support/random.ts';

const values: readonly Plain[] = [
  0,
  255,
  256,
  0xffffffff,
  2 ** 40,
  Number.MAX_SAFE_INTEGER,
  -1,
  0.5,
  true,
  false,
  '',
  'Grüße',
  Uint8Array.of(1, 2, 3),
  [1, [2, 'three'], []],
  { b: 1, a: { nested: [false] }, bytes: new Uint8Array(5000) },
];

test.each(values.map(value => [value]))('%j comes back as it was', value => {
  expect(decodePlain(encodePlain(value))).toEqual(value);
});

test('members keep their order', () => {
  expect(Object.keys(decodePlain(encodePlain({ z: 1, a: 2 })))).toEqual(['z', 'a']);
});

test('bytes that are cut or changed are refused or give something else, and end soon', () => {
  const bytes = encodePlain(values);
  const random = new Random(Number(process.env['SEED'] ?? 1));
  for (let i = 0; i < 2000; i++) {
    const damaged = bytes.slice(0, random.below(bytes.length));
    if (damaged.length > 0) damaged[random.below(damaged.length)] = random.below(256);
    expect(() => decodePlain(damaged)).toThrow();
  }
  expect(() => decodePlain(new Uint8Array(1000).fill(7))).toThrow('damaged');
});
