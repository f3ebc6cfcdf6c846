/** JSON values as the wire has them. */
export type Json =
  | null
  | boolean
  | number
  /** An integer that a number cannot hold exactly. */
  | bigint
  | JsonFloat
  | string
  | readonly Json[]
  | { readonly [name: string]: Json };

/** A number that was written with a point or an exponent, though its value is whole. */
export class JsonFloat {
  constructor(readonly value: number) {}
}

export function isRecord(value: Json): value is { readonly [name: string]: Json } {
  if (typeof value !== 'object' || value === null) return false;
  return !Array.isArray(value) && !(value instanceof JsonFloat);
}
