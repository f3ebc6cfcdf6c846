/**
 * A host whose disk is full, or breaks, while a command works: what is said, what is left.
 */
import { expect, test } from 'vitest';
import { HostError, type HostFile, type OpenMode } from '../../src/disk-host.ts';
import { runIo, runTool } from '../support/image-tool.ts';
import { MemoryHost } from '../support/memory-host.ts';
import { Random, seedOr } from '../support/random.ts';

const MIB = 1024 * 1024;
const QUOTA = 2 * MIB;

/** Files other than the source may have so many bytes together; reads may break. */
class SmallHost extends MemoryHost {
  brokenReads = false;

  override open(path: string, mode: OpenMode): HostFile {
    const file = super.open(path, mode);
    const [write, read] = [file.write.bind(file), file.read.bind(file)];
    file.write = (offset, from) => {
      const grown = Math.max(0, offset + from.length - file.length());
      if (path !== 'src.raw' && this.used + grown > QUOTA) {
        throw new HostError('ENOSPC', 'No space left on device');
      }
      return write(offset, from);
    };
    file.read = (offset, into) => {
      if (this.brokenReads && path === 'src.raw' && offset > MIB) {
        throw new HostError('EIO', 'Input/output error');
      }
      return read(offset, into);
    };
    return file;
  }

  private get used(): number {
    const others = [...this.files].filter(([path]) => path !== 'src.raw');
    return others.reduce((sum, [, file]) => sum + file.length(), 0);
  }
}

function hostWithSource(): SmallHost {
  const host = new SmallHost();
  host.put('src.raw', new Random(seedOr(5)).fill(new Uint8Array(4 * MIB)));
  return host;
}

const io = (host: SmallHost, commands: readonly string[]) =>
  runIo('qemu-io', [...commands.flatMap(c => ['-c', c]), 'out'], [], host);

const run = (host: SmallHost, line: string) => runTool('qemu-img', line.split(' '), [], host);

test.each(['raw', 'qcow2', 'qcow'])(
  'convert to %s says once that there is no room',
  async format => {
    const host = hostWithSource();
    const { err, status } = await run(host, `convert -f raw -O ${format} src.raw out`);
    expect(status).toBe(1);
    expect(err).toMatch(/^qemu-img: error while writing sector \d+: No space left on device\n$/);
  },
);

test('convert says where the source could not be read', async () => {
  const host = hostWithSource();
  host.brokenReads = true;
  const { err, status } = await run(host, 'convert -f raw -O qcow2 src.raw out');
  expect(status).toBe(1);
  expect(err).toMatch(/^qemu-img: error while reading sector \d+: Input\/output error\n$/);
});

test('rebase, snapshot and create say that there is no room; the image stays whole', async () => {
  const host = hostWithSource();
  await run(host, 'create -q -f qcow2 -b src.raw -F raw top.qcow2');
  const rebased = await runTool('qemu-img', ['rebase', '-b', '', 'top.qcow2'], [], host);
  expect([rebased.status, rebased.err]).toEqual([
    1,
    'qemu-img: Error while writing to COW image: No space left on device\n',
  ]);
  const checked = await run(host, 'check top.qcow2');
  expect([0, 3]).toContain(checked.status);
  const taken = await run(host, 'snapshot -c s top.qcow2');
  expect([taken.status, taken.err]).toEqual([
    1,
    "qemu-img: Could not create snapshot 's': -28 (No space left on device)\n",
  ]);
  const made = await run(host, 'create -q -f raw -o preallocation=full big.raw 8M');
  expect([made.status, made.err]).toEqual([1, 'qemu-img: big.raw: No space left on device\n']);
});

test.each([
  'qcow2 -o cluster_size=512',
  'qcow2 -o cluster_size=4096',
  'qcow2 -o lazy_refcounts=on',
  'qcow',
])('%s: what had been written stays', async format => {
  const host = new SmallHost();
  await run(host, `create -q -f ${format} out 64M`);
  const words = ['write -P 1 0 1M', 'write -P 2 8M 4M', 'write -P 2 32M 1M', 'flush'];
  const { out } = await io(host, words);
  expect(out).toContain('wrote 1048576/1048576 bytes at offset 0\n');
  expect(out).toContain('write failed: No space left on device\n');
  expect(out).not.toContain('flush failed');
  expect((await io(host, ['read -P 1 0 1M'])).out).not.toContain('verification failed');
  expect((await run(host, 'check out')).status).toBeOneOf([0, 3, 63]);
});
