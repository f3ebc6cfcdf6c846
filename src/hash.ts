/**
 * A 64-bit hash of machine state: to compare two runs, not to withstand anybody.
 *
 * Four 32-bit lanes of multiply-and-rotate over little-endian words, in the manner of MurmurHash3.
 */

import type { Plain } from './state.ts';

const C1 = 0xcc9e2d51;
const C2 = 0x1b873593;

export class Hash {
  private a = 0x9747b28c;
  private b = 0x3c6ef372;
  private length = 0;

  bytes(data: Uint8Array): this {
    const whole = data.length & ~3;
    let { a, b } = this;
    for (let i = 0; i < whole; i += 4) {
      const word = data[i] | (data[i + 1] << 8) | (data[i + 2] << 16) | (data[i + 3] << 24);
      let k = Math.imul(word, C1);
      k = Math.imul((k << 15) | (k >>> 17), C2);
      a ^= k;
      a = Math.imul((a << 13) | (a >>> 19), 5) + 0xe6546b64;
      b = Math.imul(b ^ word, C2);
      b = ((b << 11) | (b >>> 21)) + a;
    }
    this.a = a | 0;
    this.b = b | 0;
    for (let i = whole; i < data.length; i++) this.word(data[i] + 0x100);
    return this.word(data.length);
  }

  /** Any plain value, with its shape: field order counts, so tables hash the same everywhere. */
  plain(value: Plain): this {
    if (typeof value === 'number') {
      return this.word(value | 0).word(Math.floor(value / 2 ** 32) | 0);
    }
    if (typeof value === 'boolean') return this.word(value ? 1 : 2);
    if (typeof value === 'string') return this.bytes(new TextEncoder().encode(value));
    if (value instanceof Uint8Array) return this.bytes(value);
    if (Array.isArray(value)) {
      this.word(value.length);
      for (const item of value as readonly Plain[]) this.plain(item);
      return this;
    }
    for (const [name, item] of Object.entries(value)) {
      this.plain(name);
      this.plain(item as Plain);
    }
    return this;
  }

  /** 16 hexadecimal digits. */
  digest(): string {
    const mix = (value: number): number => {
      let h = value ^ this.length;
      h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
      h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
      return (h ^ (h >>> 16)) >>> 0;
    };
    return [mix(this.a), mix(this.b ^ this.a)].map(n => n.toString(16).padStart(8, '0')).join('');
  }

  private word(word: number): this {
    this.length += 1;
    this.a = (Math.imul(this.a ^ word, C1) << 13) | (this.a >>> 19);
    this.b = Math.imul(this.b + word, C2) ^ this.a;
    return this;
  }
}
