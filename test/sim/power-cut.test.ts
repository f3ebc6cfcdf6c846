import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { Qcow2Settings } from '../../src/block/format/qcow2/create.ts';
import type { Qcow2Node } from '../../src/block/format/qcow2/node.ts';
import {
  applySnapshot,
  createSnapshot,
  deleteSnapshot,
} from '../../src/block/format/qcow2/snapshot-ops.ts';
import { MemoryHost } from '../support/memory-host.ts';
import { ForgetfulFile, ForgetfulHost, Fuse, PowerCut } from '../support/power-cut.ts';
import { checked, make, openQcow2 } from '../support/qcow2-bench.ts';
import { Random, seedOr } from '../support/random.ts';
import { Expectation, expectData } from '../support/sectors.ts';

const CUTS = 10_000;
const SECTOR = 512;
const DATE = { seconds: 1, nanoseconds: 0 };

interface World {
  readonly node: Qcow2Node;
  readonly random: Random;
  readonly expected: Expectation;
  readonly saved: Map<string, Uint8Array>;
}

async function step({ node, random, expected, saved }: World): Promise<void> {
  const sectors = node.length / SECTOR;
  const sector = random.below(sectors);
  const count = 1 + random.below(Math.min(sectors - sector, random.pick([1, 4, 16])));
  const offset = sector * SECTOR;
  const length = count * SECTOR;
  switch (random.below(13)) {
    case 0:
    case 1:
    case 2:
    case 3:
    case 4: {
      const value = 1 + random.below(255);
      expected.write(sector, count, value);
      return node.write(offset, new Uint8Array(length).fill(value));
    }
    case 5:
    case 6:
      expected.write(sector, count, 0);
      return node.writeZeroes(offset, length, random.below(2) === 0);
    case 12:
      // Clusters that lie wholly inside are given back and read as zeros, the rest stays.
      for (let s = sector; s < sector + count; s++) expected.mayBecome(s, 0);
      await node.discard(offset, length);
      return expected.readBack(node, sector, count);
    case 7:
    case 8: {
      await node.flush();
      expected.flush();
      return;
    }
    case 9: {
      const name = `s${random.below(100)}`;
      if (saved.has(name) || saved.size > 2) return;
      // A snapshot is a point of its own: what it holds is durable once it is there.
      await createSnapshot(node, { name, date: DATE, vmStateSize: 0, vmClockNs: 0 });
      expected.flush();
      saved.set(name, expected.now.slice());
      return;
    }
    case 10: {
      const [name] = saved.keys();
      if (name === undefined) return;
      const old = saved.get(name) as Uint8Array;
      for (let s = 0; s < old.length; s++) {
        if (old[s] !== expected.now[s]) expected.write(s, 1, old[s]);
      }
      await applySnapshot(node, name);
      expected.flush();
      return;
    }
    default: {
      const [name] = saved.keys();
      if (name === undefined) return;
      saved.delete(name);
      await deleteSnapshot(node, name);
      expected.flush();
    }
  }
}

/** Runs until the power goes; resolves with what is left and what it may hold. */
async function run(
  random: Random,
  image: Uint8Array,
): Promise<{ readonly disk: Uint8Array; readonly expected: Expectation }> {
  const fuse = new Fuse(random.below(160));
  const file = new ForgetfulFile(fuse, image);
  const host = new ForgetfulHost('a.qcow2', file);
  const node = await openQcow2(host, 'a.qcow2');
  const expected = new Expectation(node.length / SECTOR);
  const world: World = { node, random, expected, saved: new Map() };
  try {
    for (let i = 0; i < 60; i++) await step(world);
    await node.close();
  } catch (error) {
    if (!(error instanceof PowerCut)) throw error;
  }
  return { disk: file.survivors(random), expected };
}

const SETTINGS: readonly Partial<Qcow2Settings>[] = [
  { clusterSize: 512, version: 3 },
  { clusterSize: 512, version: 2 },
  { clusterSize: 1024, version: 3 },
  { clusterSize: 4096, version: 3 },
  { clusterSize: 512, version: 3, lazyRefcounts: true },
  { clusterSize: 4096, version: 3, lazyRefcounts: true },
];

function hasQemuImg(): boolean {
  try {
    execFileSync('qemu-img', ['--version'], { stdio: 'ignore' });
    return true;
  } catch {
    console.log('qemu-img is not installed: its check is skipped');
    return false;
  }
}

test(`${CUTS} power cuts: images stay consistent and flushed data stays there`, async () => {
  const seed = seedOr(20260101);
  const fresh: Uint8Array[] = [];
  for (const settings of SETTINGS) {
    const host = new MemoryHost();
    await make(host, 'a.qcow2', { size: 65536 + 512, ...settings });
    fresh.push(host.files.get('a.qcow2')?.contents() as Uint8Array);
  }
  const outsider = hasQemuImg();
  const folder = mkdtempSync(join(tmpdir(), 'tinamou-cut-'));
  try {
    for (let cut = 0; cut < CUTS; cut++) {
      const random = new Random(seed + cut);
      const left = await run(random, fresh[cut % fresh.length]);
      const { expected } = left;
      const disk = await repaired(left.disk, expected, random);
      await examine(disk, expected, seed + cut);
      if (outsider && cut % 200 === 0) {
        const path = join(folder, 'a.qcow2');
        writeFileSync(path, disk);
        checkOutside(path, seed + cut);
      }
    }
    expect(dirty).toBeGreaterThan(CUTS / 10);
  } finally {
    rmSync(folder, { recursive: true });
  }
}, 600_000);

function checkOutside(path: string, seed: number): void {
  try {
    execFileSync('qemu-img', ['check', '-q', path], { stdio: 'pipe' });
  } catch (error) {
    const { status, stderr } = error as { status: number; stderr: Buffer };
    // 3: leaks only.
    if (status !== 3) throw new Error(`SEED=${seed}: qemu-img check ${status}: ${stderr}`);
  }
}

/** How many images were left dirty. */
let dirty = 0;

/** What becomes of an image whose counts were lazy, if the power may go while it is repaired. */
async function repaired(
  left: Uint8Array,
  expected: Expectation,
  random: Random,
): Promise<Uint8Array> {
  for (let disk = left; ; ) {
    const host = new MemoryHost();
    host.put('a.qcow2', disk);
    const node = await openQcow2(host, 'a.qcow2', { readOnly: true });
    if (node.details().dirty !== true) return disk;
    dirty++;
    await expectData(node, expected, random.seed);
    const file = new ForgetfulFile(new Fuse(random.below(24)), disk);
    try {
      const opened = await openQcow2(new ForgetfulHost('a.qcow2', file), 'a.qcow2');
      await opened.close();
      return file.contents();
    } catch (error) {
      if (!(error instanceof PowerCut)) throw error;
    }
    disk = file.survivors(random);
  }
}

async function examine(disk: Uint8Array, expected: Expectation, seed: number): Promise<void> {
  const host = new MemoryHost();
  host.put('a.qcow2', disk);
  const node = await openQcow2(host, 'a.qcow2', { readOnly: true });
  const result = await checked(node);
  if (result.corruptions > 0) {
    throw new Error(`SEED=${seed}: ${result.messages.join('; ')}`);
  }
  await expectData(node, expected, seed);
  expect(result.checkErrors).toBe(0);
}
