/**
 * Sending a running machine to another process: first its memory, while it runs, again and again
 * what has changed since, then, while it stands still, the rest.
 *
 * How fast, and how long it may stand still, says the user; the words for how far it is are QEMU's.
 * Not there: disks in the stream (-b, -i), XBZRLE, RDMA, slowing the guest down (auto-converge).
 */

import { UserError } from './error.ts';
import type { Machine } from './machine.ts';
import type { MemoryCopy } from './machine-save.ts';
import type { StatefulMachine, StateSink } from './machine-state.ts';
import type { RunState } from './run-state.ts';

export type MigratingMachine = StatefulMachine &
  Pick<Machine, 'runState' | 'stop' | 'start' | 'rest' | 'exclusive'>;

/** The other end of the stream. */
export interface MigrationSink extends StateSink {
  /** All of it has been taken. */
  finish(): Promise<void>;
  /** Breaks off. */
  destroy(): void;
}

export interface MigrationHost {
  nowMs(): number;
  sleep(ms: number): Promise<void>;
  /**
   * How to reach a place; `atOnce` when that succeeds or fails before the command returns.
   * Undefined for a protocol that there is not. Throws UserError for an address that is none.
   */
  connect(uri: string): MigrationRoute | undefined;
  /** Throws UserError for drives that cannot go with the machine. */
  checkDrives(): void;
  /** Brings all that was written to the images. */
  flushDrives(): Promise<void>;
  /** The images are the other process's from now on. */
  handOverDrives(): void;
}

export interface MigrationRoute {
  readonly atOnce: boolean;
  /** Throws UserError. */
  open(): Promise<MigrationSink>;
}

export const CAPABILITIES = ['xbzrle', 'rdma-pin-all', 'auto-converge', 'zero-blocks'] as const;
export type Capability = (typeof CAPABILITIES)[number];

export type MigrationStatus = 'setup' | 'active' | 'completed' | 'failed' | 'cancelled';

/** Bytes and pages sent. */
interface Progress {
  transferred: number;
  zeroPages: number;
  normalPages: number;
  /** Bytes of this pass that are still to be looked at. */
  remaining: number;
  passes: number;
  mbps: number;
}

const PAGE = 4096;
/** The user's limits when he says nothing: bytes per second, milliseconds, bytes. */
const DEFAULT_SPEED = 32 << 20;
const DEFAULT_DOWNTIME_MS = 300;
const DEFAULT_CACHE = 64 << 20;
/** The rate is kept over windows of this length. */
const WINDOW_MS = 100;

class Cancelled extends Error {}

export class Migration {
  speed = DEFAULT_SPEED;
  maxDowntimeMs = DEFAULT_DOWNTIME_MS;
  cacheSize = DEFAULT_CACHE;
  readonly capabilities = new Map<Capability, boolean>(CAPABILITIES.map(name => [name, false]));
  /** Undefined before the first. */
  status: MigrationStatus | undefined;
  progress: Progress = newProgress();
  startedMs = 0;
  setupMs = 0;
  totalMs = 0;
  downtimeMs = 0;
  /** Of all its memory, in bytes. */
  totalBytes = 0;
  private sink: MigrationSink | undefined;
  private ended: Promise<void> = Promise.resolve();
  private windowStartMs = 0;
  private windowBytes = 0;

  constructor(
    private readonly machine: () => MigratingMachine,
    private readonly host: MigrationHost,
  ) {}

  get isActive(): boolean {
    return this.status === 'setup' || this.status === 'active';
  }

  get nowMs(): number {
    return this.host.nowMs();
  }

  /** Resolves when none is under way. */
  get end(): Promise<void> {
    return this.ended;
  }

  private checkFree(): void {
    if (this.isActive) throw new UserError("There's a migration process in progress");
    if (this.machine().runState === 'inmigrate') {
      throw new UserError('Guest is waiting for an incoming migration');
    }
  }

  /** Begins to send the machine to `uri`. Throws UserError; that, too, counts as an attempt. */
  async to(uri: string): Promise<void> {
    this.checkFree();
    this.host.checkDrives();
    try {
      const route = this.host.connect(uri);
      if (route === undefined) {
        throw new UserError("Parameter 'uri' expects a valid migration protocol");
      }
      const sink = route.atOnce ? await route.open() : undefined;
      this.start(async () => sink ?? (await route.open()));
    } catch (error) {
      this.status = 'failed';
      throw error;
    }
  }

  /** `open` connects; its failure is the migration's. */
  private start(open: () => Promise<MigrationSink>): void {
    this.status = 'setup';
    this.progress = newProgress();
    this.startedMs = this.host.nowMs();
    this.setupMs = 0;
    this.totalMs = 0;
    this.downtimeMs = 0;
    this.totalBytes = this.machine().memory.guestRanges.reduce((sum, r) => sum + r.length, 0);
    this.ended = this.run(open);
  }

