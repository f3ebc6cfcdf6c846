/**
 * A command of the human monitor: its names, arguments and help line, and what it does with a
 * session.
 */

import type { Session } from '../session.ts';
import type { Argument, DumpDefaults } from './argument-types.ts';
import type { HmpArguments } from './arguments.ts';

/** What all human monitors of a program have in common. */
export interface HumanWorld {
  readonly session: Session;
  /** Those of this run, for `help`. */
  readonly commands: readonly HmpCommand[];
  /** One for all: a format that one monitor used is the next one's default. */
  readonly defaults: DumpDefaults;
  /** What QEMU prints past its monitors, on the program's standard output. */
  printOut(text: string): void;
}

export interface HmpContext extends HumanWorld {
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
