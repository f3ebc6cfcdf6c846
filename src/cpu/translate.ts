/**
 * The translator: which code is hot, what regions there are of it, where they are entered.
 *
 * A slice of the run loop ends somewhere: the block that would come next is noted. Where much of
 * the time goes, a region is grown (region.ts) and becomes a JavaScript function
 * (region-function.ts), if what ran of it so far promises that this pays: V8 takes some 0.2 ms for
 * each of its instructions. The first records of its entries become ones of kind REGION32: the run
 * loop calls the function there. Copies of these blocks stay for the interpreter, which takes over
 * wherever a region leaves.
 *
 * Translated: 32-bit code. Not translated: 16-bit code, and blocks that lie in two pages.
 */

import type { CodeCache } from './code-cache.ts';
import type { Hotness, ScriptEngine } from './cpu.ts';
import type { Mode } from './mode.ts';
import { type Block, growRegion, type Region } from './region.ts';
import { REGION_NAMES, type RegionFunction, RegionWriter } from './region-function.ts';

const HOTNESS: Hotness = { slice: 20_000, samples: 8, price: 40000, departures: 4096 };

/** What the translator needs of the processor. */
export interface TranslatorHost {
  readonly cache: CodeCache;
  readonly mode: Mode;
  readonly wiring: { readonly engine?: ScriptEngine };
}

/** Of a region that is in use. */
interface Made {
  /** Records where links to its entries lead. */
  readonly entries: number[];
  readonly versions: number;
  /** The arena page, when it was made, and when it has paid: in slices. */
  readonly page: number;
  readonly since: number;
  readonly pays: number;
}

/** A region that the engine has not compiled yet. */
interface Waiting {
  readonly number: number;
  readonly run: RegionFunction;
  /** Records of its blocks. */
  readonly places: ReadonlySet<number>;
  slices: number;
  isCalled: boolean;
}

/** A region to be made again, since more is known of its jumps. */
interface Wish {
  readonly mode: Mode;
  readonly number: number;
}

