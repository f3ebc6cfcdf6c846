/**
 * Runs every case of a run loop once on each of its paths, before a guest does.
 *
 * V8 compiles a loop for what it has seen. A case (or the slow half of one) that runs for the
 * first time afterwards throws the compiled loop away: some dozen times over a guest's first
 * seconds, each costing tens of milliseconds of compilation and slow running until then. So each
 * case runs here with operands that reach both sides of its branches, numbers of every kind, and
 * all exits, on records made for it and memory nobody owns (the arena's first page).
 */

import { BUDGET, ALIGNED as CHECKED, CURRENT, FLAT, HALF } from './access.ts';
import type { Bits, Operand } from './code.ts';
import { ENTRY_BITS } from './code-cache.ts';
import type { ScriptEngine } from './cpu.ts';
import { registerIndex } from './decode.ts';
import * as flags from './flags.ts';
import type { RunLoop } from './generated/interpreter.js';
import { CASES16, CASES32, type HotCases, REGION32 } from './hot.ts';
import { coldKind, instanceByKey } from './kinds.ts';
import type { Processor } from './processor.ts';
import {
  ATTRIBUTES,
  BASE,
  CR0,
  CS,
  DS,
  EBP,
  EBX,
  ECX,
  EDI,
  EDX,
  EFLAGS_REST,
  EIP,
  ESI,
  ESP,
  FLAG_A,
  FLAG_B,
  FLAG_BITS,
  FLAG_KIND,
  FLAG_RESULT,
  LIMIT,
  SS,
  ZERO,
} from './registers.ts';
import { SLOW } from './tlb.ts';

const MIN = -0x80000000;
const MAX = 0x7fffffff;
/** First and second operand. */
const PATTERNS: readonly (readonly [number, number])[] = [
  [MAX, MAX],
  [1, 1],
  [-1, 1],
  [MIN, 31],
  [1, -2],
  [MIN, -256],
];

/** Linear page that stands for the arena's first page, and one that is answered by nobody. */
const PAGE = 0x7fff0000;
const NOWHERE = 0x7ffe0000;
const CODE = 2;
const PHYSICAL = 4;
const ALIGNED = 0x800;
const UNALIGNED = 0x80d;
/** In the page that nobody answers. */
const MMIO = 0x810;
const TARGET = 0x1234;
const BUDGET_AT_START = 1000;
const NOTICE = 2;
const SPINS = 20;
const SPIN_LENGTH = 500;
const PAUSE = coldKind('pause.32');

interface Loop {
  readonly run: RunLoop;
  readonly cases: HotCases;
  readonly real: boolean;
}

/** Trains the loop of 16-bit (`width` 0) or of 32-bit code; true when it is compiled. */
export function train(p: Processor, width: 0 | 1, engine: ScriptEngine | undefined): boolean {
  const s = p.s.slice();
  const tlb = borrowPages(p);
  enterRealMode(p.s);
  const { run32, run16 } = p.loops;
  const loop: Loop =
    width === 1
      ? { run: run32, cases: CASES32, real: false }
      : { run: run16, cases: CASES16, real: true };
  // V8 notes nothing before a function has run for a while.
  spin(p, loop, NOTICE);
  // All cases with the first pattern come first: V8 may begin to compile before the end.
  for (const [a, b] of PATTERNS) {
    for (const [kind, key] of keysOf(loop.cases).entries()) {
      trainCase(p, loop, { kind, key, a, b });
    }
  }
  trainDefault(p, loop);
  if (width === 1) trainRegions(p);
  // Before V8 thinks of it: it would compile beside the program and take no other orders.
  const isCompiled = engine?.compileSoon(loop.run) ?? false;
  spin(p, loop, SPINS);
  tlb.giveBack();
  p.cache.forgetJumps();
  p.cache.records.fill(0, p.cache.cutPlace, p.cache.cutPlace + 32);
  p.s.set(s);
  p.isLeaving = false;
  p.hasJumped = false;
  p.atBoundary();
  return isCompiled;
}

/** By kind: the instance, of a fused pair the first. */
function keysOf({ hot, fused, wide }: HotCases): string[] {
  return [...hot, ...fused.map(([first]) => first), ...wide];
}

function isFusedKind({ hot, fused }: HotCases, kind: number): boolean {
  return kind >= hot.length && kind < hot.length + fused.length;
}

