import { expect, test } from 'vitest';
import { firstByte, fromUtf8, toUtf8 } from '../src/utf8.ts';
import { Random } from './support/random.ts';

test('bytes come back, whatever they are', () => {
  const random = new Random(7);
  const pieces = [[0xe9], [0xef, 0xbb, 0xbf], [0xf0, 0x9f, 0x98, 0x80], [0xc3, 0xa0], [0xed, 0xa0]];
  for (let i = 0; i < 2000; i++) {
    const bytes = Array.from({ length: random.below(12) }, () =>
      random.below(3) === 0 ? pieces[random.below(pieces.length)] : [random.below(256)],
    ).flat();
    expect([...toUtf8(fromUtf8(Uint8Array.from(bytes)))]).toEqual(bytes);
  }
});

test('text is text, a byte order mark too', () => {
  const text = '\ufeffgr\u00fc\u00df \u{1f600}';
  expect(fromUtf8(new TextEncoder().encode(text))).toBe(text);
  expect(toUtf8(text)).toEqual(new TextEncoder().encode(text));
  expect(firstByte('\u00fcx')).toBe('\udcc3');
  expect(firstByte('x')).toBe('x');
});
