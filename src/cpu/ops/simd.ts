/**
 * MMX and SSE rows, made from the list in simd/instructions.ts, and the few that are not of its
 * shape: EMMS, masked moves, FXSAVE, fences, prefetches, MONITOR and MWAIT.
 *
 * Source: Intel SDM volume 2. Fences and prefetches do nothing: memory is in order here.
 */

import type { Feature } from '../models.ts';
import { type Operation, op } from '../operation.ts';
import { featured, type Row, row } from '../row.ts';
import { type Instruction, instructions } from '../simd/instructions.ts';

function operation(name: string, index: number, immediate: boolean, group: boolean): Operation {
  return op(name, (c, ...operands) => {
    const [first, second] = operands;
    const e = group ? first : second;
    const last = immediate ? c.read(operands[operands.length - 1]) : c.k(0);
    const g = group ? c.k(0) : c.number(first);
    c.vector(index, g, e, last);
  });
}

/** Encodings say which forms exist; here the missing entries do. */
function encodingOf({ encoding, entries }: Instruction): string {
  if (encoding.includes(' mod3')) return encoding;
  if (entries.register === undefined) return `${encoding} mem`;
  return entries.memory === undefined ? `${encoding} mod3` : encoding;
}

function rowOf(instruction: Instruction, index: number): Row {
  const { encoding, feature, immediate } = instruction;
  const group = /\/[0-7]/.test(encoding);
  const name = `simd ${encoding.replace(/ (mod3|mem)/, '')}`;
  const operands = `${group ? 'Ed' : 'Gd,Ed'}${immediate ? ',Ib' : ''}`;
  return {
    encoding: encodingOf(instruction),
    operands,
    operation: operation(name, index, immediate, group),
    feature,
  };
}

/** A helper that gets the place of the memory operand. */
function onMemory(name: string): Operation {
  return op(name, (c, m) => c.helper(name, [c.shape(), c.address(m)]));
}

const nothing = op('hint', () => {});

function maskMove(name: string): Operation {
  return op(name, (c, g, e) => c.helper(name, [c.number(g), c.number(e), c.shape()]));
}

/** Eight bits of hint that other groups of the same opcode do not use. */
function hints(feature: Feature, ...encodings: readonly string[]): Row[] {
  return featured(feature, ...encodings.map(e => row(e, 'Ed', nothing)));
}

export const simd: readonly Row[] = [
  ...instructions.map(rowOf),
  ...featured(
    'mmx',
    row(
      'NP 0F 77',
      '',
      op('emms', c => c.helper('emms', [])),
    ),
  ),
  ...featured('sse', row('NP 0F F7 /r mod3', 'Gd,Ed', maskMove('maskmovq'))),
  ...featured('sse2', row('66 0F F7 /r mod3', 'Gd,Ed', maskMove('maskmovdqu'))),
  ...featured(
    'fxsr',
    row('NP 0F AE /0 mem', 'Md', onMemory('fxsave')),
    row('NP 0F AE /1 mem', 'Md', onMemory('fxrstor')),
  ),
  ...hints('sse2', 'NP 0F AE /5 mod3', 'NP 0F AE /6 mod3'),
  ...hints('sse', 'NP 0F AE /7 mod3'),
  ...featured(
    'monitor',
    row(
      '0F 01 /1 mod3',
      'Ed',
      op('monitor', (c, e) => c.helper('monitor', [c.number(e), c.shape()], { exits: true })),
    ),
  ),
];
