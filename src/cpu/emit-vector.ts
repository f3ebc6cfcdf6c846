/**
 * The text of SSE instructions in regions of translated code: moves word by word, everything else
 * as a call with slots (simd/quick.ts says which). Names in the text: V the views of the register
 * file, Q the functions by index of the instruction, QF and O of simd/quick.ts.
 *
 * Not here: MMX, and SSE instructions that have no `quick` entry; those are calls of the
 * interpreter's functions.
 */

import type { Value } from './code.ts';
import { writeScalar } from './emit-scalar.ts';
import { TEMP, TEMP3, XMM } from './fpu/state.ts';
import { CR0, CR0_EM, CR0_TS, CR4, CR4_OSFXSR } from './registers.ts';
import { instructions } from './simd/instructions.ts';
import { type Calling, type Move, quickFloat, SELECTIONS } from './simd/quick.ts';

/** Values of the names but V. */
export const VECTOR_FUNCTIONS: { readonly [name: string]: unknown } = {
  Q: instructions.map(({ entries: { quick } }) =>
    quick !== undefined && 'f' in quick ? quick.f : undefined,
  ),
  QF: quickFloat,
  O: SELECTIONS,
};

/** What the instruction is written with: see emit-region.ts. */
export interface VectorSite {
  line(text: string): void;
  /** Leaves before the instruction if this holds. */
  leaveIf(condition: string): void;
  /** The first word of the memory operand in M4, once it is known to be accessible. */
  words(tlb: 'R' | 'W', bytes: 4 | 8 | 16, isAligned: boolean): string;
  general(n: number): string;
  setGeneral(n: number, v: string): void;
  setOrder(order: string): void;
  /** Names a value; the name of a variable that begins with it. */
  name(value: string): string;
  variable(value: string): string;
  /** By slot: the name of the double that its lower half is. */
  readonly doubles: Map<number, string>;
}

export interface Operands {
  readonly g: number;
  /** The register, absent for memory. */
  readonly e: number | undefined;
  readonly immediate: Value;
}

/** True where #UD or #NM is due. */
export const SSE_IS_ABSENT = `(S[${CR0}] & ${CR0_EM | CR0_TS} | ~S[${CR4}] & ${CR4_OSFXSR}) !== 0`;

function slot(n: number): number {
  return XMM + 4 * n;
}

function bytesOf(words: 1 | 2 | 4): 4 | 8 | 16 {
  return words === 1 ? 4 : words === 2 ? 8 : 16;
}

function copy(site: VectorSite, to: number, sources: readonly string[]): void {
  site.doubles.delete(to & ~3);
  site.line(sources.map((source, i) => `S[${to + i}] = ${source};`).join(' '));
}

function words(count: number, text: (n: number) => string): string[] {
  return Array.from({ length: count }, (_, i) => text(i));
}

export function writeMove(site: VectorSite, move: Move, { g, e }: Operands): void {
  if (move.does === 'load') load(site, move, g, e);
  else store(site, move, g, e);
}

function load(site: VectorSite, move: Move, g: number, e: number | undefined): void {
  const { clears, at } = move;
  let sources: string[];
  let loaded: string | undefined;
  if (e === undefined) {
    const first = site.words('R', bytesOf(move.words), move.isAligned);
    sources = words(move.words, i => `M4[${first} + ${i}]`);
    if (move.words === 2 && at === 0) loaded = first;
  } else if (move.isGeneral) {
    sources = [site.general(e)];
  } else {
    sources = words(move.words, i => `S[${slot(e) + move.from + i}]`);
  }
  const isCleared = clears === 'always' || (clears === 'from memory' && e === undefined);
  if (isCleared) sources.push(...words(4 - move.words, () => '0'));
  copy(site, slot(g) + at, sources);
  if (loaded !== undefined) site.doubles.set(slot(g), doubleAt(site, loaded, slot(g)));
}

function store(site: VectorSite, move: Move, g: number, e: number | undefined): void {
  const sources = words(move.words, i => `S[${slot(g) + move.at + i}]`);
  if (e === undefined) {
    const first = site.words('W', bytesOf(move.words), move.isAligned);
    site.line(sources.map((source, i) => `M4[${first} + ${i}] = ${source};`).join(' '));
  } else if (move.isGeneral) {
    site.setGeneral(e, sources[0]);
  } else {
    if (move.clears === 'always') sources.push(...words(4 - move.words, () => '0'));
    copy(site, slot(e), sources);
  }
}

/** `q` is the text of the function. */
export function writeCall(site: VectorSite, quick: Calling, q: string, operands: Operands): void {
  const { g, e, immediate } = operands;
  if (quick.does === 'shift') {
    site.doubles.delete(slot(e ?? 0));
    site.line(`${q}(V, ${slot(e ?? 0)}, 4, ${immediate.text} & 255);`);
    return;
  }
  const to = slot(g);
  const from = source(site, quick, e);
  switch (quick.does) {
    case 'lanes':
      site.doubles.delete(to);
      site.line(`${q}(V, ${to}, ${from}, 4);`);
      break;
    case 'select':
      site.doubles.delete(to);
      site.line(`${q}(V, ${to}, ${from}, O[${immediate.text} & 255]);`);
      break;
    case 'scalar':
      writeScalar(site, quick.operator, `${q}(V, ${to}, ${from})`, { to, from });
      break;
    default:
      site.leaveIf(`!QF(V, ${q}, ${to}, ${from})`);
      if (quick.to === 'general') site.setGeneral(g, `S[${TEMP3}]`);
      else if (quick.to === 'flags') site.setOrder(`S[${TEMP3}]`);
      else
        copy(
          site,
          to,
          words(quick.words, i => `S[${TEMP3 + i}]`),
        );
  }
}

/** The slot of the second operand. */
function source(site: VectorSite, quick: Calling, e: number | undefined): number {
  if (e === undefined) {
    const first = site.words('R', quick.bytes, quick.isAligned);
    const loaded = words(quick.bytes / 4, i => `M4[${first} + ${i}]`);
    copy(site, TEMP, loaded);
    if (quick.does === 'scalar') site.doubles.set(TEMP, doubleAt(site, first, TEMP));
    return TEMP;
  }
  if (quick.does !== 'float' || quick.isGeneral !== true) return slot(e);
  site.line(`S[${TEMP}] = ${site.general(e)};`);
  return TEMP;
}

/** The double at a word of memory that was copied to a slot. It comes from there if it can. */
function doubleAt(site: VectorSite, first: string, copied: number): string {
  return site.name(`(${first} & 1) === 0 ? MD[${first} >>> 1] : SD[${copied >> 1}]`);
}
