/**
 * Decoded code: records in one array, blocks found by place and mode, forgotten when their bytes
 * change.
 *
 * A block is at most 64 instructions of one page, ended by a transfer or by a jump to what follows.
 * An instruction that straddles two pages is a block alone, good while its second page is mapped
 * as it was: no link leads there. When a store hits a 64-byte line that
 * holds code, every record of that page's blocks becomes stale: it looks itself up again when it
 * runs, so a block that patches itself needs no check.
 */

import type { Memory } from '../memory.ts';
import { MODE } from './access.ts';
import type { Decoder } from './decode.ts';
import { throwFault } from './fault.ts';
import { REGION32 } from './hot.ts';
import { COLD_BASE, coldKind } from './kinds.ts';
import type { Mode } from './mode.ts';
import type { Variant } from './opcode-map.ts';
import { jmp } from './ops/control.ts';
import { GP } from './registers.ts';
import { type Tlb, USER_HALF } from './tlb.ts';

export const BLOCK_LIMIT = 64;
export const ENTRY_BITS = 9;
const RECORD_WORDS = 8;
const RECORDS = 1 << 18;
/** The first record stands for "no instruction": its EIP is what S[EIP] was. */
const FIRST = RECORD_WORDS;
/** Blocks cut to a length are decoded here, each over the last. */
const CUT = (RECORDS - 2 * BLOCK_LIMIT) * RECORD_WORDS;
const HASH_BITS = 12;
const STALE = coldKind('stale.32');
const FALL16 = coldKind(`${jmp.name}.16.i16`);
const NO_MODE = -2;
const MODES = 4096;
/** Blocks of one place that are kept at a time. */
const ALIASES = 8;
/** Stores to a page without code that are made slowly, since there may soon be some again. */
const IDLE = 32;

interface PageCode {
  /** Arena offset of the page. */
  readonly page: number;
  readonly blocks: number[];
  readonly keys: number[];
  /** Regions of translated code, by number. */
  readonly regions: number[];
  /** Bit n: line n holds code. */
  lowLines: number;
  highLines: number;
  hasCut: boolean;
}

/** What decoding needs of the processor. */
export interface CodeSource {
  readonly memory: Memory;
  readonly tlb: Tlb;
  readonly decoder: Decoder;
  /** The mode that S[MODE] numbers. */
  mode: Mode;
  /**
   * Where the decoder's bytes come from: the arena (-1: MMIO). From the `available`th on it reads
   * zeros; before, it may raise what a fetch raises.
   */
  setFetch(linear: number, arenaOffset: number, available: number): void;
  /** A block was decoded: `bytes` of code from `eip` on. */
  onDecode(eip: number, bytes: number): void;
  /** The bytes that these regions were made of change. */
  onRegionsLost(regions: readonly number[]): void;
}

export class CodeCache {
  readonly records = new Int32Array(RECORDS * RECORD_WORDS);
  /** Facts that handlers do not read, by record number. */
  readonly eip = new Int32Array(RECORDS);
  readonly next = new Int32Array(RECORDS);
  readonly target = new Int32Array(RECORDS);
  /** Instructions of the block before this one. */
  readonly index = new Int32Array(RECORDS);
  /** At a block's first record: instructions in it. */
  readonly length = new Int32Array(RECORDS);
  /** At records of kind REGION32: its number << ENTRY_BITS | which of its entries. */
  readonly entrances = new Int32Array(RECORDS);
  /** 1 for direct transfers, whose words 5 and 6 are links. */
  private readonly hasLinks = new Uint8Array(RECORDS);
  /** Room for a few records that belong to no block. */
  readonly cutPlace = CUT;
  /** Counts the times that all records were thrown away. */
  generation = 0;
  private free = FIRST;
  private previous: Variant | undefined;
  private readonly blocks = new Map<number, number>();
  /** By block: one of the same place for another EIP, as programs that share pages have them. */
  private readonly others = new Map<number, number>();
  private readonly pages = new Map<number, PageCode>();
  /** Copies of the blocks whose first records stand for regions now. */
  private readonly copies = new Map<number, number>();
  /** Of blocks that straddle: the arena page that they end in, or -1. */
  private readonly endings = new Map<number, number>();
  private readonly hashEip = new Int32Array(1 << HASH_BITS);
  private readonly hashMode = new Int32Array(1 << HASH_BITS).fill(NO_MODE);
  private readonly hashRecord = new Int32Array(1 << HASH_BITS);

