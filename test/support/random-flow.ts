/**
 * Units of random programs that hold others: branches, loops, calls, jumps through tables, and what
 * is pushed around a body.
 */

import { alu } from '../../src/cpu/ops/alu.ts';
import { stack } from '../../src/cpu/ops/stack.ts';
import type { Random } from './random.ts';
import { type Group, type Instruction, type Item, little, sizeOf } from './random-code.ts';
import { COUNTERS, type Mode } from './random-layout.ts';
import { EBP, EBX, ECX, named, Pieces } from './random-pieces.ts';

const DECISIONS = [...named(alu, 'cmp', 'test'), ...named(alu, 'dec', 'sub', 'and')];
const DEPTH = COUNTERS + 0xb08;
const TURNS = [2, 3, 5, 9, 17, 40];

export abstract class Flow extends Pieces {
  private counters = 0;
  /** Units around the one that is made; loops among them. */
  protected depth = 0;
  protected loops = 0;
  /** In a loop that counts by EBP, or where EBP is a frame; by ECX. */
  private isBpTaken = false;
  protected usesCounter = false;
  /** Functions that may be called from here on: those behind, so that calls end. */
  protected firstCallable = 0;
  protected readonly functions: readonly string[];

  constructor(
    random: Random,
    mode: Mode,
    /** Loops turn so often that it pays to translate them. */
    protected readonly isHot: boolean,
  ) {
    super(random, mode);
    this.functions = Array.from({ length: 2 + random.below(4) }, (_, i) => `function ${i}`);
  }

  protected abstract unit(): Group;
  /** What needs no other unit and leaves ECX alone. */
  protected abstract small(): readonly Item[];

  protected body(most: number): Item[] {
    return Array.from({ length: 1 + this.random.below(most) }, () => this.unit());
  }

  /** What the run loops pair with the jump behind it, or anything. */
  private decision(): Instruction[] {
    if (this.coder.chance(35)) return this.one();
    return this.coder.instruction(this.random.pick(DECISIONS), this.coder.width);
  }

  protected branch(): Item[] {
    const over = this.label();
    const body = this.body(2);
    const cc = this.random.below(16);
    if (this.coder.chance(60)) {
      return [...this.decision(), this.jcc(over, cc, body), ...body, { label: over }];
    }
    const end = this.label();
    const other = this.body(2);
    const skip = this.jump(end, other);
    return [
      ...this.decision(),
      this.jcc(over, cc, [...body, skip]),
      ...body,
      skip,
      { label: over },
      ...other,
      { label: end },
    ];
  }

  protected loop(): Item[] {
    this.loops++;
    const items = this.anyLoop(this.turns());
    this.loops--;
    return items;
  }

  protected turns(): number {
    const { random } = this;
    if (!this.isHot) return random.pick(TURNS);
    if (this.loops === 1) return this.depth > 1 ? 4 : 200 + random.below(20_000);
    return random.pick([4, 20, 100]);
  }

  protected anyLoop(turns: number): Item[] {
    const kind = this.random.below(3);
    if (kind === 0 && !this.usesCounter) return this.ecxLoop(Math.min(turns, 60_000));
    if (kind === 1 && !this.isBpTaken) return this.bpLoop(turns);
    const counter = this.counter();
    const top = this.label();
    const body = [...this.body(3), this.at([0xff], 1, counter)];
    const set = this.at([0xc7], 0, counter, ...little(turns, this.wordSize));
    return [set, { label: top }, ...body, this.jcc(top, 5, body)];
  }

  /** Backwards by LOOP or DEC ECX, with what does not touch ECX inside. */
  protected ecxLoop(turns: number): Item[] {
    const { coder } = this;
    const { free } = coder;
    coder.free = free.filter(r => r !== ECX);
    this.usesCounter = true;
    const top = this.label();
    const body = Array.from({ length: 1 + this.random.below(3) }, () => this.group(this.small()));
    this.usesCounter = false;
    coder.free = free;
    const start = [this.load(ECX, turns), { label: top }, ...body];
    const kind = this.random.below(4);
    if (sizeOf(body) < 100 && kind < 2) {
      const opcode = kind === 0 ? 0xe2 : 0xe0 + this.random.below(2);
      return [...start, this.short(top, opcode)];
    }
    return [...start, this.bytes(0x49), this.jcc(top, 5, body)];
  }

