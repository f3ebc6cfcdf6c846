/**
 * Saved states as bytes: a tag, then the value. Numbers are integers of 1 to 8 bytes or doubles;
 * lengths are 32 bits, everything is little endian. Record members keep their order.
 */

import { UserError } from './error.ts';
import type { Plain } from './state.ts';

const FALSE = 0;
const TRUE = 1;
const U8 = 2;
const U32 = 3;
const DOUBLE = 4;
const TEXT = 5;
const BYTES = 6;
const LIST = 7;
const RECORD = 8;

/** Deeper than any state, and no stack overflows for what somebody made up. */
const MAX_DEPTH = 32;

class Writer {
  private bytes = new Uint8Array(1024);
  private length = 0;

  value(plain: Plain): void {
    if (typeof plain === 'number') this.number(plain);
    else if (typeof plain === 'boolean') this.u8(plain ? TRUE : FALSE);
    else if (typeof plain === 'string') this.block(TEXT, new TextEncoder().encode(plain));
    else if (plain instanceof Uint8Array) this.block(BYTES, plain);
    else if (Array.isArray(plain)) {
      const items = plain as readonly Plain[];
      this.u8(LIST);
      this.u32(items.length);
      for (const item of items) this.value(item);
    } else this.record(Object.entries(plain) as [string, Plain][]);
  }

  finish(): Uint8Array {
    return this.bytes.slice(0, this.length);
  }

  private record(entries: readonly (readonly [string, Plain])[]): void {
    this.u8(RECORD);
    this.u32(entries.length);
    for (const [name, item] of entries) {
      this.block(TEXT, new TextEncoder().encode(name));
      this.value(item);
    }
  }

  private number(value: number): void {
    const isWhole = Number.isInteger(value) && value >= 0 && !Object.is(value, -0);
    if (isWhole && value <= 0xff) {
      this.u8(U8);
      this.u8(value);
    } else if (isWhole && value <= 0xffffffff) {
      this.u8(U32);
      this.u32(value);
    } else {
      this.u8(DOUBLE);
      this.view(8).setFloat64(0, value, true);
    }
  }

  private block(tag: number, bytes: Uint8Array): void {
    this.u8(tag);
    this.u32(bytes.length);
    const at = this.room(bytes.length);
    this.bytes.set(bytes, at);
  }

  private u8(value: number): void {
    const at = this.room(1);
    this.bytes[at] = value;
  }

  private u32(value: number): void {
    this.view(4).setUint32(0, value, true);
  }

  private view(length: number): DataView {
    const at = this.room(length);
    return new DataView(this.bytes.buffer, at, length);
  }

  private room(length: number): number {
    const at = this.length;
    this.length += length;
    if (this.length > this.bytes.length) {
      const more = new Uint8Array(Math.max(this.length, this.bytes.length * 2));
      more.set(this.bytes);
      this.bytes = more;
    }
    return at;
  }
}

class Reader {
  private at = 0;
  private readonly view: DataView;

  constructor(private readonly bytes: Uint8Array) {
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  }

  value(depth = 0): Plain {
    if (depth > MAX_DEPTH) throw broken();
    const tag = this.u8();
    switch (tag) {
      case FALSE:
      case TRUE:
        return tag === TRUE;
      case U8:
        return this.u8();
      case U32:
        return this.view.getUint32(this.take(4), true);
      case DOUBLE:
        return this.view.getFloat64(this.take(8), true);
      case TEXT:
        return new TextDecoder().decode(this.block());
      case BYTES:
        return this.block().slice();
      case LIST:
        return Array.from({ length: this.count() }, () => this.value(depth + 1));
      case RECORD:
        return Object.fromEntries(
          Array.from({ length: this.count() }, () => this.member(depth + 1)),
        );
      default:
        throw broken();
    }
  }

  get isAtEnd(): boolean {
    return this.at === this.bytes.length;
  }

  private member(depth: number): [string, Plain] {
    if (this.u8() !== TEXT) throw broken();
    return [new TextDecoder().decode(this.block()), this.value(depth)];
  }

  /** Of items that follow: each has a byte at least. */
  private count(): number {
    const count = this.view.getUint32(this.take(4), true);
    if (count > this.bytes.length - this.at) throw broken();
    return count;
  }

  private block(): Uint8Array {
    const length = this.count();
    const from = this.take(length);
    return this.bytes.subarray(from, from + length);
  }

  private u8(): number {
    return this.bytes[this.take(1)];
  }

  private take(length: number): number {
    const from = this.at;
    if (from + length > this.bytes.length) throw broken();
    this.at += length;
    return from;
  }
}

function broken(): UserError {
  return new UserError('Saved state is damaged');
}

export function encodePlain(plain: Plain): Uint8Array {
  const writer = new Writer();
  writer.value(plain);
  return writer.finish();
}

/** Throws UserError for bytes that `encodePlain` does not give. */
export function decodePlain(bytes: Uint8Array): Plain {
  const reader = new Reader(bytes);
  const plain = reader.value();
  if (!reader.isAtEnd) throw broken();
  return plain;
}
