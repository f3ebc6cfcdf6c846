/**
 * Many requests at once on a slow disk: each slot of the guest sees its own writes.
 */
import { expect, test } from 'vitest';
import { runImageTool } from '../../src/block/img/main.ts';
import { createSnapshot, deleteSnapshot } from '../../src/block/operations.ts';
import { HostError, type HostFile, type OpenMode } from '../../src/disk-host.ts';
import { MemoryFile, MemoryHost } from '../support/memory-host.ts';
import { checked, make, openQcow2 } from '../support/qcow2-bench.ts';
import { Random, seedOr } from '../support/random.ts';

/** Requests take a while, each its own. */
class SlowFile implements HostFile {
  constructor(
    private readonly inner: MemoryFile,
    private readonly random: Random,
  ) {}

  private async later(): Promise<void> {
    for (let i = this.random.below(6); i > 0; i--) await new Promise(r => setImmediate(r));
  }

  length(): number {
    return this.inner.length();
  }

  allocated(): number {
    return this.inner.allocated();
  }

  async read(offset: number, into: Uint8Array): Promise<number> {
    await this.later();
    return this.inner.read(offset, into);
  }

  async write(offset: number, from: Uint8Array): Promise<void> {
    const copy = from.slice();
    await this.later();
    this.inner.write(offset, copy);
  }

  async flush(): Promise<void> {
    await this.later();
  }

  truncate(length: number): void {
    this.inner.truncate(length);
  }

  close(): void {}
}

class SlowHost extends MemoryHost {
  readonly random = new Random(seedOr(99));

  override open(path: string, mode: OpenMode): HostFile {
    return new SlowFile(super.open(path, mode) as MemoryFile, this.random);
  }
}

const SLOTS = 24;
const SLOT = 24 * 1024;

test.each([512, 4096, 65536])('clusters of %i bytes', async clusterSize => {
  const host = new SlowHost();
  await make(host, 'a', { size: SLOTS * SLOT, clusterSize });
  const node = await openQcow2(host, 'a');
  const { random } = host;
  const model = new Uint8Array(SLOTS * SLOT);
  const slot = async (index: number): Promise<void> => {
    for (let i = 0; i < 25; i++) {
      const at = index * SLOT + random.below(SLOT / 512) * 512;
      const length = 512 * (1 + random.below(((index + 1) * SLOT - at) / 512));
      const choice = random.below(6);
      if (choice < 3) {
        const data = new Uint8Array(length).fill(1 + random.below(255));
        model.set(data, at);
        await node.write(at, data);
      } else if (choice === 3) {
        model.fill(0, at, at + length);
        await node.writeZeroes(at, length, true);
      } else if (choice === 4) await node.flush();
      const into = new Uint8Array(SLOT);
      await node.read(index * SLOT, into);
      expect(Buffer.compare(into, model.subarray(index * SLOT, (index + 1) * SLOT))).toBe(0);
    }
  };
  const snapshots = async (): Promise<void> => {
    for (let i = 0; i < 4; i++) {
      await createSnapshot(node, { name: `s${i}`, date: { seconds: 1, nanoseconds: 0 } });
      if (i > 0) await deleteSnapshot(node, `s${i - 1}`);
    }
  };
  await Promise.all([...Array.from({ length: SLOTS }, (_, i) => slot(i)), snapshots()]);
  await node.close();
  const again = await openQcow2(host, 'a');
  const all = new Uint8Array(model.length);
  await again.read(0, all);
  expect(Buffer.compare(all, model)).toBe(0);
  expect((await checked(again)).messages).toEqual([]);
});

test('on a full disk convert says where it stopped, and leaves a sound image', async () => {
  const host = new MemoryHost();
  host.put('src', new Random(1).fill(new Uint8Array(2 * 1024 * 1024)));
  const full = new (class extends MemoryFile {
    override write(offset: number, from: Uint8Array): undefined {
      if (offset + from.length > 1024 * 1024) {
        throw new HostError('ENOSPC', 'No space left on device');
      }
      return super.write(offset, from);
    }
  })();
  host.files.set('out', full);
  let err = '';
  const status = await runImageTool(
    {
      strictOrder: false,
      program: 'tinamou-img',
      arguments: ['convert', '-f', 'raw', '-O', 'qcow2', 'src', 'out'],
      out: () => {},
      err: text => {
        err += text;
      },
      readPassword: async () => undefined,
      readLine: async () => undefined,
      onProgressAsked: () => () => {},
      elapsed: () => 0,
      raise: async () => {},
      readFile: () => new Uint8Array(0),
    },
    host,
  );
  expect(status).toBe(1);
  expect(err).toMatch(/^tinamou-img: error while writing sector \d+: No space left on device\n$/);
  const node = await openQcow2(host, 'out');
  expect((await checked(node)).corruptions).toBe(0);
});
