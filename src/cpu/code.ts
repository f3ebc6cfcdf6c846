/**
 * The vocabulary in which every instruction is defined, once (ops/*.ts).
 *
 * A binding gives it a meaning: emit-js.ts writes the interpreter's text from it; a translator
 * binds the same members with operands known. A `Value` is opaque to definitions. Values of 8 and
 * 16 bits are canonical: sign-extended to 32, so that carry, borrow, signed compare, zero and sign
 * are the same formulas at every size.
 *
 * Rules a definition keeps:
 * - a result may be used once; what is used twice goes through `let`;
 * - only load, store, read/write/modify of a memory operand, push, pop, peek and helpers can fault;
 *   all that can come before any change of registers and flags do, so that a fault restarts;
 * - next/jump/jumpIf/jumpIndirect are the last call.
 *
 * Size is that of the instance being written; 64 would be one more.
 */

/** Operand size in bits. */
export type Bits = 8 | 16 | 32;

/** Opaque to definitions. */
export interface Value {
  readonly text: string;
  /** Known constant, where there is one. */
  readonly constant?: number;
}
export type Bool = Value;

/**
 * How an operand is given in this instance: register (of a field of the decoded instruction),
 * memory, immediate, the CL register, or a constant that the definition was instantiated with.
 */
export type Form = 'r' | 'm' | 'i' | 'c';

export interface Operand {
  readonly form: Form;
  readonly size: Bits;
  /** Which field of the record: registers a, b; the immediate. */
  readonly field: 1 | 2 | 3;
}

/**
 * How flags follow from operands and result. inc and dec keep CF; `rotate` changes CF and OF only
 * (given as values 0/1 a, b); `bits` takes all six flags from an EFLAGS-shaped value.
 */
export type Recipe =
  | 'add'
  | 'sub'
  | 'adc'
  | 'sbb'
  | 'logic'
  | 'inc'
  | 'dec'
  | 'shl'
  | 'shr'
  | 'sar'
  | 'mul'
  | 'rotate';

/** What a helper may do beyond reading its arguments. */
export interface Effects {
  /** May jump, change modes, halt, or make interrupts deliverable: the loop must look. */
  readonly exits?: boolean;
}

export interface Code {
  readonly size: Bits;
  k(n: number): Value;
  /** Names a value that is used more than once. */
  let(v: Value): Value;

  read(o: Operand): Value;
  write(o: Operand, v: Value): void;
  /** Address once, write permission checked before `f` runs. */
  modify(o: Operand, f: (old: Value) => Value): void;
  /** The effective offset of a memory operand, before the segment. */
  address(m: Operand): Value;
  /** Segment, address size and scale as the record packs them, for helpers: see decode.ts. */
  shape(): Value;
  /** Register by number, at `size`. */
  reg(n: number): Value;
  setReg(n: number, v: Value): void;
  /** From and to the segment of memory operand `m`, `delta` bytes behind its address. */
  loadFrom(m: Operand, delta: number, size: Bits): Value;
  push(v: Value): void;
  pop(): Value;
  /** The value `pop` would return; nothing moves. */
  peek(): Value;
  /** RET: as `pop`, of a new EIP that `checkOffset` is told of before the stack pointer moves. */
  popOffset(): Value;
  /** LEAVE: the value at the frame pointer; the stack pointer moves behind it. */
  unwind(): Value;
  /** Moves the stack pointer up by `bytes`. */
  release(bytes: Value): void;

  add(a: Value, b: Value): Value;
  sub(a: Value, b: Value): Value;
  mul(a: Value, b: Value): Value;
  and(a: Value, b: Value): Value;
  or(a: Value, b: Value): Value;
  xor(a: Value, b: Value): Value;
  /** Counts are 0..31; `shr` is logical within `size`. */
  shl(a: Value, count: Value): Value;
  shr(a: Value, count: Value): Value;
  sar(a: Value, count: Value): Value;
  zext(v: Value, from: Bits): Value;
  sext(v: Value, from: Bits): Value;
  eq(a: Value, b: Value): Bool;
  ne(a: Value, b: Value): Bool;
  select(c: Bool, a: Value, b: Value): Value;
  /** Register and flag effects only. */
  when(c: Bool, body: () => void): void;

  flags(recipe: Recipe, r: Value, a?: Value, b?: Value): void;
  /** CF as 0 or 1. */
  carry(): Value;
  cond(cc: number): Bool;
  /** All of CF PF AF ZF SF OF, EFLAGS-shaped. */
  allFlags(): Value;

  /** Changes CF alone. */
  setCarry(v: Value): void;
  both(a: Bool, b: Bool): Bool;
  /** A word of the register file that is no general register: registers.ts. */
  word(index: number): Value;
  setWord(index: number, v: Value): void;
  /** The same binding with another operand size. */
  at(size: Bits): Code;

  /** The number of a register operand. */
  number(r: Operand): Value;

  next(): Value;
  /** #GP(0) when the target lies beyond the limit of CS and `taken` (absent: always) holds. */
  checkTarget(target: Operand, taken?: Bool): void;
  /** As `checkTarget`, for `jumpIndirect`. */
  checkOffset(to: Value): void;
  jump(target: Operand): void;
  jumpIf(c: Bool, target: Operand): void;
  /** Truncated to the operand size. */
  jumpIndirect(to: Value): void;

  /** A pure function of helpers/compute.ts: may set flags, cannot fault. */
  compute(name: string, args: Value[]): Value;
  /** A function of helpers/all.ts, or `list[index]` of one of its lists; may fault. */
  helper(name: string, args: Value[], effects?: Effects): void;
  /** An escape: opcode << 8 | ModRM, and its memory operand if it has one. */
  x87(code: Value, e: Operand): void;
  /** An entry of simd/instructions.ts: its index, register g, operand e, the immediate byte. */
  vector(index: number, g: Value, e: Operand, immediate: Value): void;
  helperValue(name: string, args: Value[]): Value;
}
