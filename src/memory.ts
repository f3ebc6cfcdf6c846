/**
 * The guest-physical address space: 4 GiB of 4 KiB pages, each backed by RAM or ROM in one arena,
 * or answered by a handler, or by nobody (reads all ones, writes vanish).
 *
 * All RAM, ROM and video memory lives in `arena`, one buffer that never moves, so that translated
 * code can reach it with plain typed-array accesses. `readPages` and `writePages` hold, for each
 * page, where its bytes are: arena offset of the page | DIRECT, or 0. Regions overlap by priority,
 * separately for reads and writes: that is all that PAM shadowing needs.
 *
 * Code: whoever caches decoded code marks its arena pages in `codePages` and hears of every write
 * to them through `onCodeWrite`; the CPU's own stores take the same path through its TLB bits.
 */

import { assert } from './error.ts';
import type { AccessSize } from './ports.ts';

export const PAGE_BITS = 12;
export const PAGE_SIZE = 4096;
/** In an entry of `readPages` and `writePages`: the page is in the arena. */
export const DIRECT = 1;

/** The one member used; Node's types leave the global out, and --jitless leaves it undefined. */
declare const WebAssembly:
  | {
      Memory: new (pages: { initial: number; maximum: number }) => { readonly buffer: ArrayBuffer };
    }
  | undefined;

const PAGE_COUNT = 1 << 20;
const ARENA_PAGE = 0x10000;

export interface MmioHandler {
  /** `offset` is relative to the region's base. */
  read(offset: number, size: AccessSize): number;
  write(offset: number, size: AccessSize, value: number): void;
}

export interface RegionOptions {
  /** As `info mtree` shows it. */
  readonly name: string;
  /** Guest-physical, a multiple of 4096 for arena regions. */
  readonly base: number;
  /** In bytes. */
  readonly length: number;
  /** The highest answers; of equals the one mapped last. */
  readonly priority?: number;
  /** Which accesses it answers; the rest goes to the region below. Default both. */
  readonly access?: 'read' | 'write' | 'both';
  readonly enabled?: boolean;
  /** Bytes in the arena (from `allocate`), or a handler. */
  readonly backing: { readonly arenaOffset: number } | MmioHandler;
}

export class Region {
  readonly name: string;
  readonly length: number;
  readonly priority: number;
  readonly backing: { readonly arenaOffset: number } | MmioHandler;
  base: number;
  access: 'read' | 'write' | 'both';
  enabled: boolean;

  constructor(options: RegionOptions) {
    this.name = options.name;
    this.base = options.base;
    this.length = options.length;
    this.priority = options.priority ?? 0;
    this.access = options.access ?? 'both';
    this.enabled = options.enabled ?? true;
    this.backing = options.backing;
  }

  answers(access: 'read' | 'write', from: number, to: number): boolean {
    if (!this.enabled || this.base >= to || this.base + this.length <= from) return false;
    return this.access === 'both' || this.access === access;
  }
}

/** A block of the arena that is part of the machine's state. */
export interface GuestRange {
  /** As states of machines name it: `pc.ram`. */
  readonly name: string;
  readonly offset: number;
  readonly length: number;
}

/** Who answered for the page of the last access that went to a handler. */
interface LastHandler {
  readonly access: 'read' | 'write';
  page: number;
  region: Region | undefined;
}

const NO_PAGE = -1;

export class Memory {
  readonly arena: ArrayBuffer;
  readonly u8: Uint8Array;
  readonly readPages = new Int32Array(PAGE_COUNT);
  readonly writePages = new Int32Array(PAGE_COUNT);
  /** One byte per arena page: not zero while its decoded code is cached, or was lately. */
  readonly codePages: Uint8Array;
  readonly regions: Region[] = [];
  /** Arena bytes that belong to the machine's state: RAM, ROM, video memory. */
  readonly guestRanges: GuestRange[] = [];
  /** A page answers differently from now on: TLBs must go. */
  onRemap: () => void = () => {};
  /** Bytes of a page marked in `codePages` are about to change; `offset` is in the arena. */
  onCodeWrite: (offset: number, length: number) => void = () => {};
  private readonly view: DataView;
  private allocated = PAGE_SIZE;
  private readonly lastRead: LastHandler = { access: 'read', page: NO_PAGE, region: undefined };
  private readonly lastWrite: LastHandler = { access: 'write', page: NO_PAGE, region: undefined };

