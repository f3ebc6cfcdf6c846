/**
 * Cuts text that comes in pieces into JSON tokens. Each character is looked at once, and no token
 * takes more memory than its limit: what is longer is skipped and counts as a mistake.
 */

import type { Json } from '../../json.ts';

export type Token =
  | { readonly kind: 'mark'; readonly mark: string }
  | { readonly kind: 'value'; readonly value: Json }
  | { readonly kind: 'bad' };

const MARKS = '{}[]:,';
const BAD: Token = { kind: 'bad' };

/** Characters of one token. */
export const MAX_TOKEN_SIZE = 64 << 20;

const QUOTE = 0x22;
const APOSTROPHE = 0x27;
const BACKSLASH = 0x5c;

function isBlank(code: number): boolean {
  return code === 0x20 || (code >= 9 && code <= 13);
}

/** Letters, digits, `-+._`: numbers and words. */
function isWord(code: number): boolean {
  return (
    (code >= 0x30 && code <= 0x39) ||
    (code >= 0x61 && code <= 0x7a) ||
    (code >= 0x41 && code <= 0x5a) ||
    code === 0x2d ||
    code === 0x2b ||
    code === 0x2e ||
    code === 0x5f
  );
}

export class JsonLexer {
  /** The token under way: nothing, a word, or a string with this quote. */
  private state: 'none' | 'word' | typeof QUOTE | typeof APOSTROPHE = 'none';
  private isEscaped = false;
  private parts: string[] = [];
  private size = 0;

  constructor(private readonly push: (token: Token, size: number) => void) {}

  feed(text: string): void {
    let start = 0;
    for (let at = 0; at < text.length; ) {
      if (this.state === 'none') {
        start = at;
        at = this.begin(text, at);
        continue;
      }
      const end = this.state === 'word' ? this.wordEnd(text, at) : this.stringEnd(text, at);
      at = end.at;
      if (end.isDone) this.finish(text.slice(start, at));
    }
    if (this.state !== 'none') this.keep(text.slice(start));
  }

  /** Reads a blank or a mark, or enters a longer token; returns where to go on. */
  private begin(text: string, at: number): number {
    const code = text.charCodeAt(at);
    if (code === QUOTE || code === APOSTROPHE) {
      this.state = code;
      this.isEscaped = false;
      return at + 1;
    }
    if (isWord(code)) {
      this.state = 'word';
      return at;
    }
    if (!isBlank(code)) {
      this.push(MARKS.includes(text[at]) ? { kind: 'mark', mark: text[at] } : BAD, 1);
    }
    return at + 1;
  }

  private wordEnd(text: string, from: number): { at: number; isDone: boolean } {
    let at = from;
    while (at < text.length && isWord(text.charCodeAt(at))) at++;
    return { at, isDone: at < text.length };
  }

  private stringEnd(text: string, from: number): { at: number; isDone: boolean } {
    for (let at = from; at < text.length; at++) {
      const code = text.charCodeAt(at);
      if (this.isEscaped) this.isEscaped = false;
      else if (code === BACKSLASH) this.isEscaped = true;
      else if (code === this.state) return { at: at + 1, isDone: true };
    }
    return { at: text.length, isDone: false };
  }

  private keep(part: string): void {
    this.size += part.length;
    if (this.size > MAX_TOKEN_SIZE) this.parts = [];
    else this.parts.push(part);
  }

  private finish(last: string): void {
    this.keep(last);
    const { size } = this;
    const token = size > MAX_TOKEN_SIZE ? BAD : readToken(this.parts.join(''));
    this.state = 'none';
    this.parts = [];
    this.size = 0;
    this.push(token, size);
  }
}

function readToken(text: string): Token {
  if (text[0] === '"' || text[0] === "'") return readString(text);
  if (/^-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?$/.test(text)) {
    return { kind: 'value', value: Number(text) };
  }
  if (text === 'true' || text === 'false') return { kind: 'value', value: text === 'true' };
  // Other words are tokens that no value allows; anything else cannot start a token.
  return /^[a-z]+$/.test(text) ? { kind: 'mark', mark: text } : BAD;
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
  const body = text.slice(1, -1);
  if (!body.includes('\\')) return { kind: 'value', value: body };
  const parts: string[] = [];
  let start = 0;
  for (let at = body.indexOf('\\'); at >= 0; at = body.indexOf('\\', start)) {
    parts.push(body.slice(start, at));
    const letter = body[at + 1];
    if (letter === 'u') {
      const digits = body.slice(at + 2, at + 6);
      if (!/^[0-9a-fA-F]{4}$/.test(digits)) return BAD;
      parts.push(String.fromCharCode(Number.parseInt(digits, 16)));
      start = at + 6;
      continue;
    }
    const plain = UNESCAPED[letter];
    if (plain === undefined) return BAD;
    parts.push(plain);
    start = at + 2;
  }
  parts.push(body.slice(start));
  return { kind: 'value', value: parts.join('') };
}
