/**
 * Arguments of the I/O tool's commands: flags first, then a number of words.
 */

/** A command's own name, then its words. */
export type Words = readonly string[];

export interface Flags {
  has(letter: string): boolean;
  get(letter: string): string | undefined;
}

/** The words do not fit: the command's help is shown. */
export class BadArguments extends Error {
  override readonly name = 'BadArguments';
}

export function parseFlags(
  words: Words,
  letters: string,
  least: number,
  most = Number.POSITIVE_INFINITY,
): { readonly flags: Flags; readonly rest: readonly string[] } {
  const values = new Map<string, string>();
  let at = 1;
  for (; at < words.length && /^-[A-Za-z]/.test(words[at]); at++) {
    const word = words[at];
    for (let i = 1; i < word.length; i++) {
      const known = letters.indexOf(word[i]);
      if (known < 0) throw new BadArguments(`${words[0]}: invalid option -- '${word[i]}'`);
      if (letters[known + 1] !== ':') {
        values.set(word[i], '');
        continue;
      }
      const inline = word.slice(i + 1);
      const value = inline === '' ? words[++at] : inline;
      if (value === undefined) {
        throw new BadArguments(`${words[0]}: option requires an argument -- '${word[i]}'`);
      }
      values.set(word[i], value);
      break;
    }
  }
  const rest = words.slice(at);
  if (rest.length < least || rest.length > most) throw new BadArguments('');
  return { flags: { has: l => values.has(l), get: l => values.get(l) }, rest };
}

/** `read 0 512` as words; several spaces count as one. */
export function splitLine(line: string): string[] {
  return line.split(' ').filter(word => word !== '');
}
