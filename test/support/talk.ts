/**
 * A program that is talked to, over pipes or at a pseudo-terminal: the same to whoever types.
 */

import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { constants } from 'node:os';
import { join } from 'node:path';
import { spawn as spawnTerminal } from 'node-pty';

export type How = 'pipe' | 'tty';

export interface Start {
  readonly program: string;
  readonly argv: readonly string[];
  readonly folder: string;
  readonly environment?: { readonly [name: string]: string };
  /** At a terminal, too, what goes to stderr is not shown but kept. */
  readonly stderrApart?: boolean;
}

export interface Ended {
  /** Apart from the output: always from a pipe, from a terminal where asked for. */
  readonly stderr: string;
  /** `exit 0`, `signal 2`. */
  readonly end: string;
}

export interface Talk {
  write(text: string): void;
  kill(signal: NodeJS.Signals): void;
  readonly ended: Promise<Ended>;
}

export function start(how: How, what: Start, onOutput: (bytes: Uint8Array) => void): Talk {
  return how === 'tty' ? atTerminal(what, onOutput) : overPipes(what, onOutput);
}

/** Where the sessions were recorded nobody had a place of his own for temporary files. */
function environmentOf({ environment }: Start): NodeJS.ProcessEnv {
  const { TMPDIR: _, ...rest } = process.env;
  return { ...rest, ...environment };
}

function overPipes(what: Start, onOutput: (bytes: Uint8Array) => void): Talk {
  const child = spawn(what.program, what.argv, { cwd: what.folder, env: environmentOf(what) });
  let stderr = '';
  child.stdin.on('error', () => {});
  child.stdout.on('data', onOutput);
  child.stderr.on('data', (chunk: Buffer) => {
    stderr += chunk.toString();
  });
  const ended = new Promise<Ended>(resolve => {
    child.on('close', (status, signal) => {
      const number = signal === null ? 0 : constants.signals[signal];
      resolve({ stderr, end: number === 0 ? `exit ${status}` : `signal ${number}` });
    });
  });
  return { write: text => child.stdin.write(text), kill: signal => child.kill(signal), ended };
}

/** The shell puts the program in its own place. */
const APART = 'exec "$0" "$@" 2>stderr.txt';

function atTerminal(what: Start, onOutput: (bytes: Uint8Array) => void): Talk {
  const { program, argv, folder, stderrApart = false } = what;
  const options = { cwd: folder, cols: 80, rows: 25, encoding: null, env: environmentOf(what) };
  const child = stderrApart
    ? spawnTerminal('/bin/sh', ['-c', APART, program, ...argv], options)
    : spawnTerminal(program, [...argv], options);
  // With no encoding the data are buffers, whatever the declared type says.
  child.onData(data => onOutput(data as unknown as Uint8Array));
  const ended = new Promise<Ended>(resolve => {
    child.onExit(({ exitCode, signal = 0 }) => {
      const stderr = stderrApart ? readFileSync(join(folder, 'stderr.txt'), 'utf8') : '';
      resolve({ stderr, end: signal === 0 ? `exit ${exitCode}` : `signal ${signal}` });
    });
  });
  return { write: text => child.write(text), kill: signal => child.kill(signal), ended };
}
