/**
 * The character devices of this program: opened from their descriptions, found by id, shared by
 * multiplexers, listed by `info chardev`.
 */

import { Char } from './char.ts';
import { CharMux, type MuxHooks } from './char-mux.ts';
import { CharRing } from './char-ring.ts';
import { type CharSpec, charFilename } from './chardev-spec.ts';
import { UserError } from './error.ts';
import { openStdio, type Stdio } from './host-stdio.ts';
import type { CharEntry, Chars } from './monitor/vm.ts';

const CR = 0x0d;
const LF = 0x0a;

export interface CharHooks extends MuxHooks {
  /** Hands input to the machine between instructions. */
  readonly post: (deliver: () => void) => void;
  /** ^C on a terminal whose signals are on. */
  readonly interrupt: () => void;
}

/** Those that lead out of the program. */
type HostSpec = Extract<CharSpec, { readonly kind: 'socket' | 'file' | 'pipe' | 'udp' | 'pty' }>;
/** Those that have a pipe of their own. */
type BaseSpec = Exclude<CharSpec, { readonly kind: 'mux' }>;

interface Opened extends CharEntry {
  readonly mux?: CharMux;
  /** It has its peer from the start. */
  readonly alwaysOpen: boolean;
}

export class CharTable implements Chars {
  private readonly entries: Opened[] = [];
  private readonly late: Char[] = [];
  private stdio: Stdio | undefined;

  constructor(private readonly hooks: CharHooks) {}

  list(): readonly CharEntry[] {
    return [...this.entries].reverse();
  }

  get usesStdio(): boolean {
    return this.stdio !== undefined;
  }

  async add(label: string, spec: CharSpec): Promise<string | undefined> {
    try {
      await this.open(label, spec);
    } catch (error) {
      this.remove(label);
      this.remove(`${label}-base`);
      throw error;
    }
    const { filename } = this.entries.find(entry => entry.label === label)?.char ?? {};
    return filename?.startsWith('pty:') === true ? filename.slice(4) : undefined;
  }

  remove(label: string): void {
    const at = this.entries.findIndex(entry => entry.label === label);
    if (at < 0) return;
    const [{ char, mux }] = this.entries.splice(at, 1);
    char.close();
    mux?.release();
  }

  /** Resolves when the device may be used. Throws UserError. */
  async open(label: string, spec: CharSpec): Promise<void> {
    if (spec.kind === 'mux') {
      this.share(label, spec.base);
      return;
    }
    const base = new Char(spec.mux ? `${label}-base` : label, charFilename(spec));
    const ring = spec.kind === 'ringbuf' ? new CharRing(spec.size) : undefined;
    const waiting = this.attach(base, spec, ring);
    const alwaysOpen = spec.kind !== 'socket';
    this.entries.push({ label: base.label, char: base, ring, alwaysOpen });
    if (spec.mux) this.share(label, base.label);
    await waiting;
  }

  private share(label: string, name: string): void {
    const base = this.entries.find(entry => entry.label === name);
    if (base === undefined) throw new UserError(`mux: base chardev ${name} not found`);
    const { char, mux: shared, alwaysOpen } = base;
    if (char.hasFrontend || shared !== undefined) throw new UserError(`Chardev '${name}' is busy`);
    const mux = new CharMux(char, this.hooks);
    this.entries.push({ label, char: new Char(label, 'mux'), mux, alwaysOpen });
  }

  /** The pipe for one front end of a device; undefined when there is no device of that name. */
  frontend(label: string): Char | undefined {
    const entry = this.entries.find(item => item.label === label);
    if (entry === undefined) return undefined;
    if (entry.mux !== undefined) {
      const port = entry.mux.add(label);
      // It has somebody behind it, who hears by a pipe of his own.
      entry.char.connect(entry.mux);
      if (entry.alwaysOpen) this.late.push(port);
      return port;
    }
    if (entry.char.hasFrontend) {
      throw new UserError(`qemu_chr_fe_claim_no_fail: error chardev "${label}" already used`);
    }
    return entry.char;
  }

  /** Tells a front end that was just connected that its peer is there, if it is. */
  announce(char: Char): void {
    const entry = this.entries.find(item => item.char === char);
    if (entry?.alwaysOpen === true) char.announce('opened');
  }

