/**
 * The monitor's integer expressions: `$pc + 4*('a' & 0x0f)`. Values are 64-bit and wrap.
 *
 * Sums bind loosest, then `& | ^`, then `* / %`: unlike C, `1 + 2 & 2` is 3.
 */

import { UserError } from '../../error.ts';
import { firstByte, toUtf8 } from '../../utf8.ts';

/** A register by its name without the dollar; undefined when there is none. */
export type RegisterReader = (name: string) => bigint | undefined;

export interface Evaluated {
  /** As a signed 64-bit integer. */
  readonly value: bigint;
  /** Where the expression ended; blanks behind it are skipped. */
  readonly next: number;
}

const MAX_UNSIGNED = 0xffff_ffff_ffff_ffffn;

/** As C's isspace has it: bytes of other alphabets are none. */
export function isBlank(char: string | undefined): boolean {
  return char === ' ' || (char !== undefined && char >= '\t' && char <= '\r');
}

/** Evaluates the expression that starts at `from`. */
export function evaluate(text: string, from: number, register: RegisterReader): Evaluated {
  const reader = new Reader(text, from, register);
  const value = reader.expression();
  return { value: BigInt.asIntN(64, value), next: reader.at };
}

/** How tightly operators of two operands bind; a parenthesis ends all of what is inside. */
const BINDS: { readonly [operator: string]: number } = {
  '(': 0,
  ...{ '+': 1, '-': 1 },
  ...{ '&': 2, '|': 2, '^': 2 },
  ...{ '*': 3, '/': 3, '%': 3 },
};

/** Keeps what is begun on stacks of its own: QMP's clients may nest as deep as they like. */
class Reader {
  private readonly values: bigint[] = [];
  /** Operators whose right side is not complete; those of one operand as `u-`. */
  private readonly begun: string[] = [];
  private depth = 0;

  constructor(
    private readonly text: string,
    public at: number,
    private readonly register: RegisterReader,
  ) {
    this.skipBlanks();
  }

  expression(): bigint {
    for (;;) {
      this.operand();
      if (!this.operator()) return this.values[0];
    }
  }

  /** A number with what stands before it. */
  private operand(): void {
    for (;;) {
      const c = this.text[this.at];
      if (c === undefined) throw new UserError('unexpected end of expression');
      if (c === '+' || c === '-' || c === '~') this.begun.push(`u${c}`);
      else if (c === '(') this.open();
      else break;
      this.advance(1);
    }
    this.values.push(this.number());
    this.applySigns();
  }

  private open(): void {
    this.begun.push('(');
    this.depth++;
  }

  /** What is behind an operand: true when another one follows. */
  private operator(): boolean {
    for (;;) {
      const c = this.text[this.at] ?? '';
      const binds = c === '(' ? undefined : BINDS[c];
      this.apply(binds ?? 1);
      if (binds !== undefined) {
        this.begun.push(c);
        this.advance(1);
        return true;
      }
      if (this.depth === 0) return false;
      if (c !== ')') throw new UserError("')' expected");
      this.begun.pop();
      this.depth--;
      this.advance(1);
      this.applySigns();
    }
  }

  /** Computes what binds at least as tightly as that. */
  private apply(binds: number): void {
    for (;;) {
      const operator = this.begun.at(-1);
      if (operator === undefined || BINDS[operator] < binds) return;
      this.begun.pop();
      const right = this.values.pop() ?? 0n;
      const left = this.values.pop() ?? 0n;
      this.values.push(wrap(compute(left, operator, right)));
    }
  }

  private applySigns(): void {
    while (this.begun.at(-1)?.[0] === 'u') {
      const sign = this.begun.pop();
      const value = this.values.pop() ?? 0n;
      this.values.push(sign === 'u+' ? value : wrap(sign === 'u-' ? -value : ~value));
    }
  }

  private number(): bigint {
    const c = this.text[this.at];
    if (c === "'") return this.character();
    return c === '$' ? this.registerValue() : this.digits();
  }

  private character(): bigint {
    const c = this.text[this.at + 1];
    if (c === undefined) throw new UserError('character constant expected');
    const [byte, ...more] = toUtf8(c);
    if (more.length > 0 || this.text[this.at + 2] !== "'") {
      throw new UserError("missing terminating ' character");
    }
    this.advance(3);
    return BigInt.asIntN(8, BigInt(byte));
  }

  private registerValue(): bigint {
    const name = /^[A-Za-z0-9_.]*/.exec(this.text.slice(this.at + 1))?.[0] ?? '';
    const value = name === '' ? undefined : this.register(name);
    if (value === undefined) throw new UserError('unknown register');
    this.advance(1 + name.length);
    return value;
  }

  private digits(): bigint {
    const rest = this.text.slice(this.at);
    const digits = /^(0x[0-9a-f]+|0[0-7]*|[1-9][0-9]*)/i.exec(rest)?.[0];
    if (digits === undefined)
      throw new UserError(`invalid char '${firstByte(rest)}' in expression`);
    const octal = /^0[0-7]+$/.test(digits);
    const value = BigInt(octal ? `0o${digits.slice(1)}` : digits);
    if (value > MAX_UNSIGNED) throw new UserError('number too large');
    this.advance(digits.length);
    return wrap(value);
  }

  private advance(count: number): void {
    this.at += count;
    this.skipBlanks();
  }

  private skipBlanks(): void {
    while (isBlank(this.text[this.at])) this.at++;
  }
}

function compute(left: bigint, operator: string, right: bigint): bigint {
  switch (operator) {
    case '+':
      return left + right;
    case '-':
      return left - right;
    case '&':
      return left & right;
    case '|':
      return left | right;
    case '^':
      return left ^ right;
    case '*':
      return left * right;
    default:
      if (right === 0n) throw new UserError('division by zero');
      return operator === '/' ? left / right : left % right;
  }
}

function wrap(value: bigint): bigint {
  return BigInt.asIntN(64, value);
}
