/**
 * A drive: the named hole between a device and the block graph, with medium, tray and limits.
 *
 * Jobs, `change` and `eject` swap the node below while the device keeps its backend. Requests are
 * checked here once: medium present, inside the medium, not read-only.
 */

import type { BlockHost } from '../disk-host.ts';
import {
  type BlockBackend,
  BlockError,
  type DiskGeometry,
  IO_ERROR,
  type Tray,
} from './backend.ts';
import type { CacheMode } from './cache-mode.ts';
import type { DetectZeroes, DriveSpec } from './drive-options.ts';
import type { DirtyBitmap } from './job/dirty-bitmap.ts';
import { type BlockNode, giveKey, isEncrypted, lacksKey } from './node.ts';
import { RangeLock } from './range-lock.ts';
import { isZero } from './request.ts';
import { letGo } from './shared-node.ts';
import { Throttle, type ThrottleLimits } from './throttle.ts';

/** Counters as query-blockstats shows them. */
export interface DriveStatistics {
  rdBytes: number;
  wrBytes: number;
  rdOperations: number;
  wrOperations: number;
  flushOperations: number;
  rdTotalTimeNs: number;
  wrTotalTimeNs: number;
  flushTotalTimeNs: number;
  wrHighestOffset: number;
}

/** A device's request that failed, and what is done about it. */
export interface DriveFailure {
  readonly operation: 'read' | 'write';
  readonly action: 'report' | 'ignore' | 'stop';
  readonly error: BlockError;
}

export class DriveBackend implements BlockBackend {
  readonly statistics: DriveStatistics = {
    rdBytes: 0,
    wrBytes: 0,
    rdOperations: 0,
    wrOperations: 0,
    flushOperations: 0,
    rdTotalTimeNs: 0,
    wrTotalTimeNs: 0,
    flushTotalTimeNs: 0,
    wrHighestOffset: 0,
  };
  /** The block job that owns this drive, by type; undefined when none runs. */
  job: string | undefined;
  /** What that job writes to, where it opened that itself. */
  jobTarget: BlockNode | undefined;
  /** Of the device, if it has one. */
  tray: Tray | undefined;
  /** The guest moved the tray. */
  onTrayMove: (isOpen: boolean) => void = () => {};
  /** Told of failed requests; false leaves them to who asked. */
  onFailure: (failure: DriveFailure) => boolean = () => false;
  ioStatus: 'ok' | 'failed' | 'nospace' = 'ok';
  /** What jobs have still to copy. */
  readonly dirtyBitmaps = new Set<DirtyBitmap>();
  /** Called before a write reaches the node: jobs keep their promises here. */
  beforeWrite: ((offset: number, length: number) => Promise<void>) | undefined;
  /** Hears of every write of the device's before it reaches the node. */
  writeWatch: ((offset: number, length: number) => void) | undefined;
  /** Hears of every write that reached the node: dirty bitmaps. */
  readonly writeListeners = new Set<(offset: number, length: number) => void>();
  private medium: BlockNode | undefined;
  private throttle: Throttle;
  private readonly ranges = new RangeLock();
  private readonly mediaListeners: (() => void)[] = [];
  /** Called when a medium has been taken out. */
  readonly removalListeners = new Set<() => void>();
  private inFlight = 0;
  private readonly idleWaiters: (() => void)[] = [];
  private gate: Promise<void> | undefined;
  private openGate: () => void = () => {};
  /** Failed requests that wait for the machine to go on. */
  private holdsAll = false;
  /** Requests that are neither done nor held. */
  private active = 0;
  private held: { readonly retry: () => void; readonly drop: () => void }[] = [];

  constructor(
    readonly spec: DriveSpec,
    private readonly host: BlockHost,
    node: BlockNode | undefined,
    public cache: CacheMode = spec.cache,
  ) {
    this.medium = node;
    this.throttle = new Throttle(spec.throttling);
  }

  get name(): string {
    return this.spec.id;
  }

