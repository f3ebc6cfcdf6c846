/**
 * Repeatable random numbers for tests (xorshift128), seeded by SEED or the test's own default.
 */
export class Random {
  private readonly state: Uint32Array;

  constructor(readonly seed: number) {
    this.state = new Uint32Array([seed | 1, 0x9e3779b9 ^ seed, 0x243f6a88, 0xb7e15162]);
    for (let i = 0; i < 16; i++) this.word();
  }

  word(): number {
    const [x, y, z, w] = this.state;
    const t = x ^ (x << 11);
    this.state[0] = y;
    this.state[1] = z;
    this.state[2] = w;
    this.state[3] = w ^ (w >>> 19) ^ t ^ (t >>> 8);
    return this.state[3];
  }

  /** 0 up to, not including, `limit`. */
  below(limit: number): number {
    return this.word() % limit;
  }

  pick<T>(items: readonly T[]): T {
    return items[this.below(items.length)];
  }

  fill(bytes: Uint8Array): Uint8Array {
    for (let i = 0; i < bytes.length; i++) bytes[i] = this.word();
    return bytes;
  }
}

/** SEED of the environment, or `fallback`. */
export function seedOr(fallback: number): number {
  return Number(process.env['SEED'] ?? fallback);
}
