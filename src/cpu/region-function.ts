/**
 * The text of a region's function: its blocks, each made of the definitions of its instructions
 * (emit-region.ts), in structured control flow (structure.ts).
 *
 * A region keeps registers in variables and ends in one place that puts them back. Before that it
 * notes in `x` why: a record to go on with (positive), a link to follow (~q), or 0 for the EIP in
 * `v`, where `y` is the record of a jump whose targets are of interest. Each block takes its length
 * from the budget at its end, as in the run loop.
 */

import { BUDGET, CURRENT } from './access.ts';
import type { CodeCache } from './code-cache.ts';
import {
  type Ending,
  RELOAD_FLAGS,
  RegionCode,
  RegionText,
  SPILL_FLAGS,
  UNTRANSLATABLE,
} from './emit-region.ts';
import { COLD_BASE, coldKind, type Instance } from './kinds.ts';
import type { Mode } from './mode.ts';
import { type Block, callsInside, instanceOf, type Region } from './region.ts';
import { FLAG_A, FLAG_B, FLAG_KIND, FLAG_RESULT } from './registers.ts';
import { Structure } from './structure.ts';

const WORDS = 8;
const SPILL = '/*spill*/';
const RELOAD = '/*reload*/';
const INDIRECT = 0;
/** Return sites that a return compares with, at most. */
const RETURN_LIMIT = 8;

/** `c` the budget, `pc` which entry; the next record, or negative to leave. */
export type RegionFunction = (c: number, pc: number) => number;

export const REGION_NAMES = 'S R W M4 M2 M1 C F RN RL cpu V Q QF O SD MD X'.split(' ');

type Go = (target: number) => string;

/** Along a link to a block of the region, or out of it. */
function edge(to: number, link: number, go: Go): string {
  const leave = `x = ${~link}; break X;`;
  return to < 0 ? leave : `if (c < 0) { ${leave} }\n${go(to)}`;
}

/** A block's statements before its last jump, and what that jump decides. */
interface Written {
  readonly lines: string[];
  /** Absent: it left by itself. */
  readonly ending: Ending | undefined;
}

export class RegionWriter {
  private readonly text = new RegionText();

  constructor(
    private readonly cache: CodeCache,
    private readonly mode: Mode,
    private readonly region: Region,
    private readonly number: number,
  ) {}

  /** The body of a function of REGION_NAMES that returns the region. */
  write(): string {
    const { blocks, entries } = this.region;
    const written = blocks.map(block => this.block(block));
    const successors = blocks.map((block, n) => this.successors(block, written[n].ending));
    const structure = new Structure({ successors, entries });
    const body = structure.text((n, go) => this.join(n, written[n], go));
    return this.wrap(body);
  }

  private wrap(body: string): string {
    const { used, changed } = this.text;
    const registers = (mask: number, text: (n: number) => string): string =>
      [0, 1, 2, 3, 4, 5, 6, 7]
        .filter(n => (mask & (1 << n)) !== 0)
        .map(text)
        .join(' ');
    const spill = `${registers(changed, n => `S[${n}] = e${n};`)} ${SPILL_FLAGS}`;
    const reload = `${registers(used, n => `e${n} = S[${n}];`)} ${RELOAD_FLAGS}`;
    return `return (c, pc) => {
let x = 0, v = 0, y = 0;
let fk = S[${FLAG_KIND}], fr = S[${FLAG_RESULT}], fa = S[${FLAG_A}], fb = S[${FLAG_B}];
${registers(used, n => `let e${n} = S[${n}];`)}
X: {
${body.replaceAll(SPILL, spill).replaceAll(RELOAD, reload)}
}
${spill}
S[${BUDGET}] = c;
if (x > 0) return x;
return x === ${INDIRECT} ? RN(v, c, y, ${this.number}) : RL(~x, c);
};`;
  }

  private successors(block: Block, ending: Ending | undefined): readonly number[] {
    if (ending === undefined) return [];
    if (ending.to === 'value') return this.targets(block);
    const both = ending.to === 'target' ? [block.taken] : [block.taken, block.next];
    return both.filter(n => n >= 0);
  }

  /** Where an indirect jump may go inside the region: returns to behind its calls. */
  private targets(block: Block): readonly number[] {
    if (!block.isReturn) return block.targets;
    const calls = this.region.blocks.filter(b => callsInside(b) && b.returnsTo >= 0);
    return [...new Set(calls.map(b => b.returnsTo))].slice(0, RETURN_LIMIT);
  }

  private block(block: Block): Written {
    const { text } = this;
    text.lines = [];
    text.known = undefined;
    text.ending = undefined;
    text.hasSse = false;
    text.hasX87 = false;
    text.doubles.clear();
    for (let o = block.first; o <= block.last; o += WORDS) this.instruction(o);
    return { lines: text.lines, ending: text.ending };
  }

  private join(n: number, { lines, ending }: Written, go: Go): string {
    if (ending === undefined) return lines.join('\n');
    const block = this.region.blocks[n];
    const length = this.cache.records[block.last + 2];
    return [...lines, `c -= ${length};`, this.jump(block, ending, go)].join('\n');
  }

  private jump(block: Block, ending: Ending, go: Go): string {
    if (ending.to === 'value') return this.indirect(block, ending.eip, go);
    const taken = edge(block.taken, block.last + 5, go);
    if (ending.to === 'target') return taken;
    return `if (${ending.taken}) {\n${taken}\n}\n${edge(block.next, block.last + 6, go)}`;
  }

  private indirect(block: Block, eip: string, go: Go): string {
    const leave = `v = ${eip}; y = ${block.isReturn ? 0 : block.last}; break X;`;
    const targets = this.targets(block);
    if (targets.length === 0) return leave;
    const cases = targets.map(to => `case ${this.region.blocks[to].eip}: {\n${go(to)}\n}`);
    return `if (c < 0) { ${leave} }\nswitch (${eip}) {\n${cases.join('\n')}\n}\n${leave}`;
  }

  private instruction(o: number): void {
    const { cache, text } = this;
    const instance = instanceOf(cache.records[o]);
    if (instance === undefined) throw new Error(`record ${o} of kind ${cache.records[o]}`);
    const { lines, known, hasSse, hasX87 } = text;
    const count = lines.length;
    const here = {
      o,
      records: cache.records,
      eip: cache.eip[o >> 3],
      nextEip: cache.next[o >> 3],
      file: cache.s,
      target: cache.target[o >> 3],
      mode: this.mode,
      slow: `{ x = ${o}; break X; }`,
    };
    try {
      instance.operation.define(new RegionCode(instance.size, here, text), ...instance.operands);
    } catch (error) {
      if (error !== UNTRANSLATABLE) throw error;
      lines.length = count;
      text.known = known;
      text.hasSse = hasSse;
      text.hasX87 = hasX87;
      text.ending = undefined;
      this.call(o, instance);
    }
  }

  /** Runs an instruction as the interpreter's function. */
  private call(o: number, instance: Instance): void {
    const { lines } = this.text;
    const run = `F[${coldKind(instance.key) - COLD_BASE}](${o})`;
    lines.push(`${SPILL} S[${CURRENT}] = ${o}; S[${BUDGET}] = c;`);
    if (instance.operation.ends) {
      lines.push(`return ${run};`);
      return;
    }
    lines.push(`if ((x = ${run}) !== ${o + WORDS} || cpu.isLeaving) return x;`);
    lines.push(`x = 0; ${RELOAD}`);
    this.text.known = undefined;
    this.text.hasSse = false;
    this.text.hasX87 = false;
    this.text.doubles.clear();
  }
}
