/**
 * Linear memory as instructions see it: two TLBs of one entry per page (reads, writes), each with a
 * supervisor and a user half, and the slow paths behind them.
 *
 * An entry is linear page ^ arena page, so that `linear ^ entry` is the place in the arena; low
 * bits say that the fast path must not take it: SLOW always with one of CODE (the page holds
 * decoded code, write entries only) and PHYSICAL (no RAM here: linear page ^ physical page; with
 * BEYOND a page above 4 GiB: nobody answers), or alone (no translation known). The arena must be
 * smaller than 2 GiB.
 *
 * Accesses that cross a page, MMIO and unaligned ones all come here; they are split by page with
 * both halves translated before the first byte is stored.
 */

import { assert } from '../error.ts';
import type { Memory } from '../memory.ts';
import {
  type Mmu,
  PF_I,
  PF_U,
  PF_W,
  RIGHT_EXECUTE,
  RIGHT_GLOBAL,
  RIGHT_SUPERVISOR_READ,
  RIGHT_SUPERVISOR_WRITE,
  RIGHT_USER_READ,
  RIGHT_USER_WRITE,
} from './mmu.ts';

type Size = 1 | 2 | 4;

export const SLOW = 1;
const CODE = 2;
const PHYSICAL = 4;
const BEYOND = 8;
/** Index of the user half. */
export const USER_HALF = 1 << 20;
const ENTRIES = 1 << 21;
const LIST_LIMIT = 1 << 18;

/** What the TLB needs from the processor. */
export interface TlbOwner {
  /** A walk failed: raises #PF. */
  pageFault(linear: number, errorCode: number): never;
  /** Called before a port of call outside RAM: time must be exact. */
  beforeMmio(): void;
  /** Called after it: the loop may have to stop. */
  afterMmio(): void;
  /** An access to a page of `watched`, about to be made. */
  onWatchedAccess(linear: number, size: number, write: boolean): void;
}

export class Tlb {
  readonly read = new Int32Array(ENTRIES);
  readonly write = new Int32Array(ENTRIES);
  /** A bit per read entry: fetches may use it too (no-execute is clear). */
  private readonly executable = new Uint8Array(ENTRIES >>> 3);
  private readonly memory: Memory;
  private readonly bytes: Int8Array;
  private readonly view: DataView;
  /** Entries filled since the last flush; global pages apart. */
  private readonly filled = new Int32Array(LIST_LIMIT);
  private filledCount = 0;
  private readonly globals = new Int32Array(LIST_LIMIT);
  private globalCount = 0;
  /** Pages (linear, in pages) with data breakpoints: they never get entries. */
  private watched: readonly number[] = [];
  /** By 4 MiB of linear addresses: entries were filled from large pages. */
  private readonly largeRegions = new Uint8Array(1024);
  /** Where a read-modify-write will store. */
  private modifyLinear = 0;

  constructor(
    memory: Memory,
    private readonly mmu: Mmu,
    private readonly owner: TlbOwner,
  ) {
    assert(memory.arena.byteLength <= 0x80000000, 'the arena is at most 2 GiB');
    this.memory = memory;
    this.bytes = new Int8Array(memory.arena);
    this.view = new DataView(memory.arena);
    this.read.fill(SLOW);
    this.write.fill(SLOW);
  }

  /** Replaces the pages whose accesses `onWatchedAccess` hears of; flush everything then. */
  watch(pages: readonly number[]): void {
    this.watched = pages;
  }

  flush(globalToo: boolean): void {
    this.forget(this.filled, this.filledCount);
    this.filledCount = 0;
    if (!globalToo) return;
    this.forget(this.globals, this.globalCount);
    this.globalCount = 0;
  }

  private forget(list: Int32Array, count: number): void {
    for (let i = 0; i < count; i++) {
      this.read[list[i]] = SLOW;
      this.write[list[i]] = SLOW;
    }
  }

  /** INVLPG: the page, or all of the large page that it is part of. */
  flushPage(linear: number): void {
    const page = linear >>> 12;
    const region = page >>> 10;
    if (this.largeRegions[region] === 0) {
      this.forgetRange(page, page + 1);
      return;
    }
    this.forgetRange(region << 10, (region + 1) << 10);
    this.largeRegions[region] = 0;
  }

  private forgetRange(from: number, to: number): void {
    for (const half of [0, USER_HALF]) {
      this.read.fill(SLOW, from + half, to + half);
      this.write.fill(SLOW, from + half, to + half);
    }
  }

  /** The arena page now holds decoded code: stores to it come to `store`. */
  protect(arenaPage: number): void {
    const mark = (list: Int32Array, count: number): void => {
      for (let i = 0; i < count; i++) {
        const index = list[i];
        const entry = this.write[index];
        if ((entry & SLOW) === 0 && ((index << 12) ^ entry) >>> 12 === arenaPage) {
          this.write[index] = entry | SLOW | CODE;
        }
      }
    };
    mark(this.filled, this.filledCount);
    mark(this.globals, this.globalCount);
  }

