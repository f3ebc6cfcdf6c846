/**
 * The text of ADDSD, SUBSD, MULSD and DIVSD in regions of translated code. In default mode the
 * host's arithmetic gives the result, if the operands raise nothing and the result is normal, or a
 * zero that is exact; while PE is clear, only where it is certain that it stays so. Everything else
 * is a call.
 *
 * Source: Intel SDM volume 1, 10.2.3 (MXCSR). D. E. Knuth (TAOCP 2, 4.2.2) for the error of a sum.
 */

import { PE } from './fpu/number.ts';
import { MXCSR } from './fpu/state.ts';
import type { Operator } from './simd/quick.ts';

/** What a scalar is written with: see emit-vector.ts. */
export interface ScalarSite {
  line(text: string): void;
  leaveIf(condition: string): void;
  name(value: string): string;
  variable(value: string): string;
  readonly doubles: Map<number, string>;
}

interface Names {
  readonly p: string;
  readonly q: string;
  readonly r: string;
  readonly to: number;
  readonly from: number;
}

const MIN = '2.2250738585072014e-308';
/** Within these bits the mode is default: rounding to nearest, all exceptions masked. */
const IS_DEFAULT = `(S[${MXCSR}] & 65472) === 8064`;
/** Low bits of a significand: 26 others remain, and products of two such are exact. */
const LOW = 0x07ffffff;

function isPlain(x: string): string {
  return `(Math.abs(${x}) >= ${MIN} || ${x} === 0)`;
}

function isNormal(r: string): string {
  return `Math.abs(${r}) > ${MIN} && Math.abs(${r}) < Infinity`;
}

/** No exception but PE. */
function isUsual(operator: Operator, { p, q, r }: Names): string {
  if (operator === '+' || operator === '-') return `(${isNormal(r)} || ${r} === 0)`;
  const zero = operator === '*' ? `(${p} === 0 || ${q} === 0)` : `${p} === 0 && ${q} !== 0`;
  return `(${isNormal(r)} || ${r} === 0 && ${zero})`;
}

/** That no precision was lost, if it is easily told. */
function isExact(operator: Operator, { p, q, r, to, from }: Names): string {
  const part = `(${r} - ${p})`;
  if (operator === '+') return `${p} - (${r} - ${part}) + (${q} - ${part}) === 0`;
  if (operator === '-') return `${p} - (${r} - ${part}) - (${q} + ${part}) === 0`;
  if (operator === '*') return `((S[${to}] | S[${from}]) & ${LOW}) === 0`;
  return 'false';
}

/** `call` does it in any case, or answers false. */
export function writeScalar(
  site: ScalarSite,
  operator: Operator,
  call: string,
  { to, from }: { readonly to: number; readonly from: number },
): void {
  const p = site.doubles.get(to) ?? site.name(`SD[${to >> 1}]`);
  const q = site.doubles.get(from) ?? site.name(`SD[${from >> 1}]`);
  const r = site.variable(`${p} ${operator} ${q}`);
  const names = { p, q, r, to, from };
  const operands = `${IS_DEFAULT} && ${isPlain(p)} && ${isPlain(q)}`;
  const precision = `((S[${MXCSR}] & ${PE}) !== 0 || ${isExact(operator, names)})`;
  site.line(`if (${operands} && ${isUsual(operator, names)} && ${precision}) {`);
  site.line(`SD[${to >> 1}] = ${r};\n} else {`);
  site.leaveIf(`!${call}`);
  site.line(`${r} = SD[${to >> 1}];\n}`);
  site.doubles.set(to, r);
}
