/**
 * Typed field tables: one table per device gives its TypeScript type, its values at power-on, their
 * encoding in snapshots with range checks on load, and what inspection prints.
 *
 * Fields missing from an old snapshot take the power-on value; unknown fields are refused. The
 * encoded form is plain JSON data, except that `bytes` stay a Uint8Array.
 */

import { UserError } from './error.ts';

export type Plain =
  | number
  | boolean
  | string
  | Uint8Array
  | readonly Plain[]
  | { readonly [name: string]: Plain };

/** A saved state does not fit; `owner` is the id of the device whose it is. */
export class StateError extends Error {
  override readonly name = 'StateError';

  constructor(
    readonly owner: string,
    message: string,
  ) {
    super(message);
  }
}

export interface Field<T> {
  initial(): T;
  encode(value: T): Plain;
  /** Throws UserError naming `path` when the value does not fit. */
  decode(plain: Plain, path: string): T;
}

export interface StateTable<S> {
  readonly name: string;
  readonly version: number;
  initial(): S;
  save(values: S): { readonly [name: string]: Plain };
  load(plain: Plain): S;
}

export type Fields = { readonly [name: string]: Field<never> };
type ValueOf<F> = F extends Field<infer T> ? T : never;
type ValuesOf<F> = { -readonly [K in keyof F]: ValueOf<F[K]> };

/** The TypeScript type of a table's values. */
export type StateOf<T> = T extends StateTable<infer S> ? S : never;

/** Declares a table. `version` grows when the meaning of a field changes. */
export function state<F extends { readonly [name: string]: unknown }>(
  name: string,
  version: number,
  fields: F,
): StateTable<ValuesOf<F>> {
  const record = struct(fields);
  return {
    name,
    version,
    initial: () => record.initial(),
    save: values => record.encode(values) as { [name: string]: Plain },
    load: plain => record.decode(plain, name),
  };
}

/** A nested group of fields. */
export function struct<F extends { readonly [name: string]: unknown }>(
  fields: F,
): Field<ValuesOf<F>> {
  const entries = Object.entries(fields) as [string, Field<unknown>][];
  return {
    initial: () => Object.fromEntries(entries.map(([k, f]) => [k, f.initial()])) as ValuesOf<F>,
    encode: value => {
      const values = value as { [name: string]: unknown };
      return Object.fromEntries(entries.map(([k, f]) => [k, f.encode(values[k])]));
    },
    decode: (plain, path) => {
      const given = asRecord(plain, path);
      for (const key of Object.keys(given)) {
        if (!(key in fields)) throw misfit(`${path}.${key}`, 'is not known');
      }
      return Object.fromEntries(
        entries.map(([k, f]) => [k, k in given ? f.decode(given[k], `${path}.${k}`) : f.initial()]),
      ) as ValuesOf<F>;
    },
  };
}

function integer(initialValue: number, min: number, max: number): Field<number> {
  return {
    initial: () => initialValue,
    encode: value => value,
    decode: (plain, path) => {
      const fits = typeof plain === 'number' && Number.isInteger(plain);
      if (!fits || plain < min || plain > max) throw misfit(path, `is not in ${min}..${max}`);
      return plain;
    },
  };
}

export const u8 = (initial = 0): Field<number> => integer(initial, 0, 0xff);
export const u16 = (initial = 0): Field<number> => integer(initial, 0, 0xffff);
export const u32 = (initial = 0): Field<number> => integer(initial, 0, 0xffffffff);
export const i32 = (initial = 0): Field<number> => integer(initial, -0x80000000, 0x7fffffff);
/** An instant or duration of virtual time, in nanoseconds; negative only for "never". */
export const ns = (initial = 0): Field<number> =>
  integer(initial, -Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER);
/** A counter or position of any size a number holds exactly. */
export const count = (initial = 0): Field<number> => integer(initial, 0, Number.MAX_SAFE_INTEGER);

/** Registers wider than a number holds exactly; decimal text in the encoded form. */
export const u64 = (initial = 0n): Field<bigint> => ({
  initial: () => initial,
  encode: value => value.toString(),
  decode: (plain, path) => {
    const fits = typeof plain === 'string' && /^[0-9]{1,20}$/.test(plain);
    if (!fits || BigInt(plain) >> 64n !== 0n) throw misfit(path, 'is not a number of 64 bits');
    return BigInt(plain);
  },
});

export const bool = (initial = false): Field<boolean> => ({
  initial: () => initial,
  encode: value => value,
  decode: (plain, path) => {
    if (typeof plain !== 'boolean') throw misfit(path, 'is not true or false');
    return plain;
  },
});

export const text = (initial = ''): Field<string> => ({
  initial: () => initial,
  encode: value => value,
  decode: (plain, path) => {
    if (typeof plain !== 'string') throw misfit(path, 'is not text');
    return plain;
  },
});

export function oneOf<const T extends string>(...names: readonly [T, ...T[]]): Field<T> {
  return {
    initial: () => names[0],
    encode: value => value,
    decode: (plain, path) => {
      const found = names.find(name => name === plain);
      if (found === undefined) throw misfit(path, `is none of ${names.join(', ')}`);
      return found;
    },
  };
}

/** A fixed number of bytes; `fill` gives the power-on contents. */
export const bytes = (length: number, fill?: Uint8Array): Field<Uint8Array> => ({
  initial: () => {
    const value = new Uint8Array(length);
    if (fill !== undefined) value.set(fill.subarray(0, length));
    return value;
  },
  encode: value => value.slice(),
  decode: (plain, path) => {
    if (!(plain instanceof Uint8Array) || plain.length !== length) {
      throw misfit(path, `is not ${length} bytes`);
    }
    return plain.slice();
  },
});

/** Bytes of a length that changes, for queues and buffers: at most `limit`. */
export const buffer = (limit: number): Field<Uint8Array> => ({
  initial: () => new Uint8Array(0),
  encode: value => value.slice(),
  decode: (plain, path) => {
    if (!(plain instanceof Uint8Array) || plain.length > limit) {
      throw misfit(path, `is not at most ${limit} bytes`);
    }
    return plain.slice();
  },
});

/** `length` values of one kind. */
export function array<T>(length: number, field: Field<T>): Field<T[]> {
  return {
    initial: () => Array.from({ length }, () => field.initial()),
    encode: values => values.map(v => field.encode(v)),
    decode: (plain, path) => {
      if (!Array.isArray(plain) || plain.length !== length) {
        throw misfit(path, `is not ${length} values`);
      }
      return plain.map((p: Plain, i) => field.decode(p, `${path}[${i}]`));
    },
  };
}

/** At most `limit` values of one kind. */
export function list<T>(limit: number, field: Field<T>): Field<T[]> {
  return {
    initial: () => [],
    encode: values => values.map(v => field.encode(v)),
    decode: (plain, path) => {
      if (!Array.isArray(plain) || plain.length > limit) {
        throw misfit(path, `is not at most ${limit} values`);
      }
      return plain.map((p: Plain, i) => field.decode(p, `${path}[${i}]`));
    },
  };
}

function asRecord(plain: Plain, path: string): { readonly [name: string]: Plain } {
  if (typeof plain !== 'object' || Array.isArray(plain) || plain instanceof Uint8Array) {
    throw misfit(path, 'is not a record');
  }
  return plain as { readonly [name: string]: Plain };
}

function misfit(path: string, what: string): UserError {
  return new UserError(`Snapshot field '${path}' ${what}`);
}
