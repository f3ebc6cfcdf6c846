/**
 * The JavaScript binding of the vocabulary with operands unknown: they are fields of the decoded
 * record at `o`. What it writes is the interpreter (generate.ts has the loops around it).
 *
 * Addressing comes in four ways. `flat`: base 0, no limit, 32-bit offsets: TLB access in place.
 * `real`: 16-bit offsets in segments of at least 64 KiB: the base is added, the rest as flat.
 * `wide`: 32-bit offsets in such segments, compared with the limit; their stack is as in `real`.
 * `checked`: any segment, through functions that check everything.
 *
 * Names in the text: S S16 S8 registers, D records, NEXT their next EIP, R W TLBs, M4 M2 M1 memory,
 * o the record, c the budget, u the user half of the TLB; functions as access.ts and core.ts give.
 */

import { BUDGET, CURRENT } from './access.ts';
import type { Bits, Bool, Code, Effects, Operand, Recipe, Value } from './code.ts';
import {
  belowText,
  conditionText,
  flagText,
  IN_FILE,
  type Known,
  knownConditionText,
} from './emit-flags.ts';
import { JsValues } from './emit-values.ts';
import { BASE, EBP, ESP, LIMIT, SS } from './registers.ts';

export type Addressing = 'flat' | 'real' | 'wide' | 'checked';

export interface Binding {
  readonly addressing: Addressing;
  /** In a run loop (transfers end in its tail), or in a function of its own. */
  readonly inLoop: boolean;
}

const VIEW: { readonly [size: number]: string } = { 8: 'S8', 16: 'S16', 32: 'S' };
const SHIFT: { readonly [size: number]: number } = { 8: 0, 16: 1, 32: 2 };

interface Shared {
  readonly lines: string[];
  names: number;
  known: Known | undefined;
  /** Offset of the record that is being written: 8 for the second of a fused pair. */
  record: number;
  exits: boolean;
  transferred: boolean;
}

/** Where a memory operand is: names of constants that hold it. */
interface Place {
  readonly p: string;
  readonly entry: string;
  readonly segment: string;
  readonly offset: string;
  /** What the offset is compared with, where the mode does not answer for it. */
  readonly limit?: string;
}

export class JsCode extends JsValues implements Code {
  constructor(
    size: Bits,
    private readonly binding: Binding,
    private readonly shared: Shared = {
      lines: [],
      names: 0,
      known: undefined,
      record: 0,
      exits: false,
      transferred: false,
    },
  ) {
    super(size);
  }

  get text(): string {
    return this.shared.lines.join('\n');
  }

  get exits(): boolean {
    return this.shared.exits;
  }

  get transferred(): boolean {
    return this.shared.transferred;
  }

  at(size: Bits): JsCode {
    return new JsCode(size, this.binding, this.shared);
  }

  /** The next definition reads the record behind this one. */
  second(size: Bits): JsCode {
    this.shared.record = 8;
    return this.at(size);
  }

  read(o: Operand): Value {
    if (o.form === 'm') return this.loadFrom(o, 0, o.size);
    if (o.form === 'c') return { text: `${VIEW[8]}[4]` };
    if (o.form === 'i') return { text: this.field(o.field) };
    return { text: `${VIEW[o.size]}[${this.field(o.field)}]` };
  }

  write(o: Operand, v: Value): void {
    if (o.form === 'm') this.store(this.place('W'), o.size, v.text);
    else this.line(`${VIEW[o.size]}[${this.field(o.field)}] = ${v.text};`);
  }

  modify(o: Operand, f: (old: Value) => Value): void {
    if (o.form !== 'm') {
      const x = this.name(this.field(o.field));
      const old = this.name(`${VIEW[o.size]}[${x}]`);
      this.line(`${VIEW[o.size]}[${x}] = ${f({ text: old }).text};`);
      return;
    }
    const bytes = o.size / 8;
    if (this.binding.addressing === 'checked') {
      const { segment, offset } = this.place('W');
      const old = this.name(`X${bytes}(${segment}, ${offset})`);
      this.line(`Y${bytes}(${f({ text: old }).text});`);
      return;
    }
    const place = this.place('W');
    const fast = this.name(this.isFast(place, bytes));
    const slow =
      this.binding.addressing === 'flat'
        ? `x${bytes}(${place.p}, o, c)`
        : `xr${bytes}(${place.segment}, ${place.offset}, o, c)`;
    const old = this.name(`${fast} ? ${this.cell(place, o.size)} : ${slow}`);
    const r = this.name(f({ text: old }).text);
    this.line(`if (${fast}) ${this.cell(place, o.size)} = ${r}; else y${bytes}(${r});`);
  }

