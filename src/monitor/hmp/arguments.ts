/**
 * Reading a monitor command's arguments from the rest of its line. Words may be quoted; expressions
 * end where their grammar ends, not at a blank.
 */

import { assert, UserError } from '../../error.ts';
import { parseSize, scanNumber } from '../../size.ts';
import { firstByte } from '../../utf8.ts';
import type { Argument, DumpDefaults, DumpFormat } from './argument-types.ts';
import { evaluate, isBlank, type RegisterReader } from './expression.ts';

type Value = string | bigint | true | DumpFormat;

/** Arguments by name; what was not given is absent. */
export class HmpArguments {
  private readonly values = new Map<string, Value>();

  set(name: string, value: Value): void {
    this.values.set(name, value);
  }

  has(name: string): boolean {
    return this.values.has(name);
  }

  text(name: string): string {
    const value = this.values.get(name);
    return typeof value === 'string' ? value : '';
  }

  /** Signed. */
  bigint(name: string): bigint {
    const value = this.values.get(name);
    return typeof value === 'bigint' ? value : 0n;
  }

  number(name: string): number {
    return Number(this.bigint(name));
  }

  /** As an address: unsigned. */
  address(name: string): number {
    return Number(BigInt.asUintN(64, this.bigint(name)));
  }

  /** Those words of `names` that were given, as members of a command's arguments. */
  texts(...names: readonly string[]): { readonly [name: string]: string } {
    return Object.fromEntries(
      names.filter(name => this.has(name)).map(name => [name, this.text(name)]),
    );
  }

  /** Those numbers of `names` that were given. */
  numbers(...names: readonly string[]): { readonly [name: string]: number } {
    return Object.fromEntries(
      names.filter(name => this.has(name)).map(name => [name, this.number(name)]),
    );
  }

  format(name: string): DumpFormat {
    const value = this.values.get(name);
    assert(typeof value === 'object', `${name} is a format`);
    return value;
  }
}

export interface ArgumentSource {
  /** As typed, for messages. */
  readonly command: string;
  readonly line: string;
  /** Where the arguments start. */
  readonly from: number;
}

export interface ArgumentWorld {
  readonly register: RegisterReader;
  readonly defaults: DumpDefaults;
  printOut(text: string): void;
}

/** Throws UserError with the lines to print. */
export function parseArguments(
  source: ArgumentSource,
  wanted: readonly Argument[],
  world: ArgumentWorld,
): HmpArguments {
  const parser = new ArgumentParser(source, world);
  wanted.forEach((argument, i) => {
    parser.read(argument, wanted.slice(i + 1));
  });
  parser.finish();
  return parser.found;
}

class ArgumentParser {
  readonly found = new HmpArguments();
  private readonly line: string;
  private readonly command: string;
  private at: number;

  constructor(
    source: ArgumentSource,
    private readonly world: ArgumentWorld,
  ) {
    this.line = source.line;
    this.command = source.command;
    this.at = source.from;
  }

  read(argument: Argument, following: readonly Argument[]): void {
    this.skipBlanks();
    switch (argument.kind) {
      case 'flag':
        this.readFlag(argument, following);
        break;
      case 'format':
        this.found.set(argument.name, this.readFormat());
        break;
      case 'int':
      case 'long':
      case 'mebibytes':
        this.readNumber(argument);
        break;
      case 'size':
        this.readSize(argument);
        break;
      case 'seconds':
        this.readSeconds(argument);
        break;
      case 'switch':
        this.readSwitch(argument);
        break;
      case 'options':
        if (this.at < this.line.length) this.readWord(argument);
        break;
      case 'rest':
        if (this.at < this.line.length) this.found.set(argument.name, this.line.slice(this.at));
        this.at = this.line.length;
        break;
      default:
        this.readWord(argument);
    }
  }

  finish(): void {
    this.skipBlanks();
    if (this.at < this.line.length) {
      throw new UserError(`${this.command}: extraneous characters at the end of line`);
    }
  }

  private readFlag(argument: Argument, following: readonly Argument[]): void {
    if (this.line[this.at] !== '-') return;
    const letter = this.line[this.at + 1] ?? '';
    if (letter === argument.name) {
      this.found.set(argument.name, true);
      this.at += 2;
      return;
    }
    if (following.some(next => next.kind === 'flag' && next.name === letter)) return;
    // QEMU prints the missing letter as the end of its string: the line end is lost.
    if (letter === '') throw new UnterminatedLine(`${this.command}: unsupported option -`);
    throw new UserError(`${this.command}: unsupported option -${firstByte(letter)}`);
  }

  private readWord(argument: Argument): void {
    if (argument.optional && this.at >= this.line.length) return;
    const expected = { filename: 'filename', block: 'block device name' }[argument.kind as string];
    const read = readString(this.line, this.at, this.world.printOut);
    if (read === undefined) {
      throw new UserError(`${this.command}: ${expected ?? 'string'} expected`);
    }
    this.at = read.next;
    this.found.set(argument.name, read.word);
  }

