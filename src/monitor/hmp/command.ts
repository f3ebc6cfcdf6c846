/**
 * A command of the human monitor: its names, arguments and help line, and what it does with a
 * session.
 */

import type { Session } from '../session.ts';
import type { HmpArguments } from './arguments.ts';

export type ArgumentKind =
  /** A word, perhaps quoted; the kinds differ in messages and completion. */
  | 'string'
  | 'filename'
  | 'block'
  /** All that is left of the line. */
  | 'rest'
  /** An expression; `int` must fit in 32 bits. */
  | 'int'
  | 'long'
  /** `/4xw`. */
  | 'format'
  /** `-f`. */
  | 'flag';

export interface Argument {
  /** For flags the letter. */
  readonly name: string;
  readonly kind: ArgumentKind;
  readonly optional?: boolean;
  /** An optional expression introduced by a dot. */
  readonly dotted?: boolean;
}

/** `/fmt` as given or remembered. */
export interface DumpFormat {
  readonly count: number;
  readonly letter: string;
  /** Bytes per item; 0 when not given with `i`. */
  readonly size: number;
}

/** What stays from one line of a monitor to the next. */
export interface DumpDefaults {
  letter: string;
  size: number;
}

export interface HmpContext {
  readonly session: Session;
  /** Those of this run, for `help`. */
  readonly commands: readonly HmpCommand[];
  readonly defaults: DumpDefaults;
  readonly history: readonly string[];
  print(text: string): void;
  /** Shows no further prompt and reads no further line: the program is about to end. */
  suspend(): void;
  /** A line without echo; undefined where nobody can be asked. */
  askPassword(): Promise<string | undefined>;
}

export interface HmpCommand {
  /** Aliases separated by bars, as `help` shows them. */
  readonly name: string;
  readonly args: readonly Argument[];
  readonly params: string;
  readonly help: string;
  readonly subcommands?: readonly HmpCommand[];
  run(context: HmpContext, args: HmpArguments): void | Promise<void>;
}

/** True when `word` is one of the command's names. */
export function hasName(command: HmpCommand, word: string): boolean {
  return command.name.split('|').includes(word);
}

export function findCommand(commands: readonly HmpCommand[], word: string): HmpCommand | undefined {
  return commands.find(command => hasName(command, word));
}
