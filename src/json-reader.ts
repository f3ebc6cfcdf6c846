/**
 * A stream of JSON values as QMP clients send them, and file names have them: cut into values by
 * counting braces and brackets of its tokens, each value then parsed.
 *
 * Not accepted, like QEMU: `null`. After a mistake reading goes on with the next token. What is
 * longer than 64 MiB, nested deeper than 1024 or has more than a million tokens is a mistake, too.
 */

import { UserError } from './error.ts';
import type { Json } from './json.ts';
import { JsonLexer, MAX_TOKEN_BYTES, type Token } from './json-lexer.ts';
import { toUtf8 } from './utf8.ts';

/** Of one value. */
const MAX_TOKENS = 1 << 20;
const MAX_NESTING = 1024;

export class JsonStream {
  private tokens: Token[] = [];
  private size = 0;
  private braces = 0;
  private brackets = 0;
  private readonly lexer = new JsonLexer((token, bytes) => this.push(token, bytes));

  /** `deliver` gets each value, `fail` each mistake. */
  constructor(
    private readonly deliver: (value: Json) => void,
    private readonly fail: (error: UserError) => void,
  ) {}

  feed(bytes: Uint8Array): void {
    this.lexer.feed(bytes);
  }

  private push(token: Token, bytes: number): void {
    if (token.kind === 'mark') {
      if (token.mark === '{') this.braces++;
      else if (token.mark === '}') this.braces--;
      else if (token.mark === '[') this.brackets++;
      else if (token.mark === ']') this.brackets--;
    }
    this.size += bytes;
    this.tokens.push(token);
    const { braces, brackets } = this;
    const isTooMuch =
      this.tokens.length > MAX_TOKENS ||
      this.size > MAX_TOKEN_BYTES ||
      braces + brackets > MAX_NESTING;
    const isOpen = braces > 0 || brackets > 0;
    const isBad = token.kind === 'bad' || isTooMuch;
    if (!isBad && isOpen && braces >= 0 && brackets >= 0) return;
    const { tokens } = this;
    this.tokens = [];
    this.size = 0;
    this.braces = 0;
    this.brackets = 0;
    const value = isBad ? undefined : new Parser(tokens).parse();
    if (value === undefined) this.fail(new UserError('Invalid JSON syntax'));
    else this.deliver(value);
  }
}

/** The value that a text is; of several the last one. Undefined when there is none. */
export function parseJson(text: string): Json | undefined {
  let last: Json | undefined;
  const stream = new JsonStream(
    value => {
      last = value;
    },
    () => {
      last = undefined;
    },
  );
  // The space ends a number or a word.
  stream.feed(toUtf8(`${text} `));
  return last;
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
