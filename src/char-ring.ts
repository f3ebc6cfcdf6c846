/**
 * A character back end that keeps the last bytes written in memory: `-chardev ringbuf`. The monitor
 * reads them with ringbuf_read and feeds the device with ringbuf_write.
 */

import type { CharBackend } from './char.ts';
import { UserError } from './error.ts';

/** As places in the store are calculated with 32 bits. */
const MAX_SIZE = 2 ** 30;

export class CharRing implements CharBackend {
  private readonly store: Uint8Array;
  private produced = 0;
  private consumed = 0;

  /** `size` in bytes, a power of two. */
  constructor(size: number) {
    if (!Number.isInteger(Math.log2(size))) {
      throw new UserError('size of ringbuf chardev must be power of two');
    }
    if (size > MAX_SIZE) throw new UserError('Cannot allocate memory');
    this.store = new Uint8Array(size);
  }

  /** Old bytes make room for new ones. */
  write(bytes: Uint8Array): void {
    for (const byte of bytes) this.store[this.produced++ & (this.store.length - 1)] = byte;
    this.consumed = Math.max(this.consumed, this.produced - this.store.length);
  }

  /** Takes at most `count` of the oldest bytes. */
  take(count: number): Uint8Array {
    const length = Math.min(count, this.produced - this.consumed);
    const taken = new Uint8Array(length);
    for (let i = 0; i < length; i++) {
      taken[i] = this.store[this.consumed++ & (this.store.length - 1)];
    }
    return taken;
  }
}
