/**
 * The power goes while the image tool changes an image: the guest's disk is what it was before or
 * what it would have been after, never a mixture; so are snapshots; no image is corrupt, also in
 * the eyes of Debian's qemu-img.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { CACHE_MODES } from '../../src/block/cache-mode.ts';
import { openImage } from '../../src/block/graph.ts';
import type { BlockNode } from '../../src/block/node.ts';
import { createSnapshot, lookIntoSnapshot } from '../../src/block/operations.ts';
import { Options } from '../../src/block/options.ts';
import { runTool } from '../support/image-tool.ts';
import { MemoryHost } from '../support/memory-host.ts';
import { ForgetfulDisk, Fuse, PowerCut } from '../support/power-cut.ts';
import { missing } from '../support/program.ts';
import { checked, contextOf, make, openQcow2, snapshotsOf } from '../support/qcow2-bench.ts';
import { Random, seedOr } from '../support/random.ts';

const CUTS = 640;
const SECTOR = 512;
const DISK = 96 * SECTOR;
const DATE = { seconds: 1, nanoseconds: 0 };
const absent = missing('what is left, checked by QEMU', '/usr/bin/qemu-img');

type Files = ReadonlyMap<string, Uint8Array>;
const IMAGES = ['base', 'mid', 'top'];
/** Room for any change. */
const ENDLESS = 1e9;

interface Kind {
  readonly words: readonly string[];
  readonly version?: 2 | 3;
  /** Before the tool runs. */
  readonly spoil?: 'counts' | 'dirty';
}

const KINDS: readonly Kind[] = [
  { words: ['amend', '-o', 'compat=1.1,lazy_refcounts=on', 'top'], version: 2 },
  { words: ['amend', '-o', 'compat=0.10', 'top'] },
  { words: ['amend', '-o', 'backing_file=middle', 'top'] },
  { words: ['resize', '-q', 'alone', '+200K'] },
  { words: ['snapshot', '-c', 'three', 'top'] },
  { words: ['snapshot', '-a', 'one', 'top'] },
  { words: ['snapshot', '-d', 'one', 'top'] },
  { words: ['commit', '-q', 'top'] },
  { words: ['commit', '-q', '-d', 'top'], version: 2 },
  { words: ['commit', '-q', '-b', 'base', 'top'] },
  { words: ['rebase', '-b', 'base', '-F', 'qcow2', 'top'] },
  { words: ['rebase', '-b', '', 'top'] },
  { words: ['rebase', '-u', '-b', 'middle', 'top'], version: 2 },
  { words: ['check', '-q', '-r', 'all', 'top'], spoil: 'counts' },
  { words: ['check', '-q', '-r', 'leaks', 'top'], spoil: 'counts' },
  { words: ['snapshot', '-c', 'three', 'top'], spoil: 'dirty' },
];

async function scribble(node: BlockNode, random: Random): Promise<void> {
  for (let i = 0; i < 5; i++) {
    const sector = random.below(DISK / SECTOR - 8);
    const bytes = new Uint8Array((1 + random.below(8)) * SECTOR).fill(1 + random.below(255));
    if (random.below(4) === 0) await node.writeZeroes(sector * SECTOR, bytes.length, true);
    else await node.write(sector * SECTOR, bytes);
  }
}

/**
 * Three images, each on the one before; the last has snapshots. One that stands alone, and one that
 * is as the second, by another name.
 */
async function chain(random: Random, kind: Kind): Promise<Files> {
  const host = new MemoryHost();
  for (const [i, name] of [...IMAGES, 'alone'].entries()) {
    const clusterSize = random.pick([512, 1024, 4096]);
    const backingFile = name === 'alone' ? '' : (IMAGES[i - 1] ?? '');
    const backingFormat = backingFile === '' ? undefined : 'qcow2';
    const version = kind.version ?? 3;
    await make(host, name, { size: DISK, clusterSize, version, backingFile, backingFormat });
    const node = await openQcow2(host, name);
    await scribble(node, random);
    if (name === 'top') {
      await createSnapshot(node, { name: 'one', date: DATE });
      await scribble(node, random);
      await createSnapshot(node, { name: 'two', date: DATE });
    }
    await scribble(node, random);
    await node.close();
  }
  const files = [...host.files].map(([name, file]) => [name, file.contents()] as const);
  const left = new Map(files.map(([name, bytes]) => [name, spoiled(name, bytes, kind)]));
  return left.set('middle', left.get('mid')?.slice() ?? new Uint8Array(0));
}

/** The top image with leaks, or as a writer with lazy counts leaves it. */
function spoiled(name: string, bytes: Uint8Array, { spoil }: Kind): Uint8Array {
  if (name !== 'top' || spoil === undefined) return bytes;
  const clusterSize = 2 ** new DataView(bytes.buffer, bytes.byteOffset).getUint32(20);
  const clusters = Math.floor(bytes.length / clusterSize);
  const room = spoil === 'counts' ? 4 : 0;
  const image = new Uint8Array(Math.max(bytes.length, (clusters + room) * clusterSize));
  image.set(bytes);
  const data = new DataView(image.buffer);
  if (spoil === 'dirty') {
    data.setUint32(76, 1);
    data.setUint32(84, 1);
  }
  const block = Number(data.getBigUint64(Number(data.getBigUint64(48))));
  for (const distance of [1, 3]) {
    if (spoil === 'counts') data.setUint16(block + (clusters + distance) * 2, 2);
    else data.setUint16(block + (clusters - distance) * 2, 0);
  }
  return image;
}

