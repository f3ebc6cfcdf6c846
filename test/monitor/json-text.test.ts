import { expect, test } from 'vitest';
import type { Json } from '../../src/json.ts';
import { printJson, printOrder } from '../../src/monitor/json-text.ts';
import { golden } from '../support/sessions.ts';

const LOGS = [
  'D01-protocol',
  'D02-status',
  'D03-encrypted',
  'D04-query-block',
  'D10-introspection',
];

/** Members in the order in which they stand in the text. */
function* objects(value: Json): Generator<{ readonly [name: string]: Json }> {
  if (typeof value !== 'object' || value === null) return;
  if (Array.isArray(value)) for (const item of value) yield* objects(item as Json);
  else {
    const object = value as { readonly [name: string]: Json };
    yield object;
    for (const item of Object.values(object)) yield* objects(item);
  }
}

test('every recorded object has its members in the order that we print', () => {
  let count = 0;
  for (const name of LOGS) {
    const lines = golden(name)
      .split('\n')
      .filter(line => line.startsWith('<- {'));
    for (const line of lines) {
      for (const object of objects(JSON.parse(line.slice(3)) as Json)) {
        // Inserted in reverse: the newest of a bucket comes first.
        const reversed = Object.fromEntries(Object.entries(object).reverse());
        expect(printOrder(reversed)).toEqual(Object.keys(object));
        count++;
      }
    }
  }
  expect(count).toBeGreaterThan(500);
});

test('recorded replies are printed byte for byte', () => {
  const lines = golden('D01-protocol')
    .split('\n')
    .filter(line => line.startsWith('<- {'));
  expect(lines.length).toBeGreaterThan(20);
  for (const line of lines) {
    const value = JSON.parse(line.slice(3), (_key, inner: unknown) =>
      typeof inner === 'object' && inner !== null && !Array.isArray(inner)
        ? Object.fromEntries(Object.entries(inner).reverse())
        : inner,
    ) as Json;
    expect(printJson(value)).toBe(line.slice(3));
  }
});

test('strings are escaped, floats lose their trailing zeros', () => {
  expect(printJson('a"\\\n\tä\u0001€')).toBe('"a\\"\\\\\\n\\t\\u00E4\\u0001\\u20AC"');
  expect(printJson([1.5, 0.25, 3, -7])).toBe('[1.5, 0.25, 3, -7]');
});

test('pretty output has a member per line and empty things on two', () => {
  expect(printJson({ return: {}, list: [] }, true)).toBe(
    '{\n    "list": [\n    ],\n    "return": {\n    }\n}',
  );
});

test('half of a character is none', () => {
  expect(printJson('\ud83d\ude00 \ud83d \udce9x')).toBe('"\\uD83D\\uDE00 \\uFFFD \\uFFFDx"');
});
