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
  type Instruction,
  type Item,
  little,
  sizeOf,
} from './random-code.ts';
import { Flow } from './random-flow.ts';
import {
  CODE,
  COUNTERS,
  DMA_ADDRESS,
  DMA_DATA,
  EXIT_PORT,
  LOG_PORT,
  MMIO,
  type Mode,
  OVERLAY,
  RAISES_INTR,
  REQUESTS_EXIT,
  SERVICE,
  STEPS,
} from './random-layout.ts';
import { type Choices, EAX, ECX, EDI, EDX, ESI } from './random-pieces.ts';
import { makeSetting, type Setting } from './random-setting.ts';

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
  const length = isHot ? 200_000 : 50_000;
  return { seed, mode, setting, code, groups: groupsOf(items), length };
}

type Unit = () => readonly Item[];

class Maker extends Flow {
  private readonly units: Choices<Unit>;

  constructor(random: Random, mode: Mode, isHot: boolean) {
    super(random, mode, isHot);
    this.units = this.weighted();
  }

  private string(): Item[] {
    const { random, coder } = this;
    if (this.usesCounter) return this.plain();
    const opcode = random.pick([0xa4, 0xa6, 0xaa, 0xac, 0xae]) + random.below(2);
    const repeat = random.pick([[], [0xf3], [0xf3], [0xf2]]);
    const wide = coder.chance(20) ? [0x66] : [];
    const direction = coder.chance(25);
    const isPort = coder.chance(5);
    const port = [this.load(EDX, LOG_PORT), this.bytes(...repeat, 0x6c + random.below(4))];
    const step = isPort ? port : [this.bytes(...repeat, ...wide, opcode)];
    const place = (): number => {
      if (this.isReal) return random.below(0x6000) + 0x1000;
      // Into the page of the device, or out of it.
      if (coder.chance(5)) return MMIO - 8 + random.below(16);
      return this.pointer(random.below(0x5000));
    };
    const again = coder.options.pointers.map(r => this.load(r, this.pointer(random.below(0x5000))));
    return [
      this.load(ESI, place()),
      this.load(EDI, place()),
      this.load(ECX, random.below(isPort ? 6 : 48)),
      this.bytes(direction ? 0xfd : 0xfc),
      ...step,
      this.bytes(0xfc),
      ...(this.isReal ? [] : again),
    ];
  }

  /** An immediate, an opcode or a condition of code near by changes. */
  private patch(): Item[] {
    const { random, coder } = this;
    const target = this.label();
    const r = this.free();
    const s = this.free();
    const kind = random.below(5);
    const size = this.wordSize;
    const far = coder.chance(40) ? this.plain() : [];
    const immediate = this.bytes(0x81, 0xc0 | r, ...little(coder.value(), size));
    const victim: Item[] = [{ label: target }, immediate];
    if (kind === 0) return [this.atCode([0x89], s, target, { plus: 2 }), ...far, ...victim];
    if (kind === 1) return [...victim, ...far, this.atCode([0x01], s, target, { plus: 2 })];
    if (kind === 2) {
      // ADD and SUB by turns.
      const flip = this.atCode([0x80], 6, target, { plus: 1, immediate: [0x28] });
      return coder.chance(50) ? [flip, ...far, ...victim] : [...victim, ...far, flip];
    }
    if (kind === 3) {
      const over = this.label();
      const body = this.plain();
      const isShort = sizeOf(body) < 100;
      const cc = random.below(16);
      const jump = isShort ? this.short(over, 0x70 | cc) : this.to(over, [0x0f, 0x80 | cc]);
      const flip = this.atCode([0x80], 6, target, { plus: isShort ? 0 : 1, immediate: [1] });
      return [flip, ...this.one(), { label: target }, jump, ...body, { label: over }];
    }
    // Data among the code, near or a few lines away.
    const [data, over] = [this.label(), this.label()];
    const gap = Array.from({ length: random.pick([0, 0, 70, 200]) }, () => this.bytes(0x90));
    return [
      this.to(over, [0xe9]),
      ...gap,
      { label: data },
      this.bytes(...little(random.word(), 4)),
      ...gap,
      { label: over },
      ...this.plain(),
      this.atCode([0x01], s, data),
    ];
  }

