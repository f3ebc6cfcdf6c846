/**
 * Regions of hot code as JavaScript functions: what they are made of, their text, where they are
 * entered.
 *
 * A slice of the run loop ends somewhere: the block that would come next is noted. One that was
 * noted often becomes the seed of a region (region.ts), whose text comes from the definitions of
 * its instructions (emit-region.ts) in structured control flow (structure.ts). The first records of
 * its entries are replaced by ones of kind REGION: the run loop calls the function there. Copies of
 * these blocks stay for the interpreter, which takes over wherever a region leaves.
 *
 * A region keeps registers in variables and ends in one place that puts them back. Before that it
 * notes in `x` why: a record to go on with (positive), a link to follow (~q), or 0 for the EIP in
 * `v`. Each block takes its length from the budget at its end, as in the run loop.
 */

import { BUDGET, CURRENT } from './access.ts';
import type { CodeCache } from './code-cache.ts';
import type { Hotness } from './cpu.ts';
import {
  type Ending,
  RegionCode,
  RegionText,
  RELOAD_FLAGS,
  SPILL_FLAGS,
  UNTRANSLATABLE,
} from './emit-region.ts';
import { COLD_BASE, coldKind, type Instance } from './kinds.ts';
import type { Mode } from './mode.ts';
import { type Block, growRegion, instanceOf, type Region } from './region.ts';
import { FLAG_A, FLAG_B, FLAG_KIND, FLAG_RESULT } from './registers.ts';
import { Structure } from './structure.ts';

const WORDS = 8;
const SPILL = '/*spill*/';
const RELOAD = '/*reload*/';
const INDIRECT = 0;
/** Return sites that a return compares with, at most. */
const RETURN_LIMIT = 8;

const HOTNESS: Hotness = { slice: 20_000, samples: 8, exits: 500 };

/** `c` the budget, `pc` which entry; the next record, or negative to leave. */
export type RegionFunction = (c: number, pc: number) => number;

export const REGION_NAMES = 'S R W M4 M2 M1 C F RN RL cpu'.split(' ');

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
    const flags = `fk = S[${FLAG_KIND}], fr = S[${FLAG_RESULT}], fa = S[${FLAG_A}], fb = S[${FLAG_B}]`;
    return `return (c, pc) => {
let x = 0, v = 0, ${flags};
${registers(used, n => `let e${n} = S[${n}];`)}
X: {
${body.replaceAll(SPILL, spill).replaceAll(RELOAD, reload)}
}
${spill}
S[${BUDGET}] = c;
if (x > 0) return x;
return x === ${INDIRECT} ? RN(v, c) : RL(~x, c, ${this.number});
};`;
  }

  private successors(block: Block, ending: Ending | undefined): number[] {
    if (ending === undefined) return [];
    if (ending.to === 'value') return block.isReturn ? this.returnSites() : [];
    const both = ending.to === 'target' ? [block.taken] : [block.taken, block.next];
    return both.filter(n => n >= 0);
  }

  /** Where returns of this region may go inside it. */
  private returnSites(): number[] {
    const calls = this.region.blocks.filter(b => b.taken >= 0 && b.returnsTo >= 0);
    return [...new Set(calls.map(b => b.returnsTo))].slice(0, RETURN_LIMIT);
  }

  private block(block: Block): Written {
    const { text } = this;
    text.lines = [];
    text.known = undefined;
    text.ending = undefined;
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
    const leave = `v = ${eip}; break X;`;
    const sites = block.isReturn ? this.returnSites() : [];
    if (sites.length === 0) return leave;
    const known = sites.map(
      to => `if (${eip} === ${this.region.blocks[to].eip}) {\n${go(to)}\n}`,
    );
    return `if (c < 0) { ${leave} }\n${known.join('\n')}\n${leave}`;
  }

  private instruction(o: number): void {
    const { cache, text } = this;
    const instance = instanceOf(cache.records[o]);
    if (instance === undefined) throw new Error(`record ${o} of kind ${cache.records[o]}`);
    const { lines, known } = text;
    const count = lines.length;
    const here = {
      o,
      records: cache.records,
      nextEip: cache.next[o >> 3],
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
  }
}

