/**
 * Instances: an operation at one size with one choice of operand forms. Each has a number, its
 * kind, which generator and decoder both get from here.
 *
 * Kinds below COLD_BASE are cases of a run loop (hot.ts), the others index the table of functions.
 */

import type { Bits, Form, Operand } from './code.ts';
import { type Define, type Operation, op } from './operation.ts';
import type { Row } from './row.ts';
import { rows } from './table.ts';

export const COLD_BASE = 512;

export interface Instance {
  readonly key: string;
  readonly operation: Operation;
  readonly size: Bits;
  readonly operands: readonly Operand[];
}

/** One operand of a row, as the decoder fills it. */
export interface Token {
  readonly text: string;
  /** The letter: how it is encoded. */
  readonly from: string;
  readonly width: string;
}

/** Exceptions that decoding itself finds, and the end of stale records. */
const raising = (name: string): Operation => op(name, c => c.helper(name, []), { ends: true });
export const undefinedOpcode = raising('undefinedOpcode');
export const tooLong = raising('tooLong');
const special = (define: Define, name: string): Operation => op(name, define, { ends: true });
/** The record's block was written to: decode again. The loop's own function answers. */
export const stale = special(c => c.helper('stale', []), 'stale');
/** Planted behind an access that must be the last before the loop is left. */
export const pause = special(c => c.helper('pause', []), 'pause');
/** A nop that ends blocks at a page boundary has no record: `jmp` does it. */
const SPECIALS = [undefinedOpcode, tooLong, stale, pause];

export function tokens(row: Row): Token[] {
  if (row.operands === '') return [];
  return row.operands.split(',').map(text => {
    if (text === 'CL' || text === 'AL' || text === 'DX' || text === '1') {
      return { text, from: text, width: '' };
    }
    if (text === 'eAX') return { text, from: 'eAX', width: 'v' };
    if (text === 'v' || text === 'b') return { text, from: '', width: text };
    return { text, from: text[0], width: text.slice(1) };
  });
}

/** True when operand size changes the instance. */
export function isSized(row: Row): boolean {
  return tokens(row).some(
    t => t.width === 'v' || t.text === 'Is' || t.from === 'J' || t.from === 'A',
  );
}

const WIDTHS: { readonly [width: string]: Bits } = { b: 8, w: 16, d: 32 };

function operandSize(token: Token, size: Bits): Bits {
  if (['AL', 'CL', '1'].includes(token.from)) return 8;
  if (token.from === 'J') return size;
  if (token.from === 'DX') return 16;
  if (token.from === 'I' && token.width === 's') return size;
  return WIDTHS[token.width] ?? size;
}

/** Size of the whole instance; `wide` is the operand size attribute. */
export function instanceSize(row: Row, wide: 16 | 32): Bits {
  if (isSized(row)) return wide;
  const all = tokens(row);
  const sized = all.find(t => t.from !== 'I' && WIDTHS[t.width] !== undefined);
  if (sized !== undefined) return WIDTHS[sized.width];
  return all.some(t => t.from === 'AL') ? 8 : 32;
}

function form(token: Token, memory: boolean): Form {
  switch (token.from) {
    case 'E':
      return memory ? 'm' : 'r';
    case 'M':
    case 'O':
      return 'm';
    case 'G':
    case 'Z':
    case 'R':
    case 'AL':
    case 'eAX':
    case 'DX':
      return 'r';
    case 'CL':
      return 'c';
    default:
      return 'i';
  }
}

/** The operands of a row's instance; tokens that only say the size or a place are left out. */
export function operandsOf(row: Row, size: Bits, memory: boolean): Operand[] {
  let registers = 0;
  return tokens(row).flatMap((token): Operand[] => {
    if (token.from === '' || token.from === 'X' || token.from === 'Y') return [];
    const kind = form(token, memory);
    if (kind === 'r') registers++;
    const field = kind === 'r' ? registers : token.text === 'As' ? 2 : 3;
    return [{ form: kind, size: operandSize(token, size), field: field as 1 | 2 | 3 }];
  });
}

export function keyOf(operation: Operation, size: Bits, operands: readonly Operand[]): string {
  const parts = operands.map(
    o => `${o.form}${o.size}${o.form === 'i' && o.field === 2 ? 'b' : ''}`,
  );
  return [operation.name, String(size), ...parts].join('.');
}

/** Both forms of a row with an E operand, one otherwise. */
export function memoryForms(row: Row): boolean[] {
  const letters = tokens(row).map(t => t.from);
  const hasE = letters.includes('E');
  if (!hasE) return [letters.includes('M') || letters.includes('O')];
  if (row.encoding.includes('mod3')) return [false];
  return row.encoding.includes('mem') ? [true] : [false, true];
}

/** The instances of a row: sizes, and forms of its operands. */
function* instancesOf(row: Row): Generator<Instance> {
  const { operation } = row;
  for (const wide of isSized(row) ? ([16, 32] as const) : ([32] as const)) {
    const size = instanceSize(row, wide);
    for (const memory of memoryForms(row)) {
      const operands = operandsOf(row, size, memory);
      yield { key: keyOf(operation, size, operands), operation, size, operands };
    }
  }
}

function enumerate(): Instance[] {
  const found = new Map<string, Instance>();
  for (const operation of SPECIALS) {
    const key = keyOf(operation, 32, []);
    found.set(key, { key, operation, size: 32, operands: [] });
  }
  for (const row of rows) {
    for (const instance of instancesOf(row)) {
      const known = found.get(instance.key);
      if (known !== undefined && known.operation.define !== instance.operation.define) {
        throw new Error(`two operations are called ${instance.operation.name}`);
      }
      if (known === undefined) found.set(instance.key, instance);
    }
  }
  return [...found.values()];
}

export const instances: readonly Instance[] = enumerate();
const numbers = new Map(instances.map((instance, i) => [instance.key, COLD_BASE + i]));

/** The kind of the function for `key`. */
export function coldKind(key: string): number {
  const kind = numbers.get(key);
  if (kind === undefined) throw new Error(`no instance ${key}`);
  return kind;
}

export function instanceByKey(key: string): Instance {
  return instances[coldKind(key) - COLD_BASE];
}
