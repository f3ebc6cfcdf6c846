/**
 * What both JavaScript bindings have in common: values, arithmetic and comparisons, each a text
 * made of texts. Where lines go is theirs; see emit-js.ts and emit-region.ts.
 */

import type { Bits, Bool, Value } from './code.ts';

export abstract class JsValues {
  constructor(readonly size: Bits) {}

  abstract line(text: string): void;
  /** A constant of that value, by its name. */
  abstract name(value: string): string;

  let(v: Value): Value {
    if (v.constant !== undefined || /^t\d+$/.test(v.text)) return v;
    return { text: this.name(v.text) };
  }

  word(index: number): Value {
    return { text: `S[${index}]` };
  }

  setWord(index: number, v: Value): void {
    this.line(`S[${index}] = ${v.text};`);
  }

  k(n: number): Value {
    return { text: n < 0 ? `(${n})` : `${n}`, constant: n };
  }

  add(a: Value, b: Value): Value {
    return this.fit(`${a.text} + ${b.text}`);
  }

  sub(a: Value, b: Value): Value {
    return this.fit(`${a.text} - ${b.text}`);
  }

  mul(a: Value, b: Value): Value {
    return this.fit(`Math.imul(${a.text}, ${b.text})`);
  }

  and(a: Value, b: Value): Value {
    return { text: `(${a.text} & ${b.text})` };
  }

  or(a: Value, b: Value): Value {
    return { text: `(${a.text} | ${b.text})` };
  }

  xor(a: Value, b: Value): Value {
    return { text: `(${a.text} ^ ${b.text})` };
  }

  shl(a: Value, n: Value): Value {
    return this.fit(`${a.text} << ${n.text}`);
  }

  shr(a: Value, n: Value): Value {
    if (this.size === 32) return { text: `(${a.text} >>> ${n.text} | 0)` };
    return this.fit(`(${this.zext(a, this.size).text} >>> ${n.text})`);
  }

  sar(a: Value, n: Value): Value {
    return { text: `(${a.text} >> ${n.text})` };
  }

  zext(v: Value, from: Bits): Value {
    return from === 32 ? v : { text: `(${v.text} & ${from === 8 ? 255 : 65535})` };
  }

  sext(v: Value, from: Bits): Value {
    return from === 32 ? v : { text: `(${v.text} << ${32 - from} >> ${32 - from})` };
  }

  eq(a: Value, b: Value): Bool {
    return { text: `${a.text} === ${b.text}` };
  }

  ne(a: Value, b: Value): Bool {
    return { text: `${a.text} !== ${b.text}` };
  }

  both(a: Bool, b: Bool): Bool {
    return { text: `(${a.text}) && (${b.text})` };
  }

  select(c: Bool, a: Value, b: Value): Value {
    return { text: `(${c.text} ? ${a.text} : ${b.text})` };
  }

  private fit(text: string): Value {
    if (this.size === 32) return { text: `(${text} | 0)` };
    return { text: `(${text} << ${32 - this.size} >> ${32 - this.size})` };
  }
}