/** What the translator needs of the processor. */
export interface TranslatorHost {
  readonly cache: CodeCache;
  readonly mode: Mode;
}

/** Of a region that is in use. */
interface Made {
  /** Records where links to its entries lead. */
  readonly entries: number[];
  /** Records of all its blocks. */
  readonly places: ReadonlySet<number>;
  readonly versions: number;
}

/** A way out of a region that is taken often, to the block at a record. */
interface Wish {
  readonly mode: Mode;
  /** The region, or -1 when it would not help to make it larger. */
  readonly region: number;
  readonly to: number;
}

export class Translator {
  /** Called by the run loop; a number is used once. */
  readonly regions: RegionFunction[] = [];
  private readonly made: (Made | undefined)[] = [];
  private readonly heat = new Map<number, number>();
  private wishes: Wish[] = [];
  private generation = 0;
  private values: readonly unknown[] = [];

  constructor(
    private readonly host: TranslatorHost,
    readonly hotness: Hotness = HOTNESS,
  ) {}

  /** Values of REGION_NAMES. */
  bind(values: readonly unknown[]): void {
    this.values = values;
  }

  /** The code of these regions changed: nothing leads to them any more. */
  drop(regions: readonly number[]): void {
    for (const number of regions) {
      this.regions[number] = LOST;
      this.made[number] = undefined;
    }
  }

  wish(region: number, to: number): void {
    this.wishes.push({ mode: this.host.mode, region, to });
  }

  /** A slice ended before the block at `eip`. */
  sample(eip: number): void {
    const { cache } = this.host;
    if (this.generation !== cache.generation) {
      this.generation = cache.generation;
      this.heat.clear();
      this.wishes = [];
    }
    if (this.wishes.length > 0) this.grantAll();
    const o = cache.quick(eip);
    if (o < 0 || cache.isRegion(o)) return;
    const heat = (this.heat.get(o) ?? 0) + 1;
    this.heat.set(o, heat);
    if (heat === this.hotness.samples) this.translate(this.regions.length, [o], 1);
  }

  /** Those of code that the current mode runs; the others wait for theirs. */
  private grantAll(): void {
    const { mode } = this.host;
    const due = this.wishes.filter(wish => wish.mode === mode);
    this.wishes = this.wishes.filter(wish => wish.mode !== mode);
    for (const wish of due) this.grant(wish);
  }

  private grant({ region, to }: Wish): void {
    const { cache } = this.host;
    if (!cache.isLive(to)) return;
    const made = this.made[region];
    if (made !== undefined && made.versions < MAX_VERSIONS && !made.places.has(to)) {
      this.translate(region, made.entries, made.versions + 1);
    }
    if (this.made[region]?.places.has(to) || cache.isRegion(to)) return;
    this.translate(this.regions.length, [to], 1);
  }

  private translate(number: number, seeds: readonly number[], versions: number): void {
    const { cache, mode } = this.host;
    if (!mode.code32) return;
    const region = growRegion(cache, seeds);
    if (region === undefined) return;
    const { blocks } = region;
    const old = versions === 1 ? 0 : seeds.length;
    const entries = region.entries.filter((n, i) => i < old || this.isolate(blocks[n]));
    if (versions === 1 && entries[0] !== 0) return;
    const text = new RegionWriter(cache, mode, { blocks, entries }, number).write();
    const make = new Function(...REGION_NAMES, text) as (...values: unknown[]) => RegionFunction;
    this.regions[number] = make(...this.values);
    const places = entries.map(n => blocks[n].place);
    this.made[number] = { entries: places, places: new Set(blocks.map(b => b.place)), versions };
    for (let i = old; i < places.length; i++) {
      cache.plant(places[i], blocks[entries[i]].first, number, i);
    }
  }

  /** Gives a block that is to be an entry records of its own for the interpreter. */
  private isolate(block: Block): boolean {
    const { cache } = this.host;
    if (cache.isRegion(block.place)) return false;
    const copy = cache.copy(block.first, (block.last - block.first) / WORDS + 1);
    if (copy < 0) return false;
    block.last += copy - block.first;
    block.first = copy;
    return true;
  }
}

const MAX_VERSIONS = 3;

const LOST: RegionFunction = () => {
  throw new Error('a region that is lost');
};
