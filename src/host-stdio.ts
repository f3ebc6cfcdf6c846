/**
 * stdin and stdout as one character device. A terminal is switched to raw input while the program
 * runs and put back however it ends, by signals and by job control, too.
 */

import { openSync } from 'node:fs';
import type { ReadStream } from 'node:tty';
import { exit, onExit, printError, writeAll } from './host-main.ts';

const INTERRUPT = 0x03;
const SUSPEND = 0x1a;
const QUIT = 0x1c;
const WRAP_OFF = [0x1b, 0x5b, 0x3f, 0x37, 0x6c];
const WRAP_ON = Uint8Array.of(0x1b, 0x5b, 0x3f, 0x37, 0x68);

export interface Stdio {
  write(bytes: Uint8Array): void;
  /** With `signals`, ^C and ^Z do what they do in a cooked terminal. */
  listen(receive: (bytes: Uint8Array) => void, signals: boolean): void;
}

export interface StdioHooks {
  /** ^C was typed. */
  readonly interrupt: () => void;
}

export function openStdio(hooks: StdioHooks): Stdio {
  const isTerminal = process.stdin.isTTY === true;
  const wrap = new WrapWatcher();
  if (process.stdout.isTTY === true) {
    onExit(() => {
      if (wrap.isOff) writeAll(1, WRAP_ON);
    });
  }
  return {
    write(bytes) {
      wrap.see(bytes);
      writeAll(1, bytes);
    },
    listen(receive, signals) {
      if (isTerminal) {
        listenTerminal(process.stdin as ReadStream, receive, signals ? hooks : undefined);
        return;
      }
      // At the end of input the program goes on: nothing else is to be read, that is all.
      process.stdin.on('data', (bytes: Buffer) => receive(bytes));
      process.stdin.on('error', () => {});
    },
  };
}

function listenTerminal(
  terminal: ReadStream,
  receive: (bytes: Uint8Array) => void,
  hooks: StdioHooks | undefined,
): void {
  terminal.setRawMode(true);
  onExit(() => terminal.setRawMode(false));
  process.on('SIGCONT', () => {
    // Whoever ran in between left the terminal as he liked it.
    terminal.setRawMode(false);
    terminal.setRawMode(true);
  });
  terminal.on('data', (bytes: Buffer) => {
    if (hooks === undefined) {
      receive(bytes);
      return;
    }
    for (const byte of bytes) {
      if (byte === INTERRUPT) hooks.interrupt();
      else if (byte === QUIT) dieBy(terminal, 'SIGQUIT');
      else if (byte === SUSPEND) suspend(terminal);
      else receive(Uint8Array.of(byte));
    }
  });
  terminal.on('error', () => {});
  terminal.on('end', () => {
    printError('qemu: terminating on signal 1\n');
    exit(0);
  });
}

function suspend(terminal: ReadStream): void {
  terminal.setRawMode(false);
  process.kill(process.pid, 'SIGTSTP');
}

function dieBy(terminal: ReadStream, signal: 'SIGQUIT'): void {
  terminal.setRawMode(false);
  process.kill(process.pid, signal);
}

/** Firmware for serial consoles switches line wrapping off and forgets it. */
class WrapWatcher {
  isOff = false;
  private matched = 0;

  see(bytes: Uint8Array): void {
    for (const byte of bytes) {
      if (this.matched === 4 && byte === 0x68) this.isOff = false;
      this.matched = byte === WRAP_OFF[this.matched] ? this.matched + 1 : byte === 0x1b ? 1 : 0;
      if (this.matched < WRAP_OFF.length) continue;
      this.isOff = true;
      this.matched = 0;
    }
  }
}

/** A terminal of our own when stdin and stdout are something else. */
export function openControllingTerminal(): number | undefined {
  try {
    return openSync('/dev/tty', 'r+');
  } catch {
    return undefined;
  }
}
