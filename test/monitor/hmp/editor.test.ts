import { expect, test } from 'vitest';
import { type Completion, LineEditor } from '../../../src/monitor/hmp/editor.ts';

/** An editor at its prompt, with what it wrote and which lines it gave away. */
function editor(names: readonly string[] = [], hidden = false) {
  const seen = { text: '', lines: [] as string[] };
  const line = new LineEditor({
    write: text => {
      seen.text += text;
    },
    accept: text => {
      seen.lines.push(text);
      line.begin(hidden ? 'Password: ' : '> ', hidden);
    },
    complete: (before, done) => {
      const word = before.slice(before.lastIndexOf(' ') + 1);
      const candidates = names.filter(name => name.startsWith(word));
      const result: Completion = { candidates, wordStart: before.length - word.length };
      done(result);
    },
  });
  line.begin(hidden ? 'Password: ' : '> ', hidden);
  const type = (bytes: string): string => {
    seen.text = '';
    for (const c of bytes) line.input(c.charCodeAt(0));
    return seen.text.replaceAll('\x1b[D', '<').replaceAll('\x1b[C', '>').replaceAll('\x1b[K', '|');
  };
  return { type, seen, line };
}

test('the whole line is redrawn after each letter', () => {
  const { type } = editor();
  expect(type('abc')).toBe('a|<ab|<<abc|');
  expect(type('\x7f')).toBe('<<<ab|');
  expect(type('\r')).toBe('\n> ');
});

test('moving the cursor writes arrows only, inserting redraws and goes back', () => {
  const { type, seen } = editor();
  type('abc');
  expect(type('\x1b[D\x1b[D')).toBe('<<');
  expect(type('Z')).toBe('<aZbc|<<');
  expect(type('\x05')).toBe('>>');
  expect(type('\x01')).toBe('<<<<');
  expect(type('\x04')).toBe('Zbc|<<<');
  type('\r');
  expect(seen.lines).toEqual(['Zbc']);
});

test('^W takes the word on the left with the blanks behind it', () => {
  const { type } = editor();
  type('foo bar  ');
  expect(type('\x17')).toBe('<<<<<<<<<foo |');
  expect(type('\x17')).toBe('<<<<|');
  expect(type(' ab\x17')).toMatch(/ab\|<<<\|$/);
  expect(type('  ab\x17')).toMatch(/ab\|<<<< {2}\|$/);
});

test('history goes up and down, and an equal line moves to its end', () => {
  const { type, line } = editor();
  type('one\rtwo\rone\r\r');
  expect(line.history).toEqual(['two', 'one']);
  expect(type('\x1b[A')).toBe('one|');
  expect(type('\x1b[A')).toBe('<<<two|');
  expect(type('\x1b[A')).toBe('');
  expect(type('\x1b[B')).toBe('<<<one|');
});

test('history keeps 64 lines', () => {
  const { type, line } = editor();
  for (let i = 0; i < 70; i++) type(`line${i}\r`);
  expect(line.history.length).toBe(64);
  expect(line.history[0]).toBe('line6');
});

test('a password shows an asterisk per byte and is not remembered', () => {
  const { type, seen, line } = editor([], true);
  expect(type('\xc3\xa4')).toBe('*|<**|');
  type('\r');
  expect(seen.lines).toEqual(['\xc3\xa4']);
  expect(line.history).toEqual([]);
});

test('one completion is finished with a blank, several are listed', () => {
  const { type } = editor(['block', 'block-jobs', 'blockstats', 'status']);
  expect(type('st\t')).toBe('s|<st|<<status |');
  type('\r');
  expect(type('b\t')).toBe('b|\nblock       block-jobs  blockstats  \n> block|');
  expect(type('\t')).toBe('\nblock       block-jobs  blockstats  \n> block|');
});

test('no completion changes nothing, a folder gets no blank', () => {
  const { type } = editor(['dir/']);
  expect(type('x\t')).toBe('x|');
  expect(type('\rd\t')).toBe('\n> d|<dir/|');
});

test('unknown control bytes and sequences are ignored', () => {
  const { type } = editor();
  expect(type('\x02\x06\x0b\x0e\x10\x15\x03')).toBe('');
  expect(type('\x1bOP')).toBe('');
  expect(type('\x1b[1~a')).toBe('a|');
});
