/**
 * The processor as a machine runs it: from one event to the next.
 *
 * Interrupts, halts and debug traps are looked at between instructions here, everything else
 * happens in the run loops (processor.ts). The last few instructions of a budget run as blocks cut
 * to length, so that the count is exact.
 */

import { UserError } from '../error.ts';
import type { Line } from '../line.ts';
import { bool, bytes, count, type Plain, state, text } from '../state.ts';
import { BUDGET, CURRENT, FLAT, HALF } from './access.ts';
import { BLOCK_LIMIT } from './code-cache.ts';
import { checkVirtualInterrupt } from './control.ts';
import type { CpuCore, CpuWiring, RunResult } from './cpu.ts';
import { beginInstruction, isStepping, takeDebugTrap } from './debug.ts';
import { dumpNotes } from './dump-notes.ts';
import { Fault, STALL } from './fault.ts';
import * as flags from './flags.ts';
import { summarize } from './fpu/stack.ts';
import { FCW, fpuText, resetFpu, TEMP } from './fpu/state.ts';
import type { RunLoop } from './generated/interpreter.js';
import { deliverException, deliverInterrupt, deliverNmi } from './interrupt.ts';
import { logReset } from './log-text.ts';
import type { CpuModel } from './models.ts';
import { memText, tlbText } from './paging-text.ts';
import { Processor } from './processor.ts';
import {
  ATTRIBUTES,
  BASE,
  CS,
  DB,
  DEBUG_PENDING,
  DESC_BIG,
  EFLAGS_REST,
  EIP,
  FLAG_RESULT,
  HALTED,
  HALTED_MASKED,
  IF,
  INTERRUPT_SHADOW,
  NMI_BLOCKED,
  SMM,
} from './registers.ts';
import { registerByName, registersText } from './registers-text.ts';
import { resetRegisters } from './reset.ts';
import { enterSmm } from './smm.ts';
import { train } from './train.ts';

/** Scratch words of the register file are no state. */
const SCRATCH_WORDS = 48;

/** Of INTERRUPT_SHADOW: MOV SS. */
const DEBUG_SHADOW = 2;

/**
 * How many instructions of 16- and of 32-bit code are walked before their loop is compiled. The
 * guest waits some tenth of a second for that, in which millions could be walked: firmware and boot
 * loaders need no more 16-bit code, while guests of 32 bits are there for long.
 */
const WALKS = [4_000_000, 200_000] as const;
/** Where V8 cannot be asked to compile at once, it has done so after that many more. */
const COMPILATION = 12_000_000;

type Tier = 'new' | 'trained' | 'fast';

export class Cpu implements CpuCore {
  /** For helpers, tests and the debugger. */
  readonly processor: Processor;
  private readonly s: Int32Array;
  /** Instructions finished before the loop was entered, and the budget it was entered with. */
  private retired = 0;
  private entryBudget = 0;
  private exitRequested = false;
  private nmiPending = false;
  private smiPending = false;
  /** The instruction count at which interrupts still wait (after STI, MOV SS), and the kind. */
  private shadowAt = -1;
  private shadow = 0;
  /** What runs 16- and 32-bit code: a walker until V8 has had time to compile the run loop. */
  private readonly tiers: [Tier, Tier] = ['new', 'new'];
  /** Instructions run so far, by the same widths. */
  private readonly walked: [number, number] = [0, 0];

  constructor(
    private readonly wiring: CpuWiring,
    readonly model: CpuModel,
  ) {
    this.processor = new Processor(wiring, model);
    this.s = this.processor.s;
    this.processor.hasWakeUp = () => this.hasWakeUp();
    this.connect(wiring);
    this.s[FLAG_RESULT] = 1;
    this.toResetState(true);
  }

  private connect(wiring: CpuWiring): void {
    wiring.intr.connect(level => {
      if (level && (this.s[EFLAGS_REST] & IF) !== 0) this.processor.leave();
    });
    const onEdge = (line: Line, act: () => void): void =>
      line.connect(level => {
        if (level) act();
      });
    onEdge(wiring.nmi, () => {
      this.nmiPending = true;
      this.processor.leave();
    });
    onEdge(wiring.smi, () => {
      this.smiPending = true;
      this.processor.leave();
    });
    wiring.a20.connect(level => this.processor.setA20(level));
    const { memory } = wiring;
    memory.onCodeWrite = (at, length) => this.processor.cache.onWrite(at, length);
    memory.onRemap = () => this.processor.flushTlb(true);
  }

  get instructions(): number {
    const { s } = this;
    const { index } = this.processor.cache;
    return this.retired + this.entryBudget - s[BUDGET] + index[s[CURRENT] >> 3];
  }

  get halted(): boolean {
    return this.s[HALTED] !== 0 && this.s[DEBUG_PENDING] === 0 && !this.hasWakeUp();
  }

