/**
 * Damage to qcow2 images that knows the format: tables that share clusters, point to each other, to
 * the header or past the end; counts, lengths and sizes at and beyond their limits.
 */
import type { Random } from './random.ts';

const OFFSET = 0x00fffffffffffe00n;
const COPIED = 1n << 63n;
const COMPRESSED = 1n << 62n;

/** Where things are in an image that is still whole. */
class Layout {
  readonly data: DataView;
  readonly cluster: number;
  readonly version: number;
  readonly l1: readonly number[];
  readonly l2: readonly number[];
  readonly l2Entries: readonly number[];
  readonly reftable: number;
  readonly blocks: readonly number[];
  readonly snapshots: readonly number[];

  constructor(
    readonly bytes: Uint8Array,
    readonly random: Random,
  ) {
    this.data = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const { data } = this;
    this.cluster = 2 ** data.getUint32(20);
    this.version = data.getUint32(4);
    const entries = (at: number, count: number): number[] =>
      Array.from({ length: count }, (_, i) => at + i * 8);
    const targets = (places: readonly number[]): number[] =>
      places.map(at => Number(data.getBigUint64(at) & OFFSET)).filter(offset => offset !== 0);
    this.l1 = entries(Number(data.getBigUint64(40)), data.getUint32(36));
    this.l2 = targets(this.l1);
    this.l2Entries = this.l2.flatMap(at => entries(at, this.cluster / 8));
    this.reftable = Number(data.getBigUint64(48));
    this.blocks = targets(entries(this.reftable, (data.getUint32(56) * this.cluster) / 8));
    this.snapshots = this.findSnapshots();
  }

  private findSnapshots(): number[] {
    const { data } = this;
    const found: number[] = [];
    let at = Number(data.getBigUint64(64));
    for (let i = 0; i < data.getUint32(60); i++) {
      found.push(at);
      const names = data.getUint16(at + 12) + data.getUint16(at + 14);
      at = Math.ceil((at + 40 + data.getUint32(at + 36) + names) / 8) * 8;
    }
    return found;
  }

  set64(at: number, value: bigint | number): void {
    this.data.setBigUint64(at, BigInt.asUintN(64, BigInt(value)));
  }

  set32(at: number, value: number): void {
    this.data.setUint32(at, value >>> 0);
  }

  /** In use, most of the time. */
  l2Entry(): number {
    const used = this.l2Entries.filter(at => this.data.getBigUint64(at) !== 0n);
    return this.random.pick(this.random.below(5) > 0 ? used : this.l2Entries);
  }

  /** Somewhere: in the file, at its end, far past it, aligned or not. */
  place(): number {
    const { random, cluster, bytes } = this;
    const inside = random.below(bytes.length / cluster) * cluster;
    return random.pick([
      ...[0, cluster, inside, inside, bytes.length, bytes.length + cluster],
      ...[random.below(bytes.length), 2 ** 40, 2 ** 53, 2 ** 55, 2 ** 62],
    ]);
  }

  /** Perhaps. */
  flag(): bigint {
    return this.random.pick([0n, COPIED]);
  }
}

type Mutation = (at: Layout) => void;
const MANY = 0xffffffff;

