import { expect, test } from 'vitest';
import { BlockError } from '../../src/block/backend.ts';
import type { BlockNode } from '../../src/block/node.ts';
import {
  applySnapshot,
  checkImage,
  createSnapshot,
  deleteSnapshot,
  lookIntoSnapshot,
} from '../../src/block/operations.ts';
import { UserError } from '../../src/error.ts';
import {
  allSamples,
  BASE,
  BASE_BYTES,
  mutate,
  openSample,
  SAMPLE_DISK,
} from '../support/damaged-images.ts';
import { type MemoryFile, MemoryHost } from '../support/memory-host.ts';
import { Random, seedOr } from '../support/random.ts';

const IMAGES = 20_000;
const DATE = { seconds: 1, nanoseconds: 0 };
/** Whatever tables say, an image of 100 KiB has no business growing beyond this. */
const MOST_BYTES = 24 * 1024 * 1024;

/** Everything a user may do; every refusal must be one of ours. */
async function use(node: BlockNode, file: MemoryFile, random: Random): Promise<void> {
  const into = new Uint8Array(512);
  const attempts: (() => Promise<unknown>)[] = [
    () => checkImage(node, 'none', () => {}),
    () => node.read(random.below(100) * 512, into),
    () => node.read(0, new Uint8Array(Math.min(node.length, SAMPLE_DISK))),
    () => node.status(0, Math.min(node.length, SAMPLE_DISK)),
  ];
  const untouched = node.readOnly ? file.contents() : undefined;
  if (node.readOnly) {
    attempts.push(
      () => lookIntoSnapshot(node, { either: 'one' }),
      () => node.read(0, new Uint8Array(Math.min(node.length, SAMPLE_DISK))),
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
  const samples = await allSamples(setup);
  let slowest = 0;
  let refused = 0;
  for (let i = 0; i < IMAGES; i++) {
    const random = new Random(seed + i);
    const sample = samples[i % samples.length];
    const host = new MemoryHost();
    host.put(BASE, BASE_BYTES);
    const file = host.put('a', mutate(random, sample));
    const started = performance.now();
    try {
      const node = await openSample(host, sample.driver, random.below(3) > 0);
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
}, 600_000);
