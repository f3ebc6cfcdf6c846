/**
 * Power cuts beside a writing guest on images of qcow's first version, over a backing file or not.
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { CACHE_MODES } from '../../src/block/cache-mode.ts';
import { createImage } from '../../src/block/create.ts';
import { openImage } from '../../src/block/graph.ts';
import type { BlockNode } from '../../src/block/node.ts';
import { Options } from '../../src/block/options.ts';
import { MemoryHost } from '../support/memory-host.ts';
import { ForgetfulFile, ForgetfulHost, Fuse, PowerCut } from '../support/power-cut.ts';
import { missing } from '../support/program.ts';
import { contextOf } from '../support/qcow2-bench.ts';
import { Random, seedOr } from '../support/random.ts';
import { Expectation, expectData } from '../support/sectors.ts';

const CUTS = 3000;
const SECTOR = 512;
const DISK = 600 * SECTOR;
const absent = missing('qcow images read by QEMU', '/usr/bin/qemu-img');

async function fresh(backing: string | undefined): Promise<Uint8Array> {
  const host = new MemoryHost();
  host.put('back.raw', new Uint8Array(DISK).fill(9));
  const values = new Map([['size', String(DISK)]]);
  if (backing !== undefined) values.set('backing_file', backing);
  const context = contextOf(host);
  await createImage({ path: 'a.qcow', format: 'qcow', values, context, print: () => {} });
  return host.files.get('a.qcow')?.contents() as Uint8Array;
}

function open(host: MemoryHost, readOnly: boolean, isOverlay: boolean): Promise<BlockNode> {
  const backing = isOverlay ? ([['backing.driver', 'raw']] as const) : [];
  return openImage({
    filename: 'a.qcow',
    options: new Options([['driver', 'qcow'], ...backing]),
    flags: { readOnly, cache: CACHE_MODES['writeback'] },
    context: contextOf(host),
  });
}

async function live(random: Random, node: BlockNode, expected: Expectation): Promise<void> {
  for (let i = 0; i < 60; i++) {
    const sector = random.below(expected.now.length);
    const most = Math.min(expected.now.length - sector, random.pick([1, 4, 40]));
    const count = 1 + random.below(most);
    const value = random.below(8) === 0 ? 0 : 1 + random.below(255);
    if (random.below(5) === 0) {
      await node.flush();
      expected.flush();
      continue;
    }
    expected.write(sector, count, value);
    if (value === 0) await node.writeZeroes(sector * SECTOR, count * SECTOR, true);
    else await node.write(sector * SECTOR, new Uint8Array(count * SECTOR).fill(value));
  }
  await node.close();
  expected.flush();
}

test(`${CUTS} power cuts: qcow images hold what was flushed`, async () => {
  const base = seedOr(20260303);
  const images = [await fresh(undefined), await fresh('back.raw')];
  const folder = mkdtempSync(join(tmpdir(), 'tinamou-qcow-'));
  let finished = 0;
  try {
    for (let cut = 0; cut < CUTS; cut++) {
      const random = new Random(base + cut);
      const isOverlay = cut % 2 === 1;
      const file = new ForgetfulFile(new Fuse(random.below(140)), images[cut % 2]);
      const host = new ForgetfulHost('a.qcow', file);
      const below = new Uint8Array(DISK).fill(9);
      host.put('back.raw', below);
      const expected = new Expectation(DISK / SECTOR);
      if (isOverlay) expected.now.fill(9);
      expected.flush();
      const node = await open(host, false, isOverlay);
      try {
        await live(random, node, expected);
        finished++;
      } catch (error) {
        if (!(error instanceof PowerCut)) throw error;
      }
      const after = new MemoryHost();
      const disk = file.survivors(random);
      after.put('a.qcow', disk);
      after.put('back.raw', below);
      await expectData(await open(after, true, isOverlay), expected, base + cut);
      if (!absent && cut % 200 === 0) {
        const path = join(folder, 'a.qcow');
        writeFileSync(path, disk);
        execFileSync('qemu-img', ['convert', '-f', 'qcow', '-O', 'raw', path, `${path}.raw`]);
      }
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
  expect(finished).toBeGreaterThan(CUTS / 50);
  expect(finished).toBeLessThan(CUTS / 2);
}, 600_000);
