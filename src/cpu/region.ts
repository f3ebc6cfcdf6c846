/**
 * A region: blocks of one page of 32-bit code that reach each other, found from a hot one along the
 * links that the interpreter has followed. What has never run stays outside: it is an exit.
 */

import type { CodeCache } from './code-cache.ts';
import { CASES32 } from './hot.ts';
import { COLD_BASE, type Instance, instanceByKey, instances } from './kinds.ts';

const WORDS = 8;
/** Instructions of a region, about. */
const REGION_LIMIT = 60;

const hot: readonly Instance[] = [
  ...CASES32.hot.map(instanceByKey),
  ...CASES32.fused.map(([first]) => instanceByKey(first)),
];

/** What the record of 32-bit code with this kind does; of a fused pair, its first half. */
export function instanceOf(kind: number): Instance | undefined {
  return kind < COLD_BASE ? hot[kind] : instances[kind - COLD_BASE];
}

export interface Block {
  /** Where links lead. */
  readonly place: number;
  /** Its first record, and the one that ends it: a transfer, or a jump to what follows. */
  first: number;
  last: number;
  readonly eip: number;
  readonly instructions: number;
  /** Blocks of the region that it goes to by the links of its last record, or -1. */
  taken: number;
  next: number;
  /** For calls: the block behind it, or -1. */
  returnsTo: number;
  /** Blocks that a jump to where a value says was seen to reach. */
  targets: readonly number[];
  readonly isReturn: boolean;
}

/** EIPs that the indirect jump at an EIP was seen to go to. */
export type SeenTargets = ReadonlyMap<number, ReadonlySet<number>>;

export interface Region {
  /** In all blocks. */
  readonly instructions: number;
  readonly blocks: readonly Block[];
  /** Blocks that control enters from outside. */
  readonly entries: readonly number[];
}

function makeBlock(cache: CodeCache, place: number): Block | undefined {
  const { records } = cache;
  const first = cache.origin(place);
  const instructions = cache.length[first >> 3];
  let last = first + (instructions - 1) * WORDS;
  const ending = instanceOf(records[last]);
  if (ending === undefined || instructions === 0) return undefined;
  if (!ending.operation.ends) last += WORDS;
  const { operation } = ending;
  // Of an instruction in two pages, either may change.
  if (!cache.isSamePage(cache.eip[first >> 3], cache.next[last >> 3] - 1)) return undefined;
  return {
    place,
    first,
    last,
    eip: cache.eip[first >> 3],
    instructions,
    taken: -1,
    next: -1,
    returnsTo: -1,
    targets: [],
    isReturn: operation.name === 'ret' || operation.name === 'retImmediate',
  };
}

class Growth {
  readonly blocks: Block[] = [];
  private readonly byRecord = new Map<number, number>();
  instructions = 0;

  constructor(private readonly cache: CodeCache) {}

  /** The number of the block at `place`, which joins unless the region is full; else -1. */
  add(place: number): number {
    if (place <= 0) return -1;
    const known = this.byRecord.get(place);
    if (known !== undefined) return known;
    if (this.instructions >= REGION_LIMIT) return -1;
    const block = makeBlock(this.cache, place);
    if (block === undefined) return -1;
    this.instructions += block.instructions;
    this.byRecord.set(place, this.blocks.length);
    return this.blocks.push(block) - 1;
  }
}

function isCall(cache: CodeCache, { last }: Block): boolean {
  const name = instanceOf(cache.records[last])?.operation.name;
  return name === 'call' || name === 'callIndirect';
}

/** Whether a call goes to a block of the region. */
export function callsInside({ taken, targets }: Block): boolean {
  return taken >= 0 || targets.length > 0;
}

function targetsOf(
  cache: CodeCache,
  { last, eip }: Block,
  growth: Growth,
  seen: SeenTargets,
): readonly number[] {
  const eips = seen.get(cache.eip[last >> 3]) ?? [];
  const near = [...eips].filter(target => cache.isSamePage(target, eip));
  return near.map(target => growth.add(cache.peek(target))).filter(n => n >= 0);
}

/**
 * The region around the blocks at records `seeds`, which are entered from outside. There may be
 * more entries: they come behind these.
 */
export function growRegion(
  cache: CodeCache,
  seeds: readonly number[],
  seen: SeenTargets,
): Region | undefined {
  const growth = new Growth(cache);
  const { blocks } = growth;
  const entries = new Set(seeds.map(seed => growth.add(seed)));
  if (entries.has(-1) || entries.size !== seeds.length) return undefined;
  for (let i = 0; i < blocks.length; i++) {
    const block = blocks[i];
    if (cache.isDirect(block.last)) {
      block.next = growth.add(cache.records[block.last + 6]);
      block.taken = growth.add(cache.records[block.last + 5]);
    } else if (!block.isReturn) block.targets = targetsOf(cache, block, growth, seen);
    if (!isCall(cache, block)) continue;
    const behind = cache.next[block.last >> 3];
    if (!cache.isSamePage(block.eip, behind)) continue;
    block.returnsTo = growth.add(cache.peek(behind));
    // The callee is elsewhere: it will come back from outside.
    if (!callsInside(block) && block.returnsTo >= 0) entries.add(block.returnsTo);
  }
  return { instructions: growth.instructions, blocks, entries: [...entries] };
}