  constructor(
    readonly s: Int32Array,
    private readonly source: CodeSource,
  ) {}

  /** From the jump cache, or -1. */
  quick(eip: number): number {
    const at = (eip ^ (eip >>> HASH_BITS)) & ((1 << HASH_BITS) - 1);
    if (this.hashEip[at] === eip && this.hashMode[at] === this.s[MODE]) return this.hashRecord[at];
    return -1;
  }

  /** After a change of translations: nothing may be found by EIP alone. */
  forgetJumps(): void {
    this.hashMode.fill(NO_MODE);
  }

  forgetAll(): void {
    for (const page of this.pages.values()) {
      this.source.memory.codePages[page.page >>> 12] = 0;
      if (page.regions.length > 0) this.source.onRegionsLost(page.regions);
    }
    this.copies.clear();
    this.endings.clear();
    this.others.clear();
    this.pages.clear();
    this.blocks.clear();
    this.forgetJumps();
    this.free = FIRST;
    this.generation++;
  }

  /** The block at `eip`; decodes it when needed. May raise #PF on the fetch. */
  find(eip: number): number {
    const known = this.quick(eip);
    if (known >= 0) return known;
    const { mode, tlb } = this.source;
    this.checkFetch(eip);
    const linear = (mode.base + eip) | 0;
    const page = tlb.fetchPage(linear, mode.user ? USER_HALF : 0);
    if (page < 0) return this.decode(eip, -1, { at: CUT, limit: 1 });
    const place = page | (linear & 0xfff);
    const key = place * MODES + mode.number;
    const found = this.lookUp(key, eip);
    if (found >= 0 && this.endsThere(found)) return this.enter(eip, found);
    if (this.free + (BLOCK_LIMIT + 2) * RECORD_WORDS > CUT) this.forgetAll();
    const o = this.decode(eip, place, { at: this.free, limit: BLOCK_LIMIT });
    this.add(key, o);
    this.pages.get(page)?.keys.push(key);
    return this.enter(eip, o);
  }

  private lookUp(key: number, eip: number): number {
    let o = this.blocks.get(key);
    while (o !== undefined && !this.isCurrent(o, eip)) o = this.others.get(o);
    return o ?? -1;
  }

  private add(key: number, o: number): void {
    let count = 0;
    for (let at = this.blocks.get(key); at !== undefined; at = this.others.get(at)) count++;
    const before = this.blocks.get(key);
    if (before !== undefined && count < ALIASES) this.others.set(o, before);
    this.blocks.set(key, o);
  }

  /** Before any page is looked for: the segment comes first. */
  private checkFetch(eip: number): void {
    if (eip >>> 0 > this.source.mode.limit >>> 0) throwFault(GP, 0);
  }

  private isCurrent(o: number, eip: number): boolean {
    return this.eip[o >> 3] === eip && this.records[o] !== STALE;
  }

  /** The block at `o` is one instruction in two pages. */
  straddles(o: number): boolean {
    const n = o >> 3;
    const first = (this.source.mode.base + this.eip[n]) & 0xfff;
    return this.length[n] === 1 && first + this.next[n] - this.eip[n] > 0x1000;
  }

  /** The page that the block at `o` ends in is the one that it was decoded from. May raise #PF. */
  private endsThere(o: number): boolean {
    if (!this.straddles(o)) return true;
    const page = this.endings.get(o) ?? -1;
    const { mode, tlb } = this.source;
    const second = this.secondPage(this.eip[o >> 3]);
    return tlb.fetchPage(second, mode.user ? USER_HALF : 0) === page && page >= 0;
  }

