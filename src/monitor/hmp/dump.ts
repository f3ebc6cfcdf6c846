/**
 * Numbers and memory as `print`, `x` and `xp` show them.
 */

import type { DumpFormat } from './argument-types.ts';

/** Reads guest memory at a signed address; undefined where nothing is mapped. */
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
      return charText(Number(BigInt.asUintN(32, value)));
    default:
      return BigInt.asIntN(64, value).toString();
  }
}

function octal(value: bigint): string {
  return value === 0n ? '0' : `0${value.toString(8)}`;
}

/** Lines of memory, each `0000000000000000: 0x53 0xff`; addresses have 64 bits. */
export function* dumpMemory(
  address: bigint,
  format: DumpFormat,
  read: MemoryReader,
): Generator<string> {
  const { letter } = format;
  const lineSize = format.size === 1 ? 8 : 16;
  const size = letter === 'c' ? 1 : format.size;
  let left = format.count * format.size;
  let at = address;
  while (left > 0) {
    const length = Math.min(left, lineSize);
    let text = `${at.toString(16).padStart(16, '0')}:`;
    const bytes = read(Number(BigInt.asIntN(64, at)), length);
    if (bytes === undefined) {
      yield `${text} Cannot access memory\n`;
      return;
    }
    for (let i = 0; i < length; i += size) {
      text += ` ${itemText(littleEndian(bytes.slice(i, i + size)), letter, size)}`;
    }
    yield `${text}\n`;
    at = BigInt.asUintN(64, at + BigInt(length));
    left -= length;
  }
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
