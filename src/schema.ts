/**
 * Typed values on the wire, in the manner of QAPI: one schema gives the TypeScript type, the check
 * of what a client sent with QEMU's messages, and the type's name for documentation.
 *
 * QEMU checks a command's arguments twice: its monitor looks at their names and plain types
 * (`checkArguments`), then visitors read what they contain (`parse`), with other words for types.
 */

import { UserError } from './error.ts';
import { isRecord, type Json, JsonFloat } from './json.ts';
import { printOrder } from './json-text.ts';

export interface Schema<T> {
  /** As QAPI writes it: `str`, `['CpuInfo']`, `StatusInfo`. */
  readonly type: string;
  readonly isOptional?: boolean;
  /** What it is made of, for documentation. */
  readonly parts?: SchemaParts;
  /** Throws UserError naming `parameter` when the value does not fit, or is missing. */
  parse(value: Json | undefined, parameter: string): T;
}

export type SchemaParts =
  | { readonly kind: 'list'; readonly item: Schema<unknown> }
  | { readonly kind: 'enum'; readonly names: readonly string[] }
  | { readonly kind: 'struct'; readonly fields: Fields; readonly isOpen: boolean }
  | { readonly kind: 'union'; readonly variants: Fields };

export type TypeOf<S> = S extends Schema<infer T> ? T : never;

type Fields = { readonly [name: string]: Schema<unknown> };
type OptionalKeys<F> = {
  [K in keyof F]: undefined extends TypeOf<F[K]> ? K : never;
}[keyof F];
type StructOf<F> = { readonly [K in Exclude<keyof F, OptionalKeys<F>>]: TypeOf<F[K]> } & {
  readonly [K in OptionalKeys<F>]?: TypeOf<F[K]>;
};

function misfit(parameter: string, expected: string): UserError {
  return new UserError(`Invalid parameter type for '${parameter}', expected: ${expected}`);
}

export const str: Schema<string> = {
  type: 'str',
  parse(value, parameter) {
    if (typeof value !== 'string') throw misfit(parameter, 'string');
    return value;
  },
};

export const bool: Schema<boolean> = {
  type: 'bool',
  parse(value, parameter) {
    if (typeof value !== 'boolean') throw misfit(parameter, 'boolean');
    return value;
  },
};

export const int: Schema<number> = {
  type: 'int',
  parse(value, parameter) {
    const isInteger = typeof value === 'bigint' || Number.isInteger(value);
    if (!isInteger) throw misfit(parameter, 'integer');
    return Number(value);
  },
};

/** Any number. */
export const number: Schema<number> = {
  type: 'number',
  parse(value, parameter) {
    if (value instanceof JsonFloat) return value.value;
    if (typeof value !== 'number' && typeof value !== 'bigint') throw misfit(parameter, 'number');
    return Number(value);
  },
};

/** Anything: checked by whoever reads it. */
export const any: Schema<Json> = {
  type: 'any',
  parse(value, parameter) {
    if (value === undefined) throw new UserError(`Parameter '${parameter}' is missing`);
    return value;
  },
};

/** An integer that cannot be negative. */
export const uint64: Schema<number> = { ...int, type: 'uint64' };

export function optional<T>(inner: Schema<T>): Schema<T | undefined> {
  return { ...inner, isOptional: true };
}

/** How visitors call the items of lists. */
const NAMELESS = 'null';

export function listOf<T>(inner: Schema<T>): Schema<readonly T[]> {
  return {
    type: `['${inner.type}']`,
    parts: { kind: 'list', item: inner },
    parse(value, parameter) {
      if (!Array.isArray(value)) throw misfit(parameter, 'list');
      return value.map((item: Json) => inner.parse(item, NAMELESS));
    },
  };
}

/** One of a set of names. */
export function enumeration<const N extends readonly string[]>(
  type: string,
  names: N,
): Schema<N[number]> {
  return {
    type,
    parts: { kind: 'enum', names },
    parse(value, parameter) {
      if (typeof value !== 'string') throw misfit(parameter, 'string');
      const found = names.find(name => name === value);
      if (found === undefined) throw new UserError(`Invalid parameter '${value}'`);
      return found;
    },
  };
}

export interface StructSchema<T> extends Schema<T> {
  readonly parts: Extract<SchemaParts, { kind: 'struct' }>;
}

function record(value: Json | undefined, parameter: string): JsonRecord {
  if (value !== undefined && isRecord(value)) return value;
  throw misfit(parameter, 'QDict');
}

/** Throws for the member that nobody declared, the first in the order of printing. */
function refuseOthers(given: JsonRecord, known: { readonly [name: string]: unknown }): void {
  const other = printOrder(given).find(name => !Object.hasOwn(known, name));
  if (other === undefined) return;
  throw new UserError(`QMP input object member '${other}' is unexpected`);
}

