/**
 * The power goes after the I/O tool: what it wrote is there when it has ended, and with a cache
 * mode that writes through as soon as it says so.
 */
import { expect, test } from 'vitest';
import { openImage, READ_ONLY } from '../../src/block/graph.ts';
import { runIoTool } from '../../src/block/io/main.ts';
import { Options } from '../../src/block/options.ts';
import { runTool } from '../support/image-tool.ts';
import { MemoryHost } from '../support/memory-host.ts';
import { ForgetfulDisk, Fuse } from '../support/power-cut.ts';
import { contextOf } from '../support/qcow2-bench.ts';
import { Random } from '../support/random.ts';

const FORMATS = ['raw', 'qcow', 'qcow2'];
const FILLED = 0xcd;
const WRITES = [
  'write 0 4k',
  'write -z 0 64k',
  'writev 64k 512 1k',
  'aio_write 128k 64k',
  'multiwrite 512 512 ; 128k 512',
];
async function diskWith(format: string): Promise<ForgetfulDisk> {
  const host = new MemoryHost();
  await runTool('tinamou-img', ['create', '-q', '-f', format, 'a', '1M'], [], host);
  const files = [...host.files].map(([name, file]) => [name, file.contents()] as const);
  return new ForgetfulDisk(new Fuse(1e9), new Map(files));
}

/** Runs commands; `said` is told what is printed, when it is. */
async function run(
  disk: ForgetfulDisk,
  words: readonly string[],
  said: (text: string) => void = () => {},
): Promise<void> {
  const host = {
    program: 'tinamou-io',
    arguments: words,
    out: said,
    err: (text: string) => {
      throw new Error(text);
    },
    readPassword: async () => undefined,
    readLine: async () => undefined,
    onProgressAsked: () => () => {},
    elapsed: () => 0,
    strictOrder: false,
    raise: async () => {},
    readFile: () => new Uint8Array(0),
  };
  await runIoTool(host, disk);
}

/** The guest's bytes in what a power cut leaves. */
async function bytesOf(image: Uint8Array, format: string): Promise<Uint8Array> {
  const host = new MemoryHost();
  host.put('a', image);
  const options = new Options([['driver', format]]);
  const node = await openImage({
    filename: 'a',
    options,
    flags: READ_ONLY,
    context: contextOf(host),
  });
  const bytes = new Uint8Array(node.length);
  await node.read(0, bytes);
  return bytes;
}

function survivors(disk: ForgetfulDisk): Uint8Array[] {
  const file = disk.all.get('a');
  return [1, 2, 3, 4, 5, 6, 7, 8].map(
    seed => file?.survivors(new Random(seed)) ?? new Uint8Array(0),
  );
}

test.each(FORMATS)(
  'what was written to %s is on the disk when the tool has ended',
  async format => {
    const disk = await diskWith(format);
    await run(disk, ['-t', 'none', '-f', format, '-c', 'write 4k 8k', 'a']);
    await run(disk, ['-t', 'none', '-f', format, '-c', 'write -P 3 8k 1k', 'a']);
    for (const left of survivors(disk)) {
      const bytes = await bytesOf(left, format);
      expect([bytes[4096], bytes[8191], bytes[8192], bytes[9216]]).toEqual([
        FILLED,
        FILLED,
        3,
        FILLED,
      ]);
    }
  },
);

const pairs = FORMATS.flatMap(format =>
  ['writethrough', 'directsync'].map(mode => [mode, format] as const),
);

test.each(pairs)('with %s what is written to %s is on the disk at once', async (mode, format) => {
  for (const command of WRITES) {
    const disk = await diskWith(format);
    const left: Uint8Array[] = [];
    const words = ['-t', mode, '-f', format, '-c', 'write -P 1 0 512', '-c', command, 'a'];
    let said = 0;
    await run(disk, words, text => {
      if (/^wrote/.test(text) && ++said === 2) left.push(...survivors(disk));
    });
    const wanted = await bytesOf(disk.all.get('a')?.contents() ?? new Uint8Array(0), format);
    expect(left.length, command).toBe(8);
    for (const one of left) {
      const bytes = await bytesOf(one, format);
      expect(Buffer.compare(bytes, wanted), `${format}: ${command}`).toBe(0);
    }
  }
});
