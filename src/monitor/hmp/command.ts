/**
 * A command of the human monitor: its names, arguments and help line, and what it does with a
 * session.
 */

import type { Session } from '../session.ts';
import type { Argument, DumpDefaults } from './argument-types.ts';
import type { HmpArguments } from './arguments.ts';

export interface HmpContext {
  readonly session: Session;
  /** Those of this run, for `help`. */
  readonly commands: readonly HmpCommand[];
  readonly defaults: DumpDefaults;
  readonly history: readonly string[];
  print(text: string): void;
  /** Shows no further prompt and reads no further line: the program is about to end. */
  suspend(): void;
  /** Lets everything else go on; false when whoever asked has gone. */
  turn(): Promise<boolean>;
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