/** A record; members are read in the order of declaration, ones that nobody declared refused. */
export function struct<const F extends Fields>(type: string, fields: F): StructSchema<StructOf<F>> {
  return {
    type,
    parts: { kind: 'struct', fields, isOpen: false },
    parse(value, parameter) {
      const given = record(value, parameter);
      const parsed: { [name: string]: unknown } = {};
      for (const [name, field] of Object.entries(fields)) {
        const isGiven = Object.hasOwn(given, name);
        if (!isGiven && field.isOptional === true) continue;
        parsed[name] = field.parse(isGiven ? given[name] : undefined, name);
      }
      refuseOthers(given, fields);
      return parsed as StructOf<F>;
    },
  };
}

/** A record of any members; of those that are declared the types are checked. */
export function openStruct(
  type: string,
  fields: Fields = {},
): StructSchema<{ readonly [name: string]: Json }> {
  return {
    type,
    parts: { kind: 'struct', fields, isOpen: true },
    parse(value, parameter) {
      const given = record(value, parameter);
      for (const [name, field] of Object.entries(fields)) {
        if (Object.hasOwn(given, name)) field.parse(given[name], name);
        else if (field.isOptional !== true) throw new UserError(`Parameter '${name}' is missing`);
      }
      return given;
    },
  };
}

type UnionOf<V> = {
  readonly [K in keyof V & string]: { readonly type: K; readonly data: TypeOf<V[K]> };
}[keyof V & string];

/** A record whose `type` says what its `data` are. */
export function union<const V extends Fields>(type: string, variants: V): Schema<UnionOf<V>> {
  return {
    type,
    parts: { kind: 'union', variants },
    parse(value, parameter) {
      const given = record(value, parameter);
      const { type: kind, data } = given;
      if (typeof kind !== 'string') throw misfit('type', 'string');
      if (!Object.hasOwn(variants, kind)) throw new UserError(`Invalid parameter '${kind}'`);
      const parsed = { type: kind, data: variants[kind].parse(data, 'data') } as UnionOf<V>;
      refuseOthers(given, { type: kind, data: variants[kind] });
      return parsed;
    },
  };
}

type JsonRecord = { readonly [name: string]: Json };

/** A record whose member `tag` says which members it has beside those that all have. */
export function flatUnion(
  type: string,
  tag: string,
  base: Fields,
  variants: { readonly [kind: string]: Fields },
): Schema<JsonRecord> {
  return {
    type,
    parse(value, parameter) {
      const given = record(value, parameter);
      const kind = given[tag];
      if (typeof kind !== 'string') throw misfit(tag, 'string');
      if (!Object.hasOwn(variants, kind)) throw new UserError(`Invalid parameter '${kind}'`);
      struct(type, { [tag]: str, ...base, ...variants[kind] }).parse(given, parameter);
      return given;
    },
  };
}

/** A name, or what a name could stand for. */
export function nameOr(
  type: string,
  inner: Schema<unknown>,
  name: Schema<string> = str,
): Schema<Json> {
  return {
    type,
    parse(value, parameter) {
      if (typeof value === 'string') name.parse(value, parameter);
      else if (value !== undefined && isRecord(value)) inner.parse(value, parameter);
      else throw misfit(parameter, type);
      return value;
    },
  };
}

/** A schema that is part of itself. */
export function lazily<T>(type: string, schema: () => Schema<T>): Schema<T> {
  return { type, parse: (value, parameter) => schema().parse(value, parameter) };
}

type PlainCheck = readonly [expected: string, fits: (value: Json) => boolean];

const isNumber = (value: Json): boolean =>
  value instanceof JsonFloat || typeof value === 'number' || typeof value === 'bigint';
const isWhole = (value: Json): boolean => typeof value === 'bigint' || Number.isInteger(value);
const WORD: PlainCheck = ['string', value => typeof value === 'string'];
const WHOLE: PlainCheck = ['int', isWhole];

/** The plain types, as the monitor calls them; of others it takes any value. */
const PLAIN: { readonly [type: string]: PlainCheck } = {
  str: WORD,
  int: WHOLE,
  uint64: WHOLE,
  bool: ['bool', value => typeof value === 'boolean'],
  number: ['number', isNumber],
};

/** What the monitor finds wrong with a command's arguments, before anybody reads them. */
export function checkArguments(schema: StructSchema<unknown>, args: Json): void {
  const { fields, isOpen } = schema.parts;
  if (isOpen || !isRecord(args)) return;
  for (const name of printOrder(fields)) {
    if (fields[name].isOptional === true || Object.hasOwn(args, name)) continue;
    throw new UserError(`Parameter '${name}' is missing`);
  }
  for (const name of printOrder(args)) {
    if (!Object.hasOwn(fields, name)) throw new UserError(`Invalid parameter '${name}'`);
    const { type, parts } = fields[name];
    const plain = parts?.kind === 'enum' ? WORD : PLAIN[type];
    if (plain !== undefined && !plain[1](args[name])) throw misfit(name, plain[0]);
  }
}

/** No arguments, or nothing to return. */
export const empty = struct('Empty', {});

/** What a command returns: the type is for documentation, the value comes from us. */
export function returned<T extends Json>(type: string): Schema<T> {
  return { type, parse: value => value as T };
}
