import { expect, test } from 'vitest';
import { evaluate } from '../../../src/monitor/hmp/expression.ts';

const registers: { readonly [name: string]: bigint } = { eip: 0xfff0n, pc: 0xfffffff0n };

function value(text: string): bigint | string {
  try {
    return evaluate(text, 0, name => registers[name]).value;
  } catch (error) {
    return String((error as Error).message);
  }
}

test.each([
  ['1+2', 3n],
  ['2*(3+4)', 14n],
  ['0x10*2-1', 31n],
  ['010', 8n],
  ['10 % 3', 1n],
  ['~0', -1n],
  ['-1', -1n],
  ["'a'", 97n],
  ['$pc', 0xfffffff0n],
  ['$eip + 1', 0xfff1n],
  ['6&3', 2n],
  ['0xffffffffffffffff', -1n],
])('%s is %s', (text, wanted) => expect(value(text)).toBe(wanted));

test('sums bind loosest, then & | ^, then * / %', () => {
  expect(value('1+2&2')).toBe(3n);
  expect(value('2&1+4')).toBe(4n);
  expect(value('5|2*2')).toBe(5n);
});

test.each([
  ['', 'unexpected end of expression'],
  ['1 +', 'unexpected end of expression'],
  ['(1+2', "')' expected"],
  ['1/0', 'division by zero'],
  ['foo', "invalid char 'f' in expression"],
  ['!1', "invalid char '!' in expression"],
  ['$nosuch', 'unknown register'],
  ['$', 'unknown register'],
  ['0xffffffffffffffffff', 'number too large'],
])('%s: %s', (text, wanted) => expect(value(text)).toBe(wanted));

test('an expression ends where its grammar does', () => {
  expect(evaluate('09', 0, () => undefined)).toEqual({ value: 0n, next: 1 });
  expect(evaluate('1<<2', 0, () => undefined)).toEqual({ value: 1n, next: 1 });
});

test('nests as deep as a line is long', () => {
  const depth = 100_000;
  expect(value(`${'('.repeat(depth)}1${')'.repeat(depth)}`)).toBe(1n);
  expect(value('('.repeat(depth))).toBe('unexpected end of expression');
  expect(value(`${'-~'.repeat(depth)}7`)).toBe(BigInt(depth + 7));
  expect(value(`${'1+'.repeat(depth)}1`)).toBe(BigInt(depth + 1));
});

test('an error is that of the first operation that fails', () => {
  expect(value('1/0*$foo')).toBe('division by zero');
  expect(value('(1%0')).toBe('division by zero');
  expect(value('(1/1 $foo')).toBe("')' expected");
  expect(value('1+(2*')).toBe('unexpected end of expression');
});

test('characters are bytes', () => {
  expect(value("'\u00e9'")).toBe("missing terminating ' character");
  expect(value("'\udce9'")).toBe(-23n);
  expect(value('\u00e9')).toBe("invalid char '\udcc3' in expression");
});
