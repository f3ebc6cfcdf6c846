/**
 * What users see of mistakes of ours: a line on stderr and the status of a program that aborted,
 * never a stack. Who mends them sets TINAMOU_STACK=1 to see where it was.
 */

import * as fs from 'node:fs';

/** As a shell reports a program that abort(3) ended. */
const ABORTED = 134;

function text(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return process.env['TINAMOU_STACK'] === undefined ? error.message : String(error.stack);
}

function crash(program: string, error: unknown): never {
  try {
    fs.writeSync(2, `${program}: internal error: ${text(error)}\n`);
  } catch {
    // Nobody reads stderr: the status has to say it.
  }
  process.exit(ABORTED);
}

/** From now on errors that nobody catches, and promises that nobody awaits, end the program so. */
export function guardProgram(program: string): void {
  process.on('uncaughtException', error => crash(program, error));
}
