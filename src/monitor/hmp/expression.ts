/**
 * The monitor's integer expressions: `$pc + 4*('a' & 0x0f)`. Values are 64-bit and wrap.
 *
 * Sums bind loosest, then `& | ^`, then `* / %`: unlike C, `1 + 2 & 2` is 3.
 */

import { UserError } from '../../error.ts';

/** A register by its name without the dollar; undefined when there is none. */
export type RegisterReader = (name: string) => bigint | undefined;

export interface Evaluated {
  /** As a signed 64-bit integer. */
  readonly value: bigint;
  /** Where the expression ended; blanks behind it are skipped. */
  readonly next: number;
}

const MAX_UNSIGNED = 0xffff_ffff_ffff_ffffn;

/** Evaluates the expression that starts at `from`. */
export function evaluate(text: string, from: number, register: RegisterReader): Evaluated {
  const reader = new Reader(text, from, register);
  const value = reader.sum();
  return { value: BigInt.asIntN(64, value), next: reader.at };
}

class Reader {
  constructor(
    private readonly text: string,
    public at: number,
    private readonly register: RegisterReader,
  ) {
    this.skipBlanks();
  }

  sum(): bigint {
    let value = this.logic();
    for (let op = this.operator('+-'); op !== ''; op = this.operator('+-')) {
      const right = this.logic();
      value = wrap(op === '+' ? value + right : value - right);
    }
    return value;
  }

  private logic(): bigint {
    let value = this.product();
    for (let op = this.operator('&|^'); op !== ''; op = this.operator('&|^')) {
      const right = this.product();
      if (op === '&') value &= right;
      else value = op === '|' ? value | right : value ^ right;
    }
    return value;
  }

  private product(): bigint {
    let value = this.unary();
    for (let op = this.operator('*/%'); op !== ''; op = this.operator('*/%')) {
      const right = this.unary();
      if (op === '*') value = wrap(value * right);
      else if (right === 0n) throw new UserError('division by zero');
      else value = wrap(op === '/' ? value / right : value % right);
    }
    return value;
  }

  private unary(): bigint {
    const c = this.text[this.at];
    if (c === undefined) throw new UserError('unexpected end of expression');
    if (c === '+' || c === '-' || c === '~') {
      this.advance(1);
      const value = this.unary();
      if (c === '+') return value;
      return wrap(c === '-' ? -value : ~value);
    }
    if (c === '(') return this.parenthesis();
    if (c === "'") return this.character();
    if (c === '$') return this.registerValue();
    return this.number();
  }

  private parenthesis(): bigint {
    this.advance(1);
    const value = this.sum();
    if (this.text[this.at] !== ')') throw new UserError("')' expected");
    this.advance(1);
    return value;
  }

  private character(): bigint {
    const c = this.text[this.at + 1];
    if (c === undefined) throw new UserError('character constant expected');
    if (this.text[this.at + 2] !== "'") throw new UserError("missing terminating ' character");
    this.advance(3);
    return BigInt(c.charCodeAt(0));
  }

  private registerValue(): bigint {
    const name = /^[A-Za-z0-9_.]*/.exec(this.text.slice(this.at + 1))?.[0] ?? '';
    const value = name === '' ? undefined : this.register(name);
    if (value === undefined) throw new UserError('unknown register');
    this.advance(1 + name.length);
    return value;
  }

  private number(): bigint {
    const rest = this.text.slice(this.at);
    const digits = /^(0x[0-9a-f]+|0[0-7]*|[1-9][0-9]*)/i.exec(rest)?.[0];
    if (digits === undefined) throw new UserError(`invalid char '${rest[0]}' in expression`);
    const octal = /^0[0-7]+$/.test(digits);
    const value = BigInt(octal ? `0o${digits.slice(1)}` : digits);
    if (value > MAX_UNSIGNED) throw new UserError('number too large');
    this.advance(digits.length);
    return wrap(value);
  }

  private operator(which: string): string {
    const c = this.text[this.at] ?? '';
    if (c === '' || !which.includes(c)) return '';
    this.advance(1);
    return c;
  }

  private advance(count: number): void {
    this.at += count;
    this.skipBlanks();
  }

  private skipBlanks(): void {
    while (/\s/.test(this.text[this.at] ?? '')) this.at++;
  }
}

function wrap(value: bigint): bigint {
  return BigInt.asIntN(64, value);
}