  requestExit(): void {
    this.exitRequested = true;
    this.processor.leave();
  }

  run(budget: number): RunResult {
    const end = this.retired + budget;
    this.exitRequested = false;
    if (this.tiers[0] !== 'fast') this.raiseTier(0);
    if (this.tiers[1] !== 'fast') this.raiseTier(1);
    while (this.retired < end) {
      if (this.exitRequested) {
        this.exitRequested = false;
        return 'exit';
      }
      this.takeTrap();
      this.takeEvents();
      if (this.s[HALTED] !== 0) return 'halted';
      this.slice(end - this.retired);
    }
    return 'budget';
  }

  /** Trains a loop, or begins to use it, once enough of its code has run. */
  private raiseTier(width: 0 | 1): void {
    const { processor, tiers } = this;
    const { engine, walks = WALKS } = this.wiring;
    const beyond = this.walked[width] - walks[width];
    if (tiers[width] === 'new' && beyond >= 0) {
      tiers[width] = train(processor, width, engine) ? 'fast' : 'trained';
    } else if (tiers[width] === 'trained' && beyond >= COMPILATION) tiers[width] = 'fast';
  }

  /** Runs up to `left` instructions. */
  private slice(left: number): void {
    const { s, processor } = this;
    this.processor.isLeaving = false;
    this.processor.hasJumped = false;
    this.atBoundary();
    const isStepped = isStepping(processor);
    const isAwaited = this.hasWakeUp() || s[DEBUG_PENDING] !== 0;
    const isShadowed = this.shadowAt === this.retired && isAwaited;
    try {
      checkVirtualInterrupt(processor);
      beginInstruction(processor, this.pc, this.isDebugShadowed);
      if (isStepped || isShadowed || left < BLOCK_LIMIT) {
        this.enter(this.short(isStepped || isShadowed ? 1 : left), 0);
      } else {
        const budget = left - BLOCK_LIMIT;
        const { slice } = processor.translator.hotness;
        this.enter(this.processor.cache.find(s[EIP]), Math.min(budget, slice));
        this.atBoundary();
        if (budget > slice && this.tiers[1] === 'fast') processor.translator.sample(s[EIP]);
      }
    } catch (error) {
      this.onFault(error);
    }
  }

  /** MOV SS and POP SS hold debug traps back for one instruction. */
  private get isDebugShadowed(): boolean {
    return this.shadowAt === this.retired && (this.shadow & DEBUG_SHADOW) !== 0;
  }

  /** What the last instruction left: a single step, a data or port breakpoint, a task's T bit. */
  private takeTrap(): void {
    const { s, processor } = this;
    if (s[DEBUG_PENDING] === 0 || this.isDebugShadowed) return;
    this.atBoundary();
    if (takeDebugTrap(processor)) deliverException(processor, DB, -1, s[EIP]);
  }

  /** A block of at most `limit` instructions. */
  private short(limit: number): number {
    const eip = this.s[EIP];
    const known = this.processor.cache.quick(eip);
    if (known >= 0 && this.processor.cache.length[known >> 3] <= limit) return known;
    return this.processor.cache.cut(eip, limit);
  }

  private enter(o: number, budget: number): void {
    const s = this.s;
    this.entryBudget = budget;
    s[BUDGET] = budget;
    const width = this.processor.mode.code32 ? 1 : 0;
    const rest = this.loop(width)(o, budget, s[HALF]);
    this.retired += budget - rest;
    this.walked[width] += budget - rest;
    s[BUDGET] = budget;
    s[CURRENT] = 0;
    this.settleShadow();
  }

  private loop(width: 0 | 1): RunLoop {
    const { loops } = this.processor;
    if (this.tiers[width] === 'fast') return width === 1 ? loops.run32 : loops.run16;
    return width === 1 ? loops.walk32 : loops.walk16;
  }

  private onFault(error: unknown): void {
    if (!(error instanceof Fault)) throw error;
    const s = this.s;
    const eip = error.hasOwnEip ? error.ownEip : this.processor.eip;
    this.retired = this.instructions;
    s[EIP] = eip;
    this.atBoundary();
    if (error.vector === STALL) s[HALTED] = 1;
    else deliverException(this.processor, error.vector, error.errorCode, eip);
    this.settleShadow();
  }

  private atBoundary(): void {
    this.s[BUDGET] = 0;
    this.entryBudget = 0;
    this.processor.atBoundary();
  }

  /** STI and MOV SS leave 1 in the shadow word; here it becomes the count it is good for. */
  private settleShadow(): void {
    if (this.s[INTERRUPT_SHADOW] === 0) return;
    this.shadow = this.s[INTERRUPT_SHADOW];
    this.s[INTERRUPT_SHADOW] = 0;
    this.shadowAt = this.retired;
  }

