/**
 * Several front ends on one pipe, of which one has the focus: QEMU's multiplexer and its Ctrl-A
 * keys. Everybody's output goes out at once; input goes to whoever has the focus.
 *
 * Not emulated: saving disks with Ctrl-A s is left to the owner's hook.
 */

import { Char, type CharFrontend } from './char.ts';
import { latinBytes } from './utf8.ts';

const ESCAPE = 0x01;
const NEWLINE = 0x0a;
const HELP = [
  ['h', 'print this help'],
  ['x', 'exit emulator'],
  ['s', 'save disk data back to file (if -snapshot)'],
  ['t', 'toggle console timestamps'],
  ['b', 'send break (magic sysrq)'],
  ['c', 'switch between console and monitor'],
] as const;

export interface MuxHooks {
  /** Ctrl-A x. */
  readonly terminate: () => void;
  /** Ctrl-A s: commit all snapshots. */
  readonly commitAll: () => void;
  /** For time stamps, in ms since the program started. */
  readonly nowMs: () => number;
}

export class CharMux implements CharFrontend {
  private readonly ports: Char[] = [];
  private focus = -1;
  private afterEscape = false;
  private stamping = false;
  private stampStartMs = -1;
  private atLineStart = false;

  constructor(
    private readonly base: Char,
    private readonly hooks: MuxHooks,
  ) {
    base.connect(this);
  }

  /** Adds a front end's pipe, which takes the focus. */
  add(label: string): Char {
    const port = new Char(label, this.base.filename);
    port.attach({ write: bytes => this.write(bytes), accept: () => this.base.accept() });
    this.ports.push(port);
    this.moveFocus(this.ports.length - 1);
    return port;
  }

  /** Leaves the pipe to somebody else. */
  release(): void {
    this.base.connect(undefined);
  }

  /** Keys typed behind a command, Ctrl-A x above all, wait until it is done. */
  room(): number {
    return this.busy() ? 0 : 4096;
  }

  busy(): boolean {
    return this.ports.some(port => port.busy);
  }

  receive(bytes: Uint8Array): void {
    for (const byte of bytes) {
      if (this.afterEscape) this.command(byte);
      else if (byte === ESCAPE) this.afterEscape = true;
      else this.ports[this.focus]?.deliver(Uint8Array.of(byte));
    }
  }

  event(what: 'opened' | 'closed' | 'break' | 'focus' | 'blur'): void {
    for (const port of this.ports) port.announce(what);
  }

  private command(byte: number): void {
    this.afterEscape = false;
    if (byte === ESCAPE) {
      this.ports[this.focus]?.deliver(Uint8Array.of(ESCAPE));
      return;
    }
    const key = String.fromCharCode(byte);
    if (key === 'h' || key === '?') this.printHelp();
    else if (key === 'x') {
      this.base.write(latinBytes('QEMU: Terminated\n\r'));
      this.hooks.terminate();
    } else if (key === 's') this.hooks.commitAll();
    else if (key === 'b') this.ports[this.focus]?.announce('break');
    else if (key === 'c') this.moveFocus((this.focus + 1) % this.ports.length);
    else if (key === 't') {
      this.stamping = !this.stamping;
      this.stampStartMs = -1;
      this.atLineStart = false;
    }
  }

  private printHelp(): void {
    const lines = HELP.map(([key, text]) => `C-a ${key}    ${text}\n\r`);
    this.base.write(latinBytes(`\n\r${lines.join('')}C-a C-a  sends C-a\n\r`));
  }

  private moveFocus(next: number): void {
    this.ports[this.focus]?.announce('blur');
    this.focus = next;
    this.ports[next]?.announce('focus');
  }

  private write(bytes: Uint8Array): void {
    if (!this.stamping) {
      this.base.write(bytes);
      return;
    }
    for (const byte of bytes) {
      if (this.atLineStart) this.base.write(latinBytes(this.stamp()));
      this.atLineStart = byte === NEWLINE;
      this.base.write(Uint8Array.of(byte));
    }
  }

  private stamp(): string {
    const nowMs = this.hooks.nowMs();
    if (this.stampStartMs < 0) this.stampStartMs = nowMs;
    const ms = Math.floor(nowMs - this.stampStartMs);
    const two = (value: number): string => String(value).padStart(2, '0');
    const seconds = Math.floor(ms / 1000);
    const clock = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60];
    return `[${clock.map(two).join(':')}.${String(ms % 1000).padStart(3, '0')}] `;
  }
}
