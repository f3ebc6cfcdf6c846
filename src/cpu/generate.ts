/**
 * Writes the interpreter: two run loops (32-bit and 16-bit code) whose cases are the hot instances,
 * and one function for each instance. build.mjs saves the text as generated/interpreter.js.
 *
 * A case ends in `continue` with `o` moved on, or in `break` with `q` at the link word of a jump:
 * the tail charges the block to the budget and follows the link.
 */

import { BUDGET, CURRENT } from './access.ts';
import { ENTRY_BITS } from './code-cache.ts';
import { type Addressing, JsCode } from './emit-js.ts';
import { CASES16, CASES32, type HotCases, REGION32 } from './hot.ts';
import { COLD_BASE, coldKind, type Instance, instanceByKey, instances } from './kinds.ts';
import { jcc } from './ops/control.ts';

const WORDS = 8;

function hotCase(number: number, instance: Instance, addressing: Addressing): string {
  const code = new JsCode(instance.size, { addressing, inLoop: true });
  instance.operation.define(code, ...instance.operands);
  const end = code.transferred ? '' : `\no += ${WORDS};\ncontinue;`;
  return `case ${number}: { // ${instance.key}\n${code.text}${end}\n}`;
}

function fusedCase(number: number, first: Instance, cc: string, addressing: Addressing): string {
  const code = new JsCode(first.size, { addressing, inLoop: true });
  first.operation.define(code, ...first.operands);
  const jump = jcc[Number.parseInt(cc, 16)];
  jump.define(code.second(32), { form: 'i', size: 32, field: 3 });
  return `case ${number}: { // ${first.key} j${cc}\n${code.text}\n}`;
}

/** A region of translated code. */
const REGION_CASE = `case ${REGION32}: {
S[${BUDGET}] = c;
q = ENTRANCES[o >> 3];
o = G[q >> ${ENTRY_BITS}](c, q & ${(1 << ENTRY_BITS) - 1});
c = S[${BUDGET}];
if (o < 0) return c;
continue;
}`;

function loop(name: string, cases: readonly string[]): string {
  const temporaries = temporaryNames(cases);
  return `function ${name}(o, c, u) {
let q = 0;
let ${temporaries};
for (;;) {
switch (D[o]) {
${cases.join('\n')}
default:
S[${CURRENT}] = o; S[${BUDGET}] = c;
o = F[D[o] - ${COLD_BASE}](o);
c = S[${BUDGET}];
if (o < 0) return c;
continue;
}
if ((c -= D[q & -8 | 2]) >= 0) {
const t = D[q];
if (t !== 0) { o = t; continue; }
}
if ((o = take(q, c)) < 0) return c;
}
}`;
}

function casesOf({ hot, fused, wide }: HotCases, addressing: Addressing): string[] {
  return [
    ...hot.map((key, i) => hotCase(i, instanceByKey(key), addressing)),
    ...fused.map(([first, cc], i) =>
      fusedCase(hot.length + i, instanceByKey(first), cc, addressing),
    ),
    ...wide.map((key, i) => hotCase(hot.length + fused.length + i, instanceByKey(key), 'wide')),
  ];
}

/**
 * A loop that calls a function for every record: slower than the run loops, but fast at once, since
 * V8 compiles each function by itself. Of a fused pair it runs the first, then the second.
 */
function walker(name: string, { hot, fused, wide }: HotCases): string {
  const keys = [...hot, ...fused.map(([first]) => first), ...wide];
  const table = keys.map(key => `F[${coldKind(key) - COLD_BASE}]`);
  return `const ${name}Table = [${table.join(', ')}];
for (let i = ${name}Table.length; i < ${COLD_BASE}; i++) ${name}Table.push(F[0]);
${name}Table.push(...F);
function ${name}(o, c, _u) {
for (;;) {
S[${CURRENT}] = o; S[${BUDGET}] = c;
o = ${name}Table[D[o]](o);
c = S[${BUDGET}];
if (o < 0) return c;
}
}`;
}

/** `t0 = 0, t1 = 0, ...`: as many as the case with the most uses. */
function temporaryNames(cases: readonly string[]): string {
  const numbers = cases.flatMap(text => [...text.matchAll(/\bt(\d+) = /g)].map(m => Number(m[1])));
  return Array.from({ length: Math.max(...numbers) + 1 }, (_, i) => `t${i} = 0`).join(', ');
}

function coldFunction(instance: Instance): string {
  const code = new JsCode(instance.size, { addressing: 'checked', inLoop: false });
  instance.operation.define(code, ...instance.operands);
  let end = `return o + ${WORDS};`;
  if (instance.operation.ends) end = 'return end(o);';
  else if (code.exits) end = 'return finish(o);';
  if (code.transferred) end = '';
  return `// ${instance.key}\n(o) => {\n${code.text}\n${end}\n}`;
}

/** Everything the text refers to; core.ts gives it. */
const NAMES = [
  'S S16 S8 D NEXT ENTRANCES R W M4 M2 M1 C H G cpu',
  'r1 r2 r4 w1 w2 w4 x1 x2 x4 y1 y2 y4 lr1 lr2 lr4 sr1 sr2 sr4 xr1 xr2 xr4',
  'L1 L2 L4 T1 T2 T4 X1 X2 X4 Y1 Y2 Y4 PUSH POP PEEK UNWIND RELEASE',
  'N JI J checkTarget checkOffset take finish end',
].join(' ');

export function generate(): string {
  const functions = instances.map(coldFunction);
  if (coldKind(instances[0].key) !== COLD_BASE) throw new Error('functions are in order');
  const names = NAMES.replaceAll(' ', ', ');
  return `// Written by the build from src/cpu/ops. ${instances.length} instances.
export function build(env) {
const { ${names} } = env;
const F = [
${functions.join(',\n')}
];
${walker('walk32', CASES32)}
${walker('walk16', CASES16)}
${loop('run32', [...casesOf(CASES32, 'flat'), REGION_CASE])}
${loop('run16', casesOf(CASES16, 'real'))}
return { run32, run16, walk32, walk16, cold: F };
}
`;
}

const ENVIRONMENT = '../environment.ts';

/** Types of the generated file. */
export const DECLARATIONS = `import type { Environment } from '${ENVIRONMENT}';
export type RunLoop = (o: number, c: number, u: number) => number;
export interface Interpreter {
  readonly run32: RunLoop;
  readonly run16: RunLoop;
  readonly walk32: RunLoop;
  readonly walk16: RunLoop;
  /** The functions, by kind less COLD_BASE. */
  readonly cold: readonly ((o: number) => number)[];
}
export function build(env: Environment): Interpreter;
`;
