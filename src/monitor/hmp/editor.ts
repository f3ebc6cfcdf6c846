/**
 * The monitor's line editor, byte for byte what QEMU's writes: after each input byte the line is
 * redrawn whole if it changed, then the cursor is moved.
 *
 * Lines are bytes kept as Latin-1 text, so a UTF-8 letter is several characters (and, in password
 * mode, several asterisks). History and completion work in password mode, too.
 */

const MAX_HISTORY = 64;
const MAX_LINE = 4095;
const MAX_COLUMNS = 80;

export interface EditorHost {
  write(text: string): void;
  /** A whole line; the editor does nothing until the next prompt is shown. */
  accept(line: string): void;
  /** Completions of the line up to the cursor, and where the word they replace starts. */
  complete(line: string, done: (result: Completion) => void): void;
}

export interface Completion {
  readonly candidates: readonly string[];
  readonly wordStart: number;
}

/** Keys of one byte. */
const CTRL_A = 1;
const CTRL_D = 4;
const CTRL_E = 5;
const CTRL_L = 12;
const CTRL_W = 23;
const TAB = 9;
const LF = 10;
const CR = 13;
const ESC = 27;
const BACKSPACE = 8;
const DEL = 127;
const CSI = 155;

type EscapeState = 'none' | 'escape' | 'csi' | 'ss3';

export class LineEditor {
  readonly history: string[] = [];
  private line = '';
  private cursor = 0;
  private drawnLine = '';
  private drawnCursor = 0;
  private prompt = '';
  private hidden = false;
  private historyAt = -1;
  private escape: EscapeState = 'none';
  private escapeNumber = 0;

  constructor(private readonly host: EditorHost) {}

  /** Starts a new line. With `hidden`, asterisks stand for it and it is not remembered. */
  begin(prompt: string, hidden: boolean): void {
    this.prompt = prompt;
    this.hidden = hidden;
    this.historyAt = -1;
    this.escape = 'none';
    this.line = '';
    this.cursor = 0;
    this.showPrompt();
  }

  /** One byte of input. */
  input(byte: number): void {
    if (this.escape === 'none' && (byte === CR || byte === LF)) {
      this.acceptLine();
      return;
    }
    if (this.escape === 'none' && byte === TAB) {
      this.completeWord();
      return;
    }
    this.handle(byte);
    this.redraw();
  }

  private handle(byte: number): void {
    if (this.escape === 'escape') {
      this.escapeNumber = 0;
      this.escape = byte === 0x5b ? 'csi' : byte === 0x4f ? 'ss3' : 'none';
      return;
    }
    if (this.escape === 'csi') {
      this.handleCsi(String.fromCharCode(byte));
      return;
    }
    if (this.escape === 'ss3') {
      this.escape = 'none';
      if (byte === 0x46) this.cursor = this.line.length;
      else if (byte === 0x48) this.cursor = 0;
      return;
    }
    this.handlePlain(byte);
  }

  private handlePlain(byte: number): void {
    if (byte === CTRL_A) this.cursor = 0;
    else if (byte === CTRL_D) this.deleteChar();
    else if (byte === CTRL_E) this.cursor = this.line.length;
    else if (byte === CTRL_W) this.deleteWord();
    else if (byte === CTRL_L) {
      this.host.write('\x1b[2J\x1b[1;1H');
      this.showPrompt();
    } else if (byte === ESC) this.escape = 'escape';
    else if (byte === CSI) {
      this.escapeNumber = 0;
      this.escape = 'csi';
    } else if (byte === DEL || byte === BACKSPACE) this.backspace();
    else if (byte >= 32) this.insert(String.fromCharCode(byte));
  }

  private handleCsi(key: string): void {
    if (key >= '0' && key <= '9') {
      this.escapeNumber = this.escapeNumber * 10 + Number(key);
      return;
    }
    this.escape = 'none';
    if (key === 'A' || key === 'F') this.historyUp();
    else if (key === 'B' || key === 'E') this.historyDown();
    else if (key === 'C') this.cursor = Math.min(this.cursor + 1, this.line.length);
    else if (key === 'D') this.cursor = Math.max(this.cursor - 1, 0);
    else if (key === '~') this.handleTilde();
  }

  private handleTilde(): void {
    if (this.escapeNumber === 1) this.cursor = 0;
    else if (this.escapeNumber === 3) this.deleteChar();
    else if (this.escapeNumber === 4) this.cursor = this.line.length;
  }

