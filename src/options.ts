/**
 * QEMU's option syntax, `if=ide,file=a,,b,snapshot`: keys with values, in order, the first value
 * perhaps without its key; typed reading with QEMU's messages.
 *
 * A comma in a value is written twice. A key alone is `on`, `nokey` alone is `key=off`.
 */

import { UserError } from './error.ts';
import { parseOptionSize } from './size.ts';

export interface OptionPair {
  readonly key: string;
  readonly value: string;
}

/** Something wrong on the command line, with where it was written. */
export class CommandLineError extends Error {
  override readonly name = 'CommandLineError';
  /**
   * `location`: the option and its argument as typed, printed behind the program's name, or
   * `:FILE:LINE`; undefined
   * for the program's name alone; `null` for the bare message.
   */
  constructor(
    message: string,
    readonly location: string | null | undefined,
    readonly hint?: string,
    /** One more line, with the program's name alone before it. */
    readonly consequence?: string,
  ) {
    super(message);
  }
}

/** Splits `text`; a first word without `=` becomes the value of `impliedKey`. */
export function splitOptions(text: string, impliedKey?: string): OptionPair[] {
  const pairs: OptionPair[] = [];
  let at = 0;
  while (at < text.length) {
    const name = /^[^=,]*/.exec(text.slice(at))?.[0] ?? '';
    const mark = text[at + name.length];
    if (mark === '=') {
      const { value, next } = readValue(text, at + name.length + 1);
      pairs.push({ key: name, value });
      at = next;
      continue;
    }
    if (pairs.length === 0 && impliedKey !== undefined) {
      const { value, next } = readValue(text, at);
      pairs.push({ key: impliedKey, value });
      at = next;
      continue;
    }
    pairs.push(flag(name));
    at += name.length + 1;
  }
  return pairs;
}

function readValue(text: string, from: number): { value: string; next: number } {
  let value = '';
  let at = from;
  for (; at < text.length; at++) {
    if (text[at] === ',') {
      if (text[at + 1] !== ',') break;
      at++;
    }
    value += text[at];
  }
  return { value, next: at + 1 };
}

function flag(name: string): OptionPair {
  if (name.startsWith('no')) return { key: name.slice(2), value: 'off' };
  return { key: name, value: 'on' };
}

/** Writes a value so that `splitOptions` reads it back. */
export function escapeOption(value: string): string {
  return value.replaceAll(',', ',,');
}

export type OptionKind = 'string' | 'bool' | 'number' | 'size';

/** What a group of options (`-boot`, `-rtc`) knows; without `keys` everything is accepted. */
export interface OptionGroup {
  readonly name: string;
  readonly impliedKey?: string;
  readonly keys?: { readonly [key: string]: OptionKind };
}

export class OptionList {
  readonly id: string | undefined;

  constructor(
    readonly pairs: readonly OptionPair[],
    private readonly kinds: { readonly [key: string]: OptionKind } = {},
  ) {
    this.id = this.get('id');
  }

  /** This list behind those of earlier options of the same name, whose other keys stay. */
  after(earlier: OptionList | undefined): OptionList {
    return earlier ? new OptionList([...earlier.pairs, ...this.pairs], this.kinds) : this;
  }

  /** The last value given for `key`. */
  get(key: string): string | undefined {
    for (let i = this.pairs.length - 1; i >= 0; i--) {
      if (this.pairs[i].key === key) return this.pairs[i].value;
    }
    return undefined;
  }

  has(key: string): boolean {
    return this.get(key) !== undefined;
  }

  bool(key: string): boolean | undefined {
    const value = this.get(key);
    return value === undefined ? undefined : readBool(key, value);
  }

  number(key: string): number | undefined {
    const value = this.get(key);
    return value === undefined ? undefined : readNumber(key, value);
  }

  /** In bytes. */
  size(key: string): number | undefined {
    const value = this.get(key);
    return value === undefined ? undefined : readSize(key, value);
  }

  /** Asked for help: `help` or `?` alone somewhere in the list. */
  get wantsHelp(): boolean {
    return this.pairs.some(
      ({ key, value }) =>
        ((key === 'help' || key === '?') && value === 'on') || value === 'help' || value === '?',
    );
  }

  /** Back to text, with every key named. */
  toString(): string {
    return this.pairs.map(({ key, value }) => `${key}=${escapeOption(value)}`).join(',');
  }

  /** Checks values whose kind is known, in the order in which they were written. */
  check(): this {
    for (const { key, value } of this.pairs) {
      const kind = this.kinds[key];
      if (kind === 'bool') readBool(key, value);
      else if (kind === 'number') readNumber(key, value);
      else if (kind === 'size') readSize(key, value);
    }
    return this;
  }
}

/** Reads a list of a known group: unknown keys, bad ids and bad values are refused. */
export function parseOptions(text: string, group: OptionGroup): OptionList {
  const pairs = splitOptions(text, group.impliedKey);
  checkId(pairs.find(pair => pair.key === 'id')?.value);
  for (const { key } of pairs) {
    if (group.keys !== undefined && key !== 'id' && !Object.hasOwn(group.keys, key)) {
      throw new UserError(`Invalid parameter '${key}'`);
    }
  }
  return new OptionList(pairs, group.keys).check();
}

/** Throws UserError when it cannot name anything. */
export function checkId(id: string | undefined): void {
  if (id === undefined || /^[A-Za-z][-A-Za-z0-9._]*$/.test(id)) return;
  throw new UserError("Parameter 'id' expects an identifier");
}

function readBool(key: string, value: string): boolean {
  if (value === 'on') return true;
  if (value === 'off') return false;
  throw new UserError(`Parameter '${key}' expects 'on' or 'off'`);
}

function readNumber(key: string, value: string): number {
  if (!/^\s*[+-]?(0x[0-9a-f]+|[0-9]+)$/i.test(value)) {
    throw new UserError(`Parameter '${key}' expects a number`);
  }
  const octal = /^\s*0[0-7]+$/.test(value);
  return octal ? Number.parseInt(value, 8) : Number(value);
}

function readSize(key: string, value: string): number {
  const bytes = parseOptionSize(value);
  if (bytes !== undefined) return bytes;
  throw new UserError(
    `Parameter '${key}' expects a size`,
    'GenericError',
    'You may use k, M, G or T suffixes for kilobytes, megabytes, gigabytes and terabytes.',
  );
}
