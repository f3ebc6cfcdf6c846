/**
 * The JavaScript binding of the vocabulary with operands known: what it writes are regions of
 * translated 32-bit code (translate.ts has the function around it).
 *
 * Names in the text: e0..e7 the general registers, fk fr fa fb the record of the flags (flags.ts),
 * c the budget; S R W M4 M2 M1 C as in the interpreter. Nothing here can fault: an access that the
 * TLB does not answer at once leaves through `slow`, with the instruction not begun, and the
 * interpreter takes it from there. Definitions change nothing before their last access has passed,
 * so nothing needs to be undone.
 *
 * Not bound: helpers, segments that do not hold all offsets. `UNTRANSLATABLE` is thrown; such an
 * instruction runs as the interpreter's own function.
 */

import type { Bits, Bool, Code, Operand, Recipe, Value } from './code.ts';
import {
  belowText,
  conditionText,
  flagText,
  IN_LOCALS,
  type Known,
  knownConditionText,
} from './emit-flags.ts';
import { JsValues } from './emit-values.ts';
import { SSE_IS_ABSENT, type VectorSite, writeCall, writeMove } from './emit-vector.ts';
import { X87_WAITS, type X87Site, x87Writer } from './emit-x87.ts';
import type { Mode } from './mode.ts';
import {
  BASE,
  EBP,
  ECX,
  ESP,
  FLAG_A,
  FLAG_B,
  FLAG_KIND,
  FLAG_RESULT,
  SS,
  ZERO,
} from './registers.ts';
import { instructions } from './simd/instructions.ts';

/** Thrown by members that regions do not have. */
export const UNTRANSLATABLE = new Error('not part of regions');

/** Of helpers/compute.ts, those that neither read flags nor set them. */
const FLAGLESS = new Set(['bswap', 'selector']);
/** Those that set all flags whatever they were. */
const SET_ALL = new Set(['adcFlags', 'sbbFlags', 'popcnt']);

const SHIFT: { readonly [size: number]: number } = { 8: 0, 16: 1, 32: 2 };

const FLAG_WORDS = [
  [FLAG_KIND, 'fk'],
  [FLAG_RESULT, 'fr'],
  [FLAG_A, 'fa'],
  [FLAG_B, 'fb'],
] as const;
/** Statements: flags from variables to the register file, and back. */
export const SPILL_FLAGS = FLAG_WORDS.map(([word, name]) => `S[${word}] = ${name};`).join(' ');
export const RELOAD_FLAGS = FLAG_WORDS.map(([word, name]) => `${name} = S[${word}];`).join(' ');

/** How a definition ended: texts of what it decides. */
export type Ending =
  | { readonly to: 'target' }
  | { readonly to: 'either'; readonly taken: string }
  | { readonly to: 'value'; readonly eip: string };

/** What the whole region shares. */
export class RegionText {
  lines: string[] = [];
  names = 0;
  /** Bit n: register n is used, or changed. */
  used = 0;
  changed = 0;
  known: Known | undefined;
  ending: Ending | undefined;
  /** It is certain that SSE instructions are available. */
  hasSse = false;
  /** The same of the x87, and that no exception is pending. */
  hasX87 = false;
  /** By slot: the name of the double that its lower half is known to be. */
  readonly doubles = new Map<number, string>();
}

/** The instruction that is being written. */
export interface Instruction {
  readonly o: number;
  readonly records: Int32Array;
  readonly eip: number;
  readonly nextEip: number;
  readonly target: number;
  readonly mode: Mode;
  /** The register file. */
  readonly file: Int32Array;
  /** The statement that leaves before the instruction. */
  readonly slow: string;
}

interface Place {
  readonly p: string;
  readonly entry: string;
}

export class RegionCode extends JsValues implements Code, VectorSite, X87Site {
  constructor(
    size: Bits,
    private readonly here: Instruction,
    private readonly region: RegionText,
  ) {
    super(size);
  }

  at(size: Bits): RegionCode {
    return new RegionCode(size, this.here, this.region);
  }

