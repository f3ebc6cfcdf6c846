/**
 * A small assembler for random programs: instructions with references to labels, groups that can be
 * taken out, and rows of the instruction table with random operands.
 *
 * Memory operands go where a program may write, see random-layout.ts; the registers a program
 * keeps for itself are only read.
 */

import { tokens } from '../../src/cpu/kinds.ts';
import type { Row } from '../../src/cpu/row.ts';
import type { Random } from './random.ts';
import { COUNTERS, DATA, FAR_DATA, MMIO, STACK_BASE } from './random-layout.ts';

export interface Reference {
  readonly label: string;
  /** Where in the instruction's bytes, and how many. */
  readonly at: number;
  readonly size: 1 | 2 | 4;
  readonly relative: boolean;
  /** Added to the label's address. */
  readonly plus: number;
}

export interface Instruction {
  readonly bytes: readonly number[];
  readonly reference?: Reference;
}

/** Code that is left out where its group is among those taken away. */
export interface Group {
  readonly group: number;
  readonly items: readonly Item[];
}

/** Filled up to `pad` bytes behind the start of a page. */
export type Item = Instruction | Group | { readonly label: string } | { readonly pad: number };

export interface Assembled {
  readonly bytes: Uint8Array;
  readonly labels: ReadonlyMap<string, number>;
  /** By offset: bytes of the instruction that begins there, or 0. */
  readonly lengths: Uint8Array;
}

export function flatten(items: readonly Item[], without: ReadonlySet<number>): Item[] {
  return items.flatMap(item => {
    if (!('group' in item)) return [item];
    return without.has(item.group) ? [] : flatten(item.items, without);
  });
}

export function groupsOf(items: readonly Item[]): number[] {
  return items.flatMap(item => ('group' in item ? [item.group, ...groupsOf(item.items)] : []));
}

/** Bytes at most; Infinity with padding in it. */
export function sizeOf(items: readonly Item[]): number {
  let size = 0;
  for (const item of items) {
    if ('bytes' in item) size += item.bytes.length;
    else if ('items' in item) size += sizeOf(item.items);
    else if ('pad' in item) return Number.POSITIVE_INFINITY;
  }
  return size;
}

const NOP = 0x90;

/** Flat items, for an origin whose page begins at a multiple of 4096. */
export function assemble(items: readonly Item[], origin: number): Assembled {
  const labels = new Map<string, number>();
  const bytes: number[] = [];
  const lengths: number[] = [];
  const references: { readonly start: number; readonly end: number; readonly to: Reference }[] = [];
  const put = (code: readonly number[]): void => {
    lengths[bytes.length] = code.length;
    for (const byte of code) bytes.push(byte & 0xff);
  };
  for (const item of items) {
    if ('label' in item) labels.set(item.label, origin + bytes.length);
    else if ('pad' in item) while ((bytes.length & 0xfff) !== item.pad) put([NOP]);
    else if ('bytes' in item) {
      const start = bytes.length;
      put(item.bytes);
      if (item.reference !== undefined) {
        references.push({ start, end: bytes.length, to: item.reference });
      }
    }
  }
  for (const { start, end, to } of references) {
    const place = labels.get(to.label);
    if (place === undefined) throw new Error(`no label ${to.label}`);
    const value = place + to.plus - (to.relative ? origin + end : 0);
    if (to.size === 1 && (value < -128 || value > 127)) throw new Error(`${to.label} is too far`);
    for (let i = 0; i < to.size; i++) bytes[start + to.at + i] = (value >> (8 * i)) & 0xff;
  }
  const all = new Uint8Array(bytes.length);
  all.set(bytes);
  return { bytes: all, labels, lengths: Uint8Array.from(bytes, (_, i) => lengths[i] ?? 0) };
}

export function little(value: number, size: number): number[] {
  return Array.from({ length: size }, (_, i) => (value >> (8 * i)) & 0xff);
}

export type Width = 16 | 32;

/** A memory operand: what must run before, prefixes, and ModRM without its register field. */
interface Place {
  readonly before: readonly Instruction[];
  readonly prefixes: readonly number[];
  readonly modrm: readonly number[];
}

const [ESP, EBP] = [4, 5];
const SEGMENT_PREFIXES = { es: 0x26, cs: 0x2e, ss: 0x36, ds: 0x3e, fs: 0x64, gs: 0x65 };
const INTERESTING = [
  0, 1, -1, 2, 0x7f, 0x80, -128, 0x7fff, 0x8000, 0x7fffffff, -0x80000000, 31, 32,
];
/** Their second operand is written too. */
const WRITES_BOTH = new Set(['xchg', 'xadd']);
const ONLY_READS = new Set(['cmp', 'test', 'bt', 'push', 'nop', 'mul', 'imul', 'div', 'idiv']);
/** Skipped for a fault, they would leave the stack as it was. */
const MOVES_STACK = new Set(['push', 'pop']);

