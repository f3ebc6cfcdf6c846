/**
 * A stream of JSON values as QMP clients send them: cut into values by counting braces and
 * brackets of its tokens, each value then parsed. Strings may be in single quotes, too.
 *
 * Not accepted, like QEMU: `null`. After a mistake reading goes on with the next token.
 */

import { UserError } from '../../error.ts';
import type { Json } from '../../json.ts';

type Token =
  | { readonly kind: 'mark'; readonly mark: string }
  | { readonly kind: 'value'; readonly value: Json }
  | { readonly kind: 'bad' };

const MARKS = '{}[]:,';
const MAX_TOKENS = 1 << 20;

export class JsonStream {
  private pending = '';
  private tokens: Token[] = [];
  private braces = 0;
  private brackets = 0;
  private readonly decoder = new TextDecoder();

  /** `deliver` gets each value, `fail` each mistake. */
  constructor(
    private readonly deliver: (value: Json) => void,
    private readonly fail: (error: UserError) => void,
  ) {}

  feed(bytes: Uint8Array): void {
    this.pending += this.decoder.decode(bytes, { stream: true });
    for (;;) {
      const length = this.tokenLength();
      if (length === 0) return;
      const text = this.pending.slice(0, length);
      this.pending = this.pending.slice(length);
      const token = readToken(text);
      if (token !== undefined) this.push(token);
    }
  }

  /** Length of the blank or token at the start, 0 while it may go on. */
  private tokenLength(): number {
    const text = this.pending;
    if (text === '') return 0;
    const blank = /^\s+/.exec(text);
    if (blank !== null) return blank[0].length;
    if (MARKS.includes(text[0])) return 1;
    if (text[0] === '"' || text[0] === "'") return stringLength(text);
    const word = /^[-+.0-9a-zA-Z_]+/.exec(text)?.[0];
    if (word === undefined) return 1;
    return word.length < text.length ? word.length : 0;
  }

  private push(token: Token): void {
    if (token.kind === 'mark') {
      if (token.mark === '{') this.braces++;
      else if (token.mark === '}') this.braces--;
      else if (token.mark === '[') this.brackets++;
      else if (token.mark === ']') this.brackets--;
    }
    this.tokens.push(token);
    const broken = token.kind === 'bad' || this.tokens.length > MAX_TOKENS;
    const open = this.braces > 0 || this.brackets > 0;
    if (!broken && open && this.braces >= 0 && this.brackets >= 0) return;
    const tokens = this.tokens;
    this.tokens = [];
    this.braces = 0;
    this.brackets = 0;
    const value = new Parser(tokens).parse();
    if (value === undefined) this.fail(new UserError('Invalid JSON syntax'));
    else this.deliver(value);
  }
}

function stringLength(text: string): number {
  const quote = text[0];
  for (let i = 1; i < text.length; i++) {
    if (text[i] === '\\') i++;
    else if (text[i] === quote) return i + 1;
  }
  return 0;
}

function readToken(text: string): Token | undefined {
  if (/^\s/.test(text)) return undefined;
  if (MARKS.includes(text)) return { kind: 'mark', mark: text };
  if (text[0] === '"' || text[0] === "'") return readString(text);
  if (/^-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?$/.test(text)) {
    return { kind: 'value', value: Number(text) };
  }
  if (text === 'true' || text === 'false') return { kind: 'value', value: text === 'true' };
  // Other words are tokens that no value allows; anything else cannot start a token.
  return /^[a-z]+$/.test(text) ? { kind: 'mark', mark: text } : { kind: 'bad' };
}

const UNESCAPED: { readonly [letter: string]: string } = {
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
  '/': '/',
  '\\': '\\',
  '"': '"',
  "'": "'",
};

function readString(text: string): Token {
  let value = '';
  for (let i = 1; i < text.length - 1; i++) {
    if (text[i] !== '\\') {
      value += text[i];
      continue;
    }
    i++;
    if (text[i] === 'u') {
      const digits = text.slice(i + 1, i + 5);
      if (!/^[0-9a-fA-F]{4}$/.test(digits)) return { kind: 'bad' };
      value += String.fromCharCode(Number.parseInt(digits, 16));
      i += 4;
      continue;
    }
    const plain = UNESCAPED[text[i]];
    if (plain === undefined) return { kind: 'bad' };
    value += plain;
  }
  return { kind: 'value', value };
}

class Parser {
  private at = 0;

  constructor(private readonly tokens: readonly Token[]) {}

  /** Undefined when the tokens are no value. */
  parse(): Json | undefined {
    const value = this.value();
    return this.at === this.tokens.length ? value : undefined;
  }

  private value(): Json | undefined {
    const token = this.tokens[this.at++];
    if (token?.kind === 'value') return token.value;
    if (token?.kind !== 'mark') return undefined;
    if (token.mark === '{') return this.object();
    if (token.mark === '[') return this.array();
    return undefined;
  }

  private object(): Json | undefined {
    // No prototype: a member may be called `__proto__`.
    const object: { [name: string]: Json } = Object.create(null) as { [name: string]: Json };
    if (this.takes('}')) return object;
    for (;;) {
      const key = this.tokens[this.at++];
      if (key?.kind !== 'value' || typeof key.value !== 'string') return undefined;
      if (!this.takes(':')) return undefined;
      const value = this.value();
      if (value === undefined) return undefined;
      object[key.value] = value;
      if (this.takes('}')) return object;
      if (!this.takes(',')) return undefined;
    }
  }

  private array(): Json | undefined {
    const items: Json[] = [];
    if (this.takes(']')) return items;
    for (;;) {
      const value = this.value();
      if (value === undefined) return undefined;
      items.push(value);
      if (this.takes(']')) return items;
      if (!this.takes(',')) return undefined;
    }
  }

  private takes(mark: string): boolean {
    const token = this.tokens[this.at];
    if (token?.kind !== 'mark' || token.mark !== mark) return false;
    this.at++;
    return true;
  }
}