  address(m: Operand): Value {
    const sum = `${this.sum()}`;
    if (m.form !== 'm') throw new Error('only memory operands have an address');
    if (['flat', 'wide'].includes(this.binding.addressing)) return { text: `(${sum} | 0)` };
    if (this.binding.addressing === 'real') return { text: `(${sum} & 65535)` };
    return { text: `(${sum} & (${this.word6()} >> 31 | 65535))` };
  }

  shape(): Value {
    return { text: this.word6() };
  }

  number(r: Operand): Value {
    return { text: this.field(r.field) };
  }

  reg(n: number): Value {
    return { text: this.register(n) };
  }

  setReg(n: number, v: Value): void {
    this.line(`${this.register(n)} = ${v.text};`);
  }

  loadFrom(_m: Operand, delta: number, size: Bits): Value {
    return { text: this.load(this.place('R', delta), size) };
  }

  push(v: Value): void {
    const bytes = this.size / 8;
    if (this.binding.addressing === 'checked') {
      this.line(`PUSH(${v.text}, ${bytes});`);
      return;
    }
    const value = this.let(v).text;
    const sp = this.stackOffset(`S[${ESP}] - ${bytes}`);
    this.store(this.stackPlace(sp, 'W'), this.size, value);
    this.setStackPointer(sp);
  }

  pop(): Value {
    if (this.binding.addressing === 'checked') {
      return { text: this.name(`POP(${this.size / 8})`) };
    }
    const sp = this.stackOffset(`S[${ESP}]`);
    const v = this.load(this.stackPlace(sp, 'R'), this.size);
    this.setStackPointer(`${sp} + ${this.size / 8}`);
    return { text: v };
  }

  peek(): Value {
    if (this.binding.addressing === 'checked') return { text: `PEEK(${this.size / 8})` };
    return { text: this.load(this.stackPlace(this.stackOffset(`S[${ESP}]`), 'R'), this.size) };
  }

  popOffset(): Value {
    if (!this.mayLeaveCode) return this.pop();
    const to = this.let(this.peek());
    this.checkOffset(to);
    this.release(this.k(this.size / 8));
    return to;
  }

  unwind(): Value {
    if (this.binding.addressing === 'checked') {
      return { text: this.name(`UNWIND(${this.size / 8})`) };
    }
    const bp = this.stackOffset(`S[${EBP}]`);
    const v = this.load(this.stackPlace(bp, 'R'), this.size);
    this.setStackPointer(`${bp} + ${this.size / 8}`);
    return { text: v };
  }

  release(bytes: Value): void {
    if (this.binding.addressing === 'checked') this.line(`RELEASE(${bytes.text});`);
    else this.setStackPointer(`S[${ESP}] + ${bytes.text}`);
  }

  when(c: Bool, body: () => void): void {
    this.line(`if (${c.text}) {`);
    const before = this.shared.known;
    body();
    this.shared.known = before;
    this.line('}');
  }

  flags(recipe: Recipe, r: Value, a: Value = this.k(0), b: Value = this.k(0)): void {
    const known = { recipe, r: r.text, a: a.text, b: b.text };
    const text = flagText(known, this.size, IN_FILE);
    this.line(text ?? `C.${recipe}Flags(${r.text}, ${a.text}, ${b.text}, ${this.size});`);
    this.shared.known = known;
  }

  carry(): Value {
    return { text: `(${belowText(IN_FILE)} ? 1 : 0)` };
  }

  setCarry(v: Value): void {
    const cf = this.name(v.text);
    this.line(`C.settle(); ${IN_FILE.a} = 0; ${IN_FILE.b} = ${cf};`);
  }

  allFlags(): Value {
    return { text: 'C.arithmetic()' };
  }