export interface CoderOptions {
  readonly width: Width;
  /** Registers that anything may be written to; EAX, ECX and EDX are among them. */
  readonly free: readonly number[];
  /** Registers that point into the data, in 32-bit programs. */
  readonly pointers: readonly number[];
  /** Addresses may be anything: what is not there faults. */
  readonly isPaged: boolean;
}

export class Coder {
  /** Free registers at the moment: loops take their counter away. */
  free: readonly number[];
  private readonly pool: readonly number[];

  constructor(
    readonly random: Random,
    readonly options: CoderOptions,
  ) {
    this.free = options.free;
    this.pool = Array.from({ length: 8 }, () => this.anyAddress());
  }

  get width(): Width {
    return this.options.width;
  }

  chance(percent: number): boolean {
    return this.random.below(100) < percent;
  }

  /** A number that arithmetic finds interesting more often than others. */
  value(): number {
    if (this.chance(40)) return this.random.pick(INTERESTING);
    return this.chance(50) ? this.random.below(64) : this.random.word() | 0;
  }

  // ---- addresses ----

  private anyAddress(): number {
    const { random } = this;
    const kind = random.below(100);
    if (kind < 3) return MMIO + random.below(0x780);
    if (kind < 12) return DATA + (random.below(7) << 12) + 0xff8 + random.below(12);
    if (kind < 20 && this.options.isPaged) return FAR_DATA + random.below(0x7000);
    const at = DATA + random.below(0x7000);
    return this.chance(75) ? at & ~3 : at;
  }

  private address(): number {
    return this.chance(70) ? this.random.pick(this.pool) : this.anyAddress();
  }

  /** Somewhere to read and write, or with `isCertain` where nothing faults. */
  place(isCertain: boolean): Place {
    if (isCertain) return this.absolute(COUNTERS + 0xc00 + 4 * this.random.below(64));
    if (this.width === 16) return this.chance(85) ? this.place16() : this.wide16();
    const { random } = this;
    const kind = random.below(100);
    if (kind < 25) return this.absolute(this.address());
    if (kind < 55) return this.pointed();
    if (kind < 75) return this.indexed();
    if (kind < 82) return this.local();
    if (kind < 90) return this.inSegment();
    if (kind < 95) return { ...this.modrm16(), prefixes: [0x67] };
    if (!this.options.isPaged || this.chance(70)) return this.absolute(this.address());
    return this.based([], random.pick(this.free), random.below(256) - 128);
  }

  /** At a linear address below the data's end, or on the stack's page in 16-bit code. */
  absolute(linear: number): Place {
    if (this.width === 32) return { before: [], prefixes: [], modrm: [5, ...little(linear, 4)] };
    const isStack = linear >= STACK_BASE && linear < STACK_BASE + 0x10000;
    const prefixes = isStack ? [SEGMENT_PREFIXES.ss] : [];
    return { before: [], prefixes, modrm: [6, ...little(linear, 2)] };
  }

  private based(before: readonly Instruction[], base: number, displacement: number): Place {
    const isShort = displacement >= -128 && displacement < 128 && this.chance(90);
    const mode = isShort ? 0x40 : 0x80;
    const sib = base === ESP ? [0x24] : [];
    const bytes = little(displacement, isShort ? 1 : 4);
    return { before, prefixes: [], modrm: [mode | base, ...sib, ...bytes] };
  }

  private pointed(): Place {
    const { random } = this;
    const wide = this.chance(25) ? random.below(0x1800) - 0xc00 : random.below(256) - 128;
    return this.based([], random.pick(this.options.pointers), wide);
  }

  /** base + index * scale + displacement, the index cut to size before. */
  private indexed(): Place {
    const { random } = this;
    const index = random.pick(this.free);
    const mask = random.pick([0x3f, 0xff, 0x3ff]);
    const before: Instruction[] =
      index < 4 && this.chance(50)
        ? [{ bytes: [0x0f, 0xb6, 0xc0 | (index << 3) | index] }]
        : [{ bytes: [0x81, 0xe0 | index, ...little(mask, 4)] }];
    const scale = random.below(4);
    const sib = (scale << 6) | (index << 3);
    if (this.chance(40)) {
      const at = DATA + random.below(0x4000);
      return { before, prefixes: [], modrm: [4, sib | 5, ...little(at, 4)] };
    }
    const base = random.pick(this.options.pointers);
    return { before, prefixes: [], modrm: [0x44, sib | base, random.below(256)] };
  }

  /** Below the stack pointer. */
  private local(): Place {
    return this.based([], ESP, -4 - this.random.below(60));
  }

