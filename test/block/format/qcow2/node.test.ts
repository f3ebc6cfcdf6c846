import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { Qcow2Node } from '../../../../src/block/format/qcow2/node.ts';
import {
  applySnapshot,
  createSnapshot,
  deleteSnapshot,
} from '../../../../src/block/format/qcow2/snapshot-ops.ts';
import { nodeBlockHost } from '../../../../src/host-file-io.ts';
import { MemoryHost } from '../../../support/memory-host.ts';
import { checked, make, openQcow2 } from '../../../support/qcow2-bench.ts';
import { Random, seedOr } from '../../../support/random.ts';

const DATE = { seconds: 1_700_000_000, nanoseconds: 0 };

/** Random requests against an image and a plain array; both must always agree. */
class Trial {
  model: Uint8Array;
  readonly saved = new Map<string, Uint8Array>();

  constructor(
    readonly node: Qcow2Node,
    readonly random: Random,
    readonly snapshots: boolean,
    backing?: Uint8Array,
  ) {
    this.model = new Uint8Array(node.length);
    if (backing !== undefined) this.model.set(backing.subarray(0, node.length));
  }

  private range(): [number, number] {
    const { random, node } = this;
    const offset = random.below(node.length / 512) * 512;
    const most = Math.min(node.length - offset, random.pick([512, 4096, 65536, 300_032]));
    return [offset, (1 + random.below(most / 512)) * 512];
  }

  async step(): Promise<void> {
    const { random, node, model } = this;
    const [offset, length] = this.range();
    switch (random.below(this.snapshots ? 10 : 7)) {
      case 0:
      case 1:
      case 2: {
        const data = random.fill(new Uint8Array(length));
        await node.write(offset, data);
        model.set(data, offset);
        return;
      }
      case 3:
        await node.writeZeroes(offset, length, random.below(2) === 0);
        model.fill(0, offset, offset + length);
        return;
      case 4:
        return node.flush();
      case 5:
      case 6: {
        const into = new Uint8Array(length);
        await node.read(offset, into);
        expect(Buffer.compare(into, model.subarray(offset, offset + length))).toBe(0);
        return;
      }
      case 7: {
        const name = `s${random.below(1000)}`;
        if (this.saved.size >= 4 || this.saved.has(name)) return;
        await createSnapshot(node, { name, date: DATE, vmStateSize: 0, vmClockNs: 0 });
        this.saved.set(name, model.slice());
        return;
      }
      case 8: {
        if (this.saved.size === 0) return;
        const name = random.pick([...this.saved.keys()]);
        await applySnapshot(node, name);
        this.model = (this.saved.get(name) as Uint8Array).slice();
        return;
      }
      default: {
        if (this.saved.size === 0) return;
        const name = random.pick([...this.saved.keys()]);
        await deleteSnapshot(node, name);
        this.saved.delete(name);
      }
    }
  }

  async verify(node: Qcow2Node): Promise<void> {
    const into = new Uint8Array(node.length);
    await node.read(0, into);
    expect(Buffer.compare(into, this.model)).toBe(0);
  }
}

function available(program: string): boolean {
  try {
    execFileSync(program, ['--version'], { stdio: 'ignore' });
    return true;
  } catch {
    console.log(`${program} is not installed: cross checks skipped`);
    return false;
  }
}

const hasQemuImg = available('qemu-img');
const CLUSTERS = [512, 1024, 4096, 65536, 2 * 1024 * 1024];

test.each(CLUSTERS)(
  'clusters of %d bytes: random requests read back, check is clean',
  async size => {
    const seed = seedOr(size);
    const random = new Random(seed);
    const folder = mkdtempSync(join(tmpdir(), 'tinamou-qcow2-'));
    try {
      const path = join(folder, 'a.qcow2');
      const version = random.pick([2, 3] as const);
      const disk = random.pick([1_048_576, 3_000_320, 8 * 1024 * 1024]);
      await make(nodeBlockHost, path, { size: disk, clusterSize: size, version });
      const node = await openQcow2(nodeBlockHost, path);
      const trial = new Trial(node, random, true);
      for (let i = 0; i < 120; i++) await trial.step();
      await trial.verify(node);
      const live = await checked(node);
      await node.close();
      const again = await openQcow2(nodeBlockHost, path);
      await trial.verify(again);
      const check = await checked(again);
      expect({ seed, messages: check.messages }).toEqual({ seed, messages: [] });
      expect(live.corruptions).toBe(0);
      await again.close();
      if (!hasQemuImg) return;
      execFileSync('qemu-img', ['check', path]);
      const raw = join(folder, 'a.raw');
      execFileSync('qemu-img', ['convert', '-O', 'raw', path, raw]);
      const plain = await nodeBlockHost.open(raw, 'read');
      const bytes = new Uint8Array(plain.length());
      await plain.read(0, bytes);
      expect(Buffer.compare(bytes, trial.model)).toBe(0);
    } finally {
      rmSync(folder, { recursive: true });
    }
  },
);

test('an overlay reads its backing file, and keeps what it copied', async () => {
  const host = new MemoryHost();
  const random = new Random(seedOr(7));
  const base = random.fill(new Uint8Array(1_000_448));
  host.put('base.img', base);
  await make(host, 'top.qcow2', {
    size: 1_500_160,
    backingFile: 'base.img',
    backingFormat: 'raw',
    clusterSize: 4096,
  });
  const node = await openQcow2(host, 'top.qcow2');
  const trial = new Trial(node, random, true, base);
  await trial.verify(node);
  for (let i = 0; i < 200; i++) await trial.step();
  await trial.verify(node);
  await node.close();
  const again = await openQcow2(host, 'top.qcow2');
  await trial.verify(again);
  expect((await checked(again)).messages).toEqual([]);
  expect(Buffer.compare(host.files.get('base.img')?.contents() as Uint8Array, base)).toBe(0);
});

test('an encrypted image holds what the password says, and garbage for another one', async () => {
  const host = new MemoryHost();
  const random = new Random(seedOr(9));
  await make(host, 'e.qcow2', { size: 1_048_576, encrypted: true, clusterSize: 4096 });
  const node = await openQcow2(host, 'e.qcow2');
  node.encryption?.setPassword(new TextEncoder().encode('secret'));
  const trial = new Trial(node, random, false);
  for (let i = 0; i < 100; i++) await trial.step();
  await trial.verify(node);
  await node.close();
  const again = await openQcow2(host, 'e.qcow2');
  expect(again.encryption?.keyed).toBe(false);
  again.encryption?.setPassword(new TextEncoder().encode('secret'));
  await trial.verify(again);
});
