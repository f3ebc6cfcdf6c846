/**
 * Damaged images: what Debian's `qemu-img check` finds wrong is found here, too, and what it cannot
 * open is not called whole; looking changes nothing; what was repaired is whole for both.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createSnapshot } from '../../src/block/operations.ts';
import { runTool } from '../support/image-tool.ts';
import { MemoryHost } from '../support/memory-host.ts';
import { missing } from '../support/program.ts';
import { make, openQcow2 } from '../support/qcow2-bench.ts';
import { mutateQcow2 } from '../support/qcow2-mutations.ts';
import { Random, seedOr } from '../support/random.ts';

const absent = missing('verdicts beside qemu-img check', '/usr/bin/qemu-img');
const IMAGES = 300;
const home = process.cwd();
const folder = mkdtempSync(join(tmpdir(), 'tinamou-verdict-'));
beforeAll(() => process.chdir(folder));
afterAll(() => {
  process.chdir(home);
  rmSync(folder, { recursive: true });
});

async function sample(clusterSize: number, version: 2 | 3): Promise<Uint8Array> {
  const host = new MemoryHost();
  await make(host, 'a', { size: 65536, clusterSize, version });
  const node = await openQcow2(host, 'a');
  await node.write(0, new Uint8Array(20 * 1024).fill(1));
  if (version === 3) await node.writeZeroes(8192, 8192, false);
  await node.writeCompressed(32768, new Uint8Array(clusterSize).fill(2));
  for (const name of ['one', 'two']) {
    await createSnapshot(node, { name, date: { seconds: 1, nanoseconds: 0 } });
    await node.write(2048, new Uint8Array(4096).fill(3));
  }
  await node.close();
  return host.files.get('a')?.contents() as Uint8Array;
}

/** What only later versions ask of an image. */
const LATER = /snapshot table entry \d+ is incomplete|compression type|refcount bits|feature/i;

function theirs(path: string): { readonly status: number | null; readonly err: string } {
  const words = ['check', '-f', 'qcow2', path];
  const { status, stderr } = spawnSync('qemu-img', words, { encoding: 'utf8', timeout: 20_000 });
  return { status, err: stderr };
}

const ours = (...words: string[]): ReturnType<typeof runTool> => runTool('tinamou-img', words);

test.skipIf(absent)(
  `${IMAGES} damaged images`,
  async () => {
    const samples = [await sample(512, 3), await sample(1024, 2), await sample(4096, 3)];
    const seed = seedOr(3);
    for (let i = 0; i < IMAGES; i++) {
      const random = new Random(seed + i);
      const { bytes, how } = mutateQcow2(random.pick(samples), random);
      writeFileSync('a.q', bytes);
      const place = `SEED=${seed + i}: ${how}`;
      const other = theirs('a.q');
      const own = await ours('check', '-f', 'qcow2', 'a.q');
      expect(readFileSync('a.q').equals(bytes), `${place}: changed`).toBe(true);
      if (other.status === null || LATER.test(other.err)) continue;
      const answers = `theirs ${other.status} ${other.err}, ours ${own.status} ${own.err}`;
      const verdicts = `${place}: ${answers}`;
      if (other.status !== 0) expect(own.status, verdicts).not.toBe(0);
      if (other.status === 2) expect([1, 2], verdicts).toContain(own.status);
      if (own.status === 1) continue;
      const repaired = await ours('check', '-f', 'qcow2', '-r', 'all', 'a.q');
      if (repaired.status !== 0) continue;
      const after = theirs('a.q');
      expect(after.status, `${place}: repaired, ${after.err}`).toBe(0);
    }
  },
  120_000,
);
