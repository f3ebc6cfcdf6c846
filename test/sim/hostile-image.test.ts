import { expect, test } from 'vitest';
import { BlockError } from '../../src/block/backend.ts';
import { CACHE_MODES } from '../../src/block/cache-mode.ts';
import { createQcow } from '../../src/block/format/qcow-header.ts';
import { eachEntry } from '../../src/block/format/qcow2/mapping.ts';
import type { Qcow2Node } from '../../src/block/format/qcow2/node.ts';
import { openImage } from '../../src/block/graph.ts';
import type { BlockNode } from '../../src/block/node.ts';
import {
  applySnapshot,
  checkImage,
  createSnapshot,
  deleteSnapshot,
  lookIntoSnapshot,
  writeCompressed,
} from '../../src/block/operations.ts';
import { Options } from '../../src/block/options.ts';
import { FileNode } from '../../src/block/protocol/file.ts';
import { UserError } from '../../src/error.ts';
import { type MemoryFile, MemoryHost } from '../support/memory-host.ts';
import { mutateQcow } from '../support/qcow-mutations.ts';
import { contextOf, make, openQcow2 } from '../support/qcow2-bench.ts';
import { mutateQcow2 } from '../support/qcow2-mutations.ts';
import { Random, seedOr } from '../support/random.ts';

const IMAGES = 20_000;
const DISK = 96 * 1024;
const BASE = 'base.img';
const DATE = { seconds: 1, nanoseconds: 0 };
/** Whatever tables say, an image of 100 KiB has no business growing beyond this. */
const MOST_BYTES = 24 * 1024 * 1024;

interface Sample {
  readonly driver: string;
  readonly bytes: Uint8Array;
  /** Offsets of eight-byte fields that say where things are. */
  readonly fields: readonly number[];
}

async function sampleQcow2(random: Random, clusterSize: number, version: 2 | 3): Promise<Sample> {
  const host = new MemoryHost();
  await make(host, 'a', { size: DISK, clusterSize, version, backingFile: '' });
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
  for (const s of node.snapshots) fields.push(...entries(s.l1Offset, s.l1Size));
  return fields;
}

/** With a backing file its clusters are of 512 bytes, and one of them is compressed. */
async function sampleQcow(random: Random, backingFile: string): Promise<Sample> {
  const host = new MemoryHost();
  host.put(BASE, new Uint8Array(16 * 1024).fill(3));
  const cache = CACHE_MODES['writeback'];
  const file = new FileNode('a', host.open('a', 'create'), false, cache);
  await createQcow(file, { size: DISK, encrypted: false, backingFile });
  const node = await open(host, 'qcow', true);
  await node.write(0, random.fill(new Uint8Array(20 * 1024)));
  const cluster = node.details().clusterSize ?? 512;
  await writeCompressed(node, 64 * 1024, new Uint8Array(cluster).fill(5));
  await node.close();
  const bytes = host.files.get('a')?.contents() as Uint8Array;
  const fields = Array.from({ length: 7 }, (_, i) => i * 8);
  for (let at = 4096; at < 4096 + 192; at += 8) fields.push(at);
  return { driver: 'qcow', bytes, fields };
}

function open(host: MemoryHost, driver: string, writable: boolean): Promise<BlockNode> {
  return openImage({
    filename: 'a',
    options: new Options([['driver', driver]]),
    flags: { readOnly: !writable, cache: CACHE_MODES['writeback'] },
    context: contextOf(host),
    deviceName: 'image',
  });
}

function mutate(random: Random, sample: Sample): Uint8Array {
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

/** Everything a user may do; every refusal must be one of ours. */
async function use(node: BlockNode, file: MemoryFile, random: Random): Promise<void> {
  const into = new Uint8Array(512);
  const attempts: (() => Promise<unknown>)[] = [
    () => checkImage(node, 'none', () => {}),
    () => node.read(random.below(100) * 512, into),
    () => node.read(0, new Uint8Array(Math.min(node.length, DISK))),
    () => node.status(0, Math.min(node.length, DISK)),
  ];
  const untouched = node.readOnly ? file.contents() : undefined;
  if (node.readOnly) {
    attempts.push(
      () => lookIntoSnapshot(node, { either: 'one' }),
      () => node.read(0, new Uint8Array(Math.min(node.length, DISK))),
    );
  } else {
    attempts.push(
      () => node.write(random.below(100) * 512, random.fill(new Uint8Array(2048))),
      () => node.writeZeroes(0, 4096, true),
      () => node.discard(8192, 8192),
      () => node.flush(),
      () => createSnapshot(node, { name: 'new', date: DATE }),
      () => applySnapshot(node, 'two'),
      () => deleteSnapshot(node, 'one'),
      () => checkImage(node, 'all', () => {}),
    );
  }
  for (const attempt of attempts) await tolerate(attempt);
  await tolerate(() => node.close());
  if (untouched === undefined) return;
  if (Buffer.compare(file.contents(), untouched) !== 0) throw new Error('a look changed it');
}

async function tolerate(attempt: () => Promise<unknown>): Promise<void> {
  try {
    await attempt();
  } catch (error) {
    if (!(error instanceof UserError) && !(error instanceof BlockError)) throw error;
    expect(error.message).not.toBe('');
  }
}

test(`${IMAGES} mutated images are used or refused, without harm`, async () => {
  const seed = seedOr(77);
  const setup = new Random(seed);
  const samples = [
    await sampleQcow2(setup, 512, 3),
    await sampleQcow2(setup, 1024, 2),
    await sampleQcow2(setup, 4096, 3),
    await sampleQcow(setup, ''),
    await sampleQcow(setup, BASE),
  ];
  let slowest = 0;
  let refused = 0;
  for (let i = 0; i < IMAGES; i++) {
    const random = new Random(seed + i);
    const sample = samples[i % samples.length];
    const host = new MemoryHost();
    host.put(BASE, new Uint8Array(16 * 1024).fill(3));
    const file = host.put('a', mutate(random, sample));
    const started = performance.now();
    try {
      const node = await open(host, sample.driver, random.below(3) > 0);
      await use(node, file, random);
    } catch (error) {
      if (!(error instanceof UserError) && !(error instanceof BlockError)) {
        throw new Error(`SEED=${seed + i}: ${(error as Error).stack}`);
      }
      refused++;
    }
    slowest = Math.max(slowest, performance.now() - started);
    if (file.size > MOST_BYTES) throw new Error(`SEED=${seed + i}: grew to ${file.size}`);
  }
  expect(refused).toBeGreaterThan(IMAGES / 50);
  expect(refused).toBeLessThan(IMAGES / 1.5);
  expect(slowest).toBeLessThan(5000);
}, 300_000);
