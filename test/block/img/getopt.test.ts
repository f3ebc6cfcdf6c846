/**
 * Options of the tools as glibc's getopt_long reads them: the words of the messages are glibc's,
 * as other programs that use it (`ls`) print them.
 */
import { expect, test } from 'vitest';
import { getopt, type OptionTable } from '../../../src/block/img/getopt.ts';

const TABLE: OptionTable = {
  short: 'f:hq',
  long: { help: 'h', 'cmd=': 'c', 'cache=': 't', cachet: 'x' },
  added: { 'object=': 'o', canned: 'z' },
};

function parse(words: readonly string[], table = TABLE): string {
  const seen: string[] = [];
  try {
    const operands = getopt('it', words, table, (option, value) => seen.push(`${option}${value}`));
    return [...seen, '|', ...operands].join(' ');
  } catch (error) {
    return [...seen, (error as Error).message].join(' ');
  }
}

test.each([
  [['a', '-qf', 'raw', 'b', '--', '-q'], 'q fraw | a b -q'],
  [['-fraw', '-', '--cmd', 'x', '--cmd=y=z'], 'fraw cx cy=z | -'],
  [['--he'], 'h |'],
  // A whole name counts although it starts another one.
  [['--cache=1', '--cachet'], 't1 x |'],
  [['--c'], "it: option '--c' is ambiguous; possibilities: '--cmd' '--cache' '--cachet'"],
  [['--ca=1'], "it: option '--ca=1' is ambiguous; possibilities: '--cache' '--cachet'"],
  // Our own names make nothing ambiguous.
  [['--can', '--ob=1'], 'z o1 |'],
  [['--bogus=1'], "it: unrecognized option '--bogus=1'"],
  [['--help=1'], "it: option '--help' doesn't allow an argument"],
  [['--cmd'], "it: option '--cmd' requires an argument"],
  [['-f'], "it: option requires an argument -- 'f'"],
  [['-qx'], "q it: invalid option -- 'x'"],
  [['-q:'], "q it: invalid option -- ':'"],
])('%j', (words, meant) => {
  expect(parse(words)).toBe(meant);
});

test('POSIXLY_CORRECT: the first operand ends the options', () => {
  expect(parse(['-q', 'a', '-q', '--', 'b'], { ...TABLE, strictOrder: true })).toBe(
    'q | a -q -- b',
  );
});

test('without long options the second dash is a letter', () => {
  const table = { short: 'q', long: {}, added: { help: 'h' } };
  expect(parse(['--bogus'], table)).toBe("it: invalid option -- '-'");
  expect(parse(['--help'], table)).toBe('h |');
});