  override and(a: Value, b: Value): Value {
    if (a.constant === undefined || b.constant === undefined) return super.and(a, b);
    return this.k(a.constant & b.constant);
  }

  override ne(a: Value, b: Value): Bool {
    if (a.constant === undefined || b.constant === undefined) return super.ne(a, b);
    return this.k(a.constant !== b.constant ? 1 : 0);
  }

  read(o: Operand): Value {
    if (o.form === 'm') return this.loadFrom(o, 0, o.size);
    if (o.form === 'c') return { text: this.register(registerAt(ECX, 8), 8) };
    if (o.form === 'i') return this.k(this.field(o.field));
    return { text: this.register(this.field(o.field), o.size) };
  }

  write(o: Operand, v: Value): void {
    if (o.form === 'm') this.store(this.place('W'), o.size, v.text);
    else this.assign(this.field(o.field), o.size, v.text);
  }

  modify(o: Operand, f: (old: Value) => Value): void {
    if (o.form !== 'm') {
      const index = this.field(o.field);
      const old = this.name(this.register(index, o.size));
      this.assign(index, o.size, f({ text: old }).text);
      return;
    }
    const place = this.place('W');
    this.check(place, o.size);
    const old = this.name(this.cell(place, o.size));
    this.line(`${this.cell(place, o.size)} = ${f({ text: old }).text};`);
  }

  address(m: Operand): Value {
    if (m.form !== 'm') throw new Error('only memory operands have an address');
    return { text: `(${this.sum(0)})` };
  }

  shape(): Value {
    return this.k(this.field(6));
  }

  number(r: Operand): Value {
    return this.k(this.field(r.field));
  }

  reg(n: number): Value {
    return { text: this.register(registerAt(n, this.size), this.size) };
  }

  setReg(n: number, v: Value): void {
    this.assign(registerAt(n, this.size), this.size, v.text);
  }

  loadFrom(_m: Operand, delta: number, size: Bits): Value {
    return { text: this.load(this.place('R', delta), size) };
  }

  push(v: Value): void {
    const value = this.let(v).text;
    const sp = this.name(`${this.stack(ESP)} - ${this.size / 8} | 0`);
    this.store(this.entry(sp, 'W'), this.size, value);
    this.assign(ESP, 32, sp);
  }

  pop(): Value {
    const v = this.peek();
    this.release(this.k(this.size / 8));
    return v;
  }

  peek(): Value {
    const sp = this.name(this.stack(ESP));
    return { text: this.load(this.entry(sp, 'R'), this.size) };
  }

  popOffset(): Value {
    this.requireWholeCode();
    return this.pop();
  }

  unwind(): Value {
    const bp = this.name(this.stack(EBP));
    const v = this.load(this.entry(bp, 'R'), this.size);
    this.assign(ESP, 32, `${bp} + ${this.size / 8} | 0`);
    return { text: v };
  }

  release(bytes: Value): void {
    this.assign(ESP, 32, `${this.stack(ESP)} + ${bytes.text} | 0`);
  }

  when(c: Bool, body: () => void): void {
    if (c.constant === 0) return;
    if (c.constant !== undefined) {
      body();
      return;
    }
    this.line(`if (${c.text}) {`);
    body();
    this.region.known = undefined;
    this.line('}');
  }

  flags(recipe: Recipe, r: Value, a: Value = this.k(0), b: Value = this.k(0)): void {
    const known = { recipe, r: r.text, a: a.text, b: b.text };
    const text = flagText(known, this.size, IN_LOCALS);
    if (text === undefined) {
      this.compute(`${recipe}Flags`, [r, a, b]);
      return;
    }
    this.line(text);
    this.region.known = known;
  }

  carry(): Value {
    return { text: `(${belowText(IN_LOCALS)} ? 1 : 0)` };
  }

  setCarry(v: Value): void {
    const cf = this.name(v.text);
    this.line(`${SPILL_FLAGS} C.settle(); ${RELOAD_FLAGS} fa = 0; fb = ${cf};`);
    this.region.known = undefined;
  }

