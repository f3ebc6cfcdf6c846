/**
 * The rows of the table as the decoder looks them up: by opcode map, opcode byte, and what ModRM
 * and prefixes select among several rows of one opcode.
 */

import type { Bits, Operand } from './code.ts';
import { FUSED16, FUSED32, fusedKey, hot16Kinds, hot32Kinds, wide16Kinds } from './hot.ts';
import {
  coldKind,
  instanceSize,
  isSized,
  keyOf,
  memoryForms,
  operandsOf,
  type Token,
  tokens,
} from './kinds.ts';
import type { Row } from './row.ts';
import { rows } from './table.ts';

/** An instance as one row reaches it. */
export interface Variant {
  readonly key: string;
  readonly size: Bits;
  readonly operands: readonly Operand[];
  readonly cold: number;
  /** Case numbers in the run loops, or -1. */
  readonly hot32: number;
  readonly hot16: number;
  readonly wide16: number;
  /** Case of the pair with the conditional jump of code i behind it, or -1. */
  readonly fused32: Int16Array | undefined;
  readonly fused16: Int16Array | undefined;
}

export interface Entry {
  readonly row: Row;
  readonly tokens: readonly Token[];
  readonly hasModrm: boolean;
  /** Register field that selects this row, or -1. */
  readonly group: number;
  readonly mode: 'any' | 'register' | 'memory';
  /** Mandatory prefix, 0 for "none of 66 F2 F3", -1 when prefixes do not select. */
  readonly prefix: number;
  /** Address size that selects, or 0. */
  readonly addressSize: number;
  readonly operandSized: boolean;
  /** The register operand is in ModRM's rm field even when mod says memory. */
  readonly ignoresMode: boolean;
  /** [operand size 16, 32][register, memory] */
  readonly variants: readonly (readonly (Variant | undefined)[])[];
  /** Condition code of a conditional jump, else -1. */
  readonly cc: number;
}

const NONE: readonly Entry[] = [];

/** Maps: 0 one byte, 1 behind 0F, 2 behind 0F 38, 3 behind 0F 3A. */
export const opcodeMaps: readonly Entry[][][] = [0, 1, 2, 3].map(() =>
  Array.from({ length: 256 }, () => [...NONE]),
);

interface Parsed {
  map: number;
  opcode: number;
  plusR: boolean;
  hasModrm: boolean;
  group: number;
  mode: 'any' | 'register' | 'memory';
  prefix: number;
  addressSize: number;
}

const PREFIXES: { readonly [name: string]: number } = { NP: 0, '66': 0x66, F2: 0xf2, F3: 0xf3 };

function parseEncoding(encoding: string): Parsed {
  const parsed: Parsed = {
    map: 0,
    opcode: 0,
    plusR: false,
    hasModrm: false,
    group: -1,
    mode: 'any',
    prefix: -1,
    addressSize: 0,
  };
  const opcodes: number[] = [];
  for (const word of encoding.split(' ')) {
    const isPrefix = opcodes.length === 0 && word in PREFIXES && encoding.includes(' 0F ');
    if (isPrefix) parsed.prefix = PREFIXES[word];
    else if (/^a(16|32)$/.test(word)) parsed.addressSize = Number(word.slice(1));
    else if (word === '/r') parsed.hasModrm = true;
    else if (/^\/[0-7]$/.test(word)) {
      parsed.hasModrm = true;
      parsed.group = Number(word[1]);
    } else if (word === 'mod3') parsed.mode = 'register';
    else if (word === 'mem') parsed.mode = 'memory';
    else {
      parsed.plusR = word.endsWith('+r');
      opcodes.push(Number.parseInt(word, 16));
    }
  }
  parsed.opcode = opcodes[opcodes.length - 1];
  if (opcodes[0] === 0x0f && opcodes.length > 1) {
    parsed.map = opcodes.length === 2 ? 1 : opcodes[1] === 0x38 ? 2 : 3;
  }
  return parsed;
}

function fusedKinds(
  key: string,
  pairs: readonly (readonly [string, string])[],
  kinds: ReadonlyMap<string, number>,
): Int16Array | undefined {
  const own = pairs.filter(([first]) => first === key);
  if (own.length === 0) return undefined;
  const found = new Int16Array(16).fill(-1);
  for (const [first, cc] of own) {
    found[Number.parseInt(cc, 16)] = kinds.get(fusedKey(first, cc)) ?? -1;
  }
  return found;
}

function variant(row: Row, wide: 16 | 32, memory: boolean): Variant {
  const size = instanceSize(row, wide);
  const operands = operandsOf(row, size, memory);
  const key = keyOf(row.operation, size, operands);
  return {
    key,
    size,
    operands,
    cold: coldKind(key),
    hot32: hot32Kinds.get(key) ?? -1,
    hot16: hot16Kinds.get(key) ?? -1,
    wide16: wide16Kinds.get(key) ?? -1,
    fused32: fusedKinds(key, FUSED32, hot32Kinds),
    fused16: fusedKinds(key, FUSED16, hot16Kinds),
  };
}

function compile(row: Row, parsed: Parsed): Entry {
  const forms = memoryForms(row);
  const operandSized = isSized(row);
  const all = tokens(row);
  const both = (wide: 16 | 32): (Variant | undefined)[] =>
    [false, true].map(memory => (forms.includes(memory) ? variant(row, wide, memory) : undefined));
  const wide = both(32);
  return {
    row,
    tokens: all,
    hasModrm: parsed.hasModrm,
    group: parsed.group,
    mode: parsed.mode,
    prefix: parsed.prefix,
    addressSize: parsed.addressSize,
    operandSized,
    ignoresMode: parsed.mode === 'any' && all.some(t => t.from === 'R'),
    variants: [operandSized ? both(16) : wide, wide],
    cc: /^j[0-9A-F]$/.test(row.operation.name)
      ? Number.parseInt(row.operation.name.slice(1), 16)
      : -1,
  };
}

function specificity(entry: Entry): number {
  return (entry.prefix >= 0 ? 2 : 0) + (entry.group >= 0 ? 1 : 0);
}

function fill(): void {
  for (const row of rows) {
    const parsed = parseEncoding(row.encoding);
    const entry = compile(row, parsed);
    const count = parsed.plusR ? 8 : 1;
    for (let i = 0; i < count; i++) {
      const list = opcodeMaps[parsed.map][parsed.opcode + i];
      // `90` is more exact than `90+r`.
      if (parsed.plusR) list.push(entry);
      else list.unshift(entry);
      list.sort((a, b) => specificity(b) - specificity(a));
    }
  }
}

fill();
