/**
 * Bytes into the tokens of JSON, one state per byte, as QEMU's lexer does it: strings in double or
 * single quotes, numbers, words of small letters, and marks.
 *
 * A byte that cannot go on is an error and ends what was begun; reading goes on behind it. Of a
 * token no more than 64 MiB are kept.
 */

import { type Json, JsonFloat } from './json.ts';
import { fromUtf8 } from './utf8.ts';

export type Token =
  | { readonly kind: 'mark'; readonly mark: string }
  | { readonly kind: 'value'; readonly value: Json }
  | { readonly kind: 'bad' };

export const MAX_TOKEN_BYTES = 64 * 1024 * 1024;
const BAD: Token = { kind: 'bad' };

const START = 0;
const STRING = 1;
const ESCAPE = 2;
const HEX = 3;
const MINUS = 4;
const ZERO = 5;
const INTEGER = 6;
const POINT = 7;
const FRACTION = 8;
const EXPONENT = 9;
const SIGN = 10;
const POWER = 11;
const WORD = 12;

const QUOTE = 0x22;
const APOSTROPHE = 0x27;
const BACKSLASH = 0x5c;
const DOT = 0x2e;

function isDigit(byte: number): boolean {
  return byte >= 0x30 && byte <= 0x39;
}

function isSmallLetter(byte: number): boolean {
  return byte >= 0x61 && byte <= 0x7a;
}

function isHex(byte: number): boolean {
  return isDigit(byte) || (byte >= 0x61 && byte <= 0x66) || (byte >= 0x41 && byte <= 0x46);
}

function isE(byte: number): boolean {
  return byte === 0x65 || byte === 0x45;
}

/** What never occurs in UTF-8. */
function isForbidden(byte: number): boolean {
  return byte === 0 || byte === 0xc0 || byte === 0xc1 || byte > 0xf4;
}

const MARKS: readonly (Token | undefined)[] = Array.from({ length: 128 }, (_, byte) => {
  const mark = String.fromCharCode(byte);
  return '{}[]:,'.includes(mark) ? { kind: 'mark', mark } : undefined;
});

export class JsonLexer {
  private state = START;
  private quote = 0;
  private hexLeft = 0;
  private bytes = new Uint8Array(256);
  private length = 0;

  /** `deliver` gets each token, and how many bytes it has. */
  constructor(private readonly deliver: (token: Token, bytes: number) => void) {}

  feed(bytes: Uint8Array): void {
    for (let i = 0; i < bytes.length; ) {
      if (this.state === STRING) i = this.scanString(bytes, i);
      else if (this.take(bytes[i])) i++;
    }
  }

  /** Plain characters of a string at once. */
  private scanString(bytes: Uint8Array, from: number): number {
    let at = from;
    while (at < bytes.length) {
      const byte = bytes[at];
      if (byte === this.quote || byte === BACKSLASH || isForbidden(byte)) break;
      at++;
    }
    this.keep(bytes.subarray(from, at));
    if (at === bytes.length || this.state !== STRING) return at;
    const byte = bytes[at];
    if (byte === this.quote) this.emit({ kind: 'value', value: this.stringValue() });
    else if (byte === BACKSLASH) this.go(byte, ESCAPE);
    else this.fail();
    return at + 1;
  }

  private keep(more: Uint8Array): void {
    if (!this.hasRoom(more.length)) return;
    this.bytes.set(more, this.length);
    this.length += more.length;
  }

  private go(byte: number, state: number): true {
    this.state = state;
    if (this.hasRoom(1)) this.bytes[this.length++] = byte;
    return true;
  }

  /** A token that grows too long is an error. */
  private hasRoom(count: number): boolean {
    const length = this.length + count;
    if (length <= this.bytes.length) return true;
    if (length > MAX_TOKEN_BYTES) {
      this.fail();
      return false;
    }
    const grown = new Uint8Array(Math.max(length, this.bytes.length * 2));
    grown.set(this.bytes.subarray(0, this.length));
    this.bytes = grown;
    return true;
  }

