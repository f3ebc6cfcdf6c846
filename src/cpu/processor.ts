/**
 * The processor's inside: registers, TLB, code cache and the generated run loops, tied together;
 * what helpers see as `Context`. core.ts runs it.
 *
 * A loop leaves when its budget is used up, or when a helper or a device asked for it (`leave`).
 */

import {
  accessFunctions,
  BUDGET,
  CURRENT,
  FLAT,
  HALF,
  loadChecked,
  MODE,
  writeLinear,
} from './access.ts';
import { CodeCache, type CodeSource } from './code-cache.ts';
import type { Running, Size } from './context.ts';
import type { CpuWiring } from './cpu.ts';
import { noteDataAccess, watchedPages } from './debug.ts';
import { Decoder } from './decode.ts';
import { VECTOR_FUNCTIONS } from './emit-vector.ts';
import type { Environment, FlowFunctions } from './environment.ts';
import { throwFault } from './fault.ts';
import * as flags from './flags.ts';
import { quickFunctions } from './fpu/quick.ts';
import { VectorViews } from './fpu/state.ts';
import { build, type Interpreter } from './generated/interpreter.js';
import { helpers } from './helpers/all.ts';
import { computeFunctions } from './helpers/compute.ts';
import { coldKind } from './kinds.ts';
import { logBlock, logState } from './log-text.ts';
import { Mmu, raisePageFault } from './mmu.ts';
import { type Mode, Modes } from './mode.ts';
import type { CpuModel, Feature } from './models.ts';
import { REGION_NAMES } from './region-function.ts';
import { AC, CS, DEBUG_PENDING, EFLAGS_REST, EIP, GP, IF, LIMIT, TF, VM } from './registers.ts';
import { checkCodeOffset } from './segment.ts';
import { Tlb, type TlbOwner, USER_HALF } from './tlb.ts';
import { Translator } from './translate.ts';

/** Words of `s`: registers, then x87 and SSE ones. */
const FILE_WORDS = 512;
/** No block is found by EIP alone in this one, nor was forgotten in it. */
const NO_MODE = -3;
const PAUSE = coldKind('pause.32');

export class Processor implements Running, TlbOwner, CodeSource {
  readonly s = new Int32Array(FILE_WORDS);
  readonly s8 = new Int8Array(this.s.buffer);
  readonly views = new VectorViews(this.s);
  readonly mmu: Mmu;
  readonly tlb: Tlb;
  readonly decoder: Decoder;
  readonly memory: CpuWiring['memory'];
  readonly cache: CodeCache;
  readonly translator: Translator;
  readonly loops: Interpreter;
  mode: Mode;
  /** The loop is to be left after the instruction that runs. */
  isLeaving = false;
  /** S[EIP] is set: by `jump`. */
  hasJumped = false;
  /** Whether INTR, NMI or SMI could be taken now; core.ts knows. */
  hasWakeUp: () => boolean = () => false;
  private readonly modes = new Modes(this.s);
  private fetchLinear = 0;
  private fetchPlace = 0;
  private fetchable = 0;
  /** A record whose kind was replaced so that the loop stops there, and that kind. */
  private pausedRecord = 0;
  private pausedKind = 0;

  constructor(
    readonly wiring: CpuWiring,
    readonly model: CpuModel,
  ) {
    this.memory = wiring.memory;
    this.mmu = new Mmu(this.s, this.memory, this.has('pse36'));
    this.tlb = new Tlb(this.memory, this.mmu, this);
    this.decoder = new Decoder(
      offset => this.fetch(offset),
      feature => this.has(feature),
    );
    this.mode = this.modes.current();
    this.cache = new CodeCache(this.s, this);
    this.translator = new Translator(this, wiring.hotness);
    this.loops = this.bind();
  }

  private bind(): Interpreter {
    const { memory, cache } = this;
    const words = new Int32Array(memory.arena);
    this.views.reads = this.tlb.read;
    this.views.writes = this.tlb.write;
    this.views.memory = words;
    const environment: Environment = {
      S: this.s,
      S16: new Int16Array(this.s.buffer),
      S8: this.s8,
      D: cache.records,
      NEXT: cache.next,
      ENTRANCES: cache.entrances,
      R: this.tlb.read,
      W: this.tlb.write,
      M4: words,
      M2: new Int16Array(memory.arena),
      M1: new Int8Array(memory.arena),
      C: computeFunctions(this.s),
      H: helpers,
      cpu: this,
      ...accessFunctions(this, this.tlb),
      G: this.translator.regions,
      ...this.flow(),
    };
    const loops = build(environment);
    const values: { readonly [name: string]: unknown } = {
      ...environment,
      F: loops.cold,
      V: this.views,
      SD: this.views.f64,
      MD: new Float64Array(memory.arena),
      ...VECTOR_FUNCTIONS,
      X: quickFunctions,
    };
    this.translator.bind(REGION_NAMES.map(name => values[name]));
    return loops;
  }

