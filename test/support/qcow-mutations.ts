/**
 * Damage to qcow (version 1) images that knows the format: sizes at and beyond their limits, tables
 * and names outside of the file, entries that point to tables, to each other and nowhere.
 */
import type { Mutated } from './qcow2-mutations.ts';
import type { Random } from './random.ts';

const COMPRESSED = 1n << 63n;

/** Where things are in an image that is still whole. */
class Layout {
  readonly data: DataView;
  readonly clusterBits: number;
  readonly l1Offset: number;
  readonly l1: readonly number[];
  readonly l2Entries: readonly number[];

  constructor(
    readonly bytes: Uint8Array,
    readonly random: Random,
  ) {
    this.data = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const { data } = this;
    this.clusterBits = data.getUint8(32);
    const l2Length = 2 ** data.getUint8(33);
    this.l1Offset = Number(data.getBigUint64(40));
    const coverage = 2 ** this.clusterBits * l2Length;
    const size = Number(data.getBigUint64(24));
    const entries = (at: number, count: number): number[] =>
      Array.from({ length: count }, (_, i) => at + i * 8);
    this.l1 = entries(this.l1Offset, Math.ceil(size / coverage));
    const tables = this.l1.map(at => Number(data.getBigUint64(at))).filter(at => at !== 0);
    this.l2Entries = tables.flatMap(at => entries(at, l2Length));
  }

  set64(at: number, value: bigint | number): void {
    this.data.setBigUint64(at, BigInt.asUintN(64, BigInt(value)));
  }

  /** In use, most of the time. */
  entry(): number {
    const used = this.l2Entries.filter(at => this.data.getBigUint64(at) !== 0n);
    return this.random.pick(this.random.below(5) > 0 ? used : this.l2Entries);
  }

  /** Somewhere: in the file, at its end, far past it. */
  place(): bigint {
    const { random, bytes } = this;
    const some = [0, 1, 47, 48, this.l1Offset, bytes.length - 1, bytes.length, bytes.length + 4096];
    const far = [2 ** 40, 2 ** 53, 2 ** 55, 2 ** 62];
    const places = [...some, ...far, random.below(bytes.length), random.below(bytes.length)];
    return random.below(12) === 0
      ? random.pick([2n ** 63n - 1n, 2n ** 64n - 1n])
      : //
        BigInt(random.pick(places));
  }

  compressed(place: bigint, length: number): bigint {
    const shift = BigInt(63 - this.clusterBits);
    return COMPRESSED | (BigInt(length) << shift) | (place & ((1n << shift) - 1n));
  }
}

type Mutation = (at: Layout) => void;
const MANY = 0xffffffff;
const BITS = [0, 6, 8, 9, 12, 13, 14, 16, 17, 31, 32, 63, 64, 255];
const SIZES = [0n, 1n, 2n, 511n, 513n, 1n << 20n, 1n << 40n, (1n << 53n) - 1n, 1n << 53n];
const HUGE = [(1n << 63n) - 512n, (1n << 63n) - 1n, 1n << 63n, (1n << 64n) - 1n];

const MUTATIONS: { readonly [name: string]: Mutation } = {
  'cluster bits': m => m.data.setUint8(32, m.random.pick(BITS)),
  'bits of L2': m => m.data.setUint8(33, m.random.pick(BITS)),
  'both bits': m => {
    m.data.setUint8(32, m.random.pick([9, 16]));
    m.data.setUint8(33, m.random.pick([6, 13]));
  },
  size: m => m.set64(24, m.random.pick([...SIZES, ...HUGE])),
  'size and bits': m => {
    m.data.setUint8(32, 16);
    m.data.setUint8(33, 13);
    m.set64(24, m.random.pick([...SIZES, ...HUGE]));
  },
  'backing name anywhere': m => {
    m.set64(8, m.place());
    m.data.setUint32(16, m.random.pick([0, 1, 8, 1022, 1023, 1024, 65536, MANY]));
  },
  'length of the backing name': m =>
    m.data.setUint32(16, m.random.pick([0, 1, 1023, 1024, 2 ** 31, MANY])),
  'L1 table anywhere': m => m.set64(40, m.place()),
  encryption: m => m.data.setUint32(36, m.random.pick([0, 1, 2, MANY])),
  version: m => m.data.setUint32(4, m.random.pick([0, 1, 2, 3, MANY])),
  'L1 anywhere': m => m.set64(m.random.pick(m.l1), m.place()),
  'L2 anywhere': m => m.set64(m.entry(), m.place()),
  'L2 shares a cluster': m => m.set64(m.entry(), m.data.getBigUint64(m.entry())),
  'L2 into tables': m => m.set64(m.entry(), m.random.pick([0, 48, m.l1Offset, m.l2Entries[0]])),
  'compressed anywhere': m =>
    m.set64(m.entry(), m.compressed(m.place(), m.random.below(2 ** m.clusterBits))),
  'compressed past the end': m =>
    m.set64(m.entry(), m.compressed(BigInt(m.bytes.length - m.random.below(64)), 400)),
  'compressed, of no length': m => m.set64(m.entry(), m.compressed(m.place(), 0)),
  'a bit of the tables': m => {
    const at = m.random.below(Math.min(m.bytes.length, 8192));
    m.bytes[at] ^= 1 << m.random.below(8);
  },
};

/** A damaged copy of a whole image. */
export function mutateQcow(whole: Uint8Array, random: Random): Mutated {
  const bytes = whole.slice();
  const layout = new Layout(bytes, random);
  const names: string[] = [];
  for (let left = random.pick([1, 1, 1, 2, 3]); left > 0; left--) {
    const name = random.pick(Object.keys(MUTATIONS));
    names.push(name);
    MUTATIONS[name](layout);
  }
  if (random.below(12) > 0) return { bytes, how: names.join(', ') };
  const length = random.pick([8, 47, 48, 512, random.below(bytes.length)]);
  return { bytes: bytes.slice(0, length), how: `${names.join(', ')}, cut at ${length}` };
}
