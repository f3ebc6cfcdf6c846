/**
 * What random programs are put together from: jumps and memory operands of both widths, random
 * instructions of the table, and runs of them that need no other unit.
 */

import { alu } from '../../src/cpu/ops/alu.ts';
import { bits } from '../../src/cpu/ops/bits.ts';
import { move } from '../../src/cpu/ops/move.ts';
import { multiply } from '../../src/cpu/ops/multiply.ts';
import { shift } from '../../src/cpu/ops/shift.ts';
import { stack } from '../../src/cpu/ops/stack.ts';
import type { Row } from '../../src/cpu/row.ts';
import type { Random } from './random.ts';
import { Coder, type Group, type Instruction, type Item, little, sizeOf } from './random-code.ts';
import { CODE, COUNTERS, DATA, FAR_CODE, type Mode } from './random-layout.ts';

export const [EAX, ECX, EDX, EBX, , EBP, ESI, EDI] = [0, 1, 2, 3, 4, 5, 6, 7];
const SUM = COUNTERS + 0xb00;

/** By how often each is chosen. */
export type Choices<T> = readonly (readonly [number, T])[];

export const named = (rows: readonly Row[], ...names: readonly string[]): Row[] =>
  rows.filter(r => names.includes(r.operation.name));
/** What programs are made of, by how often. */
const ROWS: Choices<readonly Row[]> = [
  [34, alu.filter(r => !r.encoding.startsWith('82'))],
  // Of few rows each, but often met.
  [8, named(alu, 'inc', 'dec', 'test', 'cmp')],
  [5, named(move, 'mov', 'movzx', 'movsx', 'lea')],
  [22, move.filter(r => r.operation.name !== 'xlat')],
  [14, shift],
  [7, bits],
  [5, multiply.filter(r => !r.operation.name.includes('div'))],
  [1, named(multiply, 'div', 'idiv')],
  [3, named(stack, 'lahf', 'sahf')],
];

interface CodeOperand {
  readonly plus?: number;
  readonly immediate?: readonly number[];
}

export class Pieces {
  protected readonly coder: Coder;
  protected readonly isReal: boolean;
  private labels = 0;
  private groups = 0;
  private readonly favourites: readonly Row[];

  constructor(
    protected readonly random: Random,
    mode: Mode,
  ) {
    this.isReal = mode === 'real';
    const pointers = random.pick([
      [ESI, EDI],
      [ESI, EDI, EBX],
    ]);
    const free = [EAX, ECX, EDX, EBX, ...(this.isReal ? [ESI, EDI] : [])];
    this.coder = new Coder(random, {
      width: this.isReal ? 16 : 32,
      free: free.filter(r => this.isReal || !pointers.includes(r)),
      pointers,
      isPaged: mode === 'paged' || mode === 'user',
    });
    // A program has favourites, so that programs differ.
    this.favourites = Array.from({ length: 6 }, () => random.pick(this.anyRows()));
  }

  protected get wordSize(): 2 | 4 {
    return this.isReal ? 2 : 4;
  }

  /** EAX to EDI at the start. */
  registers(): number[] {
    const { random } = this;
    const all = Array.from({ length: 8 }, () => this.coder.value());
    if (this.isReal) return all;
    for (const r of this.coder.options.pointers) all[r] = this.pointer(random.below(0x5000));
    return all;
  }

  protected weigh<T>(choices: Choices<T>): T {
    let n = this.random.below(choices.reduce((sum, [weight]) => sum + weight, 0));
    for (const [weight, choice] of choices) {
      if (n < weight) return choice;
      n -= weight;
    }
    throw new Error('weights add up to less than their sum');
  }

  protected pointer(offset: number): number {
    return DATA + 0x1000 + (this.coder.chance(80) ? offset & ~3 : offset);
  }

  protected label(): string {
    return `l${this.labels++}`;
  }

  protected group(items: readonly Item[]): Group {
    return { group: this.groups++, items };
  }

  protected bytes(...bytes: readonly number[]): Instruction {
    return { bytes };
  }