  /** The host's time zone. */
  get localOffset(): (epochSeconds: number) => number {
    return this.host.localOffset;
  }

  /** Of the node that is the medium. */
  get nodeName(): string | undefined {
    return this.medium?.nodeName;
  }

  get inserted(): boolean {
    return this.medium !== undefined;
  }

  get readOnly(): boolean {
    return this.medium?.readOnly ?? this.spec.readOnly;
  }

  get length(): number {
    return this.medium?.length ?? 0;
  }

  get geometry(): DiskGeometry | undefined {
    return this.spec.geometry;
  }

  get serial(): string | undefined {
    return this.spec.serial;
  }

  get writeCache(): boolean {
    return this.cache.writeback;
  }

  set writeCache(writeback: boolean) {
    if (writeback !== this.cache.writeback) this.cache = { ...this.cache, writeback };
  }

  get node(): BlockNode | undefined {
    return this.medium;
  }

  get limits(): ThrottleLimits {
    return this.throttle.limits;
  }

  setLimits(limits: ThrottleLimits): void {
    this.throttle = new Throttle(limits);
  }

  get detectZeroes(): DetectZeroes {
    return this.spec.detectZeroes;
  }

  /** True when the image, or its direct backing file, is encrypted and has no password yet. */
  get keyMissing(): boolean {
    return lacksKey(this.medium);
  }

  /** True when a password can be set. */
  get encrypted(): boolean {
    return isEncrypted(this.medium);
  }

  /** The name that "… is encrypted" shows. */
  get encryptedFilename(): string {
    const top = this.medium;
    const backing = top?.backing;
    if (backing?.encryption !== undefined) {
      return top?.details().backingFilename ?? backing.filename;
    }
    return top?.filename ?? '';
  }

  setPassword(password: Uint8Array): void {
    const first = this.keyMissing;
    giveKey(this.medium, password);
    if (first) this.announceMedia();
  }

  /** True when there are failures that stop the machine. */
  get mayStop(): boolean {
    const { writeError, readError } = this.spec;
    return writeError === 'enospc' || writeError === 'stop' || readError === 'stop';
  }

  /** The machine goes on: what it stopped for is tried again. */
  retryHeld(): void {
    this.ioStatus = 'ok';
    this.holdsAll = false;
    for (const { retry } of this.held.splice(0)) retry();
  }

  /** The machine has been reset: nobody waits for those requests any more. */
  dropHeld(): void {
    for (const { drop } of this.held.splice(0)) drop();
  }

  /** Another state is loaded: what it brings with it is tried when the machine goes on. */
  holdAll(): void {
    this.dropHeld();
    this.holdsAll = true;
  }

  /** Requests wait for the machine to go on. */
  get hasHeld(): boolean {
    return this.held.length > 0;
  }

  /** No request makes any progress. */
  get isStill(): boolean {
    return this.active === 0;
  }

  private async hold(error: BlockError): Promise<void> {
    this.active--;
    try {
      await new Promise<void>((retry, reject) => {
        this.held.push({ retry, drop: () => reject(error) });
      });
    } finally {
      this.active++;
    }
  }

  /** Until it goes well, or somebody gives up. */
  private async persist(operation: 'read' | 'write', attempt: () => Promise<void>): Promise<void> {
    this.active++;
    try {
      if (this.holdsAll) await this.hold(new BlockError('EIO', IO_ERROR));
      while (!(await this.succeeds(operation, attempt)));
    } finally {
      this.active--;
    }
  }

  /** False when it is to be tried again. */
  private async succeeds(
    operation: 'read' | 'write',
    attempt: () => Promise<void>,
  ): Promise<boolean> {
    try {
      await attempt();
      return true;
    } catch (error) {
      return !(await this.shallRetry(operation, error));
    }
  }