  cond(cc: number): Bool {
    const even = cc & ~1;
    const text = knownConditionText(this.shared.known, even) ?? conditionText(even, IN_FILE);
    return { text: (cc & 1) === 0 ? `(${text})` : `!(${text})` };
  }

  next(): Value {
    return { text: `NEXT[${this.at0(0)} >> 3]` };
  }

  /** The run loops only see transfers that cannot leave the segment: see decode.ts. */
  checkTarget(_target: Operand, taken?: Bool): void {
    if (this.binding.addressing !== 'checked') return;
    const check = `checkTarget(${this.at0(0)});`;
    this.line(taken === undefined ? check : `if (${taken.text}) ${check}`);
  }

  checkOffset(to: Value): void {
    const offset = this.offsetText(to);
    if (this.binding.addressing === 'checked') this.line(`checkOffset(${offset});`);
    else if (this.mayLeaveCode) {
      // Segments smaller than 64 KiB have no records here.
      const noted = `S[${CURRENT}] = o; S[${BUDGET}] = c;`;
      this.line(`if (${offset} >>> 16 !== 0) { ${noted} checkOffset(${offset}); }`);
    }
  }

  jump(_target: Operand): void {
    this.transfer(`${this.at0(5)}`);
  }

  jumpIf(c: Bool, _target: Operand): void {
    this.transfer(`${c.text} ? ${this.at0(5)} : ${this.at0(6)}`);
  }

  jumpIndirect(to: Value): void {
    const v = this.offsetText(to);
    if (this.binding.inLoop) {
      this.line(`if ((o = N(${v}, c -= D[o + 2])) < 0) return c;\ncontinue;`);
    } else {
      this.line(`return JI(o, ${v});`);
    }
    this.shared.transferred = true;
  }

  compute(name: string, args: Value[]): Value {
    return { text: `C.${name}(${args.map(v => v.text).join(', ')})` };
  }

  helper(name: string, args: Value[], effects: Effects = {}): void {
    this.line(`H.${name}(${['cpu', ...args.map(v => v.text)].join(', ')});`);
    if (effects.exits === true) this.shared.exits = true;
  }

  x87(code: Value, e: Operand): void {
    const offset = e.form === 'm' ? this.address(e) : this.k(0);
    this.helper('x87', [code, this.shape(), offset, this.k(this.size / 8)], { exits: true });
  }

  vector(index: number, g: Value, e: Operand, immediate: Value): void {
    if (e.form === 'r') {
      this.helper(`simdRegisters[${index}]`, [g, this.number(e), immediate]);
    } else {
      const place = this.helperValue('operand', [this.shape(), this.address(e)]);
      this.helper(`simdMemories[${index}]`, [g, place, immediate]);
    }
  }

  helperValue(name: string, args: Value[]): Value {
    return { text: this.name(`H.${name}(${['cpu', ...args.map(v => v.text)].join(', ')})`) };
  }

  /** An indirect transfer of this size may go beyond the code segment. */
  private get mayLeaveCode(): boolean {
    return this.binding.addressing === 'checked' || (this.hasRealStack && this.size === 32);
  }

  private get hasRealStack(): boolean {
    return this.binding.addressing === 'real' || this.binding.addressing === 'wide';
  }

  private offsetText(to: Value): string {
    return this.size === 16 ? `${to.text} & 65535` : to.text;
  }

  private transfer(link: string): void {
    this.line(this.binding.inLoop ? `q = ${link};\nbreak;` : `return J(${link});`);
    this.shared.transferred = true;
  }

  private register(n: number): string {
    if (this.size === 32) return `S[${n}]`;
    if (this.size === 16) return `S16[${n * 2}]`;
    return `S8[${n < 4 ? n * 4 : (n - 4) * 4 + 1}]`;
  }

  line(text: string): void {
    this.shared.lines.push(text);
  }

  name(value: string): string {
    const name = `t${this.shared.names++}`;
    // Loops declare them once: V8 gives each declaration a register of its own.
    this.line(`${this.binding.inLoop ? '' : 'const '}${name} = ${value};`);
    return name;
  }

  private at0(field: number): string {
    const offset = this.shared.record + field;
    return offset === 0 ? 'o' : `o + ${offset}`;
  }

  private field(n: number): string {
    return `D[${this.at0(n)}]`;
  }