  /** Arena page (byte offset) of code at `linear`, or -1 where there is no RAM; may raise #PF. */
  fetchPage(linear: number, half: number): number {
    const quick = this.fetchPageQuietly(linear, half);
    if (quick >= 0) return quick;
    const filled = this.fill(linear, half, PF_I);
    return (filled & SLOW) === 0 ? (linear ^ filled) & ~0xfff : -1;
  }

  /** As `fetchPage`, but never raises: -1 also when there is no translation at hand. */
  fetchPageQuietly(linear: number, half: number): number {
    const index = (linear >>> 12) | half;
    const entry = this.read[index];
    if ((this.executable[index >>> 3] & (1 << (index & 7))) === 0) return -1;
    return (entry & SLOW) === 0 ? (linear ^ entry) & ~0xfff : -1;
  }

  /** Physical address of code where there is no RAM. */
  fetchByte(linear: number, half: number): number {
    let entry = this.read[(linear >>> 12) | half];
    if ((entry & SLOW) !== 0 && (entry & PHYSICAL) === 0) entry = this.fill(linear, half, PF_I);
    if ((entry & SLOW) === 0) return this.bytes[(linear ^ entry) >>> 0] & 0xff;
    if ((entry & BEYOND) !== 0) return 0xff;
    return this.memory.read(this.physical(linear, entry), 1);
  }

  /** Canonical: sign-extended. */
  load(linear: number, size: Size, half: number): number {
    const offset = linear & 0xfff;
    if (offset + size > 0x1000) return this.loadSplit(linear, size, half);
    let entry = this.read[(linear >>> 12) | half];
    if ((entry & SLOW) !== 0 && (entry & PHYSICAL) === 0) entry = this.fill(linear, half, 0);
    if (this.watched.length !== 0) this.owner.onWatchedAccess(linear, size, false);
    if ((entry & SLOW) !== 0) return this.loadPhysical(linear, entry, size);
    const at = (linear ^ entry) >>> 0;
    if (size === 1) return this.bytes[at];
    return size === 2 ? this.view.getInt16(at, true) : this.view.getInt32(at, true);
  }

  store(linear: number, size: Size, value: number, half: number): void {
    const offset = linear & 0xfff;
    if (offset + size > 0x1000) {
      this.storeSplit(linear, size, value, half);
      return;
    }
    let entry = this.write[(linear >>> 12) | half];
    if ((entry & (SLOW | CODE | PHYSICAL)) === SLOW) entry = this.fill(linear, half, PF_W);
    if (this.watched.length !== 0) this.owner.onWatchedAccess(linear, size, true);
    let at = (linear ^ entry) >>> 0;
    if ((entry & SLOW) !== 0) {
      if ((entry & PHYSICAL) !== 0) {
        this.storePhysical(linear, entry, size, value);
        return;
      }
      at = (((linear ^ entry) & ~0xfff) | offset) >>> 0;
      this.storeCode(linear, at, size, half);
    }
    if (size === 1) this.bytes[at] = value;
    else if (size === 2) this.view.setInt16(at, value, true);
    else this.view.setInt32(at, value, true);
  }

  /** The read of a read-modify-write: write permission first. `finish` stores. */
  loadToModify(linear: number, size: Size, half: number): number {
    this.probe(linear, size, half);
    this.modifyLinear = linear;
    return this.load(linear, size, half);
  }

  finishModify(size: Size, value: number, half: number): void {
    this.store(this.modifyLinear, size, value, half);
  }

  /** Raises what a write would raise. */
  probe(linear: number, size: number, half: number): void {
    this.writeEntry(linear, half);
    const last = (linear + size - 1) & ~0xfff;
    if ((linear ^ last) >>> 12 !== 0) this.writeEntry(last, half);
  }

  probeRead(linear: number, size: number, half: number): void {
    this.readEntry(linear, half);
    const last = (linear + size - 1) & ~0xfff;
    if ((linear ^ last) >>> 12 !== 0) this.readEntry(last, half);
  }

  /**
   * Arena offset of `linear` for a run of reads within its page, or -1 when it is not plain RAM.
   * May raise #PF.
   */
  readRun(linear: number, half: number): number {
    let entry = this.read[(linear >>> 12) | half];
    if ((entry & SLOW) !== 0 && (entry & PHYSICAL) === 0) entry = this.fill(linear, half, 0);
    return (entry & SLOW) === 0 && !this.isWatched(linear) ? (linear ^ entry) >>> 0 : -1;
  }

  private isWatched(linear: number): boolean {
    return this.watched.length !== 0 && this.watched.includes(linear >>> 12);
  }

  /** As `readRun`, for writes; pages with code are not plain. */
  writeRun(linear: number, half: number): number {
    const entry = this.writeEntry(linear, half);
    return (entry & SLOW) === 0 && !this.isWatched(linear) ? (linear ^ entry) >>> 0 : -1;
  }