  /** Whether a failed request is to be repeated; resolves when that may be. Throws to give up. */
  private async shallRetry(operation: 'read' | 'write', error: unknown): Promise<boolean> {
    if (!(error instanceof BlockError)) throw error;
    const isFull = error.code === 'ENOSPC';
    const { readError, writeError } = this.spec;
    const policy = operation === 'read' ? readError : writeError;
    const action = policy === 'enospc' ? (isFull ? 'stop' : 'report') : policy;
    if (!this.onFailure({ operation, action, error }) || action === 'report') throw error;
    if (action === 'stop' && this.ioStatus === 'ok') this.ioStatus = isFull ? 'nospace' : 'failed';
    if (action === 'ignore') return false;
    await this.hold(error);
    return true;
  }

  read(offset: number, into: Uint8Array): Promise<void> {
    return this.persist('read', () => this.readOnce(offset, into));
  }

  private async readOnce(offset: number, into: Uint8Array): Promise<void> {
    const node = this.check(offset, into.length);
    if (this.throttle.enabled) await this.wait(false, into.length);
    if (this.gate !== undefined) await this.gate;
    this.inFlight++;
    try {
      await this.fetch(this.medium ?? node, offset, into);
      this.statistics.rdBytes += into.length;
      this.statistics.rdOperations++;
    } finally {
      this.finished();
    }
  }

  async write(offset: number, from: Uint8Array): Promise<void> {
    await this.change(offset, from.length, async node => {
      await this.store(node, offset, from);
      if (!this.cache.writeback) await node.flush();
    });
    this.statistics.wrBytes += from.length;
    this.statistics.wrOperations++;
  }

  /** Requests that nobody counts, limits or holds back, while the guest's are (qemu-io). */
  readonly aside: Pick<BlockNode, 'read' | 'write'> = {
    read: (offset, into) => this.fetch(this.check(offset, into.length), offset, into),
    write: async (offset, from) => {
      const node = this.check(offset, from.length);
      await this.store(node, offset, from);
      if (!this.cache.writeback) await node.flush();
    },
  };

  private fetch(node: BlockNode, offset: number, into: Uint8Array): Promise<void> {
    return this.copiesOnRead ? this.readAndKeep(offset, into) : node.read(offset, into);
  }

  private store(node: BlockNode, offset: number, from: Uint8Array): Promise<void> {
    const { detectZeroes } = this.spec;
    if (detectZeroes === 'off' || !isZero(from)) return node.write(offset, from);
    return node.writeZeroes(offset, from.length, detectZeroes === 'unmap');
  }

  /** Makes a range read as zeros (write same, qemu-io `write -z`). */
  async writeZeroes(offset: number, length: number): Promise<void> {
    await this.change(offset, length, async node => {
      await node.writeZeroes(offset, length, this.spec.unmap);
      if (!this.cache.writeback) await node.flush();
    });
  }

  flush(): Promise<void> {
    return this.persist('write', () => this.flushOnce());
  }

  private async flushOnce(): Promise<void> {
    const node = this.medium;
    if (node === undefined) throw new BlockError('ENOMEDIUM', 'No medium found');
    this.inFlight++;
    try {
      await node.flush();
      this.statistics.flushOperations++;
    } finally {
      this.finished();
    }
  }

  async discard(offset: number, length: number): Promise<void> {
    if (!this.spec.unmap) {
      this.check(offset, length);
      return;
    }
    await this.change(offset, length, node => node.discard(offset, length));
  }

  connectTray(tray: Tray): void {
    this.tray = tray;
    tray.onMove = isOpen => this.onTrayMove(isOpen);
  }

  onMediaChange(listener: () => void): void {
    this.mediaListeners.push(listener);
  }

  /**
   * Puts a medium in, or takes it out; the old one is returned, still open. The device hears of
   * a medium that needs a password when it has one.
   */
  replaceMedium(node: BlockNode | undefined): BlockNode | undefined {
    const old = this.medium;
    this.medium = node;
    if (old !== undefined) for (const listener of this.removalListeners) listener();
    if (!this.keyMissing) this.announceMedia();
    return old;
  }