interface Seen {
  readonly disk: Uint8Array;
  readonly snapshots: ReadonlyMap<string, Uint8Array>;
}

function open(host: MemoryHost, name: string): Promise<BlockNode> {
  return openImage({
    filename: name,
    options: new Options([['driver', 'qcow2']]),
    flags: { readOnly: true, cache: CACHE_MODES['writeback'] },
    context: contextOf(host),
  });
}

/** What the guest would see, now and in each snapshot, unless those show what is committed. */
async function look(files: Files, name: string, kind: Kind): Promise<Seen> {
  const host = hostOf(files);
  const read = async (snapshot?: string): Promise<Uint8Array> => {
    const node = await open(host, name);
    if (snapshot !== undefined) await lookIntoSnapshot(node, { name: snapshot });
    const bytes = new Uint8Array(node.length);
    await node.read(0, bytes);
    return bytes;
  };
  const names = (await snapshotsOf(await open(host, name))).map(s => s.name);
  const snapshots = new Map<string, Uint8Array>();
  const isApart = kind.words[0] !== 'commit';
  for (const each of names) snapshots.set(each, isApart ? await read(each) : new Uint8Array(0));
  return { disk: await read(), snapshots };
}

const isSame = (a: Uint8Array, b: Uint8Array): boolean => Buffer.compare(a, b) === 0;

function isLike(seen: Seen, other: Seen): boolean {
  const names = [...seen.snapshots.keys()].join();
  if (names !== [...other.snapshots.keys()].join() || !isSame(seen.disk, other.disk)) return false;
  return [...seen.snapshots].every(([name, bytes]) =>
    isSame(bytes, other.snapshots.get(name) ?? new Uint8Array(0)),
  );
}

function hostOf(files: Files): MemoryHost {
  const host = new MemoryHost();
  for (const [name, bytes] of files) host.put(name, bytes);
  return host;
}

/** Runs the tool until the power goes; what is left, and whether it came to its end. */
async function run(
  kind: Kind,
  files: Files,
  fuse: Fuse,
  random: Random,
): Promise<{ readonly left: Map<string, Uint8Array>; readonly ended: boolean }> {
  const disk = new ForgetfulDisk(fuse, files);
  let ended = false;
  try {
    const { err, status } = await runTool('tinamou-img', kind.words, [], disk);
    if (status !== 0 && kind.spoil === undefined) throw new Error(`${kind.words}: ${err}`);
    ended = true;
  } catch (error) {
    if (!(error instanceof PowerCut)) throw error;
  }
  const left = [...disk.all].map(([name, file]) => [name, file.survivors(random)] as const);
  return { left: new Map(left), ended };
}

async function checkAll(left: Files, place: string): Promise<void> {
  const host = hostOf(left);
  for (const name of left.keys()) {
    const node = await openQcow2(host, name, { readOnly: true });
    const { corruptions, messages } = await checked(node);
    if (corruptions === 0 || node.details().dirty === true) continue;
    throw new Error(`${place}: ${name}: ${messages.join('; ')}`);
  }
}

function checkOutside(left: Files, folder: string, place: string): void {
  for (const [name, bytes] of left) writeFileSync(join(folder, name), bytes);
  for (const name of left.keys()) {
    const isDirty = (left.get(name)?.[79] ?? 0) !== 0 && left.get(name)?.[7] === 3;
    if (isDirty) continue;
    const words = ['check', '-q', '-f', 'qcow2', join(folder, name)];
    const { status, stderr } = spawnSync('qemu-img', words, { encoding: 'utf8' });
    // 3: leaks only.
    if (status !== 0 && status !== 3) throw new Error(`${place}: ${name}: ${status} ${stderr}`);
  }
}

test(`${CUTS} power cuts of the image tool`, async () => {
  const base = seedOr(20260404);
  const folder = mkdtempSync(join(tmpdir(), 'tinamou-toolcut-'));
  const cutShort = new Map<Kind, number>();
  try {
    for (let cut = 0; cut < CUTS; cut++) {
      const seed = base + cut;
      const random = new Random(seed);
      const kind = KINDS[cut % KINDS.length];
      const place = `SEED=${seed}: ${kind.words.join(' ')}`;
      const files = await chain(random, kind);
      const target = kind.words.includes('alone') ? 'alone' : 'top';
      const whole = new Fuse(ENDLESS);
      const after = await run(kind, files, whole, random);
      const fuse = new Fuse(random.below(ENDLESS - whole.eventsLeft + 1));
      const { left, ended } = await run(kind, files, fuse, random);
      if (!ended) cutShort.set(kind, (cutShort.get(kind) ?? 0) + 1);
      const [was, is, would] = [
        await look(files, target, kind),
        await look(left, target, kind),
        await look(after.left, target, kind),
      ];
      if (!isLike(is, was) && !isLike(is, would)) throw new Error(`${place}: neither old nor new`);
      if (ended && !isLike(is, would)) throw new Error(`${place}: what is done must stay`);
      await checkAll(left, place);
      if (!absent && cut % 160 < KINDS.length) checkOutside(left, folder, place);
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
  for (const kind of KINDS) expect(cutShort.get(kind)).toBeGreaterThan(CUTS / KINDS.length / 4);
}, 600_000);
