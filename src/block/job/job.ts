/**
 * A block job: work on a drive's images beside the guest, that can be watched, paused, slowed
 * down, completed and cancelled.
 */

import type { BlockHost } from '../../disk-host.ts';
import { UserError } from '../../error.ts';
import { BlockError } from '../backend.ts';
import type { DriveBackend } from '../node-backend.ts';

export type JobType = 'commit' | 'stream' | 'mirror' | 'backup';

/** As query-block-jobs shows it. */
export interface JobInfo {
  readonly type: JobType;
  readonly device: string;
  readonly len: number;
  readonly offset: number;
  readonly busy: boolean;
  readonly paused: boolean;
  readonly speed: number;
  readonly ioStatus: 'ok' | 'failed' | 'nospace';
  readonly ready: boolean;
}

/** What a failed request of a job shall lead to; `enospc` stops when there is no room. */
export type OnError = 'report' | 'ignore' | 'enospc' | 'stop';
export type ErrorAction = 'report' | 'ignore' | 'stop';
export type Operation = 'read' | 'write';

export interface JobListener {
  /** A request failed, and this is done about it. */
  failed(job: Job, operation: Operation, action: ErrorAction): void;
  /** The target holds what the drive holds: `complete` may come. */
  ready(job: Job): void;
  /** The end, by `cancel` before anything was ready, with an error, or well. */
  ended(job: Job, outcome: 'completed' | 'cancelled', error: string | undefined): void;
}

/** A request that failed, and on which side of a copy. */
export class CopyError extends Error {
  override readonly name = 'CopyError';
  constructor(
    readonly operation: Operation,
    readonly why: BlockError,
  ) {
    super(why.message);
  }
}

/** Runs one side of a copy; its failures say which side it was. */
export async function sided<T>(operation: Operation, work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    throw error instanceof BlockError ? new CopyError(operation, error) : error;
  }
}

/** Thrown inside a job's work when it has been cancelled. */
class Cancelled extends Error {
  override readonly name = 'Cancelled';
}

const SLICE_MS = 100;

export class Job {
  /** Total and done, in bytes. */
  len = 0;
  offset = 0;
  speed = 0;
  paused = false;
  busy = true;
  isReady = false;
  /** What has to succeed before it changes over; nothing is left of it when it fails. */
  beforeCompletion: (() => Promise<void>) | undefined;
  /** Ready, and still so: no request failed since. */
  private isSynced = false;
  readonly finished: Promise<void>;
  private ioStatus: JobInfo['ioStatus'] = 'ok';
  private isCancelled = false;
  private isCompleting = false;
  private sliceBytes = 0;
  private sliceStartMs = 0;
  private waiter: () => void = () => {};

  constructor(
    readonly type: JobType,
    readonly drive: DriveBackend,
    private readonly host: BlockHost,
    private readonly listener: JobListener,
    work: (job: Job) => Promise<void>,
  ) {
    if (drive.job !== undefined) throw busyError(drive);
    drive.job = type;
    this.finished = this.run(work);
  }

  get device(): string {
    return this.drive.name;
  }

  info(): JobInfo {
    return {
      type: this.type,
      device: this.device,
      len: this.len,
      offset: this.offset,
      busy: this.busy && !this.paused && !this.isReady,
      paused: this.paused,
      speed: this.speed,
      ioStatus: this.ioStatus,
      ready: this.isReady,
    };
  }

  setSpeed(bytesPerSecond: number): void {
    if (bytesPerSecond < 0) throw new UserError("Invalid parameter 'speed'");
    this.speed = bytesPerSecond;
    // It may sleep as long as the old speed wanted.
    this.waiter();
  }

  pause(): void {
    this.paused = true;
  }

  resume(): void {
    this.paused = false;
    this.ioStatus = 'ok';
    this.waiter();
  }

  /** `force` stops even a paused job. */
  cancel(force = false): void {
    if (this.paused && !force) {
      throw new UserError(`The block job for device '${this.device}' is currently paused`);
    }
    this.isCancelled = true;
    this.paused = false;
    this.waiter();
  }

  complete(): void | Promise<void> {
    if (!this.isSynced || this.isCancelled) {
      throw new UserError(`The active block job for device '${this.device}' cannot be completed`);
    }
    return this.beforeCompletion?.().then(() => this.finishUp()) ?? this.finishUp();
  }

  private finishUp(): void {
    this.isCompleting = true;
    this.waiter();
  }

  // For the work

  get shallComplete(): boolean {
    return this.isCompleting;
  }

  get wasCancelled(): boolean {
    return this.isCancelled;
  }

  /**
   * Says what becomes of a failed request: `report` ends the job, otherwise it is tried again, at
   * once or, when the job has been stopped for it, after `resume` (see `breathe`).
   */
  decide({ code }: BlockError, onError: OnError, operation: Operation): ErrorAction {
    const isFull = code === 'ENOSPC';
    const action = onError === 'enospc' ? (isFull ? 'stop' : 'report') : onError;
    this.isSynced = false;
    if (action === 'stop') {
      this.paused = true;
      this.ioStatus = isFull ? 'nospace' : 'failed';
    }
    this.listener.failed(this, operation, action);
    return action;
  }

  /** Called between pieces: waits while paused or too fast, ends a cancelled job. */
  async breathe(bytes: number): Promise<void> {
    this.check();
    while (this.paused) await this.sleepUntilTold();
    this.check();
    if (this.speed > 0) await this.slowDown(bytes);
    else await this.host.sleep(0);
    this.check();
  }

  private check(): void {
    if (this.isCancelled && !this.isReady) throw new Cancelled();
  }

  private async slowDown(bytes: number): Promise<void> {
    const { seconds, nanoseconds } = this.host.now();
    const now = seconds * 1000 + nanoseconds / 1e6;
    if (now - this.sliceStartMs >= SLICE_MS) {
      this.sliceStartMs = now;
      this.sliceBytes = 0;
    }
    this.sliceBytes += bytes;
    const due = (this.sliceBytes / this.speed) * 1000;
    if (due > SLICE_MS) {
      await Promise.race([this.host.sleep(due), this.sleepUntilTold()]);
      this.sliceBytes = 0;
    }
  }

  /** Until resume, complete, cancel, another speed or `nudge`. */
  sleepUntilTold(): Promise<void> {
    return new Promise(resolve => {
      this.waiter = resolve;
    });
  }

  /** New work may have come. */
  nudge(): void {
    this.waiter();
  }

  announceReady(): void {
    if (this.isSynced) return;
    this.isReady = true;
    this.isSynced = true;
    this.listener.ready(this);
  }

  private async run(work: (job: Job) => Promise<void>): Promise<void> {
    let outcome: 'completed' | 'cancelled' = 'completed';
    let problem: string | undefined;
    try {
      // The caller must know the job before it can end.
      await this.host.sleep(0);
      // Writes that began before the job was there are not under its locks: wait for them.
      const release = await this.drive.drain();
      release();
      await work(this);
    } catch (error) {
      if (error instanceof Cancelled) outcome = 'cancelled';
      else if (error instanceof BlockError || error instanceof UserError) {
        problem = error.message;
      } else {
        throw error;
      }
    } finally {
      this.busy = false;
      this.drive.job = undefined;
      this.drive.beforeWrite = undefined;
    }
    this.listener.ended(this, outcome, problem);
  }
}

export function busyError(drive: DriveBackend): UserError {
  return new UserError(
    `Device '${drive.name}' is busy: block device is in use by block job: ${drive.job}`,
  );
}