  /** What a device measured from a request's start to its end, in ns of virtual time. */
  account(operation: 'read' | 'write' | 'flush', elapsedNs: number): void {
    if (operation === 'read') this.statistics.rdTotalTimeNs += elapsedNs;
    else if (operation === 'write') this.statistics.wrTotalTimeNs += elapsedNs;
    else this.statistics.flushTotalTimeNs += elapsedNs;
  }

  /** Swaps the graph below without the device noticing: end of a job, a live snapshot. */
  swap(node: BlockNode): void {
    this.medium = node;
  }

  /** Keeps writes to a range out until the returned function is called. */
  lockRange(offset: number, length: number): Promise<() => void> {
    return this.ranges.acquire(offset, length);
  }

  /** Holds new requests back and waits for those under way; `resume` lets them go. */
  async drain(): Promise<() => void> {
    while (this.gate !== undefined) await this.gate;
    this.gate = new Promise(resolve => {
      this.openGate = resolve;
    });
    while (this.inFlight > 0) {
      await new Promise<void>(resolve => this.idleWaiters.push(resolve));
    }
    return () => {
      this.gate = undefined;
      this.openGate();
    };
  }

  async close(): Promise<void> {
    const node = this.medium;
    this.medium = undefined;
    if (node !== undefined) await letGo(node);
  }

  private change(
    offset: number,
    length: number,
    how: (node: BlockNode) => Promise<void>,
  ): Promise<void> {
    return this.persist('write', () => this.changeOnce(offset, length, how));
  }

  private async changeOnce(
    offset: number,
    length: number,
    how: (node: BlockNode) => Promise<void>,
  ): Promise<void> {
    const node = this.check(offset, length);
    if (node.readOnly) throw new BlockError('EACCES', 'Permission denied');
    if (this.throttle.enabled) await this.wait(true, length);
    if (this.gate !== undefined) await this.gate;
    this.inFlight++;
    try {
      this.writeWatch?.(offset, length);
      if (this.beforeWrite !== undefined) await this.beforeWrite(offset, length);
      // Only jobs and copy-on-read take ranges: otherwise nobody can be in the way.
      const alone = this.job === undefined && !this.copiesOnRead;
      const release = alone ? undefined : await this.lockRange(offset, length);
      try {
        await how(this.medium ?? node);
      } finally {
        release?.();
      }
      for (const listener of this.writeListeners) listener(offset, length);
      this.statistics.wrHighestOffset = Math.max(this.statistics.wrHighestOffset, offset + length);
    } finally {
      this.finished();
    }
  }

  private get copiesOnRead(): boolean {
    return this.spec.copyOnRead && this.medium?.backing !== undefined && !this.readOnly;
  }

  /** Reads, and stores in the image itself what came from its backing file. */
  private async readAndKeep(offset: number, into: Uint8Array): Promise<void> {
    const node = this.medium as BlockNode;
    const release = await this.lockRange(offset, into.length);
    try {
      await node.read(offset, into);
      for (let done = 0; done < into.length; ) {
        const extent = await node.status(offset + done, into.length - done);
        const part = into.subarray(done, done + extent.length);
        if (!extent.allocated && !extent.zero) await node.write(offset + done, part);
        done += extent.length;
      }
    } finally {
      release();
    }
  }

  private check(offset: number, length: number): BlockNode {
    const node = this.medium;
    if (node === undefined) throw new BlockError('ENOMEDIUM', 'No medium found');
    if (offset < 0 || offset + length > node.length) {
      throw new BlockError('EIO', IO_ERROR);
    }
    return node;
  }

  private async wait(write: boolean, length: number): Promise<void> {
    for (;;) {
      const now = this.host.now();
      const delay = this.throttle.admit(write, length, now.seconds * 1000 + now.nanoseconds / 1e6);
      if (delay === 0) return;
      await this.host.sleep(delay);
    }
  }

  private finished(): void {
    this.inFlight--;
    if (this.inFlight > 0) return;
    for (const waiter of this.idleWaiters.splice(0)) waiter();
  }

  private announceMedia(): void {
    for (const listener of this.mediaListeners) listener();
  }
}