/** Functions for the default case: of a single one V8 would think that it is always called. */
const COLD_EXAMPLES = ['cbw.16', 'cbw.32', 'cwd.16', 'salc.8', 'bswap.32.r32', 'sar.8.r8.i8'];

function trainDefault(p: Processor, loop: Loop): void {
  const { records, cutPlace: o } = p.cache;
  for (const key of COLD_EXAMPLES) {
    records.fill(0, o, o + 32);
    records[o] = coldKind(key);
    records[o + 8] = PAUSE;
    runOnce(p, loop, BUDGET_AT_START);
  }
}

/** Regions: several, or V8 would write the only one in place of the call. */
const REGION_EXAMPLES = 6;

function trainRegions(p: Processor): void {
  const { records, cutPlace: o } = p.cache;
  const { regions } = p.translator;
  const first = regions.length;
  for (let i = 0; i < REGION_EXAMPLES; i++) {
    regions.push((c, entry) => (c < 0 ? -1 : o + 16 + (entry & i & 0)));
    records.fill(0, o, o + 32);
    records[o] = REGION32;
    p.cache.entrances[o >> 3] = (first + i) << ENTRY_BITS;
    records[o + 16] = PAUSE;
    for (const budget of [BUDGET_AT_START, -1]) {
      p.isLeaving = true;
      p.s[BUDGET] = budget;
      p.loops.run32(o, budget, 0);
    }
  }
  regions.length = first;
}

/** A jump to itself, until V8 takes notice of the loop, or finds it hot enough to compile it. */
function spin(p: Processor, loop: Loop, times: number): void {
  const { records, cutPlace: o } = p.cache;
  records.fill(0, o, o + 32);
  records[o] = loop.cases.hot.indexOf(loop.real ? 'jmp.16.i16' : 'jmp.32.i32');
  records[o + 2] = 1;
  records[o + 5] = o;
  for (let i = 0; i < times; i++) runOnce(p, loop, SPIN_LENGTH);
}

/** Segments that let everything pass, for the slow paths that look at them. */
function enterRealMode(s: Int32Array): void {
  s[CR0] = 0;
  s[EFLAGS_REST] = 2;
  s[FLAT] = 0;
  s[HALF] = 0;
  s[CHECKED] = 0;
  s[LIMIT + CS] = -1;
  for (const n of [DS, SS]) {
    s[LIMIT + n] = 0xffff;
    s[ATTRIBUTES + n] = 0x9300;
  }
}

function borrowPages(p: Processor): { giveBack(): void } {
  const { read, write } = p.tlb;
  const pages = [PAGE >>> 12, NOWHERE >>> 12];
  const saved = pages.map(n => [read[n], write[n]]);
  read[pages[0]] = PAGE;
  write[pages[0]] = PAGE;
  read[pages[1]] = (NOWHERE ^ 0xfffff000) | SLOW | PHYSICAL;
  return {
    giveBack(): void {
      pages.forEach((n, i) => {
        [read[n], write[n]] = saved[i];
      });
      p.memory.u8.fill(0, 0, 0x1000);
    },
  };
}

interface Case {
  readonly kind: number;
  readonly key: string;
  readonly a: number;
  readonly b: number;
}

/** One case with one pattern, in all places and with all exits. */
function trainCase(p: Processor, loop: Loop, { kind, key, a, b }: Case): void {
  const { operands, operation } = instanceByKey(key);
  const hasMemory = operands.some(o => o.form === 'm') || operation.stack;
  const places = hasMemory ? [ALIGNED, UNALIGNED, MMIO] : [ALIGNED];
  const isFused = isFusedKind(loop.cases, kind);
  for (const place of places) {
    setRegisters(p, loop, { a, b, place });
    setRecord(p, { kind, a, b, operands, place, real: loop.real, isFused });
    runOnce(p, loop, BUDGET_AT_START);
  }
  if (!operation.transfer && !isFused) return;
  for (const exit of ['empty links', 'no budget', 'bits'] as const) {
    setRegisters(p, loop, { a, b, place: ALIGNED });
    setRecord(p, { kind, a, b, operands, place: ALIGNED, real: loop.real, isFused });
    if (exit === 'bits') setBits(p.s, a, b);
    else p.cache.forgetJumps();
    if (exit === 'empty links' && isDirect({ isFused, operands })) unlink(p, isFused);
    runOnce(p, loop, exit === 'no budget' ? 0 : BUDGET_AT_START);
  }
}

