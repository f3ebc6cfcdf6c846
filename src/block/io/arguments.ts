/**
 * Arguments of the I/O tool's commands: flags first, then a number of words.
 */

/** A command's own name, then its words. */
export type Words = readonly string[];

export interface Flags {
  has(letter: string): boolean;
  get(letter: string): string | undefined;
}

/** The words do not fit: the command's help is shown, after a complaint. */
export class BadArguments extends Error {
  override readonly name = 'BadArguments';
}

/** Looks at an option's value where it stands: what is wrong first is told. */
type ValueCheck = (letter: string, value: string) => void;

/** As getopt reads them: options may stand after other words, `--` ends them. */
export function parseFlags(
  words: Words,
  letters: string,
  least: number,
  most = Number.POSITIVE_INFINITY,
  check: ValueCheck = () => {},
): { readonly flags: Flags; readonly rest: readonly string[] } {
  const values = new Map<string, string>();
  const rest: string[] = [];
  for (let at = 1; at < words.length; at++) {
    const word = words[at];
    if (word === '--') {
      rest.push(...words.slice(at + 1));
      break;
    }
    if (word === '-' || !word.startsWith('-')) rest.push(word);
    else if (readOptions(words, at, { letters, values, check })) at++;
  }
  if (rest.length < least || rest.length > most) throw new BadArguments('');
  return { flags: { has: l => values.has(l), get: l => values.get(l) }, rest };
}

interface Reading {
  readonly letters: string;
  readonly values: Map<string, string>;
  readonly check: ValueCheck;
}

/** The letters of one word; true when the next word was an argument of them. */
function readOptions(words: Words, at: number, { letters, values, check }: Reading): boolean {
  const word = words[at];
  for (let i = 1; i < word.length; i++) {
    const known = word[i] === ':' ? -1 : letters.indexOf(word[i]);
    if (known < 0) throw new BadArguments(`${words[0]}: invalid option -- '${word[i]}'`);
    if (letters[known + 1] !== ':') {
      values.set(word[i], '');
      continue;
    }
    const inline = word.slice(i + 1);
    const value = inline === '' ? words[at + 1] : inline;
    if (value === undefined) {
      throw new BadArguments(`${words[0]}: option requires an argument -- '${word[i]}'`);
    }
    check(word[i], value);
    values.set(word[i], value);
    return inline === '';
  }
  return false;
}

/** `read 0 512` as words; several spaces count as one. */
export function splitLine(line: string): string[] {
  return line.split(' ').filter(word => word !== '');
}
