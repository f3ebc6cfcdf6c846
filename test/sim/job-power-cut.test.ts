/**
 * The power goes while a block job runs beside a writing guest: every image stays consistent, and
 * what the guest flushed is there.
 */
import { expect, test } from 'vitest';
import { CACHE_MODES } from '../../src/block/cache-mode.ts';
import { openDrive } from '../../src/block/drive.ts';
import { parseDrive } from '../../src/block/drive-options.ts';
import { openImage } from '../../src/block/graph.ts';
import type { Job } from '../../src/block/job/job.ts';
import {
  type JobSetting,
  startBackup,
  startCommit,
  startMirror,
  startStream,
} from '../../src/block/job/start.ts';
import type { DriveBackend } from '../../src/block/node-backend.ts';
import { Options } from '../../src/block/options.ts';
import { UserError } from '../../src/error.ts';
import { MemoryHost } from '../support/memory-host.ts';
import { ForgetfulDisk, Fuse, PowerCut } from '../support/power-cut.ts';
import { checked, contextOf, make, openQcow2 } from '../support/qcow2-bench.ts';
import { Random, seedOr } from '../support/random.ts';
import { Expectation, expectData } from '../support/sectors.ts';

const CUTS = 1500;
const DISK = 96 * 512;
const SECTOR = 512;
const EMPTY = { defaultInterface: 'ide', drives: [], formats: [] } as const;
const KINDS = ['backup', 'mirror', 'stream', 'commit', 'active commit'] as const;

const NAMES = ['base.qcow2', 'mid.qcow2', 'top.qcow2'];

/** A chain of three images with something in each, and what the guest sees. */
async function chain(
  random: Random,
): Promise<{ files: Map<string, Uint8Array>; seen: Uint8Array }> {
  const host = new MemoryHost();
  const seen = new Uint8Array(DISK / SECTOR);
  let below = '';
  for (const name of NAMES) {
    const clusterSize = random.pick([512, 1024]);
    const backingFormat = below === '' ? undefined : 'qcow2';
    await make(host, name, { size: DISK, clusterSize, backingFile: below, backingFormat });
    const node = await openQcow2(host, name);
    for (let i = 0; i < 6; i++) {
      const sector = random.below(seen.length - 8);
      const count = 1 + random.below(8);
      const value = 1 + random.below(255);
      await node.write(sector * SECTOR, new Uint8Array(count * SECTOR).fill(value));
      seen.fill(value, sector, sector + count);
    }
    await node.close();
    below = name;
  }
  const files = NAMES.map(name => [name, host.files.get(name)?.contents() as Uint8Array] as const);
  return { files: new Map(files), seen };
}

function start(setting: JobSetting, kind: (typeof KINDS)[number]): Promise<Job> {
  const copy = { target: 'target.qcow2', format: 'qcow2', mode: 'absolute-paths' } as const;
  const speed = 0;
  switch (kind) {
    case 'backup':
      return startBackup(setting, { ...copy, sync: 'full', speed });
    case 'mirror':
      return startMirror(setting, { ...copy, sync: 'full', speed, granularity: 512 });
    case 'stream':
      return startStream(setting, { base: undefined, speed });
    case 'commit':
      return startCommit(setting, { base: undefined, top: 'mid.qcow2', speed });
    default:
      return startCommit(setting, { base: undefined, top: undefined, speed });
  }
}

async function guest(drive: DriveBackend, random: Random, expected: Expectation): Promise<void> {
  for (let i = 0; i < 30; i++) {
    await new Promise(resolve => setImmediate(resolve));
    const sector = random.below(expected.now.length);
    const count = 1 + random.below(Math.min(6, expected.now.length - sector));
    if (random.below(4) === 0) {
      await drive.flush();
      expected.flush();
      continue;
    }
    const value = 1 + random.below(255);
    expected.write(sector, count, value);
    await drive.write(sector * SECTOR, new Uint8Array(count * SECTOR).fill(value));
  }
}

