/**
 * Random programs from a seed: loops that get hot, branches, calls, tables, strings, code that
 * changes itself, faults and single steps, around random instructions of the table.
 *
 * A unit is a group of its own, so that a failing program can be cut down to the units that matter.
 */

import { Random } from './random.ts';
import {
  type Assembled,
  assemble,
  flatten,
  type Group,
  groupsOf,
  type Item,
  little,
} from './random-code.ts';
import { CODE, COUNTERS, EXIT_PORT, type Mode } from './random-layout.ts';
import type { Choices } from './random-pieces.ts';
import { makeSetting, type Setting } from './random-setting.ts';
import { Tangle } from './random-tangle.ts';

export interface ProgramOptions {
  readonly seed: number;
  /** What part of the program is left out. */
  readonly without?: ReadonlySet<number>;
}

export interface RandomProgram {
  readonly seed: number;
  readonly mode: Mode;
  readonly setting: Setting;
  readonly code: Assembled;
  /** The groups that can be left out. */
  readonly groups: readonly number[];
  /** About how many instructions it runs for. */
  readonly length: number;
}

/** The same program for the same seed, whatever is left out. */
export function makeProgram({ seed, without = new Set() }: ProgramOptions): RandomProgram {
  const random = new Random(seed);
  for (let i = 0; i < 16; i++) random.word();
  const mode = random.pick<Mode>([
    'flat',
    'flat',
    'paged',
    'paged',
    'user',
    'user',
    'user',
    'real',
  ]);
  const isHot = random.below(4) === 0;
  const maker = new Maker(random, mode, isHot);
  const items = maker.program();
  const code = assemble(flatten(items, without), mode === 'real' ? 0 : CODE);
  const setting = makeSetting(random, mode, code, maker.registers());
  const length = isHot ? 150_000 : 30_000;
  return { seed, mode, setting, code, groups: groupsOf(items), length };
}

type Unit = () => readonly Item[];

class Maker extends Tangle {
  private readonly units: Choices<Unit>;

  constructor(random: Random, mode: Mode, isHot: boolean) {
    super(random, mode, isHot);
    this.units = this.weighted();
  }

  private weighted(): Choices<Unit> {
    const own = (unit: Unit): Unit => unit.bind(this);
    return [
      [40, own(this.plain)],
      [8, own(this.carries)],
      [8, own(this.sumFlags)],
      [14, own(this.branch)],
      [14, own(this.loop)],
      [10, own(this.call)],
      [4, own(this.table)],
      [3, own(this.returns)],
      [4, own(this.pushed)],
      [4, own(this.string)],
      // Code that is decoded again in each turn takes long.
      [this.isHot && this.coder.chance(75) ? 0 : 4, own(this.patch)],
      [2, own(this.straddle)],
      [2, own(this.farCall)],
      [2, own(this.wide)],
      [4, own(this.tangle)],
      [3, own(this.modes)],
      [6, own(this.outside)],
    ];
  }

  protected small(): readonly Item[] {
    const unit = this.random.pick([
      this.plain,
      this.plain,
      this.carries,
      this.sumFlags,
      this.patch,
    ]);
    return unit.call(this);
  }

  protected unit(): Group {
    if (this.usesCounter || this.depth > 3 || this.loops > 2) return this.group(this.small());
    this.depth++;
    const items = this.weigh(this.units)();
    this.depth--;
    return this.group(items);
  }

  program(): Item[] {
    const { random } = this;
    const count = this.isHot ? 3 + random.below(5) : 8 + random.below(20);
    const main = Array.from({ length: count }, () => this.unit());
    const functions = this.functions.flatMap((name, i) => {
      this.firstCallable = i + 1;
      return this.function(name);
    });
    const counters = COUNTERS;
    const again = this.at([0xff], 1, counters + 0xb10);
    const start = this.at([0xc7], 0, counters + 0xb10, ...little(40, this.wordSize));
    const end = this.bytes(0xe7, EXIT_PORT);
    const top = this.to('top', [0x0f, 0x85]);
    return [
      start,
      { label: 'top' },
      ...main,
      again,
      top,
      end,
      this.bytes(0xeb, 0xfe),
      ...functions,
    ];
  }
}
