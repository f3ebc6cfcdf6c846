import { expect, test } from 'vitest';
import { terminalChords } from '../src/terminal-keys.ts';

const keys = (text: string): string[] =>
  terminalChords(Uint8Array.from(text, c => c.charCodeAt(0))).map(chord => chord.join('-'));

test('letters, shifted characters and control keys', () => {
  expect(keys('aB1!\r\t\x7f\x03')).toEqual([
    'a',
    'shift-b',
    '1',
    'shift-1',
    'ret',
    'tab',
    'backspace',
    'ctrl-c',
  ]);
});

test('arrows, function keys and modifiers', () => {
  expect(keys('\x1b[A\x1bOP\x1b[24~\x1b[3~\x1b[1;5C\x1b[Z')).toEqual([
    'up',
    'f1',
    'f12',
    'delete',
    'ctrl-right',
    'shift-tab',
  ]);
});

test('escape alone, and escape before a letter as alt', () => {
  expect(keys('\x1b')).toEqual(['esc']);
  expect(keys('\x1bx')).toEqual(['alt-x']);
});

test('bytes of no key are left out', () => expect(keys('\xe4\xff')).toEqual([]));
