/**
 * The `file` protocol: a host file as a node.
 *
 * What was written is on the host's disk after a flush, and when the file is closed; cache=unsafe
 * does neither. That writes reach the disk at once (writethrough) is the concern of whoever opened
 * the whole image: here every write of a table would be flushed. Not emulated: O_DIRECT (none and
 * directsync use the host's cache), punching holes: Node has no call for it.
 * Holes that are there are known, where the host can tell.
 */

import { HostError, type HostFile } from '../../disk-host.ts';
import { BlockError } from '../backend.ts';
import type { CacheMode } from '../cache-mode.ts';
import { type BlockNode, type Extent, type ImageDetails, PLAIN_DETAILS } from '../node.ts';
import { fillZeroes } from '../request.ts';

/** A host's failure as guests and tools see it. */
export function toBlockError(error: unknown): BlockError {
  if (error instanceof BlockError) return error;
  if (error instanceof HostError) return new BlockError(error.code, error.message);
  throw error;
}

const SECTOR = 512;
const DONE = Promise.resolve();
const DATA = { data: true, end: Infinity };

/** As a rejection, also where the host failed before anything was awaited. */
async function failed(error: unknown): Promise<never> {
  throw toBlockError(error);
}

export class FileNode implements BlockNode {
  readonly driver = 'file';
  readonly file = undefined;
  backing: BlockNode | undefined = undefined;

  constructor(
    readonly filename: string,
    readonly handle: HostFile,
    readonly readOnly: boolean,
    private readonly cache: CacheMode,
    /** Is a disk by itself: its length is rounded up to whole sectors. */
    private readonly isDisk = false,
  ) {
    // Nobody is expected to change what we only read: asked once, not at every request.
    if (readOnly) this.fixedLength = this.wholeLength();
  }

  private readonly fixedLength: number | undefined;
  /** Something may not be on the host's disk yet. */
  private unflushed = false;

  get length(): number {
    return this.fixedLength ?? this.wholeLength();
  }

  private wholeLength(): number {
    const bytes = this.handle.length();
    return this.isDisk ? Math.ceil(bytes / SECTOR) * SECTOR : bytes;
  }

  /** Bytes on the host's disk. */
  get allocated(): number {
    return this.handle.allocated();
  }

  /** Transfers that the host completes at once cost no promise of their own. */
  read(offset: number, into: Uint8Array): Promise<void> {
    try {
      const result = this.handle.read(offset, into);
      if (typeof result !== 'number') return this.finishRead(result, into);
      if (result < into.length) into.fill(0, result);
      return DONE;
    } catch (error) {
      return failed(error);
    }
  }

  private async finishRead(result: Promise<number>, into: Uint8Array): Promise<void> {
    try {
      const got = await result;
      if (got < into.length) into.fill(0, got);
    } catch (error) {
      throw toBlockError(error);
    }
  }

  write(offset: number, from: Uint8Array): Promise<void> {
    if (this.readOnly) return failed(new BlockError('EACCES', 'Permission denied'));
    this.unflushed = true;
    try {
      const result = this.handle.write(offset, from);
      return result === undefined ? DONE : this.finishWrite(result);
    } catch (error) {
      return failed(error);
    }
  }

  private async finishWrite(result: Promise<void>): Promise<void> {
    try {
      await result;
    } catch (error) {
      throw toBlockError(error);
    } finally {
      // A flush that began meanwhile may have missed it.
      this.unflushed = true;
    }
  }

  async writeZeroes(offset: number, length: number, allowUnmap: boolean): Promise<void> {
    const end = this.length;
    if (offset >= end) {
      this.resize(offset + length);
      return;
    }
    const inside = Math.min(length, end - offset);
    if (allowUnmap) await this.fillData(offset, inside);
    else await fillZeroes(this, offset, inside);
    if (inside < length) this.resize(offset + length);
  }

  /** Where nothing is stored there are zeros already. */
  private async fillData(offset: number, length: number): Promise<void> {
    for (let done = 0; done < length; ) {
      const extent = await this.status(offset + done, length - done);
      if (!extent.zero) await fillZeroes(this, offset + done, extent.length);
      done += extent.length;
    }
  }

  async discard(): Promise<void> {}

  async flush(): Promise<void> {
    if (this.readOnly || this.cache.noFlush) return;
    this.unflushed = false;
    try {
      await this.handle.flush();
    } catch (error) {
      throw toBlockError(error);
    }
  }

  async status(offset: number, length: number): Promise<Extent> {
    const end = this.length;
    if (offset >= end) return { length, allocated: true, zero: true, offset: undefined };
    const stored = this.handle.stored?.(offset) ?? DATA;
    const most = Math.min(length, end - offset, stored.end - offset);
    return { length: most, allocated: true, zero: !stored.data, offset };
  }

  async truncate(length: number): Promise<void> {
    this.resize(length);
  }

  async close(): Promise<void> {
    try {
      if (this.unflushed) await this.flush();
    } finally {
      this.handle.close();
    }
  }

  details(): ImageDetails {
    return PLAIN_DETAILS;
  }

  private resize(length: number): void {
    this.unflushed = true;
    try {
      this.handle.truncate(length);
    } catch (error) {
      throw toBlockError(error);
    }
  }
}