  private insert(text: string): void {
    if (this.line.length + text.length > MAX_LINE) return;
    this.line = this.line.slice(0, this.cursor) + text + this.line.slice(this.cursor);
    this.cursor += text.length;
  }

  private deleteChar(): void {
    this.line = this.line.slice(0, this.cursor) + this.line.slice(this.cursor + 1);
  }

  private backspace(): void {
    if (this.cursor === 0) return;
    this.cursor--;
    this.deleteChar();
  }

  /** A single blank before the only word goes with it: QEMU never looks at the first byte. */
  private deleteWord(): void {
    const kept = this.line.slice(0, this.cursor).replace(/[^ ]*[ ]*$/, '');
    const before = kept === ' ' ? '' : kept;
    this.line = before + this.line.slice(this.cursor);
    this.cursor = before.length;
  }

  private historyUp(): void {
    if (this.historyAt === 0 || this.history.length === 0) return;
    this.historyAt = this.historyAt < 0 ? this.history.length - 1 : this.historyAt - 1;
    this.showEntry();
  }

  private historyDown(): void {
    if (this.historyAt < 0) return;
    if (this.historyAt < this.history.length - 1) {
      this.historyAt++;
      this.showEntry();
      return;
    }
    this.cursor = this.line.length;
    this.historyAt = -1;
  }

  private showEntry(): void {
    this.line = this.history[this.historyAt] ?? '';
    this.cursor = this.line.length;
  }

  private acceptLine(): void {
    const line = this.line;
    if (!this.hidden) this.remember(line);
    this.host.write('\n');
    this.line = '';
    this.cursor = 0;
    this.drawnLine = '';
    this.drawnCursor = 0;
    this.host.accept(line);
  }

  private remember(line: string): void {
    if (line === '') return;
    const same = this.history.indexOf(line);
    if (same >= 0) this.history.splice(same, 1);
    else if (this.history.length === MAX_HISTORY) this.history.shift();
    this.history.push(line);
    this.historyAt = -1;
  }

  private completeWord(): void {
    this.host.complete(this.line.slice(0, this.cursor), result => {
      this.insertCompletion(result);
      this.redraw();
    });
  }

  private insertCompletion({ candidates, wordStart }: Completion): void {
    if (candidates.length === 0) return;
    const typed = this.cursor - wordStart;
    if (candidates.length === 1) {
      const [only] = candidates;
      this.insert(only.slice(typed));
      if (!only.endsWith('/')) this.insert(' ');
      return;
    }
    const sorted = [...candidates].sort((a, b) => (a < b ? -1 : a > b ? 1 : 0));
    this.insert(commonPrefix(sorted).slice(typed));
    this.host.write(`\n${table(sorted)}`);
    this.showPrompt();
  }

  private showPrompt(): void {
    this.host.write(this.prompt);
    this.drawnLine = '';
    this.drawnCursor = 0;
  }

  private redraw(): void {
    if (this.line !== this.drawnLine) {
      const shown = this.hidden ? '*'.repeat(this.line.length) : this.line;
      this.host.write(`${'\x1b[D'.repeat(this.drawnCursor)}${shown}\x1b[K`);
      this.drawnLine = this.line;
      this.drawnCursor = this.line.length;
    }
    const delta = this.cursor - this.drawnCursor;
    if (delta > 0) this.host.write('\x1b[C'.repeat(delta));
    else if (delta < 0) this.host.write('\x1b[D'.repeat(-delta));
    this.drawnCursor = this.cursor;
  }
}

function commonPrefix(words: readonly string[]): string {
  let prefix = words[0];
  for (const word of words) {
    while (!word.startsWith(prefix)) prefix = prefix.slice(0, -1);
  }
  return prefix;
}

/** Columns as wide as the longest word and two blanks, left to right. */
function table(words: readonly string[]): string {
  const longest = Math.max(...words.map(word => word.length));
  const width = Math.min(Math.max(longest + 2, 10), MAX_COLUMNS);
  const perLine = Math.floor(MAX_COLUMNS / width);
  return words
    .map((word, i) => {
      const ends = (i + 1) % perLine === 0 || i === words.length - 1;
      return word.padEnd(width) + (ends ? '\n' : '');
    })
    .join('');
}