  allFlags(): Value {
    this.line(SPILL_FLAGS);
    return { text: this.name('C.arithmetic()') };
  }

  cond(cc: number): Bool {
    const even = cc & ~1;
    const text = knownConditionText(this.region.known, even) ?? conditionText(even, IN_LOCALS);
    return { text: (cc & 1) === 0 ? `(${text})` : `!(${text})` };
  }

  next(): Value {
    return this.k(this.here.nextEip);
  }

  checkTarget(): void {
    if (this.here.target >>> 0 > this.here.mode.limit >>> 0) throw UNTRANSLATABLE;
  }

  checkOffset(): void {
    this.requireWholeCode();
  }

  jump(): void {
    this.region.ending = { to: 'target' };
  }

  jumpIf(c: Bool): void {
    this.region.ending = { to: 'either', taken: c.text };
  }

  jumpIndirect(to: Value): void {
    const eip = this.let(this.size === 16 ? { text: `${to.text} & 65535` } : to).text;
    this.region.ending = { to: 'value', eip };
  }

  compute(name: string, args: Value[]): Value {
    const call = `C.${name}(${args.map(v => v.text).join(', ')})`;
    if (FLAGLESS.has(name)) return { text: call };
    if (!SET_ALL.has(name)) this.line(SPILL_FLAGS);
    const v = this.name(call);
    this.line(RELOAD_FLAGS);
    this.region.known = undefined;
    return { text: v };
  }

  helper(): void {
    throw UNTRANSLATABLE;
  }

  vector(index: number, g: Value, e: Operand, immediate: Value): void {
    const { quick } = instructions[index].entries;
    if (quick === undefined) throw UNTRANSLATABLE;
    const { region } = this;
    if (!region.hasSse) this.leaveIf(SSE_IS_ABSENT);
    region.hasSse = true;
    const register = e.form === 'r' ? this.field(e.field) : undefined;
    const operands = { g: g.constant ?? 0, e: register, immediate };
    if ('at' in quick) writeMove(this, quick, operands);
    else writeCall(this, quick, `Q[${index}]`, operands);
  }

  x87(code: Value, _e: Operand): void {
    const write = x87Writer(code.constant ?? 0, this.here.file);
    if (write === undefined) throw UNTRANSLATABLE;
    const { region } = this;
    if (!region.hasX87) this.leaveIf(X87_WAITS);
    region.hasX87 = true;
    write(this);
  }

  get offset(): string {
    return this.sum(0);
  }

  get segment(): number {
    return (this.field(6) >> 8) & 7;
  }

  get eip(): number {
    return this.here.eip;
  }

  leaveIf(condition: string): void {
    this.line(`if (${condition}) ${this.here.slow}`);
  }

  words(tlb: 'R' | 'W', bytes: 4 | 8 | 16, isAligned: boolean): string {
    const { p, entry } = this.place(tlb);
    this.leaveIf(`((${p} | ${entry}) & ${isAligned ? bytes - 1 : 3}) !== 0`);
    if (!isAligned && bytes > 4) this.leaveIf(`(${p} & 4095) > ${4096 - bytes}`);
    return this.name(`(${p} ^ ${entry}) >>> 2`);
  }

  general(n: number): string {
    return this.use(n);
  }

  setGeneral(n: number, v: string): void {
    this.assign(n, 32, v);
  }

  setOrder(order: string): void {
    this.line(`C.setOrder(${order}); ${RELOAD_FLAGS}`);
    this.region.known = undefined;
  }

  helperValue(): Value {
    throw UNTRANSLATABLE;
  }

  /** An offset of any value is one of the code segment's. */
  private requireWholeCode(): void {
    if (this.here.mode.limit !== -1) throw UNTRANSLATABLE;
  }

  line(text: string): void {
    this.region.lines.push(text);
  }

  variable(value: string): string {
    const name = `t${this.region.names++}`;
    this.line(`let ${name} = ${value};`);
    return name;
  }

