/**
 * One session of the I/O tool: an open image, outstanding requests, and where text goes.
 *
 * The monitor's `qemu-io` command runs the same commands on a drive's node.
 */

import { UserError } from '../../error.ts';
import { BlockError, IO_ERROR } from '../backend.ts';
import type { CacheMode } from '../cache-mode.ts';
import type { BlockNode } from '../node.ts';

export const NO_FILE = "no file open, try 'help open'";

/** Ends a command with a message. */
export class IoError extends Error {
  override readonly name = 'IoError';
}

/** The same, where scripts look for mistakes of their own. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

export interface SessionHost {
  print(text: string): void;
  /** Prints about commands that cannot be run at all. */
  complain(text: string): void;
  /** Stands before what is reported in the program's name. */
  readonly prefix: string;
  /** Seconds of a clock that only moves forward. */
  elapsed(): number;
  sleep(milliseconds: number): Promise<void>;
  /** Sends a signal to the program; absent where that would be someone else's. */
  raise?(signal: number): Promise<void>;
}

export interface OpenCall {
  readonly path: string;
  readonly readOnly: boolean;
  /** Writes go to a file of their own, which is gone in the end. */
  readonly snapshot: boolean;
  /** Unless it writes back, every write is brought to the medium, tables included. */
  readonly cache: CacheMode;
  /** What is discarded is gone; otherwise nothing is done about it. */
  readonly unmap: boolean;
  readonly options: string;
}

/** Where bytes go in and out. */
export type Port = Pick<BlockNode, 'read' | 'write'>;

export class IoSession {
  node: BlockNode | undefined;
  /** Stands before the image for transfers of the guest's bytes: a drive with its settings. */
  drive: Port | undefined;
  isOver = false;
  private lastCall: OpenCall | undefined;
  private readonly outstanding = new Set<Promise<void>>();

  constructor(
    readonly host: SessionHost,
    /** Undefined where the image is somebody else's (the monitor). */
    private readonly openNode?: (call: OpenCall) => Promise<BlockNode>,
  ) {}

  /** Commands open and close it; elsewhere it is somebody's drive. */
  get ownsImage(): boolean {
    return this.openNode !== undefined;
  }

  /** How the image was opened. */
  get opened(): OpenCall | undefined {
    return this.lastCall;
  }

  /** Throws UserError. */
  async open(call: OpenCall): Promise<void> {
    this.node = await this.openNode?.(call);
    this.lastCall = call;
  }

  print(text: string): void {
    this.host.print(text);
  }

  /** The image that commands are about. */
  get image(): BlockNode {
    if (this.node === undefined) throw new UsageError(NO_FILE);
    return this.node;
  }

  get port(): Port {
    return this.drive ?? this.image;
  }

  /** Discarding has an effect. */
  get unmaps(): boolean {
    return this.lastCall?.unmap ?? true;
  }

  /** To be called when guest's bytes were written: where each write counts, it is flushed. */
  async stored(): Promise<void> {
    if (this.lastCall?.cache.writeback === false) await this.image.flush();
  }

  /** Lets a request run on its own. */
  start(work: Promise<void>): void {
    const tracked = work.finally(() => this.outstanding.delete(tracked));
    this.outstanding.add(tracked);
  }

  /** Waits for all requests that run on their own. */
  async settle(): Promise<void> {
    while (this.outstanding.size > 0) await Promise.all(this.outstanding);
  }
}

/** strerror of a failed request. */
export function reasonOf(error: unknown): string {
  if (error instanceof UserError) throw new IoError(error.message);
  if (error instanceof BlockError) {
    return error.code === 'EIO' ? IO_ERROR : error.message;
  }
  throw error;
}