  private hasWakeUp(): boolean {
    if (this.smiPending || (this.nmiPending && this.s[NMI_BLOCKED] === 0)) return true;
    const isOpen = (this.s[EFLAGS_REST] & IF) !== 0 || this.s[HALTED] === HALTED_MASKED;
    return this.wiring.intr.level && isOpen;
  }

  /** SMI, NMI, INTR: whatever is due now. */
  private takeEvents(): void {
    const s = this.s;
    if (this.shadowAt === this.retired) return;
    if (s[HALTED] === HALTED_MASKED && this.wiring.intr.level) s[HALTED] = 0;
    if (this.smiPending && s[SMM] === 0) {
      this.smiPending = false;
      s[HALTED] = 0;
      this.atBoundary();
      enterSmm(this.processor, s[EIP]);
    } else if (this.nmiPending && s[NMI_BLOCKED] === 0) {
      this.nmiPending = false;
      this.atBoundary();
      deliverNmi(this.processor, s[EIP]);
    } else if (this.wiring.intr.level && (s[EFLAGS_REST] & IF) !== 0) {
      this.atBoundary();
      this.wiring.syncClock();
      deliverInterrupt(this.processor, this.wiring.acknowledge(), s[EIP]);
    }
  }

  reset(): void {
    this.toResetState(false);
  }

  private toResetState(isFirst: boolean): void {
    const s = this.s;
    logReset(this.processor, s[EIP], isFirst);
    resetRegisters(s, this.model);
    resetFpu(s);
    s[FLAG_RESULT] = 1;
    s[FLAT] = 0;
    this.nmiPending = false;
    this.smiPending = false;
    this.shadowAt = -1;
    this.wiring.smiActive?.set(false);
    this.wiring.ferr?.set(false);
    this.processor.modeChanged();
    this.processor.setA20(this.wiring.a20.level);
    this.processor.cache.forgetAll();
    this.processor.hasJumped = true;
    this.processor.leave();
  }

  save(): Plain {
    this.settleShadow();
    const s = this.s.slice();
    flags.setArithmetic(s, flags.arithmetic(this.s));
    s.fill(0, CURRENT, CURRENT + SCRATCH_WORDS);
    s.fill(0, TEMP, FCW);
    s[INTERRUPT_SHADOW] = this.shadowAt === this.retired ? this.shadow : 0;
    return {
      model: this.model.name,
      registers: new Uint8Array(s.buffer.slice(0)),
      instructions: this.retired,
      nmiPending: this.nmiPending,
      smiPending: this.smiPending,
    };
  }

  load(plain: Plain): void {
    const given = this.savedState().load(plain);
    if (given.model !== this.model.name) {
      throw new UserError(`cpu: ${given.model} in != ${this.model.name}`);
    }
    this.processor.s8.set(new Int8Array(given.registers.slice().buffer));
    this.retired = given.instructions;
    this.nmiPending = given.nmiPending;
    this.smiPending = given.smiPending;
    this.shadowAt = -1;
    this.settleShadow();
    this.wiring.smiActive?.set(this.s[SMM] !== 0);
    this.processor.setA20(this.wiring.a20.level);
    this.processor.modeChanged();
    this.processor.flushTlb(true);
    this.processor.cache.forgetAll();
    summarize(this.processor);
    this.atBoundary();
  }

  /** The form of what `save` gives. */
  private savedState() {
    return state('cpu', 1, {
      model: text(),
      registers: bytes(this.s.byteLength),
      instructions: count(),
      nmiPending: bool(),
      smiPending: bool(),
    });
  }

  get pc(): number {
    return (this.s[BASE + CS] + this.s[EIP]) >>> 0;
  }

  get codeSize(): 16 | 32 {
    return (this.s[ATTRIBUTES + CS] & DESC_BIG) !== 0 ? 32 : 16;
  }

  registersText(): string {
    return registersText(this.registerView()) + fpuText(this.s);
  }

  pagingText(topic: 'tlb' | 'mem'): string {
    const { memory } = this.wiring;
    return topic === 'tlb' ? tlbText(this.s, memory) : memText(this.s, memory);
  }

  general(index: number): number {
    return this.s[index] >>> 0;
  }

  setGeneral(index: number, value: number): void {
    this.s[index] = value;
  }

  register(name: string): bigint | undefined {
    return registerByName(this.registerView(), name);
  }

  dumpNotes(): Uint8Array {
    return dumpNotes(this.registerView());
  }

  private registerView() {
    const { s, wiring } = this;
    return { s, eip: s[EIP], eflags: this.processor.eflags(), isA20Open: wiring.a20.level };
  }

  translate(linear: number): number | undefined {
    return this.processor.mmu.translate(linear);
  }
}