  private inSegment(): Place {
    const { random } = this;
    const prefix = random.pick([SEGMENT_PREFIXES.fs, SEGMENT_PREFIXES.gs]);
    if (this.chance(30)) return { ...this.modrm16(), prefixes: [prefix, 0x67] };
    // Now and then behind the limit.
    const at = random.below(this.chance(90) ? 0x7000 : 0x12000);
    return { before: [], prefixes: [prefix], modrm: [5, ...little(at, 4)] };
  }

  private modrm16(): Place {
    const { random } = this;
    const rm = random.below(8);
    const mode = random.below(3);
    const size = mode === 0 ? (rm === 6 ? 2 : 0) : mode;
    const displacement = Array.from({ length: size }, () => random.below(256));
    return { before: [], prefixes: [], modrm: [(mode << 6) | rm, ...displacement] };
  }

  private place16(): Place {
    const { random } = this;
    const operand = this.modrm16();
    const [modrm] = operand.modrm;
    const usesBp = (modrm & 7) === 2 || (modrm & 7) === 3 || ((modrm & 7) === 6 && modrm >= 0x40);
    const { es, ds, fs, gs } = SEGMENT_PREFIXES;
    if (!usesBp && this.chance(75)) return operand;
    return { ...operand, prefixes: [random.pick([es, ds, ds, fs, gs])] };
  }

  /** 32-bit addresses in 16-bit code: most must be cut to size. */
  private wide16(): Place {
    const { random } = this;
    const base = random.pick(this.free);
    const extend = { bytes: [0x66, 0x0f, 0xb7, 0xc0 | (base << 3) | base] };
    const before = this.chance(90) ? [extend] : [];
    const { ds, fs } = SEGMENT_PREFIXES;
    const place = this.based(before, base, random.below(256) - 128);
    return { ...place, prefixes: [0x67, base === EBP ? ds : random.pick([ds, fs])] };
  }

  // ---- rows of the table ----

  /** A register operand of 8 bits is named by another number. */
  private register(bits: number, isRead: boolean): number {
    const { random } = this;
    if (bits === 8) {
      const parents = this.free.filter(r => r < 4);
      return random.pick(parents) + 4 * random.below(2);
    }
    return isRead && this.chance(25) ? random.below(8) : random.pick(this.free);
  }

  /** `row` with random operands, at operand size `wide`. */
  instruction(row: Row, wide: Width = this.anyWidth()): Instruction[] {
    const words = row.encoding.split(' ');
    const shape = tokens(row);
    const { name } = row.operation;
    const opcodes = words
      .filter(w => /^[0-9A-F]{2}(\+r)?$/.test(w))
      .map(w => Number.parseInt(w, 16));
    const isMandatory = ['F3', 'F2', '66'].includes(words[0]) && words[1] === '0F';
    const mandatory = isMandatory ? opcodes.splice(0, 1) : [];
    const group = words.find(w => /^\/[0-7]$/.test(w));
    let field = group === undefined ? 0 : Number(group[1]);
    let place: Place = { before: [], prefixes: [], modrm: [] };
    const immediates: number[] = [];
    shape.forEach((token, i) => {
      const isRead =
        ONLY_READS.has(name) || (i > 0 && !WRITES_BOTH.has(name)) || name.startsWith('cmpxchg');
      const bits = token.width === 'b' ? 8 : token.width === 'w' ? 16 : wide;
      const canRead = isRead && !(name.startsWith('cmpxchg') && i === 0);
      if (token.from === 'E' || token.from === 'M') {
        const isMemory = token.from === 'M' || this.chance(45);
        if (isMemory) place = this.place(MOVES_STACK.has(name));
        else place = { ...place, modrm: [0xc0 | this.register(bits, canRead)] };
      } else if (token.from === 'G') field = this.register(bits, canRead);
      else if (token.from === 'Z') opcodes[opcodes.length - 1] += this.register(bits, canRead);
      else if (token.from === 'I') immediates.push(...this.immediate(token.width, bits));
      else if (token.from === 'O') immediates.push(...this.offset());
    });
    const modrm = [...place.modrm];
    if (modrm.length > 0) modrm[0] |= field << 3;
    const hasMemory = modrm.length > 0 && modrm[0] < 0xc0;
    const lock = hasMemory && row.operation.lock && this.chance(4) ? [0xf0] : [];
    const size = wide === this.width ? [] : [0x66];
    const prefixes = [...lock, ...size, ...place.prefixes, ...mandatory];
    return [...place.before, { bytes: [...prefixes, ...opcodes, ...modrm, ...immediates] }];
  }

  anyWidth(): Width {
    if (this.chance(80)) return this.width;
    return this.width === 32 ? 16 : 32;
  }

  private immediate(width: string, bits: number): number[] {
    const value = this.value();
    if (width === 'b' || width === 's' || width === 'u') return little(value, 1);
    return little(value, bits / 8);
  }

  private offset(): number[] {
    return this.width === 32 ? little(this.address(), 4) : little(this.random.word(), 2);
  }
}