  /** An instruction of the mode's own size that refers to a label. */
  protected to(
    label: string,
    opcode: readonly number[],
    { absolute = false, plus = 0 } = {},
  ): Item {
    const size = this.wordSize;
    return {
      bytes: [...opcode, ...little(0, size)],
      reference: {
        label,
        at: opcode.length,
        size,
        relative: !absolute,
        plus,
      },
    };
  }

  protected short(label: string, opcode: number): Item {
    return {
      bytes: [opcode, 0],
      reference: { label, at: 1, size: 1, relative: true, plus: 0 },
    };
  }

  /** The jump of condition `cc` over or back past `items`. */
  protected jcc(label: string, cc: number, items: readonly Item[]): Item {
    const isShort = sizeOf(items) < 100 && this.coder.chance(80);
    return isShort ? this.short(label, 0x70 | cc) : this.to(label, [0x0f, 0x80 | cc]);
  }

  protected jump(label: string, items: readonly Item[]): Item {
    return sizeOf(items) < 100 ? this.short(label, 0xeb) : this.to(label, [0xe9]);
  }

  /** An instruction with a memory operand at a linear address that never faults for good. */
  protected at(opcode: readonly number[], field: number, linear: number, ...immediate: number[]) {
    const { prefixes, modrm } = this.coder.absolute(linear);
    return this.bytes(
      ...prefixes,
      ...opcode,
      modrm[0] | (field << 3),
      ...modrm.slice(1),
      ...immediate,
    );
  }

  /** One that reads or writes the code at `label` + `plus`; CS only lets real mode write. */
  protected atCode(
    opcode: readonly number[],
    field: number,
    label: string,
    more: CodeOperand = {},
  ): Item {
    const start = [...(this.isReal ? [0x2e] : []), ...opcode, (this.isReal ? 6 : 5) | (field << 3)];
    const { immediate = [], plus = 0 } = more;
    const size = this.wordSize;
    // Through the other linear addresses of the page, now and then.
    const isFar = this.coder.options.isPaged && this.coder.chance(30);
    return {
      bytes: [...start, ...little(0, size), ...immediate],
      reference: {
        label,
        at: start.length,
        size,
        relative: false,
        plus: plus + (isFar ? FAR_CODE - CODE : 0),
      },
    };
  }

  protected load(register: number, value: number): Instruction {
    return this.bytes(0xb8 | register, ...little(value, this.wordSize));
  }

  protected free(): number {
    return this.random.pick(this.coder.free);
  }

  // ---- plain instructions ----

  protected anyRows(): readonly Row[] {
    return this.weigh(ROWS);
  }

  protected plain(): Item[] {
    const count = 1 + this.random.below(6);
    return Array.from({ length: count }, () => this.group(this.one()));
  }

  protected one(): Instruction[] {
    const row = this.coder.chance(35)
      ? this.random.pick(this.favourites)
      : this.random.pick(this.anyRows());
    return this.coder.instruction(row);
  }

  /** Carry through instructions that keep it. */
  protected carries(): Item[] {
    const carry = [...named(alu, 'adc', 'sbb'), ...named(shift, 'rcl', 'rcr')];
    const keep = [...named(alu, 'inc', 'dec', 'not'), ...named(move, 'mov', 'lea')];
    const { random, coder } = this;
    const rows = [random.pick(named(alu, 'add', 'sub', 'cmp', 'neg'))];
    for (let i = 1 + random.below(3); i > 0; i--) {
      for (let k = random.below(3); k > 0; k--) rows.push(random.pick(keep));
      rows.push(random.pick(carry));
    }
    return rows.flatMap(row => coder.instruction(row));
  }

  /** What the flags are goes into a sum. */
  protected sumFlags(): Item[] {
    const r = this.free();
    const kind = this.random.below(3);
    if (kind === 0 && this.coder.free.includes(EAX)) {
      return [this.bytes(0x9f), this.at([0x00], 4, SUM), this.at([0xd1], 0, SUM)];
    }
    const isKept = kind === 1;
    const keep = isKept ? [this.bytes(0x9c)] : [];
    const back = isKept ? [this.bytes(0x9d)] : [];
    const add = [this.at([0x01], r, SUM), this.at([0xd1], 0, SUM)];
    return [...keep, this.bytes(0x9c), this.bytes(0x58 | r), ...add, ...back];
  }
}