  protected counter(): number {
    return COUNTERS + 4 * this.counters++;
  }

  protected bpLoop(turns: number): Item[] {
    this.isBpTaken = true;
    const top = this.label();
    const body = this.body(3);
    this.isBpTaken = false;
    const isDec = this.coder.chance(60);
    const count = isDec ? [this.bytes(0x4d)] : [this.bytes(0x83, 0xed, 1)];
    return [this.load(EBP, turns), { label: top }, ...body, ...count, this.jcc(top, 5, body)];
  }

  // ---- calls ----

  protected get callee(): string | undefined {
    const rest = this.functions.slice(this.firstCallable);
    return rest.length === 0 || this.usesCounter ? undefined : this.random.pick(rest);
  }

  protected call(): Item[] {
    const { callee, random } = this;
    if (callee === undefined) return this.plain();
    const direct = this.to(callee, [0xe8]);
    const kind = random.below(6);
    if (kind < 3) return [direct];
    const r = this.free();
    if (kind === 3)
      return [this.to(callee, [0xb8 | r], { absolute: true }), this.bytes(0xff, 0xd0 | r)];
    // A function that is told how deep to go.
    const depth = this.at([0xc7], 0, DEPTH, ...little(random.below(6), this.wordSize));
    if (kind === 4) return [depth, direct];
    const back = this.label();
    // By hand: the address pushed, a jump.
    const push = this.to(back, [0x68], { absolute: true });
    return [push, this.to(callee, [0xe9]), { label: back }];
  }

  /** A jump or a call through a table of the code. */
  protected table(): Item[] {
    const { random, isReal } = this;
    if (this.usesCounter) return this.plain();
    const r = this.coder.free.includes(EBX) ? EBX : this.free();
    const isCall = this.firstCallable < this.functions.length && this.coder.chance(40);
    const [table, end] = [this.label(), this.label()];
    const size = random.pick([2, 4]);
    const cases = Array.from({ length: size }, () => this.label());
    const targets = isCall ? cases.map(() => this.callee ?? '') : cases;
    const entries = targets.map(label => this.to(label, [], { absolute: true }));
    const mask = this.bytes(0x83, 0xe0 | r, size - 1);
    const scale = (isReal ? 1 : 2) << 6;
    const field = isCall ? 0x14 : 0x24;
    // Real mode: 67 and CS before, a 32-bit index whose upper half is cut off.
    const cut = isReal ? [this.bytes(0x66, 0x0f, 0xb7, 0xc0 | (r << 3) | r)] : [];
    const opcode = [...(isReal ? [0x2e, 0x67] : []), 0xff, field, scale | (r << 3) | 5];
    const go: Item = {
      bytes: [...opcode, 0, 0, 0, 0],
      reference: { label: table, at: opcode.length, size: 4, relative: false, plus: 0 },
    };
    const bodies = isCall
      ? []
      : cases.flatMap((label, i): Item[] => [
          { label },
          ...this.body(1),
          ...(i < size - 1 ? [this.to(end, [0xe9])] : []),
        ]);
    const leave = isCall ? [this.to(end, [0xe9])] : [];
    return [mask, ...cut, go, ...leave, { label: table }, ...entries, ...bodies, { label: end }];
  }