  /** `capacity` bytes of arena: guest RAM plus what ROMs and video memory will need. */
  constructor(capacity: number) {
    const pages = Math.ceil((capacity + PAGE_SIZE) / ARENA_PAGE);
    this.arena =
      typeof WebAssembly === 'undefined'
        ? new ArrayBuffer(pages * ARENA_PAGE)
        : new WebAssembly.Memory({ initial: pages, maximum: pages }).buffer;
    this.u8 = new Uint8Array(this.arena);
    this.view = new DataView(this.arena);
    this.codePages = new Uint8Array(this.arena.byteLength / PAGE_SIZE);
  }

  /**
   * Takes page-aligned bytes from the arena, zeroed. Returns their arena offset. They are part of
   * the machine's state, where `name` tells which they are.
   */
  allocate(length: number, name = `ram${this.guestRanges.length}`): number {
    const offset = this.allocated;
    this.guestRanges.push({ name, offset, length });
    this.allocated += Math.ceil(length / PAGE_SIZE) * PAGE_SIZE;
    assert(this.allocated <= this.arena.byteLength, 'the arena holds everything allocated');
    return offset;
  }

  map(options: RegionOptions): Region {
    const region = new Region(options);
    this.regions.push(region);
    this.refresh(region.base, region.length);
    return region;
  }

  /** Changes a region's place or what it answers, and tells whoever caches the map. */
  place(region: Region, change: Partial<Pick<Region, 'base' | 'access' | 'enabled'>>): void {
    const oldBase = region.base;
    const same =
      (change.base ?? region.base) === region.base &&
      (change.access ?? region.access) === region.access &&
      (change.enabled ?? region.enabled) === region.enabled;
    if (same) return;
    Object.assign(region, change);
    this.refresh(oldBase, region.length);
    if (region.base !== oldBase) this.refresh(region.base, region.length);
    this.onRemap();
  }

  /** Unsigned. Unaligned and page-crossing accesses are split into bytes. */
  read(address: number, size: AccessSize): number {
    if ((address & 0xfff) + size > PAGE_SIZE) return this.readSplit(address, size);
    const entry = this.readPages[address >>> PAGE_BITS];
    if (entry === 0) return this.readHandler(address, size);
    const at = ((entry & ~0xfff) | (address & 0xfff)) >>> 0;
    if (size === 1) return this.u8[at];
    return size === 2 ? this.view.getUint16(at, true) : this.view.getUint32(at, true);
  }

  write(address: number, size: AccessSize, value: number): void {
    if ((address & 0xfff) + size > PAGE_SIZE) {
      this.writeSplit(address, size, value);
      return;
    }
    const entry = this.writePages[address >>> PAGE_BITS];
    if (entry === 0) {
      this.writeHandler(address, size, value);
      return;
    }
    const at = ((entry & ~0xfff) | (address & 0xfff)) >>> 0;
    if (this.codePages[at >>> PAGE_BITS] !== 0) this.onCodeWrite(at, size);
    if (size === 1) this.u8[at] = value;
    else if (size === 2) this.view.setUint16(at, value, true);
    else this.view.setUint32(at, value, true);
  }

  /** DMA and inspection: copies `into.length` bytes from guest-physical `address`. */
  readBytes(address: number, into: Uint8Array): void {
    for (let done = 0; done < into.length; ) {
      const from = address + done;
      const count = Math.min(into.length - done, PAGE_SIZE - (from & 0xfff));
      const entry = this.readPages[from >>> PAGE_BITS];
      if (entry === 0 && this.isEmpty(from)) into.fill(0xff, done, done + count);
      else if (entry === 0) {
        for (let i = 0; i < count; i++) into[done + i] = this.readHandler(from + i, 1);
      } else {
        const at = ((entry & ~0xfff) | (from & 0xfff)) >>> 0;
        into.set(this.u8.subarray(at, at + count), done);
      }
      done += count;
    }
  }

