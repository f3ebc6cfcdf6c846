/**
 * The user's terminal as a screen and keyboard: its other page while the program runs, raw input,
 * everything as before afterwards.
 */

import { onExit, writeAll } from './host-main.ts';

const ENTER = '\x1b[?1049h\x1b[2J\x1b[1;1H';
const LEAVE = '\x1b[0m\x1b[?25h\x1b[?1049l';

export interface ScreenHost {
  write(text: string): void;
  listen(receive: (bytes: Uint8Array) => void): void;
  size(): { columns: number; rows: number };
  onResize(changed: () => void): void;
}

export function openScreen(): ScreenHost {
  const { stdin, stdout } = process;
  writeAll(1, Buffer.from(ENTER));
  if (stdin.isTTY === true) stdin.setRawMode(true);
  onExit(() => {
    writeAll(1, Buffer.from(LEAVE));
    if (stdin.isTTY === true) stdin.setRawMode(false);
  });
  return {
    write: text => {
      if (text !== '') writeAll(1, Buffer.from(text));
    },
    listen: receive => {
      stdin.on('data', (bytes: Buffer) => receive(bytes));
      stdin.on('error', () => {});
    },
    size: () => ({ columns: stdout.columns ?? 80, rows: stdout.rows ?? 25 }),
    onResize: changed => {
      stdout.on('resize', changed);
    },
  };
}

/** Calls again and again, until the program ends. */
export function every(milliseconds: number, call: () => void): void {
  setInterval(call, milliseconds);
}
