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

const KIND = `S[${FLAG_KIND}]`;
const RESULT = `S[${FLAG_RESULT}]`;
const A = `S[${FLAG_A}]`;
const B = `S[${FLAG_B}]`;
/** CF. */
export const BELOW = `${A} >>> 0 < ${B} >>> 0`;

export function setCarryText(value: string): string {
  return `C.settle(); ${A} = 0; ${B} = ${value};`;
}

function assign(...words: readonly [string, string | number][]): string {
  return words.map(([word, v]) => `${word} = ${v};`).join(' ');
}

export function flagText({ recipe, r, a, b }: Known, size: Bits): string {
  const sized = flags.sizeIndex(size);
  const top = `${a} << ${32 - size}`;
  const carry = `(${b} - 1)`;
  switch (recipe) {
    case 'add':
      return assign([KIND, flags.ADD + sized], [RESULT, r], [A, r], [B, a]);
    case 'sub':
      return assign([KIND, flags.SUB], [RESULT, r], [A, a], [B, b]);
    case 'logic':
      return assign([KIND, flags.LOGIC], [RESULT, r], [B, 0]);
    case 'inc':
      return assign([KIND, flags.INC + sized], [RESULT, r]);
    case 'dec':
      return assign([KIND, flags.DEC + sized], [RESULT, r]);
    case 'shl':
      return assign([KIND, flags.SHL], [RESULT, r], [A, 0], [B, `${top} << ${carry} >>> 31`]);
    case 'shr':
      return assign([KIND, flags.SHR + sized], [RESULT, r], [A, 0], [B, `${a} >> ${carry} & 1`]);
    case 'sar':
      return assign([KIND, flags.LOGIC], [RESULT, r], [A, 0], [B, `${a} >> ${carry} & 1`]);
    default:
      return `C.${recipe}Flags(${r}, ${a}, ${b}, ${size});`;
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
export function conditionText(cc: number): string {
  switch (cc) {
    case 0:
      return 'C.overflow()';
    case 2:
      return BELOW;
    case 4:
      return `${RESULT} === 0`;
    case 6:
      return `${RESULT} === 0 || ${BELOW}`;
    case 8:
      return `${KIND} === ${flags.BITS} ? (S[${FLAG_BITS}] & 128) !== 0 : ${RESULT} < 0`;
    case 10:
      return 'C.parity()';
    case 12:
      return `${KIND} === ${flags.SUB} ? ${A} < ${B} : C.less()`;
    default:
      return `${KIND} === ${flags.SUB} ? ${A} <= ${B} : ${RESULT} === 0 || C.less()`;
  }
}
