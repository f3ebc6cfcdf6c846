/**
 * A human monitor on a character device: banner, prompt, line editor, one command after another.
 *
 * Output is written with every line end turned into CR LF, whatever is behind the pipe. Input that
 * comes while a command runs waits for it. On a shared pipe nothing is shown without the focus.
 */

import type { Char, CharEvent, CharFrontend } from '../../char.ts';
import { fromUtf8, latinBytes, toUtf8 } from '../../utf8.ts';
import type { Session } from '../session.ts';
import type { DumpDefaults } from './argument-types.ts';
import type { HmpCommand, HmpContext } from './command.ts';
import { complete } from './completion.ts';
import { runLine } from './dispatch.ts';
import { type EditorHost, LineEditor } from './editor.ts';

const PROMPT = '(qemu) ';
const PASSWORD_PROMPT = 'Password: ';
/** Keys at once: each of them may draw a long line anew. */
const PIECE = 64;

export interface ConsoleOptions {
  readonly session: Session;
  readonly commands: readonly HmpCommand[];
  readonly char: Char;
  /** Resolves when everything else that waited has had its turn. */
  readonly turn: () => Promise<void>;
  /** In the banner: `QEMU 2.2.50`. */
  readonly version: string;
}

export class HmpConsole implements CharFrontend {
  private readonly session: Session;
  private readonly defaults: DumpDefaults = { letter: 'x', size: 4 };
  private readonly editor: LineEditor;
  private readonly waiting: number[] = [];
  private isBusy = false;
  private isSuspended = false;
  private isOpen = false;
  /** On a shared pipe: somebody else has the focus. */
  private isBlurred = false;
  private held = '';
  private password: ((line: string | undefined) => void) | undefined;
  /** Counts clients. */
  private connection = 0;

  constructor(private readonly options: ConsoleOptions) {
    this.session = options.session;
    const host: EditorHost = {
      write: text => this.output(text),
      accept: line => this.accept(line),
      complete: (line, done) => this.complete(line, done),
    };
    this.editor = new LineEditor(host);
    options.char.connect(this);
  }

  room(): number {
    return this.isSuspended || this.isBusy ? 0 : PIECE;
  }

  busy(): boolean {
    return this.isBusy;
  }

  receive(bytes: Uint8Array): void {
    this.waiting.push(...bytes);
    this.work();
  }

  event(what: CharEvent): void {
    if (what === 'opened') this.open();
    else if (what === 'closed') this.close();
    else if (what === 'focus') this.focus();
    else if (what === 'blur') this.blur();
  }

  private print(text: string): void {
    this.output(toBytes(text));
  }

  private askPassword(): Promise<string | undefined> {
    return new Promise(resolve => {
      this.password = resolve;
      this.prompt();
    });
  }

  /** Also for somebody who comes back: to what was asked when he left. */
  private prompt(): void {
    const isSecret = this.password !== undefined;
    this.editor.begin(isSecret ? PASSWORD_PROMPT : PROMPT, isSecret);
  }

  private open(): void {
    this.isOpen = true;
    this.isSuspended = false;
    this.print(`QEMU ${this.options.version} monitor - type 'help' for more information\n`);
    if (!this.isBlurred) this.prompt();
  }

  /** What a client asked for is not told to the next one. */
  private close(): void {
    this.isOpen = false;
    this.held = '';
    this.waiting.length = 0;
    this.connection++;
    const { password } = this;
    this.password = undefined;
    password?.(undefined);
  }

  private focus(): void {
    this.isBlurred = false;
    if (this.isOpen && !this.isBusy) this.prompt();
    else this.output('');
  }

  private blur(): void {
    if (this.isOpen && !this.isBlurred) this.print('\n');
    this.isBlurred = true;
  }

  private work(): void {
    while (!this.isBusy && !this.isSuspended && this.waiting.length > 0) {
      this.editor.input(this.waiting.shift() ?? 0);
    }
  }

  private accept(line: string): void {
    const { password } = this;
    if (password !== undefined) {
      this.password = undefined;
      this.isBusy = true;
      password(fromBytes(line));
      return;
    }
    this.isBusy = true;
    // A command's own errors are printed; what is left is ours and must end the program.
    const { connection } = this;
    void runLine(this.context(), fromBytes(line)).then(() => this.finish(connection));
  }

  /** A password may be typed while its command waits for it. */
  private context(): HmpContext {
    const { connection } = this;
    return {
      session: this.session,
      commands: this.options.commands,
      defaults: this.defaults,
      history: this.editor.history.map(fromBytes),
      print: text => {
        if (connection === this.connection) this.print(text);
      },
      suspend: () => {
        this.isSuspended = true;
      },
      turn: async () => {
        await this.options.turn();
        return connection === this.connection;
      },
      askPassword: () => {
        const answer = this.askPassword();
        this.isBusy = false;
        this.work();
        this.options.char.accept();
        return answer;
      },
    };
  }

  private finish(connection: number): void {
    this.isBusy = false;
    if (this.isSuspended) return;
    if (connection === this.connection) this.prompt();
    this.work();
    this.options.char.accept();
  }

  private complete(line: string, done: Parameters<EditorHost['complete']>[1]): void {
    this.isBusy = true;
    void complete(this.session, this.options.commands, fromBytes(line)).then(result => {
      const wordStart = byteLength(line, result.wordStart);
      done({ candidates: result.candidates.map(toBytes), wordStart });
      this.isBusy = false;
      this.work();
      this.options.char.accept();
    });
  }

  /** Bytes as Latin-1 text. */
  private output(bytes: string): void {
    if (!this.isOpen) return;
    const text = this.held + bytes.replaceAll('\n', '\r\n');
    if (this.isBlurred) {
      this.held = text;
      return;
    }
    this.held = '';
    if (text !== '') this.options.char.write(latinBytes(text));
  }
}

/** The editor's bytes as text. */
function fromBytes(line: string): string {
  return fromUtf8(latinBytes(line));
}

function toBytes(text: string): string {
  return Array.from(toUtf8(text), byte => String.fromCharCode(byte)).join('');
}

/** A position in the text of a line as a position in its bytes. */
function byteLength(line: string, position: number): number {
  return toBytes(fromBytes(line).slice(0, position)).length;
}