  /** The linear page behind the one of `eip`. */
  private secondPage(eip: number): number {
    return (((this.source.mode.base + eip) | 0xfff) + 1) | 0;
  }

  /** As `find`, for an eip whose page is at hand; -1 otherwise. Never raises. */
  findQuietly(eip: number): number {
    const { mode, tlb } = this.source;
    const linear = (mode.base + eip) | 0;
    const half = mode.user ? USER_HALF : 0;
    if (tlb.fetchPageQuietly(linear, half) < 0) return -1;
    // An instruction that may straddle pages could fault: leave it to `find` outside the loop.
    if ((linear & 0xfff) > 0xff0 || (eip >>> 0) + 15 > mode.limit >>> 0) return -1;
    return this.find(eip);
  }

  // ---- regions ----

  /** The block at `o` as the interpreter knows it: its copy, if a region took its place. */
  origin(o: number): number {
    return this.copies.get(o) ?? o;
  }

  /** The arena page of the block at `o`, while its EIP leads there; or -1. */
  pageNumber(o: number): number {
    const code = this.pageOf(o);
    return code === undefined ? -1 : code.page >>> 12;
  }

  /** The block at `o` is what its EIP leads to. */
  isHere(o: number): boolean {
    return this.peek(this.eip[o >> 3]) === o;
  }

  /** Two EIPs lie in one page, wherever the code segment begins. */
  isSamePage(a: number, b: number): boolean {
    const { base } = this.source.mode;
    return ((base + a) ^ (base + b)) >>> 12 === 0;
  }

  /** The block at `o` is where a region is entered. */
  isRegion(o: number): boolean {
    return this.copies.has(o);
  }

  /** The transfer at `o` goes along links. */
  isDirect(o: number): boolean {
    return this.hasLinks[o >> 3] !== 0;
  }

  /** The block at `eip`, if it is decoded and its page at hand; else -1. */
  peek(eip: number): number {
    const { mode } = this.source;
    const place = this.placeQuietly(eip);
    return place < 0 ? -1 : this.lookUp(place * MODES + mode.number, eip);
  }

  private placeQuietly(eip: number): number {
    const { mode, tlb } = this.source;
    const linear = (mode.base + eip) | 0;
    const page = tlb.fetchPageQuietly(linear, mode.user ? USER_HALF : 0);
    return page < 0 ? -1 : page | (linear & 0xfff);
  }

  /** The page of the block at `o`, while that is what its EIP leads to. */
  private pageOf(o: number): PageCode | undefined {
    const eip = this.eip[o >> 3];
    return this.isHere(o) ? this.pages.get(this.placeQuietly(eip) & ~0xfff) : undefined;
  }

  /** A second set of the block's records for `plant`, or -1. */
  copy(o: number): number {
    const code = this.pageOf(o);
    // As many as `decode` takes and `spoil` spoils: one stands behind the last instruction.
    const count = this.length[o >> 3] + 1;
    if (code === undefined || this.free + count * RECORD_WORDS > CUT) return -1;
    const to = this.free;
    this.free += count * RECORD_WORDS;
    this.records.copyWithin(to, o, o + count * RECORD_WORDS);
    for (const facts of [this.eip, this.next, this.target, this.index, this.hasLinks]) {
      facts.copyWithin(to >> 3, o >> 3, (o >> 3) + count);
    }
    this.length[to >> 3] = this.length[o >> 3];
    code.blocks.push(to);
    return to;
  }

  /** From now on a region is entered where the block at `o` was. */
  plant(o: number, copy: number, region: number, entry: number): void {
    this.pageOf(o)?.regions.push(region);
    this.copies.set(o, copy);
    this.records[o] = REGION32;
    this.entrances[o >> 3] = (region << ENTRY_BITS) | entry;
  }