  // ---- flow: what generated code calls to go on ----

  private flow(): FlowFunctions {
    const { s, cache } = this;
    const go = (eip: number, budget: number): number => {
      if (budget >= 0) {
        const known = cache.quick(eip);
        if (known >= 0) return known;
        if (!this.isLeaving) {
          const found = cache.findQuietly(eip);
          if (found >= 0) return found;
        }
      }
      s[EIP] = eip;
      return -1;
    };
    const take = (q: number, budget: number): number => this.take(q, budget, go);
    const exit = (o: number): number => {
      s[BUDGET] -= cache.index[o >> 3] + 1;
      if (!this.hasJumped) s[EIP] = cache.next[o >> 3];
      return -1;
    };
    return {
      N: go,
      JI(o, eip) {
        s[BUDGET] -= cache.records[o + 2];
        return go(eip, s[BUDGET]);
      },
      J(q) {
        s[BUDGET] -= cache.records[(q & -8) | 2];
        return take(q, s[BUDGET]);
      },
      checkTarget: o => checkCodeOffset(this, s[LIMIT + CS], cache.target[o >> 3]),
      checkOffset: eip => checkCodeOffset(this, s[LIMIT + CS], eip),
      take,
      RN: (eip, budget, y, region) => {
        if (budget < 0) this.translator.isInside = true;
        else if (y !== 0) this.translator.onDeparture(region, y, eip);
        return go(eip, budget);
      },
      RL: (q, budget) => {
        if (budget < 0) this.translator.isInside = true;
        const o = budget >= 0 ? cache.records[q] : 0;
        return o !== 0 ? o : take(q, budget);
      },
      finish: o => (this.isLeaving ? exit(o) : o + 8),
      end: exit,
    };
  }

  /** Follows the link at `q`, resolving it when it is empty. */
  private take(q: number, budget: number, go: (eip: number, c: number) => number): number {
    const { s, cache } = this;
    const n = q >> 3;
    const eip = (q & 7) === 5 ? cache.target[n] : cache.next[n];
    if (budget < 0 || this.isLeaving) {
      s[EIP] = eip;
      return -1;
    }
    const { base } = this.mode;
    // A fall-through record stands behind its block: its own EIP may be the next page's.
    const from = cache.records[(q & -8) | 2] > 0 ? this.blockEip(n) : cache.eip[n];
    if (((base + eip) ^ (base + from)) >>> 12 !== 0) return go(eip, budget);
    const { generation } = cache;
    const found = go(eip, budget);
    const isLasting = found >= 0 && generation === cache.generation && !cache.straddles(found);
    if (isLasting) cache.records[q] = found;
    return found;
  }

  /** EIP of the first instruction of the block that record `n` ends. */
  private blockEip(n: number): number {
    return this.cache.eip[n - this.cache.index[n]];
  }

  // ---- Context ----

  onWatchedAccess(linear: number, size: number, write: boolean): void {
    noteDataAccess(this, linear, size, write);
    if (this.s[DEBUG_PENDING] !== 0) this.pause();
  }

  onDecode(eip: number, bytes: number): void {
    const { log } = this.wiring;
    if (log.has('in_asm')) logBlock(this, eip, bytes);
    if (log.has('cpu')) logState(this, eip);
  }

  onRegionsLost(regions: readonly number[]): void {
    this.translator.drop(regions);
    // One of them may be what runs.
    this.isLeaving = true;
  }

  get eip(): number {
    return this.cache.eip[this.s[CURRENT] >> 3];
  }

  get nextEip(): number {
    return this.cache.next[this.s[CURRENT] >> 3];
  }

  jump(eip: number): void {
    this.s[EIP] = eip;
    this.hasJumped = true;
    this.isLeaving = true;
  }

  leave(): void {
    this.isLeaving = true;
  }

  restart(): void {
    this.jump(this.eip);
  }

  get isPlain(): boolean {
    return this.mode.real;
  }

  loadToModify(seg: number, offset: number, size: Size): number {
    return this.tlb.loadToModify(writeLinear(this, seg, offset, size), size, this.s[HALF]);
  }

  finishModify(size: Size, value: number): void {
    this.tlb.finishModify(size, value, this.s[HALF]);
  }

  eflags(): number {
    return flags.eflags(this.s);
  }