  private readNumber(argument: Argument): void {
    if (argument.optional) {
      if (argument.dotted) {
        if (this.line[this.at] !== '.') return;
        this.at++;
      } else if (this.at >= this.line.length) return;
    }
    const { value, next } = evaluate(this.line, this.at, this.world.register);
    this.at = next;
    if (argument.kind === 'int' && BigInt.asUintN(64, value) >> 32n !== 0n) {
      throw new UserError(`'${this.command}' has failed: integer is for 32-bit values`);
    }
    if (argument.kind === 'mebibytes') {
      if (value < 0n) throw new UserError('enter a positive value');
      this.found.set(argument.name, value << 20n);
    } else this.found.set(argument.name, value);
  }

  private readSeconds(argument: Argument): void {
    const text = this.line.slice(this.at);
    if (/^[+-]?(inf|nan)/i.test(text)) throw new UserError('Bad number');
    const number = scanNumber(text);
    if (number === undefined) throw new UserError('Number expected');
    if (!Number.isFinite(number.value)) throw new UserError('Bad number');
    const unit = /^[mun]s/.exec(number.rest)?.[0] ?? '';
    this.at = this.line.length - number.rest.length + unit.length;
    if (/^[^ \t-\r]/.test(this.line.slice(this.at))) throw new UserError('Unknown unit suffix');
    const nanoseconds = number.value * ({ ms: 1e6, us: 1e3, ns: 1 }[unit] ?? 1e9);
    const limit = Number.MAX_VALUE;
    const held = Math.trunc(Math.max(-limit, Math.min(nanoseconds, limit)));
    this.found.set(argument.name, BigInt(held));
  }

  private readSwitch(argument: Argument): void {
    const word = /^[^ \t-\r]*/.exec(this.line.slice(this.at))?.[0] ?? '';
    if (word !== 'on' && word !== 'off') throw new UserError("Expected 'on' or 'off'");
    this.at += word.length;
    if (word === 'on') this.found.set(argument.name, true);
  }

  private readSize(argument: Argument): void {
    const text = this.line.slice(this.at);
    if (argument.optional && text === '') return;
    const size = parseSize(text, 'M');
    if (size === undefined) throw new UserError('invalid size');
    this.found.set(argument.name, BigInt(size.bytes));
    this.at = this.line.length - size.rest.length;
  }

  private readFormat(): DumpFormat {
    const { defaults } = this.world;
    if (this.line[this.at] !== '/') {
      return {
        count: 1,
        letter: defaults.letter,
        size: defaults.letter === 'i' ? 0 : defaults.size,
      };
    }
    const spec = /^\/([0-9]*)([oduxicbhwgL]*)/.exec(this.line.slice(this.at)) ?? ['', '', ''];
    this.at += spec[0].length;
    const bad = this.line[this.at];
    if (bad !== undefined && !isBlank(bad)) {
      throw new UserError(`invalid char in format: '${firstByte(bad)}'`);
    }
    const letters = [...spec[2]];
    const letter = letters.filter(c => 'oduxic'.includes(c)).pop() ?? defaults.letter;
    const sizeLetter = letters.filter(c => 'bhwgL'.includes(c)).pop();
    let size = sizeLetter === undefined ? 0 : { b: 1, h: 2, w: 4, g: 8, L: 8 }[sizeLetter]!;
    if (letter !== 'i') {
      if (size === 0) size = defaults.size;
      defaults.size = size;
    }
    defaults.letter = letter;
    return { count: spec[1] === '' ? 1 : Number(BigInt.asIntN(32, BigInt(spec[1]))), letter, size };
  }

  private skipBlanks(): void {
    while (isBlank(this.line[this.at])) this.at++;
  }
}

/** A message that is printed without a line end. */
export class UnterminatedLine extends Error {
  override readonly name = 'UnterminatedLine';
}

const ESCAPES: { readonly [letter: string]: string } = {
  n: '\n',
  r: '\r',
  '\\': '\\',
  "'": "'",
  '"': '"',
};

/**
 * A bare or quoted word. Undefined when there is none; what is wrong with a quoted one goes to
 * `printOut`, whatever monitor the line is of.
 */
function readString(
  line: string,
  from: number,
  printOut: (text: string) => void,
): { word: string; next: number } | undefined {
  let at = from;
  while (isBlank(line[at])) at++;
  if (at >= line.length) return undefined;
  if (line[at] !== '"') {
    const word = /^[^ \t-\r]+/.exec(line.slice(at))?.[0] ?? '';
    return { word, next: at + word.length };
  }
  let word = '';
  for (at++; line[at] !== '"'; at++) {
    if (at >= line.length) {
      printOut('unterminated string\n');
      return undefined;
    }
    if (line[at] !== '\\') {
      word += line[at];
      continue;
    }
    at++;
    const plain = ESCAPES[line[at] ?? ''];
    if (plain === undefined) {
      const what = line[at] === undefined ? '\0' : firstByte(line.slice(at));
      printOut(`unsupported escape code: '\\${what}'\n`);
      return undefined;
    }
    word += plain;
  }
  return { word, next: at + 1 };
}

/** The words of a line; undefined when a quote is not closed. */
export function splitWords(line: string, printOut: (text: string) => void): string[] | undefined {
  const words: string[] = [];
  for (let at = 0; ; ) {
    while (isBlank(line[at])) at++;
    if (at >= line.length) return words;
    const read = readString(line, at, printOut);
    if (read === undefined) return undefined;
    words.push(read.word);
    at = read.next;
  }
}
