/**
 * Typed values on the wire, in the manner of QAPI: one schema gives the TypeScript type, the check
 * of what a client sent with QEMU's messages, and the type's name for documentation.
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
  /** Throws UserError naming `parameter` when the value does not fit. */
  parse(value: Json, parameter: string): T;
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
    if (!isInteger) throw misfit(parameter, 'int');
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
export const any: Schema<Json> = { type: 'any', parse: value => value };

/** An integer that cannot be negative. */
export const uint64: Schema<number> = { ...int, type: 'uint64' };

export function optional<T>(inner: Schema<T>): Schema<T | undefined> {
  return { ...inner, isOptional: true };
}

export function listOf<T>(inner: Schema<T>): Schema<readonly T[]> {
  return {
    type: `['${inner.type}']`,
    parts: { kind: 'list', item: inner },
    parse(value, parameter) {
      if (!Array.isArray(value)) throw misfit(parameter, 'array');
      return value.map((item: Json) => inner.parse(item, parameter));
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

function record(value: Json, parameter: string): { readonly [name: string]: Json } {
  if (isRecord(value)) return value;
  throw misfit(parameter, 'object');
}

/** A record; members nobody declared are refused, the first in the order of printing. */
export function struct<const F extends Fields>(type: string, fields: F): StructSchema<StructOf<F>> {
  return {
    type,
    parts: { kind: 'struct', fields, isOpen: false },
    parse(value, parameter) {
      const given = record(value, parameter);
      const parsed: { [name: string]: unknown } = {};
      for (const name of printOrder(given)) {
        if (!Object.hasOwn(fields, name)) throw new UserError(`Invalid parameter '${name}'`);
        parsed[name] = fields[name].parse(given[name], name);
      }
      for (const [name, field] of Object.entries(fields)) {
        if (name in parsed || field.isOptional === true) continue;
        throw new UserError(`Parameter '${name}' is missing`);
      }
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
      const { type: kind, data, ...others } = given;
      const [other] = Object.keys(others);
      if (other !== undefined) throw new UserError(`Invalid parameter '${other}'`);
      if (kind === undefined) throw new UserError("Parameter 'type' is missing");
      if (typeof kind !== 'string') throw misfit('type', 'string');
      if (!Object.hasOwn(variants, kind)) throw new UserError(`Invalid parameter '${kind}'`);
      if (data === undefined) throw new UserError("Parameter 'data' is missing");
      return { type: kind, data: variants[kind].parse(data, 'data') } as UnionOf<V>;
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
      else if (isRecord(value)) inner.parse(value, parameter);
      else throw misfit(parameter, type);
      return value;
    },
  };
}

/** A schema that is part of itself. */
export function lazily<T>(type: string, schema: () => Schema<T>): Schema<T> {
  return { type, parse: (value, parameter) => schema().parse(value, parameter) };
}

/** No arguments, or nothing to return. */
export const empty = struct('Empty', {});

/** What a command returns: the type is for documentation, the value comes from us. */
export function returned<T extends Json>(type: string): Schema<T> {
  return { type, parse: value => value as T };
}
