/**
 * From a line to a command: names must match exactly, `info` has commands of its own.
 */

import { UserError } from '../../error.ts';
import { parseArguments, UnterminatedLine } from './arguments.ts';
import { findCommand, type HmpCommand, type HmpContext } from './command.ts';
import { isBlank, type RegisterReader } from './expression.ts';

/** Runs one line; everything it has to say, errors too, goes to `context.print`. */
export async function runLine(context: HmpContext, line: string): Promise<void> {
  try {
    const found = lookUp(context.commands, line, 0);
    if (found === undefined) return;
    const { command, word, next } = found;
    const world = { register: registerReader(context), defaults: context.defaults };
    const args = parseArguments({ command: word, line, from: next }, command.args, world);
    await command.run(context, args);
  } catch (error) {
    if (error instanceof UnterminatedLine) context.print(error.message);
    else if (error instanceof UserError) context.print(linesOf(error));
    else throw error;
  }
}

function linesOf({ preface, message, hint }: UserError): string {
  const lines = [preface, message, hint].filter(line => line !== undefined);
  return `${lines.join('\n')}\n`;
}

interface Found {
  readonly command: HmpCommand;
  readonly word: string;
  readonly next: number;
}

/** Undefined for an empty line. */
function lookUp(commands: readonly HmpCommand[], line: string, from: number): Found | undefined {
  let start = from;
  while (isBlank(line[start])) start++;
  if (start >= line.length) return undefined;
  const word = /^[^ \t-\r/]*/.exec(line.slice(start))?.[0] ?? '';
  const end = start + word.length;
  const command = findCommand(commands, word);
  if (command === undefined) throw new UserError(`unknown command: '${line.slice(0, end)}'`);
  if (command.subcommands !== undefined && /[^ \t-\r]/.test(line.slice(end))) {
    return lookUp(command.subcommands, line, end);
  }
  return { command, word, next: end };
}

function registerReader(context: HmpContext): RegisterReader {
  return name => {
    const { value } = context.session.callNow<{ value?: string }>('x-register', { name });
    return value === undefined ? undefined : BigInt(value);
  };
}