  /** Front ends that share a pipe hear that it is open when all of them are connected. */
  announceShared(): void {
    for (const port of this.late.splice(0)) port.announce('opened');
  }

  /** Lets what was sent last reach its readers. */
  async finish(): Promise<void> {
    await Promise.all(this.entries.map(({ char }) => char.finish()));
  }

  private async attach(char: Char, spec: BaseSpec, ring: CharRing | undefined): Promise<void> {
    if (spec.kind === 'stdio') this.attachStdio(char, spec.signal && !spec.mux);
    else if (ring !== undefined) char.attach(ring);
    else if (spec.kind !== 'null' && spec.kind !== 'vc' && spec.kind !== 'ringbuf') {
      await this.attachHost(char, spec);
    }
  }

  private async attachHost(char: Char, spec: HostSpec): Promise<void> {
    const { post } = this.hooks;
    if (spec.kind === 'socket') {
      const { openSocketChar } = await import('./host-socket.ts');
      await openSocketChar(char, spec, post);
      return;
    }
    const host = await import('./host-char.ts');
    if (spec.kind === 'file') host.openFileChar(char, spec.path);
    else if (spec.kind === 'pipe') host.openPipeChar(char, spec.path, post);
    else if (spec.kind === 'udp') await host.openUdpChar(char, spec, post);
    else host.openPtyChar(char, post);
  }

  private attachStdio(char: Char, signals: boolean): void {
    if (this.stdio !== undefined) {
      throw new UserError('cannot use stdio by multiple character devices');
    }
    const stdio = openStdio(this.hooks);
    this.stdio = stdio;
    const input = new LineInput(char, stdio, this.hooks.post);
    char.attach({
      write: bytes => stdio.write(bytes),
      accept: () => input.balance(),
      isCongested: () => stdio.isCongested,
      setEcho: on => stdio.setEcho(on),
      finish: () => stdio.finish(),
    });
    stdio.onRelief(() => input.relieve());
    stdio.listen(bytes => input.take(bytes), signals);
  }
}

/** Of stdin, that is waiting for the device. */
const HIGH_WATER = 64 * 1024;
/** A line is handed over in such pieces: a monitor draws the whole line anew for each key. */
const PIECE_BYTES = 64;

/** Hands stdin over line by line, and lets it wait while the device or the reader is behind. */
class LineInput {
  private posted = 0;
  private isPaused = false;
  /** Came while the reader was behind. */
  private readonly held: Uint8Array[] = [];

  constructor(
    private readonly char: Char,
    private readonly stdio: Stdio,
    private readonly post: (deliver: () => void) => void,
  ) {}

  take(bytes: Uint8Array): void {
    for (const piece of splitLines(bytes)) {
      this.posted += piece.length;
      this.post(() => {
        this.held.push(piece);
        this.drain();
      });
    }
    this.balance();
  }

  /** The reader has caught up. */
  relieve(): void {
    if (this.char.waitingLength > 0) this.post(() => this.char.accept());
    else this.balance();
  }

  balance(): void {
    const { char, stdio } = this;
    if (this.held.length > 0 && !stdio.isCongested) this.post(() => this.drain());
    const isFull = this.posted + char.waitingLength > HIGH_WATER || stdio.isCongested;
    if (isFull === this.isPaused) return;
    this.isPaused = isFull;
    stdio.pause(isFull);
  }

  private drain(): void {
    while (!this.stdio.isCongested) {
      const piece = this.held.shift();
      if (piece === undefined) break;
      this.posted -= piece.length;
      this.char.deliver(piece);
    }
    this.balance();
  }
}

/** After each line the machine may act on what it asked for before the next is read. */
function splitLines(bytes: Uint8Array): Uint8Array[] {
  const lines: Uint8Array[] = [];
  let start = 0;
  for (let i = 0; i < bytes.length; i++) {
    const isEnd = bytes[i] === CR || bytes[i] === LF;
    if (!isEnd && i + 1 - start < PIECE_BYTES) continue;
    lines.push(bytes.subarray(start, i + 1));
    start = i + 1;
  }
  if (start < bytes.length) lines.push(bytes.subarray(start));
  return lines;
}
