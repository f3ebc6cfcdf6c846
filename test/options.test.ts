import { expect, test } from 'vitest';
import { escapeOption, parseOptions, splitOptions } from '../src/options.ts';
import { formatSize, parseOptionSize, parseSize } from '../src/size.ts';

const read = (text: string, implied?: string): string[] =>
  splitOptions(text, implied).map(({ key, value }) => `${key}:${value}`);

test('keys and values, flags, and the first value without its key', () => {
  expect(read('file=a.img,if=ide,snapshot')).toEqual(['file:a.img', 'if:ide', 'snapshot:on']);
  expect(read('pc,accel=tcg', 'type')).toEqual(['type:pc', 'accel:tcg']);
  expect(read('server,nowait')).toEqual(['server:on', 'wait:off']);
  expect(read('')).toEqual([]);
});

test('a comma in a value is written twice', () => {
  expect(read('file=a,,b.img,if=none')).toEqual(['file:a,b.img', 'if:none']);
  expect(read('a,,b', 'type')).toEqual(['type:a,b']);
  expect(read(`x=${escapeOption('1,2,3')}`)).toEqual(['x:1,2,3']);
});

const group = {
  name: 'test',
  keys: { on: 'bool', count: 'number', size: 'size', text: 'string' },
} as const;

test.each([
  ['bogus=1', "Invalid parameter 'bogus'"],
  ['on=maybe', "Parameter 'on' expects 'on' or 'off'"],
  ['count=x', "Parameter 'count' expects a number"],
  ['size=x', "Parameter 'size' expects a size"],
  ['id=1x', "Parameter 'id' expects an identifier"],
])('%s is refused: %s', (text, message) =>
  expect(() => parseOptions(text, group)).toThrow(message),
);

test('values are read as their kind, the last one counts', () => {
  const list = parseOptions('on,count=0x10,size=1.5k,text=a,text=b,id=x', group);
  expect(list.bool('on')).toBe(true);
  expect(list.number('count')).toBe(16);
  expect(list.size('size')).toBe(1536);
  expect(list.get('text')).toBe('b');
  expect(list.id).toBe('x');
  expect(list.has('bogus')).toBe(false);
});

test('a later list goes before an earlier one, whose other keys stay', () => {
  const group = { name: 'boot-opts', impliedKey: 'order', keys: { order: 'string' } } as const;
  const free = { name: 'x', impliedKey: 'order' };
  const list = parseOptions('d', group).after(parseOptions('c,menu=on', free));
  expect([list.get('order'), list.get('menu')]).toEqual(['d', 'on']);
});

test('sizes take suffixes', () => {
  expect(parseSize('64k')).toEqual({ bytes: 65536, rest: '' });
  expect(parseSize('1.5g')).toEqual({ bytes: 1610612736, rest: '' });
  expect(parseSize('8', 'M')).toEqual({ bytes: 8388608, rest: '' });
  expect(parseSize('12X', 'M')).toEqual({ bytes: 12582912, rest: 'X' });
  expect(parseSize('0x1000')).toEqual({ bytes: 4096, rest: '' });
  expect(parseSize('1e3')).toEqual({ bytes: 1000, rest: '' });
  expect(parseSize('0x1.8p1k')).toEqual({ bytes: 3072, rest: '' });
  expect(parseSize('1.5')).toBeUndefined();
  expect(parseSize('-1')).toBeUndefined();
  expect(parseSize('x')).toBeUndefined();
});

test('an option size looks at the first letter of its suffix only', () => {
  expect(parseOptionSize('bogus')).toBe(0);
  expect(parseOptionSize('foo')).toBeUndefined();
  expect(parseOptionSize('64Mega')).toBe(67108864);
});

test('sizes are shown with at most three digits', () => {
  expect([0, 999, 1000, 200704, 4194304, 10737418240].map(formatSize)).toEqual([
    '0',
    '999',
    '1.0K',
    '196K',
    '4.0M',
    '10G',
  ]);
});