const MUTATIONS: { readonly [name: string]: Mutation } = {
  'L1 shares an L2 table': m =>
    m.set64(m.random.pick(m.l1), BigInt(m.random.pick(m.l2)) | m.flag()),
  'L1 anywhere': m => m.set64(m.random.pick(m.l1), BigInt(m.place()) | m.flag()),
  'L1 into a refcount block': m =>
    m.set64(m.random.pick(m.l1), BigInt(m.random.pick(m.blocks)) | COPIED),
  'L2 shares a cluster': m => m.set64(m.l2Entry(), m.data.getBigUint64(m.l2Entry())),
  'L2 anywhere': m => m.set64(m.l2Entry(), BigInt(m.place()) | m.flag()),
  'L2 flag': m => {
    const at = m.l2Entry();
    const bit = BigInt(m.random.pick([63, 63, 62, 0, 1, 5, 56, 57, 60]));
    m.set64(at, m.data.getBigUint64(at) ^ (1n << bit));
  },
  'L2 into tables': m => {
    const tables = [0, m.reftable, m.random.pick(m.blocks), m.random.pick(m.l2), m.l1[0]];
    m.set64(m.l2Entry(), BigInt(m.random.pick(tables)) | COPIED);
  },
  'compressed anywhere': m => {
    const noise = (BigInt(m.random.word()) << BigInt(m.random.below(30))) & (COMPRESSED - 1n);
    m.set64(m.l2Entry(), COMPRESSED | noise | BigInt(m.random.below(m.bytes.length * 2)));
  },
  'compressed past the end': m => {
    const sectors = BigInt(62 - (Math.log2(m.cluster) - 8));
    const start = BigInt(m.bytes.length - m.random.below(m.cluster));
    m.set64(m.l2Entry(), COMPRESSED | (BigInt(m.random.below(4)) << sectors) | start);
  },
  'two refcount blocks in one place': m =>
    m.set64(m.reftable + m.random.below(8) * 8, m.random.pick(m.blocks)),
  'refcount block anywhere': m => m.set64(m.reftable + m.random.below(8) * 8, m.place()),
  refcounts: m => {
    for (let i = 0; i < 4; i++) {
      const entry = m.random.below(Math.min(m.cluster / 2, m.bytes.length / m.cluster + 3));
      const count = m.random.pick([0, 1, 2, 3, 65535]);
      m.data.setUint16(m.random.pick(m.blocks) + entry * 2, count);
    }
  },
  "a snapshot's L1 in the header": m => m.set64(m.random.pick(m.snapshots), 0),
  "a snapshot's L1 anywhere": m => m.set64(m.random.pick(m.snapshots), m.place()),
  "size of a snapshot's L1": m =>
    m.set32(m.random.pick(m.snapshots) + 8, m.random.pick([0, 1, 100, 4194304, 4194305, MANY])),
  "a snapshot's names": m => {
    const at = m.random.pick(m.snapshots) + m.random.pick([12, 14]);
    m.data.setUint16(at, m.random.pick([0, 1, 1000, 65535]));
  },
  "a snapshot's extra data": m =>
    m.set32(m.random.pick(m.snapshots) + 36, m.random.pick([0, 8, 15, 17, 24, 1024, 1025, MANY])),
  "a snapshot's size": m =>
    m.set64(m.random.pick(m.snapshots) + 48, m.random.pick([0, 1, 512, 2 ** 30, 2 ** 62])),
  'number of snapshots': m => m.set32(60, m.random.pick([0, 1, 3, 10, 65535, 65536, 65537, MANY])),
  'snapshot table anywhere': m => m.set64(64, m.place()),
  'backing file name': m => {
    const places = [72, 104, 200, m.cluster - 1, m.cluster, m.cluster + 1, m.cluster - 1023];
    m.set64(8, m.random.pick([...places, 2 ** 40]));
    m.set32(16, m.random.pick([0, 1, 5, 1022, 1023, 1024, MANY]));
  },
  'cluster bits': m => m.set32(20, m.random.pick([0, 8, 9, 10, 12, 16, 21, 22, 31, 32, 63, MANY])),
  size: m =>
    m.set64(24, m.random.pick([0, 1, 511, 512, 65537, 2 ** 20, 2 ** 30, 2 ** 40, 2 ** 53, -1])),
  encryption: m => m.set32(32, m.random.pick([1, 2, 3, MANY])),
  'size of L1': m => {
    const some = [0, 1, m.l1.length - 1, m.l1.length + 1, m.l1.length * 2];
    m.set32(36, m.random.pick([...some, 4194304, 4194305, 0x10000000, MANY]));
  },
  'L1 table anywhere': m => m.set64(40, m.place()),
  'refcount table anywhere': m => m.set64(48, m.place()),
  'size of the refcount table': m =>
    m.set32(56, m.random.pick([0, 2, 3, 128, 129, 16384, 16385, MANY])),
  version: m => m.set32(4, m.random.pick([0, 1, 2, 3, 4, MANY])),
  features: m => {
    const bit = BigInt(m.random.pick([0, 1, 2, 3, 4, 5, 31, 32, 63]));
    if (m.version === 3) m.set64(m.random.pick([72, 80, 88]), 1n << bit);
  },
  'header length': m => {
    const lengths = [0, 72, 103, 105, 108, 112, 113, m.cluster - 8, m.cluster, m.cluster + 8, MANY];
    if (m.version === 3) m.set32(100, m.random.pick(lengths));
  },
  'refcount order': m => {
    if (m.version === 3) m.set32(96, m.random.pick([0, 3, 5, 6, 7, 31, 32, MANY]));
  },
  'extension length': m => {
    const at = m.version === 3 ? 104 : 72;
    const most = m.cluster - at - 8;
    m.set32(at + 4, m.random.pick([0, 1, 7, 100, most, most + 1, MANY, 0xfffffff8]));
  },
  'extension type': m =>
    m.set32(m.version === 3 ? 104 : 72, m.random.pick([0xe2792aca, 0x6803f857, 0x12345678])),
  'a bit of the tables': m => {
    const at = m.random.below(Math.min(m.bytes.length, m.cluster * 8));
    m.bytes[at] ^= 1 << m.random.below(8);
  },
};

export interface Mutated {
  readonly bytes: Uint8Array;
  /** What was done, for messages. */
  readonly how: string;
}

/** A damaged copy of a whole image. */
export function mutateQcow2(whole: Uint8Array, random: Random): Mutated {
  const bytes = whole.slice();
  const layout = new Layout(bytes, random);
  const names: string[] = [];
  for (let left = random.pick([1, 1, 1, 2, 4]); left > 0; left--) {
    const name = random.pick(Object.keys(MUTATIONS));
    names.push(name);
    MUTATIONS[name](layout);
  }
  if (random.below(12) > 0) return { bytes, how: names.join(', ') };
  const length = random.pick([8, 72, 104, 512, layout.cluster, random.below(bytes.length)]);
  return { bytes: bytes.slice(0, length), how: `${names.join(', ')}, cut at ${length}` };
}
