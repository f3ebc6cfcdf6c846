/**
 * stdin and stdout as one character device. A terminal is switched to raw input while the program
 * runs and put back however it ends, by signals and by job control, too.
 */

import type { ReadStream } from 'node:tty';
import {
  exit,
  finishOutput,
  isTerminal,
  onExit,
  onOutputRead,
  openOutput,
  printError,
  unreadOutput,
  writeOut,
} from './host-main.ts';

/** Replies that are not read: no more commands are read until they are. */
const SLOW_READER = 64 * 1024;
const INTERRUPT = 0x03;
const SUSPEND = 0x1a;
const QUIT = 0x1c;
const WRAP_OFF = [0x1b, 0x5b, 0x3f, 0x37, 0x6c];
const WRAP_ON = Uint8Array.of(0x1b, 0x5b, 0x3f, 0x37, 0x68);

export interface Stdio {
  write(bytes: Uint8Array): void;
  /** With `signals`, ^C and ^Z do what they do in a cooked terminal. */
  listen(receive: (bytes: Uint8Array) => void, signals: boolean): void;
  /** Nothing more is read until it is off again. */
  pause(on: boolean): void;
  /** The reader of what was written does not keep up. */
  readonly isCongested: boolean;
  /** Calls back whenever he has caught up. */
  onRelief(call: () => void): void;
  finish(): Promise<void>;
  /** On: the terminal edits and shows lines by itself, as for any program. */
  setEcho(on: boolean): void;
}

export interface StdioHooks {
  /** ^C was typed. */
  readonly interrupt: () => void;
}

export function openStdio(hooks: StdioHooks): Stdio {
  const isInteractive = isTerminal(0);
  const wrap = new WrapWatcher();
  let terminal: Terminal | undefined;
  openOutput();
  if (isTerminal(1)) {
    onExit(() => {
      if (wrap.isOff) writeOut(WRAP_ON);
    });
  }
  return {
    write(bytes) {
      wrap.see(bytes);
      writeOut(bytes);
    },
    listen(receive, signals) {
      if (isInteractive) {
        terminal = new Terminal(process.stdin as ReadStream);
        terminal.listen(receive, signals ? hooks : undefined);
        return;
      }
      // The prompt does not wait for the stream to be made.
      setImmediate(() => {
        // At the end of input the program goes on: nothing else is to be read, that is all.
        process.stdin.on('data', (bytes: Buffer) => receive(bytes));
        process.stdin.on('error', () => {});
      });
    },
    pause(on) {
      if (on) process.stdin.pause();
      else process.stdin.resume();
    },
    get isCongested() {
      return unreadOutput() > SLOW_READER;
    },
    onRelief: onOutputRead,
    finish: finishOutput,
    setEcho: on => terminal?.setRaw(!on),
  };
}

class Terminal {
  private isRaw = true;

  constructor(private readonly stream: ReadStream) {}

  setRaw(on: boolean): void {
    this.isRaw = on;
    this.stream.setRawMode(on);
  }

  listen(receive: (bytes: Uint8Array) => void, hooks: StdioHooks | undefined): void {
    const { stream } = this;
    stream.setRawMode(true);
    onExit(() => stream.setRawMode(false));
    process.on('SIGCONT', () => {
      // Whoever ran in between left the terminal as he liked it.
      stream.setRawMode(false);
      stream.setRawMode(this.isRaw);
    });
    stream.on('data', (bytes: Buffer) => {
      if (hooks === undefined || !this.isRaw) {
        receive(bytes);
        return;
      }
      for (const byte of bytes) {
        if (byte === INTERRUPT) hooks.interrupt();
        else if (byte === QUIT) this.signal('SIGQUIT');
        else if (byte === SUSPEND) this.signal('SIGTSTP');
        else receive(Uint8Array.of(byte));
      }
    });
    stream.on('error', () => {});
    stream.on('end', () => {
      // The end of input as typed; a terminal that is gone sends a signal.
      if (!this.isRaw) return;
      printError('qemu: terminating on signal 1\n');
      exit(0);
    });
  }

  private signal(name: 'SIGTSTP' | 'SIGQUIT'): void {
    this.stream.setRawMode(false);
    process.kill(process.pid, name);
    // Here it has been woken; or never slept, where nobody could have woken it.
    this.stream.setRawMode(this.isRaw);
  }
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
