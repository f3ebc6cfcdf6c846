/**
 * Command line options as getopt_long reads them, with its messages.
 */

/** An option that is not known, or lacks its argument. */
export class BadOption extends Error {
  override readonly name = 'BadOption';
}

export interface Parsed {
  readonly operands: readonly string[];
  readonly help: boolean;
}

export interface OptionTable {
  /** As for getopt: letters, a colon after those that take an argument. */
  readonly short: string;
  /** Long names with the letter, or name, that they stand for; `=` at the end takes an argument. */
  readonly long: { readonly [name: string]: string };
}

/** Calls `on` for each option, in order; options and operands may be mixed. */
export function getopt(
  command: string,
  words: readonly string[],
  table: OptionTable,
  on: (option: string, value: string) => void,
): Parsed {
  const operands: string[] = [];
  const queue = [...words];
  let help = false;
  const emit = (option: string, value: string): void => {
    if (option === 'h') help = true;
    else on(option, value);
  };
  while (queue.length > 0) {
    const word = queue.shift() as string;
    if (word === '--') {
      operands.push(...queue);
      break;
    }
    if (word === '-' || !word.startsWith('-')) operands.push(word);
    else if (word.startsWith('--')) longOption(command, word, { table, queue, emit });
    else shortOptions(command, word, { table, queue, emit });
  }
  return { operands, help };
}

interface Reader {
  readonly table: OptionTable;
  readonly queue: string[];
  readonly emit: (option: string, value: string) => void;
}

function longOption(command: string, word: string, { table, queue, emit }: Reader): void {
  const names = Object.keys(table.long);
  if (names.length === 0) throw new BadOption(`${command}: invalid option -- '-'`);
  const [name, ...rest] = word.slice(2).split('=');
  const bare = (n: string): string => n.replace(/=$/, '');
  const matches = names.filter(n => bare(n) === name);
  const found = matches[0] ?? names.find(n => bare(n).startsWith(name) && name !== '');
  if (found === undefined) throw new BadOption(`${command}: unrecognized option '--${name}'`);
  if (!found.endsWith('=')) {
    emit(table.long[found], '');
    return;
  }
  const value = rest.length > 0 ? rest.join('=') : queue.shift();
  if (value === undefined) {
    throw new BadOption(`${command}: option '--${bare(found)}' requires an argument`);
  }
  emit(table.long[found], value);
}

function shortOptions(command: string, word: string, { table, queue, emit }: Reader): void {
  for (let i = 1; i < word.length; i++) {
    const letter = word[i];
    const at = letter === ':' ? -1 : table.short.indexOf(letter);
    if (at < 0) throw new BadOption(`${command}: invalid option -- '${letter}'`);
    if (table.short[at + 1] !== ':') {
      emit(letter, '');
      continue;
    }
    const value = i + 1 < word.length ? word.slice(i + 1) : queue.shift();
    if (value === undefined) {
      throw new BadOption(`${command}: option requires an argument -- '${letter}'`);
    }
    emit(letter, value);
    return;
  }
}
