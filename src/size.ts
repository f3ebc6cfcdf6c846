/**
 * Sizes as QEMU reads and prints them: "64k", "1.5G", "4.0M".
 */

import { fixed } from './fixed.ts';

const SUFFIXES = ['B', 'K', 'M', 'G', 'T', 'P', 'E'] as const;
export type SizeSuffix = (typeof SUFFIXES)[number];

export interface ParsedSize {
  /** In bytes, whole. */
  readonly bytes: number;
  /** What follows the number and its suffix. */
  readonly rest: string;
}

const HEX = '0x([0-9a-f]+(?:\\.[0-9a-f]*)?|\\.[0-9a-f]+)(?:p([+-]?\\d+))?';
const DECIMAL = '((?:\\d+\\.?\\d*|\\.\\d+)(?:e[+-]?\\d+)?)';
const NUMBER = new RegExp(`^\\s*([+-]?)(?:${HEX}|${DECIMAL})`, 'i');

interface Scanned {
  readonly value: number;
  readonly rest: string;
}

/** A number as strtod finds it at the start: decimal or hexadecimal, perhaps with an exponent. */
export function scanNumber(text: string): Scanned | undefined {
  const match = NUMBER.exec(text);
  if (match === null) return undefined;
  const [all, sign, hex, exponent, decimal] = match;
  const [whole, fraction = ''] = (hex ?? '').split('.');
  const digits = Number(`0x0${whole}${fraction}`) / 16 ** fraction.length;
  const size = hex === undefined ? Number(decimal) : digits * 2 ** Number(exponent ?? 0);
  return { value: sign === '-' ? -size : size, rest: text.slice(all.length) };
}

/**
 * A number with an optional fraction and a suffix of any case; `unit` multiplies numbers without
 * suffix. Undefined when there is no number or a fraction of bytes; its range is not looked at.
 */
export function scanSize(text: string, unit: SizeSuffix = 'B'): ParsedSize | undefined {
  const number = scanNumber(text);
  if (number === undefined) return undefined;
  let { rest } = number;
  let power = rest === '' ? -1 : SUFFIXES.findIndex(s => rest.toUpperCase().startsWith(s));
  if (power < 0) power = SUFFIXES.indexOf(unit);
  else rest = rest.slice(1);
  if (power === 0 && number.value % 1 !== 0) return undefined;
  return { bytes: Math.floor(number.value * 1024 ** power), rest };
}

/** The same; undefined also when it is negative or too large. */
export function parseSize(text: string, unit: SizeSuffix = 'B'): ParsedSize | undefined {
  const size = scanSize(text, unit);
  return size !== undefined && size.bytes >= 0 && size.bytes < 2 ** 63 ? size : undefined;
}

/**
 * A size as the value of an option (`size=1.5G`): only the first letter of the suffix counts, and
 * text without a number is zero. Undefined when the letter is none of b k K M G T.
 */
export function parseOptionSize(text: string): number | undefined {
  const { value, rest } = scanNumber(text) ?? { value: 0, rest: text };
  const power = { b: 0, k: 1, K: 1, M: 2, G: 3, T: 4 }[rest[0] ?? 'b'];
  const size = power === undefined ? Number.NaN : Math.floor(value * 1024 ** power);
  return Number.isFinite(size) ? size : undefined;
}

/** All digits of a whole number: beyond 2^53, String() ends in zeros. */
export function digitsOf(whole: number): string {
  return BigInt(whole).toString();
}

/** At most three digits and a suffix, as `qemu-img info` shows sizes: `196K`, `4.0M`, `0`. */
export function formatSize(bytes: number): string {
  if (bytes <= 999) return `${bytes}`;
  let base = 1024;
  for (const suffix of ['K', 'M', 'G', 'T']) {
    if (bytes < 10 * base) return `${fixed(bytes / base, 1)}${suffix}`;
    if (bytes < 1000 * base || suffix === 'T') {
      return `${Math.floor((bytes + base / 2) / base)}${suffix}`;
    }
    base *= 1024;
  }
  return `${bytes}`;
}