  private word6(): string {
    return this.field(6);
  }

  private sum(shape = this.word6()): string {
    const [base, index, disp] = [this.field(4), this.field(5), this.field(7)];
    if (this.binding.addressing === 'real') return `S[${base}] + S[${index}] + ${disp}`;
    return `S[${base}] + (S[${index}] << ${shape}) + ${disp}`;
  }

  private place(tlb: 'R' | 'W', delta = 0): Place {
    const { addressing } = this.binding;
    if (addressing === 'flat') {
      const p = this.name(`${this.sum()}${delta === 0 ? '' : ` + ${delta}`} | 0`);
      return { p, entry: this.name(`${tlb}[${p} >>> 12 | u]`), segment: '', offset: p };
    }
    const plus = delta === 0 ? '' : ` + ${delta}`;
    if (addressing === 'checked') {
      const mask = `(${this.word6()} >> 31 | 65535)`;
      const offset = this.name(`${this.sum()}${plus} & ${mask}`);
      return { p: '', entry: '', segment: `${this.word6()} >> 8 & 7`, offset };
    }
    const shape = this.name(this.word6());
    const mask = addressing === 'wide' ? '| 0' : '& 65535';
    const offset = this.name(`${this.sum(shape)}${plus} ${mask}`);
    const base = `${shape} >> 8 & 63`;
    const p = this.name(`${offset} + S[${base}] | 0`);
    const entry = this.name(`${tlb}[${p} >>> 12 | u]`);
    const limit = addressing === 'wide' ? `S[(${base}) + ${LIMIT - BASE}]` : undefined;
    return { p, entry, segment: `${shape} >> 8 & 7`, offset, limit };
  }

  private stackOffset(text: string): string {
    return this.name(this.hasRealStack ? `${text} & 65535` : `${text} | 0`);
  }

  private stackPlace(offset: string, tlb: 'R' | 'W'): Place {
    const p = this.hasRealStack ? this.name(`${offset} + S[${BASE + SS}] | 0`) : offset;
    return { p, entry: this.name(`${tlb}[${p} >>> 12 | u]`), segment: `${SS}`, offset };
  }

  private setStackPointer(text: string): void {
    if (this.hasRealStack) this.line(`S16[${ESP * 2}] = ${text};`);
    else this.line(`S[${ESP}] = ${text};`);
  }

  private isFast(place: Place, bytes: number): string {
    // Limits end in ones and bases in zeros: what is aligned and begins inside ends inside.
    const inside =
      place.limit === undefined ? '' : ` && ${place.offset} >>> 0 <= ${place.limit} >>> 0`;
    if (bytes === 1) return `(${place.entry} & 1) === 0${inside}`;
    return `((${place.p} | ${place.entry}) & ${bytes - 1}) === 0${inside}`;
  }

  private cell(place: Place, size: Bits): string {
    const at = `${place.p} ^ ${place.entry}`;
    return size === 8 ? `M1[${at}]` : `M${size / 8}[(${at}) >>> ${SHIFT[size]}]`;
  }

  private load(place: Place, size: Bits): string {
    const bytes = size / 8;
    const { addressing } = this.binding;
    if (addressing === 'checked') return this.name(`L${bytes}(${place.segment}, ${place.offset})`);
    const slow =
      addressing === 'flat'
        ? `r${bytes}(${place.p}, o, c)`
        : `lr${bytes}(${place.segment}, ${place.offset}, o, c)`;
    return this.name(`${this.isFast(place, bytes)} ? ${this.cell(place, size)} : ${slow}`);
  }

  private store(place: Place, size: Bits, value: string): void {
    const bytes = size / 8;
    const { addressing } = this.binding;
    if (addressing === 'checked') {
      this.line(`T${bytes}(${place.segment}, ${place.offset}, ${value});`);
      return;
    }
    const slow =
      addressing === 'flat'
        ? `w${bytes}(${place.p}, ${value}, o, c)`
        : `sr${bytes}(${place.segment}, ${place.offset}, ${value}, o, c)`;
    const fast = `${this.cell(place, size)} = ${value}`;
    this.line(`if (${this.isFast(place, bytes)}) ${fast}; else ${slow};`);
  }
}