  writeBytes(address: number, from: Uint8Array): void {
    for (let done = 0; done < from.length; ) {
      const to = address + done;
      const count = Math.min(from.length - done, PAGE_SIZE - (to & 0xfff));
      const entry = this.writePages[to >>> PAGE_BITS];
      if (entry === 0) {
        for (let i = 0; i < count; i++) this.writeHandler(to + i, 1, from[done + i]);
      } else {
        const at = ((entry & ~0xfff) | (to & 0xfff)) >>> 0;
        if (this.codePages[at >>> PAGE_BITS] !== 0) this.onCodeWrite(at, count);
        this.u8.set(from.subarray(done, done + count), at);
      }
      done += count;
    }
  }

  /** The region that answers `access` at `address`, for handlers, `info mtree` and tests. */
  regionAt(address: number, access: 'read' | 'write'): Region | undefined {
    let best: Region | undefined;
    for (const region of this.regions) {
      if (!region.answers(access, address, address + 1)) continue;
      if (best === undefined || region.priority >= best.priority) best = region;
    }
    return best;
  }

  private readHandler(address: number, size: AccessSize): number {
    const region = this.handlerAt(this.lastRead, address >>> 0);
    if (region === undefined || !('read' in region.backing)) return truncate(-1, size);
    return truncate(region.backing.read((address >>> 0) - region.base, size), size);
  }

  /** Nobody answers reads anywhere in the page of `address`. */
  private isEmpty(address: number): boolean {
    const region = this.handlerAt(this.lastRead, address >>> 0);
    const isWhole = this.lastRead.page === address >>> PAGE_BITS;
    return isWhole && (region === undefined || !('read' in region.backing));
  }

  private writeHandler(address: number, size: AccessSize, value: number): void {
    const region = this.handlerAt(this.lastWrite, address >>> 0);
    if (region === undefined || !('write' in region.backing)) return;
    region.backing.write((address >>> 0) - region.base, size, truncate(value, size));
  }

  /** `regionAt`, remembering the answer for the page while one region has all of it. */
  private handlerAt(last: LastHandler, address: number): Region | undefined {
    const page = address >>> PAGE_BITS;
    if (page === last.page) return last.region;
    const region = this.regionAt(address, last.access);
    const from = page * PAGE_SIZE;
    const shared = this.regions.some(
      r =>
        r.answers(last.access, from, from + PAGE_SIZE) &&
        (r.base > from || r.base + r.length < from + PAGE_SIZE),
    );
    last.page = shared ? NO_PAGE : page;
    last.region = region;
    return region;
  }

  private readSplit(address: number, size: AccessSize): number {
    let value = 0;
    for (let i = 0; i < size; i++) value |= this.read((address + i) >>> 0, 1) << (i * 8);
    return value >>> 0;
  }

  private writeSplit(address: number, size: AccessSize, value: number): void {
    for (let i = 0; i < size; i++) this.write((address + i) >>> 0, 1, (value >>> (i * 8)) & 0xff);
  }

  private refresh(base: number, length: number): void {
    this.lastRead.page = NO_PAGE;
    this.lastWrite.page = NO_PAGE;
    const first = Math.floor(base / PAGE_SIZE);
    const last = Math.min(PAGE_COUNT, Math.ceil((base + length) / PAGE_SIZE));
    const near = this.regions.filter(
      r => r.enabled && r.base < last * PAGE_SIZE && r.base + r.length > first * PAGE_SIZE,
    );
    for (let page = first; page < last; page++) {
      this.readPages[page] = this.entry(near, 'read', page * PAGE_SIZE);
      this.writePages[page] = this.entry(near, 'write', page * PAGE_SIZE);
    }
  }

  private entry(near: readonly Region[], access: 'read' | 'write', address: number): number {
    let best: Region | undefined;
    for (const region of near) {
      if (!region.answers(access, address, address + PAGE_SIZE)) continue;
      if (best === undefined || region.priority >= best.priority) best = region;
    }
    if (best === undefined || !('arenaOffset' in best.backing)) return 0;
    return (best.backing.arenaOffset + address - best.base) | DIRECT;
  }
}

function truncate(value: number, size: AccessSize): number {
  if (size === 4) return value >>> 0;
  return size === 2 ? value & 0xffff : value & 0xff;
}