  /** The transfer at `o`, if it is one, resolves its links anew. */
  unlink(o: number): void {
    if (this.hasLinks[o >> 3] === 0) return;
    this.records[o + 5] = 0;
    this.records[o + 6] = 0;
  }

  /** At most `limit` instructions from `eip`, in a place of their own. */
  cut(eip: number, limit: number): number {
    const { mode, tlb } = this.source;
    this.checkFetch(eip);
    const linear = (mode.base + eip) | 0;
    const page = tlb.fetchPage(linear, mode.user ? USER_HALF : 0);
    if (page < 0) return this.decode(eip, -1, { at: CUT, limit: 1 });
    return this.decode(eip, page | (linear & 0xfff), { at: CUT, limit });
  }

  /** Puts a record into the jump cache, for `train`. */
  plantJump(eip: number, o: number): void {
    this.enter(eip, o);
  }

  private enter(eip: number, o: number): number {
    const at = (eip ^ (eip >>> HASH_BITS)) & ((1 << HASH_BITS) - 1);
    this.hashEip[at] = eip;
    this.hashMode[at] = this.s[MODE];
    this.hashRecord[at] = o;
    return o;
  }

  /** Bytes at an arena offset change. */
  onWrite(at: number, length: number): void {
    const last = at + length - 1;
    const { codePages } = this.source.memory;
    for (let page = at & ~0xfff; page <= last; page += 0x1000) {
      const code = this.pages.get(page);
      if (code === undefined) {
        codePages[page >>> 12] = Math.max(0, codePages[page >>> 12] - 1);
        continue;
      }
      const from = Math.max(at, page) & 0xfff;
      const to = Math.min(last, page + 0xfff) & 0xfff;
      if (touches(code, from >> 6, to >> 6)) this.invalidate(code);
    }
  }

  private invalidate(code: PageCode): void {
    for (const o of code.blocks) {
      this.spoil(o);
      this.copies.delete(o);
      this.others.delete(o);
    }
    if (code.regions.length > 0) this.source.onRegionsLost(code.regions);
    if (code.hasCut) this.spoil(CUT);
    for (const key of code.keys) this.blocks.delete(key);
    this.pages.delete(code.page);
    this.source.memory.codePages[code.page >>> 12] = IDLE;
    this.forgetJumps();
  }

  private spoil(first: number): void {
    const count = this.length[first >> 3];
    for (let i = 0; i <= count; i++) this.records[first + i * RECORD_WORDS] = STALE;
  }

  private decode(
    eip: number,
    place: number,
    room: { readonly at: number; readonly limit: number },
  ): number {
    const { decoder, mode } = this.source;
    const first = room.at;
    const linear = (mode.base + eip) | 0;
    const left = Math.min(0x1000 - (linear & 0xfff), (mode.limit >>> 0) - (eip >>> 0) + 1);
    let o = first;
    let offset = 0;
    let count = 0;
    let ended = false;
    while (!ended && count < room.limit) {
      const at = (eip + offset) | 0;
      // Only the first instruction may run into the next page.
      if (count > 0 && offset + 16 > left) {
        if (offset >= left || !this.fits(at, offset, place, left)) break;
      } else {
        this.source.setFetch((linear + offset) | 0, place < 0 ? -1 : place + offset, 16);
        decoder.decode(at, mode);
      }
      this.record(o, at, count);
      offset += decoder.length;
      ended = decoder.ends;
      this.fuse(o, count);
      count++;
      o += RECORD_WORDS;
      if (offset >= left) break;
    }
    if (!ended) this.fall(o, (eip + offset) | 0, count);
    else this.finish(o - RECORD_WORDS, count);
    this.length[first >> 3] = count;
    if (first !== CUT) {
      this.free = o + RECORD_WORDS;
      this.source.onDecode(eip, offset);
    }
    if (place >= 0) this.register(first, place, offset);
    return first;
  }