  setEflags(value: number, mask: number): void {
    const before = this.s[EFLAGS_REST];
    flags.setEflags(this.s, value, mask);
    const changed = before ^ this.s[EFLAGS_REST];
    if ((changed & (AC | VM)) !== 0) this.modeChanged();
    if ((changed & TF) !== 0) this.isLeaving = true;
    if ((changed & IF) !== 0 && this.hasWakeUp()) this.isLeaving = true;
  }

  load(seg: number, offset: number, size: Size): number {
    return loadChecked(this, this.tlb, seg, offset, size);
  }

  store(seg: number, offset: number, size: Size, value: number): void {
    this.tlb.store(writeLinear(this, seg, offset, size), size, value, this.s[HALF]);
  }

  readLinear(linear: number, size: Size, user: boolean): number {
    return this.tlb.load(linear | 0, size, user ? USER_HALF : 0);
  }

  writeLinear(linear: number, size: Size, value: number, user: boolean): void {
    this.tlb.store(linear | 0, size, value, user ? USER_HALF : 0);
  }

  probeRead(linear: number, size: number, user: boolean): void {
    this.tlb.probeRead(linear | 0, size, user ? USER_HALF : 0);
  }

  probeWrite(linear: number, size: number, user: boolean): void {
    this.tlb.probe(linear | 0, size, user ? USER_HALF : 0);
  }

  flushTlb(global: boolean): void {
    if (global) this.tlb.watch(watchedPages(this.s));
    this.tlb.flush(global);
    this.cache.forgetJumps();
    this.isLeaving = true;
  }

  flushPage(linear: number): void {
    this.tlb.flushPage(linear);
    this.cache.forgetJumps();
    this.isLeaving = true;
  }

  modeChanged(): void {
    if (this.modes.full) {
      this.modes.clear();
      this.cache.forgetAll();
    }
    const mode = this.modes.current();
    const s = this.s;
    s[HALF] = mode.user ? USER_HALF : 0;
    s[FLAT] = mode.flat;
    if (mode === this.mode) return;
    this.mode = mode;
    s[MODE] = mode.number;
    this.isLeaving = true;
  }

  has(feature: Feature): boolean {
    return this.model.features.has(feature);
  }

  raise(vector: number, errorCode?: number): never {
    throwFault(vector, errorCode);
  }

  // ---- TlbOwner, CodeSource ----

  pageFault(linear: number, errorCode: number): never {
    return raisePageFault(this, linear, errorCode);
  }

  beforeMmio(): void {
    this.wiring.syncClock();
  }

  /** When the access asked for the loop to end, the next instruction must not run. */
  afterMmio(): void {
    if (this.isLeaving) this.pause();
  }

  setFetch(linear: number, arenaOffset: number, available: number): void {
    this.fetchLinear = linear;
    this.fetchPlace = arenaOffset;
    this.fetchable = available;
  }

  private fetch(offset: number): number {
    if (offset >= this.fetchable) return 0;
    const eip = (this.fetchLinear - this.mode.base + offset) | 0;
    if (eip >>> 0 > this.mode.limit >>> 0) throwFault(GP, 0);
    const at = (this.fetchLinear & 0xfff) + offset;
    if (this.fetchPlace >= 0 && at < 0x1000) return this.memory.u8[this.fetchPlace + offset];
    return this.tlb.fetchByte((this.fetchLinear + offset) | 0, this.s[HALF]);
  }

  /**
   * The access that just ended asked to leave, but the loop does not look: plant a stop behind the
   * record that runs. Its links and the jump cache lead to functions that do look.
   */
  private pause(): void {
    const { s, cache } = this;
    const o = s[CURRENT];
    if (o === 0) return;
    s[MODE] = NO_MODE;
    for (const record of [o, o + 8]) cache.unlink(record);
    const isSameBlock = cache.index[(o >> 3) + 1] === cache.index[o >> 3] + 1;
    if (!isSameBlock || this.pausedRecord !== 0) return;
    this.pausedRecord = o + 8;
    this.pausedKind = cache.records[o + 8];
    cache.records[o + 8] = PAUSE;
  }

  /** No instruction runs: `eip`, `nextEip` speak of the next one. */
  atBoundary(): void {
    const { s, cache } = this;
    s[CURRENT] = 0;
    cache.eip[0] = s[EIP];
    cache.next[0] = s[EIP];
    s[MODE] = this.mode.number;
    if (this.pausedRecord === 0) return;
    if (cache.records[this.pausedRecord] === PAUSE) {
      cache.records[this.pausedRecord] = this.pausedKind;
    }
    this.pausedRecord = 0;
  }

  /** The A20 gate moved. */
  setA20(isOpen: boolean): void {
    this.mmu.addressMask = isOpen ? 0xffffffff : 0xffefffff;
    this.flushTlb(true);
  }
}
