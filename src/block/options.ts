/**
 * Options of the block graph: flat `name=value` pairs whose dots lead into child nodes
 * (`file.driver`, `backing.file.filename`), also spelled as `json:{…}` file names.
 *
 * Drivers take what they know; what nobody took is an error of the user's.
 */

import { UserError } from '../error.ts';
import { isRecord, type Json, JsonFloat } from '../json.ts';
import { parseJson } from '../json-reader.ts';
import { parseOptionSize } from '../size.ts';

/** What ids of drives and names of nodes look like. */
export function isIdentifier(text: string): boolean {
  return /^[A-Za-z][A-Za-z0-9._-]*$/.test(text);
}

export class Options {
  private readonly values: Map<string, string>;

  constructor(values: Iterable<readonly [string, string]> = []) {
    this.values = new Map(values);
  }

  has(name: string): boolean {
    return this.values.has(name);
  }

  set(name: string, value: string): void {
    this.values.set(name, value);
  }

  /** Reads an option and crosses it off. */
  take(name: string): string | undefined {
    const value = this.values.get(name);
    this.values.delete(name);
    return value;
  }

  takeBool(name: string): boolean | undefined {
    const value = this.take(name);
    if (value === undefined) return undefined;
    if (value === 'on' || value === 'off') return value === 'on';
    throw new UserError(`Parameter '${name}' expects 'on' or 'off'`);
  }

  takeSize(name: string): number | undefined {
    const value = this.take(name);
    if (value === undefined) return undefined;
    const size = parseOptionSize(value);
    if (size === undefined) throw new UserError(`Parameter '${name}' expects a size`);
    return size;
  }

  takeNumber(name: string): number | undefined {
    const value = this.take(name);
    if (value === undefined) return undefined;
    const number = parseInteger(value);
    if (number === undefined) throw new UserError(`Parameter '${name}' expects a number`);
    return number;
  }

  /** Takes everything that starts with `child.`, the prefix removed. */
  takeChild(child: string): Options {
    const prefix = `${child}.`;
    const found = new Options();
    for (const [name, value] of [...this.values]) {
      if (!name.startsWith(prefix)) continue;
      found.set(name.slice(prefix.length), value);
      this.values.delete(name);
    }
    return found;
  }

  get size(): number {
    return this.values.size;
  }

  /** What nobody took, in order. */
  names(): string[] {
    return [...this.values.keys()];
  }

  entries(): [string, string][] {
    return [...this.values];
  }
}

/** As strtoull with base 0 reads it: decimal, 0x, octal; a sign wraps around as in C. */
export function parseInteger(text: string): number | undefined {
  const match = /^\s*([+-]?)(0[xX][0-9a-fA-F]+|0[0-7]*|[1-9][0-9]*)$/.exec(text);
  if (match === null) return undefined;
  const digits = match[2];
  const octal = /^0[0-7]+$/.test(digits);
  const value = octal ? Number.parseInt(digits, 8) : Number(digits);
  return match[1] === '-' ? -value : value;
}

/** Turns `{"file": {"driver": "x"}}` into `file.driver=x`. */
export function flatten(value: Json, prefix: string, into: Options): void {
  if (Array.isArray(value)) {
    value.forEach((item: Json, i) => {
      flatten(item, `${prefix}.${i}`, into);
    });
  } else if (isRecord(value)) {
    for (const [name, item] of Object.entries(value)) {
      flatten(item, prefix === '' ? name : `${prefix}.${name}`, into);
    }
  } else if (typeof value === 'boolean') {
    into.set(prefix, value ? 'on' : 'off');
  } else {
    into.set(prefix, String(value instanceof JsonFloat ? value.value : value));
  }
}

/** Moves the options of a `json:` file name into `options`; explicit ones win. */
export function absorbJsonFilename(filename: string, options: Options): void {
  const parsed = parseJson(filename.slice('json:'.length));
  if (parsed === undefined) throw new UserError('Could not parse the JSON options');
  if (!isRecord(parsed)) throw new UserError('Invalid JSON object given');
  const found = new Options();
  flatten(parsed, '', found);
  for (const [name, value] of found.entries()) {
    if (!options.has(name)) options.set(name, value);
  }
}
