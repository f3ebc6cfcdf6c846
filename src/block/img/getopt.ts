/**
 * Command line options as glibc's getopt_long reads them, with its messages.
 *
 * Long names may be shortened until several fit. Those that QEMU's tools do not have never make
 * others ambiguous.
 */

/** An option that is not known, or lacks its argument. */
export class BadOption extends Error {
  override readonly name = 'BadOption';
}

/** Long names with the letter, or name, that they stand for; `=` at the end takes an argument. */
export interface LongNames {
  readonly [name: string]: string;
}

export interface OptionTable {
  /** As for getopt: letters, a colon after those that take an argument. */
  readonly short: string;
  readonly long: LongNames;
  /** Further long names, that QEMU's tools do not have. */
  readonly added?: LongNames;
  /** Options end at the first operand, as POSIXLY_CORRECT asks; otherwise they may be mixed. */
  readonly strictOrder?: boolean;
}

/** Calls `on` for each option, in order; returns the operands. */
export function getopt(
  command: string,
  words: readonly string[],
  table: OptionTable,
  on: (option: string, value: string) => void,
): readonly string[] {
  const operands: string[] = [];
  const queue = [...words];
  while (queue.length > 0) {
    const word = queue.shift() as string;
    if (word === '--') {
      operands.push(...queue);
      break;
    }
    if (word === '-' || !word.startsWith('-')) {
      operands.push(word);
      if (table.strictOrder === true) operands.push(...queue.splice(0));
    } else if (word.startsWith('--')) longOption(command, word, { table, queue, on });
    else shortOptions(command, word, { table, queue, on });
  }
  return operands;
}

interface Reader {
  readonly table: OptionTable;
  readonly queue: string[];
  readonly on: (option: string, value: string) => void;
}

function longOption(command: string, word: string, { table, queue, on }: Reader): void {
  const { long, added = {} } = table;
  const text = word.slice(2);
  const [name, ...rest] = text.split('=');
  const found = findLong(long, name) ?? findLong(added, name);
  if (found === undefined) {
    // Without long options the second dash is one of the letters.
    const lettersOnly = Object.keys(long).length === 0;
    const what = lettersOnly ? "invalid option -- '-'" : `unrecognized option '--${text}'`;
    throw new BadOption(`${command}: ${what}`);
  }
  if (typeof found !== 'string') {
    const names = found.map(n => ` '--${bare(n)}'`).join('');
    throw new BadOption(`${command}: option '--${text}' is ambiguous; possibilities:${names}`);
  }
  const letter = long[found] ?? added[found];
  if (!found.endsWith('=')) {
    if (rest.length > 0) {
      throw new BadOption(`${command}: option '--${bare(found)}' doesn't allow an argument`);
    }
    on(letter, '');
    return;
  }
  const value = rest.length > 0 ? rest.join('=') : queue.shift();
  if (value === undefined) {
    throw new BadOption(`${command}: option '--${bare(found)}' requires an argument`);
  }
  on(letter, value);
}

const bare = (name: string): string => name.replace(/=$/, '');

/** The name that is meant, whole or shortened, or all that may be meant. */
function findLong(long: LongNames, given: string): string | string[] | undefined {
  const fitting = Object.keys(long).filter(name => bare(name).startsWith(given));
  const whole = fitting.find(name => bare(name) === given);
  return whole ?? (fitting.length > 1 ? fitting : fitting[0]);
}

function shortOptions(command: string, word: string, { table, queue, on }: Reader): void {
  for (let i = 1; i < word.length; i++) {
    const letter = word[i];
    const at = letter === ':' ? -1 : table.short.indexOf(letter);
    if (at < 0) throw new BadOption(`${command}: invalid option -- '${letter}'`);
    if (table.short[at + 1] !== ':') {
      on(letter, '');
      continue;
    }
    const value = i + 1 < word.length ? word.slice(i + 1) : queue.shift();
    if (value === undefined) {
      throw new BadOption(`${command}: option requires an argument -- '${letter}'`);
    }
    on(letter, value);
    return;
  }
}