interface World {
  readonly random: Random;
  readonly disk: ForgetfulDisk;
  readonly expected: Expectation;
  /** What the drive held when the job began. */
  readonly before: Uint8Array;
  /** The image that the drive ran on last. */
  image: string;
  outcome: string | undefined;
}

/** Until the power goes, or all is done. */
async function live(world: World, kind: (typeof KINDS)[number]): Promise<void> {
  const { random, expected, disk } = world;
  const drive = await openDrive(parseDrive([['file', 'top.qcow2']], EMPTY), contextOf(disk));
  const setting: JobSetting = {
    drive,
    context: contextOf(disk),
    print: () => {},
    listener: {
      failed: () => {},
      ready: job => {
        if (random.below(2) === 0) job.complete();
      },
      ended: (_, outcome) => {
        world.outcome = outcome;
      },
    },
  };
  try {
    const job = await start(setting, kind);
    await Promise.all([job.finished, guest(drive, random, expected).then(() => finish(job))]);
  } catch (error) {
    if (!(error instanceof PowerCut)) throw error;
  }
  // What a restarted machine would be given.
  world.image = drive.node?.filename ?? world.image;
  await drive.close().catch((error: unknown) => {
    if (!(error instanceof PowerCut)) throw error;
  });
}

function finish(job: Job): void {
  if (!job.isReady) return;
  try {
    job.complete();
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
  }
}

/** What is left, looked at by a fresh machine. */
async function examine(world: World, kind: string, seed: number): Promise<void> {
  const host = new MemoryHost();
  for (const [name, file] of world.disk.all) host.put(name, file.survivors(world.random));
  for (const name of world.disk.all.keys()) {
    try {
      const node = await openQcow2(host, name, { readOnly: true });
      const { corruptions, messages } = await checked(node);
      if (corruptions > 0) throw new Error(`SEED=${seed} ${kind} ${name}: ${messages.join('; ')}`);
    } catch (error) {
      // A target that was not yet made is no image.
      const isNew = name === 'target.qcow2' && world.outcome === undefined;
      if (!(error instanceof UserError) || !isNew || world.image === name) throw error;
    }
  }
  const top = await openImage({
    filename: world.image,
    options: new Options([['driver', 'qcow2']]),
    flags: { readOnly: true, cache: CACHE_MODES['writeback'] },
    context: contextOf(host),
  });
  await expectData(top, world.expected, seed);
  if (kind !== 'backup' || world.outcome !== 'completed') return;
  const copy = await openQcow2(host, 'target.qcow2', { readOnly: true });
  const bytes = new Uint8Array(DISK);
  await copy.read(0, bytes);
  const held = world.before.map((_, s) => bytes[s * SECTOR]);
  if (Buffer.compare(held, world.before) !== 0) throw new Error(`SEED=${seed}: not as it was`);
}

test(`${CUTS} power cuts beside jobs: images are consistent, flushed data is there`, async () => {
  const base = seedOr(20260202);
  const outcomes = new Map<string, number>();
  for (let cut = 0; cut < CUTS; cut++) {
    const seed = base + cut;
    const random = new Random(seed);
    const kind = KINDS[cut % KINDS.length];
    const { files, seen } = await chain(random);
    const disk = new ForgetfulDisk(new Fuse(random.below(random.pick([20, 80, 400]))), files);
    const expected = new Expectation(DISK / SECTOR);
    expected.now.set(seen);
    expected.flush();
    const before = seen.slice();
    const world: World = {
      random,
      disk,
      expected,
      before,
      image: 'top.qcow2',
      outcome: undefined,
    };
    await live(world, kind);
    await examine(world, kind, seed);
    const what = `${kind} ${world.outcome ?? 'cut'}`;
    outcomes.set(what, (outcomes.get(what) ?? 0) + 1);
  }
  // Each kind was cut short, and each ended well, often enough.
  for (const kind of KINDS) {
    expect(outcomes.get(`${kind} cut`)).toBeGreaterThan(CUTS / 50);
    expect(outcomes.get(`${kind} completed`)).toBeGreaterThan(CUTS / 50);
  }
}, 600_000);
