/**
 * The JavaScript text that records flags and asks for conditions: flags.ts has the meaning of the
 * record's words.
 */

import type { Bits, Recipe } from './code.ts';
import * as flags from './flags.ts';
import { FLAG_A, FLAG_B, FLAG_BITS, FLAG_KIND, FLAG_RESULT } from './registers.ts';

/** What set the flags last, when the text being written knows: names of its values. */
export interface Known {
  readonly recipe: Recipe;
  readonly r: string;
  readonly a: string;
  readonly b: string;
}

/** Where the words of the record are while the text runs, and functions that read them all. */
export interface FlagPlaces {
  readonly kind: string;
  readonly result: string;
  readonly a: string;
  readonly b: string;
  readonly overflow: string;
  readonly parity: string;
  readonly less: string;
}

/** In the register file. */
export const IN_FILE: FlagPlaces = {
  kind: `S[${FLAG_KIND}]`,
  result: `S[${FLAG_RESULT}]`,
  a: `S[${FLAG_A}]`,
  b: `S[${FLAG_B}]`,
  overflow: 'C.overflow()',
  parity: 'C.parity()',
  less: 'C.less()',
};

/** In variables of the text's own. */
export const IN_LOCALS: FlagPlaces = {
  kind: 'fk',
  result: 'fr',
  a: 'fa',
  b: 'fb',
  overflow: `C.overflowOf(fk, fr, fa, fb, S[${FLAG_BITS}])`,
  parity: `C.parityOf(fk, fr, S[${FLAG_BITS}])`,
  less: `C.lessOf(fk, fr, fa, fb, S[${FLAG_BITS}])`,
};

/** CF. */
export function belowText({ a, b }: FlagPlaces): string {
  return `${a} >>> 0 < ${b} >>> 0`;
}

function assign(...words: readonly [string, string | number][]): string {
  return words.map(([word, v]) => `${word} = ${v};`).join(' ');
}

/** Undefined for recipes that a function of helpers/compute.ts works out. */
export function flagText(
  { recipe, r, a, b }: Known,
  size: Bits,
  at: FlagPlaces,
): string | undefined {
  const sized = flags.sizeIndex(size);
  const top = `${a} << ${32 - size}`;
  const carry = `(${b} - 1)`;
  const { kind, result } = at;
  switch (recipe) {
    case 'add':
      return assign([kind, flags.ADD + sized], [result, r], [at.a, r], [at.b, a]);
    case 'sub':
      return assign([kind, flags.SUB], [result, r], [at.a, a], [at.b, b]);
    case 'logic':
      return assign([kind, flags.LOGIC], [result, r], [at.b, 0]);
    case 'inc':
      return assign([kind, flags.INC + sized], [result, r]);
    case 'dec':
      return assign([kind, flags.DEC + sized], [result, r]);
    case 'shl':
      return assign([kind, flags.SHL], [result, r], [at.a, 0], [at.b, `${top} << ${carry} >>> 31`]);
    case 'shr':
      return assign(
        [kind, flags.SHR + sized],
        [result, r],
        [at.a, 0],
        [at.b, `${a} >> ${carry} & 1`],
      );
    case 'sar':
      return assign([kind, flags.LOGIC], [result, r], [at.a, 0], [at.b, `${a} >> ${carry} & 1`]);
    case 'mul':
      return assign([kind, flags.MUL], [result, r], [at.a, 0], [at.b, `C.lost(${r}, ${a}, ${b})`]);
    default:
      return undefined;
  }
}

/** With the recipe known: the even condition `cc` on the operands themselves. */
export function knownConditionText(known: Known | undefined, cc: number): string | undefined {
  if (known === undefined) return undefined;
  const { recipe, r, a, b } = known;
  if (cc === 4) return `${r} === 0`;
  if (cc === 8) return `${r} < 0`;
  if (recipe === 'sub') {
    if (cc === 2) return `${a} >>> 0 < ${b} >>> 0`;
    if (cc === 6) return `${a} >>> 0 <= ${b} >>> 0`;
    if (cc === 12) return `${a} < ${b}`;
    if (cc === 14) return `${a} <= ${b}`;
  }
  if (recipe === 'logic') {
    if (cc === 6) return `${r} === 0`;
    if (cc === 12) return `${r} < 0`;
    if (cc === 14) return `${r} <= 0`;
  }
  return undefined;
}

/** The even condition `cc` from the record of the last instruction that set flags. */
export function conditionText(cc: number, at: FlagPlaces): string {
  const { kind, result, a, b } = at;
  switch (cc) {
    case 0:
      return at.overflow;
    case 2:
      return belowText(at);
    case 4:
      return `${result} === 0`;
    case 6:
      return `${result} === 0 || ${belowText(at)}`;
    case 8:
      return `${kind} === ${flags.BITS} ? (S[${FLAG_BITS}] & 128) !== 0 : ${result} < 0`;
    case 10:
      return at.parity;
    case 12:
      return `${kind} === ${flags.SUB} ? ${a} < ${b} : ${at.less}`;
    default:
      return `${kind} === ${flags.SUB} ? ${a} <= ${b} : ${result} === 0 || ${at.less}`;
  }
}
