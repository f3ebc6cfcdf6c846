/**
 * What regions of translated code do in place of an SSE instruction's entry: the same operation on
 * slots, availability and the memory operand seen to by the region (emit-vector.ts).
 */

import { env } from '../fpu/number.ts';
import { MXCSR, type VectorViews } from '../fpu/state.ts';
import { beginSimd } from './access.ts';
import type { Lanes, Selecting, Shift } from './lanes.ts';

/** Computes elements into TEMP3, collecting exceptions, from slots d and s. */
export type Elements = (v: VectorViews, d: number, s: number) => void;

/** A move of `words`, from or to word `at` of register g. */
export interface Move {
  readonly does: 'load' | 'store';
  readonly words: 1 | 2 | 4;
  readonly at: 0 | 2;
  readonly isAligned: boolean;
  /** Between registers: the first word of the source. */
  readonly from: 0 | 2;
  /** The words behind become zero. */
  readonly clears: 'never' | 'from memory' | 'always';
  /** Operand e, if a register, is a general one. */
  readonly isGeneral: boolean;
}

/** A call with slots; `bytes` is what a memory operand has. */
export type Calling = { readonly bytes: 4 | 8 | 16; readonly isAligned: boolean } & (
  | { readonly does: 'lanes'; readonly f: Lanes }
  | { readonly does: 'shift'; readonly f: Shift }
  | { readonly does: 'select'; readonly f: Selecting }
  | { readonly does: 'scalar'; readonly f: Scalar; readonly operator: Operator }
  | Computing
);

/** Results come in TEMP3: `words` of them, for register g, a general one, or the flags. */
interface Computing {
  readonly does: 'float';
  readonly f: Elements;
  readonly words: number;
  readonly to: 'vector' | 'general' | 'flags';
  /** Operand e, if a register, is a general one. */
  readonly isGeneral?: boolean;
}

export type Quick = Move | Calling;

/** Of doubles. */
export type Operator = '+' | '-' | '*' | '/';

/** False when it is not of the common kind, and nothing happened. */
export type Scalar = (v: VectorViews, to: number, from: number) => boolean;

/** A floating-point operation; false when it would raise: nothing but temporaries changed. */
export function quickFloat(v: VectorViews, f: Elements, to: number, from: number): boolean {
  beginSimd(v.i32);
  f(v, to, from);
  if ((env.flags & ~env.masks) !== 0) return false;
  v.i32[MXCSR] |= env.flags;
  return true;
}

/** Operands with an immediate byte, by that byte. */
export const SELECTIONS: readonly { words: number; immediate: number }[] = Array.from(
  { length: 256 },
  (_, immediate) => ({ words: 4, immediate }),
);
