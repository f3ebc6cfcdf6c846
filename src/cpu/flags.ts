/**
 * The lazy flags: what the last instructions left, from which CF PF AF ZF SF OF follow.
 *
 * CF is always `FLAG_A <u FLAG_B`, whatever the kind, so inc and dec keep it by leaving both alone.
 * ZF is always `FLAG_RESULT === 0`. The kind says where the others come from:
 * BITS: PF AF SF OF in FLAG_BITS; STORED: AF and OF in FLAG_BITS, PF and SF from the result;
 * SUB: operands in A and B; ADD: result in A, first operand in B; and so on below.
 * Sized kinds are base + 0, 1, 2 for 8, 16, 32 bits.
 */

import type { Bits } from './code.ts';
import {
  AF,
  ARITHMETIC,
  CF,
  EFLAGS_REST,
  FLAG_A,
  FLAG_B,
  FLAG_BITS,
  FLAG_KIND,
  FLAG_RESULT,
  OF,
  PF,
  SF,
  ZF,
} from './registers.ts';

export const BITS = 0;
/** AF and OF are zero. */
export const LOGIC = 1;
export const SUB = 2;
/** OF is CF. */
export const MUL = 3;
export const STORED = 4;
/** OF is SF ^ CF. */
export const SHL = 5;
export const ADD = 8;
export const INC = 11;
export const DEC = 14;
export const SHR = 17;

export function sizeIndex(size: Bits): number {
  return size >> 4;
}

const SHIFTS = [24, 16, 0];

export function carry(s: Int32Array): boolean {
  return s[FLAG_A] >>> 0 < s[FLAG_B] >>> 0;
}

export function sign(s: Int32Array): boolean {
  return signOf(s[FLAG_KIND], s[FLAG_RESULT], s[FLAG_BITS]);
}

export function parity(s: Int32Array): boolean {
  return parityOf(s[FLAG_KIND], s[FLAG_RESULT], s[FLAG_BITS]);
}

export function overflow(s: Int32Array): boolean {
  return overflowOf(s[FLAG_KIND], s[FLAG_RESULT], s[FLAG_A], s[FLAG_B], s[FLAG_BITS]);
}

// The same of records whose words are at hand: kind, result, A, B, and the bits.

export function signOf(kind: number, r: number, bits: number): boolean {
  return kind === BITS ? (bits & SF) !== 0 : r < 0;
}

export function parityOf(kind: number, r: number, bits: number): boolean {
  if (kind === BITS) return (bits & PF) !== 0;
  const b = r ^ (r >> 4);
  return ((0x9669 >> (b & 15)) & 1) !== 0;
}

export function overflowOf(kind: number, r: number, a: number, b: number, bits: number): boolean {
  if (kind < ADD) {
    switch (kind) {
      case LOGIC:
        return false;
      case SUB:
        return ((a ^ b) & (a ^ r)) < 0;
      case MUL:
        return a >>> 0 < b >>> 0;
      case SHL:
        return r < 0 !== a >>> 0 < b >>> 0;
      default:
        return (bits & OF) !== 0;
    }
  }
  const shift = SHIFTS[(kind - ADD) % 3];
  const lowest = 0x80000000 >> shift;
  if (kind >= SHR) return (r << shift) << 1 < 0 !== r < 0;
  if (kind >= DEC) return r === ~lowest;
  if (kind >= INC) return r === lowest;
  return ((b ^ r) & ((r - b) ^ r)) << shift < 0;
}

export function lessOf(kind: number, r: number, a: number, b: number, bits: number): boolean {
  return signOf(kind, r, bits) !== overflowOf(kind, r, a, b, bits);
}

export function adjust(s: Int32Array): boolean {
  const kind = s[FLAG_KIND];
  const r = s[FLAG_RESULT];
  if (kind === SUB) return ((s[FLAG_A] ^ s[FLAG_B] ^ r) & AF) !== 0;
  if (kind === BITS || kind === STORED) return (s[FLAG_BITS] & AF) !== 0;
  if (kind < ADD || kind >= SHR) return false;
  if (kind >= DEC) return (r & 15) === 15;
  if (kind >= INC) return (r & 15) === 0;
  const a = s[FLAG_B];
  return ((a ^ (r - a) ^ r) & AF) !== 0;
}

/** CF PF AF ZF SF OF in their places. */
export function arithmetic(s: Int32Array): number {
  return (
    (carry(s) ? CF : 0) |
    (parity(s) ? PF : 0) |
    (adjust(s) ? AF : 0) |
    (s[FLAG_RESULT] === 0 ? ZF : 0) |
    (sign(s) ? SF : 0) |
    (overflow(s) ? OF : 0)
  );
}

export function setArithmetic(s: Int32Array, value: number): void {
  s[FLAG_A] = 0;
  s[FLAG_B] = value & CF;
  s[FLAG_RESULT] = (value & ZF) !== 0 ? 0 : 1;
  s[FLAG_BITS] = value;
  s[FLAG_KIND] = BITS;
}

/** EFLAGS whole. */
export function eflags(s: Int32Array): number {
  return s[EFLAGS_REST] | arithmetic(s);
}

export function setEflags(s: Int32Array, value: number, mask: number): void {
  if ((mask & ARITHMETIC) !== 0) {
    const kept = (mask & ARITHMETIC) === ARITHMETIC ? 0 : arithmetic(s) & ~mask;
    setArithmetic(s, kept | (value & mask & ARITHMETIC));
  }
  const rest = mask & ~ARITHMETIC;
  s[EFLAGS_REST] = (s[EFLAGS_REST] & ~rest) | (value & rest) | 2;
}

/** Turns the record into one whose FLAG_A and FLAG_B mean CF and nothing else. */
export function settle(s: Int32Array): void {
  const kind = s[FLAG_KIND];
  if (kind === BITS || kind === STORED || kind === LOGIC) return;
  s[FLAG_BITS] = (adjust(s) ? AF : 0) | (overflow(s) ? OF : 0);
  const cf = carry(s) ? 1 : 0;
  s[FLAG_KIND] = STORED;
  s[FLAG_A] = 0;
  s[FLAG_B] = cf;
}

/** The result decides PF ZF SF; CF, AF and OF are given. */
export function setStored(s: Int32Array, r: number, cf: number, rest: number): void {
  s[FLAG_KIND] = STORED;
  s[FLAG_RESULT] = r;
  s[FLAG_A] = 0;
  s[FLAG_B] = cf;
  s[FLAG_BITS] = rest;
}