  private writeEntry(linear: number, half: number): number {
    const entry = this.write[(linear >>> 12) | half];
    if ((entry & (SLOW | CODE | PHYSICAL)) !== SLOW) return entry;
    return this.fill(linear, half, PF_W);
  }

  /** The line may hold code; when the whole page holds none any more, the entry becomes fast. */
  private storeCode(linear: number, at: number, size: number, half: number): void {
    if (this.memory.codePages[at >>> 12] !== 0) this.memory.onCodeWrite(at, size);
    if (this.memory.codePages[at >>> 12] !== 0 || this.isWatched(linear)) return;
    this.write[(linear >>> 12) | half] = ((linear ^ at) & ~0xfff) | 0;
  }

  private loadSplit(linear: number, size: number, half: number): number {
    // Both pages first, the lower one first: it is the one that a fault reports.
    this.probeRead(linear, size, half);
    let value = 0;
    for (let i = 0; i < size; i++) {
      value |= (this.load((linear + i) | 0, 1, half) & 0xff) << (i * 8);
    }
    return size === 2 ? (value << 16) >> 16 : value;
  }

  private readEntry(linear: number, half: number): void {
    const entry = this.read[(linear >>> 12) | half];
    if ((entry & SLOW) !== 0 && (entry & PHYSICAL) === 0) this.fill(linear, half, 0);
  }

  private storeSplit(linear: number, size: number, value: number, half: number): void {
    this.probe(linear, size, half);
    for (let i = 0; i < size; i++) {
      this.store((linear + i) | 0, 1, (value >> (i * 8)) & 0xff, half);
    }
  }

  private physical(linear: number, entry: number): number {
    return (((linear ^ entry) & ~0xfff) | (linear & 0xfff)) >>> 0;
  }

  private loadPhysical(linear: number, entry: number, size: Size): number {
    if ((entry & BEYOND) !== 0) return -1;
    this.owner.beforeMmio();
    const value = this.memory.read(this.physical(linear, entry), size);
    this.owner.afterMmio();
    if (size === 4) return value | 0;
    return size === 2 ? (value << 16) >> 16 : (value << 24) >> 24;
  }

  private storePhysical(linear: number, entry: number, size: Size, value: number): void {
    if ((entry & BEYOND) !== 0) return;
    this.owner.beforeMmio();
    const masked = size === 4 ? value >>> 0 : value & (size === 2 ? 0xffff : 0xff);
    this.memory.write(this.physical(linear, entry), size, masked);
    this.owner.afterMmio();
  }

  /** Walks the tables and fills the entries that the walk allows; returns the one asked for. */
  private fill(linear: number, half: number, access: number): number {
    const user = half !== 0 ? PF_U : 0;
    const physical = this.mmu.walk(linear, access | user);
    if (physical < 0) return this.owner.pageFault(linear, this.mmu.errorCode);
    const rights = this.mmu.rights;
    if (this.mmu.isLargePage) this.largeRegions[linear >>> 22] = 1;
    const page = (linear & ~0xfff) | 0;
    const index = (linear >>> 12) | half;
    if (!this.isWatched(linear)) this.remember(index, (rights & RIGHT_GLOBAL) !== 0);
    const readable = half !== 0 ? RIGHT_USER_READ : RIGHT_SUPERVISOR_READ;
    const writable = half !== 0 ? RIGHT_USER_WRITE : RIGHT_SUPERVISOR_WRITE;
    if ((rights & readable) !== 0) {
      this.read[index] = this.entry(page, physical, this.memory.readPages[physical >>> 12]);
      this.executable[index >>> 3] &= ~(1 << (index & 7));
      if ((rights & RIGHT_EXECUTE) !== 0) this.executable[index >>> 3] |= 1 << (index & 7);
    }
    if ((rights & writable) !== 0) {
      const direct = this.memory.writePages[physical >>> 12];
      let entry = this.entry(page, physical, direct);
      const isDirect = (entry & SLOW) === 0;
      if (isDirect && this.memory.codePages[direct >>> 12] !== 0) entry |= SLOW | CODE;
      this.write[index] = entry;
    }
    const filled = (access & PF_W) !== 0 ? this.write[index] : this.read[index];
    if (this.isWatched(linear)) this.flushPage(linear);
    return filled;
  }

  private entry(page: number, physical: number, direct: number): number {
    if (this.mmu.isBeyondMemory) return SLOW | PHYSICAL | BEYOND;
    if (direct === 0) return (page ^ physical) | SLOW | PHYSICAL;
    return page ^ (direct & ~0xfff);
  }

  private remember(index: number, isGlobal: boolean): void {
    if (this.read[index] !== SLOW || this.write[index] !== SLOW) return;
    if (this.filledCount === LIST_LIMIT || this.globalCount === LIST_LIMIT) {
      this.read.fill(SLOW);
      this.write.fill(SLOW);
      this.filledCount = 0;
      this.globalCount = 0;
    }
    if (isGlobal) this.globals[this.globalCount++] = index;
    else this.filled[this.filledCount++] = index;
  }
}