  protected function(name: string): Item[] {
    const { random, coder } = this;
    this.depth = 2;
    const body = this.keepingBp(() => this.body(3));
    this.depth = 0;
    const kind = random.below(8);
    const parameter = this.coder.chance(20) ? [this.bytes(0xc2, 0, 0)] : [this.bytes(0xc3)];
    const start: Item[] = [{ label: name }];
    if (kind === 0) {
      // Recursion, as deep as was said.
      const out = this.label();
      const again = [...body, this.to(name, [0xe8])];
      const tail = this.body(1);
      const dec = this.at([0xff], 1, DEPTH);
      return [
        ...start,
        dec,
        this.jcc(out, 8, [...again, ...tail]),
        ...again,
        ...tail,
        { label: out },
        ...parameter,
      ];
    }
    if (kind === 1) {
      // Back over the pushed registers by hand: RET or a jump.
      const r = this.free();
      return [...start, ...body, this.bytes(0x58 | r), this.bytes(0xff, 0xe0 | r)];
    }
    if (kind === 2 && !this.isReal) {
      // The return address is another one and the same again.
      const change = this.bytes(0x83, 0x04, 0x24, 1);
      const undo = this.bytes(0x83, 0x2c, 0x24, 1);
      return [...start, change, ...body, undo, ...parameter];
    }
    if (kind === 3) {
      const enter = this.bytes(0xc8, ...little(4 * random.below(16), 2), random.pick([0, 0, 1, 2]));
      const framed = this.withoutBp(() => this.body(2));
      // Deeper levels copy what is at EBP.
      const frame = [this.bytes(0x55), this.bytes(0x89, 0xe5), enter];
      return [...start, ...frame, ...framed, this.bytes(0xc9), this.bytes(0x5d), ...parameter];
    }
    if (kind === 4 && coder.free.length > 0) {
      const saved = [this.bytes(0x60), ...body, this.bytes(0x61)];
      return [...start, ...saved, ...parameter];
    }
    return [...start, ...body, ...parameter];
  }

  private withoutBp(make: () => Item[]): Item[] {
    const before = this.isBpTaken;
    this.isBpTaken = true;
    const items = make();
    this.isBpTaken = before;
    return items;
  }

  /** EBP is the callers' counter or frame. */
  private keepingBp(make: () => Item[]): Item[] {
    if (this.coder.chance(60)) return this.withoutBp(make);
    return [this.bytes(0x55), ...make(), this.bytes(0x5d)];
  }

  /** Arguments that the callee takes off the stack, and a return that skips an instruction. */
  protected returns(): Item[] {
    const { random } = this;
    if (this.usesCounter) return this.plain();
    const [inner, over] = [this.label(), this.label()];
    const r = this.free();
    if (this.isReal || this.coder.chance(50)) {
      const count = random.below(4);
      const pushes = Array.from({ length: count }, () => this.bytes(0x50 | random.below(8)));
      const body = this.plain();
      const skip = this.jump(over, [...body, this.bytes(0, 0, 0)]);
      return [
        ...pushes,
        this.to(inner, [0xe8]),
        skip,
        { label: inner },
        ...body,
        this.bytes(0xc2, ...little(count * this.wordSize, 2)),
        { label: over },
      ];
    }
    // mov r,bit; lea r,[r+r*4]; add [esp],r: 0 or 5 bytes further, which is one instruction.
    const body = this.plain();
    const choose = [
      this.bytes(0x83, 0xe0 | r, 1),
      this.bytes(0x8d, 0x04 | (r << 3), 0x80 | (r << 3) | r),
      this.bytes(0x01, 0x04 | (r << 3), 0x24),
    ];
    const five = this.load(r, this.coder.value());
    const skip = this.to(over, [0xe9]);
    return [
      this.to(inner, [0xe8]),
      five,
      skip,
      { label: inner },
      ...body,
      ...choose,
      this.bytes(0xc3),
      { label: over },
    ];
  }

  protected pushed(): Item[] {
    const { random } = this;
    const kind = random.below(4);
    const body = this.body(1);
    if (kind === 0) return [this.bytes(0x60), ...body, this.bytes(0x61)];
    if (kind === 1) return [this.bytes(0x9c), ...body, this.bytes(0x9d)];
    const regs = Array.from({ length: 1 + random.below(3) }, () => random.below(8));
    const pops = regs.map(() => this.bytes(0x58 | this.free()));
    const pushes = regs.map(r =>
      this.coder.chance(20)
        ? this.coder.instruction(named(stack, 'push')[3], this.coder.width)
        : [this.bytes(0x50 | r)],
    );
    return [...pushes.flat(), ...body, ...pops];
  }
}
