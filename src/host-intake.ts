/**
 * Bytes on their way from the host to a character device: read no faster than they are used, and
 * handed over a little at a time, so that neither memory nor the guest's time depends on who sends.
 */

import type { Writable } from 'node:stream';
import type { Char } from './char.ts';
import { FINISH_MS, MAX_UNREAD } from './host-main.ts';

/** Hands input to the machine between instructions. */
export type Post = (deliver: () => void) => void;

/** Where the bytes come from. */
export interface Source {
  pause(): unknown;
  resume(): unknown;
}

/** Nothing more is read while so much waits. */
const HIGH_WATER = 64 * 1024;
/** How much the device gets at once, and for how long before others have their turn. */
const PIECE = 64;
const TURN_MS = 0.2;

export class Intake {
  private readonly waiting: (Uint8Array | (() => void))[] = [];
  private length = 0;
  private isScheduled = false;
  private isPaused = false;
  /** The replies are not read: nothing more is asked for them. */
  private isHeld = false;

  constructor(
    private readonly char: Char,
    private readonly post: Post,
    private readonly source: Source,
  ) {}

  /** Called once, when all has been handed over. */
  onEmpty: (() => void) | undefined;

  get isEmpty(): boolean {
    return this.waiting.length === 0;
  }

  get isFull(): boolean {
    return this.length >= HIGH_WATER;
  }

  take(bytes: Uint8Array): void {
    this.waiting.push(bytes);
    this.length += bytes.length;
    this.balance();
    this.schedule();
  }

  /** Does `act` once the device has done with what came before. */
  mark(act: () => void): void {
    this.waiting.push(act);
    this.length++;
    this.balance();
    this.schedule();
  }

  /** What `mark` was told is not to be done any more. */
  unmark(act: () => void): void {
    const at = this.waiting.indexOf(act);
    if (at < 0) return;
    this.waiting.splice(at, 1);
    this.length--;
  }

  /** The device takes nothing, and is not at work either: a guest that does not listen. */
  get isStuck(): boolean {
    return this.char.waitingLength > 0 && !this.char.busy;
  }

  /** The device has room again. */
  accept(): void {
    this.schedule();
    this.balance();
  }

  hold(isHeld: boolean): void {
    this.isHeld = isHeld;
    if (isHeld) return;
    if (this.char.waitingLength > 0) this.post(() => this.char.accept());
    else this.accept();
  }

  /** Whoever sends does not read. */
  get isCongested(): boolean {
    return this.isHeld;
  }

  private schedule(): void {
    if (this.isScheduled || !this.mayWork()) return;
    this.isScheduled = true;
    this.post(() => {
      this.isScheduled = false;
      this.work();
    });
  }

  private mayWork(): boolean {
    if (this.isEmpty || this.isHeld || this.char.waitingLength > 0) return false;
    return typeof this.waiting[0] !== 'function' || !this.char.busy;
  }

  private work(): void {
    const end = performance.now() + TURN_MS;
    while (this.mayWork()) {
      this.serveFirst();
      if (performance.now() > end) break;
    }
    this.schedule();
    this.balance();
    if (!this.isEmpty) return;
    const { onEmpty } = this;
    this.onEmpty = undefined;
    onEmpty?.();
  }

  private serveFirst(): void {
    const [first] = this.waiting;
    if (typeof first === 'function' || first.length <= PIECE) this.waiting.shift();
    else this.waiting[0] = first.subarray(PIECE);
    if (typeof first === 'function') {
      this.length--;
      first();
      return;
    }
    const piece = first.subarray(0, PIECE);
    this.length -= piece.length;
    this.char.deliver(piece);
  }

  /** The rest is not wanted any more. */
  discard(): void {
    this.waiting.length = 0;
    this.length = 0;
  }

  private balance(): void {
    const { isFull } = this;
    if (isFull === this.isPaused) return;
    this.isPaused = isFull;
    if (isFull) this.source.pause();
    else this.source.resume();
  }
}

/** Replies that are not read: nobody is served until they are. */
const SLOW_READER = 64 * 1024;

/** What goes out to a reader who may be slow: it waits here, and meanwhile so do his requests. */
export class Outlet {
  constructor(
    private readonly stream: Writable,
    private readonly intake: Intake,
    private readonly holdAt = SLOW_READER,
  ) {
    stream.on('drain', () => intake.hold(false));
  }

  write(bytes: Uint8Array): void {
    const { stream } = this;
    if (stream.writableLength > MAX_UNREAD || stream.destroyed) return;
    // The device may reuse its buffer before the kernel has taken the bytes.
    stream.write(bytes.slice());
    if (stream.writableLength > this.holdAt) this.intake.hold(true);
  }

  /** Resolves when all has left; who does not read is not waited for. */
  finish(): Promise<void> {
    const { stream } = this;
    if (stream.writableLength === 0) return Promise.resolve();
    return new Promise(resolve => {
      setTimeout(resolve, FINISH_MS);
      stream.write('', () => resolve());
    });
  }

  close(): void {
    this.stream.destroy();
  }
}
