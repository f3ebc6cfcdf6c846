/**
 * Numbers and memory as `print`, `x` and `xp` show them.
 */

import type { DumpFormat } from './argument-types.ts';

/** Reads guest memory; undefined where nothing is mapped. */
export type MemoryReader = (address: number, size: number) => readonly number[] | undefined;

/** `'A'`, `'\n'`, `'\xff'`. */
export function charText(code: number): string {
  const special: { readonly [code: number]: string } = {
    39: "\\'",
    92: '\\\\',
    10: '\\n',
    13: '\\r',
  };
  if (special[code] !== undefined) return `'${special[code]}'`;
  if (code >= 32 && code <= 126) return `'${String.fromCharCode(code)}'`;
  return `'\\x${code.toString(16).padStart(2, '0')}'`;
}

/** A 64-bit value as `print` shows it. */
export function numberText(value: bigint, letter: string): string {
  const unsigned = BigInt.asUintN(64, value);
  switch (letter) {
    case 'o':
      return octal(unsigned);
    case 'x':
      return unsigned === 0n ? '0' : `0x${unsigned.toString(16)}`;
    case 'u':
      return unsigned.toString();
    case 'c':
      return charText(Number(unsigned & 0xffn));
    default:
      return BigInt.asIntN(64, value).toString();
  }
}

function octal(value: bigint): string {
  return value === 0n ? '0' : `0${value.toString(8)}`;
}

/** Lines of memory, each `0000000000000000: 0x53 0xff`. */
export function dumpMemory(address: number, format: DumpFormat, read: MemoryReader): string {
  const { letter } = format;
  const lineSize = format.size === 1 ? 8 : 16;
  const size = letter === 'c' ? 1 : format.size;
  let left = format.count * format.size;
  let at = address;
  let text = '';
  while (left > 0) {
    const length = Math.min(left, lineSize);
    text += `${at.toString(16).padStart(16, '0')}:`;
    const bytes = read(at, length);
    if (bytes === undefined) return `${text} Cannot access memory\n`;
    for (let i = 0; i < length; i += size) {
      text += ` ${itemText(littleEndian(bytes.slice(i, i + size)), letter, size)}`;
    }
    text += '\n';
    at += length;
    left -= length;
  }
  return text;
}

function littleEndian(bytes: readonly number[]): bigint {
  return bytes.reduceRight((value, byte) => (value << 8n) | BigInt(byte), 0n);
}

function itemText(value: bigint, letter: string, size: number): string {
  const bits = size * 8;
  switch (letter) {
    case 'o':
      return octal(value).padStart(Math.floor((bits + 2) / 3));
    case 'c':
      return charText(Number(value));
    case 'u':
      return value.toString().padStart(decimalDigits(bits));
    case 'd': {
      const signed = size === 8 ? BigInt.asIntN(64, value) : value;
      return signed.toString().padStart(decimalDigits(bits));
    }
    default:
      return `0x${value.toString(16).padStart(bits / 4, '0')}`;
  }
}

function decimalDigits(bits: number): number {
  return Math.floor((bits * 10 + 32) / 33);
}
