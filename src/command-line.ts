/**
 * The command line as a list of options in the order typed, each with the text that messages about
 * it name as its location. Which options exist says options-table.ts.
 */

import { UserError } from './error.ts';
import { CommandLineError } from './options.ts';
import { OPTION_SECTIONS, type OptionRow } from './options-table.ts';

/** An option as it was typed. */
export interface Occurrence {
  /** The canonical name, without the dash; `image` for a positional disk image. */
  readonly name: string;
  readonly argument: string;
  /** `-drive file=x`; for a positional image that of the option before it. */
  readonly location: string | undefined;
}

const ROWS = new Map<string, OptionRow>();
for (const section of OPTION_SECTIONS) {
  for (const row of section.rows) {
    for (const name of [row.name, ...(row.aliases ?? [])]) ROWS.set(name, row);
  }
}

/** Splits argv (without the program's name). `--name` is `-name`. */
export function parseCommandLine(argv: readonly string[]): Occurrence[] {
  const found: Occurrence[] = [];
  let location: string | undefined;
  for (let i = 0; i < argv.length; i++) {
    const word = argv[i];
    if (!word.startsWith('-') || word === '-') {
      found.push({ name: 'image', argument: word, location });
      continue;
    }
    location = word;
    const row = ROWS.get(word.replace(/^--?/, ''));
    if (row === undefined) throw new CommandLineError('invalid option', location);
    let argument = '';
    if (row.argument) {
      i++;
      if (i >= argv.length) throw new CommandLineError('requires an argument', location);
      argument = argv[i];
      location = `${word} ${argument}`;
    }
    found.push({ name: aliasOf(row, word), argument, location });
  }
  return found;
}

/** `-hda` and `-hdb` share a row of help, but are two options. */
function aliasOf(row: OptionRow, word: string): string {
  return row.distinct === true ? word.replace(/^--?/, '') : row.name;
}

/** Runs `read`; what the user did wrong is told with the place where it was written. */
export function located<T>(location: string | null | undefined, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (error instanceof UserError) {
      throw new CommandLineError(error.message, location, error.hint);
    }
    throw error;
  }
}

/** What `-h` prints. */
export function helpText(program: string, version: string): string {
  const head =
    `${version}\nusage: ${program} [options] [disk_image]\n\n` +
    "'disk_image' is a raw hard disk image for IDE hard disk 0\n";
  const sections = OPTION_SECTIONS.map(
    ({ title, rows }) => `\n${title}:\n${rows.map(row => row.help).join('')}`,
  );
  return `${head}${sections.join('')}${KEYS_HELP}`;
}

const KEYS_HELP = "\nWhen using -nographic, press 'ctrl-a h' to get some help.\n";