function setBits(s: Int32Array, a: number, b: number): void {
  s[FLAG_KIND] = a === b ? flags.BITS : flags.LOGIC;
  s[FLAG_BITS] = b;
}

function unlink(p: Processor, isFused: boolean): void {
  const o = p.cache.cutPlace + (isFused ? 8 : 0);
  p.cache.records[o + 5] = 0;
  p.cache.records[o + 6] = 0;
}

function runOnce(p: Processor, loop: Loop, budget: number): void {
  p.isLeaving = true;
  p.s[BUDGET] = budget;
  p.s[CURRENT] = 0;
  loop.run(p.cache.cutPlace, budget, 0);
}

interface Values {
  readonly a: number;
  readonly b: number;
  readonly place: number;
}

function base(place: number): number {
  return place === MMIO ? NOWHERE : PAGE;
}

function setRegisters(p: Processor, loop: Loop, { a, b, place }: Values): void {
  const { s } = p;
  const at = base(place);
  // A store makes the entry a fast one: it must be slow each time.
  p.tlb.write[NOWHERE >>> 12] = NOWHERE | SLOW | CODE;
  s[EBX] = a;
  s[EDX] = b;
  s[ECX] = b;
  s[ESI] = MAX;
  s[EDI] = MAX;
  s[ESP] = loop.real ? place : at + place;
  s[EBP] = s[ESP];
  s[BASE + DS] = at;
  s[BASE + SS] = at;
  s[FLAG_KIND] = flags.SUB;
  s[FLAG_RESULT] = (a - b) | 0;
  s[FLAG_A] = a;
  s[FLAG_B] = b;
  new DataView(p.memory.arena).setInt32(place & 0xfff, b, true);
}

interface Made extends Values {
  readonly kind: number;
  readonly operands: readonly Operand[];
  readonly real: boolean;
  readonly isFused: boolean;
}

/** The record, behind it one that a fused case takes its links from, and one that leaves. */
function setRecord(p: Processor, made: Made): void {
  const { cache } = p;
  const { records, cutPlace: o } = cache;
  const n = o >> 3;
  records.fill(0, o, o + 32);
  records[o] = made.kind;
  records[o + 8] = PAUSE;
  records[o + 16] = PAUSE;
  setMemoryOperand(records, o, made);
  for (const operand of made.operands) {
    if (operand.form === 'r') {
      records[o + operand.field] = registerIndex(operand.field === 1 ? EBX : EDX, operand.size);
    } else if (operand.form === 'i') {
      records[o + operand.field] = canonical(made.b, operand.size);
    }
  }
  const isTransfer = made.isFused || !made.operands.some(q => q.form === 'm');
  const jump = made.isFused ? o + 8 : o;
  if (isTransfer && isDirect(made)) {
    records[jump + 2] = 1;
    records[jump + 5] = o + 16;
    records[jump + 6] = o + 16;
  }
  for (let i = 0; i < 4; i++) {
    cache.eip[n + i] = TARGET;
    cache.next[n + i] = TARGET;
    cache.target[n + i] = TARGET;
    cache.index[n + i] = i;
  }
  for (const eip of [made.a, made.b, made.b & 0xffff, made.a & 0xffff])
    cache.plantJump(eip, o + 16);
  p.s[EIP] = TARGET;
}

/** Jumps with links, whose words 5 and 6 are not an address. */
function isDirect(made: Pick<Made, 'isFused' | 'operands'>): boolean {
  return made.isFused || (made.operands.length === 1 && made.operands[0].form === 'i');
}

function setMemoryOperand(records: Int32Array, o: number, made: Made): void {
  if (!made.operands.some(q => q.form === 'm')) return;
  records[o + 4] = ESI;
  records[o + 5] = EDI;
  records[o + 6] = (BASE + DS) << 8;
  const wanted = made.real ? made.place : base(made.place) + made.place;
  // The sum overflows on the way, as addresses of a kernel do.
  records[o + 7] = (wanted - MAX - MAX) | 0;
  if (made.real && made.place === ALIGNED) records[o + 4] = ZERO;
  if (records[o + 4] === ZERO) records[o + 7] = (wanted - MAX) | 0;
}

function canonical(v: number, size: Bits): number {
  return (v << (32 - size)) >> (32 - size);
}
