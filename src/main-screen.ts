/**
 * The guest's text screen in the user's terminal: what changed since the last look, as ECMA-48
 * control sequences. Ctrl-A x ends the program, as on a shared serial line.
 *
 * Not shown: graphics modes (their size is named instead), blinking, the cursor's shape.
 */

import { every, openScreen, type ScreenHost } from './host-screen.ts';
import { cp437 } from './hw/display/cp437.ts';
import { screenMode, screenText, type TextScreen, textScreen } from './hw/display/text.ts';
import { isKeyName } from './hw/input/keys.ts';
import type { PcMachine } from './machine-build.ts';
import { terminalChords } from './terminal-keys.ts';

const CTRL_A = 0x01;
const REFRESH_MS = 40;
const HOLD_MS = 20;
/** VGA counts blue, green, red; terminals red, green, blue. */
const COLORS = [0, 4, 2, 6, 1, 5, 3, 7];
const HELP = ' C-a x: exit   C-a C-a: Ctrl-A   C-a h: this help ';

/** Draws screens one after the other, each as the difference to the one before. */
export class AnsiScreen {
  private shown: TextScreen | undefined;
  private attribute = -1;

  /** `limits`: the terminal's size; what does not fit is cut off. */
  draw(screen: TextScreen, limits: { columns: number; rows: number }): string {
    const { columns, rows, cursor } = screen;
    const isSame = this.shown?.columns === columns && this.shown.rows === rows;
    let out = isSame ? '' : '\x1b[0m\x1b[2J';
    if (!isSame) this.attribute = -1;
    const last = isSame ? this.shown : undefined;
    const height = Math.min(rows, limits.rows);
    const width = Math.min(columns, limits.columns);
    for (let row = 0; row < height; row++) out += this.drawRow(screen, last, row, width);
    this.shown = screen;
    const isVisible = cursor.enabled && cursor.row < height && cursor.column < width;
    if (!isVisible) return out === '' ? out : `${out}\x1b[?25l`;
    return `${out}\x1b[${cursor.row + 1};${cursor.column + 1}H\x1b[?25h`;
  }

  /** The next screen is drawn whole. */
  forget(): void {
    this.shown = undefined;
  }

  private drawRow(
    screen: TextScreen,
    last: TextScreen | undefined,
    row: number,
    width: number,
  ): string {
    let out = '';
    let written = -1;
    for (let column = 0; column < width; column++) {
      const at = row * screen.columns + column;
      const code = screen.codes[at];
      const attribute = screen.attributes[at];
      if (last !== undefined && last.codes[at] === code && last.attributes[at] === attribute) {
        continue;
      }
      if (written !== column) out += `\x1b[${row + 1};${column + 1}H`;
      if (attribute !== this.attribute) out += colors(attribute);
      this.attribute = attribute;
      out += printable(code);
      written = column + 1;
    }
    return out;
  }
}

function colors(attribute: number): string {
  const bright = (attribute & 8) !== 0 ? 90 : 30;
  return `\x1b[${bright + COLORS[attribute & 7]};${40 + COLORS[(attribute >> 4) & 7]}m`;
}

/** Codes that fonts draw as blanks must not move the terminal's cursor. */
function printable(code: number): string {
  return code === 0 || code === 0xff ? ' ' : cp437(code);
}

/** Takes the terminal until the program ends. */
export function showInTerminal(machine: PcMachine, end: () => void): void {
  const host = openScreen();
  const screen = new AnsiScreen();
  const keyboard = new TerminalKeyboard(machine, end, () => {
    screen.forget();
    host.write(`\x1b[1;1H\x1b[0;7m${HELP}\x1b[0m`);
  });
  host.listen(bytes => machine.inbox.post(() => keyboard.receive(bytes)));
  host.onResize(() => screen.forget());
  every(REFRESH_MS, () => refresh(machine, screen, host, keyboard.isAskingHelp));
}

function refresh(machine: PcMachine, screen: AnsiScreen, host: ScreenHost, frozen: boolean): void {
  const { vga } = machine.board;
  if (vga === undefined || frozen) return;
  const text = textScreen(vga);
  if (text !== undefined) {
    host.write(screen.draw(text, host.size()));
    return;
  }
  screen.forget();
  if (screenMode(vga) === 'graphics') host.write('\x1b[0m\x1b[2J\x1b[1;1H[graphics mode]');
}

class TerminalKeyboard {
  isAskingHelp = false;
  private afterPrefix = false;

  constructor(
    private readonly machine: PcMachine,
    private readonly end: () => void,
    private readonly showHelp: () => void,
  ) {}

  receive(bytes: Uint8Array): void {
    let start = 0;
    for (let i = 0; i < bytes.length; i++) {
      if (!this.afterPrefix && bytes[i] !== CTRL_A) continue;
      this.type(bytes.subarray(start, i));
      start = i + 1;
      if (this.afterPrefix) this.command(bytes[i]);
      else this.afterPrefix = true;
    }
    this.type(bytes.subarray(start));
  }

  private command(byte: number): void {
    this.afterPrefix = false;
    if (byte === CTRL_A) this.machine.board.keys.send(['ctrl', 'a'], HOLD_MS);
    else if (byte === 0x78) this.end();
    else if (byte === 0x68 || byte === 0x3f) {
      this.isAskingHelp = true;
      this.showHelp();
    }
  }

  private type(bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    this.isAskingHelp = false;
    for (const chord of terminalChords(bytes)) {
      this.machine.board.keys.send(chord.filter(isKeyName), HOLD_MS);
    }
  }
}

/** Of the machine's time; less than a second, because a clock on the screen may tick. */
const SETTLED_NS = 600_000_000;
const PATIENCE_MS = 60_000;

/** Without a terminal: waits until the guest waits and its screen is at rest, prints it, ends. */
export function printWhenSettled(
  machine: PcMachine,
  print: (text: string) => void,
  end: () => void,
): void {
  const { board, clock, cpu } = machine;
  let last = '';
  let restingSinceNs = 0;
  let totalMs = 0;
  every(REFRESH_MS, () => {
    const text = board.vga === undefined ? '' : screenText(board.vga);
    if (text !== last || text === '' || !cpu.halted) restingSinceNs = clock.nowNs;
    last = text;
    totalMs += REFRESH_MS;
    const isSettled = clock.nowNs - restingSinceNs >= SETTLED_NS;
    if (!isSettled && totalMs < PATIENCE_MS) return;
    print(`${text}\n`);
    end();
  });
}