  /** False when the byte belongs to the next token. */
  private take(byte: number): boolean {
    switch (this.state) {
      case START:
        return this.begin(byte);
      case ESCAPE:
        if (byte === 0x75) this.hexLeft = 4;
        else if (!'bfnrt/\\"\''.includes(String.fromCharCode(byte))) return this.fail();
        return this.go(byte, byte === 0x75 ? HEX : STRING);
      case HEX:
        if (!isHex(byte)) return this.fail();
        return this.go(byte, --this.hexLeft === 0 ? STRING : HEX);
      case WORD:
        return isSmallLetter(byte) ? this.go(byte, WORD) : this.endWord();
      default:
        return this.number(byte);
    }
  }

  private begin(byte: number): boolean {
    if (byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09) return true;
    const mark = MARKS[byte];
    if (mark !== undefined) {
      this.emit(mark);
      return true;
    }
    if (byte === QUOTE || byte === APOSTROPHE) {
      this.quote = byte;
      this.state = STRING;
      return true;
    }
    if (byte === 0x2d) return this.go(byte, MINUS);
    if (isDigit(byte)) return this.go(byte, byte === 0x30 ? ZERO : INTEGER);
    return isSmallLetter(byte) ? this.go(byte, WORD) : this.fail();
  }

  private number(byte: number): boolean {
    const digit = isDigit(byte);
    switch (this.state) {
      case MINUS:
        if (!digit) return this.fail();
        return this.go(byte, byte === 0x30 ? ZERO : INTEGER);
      case ZERO:
        if (digit) return this.fail();
        return byte === DOT ? this.go(byte, POINT) : this.endInteger();
      case INTEGER:
        if (digit) return this.go(byte, INTEGER);
        if (byte === DOT) return this.go(byte, POINT);
        return isE(byte) ? this.go(byte, EXPONENT) : this.endInteger();
      case POINT:
        return digit ? this.go(byte, FRACTION) : this.fail();
      case FRACTION:
        if (digit) return this.go(byte, FRACTION);
        return isE(byte) ? this.go(byte, EXPONENT) : this.endFloat();
      case EXPONENT:
        if (byte === 0x2b || byte === 0x2d) return this.go(byte, SIGN);
        return digit ? this.go(byte, POWER) : this.fail();
      case SIGN:
        return digit ? this.go(byte, POWER) : this.fail();
      default:
        return digit ? this.go(byte, POWER) : this.endFloat();
    }
  }

  private emit(token: Token): void {
    const { length } = this;
    this.state = START;
    this.length = 0;
    if (this.bytes.length > 65536) this.bytes = new Uint8Array(256);
    this.deliver(token, length);
  }

  private fail(): true {
    this.emit(BAD);
    return true;
  }

  private text(): string {
    return fromUtf8(this.bytes.subarray(0, this.length));
  }

  private endWord(): false {
    const word = this.text();
    const isTruth = word === 'true' || word === 'false';
    // Other words, `null` too, are tokens that no value allows.
    this.emit(isTruth ? { kind: 'value', value: word === 'true' } : { kind: 'mark', mark: word });
    return false;
  }

  /** Beyond 64 bits it is a float. */
  private endInteger(): false {
    const text = this.text();
    const near = Number(text);
    // Of integers there is one zero.
    if (Number.isSafeInteger(near)) this.emit({ kind: 'value', value: near + 0 });
    else {
      const exact = BigInt(text);
      const fits = BigInt.asIntN(64, exact) === exact;
      this.emit({ kind: 'value', value: fits ? exact : new JsonFloat(near) });
    }
    return false;
  }

  private endFloat(): false {
    const value = Number(this.text());
    const isPlain = Number.isFinite(value) && !Number.isInteger(value);
    this.emit({ kind: 'value', value: isPlain ? value : new JsonFloat(value) });
    return false;
  }

  private stringValue(): string {
    const raw = this.text();
    if (!raw.includes('\\')) return raw;
    return raw.replace(/\\(u([0-9a-fA-F]{4})|.)/g, (_all, letter: string, hex?: string) =>
      hex === undefined ? UNESCAPED[letter] : String.fromCharCode(Number.parseInt(hex, 16)),
    );
  }
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