  /** Where the next page begins, or a few bytes before. */
  private straddle(): Item[] {
    if (this.loops > 0 || this.depth > 1) return this.plain();
    const over = this.label();
    const pad = 0x1000 - 1 - this.random.below(12);
    return [this.to(over, [0xe9]), { pad }, { label: over }, ...this.plain(), ...this.plain()];
  }

  private outside(): Item[] {
    const { random, coder } = this;
    const r = this.free();
    switch (random.below(this.usesCounter ? 4 : 11)) {
      case 0:
        return [this.bytes(random.pick([0xe4, 0xe5, 0xe6, 0xe7]), LOG_PORT + random.below(2))];
      case 1:
        return [this.device([0x8b], r, random.pick([RAISES_INTR, RAISES_INTR, REQUESTS_EXIT]))];
      case 2:
        return [this.device([random.pick([0x89, 0x01, 0x33, 0x87])], r, 4 * random.below(64))];
      case 3:
        return coder.chance(50)
          ? [this.bytes(0xfa), ...this.plain(), this.bytes(0xfb)]
          : this.dma();
      case 4:
        return [this.load(EDX, LOG_PORT), this.bytes(0xec + random.below(4))];
      case 5:
        // CPUID takes EBX, which may be a pointer.
        return [this.bytes(0x53), this.bytes(0x0f, 0xa2), this.bytes(0x5b)];
      case 6:
        return [this.bytes(0x0f, 0x31)];
      case 7:
        return [this.bytes(random.pick([0xcc, 0xce, 0x98, 0xf5]))];
      case 8:
        return this.singleSteps();
      default:
        return this.service();
    }
  }

  private device(opcode: readonly number[], field: number, offset: number): Instruction {
    return this.at(opcode, field, MMIO + offset);
  }

  /** The device writes into an instruction that runs next. */
  private dma(): Item[] {
    if (this.isReal) return this.plain();
    const target = this.label();
    const [r, s] = [this.free(), this.free()];
    return [
      this.to(target, [0xb8 | r], { absolute: true }),
      this.bytes(0x83, 0xc0 | r, 2),
      this.device([0x89], r, DMA_ADDRESS),
      this.device([0x89], s, DMA_DATA),
      { label: target },
      this.bytes(0x81, 0xc0 | r, ...little(this.coder.value(), 4)),
    ];
  }

  private singleSteps(): Item[] {
    const set = this.at([0xc7], 0, STEPS, ...little(1 + this.random.below(12), this.wordSize));
    const bit = this.isReal
      ? [this.bytes(0x58), this.bytes(0x0d, 0x00, 0x01), this.bytes(0x50)]
      : [this.bytes(0x81, 0x0c, 0x24, 0x00, 0x01, 0x00, 0x00)];
    return [set, this.bytes(0x9c), ...bit, this.bytes(0x9d), ...this.plain()];
  }

  /** Another page is there from now on, or the same in another way. */
  private service(): Item[] {
    const { random, coder } = this;
    if (!coder.options.isPaged) return [this.bytes(0xcd, SERVICE)];
    const isOverlay = coder.chance(40);
    const page = isOverlay ? OVERLAY >> 12 : random.pick([0x30, 0x31, 0x32, 0x33, 0x90, 0x91]);
    const change = (isOverlay ? 0x10 : random.below(8)) | (coder.chance(30) ? 8 : 0);
    const ask = [this.load(EAX, (change << 8) | page), this.bytes(0xcd, SERVICE)];
    const r = this.free();
    const call = [this.load(r, OVERLAY + 0x10 * random.below(2)), this.bytes(0xff, 0xd0 | r)];
    return isOverlay && !this.usesCounter ? [...ask, ...call] : ask;
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
      [5, own(this.outside)],
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