export class Translator {
  /** Called by the run loop; a number is used once. */
  readonly regions: RegionFunction[] = [];
  /** The slice that ends now ended in a region. */
  isInside = false;
  private readonly made: (Made | undefined)[] = [];
  /** By record of a block: slices of the interpreter that ended before it. */
  private readonly heat = new Map<number, number>();
  /** By record of an indirect jump: how often regions left by it. */
  private readonly departures = new Map<number, number>();
  private readonly seen = new Map<number, Set<number>>();
  /** By arena page: how often regions of it were lost before they had paid. */
  private readonly losses = new Map<number, number>();
  /** Numbers of regions that are lost. */
  private readonly unused: number[] = [];
  private slices = 0;
  private wishes: Wish[] = [];
  private waiting: Waiting[] = [];
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
      const made = this.made[number];
      if (made === undefined) continue;
      this.judge(made);
      this.regions[number] = LOST;
      this.made[number] = undefined;
      this.unused.push(number);
    }
    this.wishes = this.wishes.filter(wish => this.made[wish.number] !== undefined);
  }

  /** Where code changes again and again, the next region must promise more. */
  private judge({ page, pays }: Made): void {
    const losses = this.losses.get(page) ?? 0;
    if (this.slices > pays) this.losses.delete(page);
    else this.losses.set(page, Math.min(losses + 1, MAX_LOSSES));
  }

  /** Region `number` left by the indirect jump at record `y` to `eip`. */
  onDeparture(number: number, y: number, eip: number): void {
    const count = (this.departures.get(y) ?? 0) + 1;
    if (count > this.hotness.departures + LOOKS) return;
    this.departures.set(y, count);
    if (count <= this.hotness.departures) return;
    const at = this.host.cache.eip[y >> 3];
    const seen = this.seen.get(at) ?? new Set();
    this.seen.set(at, seen);
    seen.add(eip);
    if (count !== this.hotness.departures + LOOKS) return;
    const made = this.made[number];
    if (made === undefined || made.versions === MAX_VERSIONS || seen.size > TARGET_LIMIT) return;
    this.wishes.push({ mode: this.host.mode, number });
  }

  /** A slice ended before the block at `eip`. */
  sample(eip: number): void {
    const { cache } = this.host;
    this.slices++;
    if (this.generation !== cache.generation) this.forget();
    if (this.wishes.length > 0) this.grantAll();
    if (this.waiting.length > 0) this.attend();
    const wasInside = this.isInside;
    this.isInside = false;
    const o = cache.quick(eip);
    if (wasInside || o < 0 || cache.isRegion(o)) return;
    if (this.waiting.some(({ places }) => places.has(o))) return;
    const heat = (this.heat.get(o) ?? 0) + 1;
    this.heat.set(o, heat);
    if (heat % this.hotness.samples === 0) this.consider(o);
  }

  private forget(): void {
    this.generation = this.host.cache.generation;
    this.heat.clear();
    this.departures.clear();
    this.seen.clear();
    this.wishes = [];
    this.waiting = [];
  }

  /** Wishes of code that the current mode runs; the others wait for theirs. */
  private grantAll(): void {
    const { mode } = this.host;
    const due = this.wishes.filter(wish => wish.mode === mode);
    this.wishes = this.wishes.filter(wish => wish.mode !== mode);
    for (const { number } of due) this.again(number);
  }

  /**
   * A new region runs slowly for a few slices, in which the engine learns what it does. Then it is
   * called once more, which begins its compilation. Until that is done the interpreter does its
   * work.
   */
  private attend(): void {
    this.waiting = this.waiting.filter(region => !this.isSettled(region));
  }

  private isSettled(region: Waiting): boolean {
    const { engine } = this.host.wiring;
    const { number, run } = region;
    const made = this.made[number];
    if (engine === undefined || made === undefined) return true;
    region.slices++;
    if (region.slices < LEARNING) return false;
    if (region.slices === LEARNING) {
      this.regions[number] = (c, entry) => {
        region.isCalled = true;
        return run(c, entry);
      };
      return !engine.compileBeside(run);
    }
    if (!region.isCalled) return false;
    const isDone = engine.isCompiled(run) || region.slices > PATIENCE;
    const copies = made.entries.map(o => this.cache.origin(o));
    this.regions[number] = isDone ? run : (_c, entry) => copies[entry];
    return isDone;
  }

  private again(number: number): void {
    const { cache } = this.host;
    const made = this.made[number];
    if (made === undefined) return;
    const region = growRegion(cache, made.entries, this.seen);
    if (region === undefined || !made.entries.every(o => cache.isHere(o))) return;
    this.translate(number, region, made);
  }

  /** Translates around the block at `seed` if enough time was spent there. */
  private consider(seed: number): void {
    const { cache, mode } = this;
    if (!mode.code32) return;
    const region = growRegion(cache, [seed], this.seen);
    if (region === undefined) return;
    let slices = 0;
    for (const { place } of region.blocks) slices += this.heat.get(place) ?? 0;
    if (
      slices <
      this.costOf(region, LEARNING_COST) * 2 ** (this.losses.get(cache.pageNumber(seed)) ?? 0)
    )
      return;
    if (!this.isolate(region.blocks[0])) return;
    this.translate(this.unused.pop() ?? this.regions.length, region);
  }

  /** In slices. */
  private costOf({ instructions }: Region, more: number): number {
    const { price, slice } = this.hotness;
    return ((instructions + more) * price) / slice;
  }

  private translate(number: number, region: Region, made?: Made): void {
    const { cache, mode } = this;
    const { blocks } = region;
    const old = made === undefined ? 1 : made.entries.length;
    const entries = region.entries.filter((n, i) => i < old || this.isolate(blocks[n]));
    const text = new RegionWriter(cache, mode, { ...region, entries }, number).write();
    const make = new Function(...REGION_NAMES, text) as (...values: unknown[]) => RegionFunction;
    this.install(number, make(...this.values), blocks);
    const places = entries.map(n => blocks[n].place);
    const since = made?.since ?? this.slices;
    this.made[number] = {
      entries: places,
      versions: (made?.versions ?? 0) + 1,
      page: cache.pageNumber(places[0]),
      since,
      pays: since + PAYING * this.costOf(region, COMPILING_COST),
    };
    for (let i = made === undefined ? 0 : old; i < places.length; i++) {
      cache.plant(places[i], blocks[entries[i]].first, number, i);
    }
  }

  private install(number: number, run: RegionFunction, blocks: readonly Block[]): void {
    this.regions[number] = run;
    const places = new Set(blocks.map(block => block.place));
    this.waiting = this.waiting.filter(region => region.number !== number);
    this.waiting.push({ number, run, places, slices: 0, isCalled: false });
  }

  /** Gives a block that is to be an entry records of its own for the interpreter. */
  private isolate(block: Block): boolean {
    const { cache } = this;
    if (cache.isRegion(block.place)) return false;
    const copy = cache.copy(block.first);
    if (copy < 0) return false;
    block.last += copy - block.first;
    block.first = copy;
    return true;
  }

  private get cache(): CodeCache {
    return this.host.cache;
  }

  private get mode(): Mode {
    return this.host.mode;
  }
}

const MAX_VERSIONS = 3;
/** A region has paid after so many times its price, which small ones exceed by so much. */
const PAYING = 8;
const COMPILING_COST = 20;
const MAX_LOSSES = 12;
/**
 * Slices in which a new region runs as it is, slowly, and those until it does so again in any case.
 * For the time that this takes a region promises more, as if it were so many instructions longer.
 * More than that would put small regions off for rounds of short programs.
 */
const LEARNING = 8;
const LEARNING_COST = 6;
const PATIENCE = 2000;
/** Departures that are looked at, and targets that a region can know, of one indirect jump. */
const LOOKS = 64;
const TARGET_LIMIT = 40;

const LOST: RegionFunction = () => {
  throw new Error('a region that is lost');
};
