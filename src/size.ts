/**
 * Sizes as QEMU reads and prints them: "64k", "1.5G", "4.0M".
 */

const SUFFIXES = ['B', 'K', 'M', 'G', 'T', 'P', 'E'] as const;
export type SizeSuffix = (typeof SUFFIXES)[number];

export interface ParsedSize {
  /** In bytes, whole. */
  readonly bytes: number;
  /** What follows the number and its suffix. */
  readonly rest: string;
}

/**
 * A number with an optional fraction and a suffix of any case; `unit` multiplies numbers without
 * suffix. Undefined when there is no number, it is negative, too large, or a fraction of bytes.
 */
export function parseSize(text: string, unit: SizeSuffix = 'B'): ParsedSize | undefined {
  const match = /^\s*([0-9]+(?:\.[0-9]*)?|\.[0-9]+)/.exec(text);
  if (match === null) return undefined;
  const digits = match[1];
  let rest = text.slice(match[0].length);
  let power = rest === '' ? -1 : SUFFIXES.findIndex(s => rest.toUpperCase().startsWith(s));
  if (power < 0) power = SUFFIXES.indexOf(unit);
  else rest = rest.slice(1);
  if (digits.includes('.') && power === 0 && Number(digits) % 1 !== 0) return undefined;
  const bytes = Math.floor(Number(digits) * 1024 ** power);
  return bytes < 2 ** 63 ? { bytes, rest } : undefined;
}

/**
 * A size as the value of an option (`size=1.5G`): only the first letter of the suffix counts, and
 * text without a number is zero. Undefined when the letter is none of b k K M G T.
 */
export function parseOptionSize(text: string): number | undefined {
  const match = /^\s*[+-]?(?:0x[0-9a-f]+|[0-9]*\.?[0-9]*)/i.exec(text);
  const number = match?.[0] ?? '';
  const value = number.trim() === '' ? 0 : Number(number);
  const suffix = text.slice(number.length)[0] ?? 'b';
  const power = { b: 0, k: 1, K: 1, M: 2, G: 3, T: 4 }[suffix];
  return power === undefined || Number.isNaN(value) ? undefined : Math.floor(value * 1024 ** power);
}

/** At most three digits and a suffix, as `qemu-img info` shows sizes: `196K`, `4.0M`, `0`. */
export function formatSize(bytes: number): string {
  if (bytes <= 999) return `${bytes}`;
  let base = 1024;
  for (const suffix of ['K', 'M', 'G', 'T']) {
    if (bytes < 10 * base) return `${(bytes / base).toFixed(1)}${suffix}`;
    if (bytes < 1000 * base || suffix === 'T') {
      return `${Math.floor((bytes + base / 2) / base)}${suffix}`;
    }
    base *= 1024;
  }
  return `${bytes}`;
}
