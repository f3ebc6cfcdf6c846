/**
 * JSON as QEMU prints it: objects are hash tables with 512 buckets, printed bucket by bucket, and
 * within a bucket the member inserted last comes first.
 */

import { fixed } from './fixed.ts';
import { type Json, JsonFloat } from './json.ts';

const BUCKETS = 512;

/** Of the keys seen so far; clients may send any number of others. */
const known = new Map<string, number>();
const KNOWN_KEYS = 4096;

/** Which bucket a key falls into. */
export function bucketOf(key: string): number {
  const found = known.get(key);
  if (found !== undefined) return found;
  const bucket = hashOf(key);
  if (known.size < KNOWN_KEYS) known.set(key, bucket);
  return bucket;
}

/** The arithmetic is that of 32-bit unsigned integers. */
function hashOf(key: string): number {
  const bytes = new TextEncoder().encode(key);
  let value = Math.imul(0x238f13af, bytes.length);
  for (let i = 0; i < bytes.length; i++) value = (value + (bytes[i] << ((5 * i) % 24))) | 0;
  return ((Math.imul(1103515243, value) + 12345) >>> 0) % BUCKETS;
}

/** The members of an object in the order in which they are printed. */
export function printOrder(object: { readonly [name: string]: unknown }): string[] {
  return Object.keys(object)
    .map((key, inserted) => ({ key, inserted, bucket: bucketOf(key) }))
    .sort((a, b) => a.bucket - b.bucket || b.inserted - a.inserted)
    .map(entry => entry.key);
}

/** One line, or with `pretty` indented lines; without a line end. */
export function printJson(value: Json, pretty = false): string {
  return print(value, pretty ? 0 : undefined);
}

function print(value: Json, indent: number | undefined): string {
  if (value === null) return 'null';
  if (typeof value === 'boolean') return value ? 'true' : 'false';
  if (typeof value === 'number') return printNumber(value);
  if (typeof value === 'bigint') return value.toString();
  if (typeof value === 'string') return printString(value);
  if (value instanceof JsonFloat) return printNumber(value.value);
  const inner = indent === undefined ? undefined : indent + 1;
  if (Array.isArray(value)) {
    const items = value.map((item: Json) => print(item, inner));
    return enclose('[', items, ']', indent);
  }
  // What is no array here is an object: Array.isArray does not narrow readonly arrays.
  const object = value as { readonly [name: string]: Json };
  const members = printOrder(object).map(
    key => `${printString(key)}: ${print(object[key], inner)}`,
  );
  return enclose('{', members, '}', indent);
}

function enclose(
  open: string,
  items: readonly string[],
  close: string,
  indent: number | undefined,
): string {
  if (indent === undefined) return `${open}${items.join(', ')}${close}`;
  const pad = '    '.repeat(indent);
  const lines = items.map(item => `${pad}    ${item}`).join(',\n');
  return `${open}\n${lines}${items.length > 0 ? '\n' : ''}${pad}${close}`;
}

function printNumber(value: number): string {
  if (!Number.isFinite(value)) return value > 0 ? 'inf' : '-inf';
  if (Object.is(value, -0)) return '-0';
  if (Number.isInteger(value)) return BigInt(value).toString();
  return fixed(value, 6).replace(/0+$/, '').replace(/\.$/, '');
}

const ESCAPES: { readonly [char: string]: string } = {
  '"': '\\"',
  '\\': '\\\\',
  '\b': '\\b',
  '\f': '\\f',
  '\n': '\\n',
  '\r': '\\r',
  '\t': '\\t',
};

/** Half of a character: what was sent is no text. */
function isLone(text: string, i: number): boolean {
  const unit = text.charCodeAt(i) & 0xfc00;
  if (unit === 0xd800) return (text.charCodeAt(i + 1) & 0xfc00) !== 0xdc00;
  return unit === 0xdc00 && (text.charCodeAt(i - 1) & 0xfc00) !== 0xd800;
}

/** Bytes that are not UTF-8, as texts have them (utf8.ts). */
const RAW_80 = 0xdc80;
const RAW_C0 = 0xdcc0;

/** How many raw bytes from `i` on are one broken character: a first byte, and what follows it. */
function rawSequence(text: string, i: number): number {
  const first = text.charCodeAt(i) & 0xff;
  const announced = first < 0xc0 || first > 0xfd ? 1 : Math.max(2, Math.clz32(~first << 24));
  let length = 1;
  while (length < announced && (text.charCodeAt(i + length) & 0xffc0) === RAW_80) length++;
  return length;
}

/** Code points that are reserved for ever. */
function isNoCharacter(code: number): boolean {
  return code >= 0xfffe || (code >= 0xfdd0 && code <= 0xfdef);
}

function printString(text: string): string {
  let out = '"';
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    const short = ESCAPES[text[i]];
    if (short !== undefined) out += short;
    else if (code >= 32 && code < 127) out += text[i];
    else if (isLone(text, i)) {
      const length = rawSequence(text, i);
      const isNul = code === RAW_C0 && length === 2 && text.charCodeAt(i + 1) === RAW_80;
      out += isNul ? '\\u0000' : '\\uFFFD';
      i += length - 1;
    } else if (isNoCharacter(code)) out += '\\uFFFD';
    else out += `\\u${code.toString(16).toUpperCase().padStart(4, '0')}`;
  }
  return `${out}"`;
}