  cancel(): void {
    if (!this.isActive) return;
    this.status = 'cancelled';
    this.sink?.destroy();
  }

  private async run(open: () => Promise<MigrationSink>): Promise<void> {
    const machine = this.machine();
    const state = (): RunState => machine.runState;
    const wasRunning = state() === 'running';
    try {
      this.sink = await open();
      this.checkGoesOn();
      this.status = 'active';
      this.setupMs = Math.round(this.host.nowMs() - this.startedMs);
      await this.send(this.sink, wasRunning);
      this.status = 'completed';
      this.host.handOverDrives();
      machine.rest('postmigrate');
    } catch (error) {
      this.sink?.destroy();
      if (this.isActive) this.status = 'failed';
      if (wasRunning && state() === 'finish-migrate') machine.start();
      if (!(error instanceof UserError || error instanceof Cancelled)) throw error;
    } finally {
      this.sink = undefined;
    }
  }

  private async send(sink: MigrationSink, wasRunning: boolean): Promise<void> {
    const machine = this.machine();
    const { headSections, MemoryCopy, tailSections } = await import('./machine-save.ts');
    const memory = new MemoryCopy(machine.memory, wasRunning);
    await this.write(sink, headSections(machine), true);
    if (wasRunning) {
      let changed = Number.POSITIVE_INFINITY;
      // The guest may have stopped meanwhile: then there is nothing to wait for.
      while (changed > this.affordable() && machine.runState === 'running') {
        changed = await this.pass(sink, memory, true);
        this.progress.passes++;
      }
    }
    const next: RunState = 'finish-migrate';
    if (machine.runState === 'running') machine.stop(next);
    else machine.rest(next);
    const stoppedMs = this.host.nowMs();
    await machine.exclusive(async () => {
      await this.host.flushDrives();
      await this.pass(sink, memory, false);
      for (const bytes of tailSections(machine)) await this.write(sink, bytes, false);
      await sink.finish();
    });
    this.checkGoesOn();
    const nowMs = this.host.nowMs();
    this.downtimeMs = wasRunning ? Math.round(nowMs - stoppedMs) : 0;
    this.totalMs = Math.max(1, Math.round(nowMs - this.startedMs));
    this.progress.remaining = 0;
    this.progress.mbps = (this.progress.transferred * 8) / (this.totalMs * 1000);
  }

  /** Bytes that may be left when the machine is stopped. */
  private affordable(): number {
    return (this.speed * this.maxDowntimeMs) / 1000;
  }

  /** Returns the number of bytes sent. */
  private async pass(sink: MigrationSink, memory: MemoryCopy, limited: boolean): Promise<number> {
    const isFirst = this.progress.zeroPages + this.progress.normalPages === 0;
    let sent = 0;
    for (let at = 0; at < memory.pageCount; ) {
      const batch = memory.batch(at);
      // Pages that are zero from the start need not be sent, but they are done.
      this.progress.zeroPages += isFirst ? batch.next - at - batch.normal : batch.zero;
      this.progress.normalPages += batch.normal;
      if (batch.normal + batch.zero > 0) {
        sent += batch.bytes.length;
        await this.write(sink, batch.bytes, limited);
      }
      at = batch.next;
      this.progress.remaining = (memory.pageCount - at) * PAGE;
      if (limited) await this.host.sleep(0);
    }
    return sent;
  }

  private async write(sink: MigrationSink, bytes: Uint8Array, limited: boolean): Promise<void> {
    this.checkGoesOn();
    this.progress.transferred += bytes.length;
    await sink.write(bytes);
    if (!limited) return;
    const nowMs = this.host.nowMs();
    if (nowMs - this.windowStartMs > WINDOW_MS) {
      this.windowStartMs = nowMs;
      this.windowBytes = 0;
    }
    this.windowBytes += bytes.length;
    const aheadMs =
      (this.windowBytes / Math.max(1, this.speed)) * 1000 - (nowMs - this.windowStartMs);
    if (aheadMs > 0) await this.pause(aheadMs);
  }

  /** In pieces, so that a cancelled migration ends soon. */
  private async pause(ms: number): Promise<void> {
    const untilMs = this.host.nowMs() + ms;
    for (;;) {
      this.checkGoesOn();
      const leftMs = untilMs - this.host.nowMs();
      if (leftMs <= 0) return;
      await this.host.sleep(Math.min(leftMs, WINDOW_MS));
    }
  }

  private checkGoesOn(): void {
    if (!this.isActive) throw new Cancelled();
  }
}

function newProgress(): Progress {
  return {
    transferred: 0,
    zeroPages: 0,
    normalPages: 0,
    remaining: 0,
    passes: 0,
    mbps: -1,
  };
}
