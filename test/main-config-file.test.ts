import { expect, test } from 'vitest';
import { readConfigFile } from '../src/main-config-file.ts';

test('each group is the option it stands for, each key a member', () => {
  const text =
    '# disks\n[drive "d0"]\n  file = "a,b.img"\n  if = "none"\n\n[machine]\n type = "pc"\n';
  expect(readConfigFile('x.cfg', text)).toEqual([
    { name: 'drive', argument: 'id=d0,file=a,,b.img,if=none', location: ':x.cfg:2' },
    { name: 'machine', argument: 'type=pc', location: ':x.cfg:6' },
  ]);
});

test.each([
  ['[foo "x"]\n', "There is no option group 'foo'"],
  [' a = "b"\n', 'no group defined'],
  ['[drive]\nbogus\n', 'parse error'],
])('%j is refused', (text, message) => {
  expect(() => readConfigFile('x.cfg', text)).toThrow(message);
});
