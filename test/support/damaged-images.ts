/**
 * Images of each kind with data, snapshots, compressed clusters, and ways to damage them.
 */
import { CACHE_MODES } from '../../src/block/cache-mode.ts';
import { createQcow } from '../../src/block/format/qcow-header.ts';
import { eachEntry } from '../../src/block/format/qcow2/mapping.ts';
import type { Qcow2Node } from '../../src/block/format/qcow2/node.ts';
import { openImage } from '../../src/block/graph.ts';
import type { BlockNode } from '../../src/block/node.ts';
import { createSnapshot, writeCompressed } from '../../src/block/operations.ts';
import { Options } from '../../src/block/options.ts';
import { FileNode } from '../../src/block/protocol/file.ts';
import { MemoryHost } from './memory-host.ts';
import { mutateQcow } from './qcow-mutations.ts';
import { contextOf, make, openQcow2 } from './qcow2-bench.ts';
import { mutateQcow2 } from './qcow2-mutations.ts';
import type { Random } from './random.ts';

export const SAMPLE_DISK = 96 * 1024;
/** Below one of the images. */
export const BASE = 'base.img';
export const BASE_BYTES = new Uint8Array(16 * 1024).fill(3);
const DATE = { seconds: 1, nanoseconds: 0 };

export interface Sample {
  readonly driver: string;
  readonly bytes: Uint8Array;
  /** Offsets of eight-byte fields that say where things are. */
  readonly fields: readonly number[];
}

async function sampleQcow2(random: Random, clusterSize: number, version: 2 | 3): Promise<Sample> {
  const host = new MemoryHost();
  await make(host, 'a', { size: SAMPLE_DISK, clusterSize, version, backingFile: '' });
  const node = await openQcow2(host, 'a');
  await node.write(0, random.fill(new Uint8Array(20 * 1024)));
  await node.writeZeroes(40 * 1024, 8 * 1024, true);
  await node.writeCompressed(64 * 1024, new Uint8Array(clusterSize).fill(5));
  await createSnapshot(node, { name: 'one', date: DATE });
  await node.write(2048, random.fill(new Uint8Array(4096)));
  await createSnapshot(node, { name: 'two', date: DATE });
  await node.write(512, random.fill(new Uint8Array(512)));
  const fields = await fieldsOf(node, clusterSize);
  await node.close();
  const bytes = host.files.get('a')?.contents() as Uint8Array;
  return { driver: 'qcow2', bytes, fields: fields.filter(f => f + 8 <= bytes.length) };
}

async function fieldsOf(node: Qcow2Node, clusterSize: number): Promise<number[]> {
  const { header } = node.metadata;
  const entries = (from: number, count: number): number[] =>
    Array.from({ length: count }, (_, i) => from + i * 8);
  const fields = [...entries(0, 14), ...entries(header.l1Offset, header.l1Size)];
  fields.push(...entries(header.snapshotsOffset, 16), ...entries(header.reftableOffset, 4));
  await node.metadata.l1.scan(page => {
    eachEntry(page, offset => {
      if (offset !== 0) fields.push(...entries(offset, Math.min(64, clusterSize / 8)));
    });
  });
  const block = await node.metadata.reftableEntry(0);
  fields.push(...entries(block, clusterSize / 8));
  for (const s of node.snapshots.l1Places()) fields.push(...entries(s.l1Offset, s.l1Size));
  return fields;
}

/** With a backing file its clusters are of 512 bytes, and one of them is compressed. */
async function sampleQcow(random: Random, backingFile: string): Promise<Sample> {
  const host = new MemoryHost();
  host.put(BASE, BASE_BYTES);
  const cache = CACHE_MODES['writeback'];
  const file = new FileNode('a', host.open('a', 'create'), false, cache);
  await createQcow(file, { size: SAMPLE_DISK, encrypted: false, backingFile });
  const node = await openSample(host, 'qcow', true);
  await node.write(0, random.fill(new Uint8Array(20 * 1024)));
  const cluster = node.details().clusterSize ?? 512;
  await writeCompressed(node, 64 * 1024, new Uint8Array(cluster).fill(5));
  await node.close();
  const bytes = host.files.get('a')?.contents() as Uint8Array;
  const fields = Array.from({ length: 7 }, (_, i) => i * 8);
  for (let at = 4096; at < 4096 + 192; at += 8) fields.push(at);
  return { driver: 'qcow', bytes, fields };
}

export function openSample(
  host: MemoryHost,
  driver: string,
  writable: boolean,
): Promise<BlockNode> {
  return openImage({
    filename: 'a',
    options: new Options([['driver', driver]]),
    flags: { readOnly: !writable, cache: CACHE_MODES['writeback'] },
    context: contextOf(host),
    deviceName: 'image',
  });
}

/** A damaged copy. */
export function mutate(random: Random, sample: Sample): Uint8Array {
  if (sample.driver === 'qcow2' && random.below(2) === 0) {
    return mutateQcow2(sample.bytes, random).bytes;
  }
  const bytes = sample.bytes.slice();
  if (sample.driver === 'qcow' && random.below(4) > 0) return mutateQcow(bytes, random).bytes;
  const data = new DataView(bytes.buffer);
  const count = 1 + random.below(4);
  for (let i = 0; i < count; i++) {
    const at = random.pick(sample.fields);
    switch (random.below(6)) {
      case 0:
        data.setUint32(at + 4, random.word());
        break;
      case 1:
        data.setBigUint64(at, BigInt(Math.floor(random.below(bytes.length) / 512) * 512));
        break;
      case 2:
        data.setBigUint64(at, data.getBigUint64(random.pick(sample.fields)));
        break;
      case 3:
        bytes[at + random.below(8)] ^= 1 << random.below(8);
        break;
      case 4:
        data.setBigUint64(at, random.pick([0n, 0xffffffffffffffffn, 1n << 63n, 1n << 62n, 1n]));
        break;
      default:
        data.setBigUint64(at, (BigInt(random.word()) << 32n) | BigInt(random.word()));
    }
  }
  return random.below(8) === 0 ? bytes.slice(0, random.below(bytes.length)) : bytes;
}

/** One of each kind. */
export async function allSamples(random: Random): Promise<Sample[]> {
  return [
    await sampleQcow2(random, 512, 3),
    await sampleQcow2(random, 1024, 2),
    await sampleQcow2(random, 4096, 3),
    await sampleQcow(random, ''),
    await sampleQcow(random, BASE),
  ];
}