  get doubles(): Map<number, string> {
    return this.region.doubles;
  }

  name(value: string): string {
    const name = `t${this.region.names++}`;
    this.line(`const ${name} = ${value};`);
    return name;
  }

  private field(n: number): number {
    return this.here.records[this.here.o + n];
  }

  private use(n: number): string {
    this.region.used |= 1 << n;
    return `e${n}`;
  }

  /** The register at `index` of the view of its size. */
  private register(index: number, size: Bits): string {
    if (size === 32) return this.use(index);
    if (size === 16) return `(${this.use(index >> 1)} << 16 >> 16)`;
    const whole = this.use(index >> 2);
    return (index & 1) === 0 ? `(${whole} << 24 >> 24)` : `(${whole} << 16 >> 24)`;
  }

  private assign(index: number, size: Bits, v: string): void {
    const n = size === 32 ? index : index >> (size === 16 ? 1 : 2);
    const whole = this.use(n);
    this.region.changed |= 1 << n;
    if (size === 32) this.line(`${whole} = ${v};`);
    else if (size === 16) this.line(`${whole} = ${whole} & -65536 | ${v} & 65535;`);
    else if ((index & 1) === 0) this.line(`${whole} = ${whole} & -256 | ${v} & 255;`);
    else this.line(`${whole} = ${whole} & -65281 | (${v} & 255) << 8;`);
  }

  private isFlat(seg: number): boolean {
    return (this.here.mode.flat & (1 << seg)) !== 0;
  }

  /** Base + index * scale + displacement + `delta`. */
  private sum(delta: number): string {
    const shape = this.field(6);
    const base = this.field(4);
    const index = this.field(5);
    const parts: string[] = [];
    if (base !== ZERO) parts.push(this.use(base));
    if (index !== ZERO) {
      const scale = shape & 3;
      parts.push(scale === 0 ? this.use(index) : `(${this.use(index)} << ${scale})`);
    }
    const displacement = (this.field(7) + delta) | 0;
    if (displacement !== 0 || parts.length === 0) parts.push(`${displacement}`);
    return `${parts.join(' + ')} ${shape < 0 ? '| 0' : '& 65535'}`;
  }

  private place(tlb: 'R' | 'W', delta = 0): Place {
    const seg = (this.field(6) >> 8) & 7;
    const sum = this.sum(delta);
    if (this.isFlat(seg)) return this.entry(this.name(sum), tlb);
    if ((this.here.mode.whole & (1 << seg)) === 0) throw UNTRANSLATABLE;
    return this.entry(this.name(`(${sum}) + S[${BASE + seg}] | 0`), tlb);
  }

  private entry(p: string, tlb: 'R' | 'W'): Place {
    const half = this.here.mode.user ? ' | 1048576' : '';
    return { p, entry: this.name(`${tlb}[${p} >>> 12${half}]`) };
  }

  private stack(n: number): string {
    if (!this.here.mode.stack32 || !this.isFlat(SS)) throw UNTRANSLATABLE;
    return this.use(n);
  }

  /** Leaves unless the access can be made in place. */
  private check({ p, entry }: Place, size: Bits): void {
    const bits = size === 8 ? `${entry} & 1` : `(${p} | ${entry}) & ${size / 8 - 1}`;
    this.line(`if ((${bits}) !== 0) ${this.here.slow}`);
  }

  private cell({ p, entry }: Place, size: Bits): string {
    const at = `${p} ^ ${entry}`;
    return size === 8 ? `M1[${at}]` : `M${size / 8}[(${at}) >>> ${SHIFT[size]}]`;
  }

  private load(place: Place, size: Bits): string {
    this.check(place, size);
    return this.name(this.cell(place, size));
  }

  private store(place: Place, size: Bits, value: string): void {
    this.check(place, size);
    this.line(`${this.cell(place, size)} = ${value};`);
  }
}

function registerAt(n: number, size: Bits): number {
  if (size === 32) return n;
  if (size === 16) return n * 2;
  return n < 4 ? n * 4 : (n - 4) * 4 + 1;
}