  /** Decodes near the end of a page; false when the instruction straddles it. */
  private fits(at: number, offset: number, place: number, left: number): boolean {
    const { decoder, mode } = this.source;
    this.source.setFetch((mode.base + at) | 0, place + offset, left - offset);
    decoder.decode(at, mode);
    return offset + decoder.length <= left;
  }

  private record(o: number, eip: number, count: number): void {
    const { decoder } = this.source;
    const { words } = decoder;
    const n = o >> 3;
    for (let i = 1; i < RECORD_WORDS; i++) this.records[o + i] = words[i];
    this.records[o] = decoder.kind;
    this.eip[n] = eip;
    this.next[n] = (eip + decoder.length) | 0;
    this.target[n] = decoder.target;
    this.index[n] = count;
    this.hasLinks[n] = 0;
  }

  /** A hot conditional jump (one that stays inside CS) behind an instruction that pairs with it. */
  private fuse(o: number, count: number): void {
    const { decoder, mode } = this.source;
    const cc = decoder.kind < COLD_BASE ? (decoder.entry?.cc ?? -1) : -1;
    const { previous } = this;
    const isInside = decoder.target >>> 0 <= mode.limit >>> 0;
    if (cc >= 0 && isInside && count > 0 && previous !== undefined) {
      const kinds = mode.code32 ? previous.fused32 : previous.fused16;
      const kind = kinds === undefined ? -1 : kinds[cc];
      if (kind >= 0) this.records[o - RECORD_WORDS] = kind;
    }
    this.previous = decoder.kind < COLD_BASE ? decoder.variant : undefined;
  }

  /** A jump to the next instruction, which counts none itself. */
  private fall(o: number, eip: number, count: number): void {
    const n = o >> 3;
    this.records.fill(0, o, o + RECORD_WORDS);
    this.records[o] = FALL16;
    this.records[o + 2] = count;
    this.eip[n] = eip;
    this.next[n] = eip;
    this.target[n] = eip;
    this.index[n] = count;
    this.hasLinks[n] = 1;
  }

  /** Transfers know the length of their block; links start empty. */
  private finish(last: number, count: number): void {
    const { entry } = this.source.decoder;
    if (entry === undefined || !entry.row.operation.transfer) return;
    this.records[last + 2] = count;
    if (!entry.tokens.some(t => t.from === 'J')) return;
    this.records[last + 5] = 0;
    this.records[last + 6] = 0;
    this.hasLinks[last >> 3] = 1;
  }

  private register(first: number, place: number, length: number): void {
    const page = place & ~0xfff;
    const from = place & 0xfff;
    this.mark(first, page, from, Math.min(0xfff, from + length - 1));
    if (from + length <= 0x1000) return;
    const { mode, tlb } = this.source;
    const linear = this.secondPage(this.eip[first >> 3]);
    const second = tlb.fetchPageQuietly(linear, mode.user ? USER_HALF : 0);
    this.endings.set(first, second);
    if (second >= 0) this.mark(first, second, 0, from + length - 0x1001);
  }

  private mark(first: number, page: number, from: number, to: number): void {
    let code = this.pages.get(page);
    if (code === undefined) {
      code = { page, blocks: [], keys: [], regions: [], lowLines: 0, highLines: 0, hasCut: false };
      this.pages.set(page, code);
      const { codePages } = this.source.memory;
      if (codePages[page >>> 12] === 0) this.source.tlb.protect(page >>> 12);
      codePages[page >>> 12] = 1;
    }
    if (first === CUT) code.hasCut = true;
    else code.blocks.push(first);
    for (let line = from >> 6; line <= to >> 6; line++) {
      if (line < 32) code.lowLines |= 1 << line;
      else code.highLines |= 1 << (line - 32);
    }
  }
}

function touches(code: PageCode, from: number, to: number): boolean {
  for (let line = from; line <= to; line++) {
    const bits = line < 32 ? code.lowLines : code.highLines;
    if ((bits & (1 << (line & 31))) !== 0) return true;
  }
  return false;
}
