/**
 * The command line tools' host on Node: standard streams, the terminal, signals.
 */

import * as fs from 'node:fs';
import { basename } from 'node:path';
import { toHostError } from './host-errno.ts';
import { commandWords, fileName, textBytes } from './host-names.ts';
import type { ToolHost } from './tool-host.ts';
import { fromUtf8 } from './utf8.ts';

const MAX_PASSWORD = 255;
const CTRL_C = 3;
const BACKSPACES = new Set([8, 127]);

/**
 * As the tools' printf: what cannot be written, as its reader is gone or the disk is full, is lost,
 * and the work goes on. Its outcome is the exit status.
 */
function writeAll(fd: number, text: string): void {
  const bytes = textBytes(text);
  let done = 0;
  while (done < bytes.length) {
    try {
      done += fs.writeSync(fd, bytes, done);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code !== 'EAGAIN') return;
    }
  }
}

/** Standard input byte by byte; what one reader leaves is the next one's. */
class Input {
  private pending: Buffer = Buffer.alloc(0);
  private ended = false;
  private started = false;
  private wake: () => void = () => {};

  async next(): Promise<number | undefined> {
    while (this.pending.length === 0 && !this.ended) {
      this.start();
      await new Promise<void>(resolve => {
        this.wake = resolve;
      });
    }
    const byte = this.pending[0];
    this.pending = this.pending.subarray(1);
    return byte;
  }

  private start(): void {
    if (!this.started) {
      this.started = true;
      process.stdin.on('data', (chunk: Buffer) => {
        this.pending = Buffer.concat([this.pending, chunk]);
        this.wake();
      });
      process.stdin.on('end', () => {
        this.ended = true;
        this.wake();
      });
    }
    process.stdin.resume();
  }

  stop(): void {
    if (this.started) process.stdin.pause();
  }

  /** What was opened would keep the program alive. */
  close(): void {
    if (this.started && process.stdin.isTTY !== true) process.stdin.destroy();
  }
}

const input = new Input();

async function readPassword(prompt: string): Promise<Uint8Array | undefined> {
  const terminal = process.stdin.isTTY === true;
  // Nothing is shown of what is typed as soon as it is asked for.
  if (terminal) process.stdin.setRawMode(true);
  writeAll(1, prompt);
  const bytes: number[] = [];
  try {
    for (;;) {
      const byte = await input.next();
      if (byte === undefined) return undefined;
      if (byte === 13 || (terminal && byte === 10)) return Uint8Array.from(bytes);
      if (terminal && byte === CTRL_C) {
        process.stdin.setRawMode(false);
        process.kill(process.pid, 'SIGINT');
      } else if (terminal && BACKSPACES.has(byte)) {
        bytes.pop();
      } else if (bytes.length < MAX_PASSWORD) {
        bytes.push(byte);
      }
    }
  } finally {
    if (terminal) process.stdin.setRawMode(false);
    input.stop();
  }
}

async function readLine(prompt: string): Promise<string | undefined> {
  writeAll(1, prompt);
  const bytes: number[] = [];
  try {
    for (;;) {
      const byte = await input.next();
      if (byte === undefined) {
        return bytes.length === 0 ? undefined : fromUtf8(Uint8Array.from(bytes));
      }
      if (byte === 10) return fromUtf8(Uint8Array.from(bytes));
      bytes.push(byte);
    }
  } finally {
    input.stop();
  }
}

function onProgressAsked(callback: () => void): () => void {
  process.on('SIGUSR1', callback);
  return () => process.off('SIGUSR1', callback);
}

/** Throws HostError. */
export function readFile(path: string): Uint8Array {
  try {
    return fs.readFileSync(fileName(path));
  } catch (error) {
    throw toHostError(error);
  }
}

export function nodeToolHost(): ToolHost {
  // Asked for progress when there is none to tell: Node would open a port for a debugger.
  process.on('SIGUSR1', () => {});
  return {
    program: basename(process.argv[1] ?? 'tinamou-img'),
    arguments: commandWords(),
    strictOrder: process.env['POSIXLY_CORRECT'] !== undefined,
    out: text => writeAll(1, text),
    err: text => writeAll(2, text),
    readPassword,
    readLine,
    onProgressAsked,
    elapsed: () => Number(process.hrtime.bigint()) / 1e9,
    raise: async signal => {
      process.kill(process.pid, signal);
      // What is done about a signal is done by the event loop, which brings it with the next turn.
      for (let turn = 0; turn < 2; turn++) await new Promise(resolve => setImmediate(resolve));
    },
    readFile,
  };
}

/** Ends the program with a status once everything is written. */
export function exitWith(status: number): void {
  process.exitCode = status;
  input.close();
}
