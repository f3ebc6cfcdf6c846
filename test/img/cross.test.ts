/**
 * Images made by one tool and used by the other, both ways, over cluster sizes and versions.
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { runTool } from '../support/image-tool.ts';
import { Random, seedOr } from '../support/random.ts';

const DISK = 3 * 1024 * 1024 + 512;

function present(): boolean {
  try {
    execFileSync('qemu-img', ['--version'], { stdio: 'ignore' });
    return true;
  } catch {
    console.log('qemu-img is not installed: the cross matrix is skipped');
    return false;
  }
}

const available = present();
let folder = '';
let home = '';

beforeAll(() => {
  home = process.cwd();
  folder = mkdtempSync(join(tmpdir(), 'tinamou-cross-'));
  process.chdir(folder);
  const random = new Random(seedOr(5));
  const bytes = new Uint8Array(DISK);
  // Runs of noise, of zeros and of text, at odd places.
  for (let at = 0; at < DISK; ) {
    const length = 512 * (1 + random.below(300));
    const part = bytes.subarray(at, at + length);
    const kind = random.below(3);
    if (kind === 0) random.fill(part);
    if (kind === 1) part.fill(random.below(256));
    at += length;
  }
  writeFileSync('src.raw', bytes);
});

afterAll(() => {
  process.chdir(home);
  rmSync(folder, { recursive: true });
});

function theirs(line: string): void {
  execFileSync('qemu-img', line.split(' '), { stdio: 'pipe' });
}

async function ours(line: string, passwords: readonly string[] = []): Promise<string> {
  const { out, err, status } = await runTool('tinamou-img', line.split(' '), passwords);
  if (status !== 0) throw new Error(`tinamou-img ${line}: exit ${status}: ${err}`);
  return out;
}

const same = (a: string, b: string): void => {
  expect(Buffer.compare(readFileSync(a), readFileSync(b))).toBe(0);
};

const CASES = [512, 4096, 65536, 2097152].flatMap(cluster =>
  ['0.10', '1.1'].flatMap(compat => [false, true].map(packed => ({ cluster, compat, packed }))),
);

test.runIf(available).each(CASES)(
  'cluster_size=$cluster compat=$compat compressed=$packed',
  async ({ cluster, compat, packed }) => {
    const options = `-o cluster_size=${cluster},compat=${compat}`;
    const c = packed ? '-c ' : '';
    await ours(`convert ${c}-O qcow2 ${options} src.raw ours.qcow2`);
    theirs('check ours.qcow2');
    theirs('convert -O raw ours.qcow2 a.raw');
    same('a.raw', 'src.raw');
    theirs('snapshot -c one ours.qcow2');
    await ours('snapshot -c two ours.qcow2');
    expect(await ours('snapshot -l ours.qcow2')).toMatch(/^1 +one .*\n2 +two /m);
    theirs('snapshot -a two ours.qcow2');
    await ours('snapshot -d one ours.qcow2');
    theirs('check ours.qcow2');
    theirs(`convert ${c}-f raw -O qcow2 ${options} src.raw theirs.qcow2`);
    expect(await ours('check theirs.qcow2')).toMatch(/^No errors were found/);
    await ours('convert -O raw theirs.qcow2 b.raw');
    same('b.raw', 'src.raw');
    expect(await ours('compare ours.qcow2 theirs.qcow2')).toBe('Images are identical.\n');
    theirs('compare ours.qcow2 theirs.qcow2');
  },
);

test.runIf(available)('overlays: each commits and rebases what the other made', async () => {
  theirs('create -q -f qcow2 -b src.raw -F raw top.qcow2');
  await ours('rebase -u -b src.raw -F raw top.qcow2');
  theirs('create -q -f raw other.raw 3146240');
  await ours('rebase -b other.raw -F raw top.qcow2');
  theirs('convert -O raw top.qcow2 c.raw');
  same('c.raw', 'src.raw');
  await ours('commit -q top.qcow2');
  same('other.raw', 'src.raw');
  theirs('check top.qcow2');
});

test.runIf(available)('amending goes both ways', async () => {
  await ours('convert -O qcow2 src.raw v.qcow2');
  theirs('amend -f qcow2 -o compat=0.10 v.qcow2');
  await ours('amend -o compat=1.1,lazy_refcounts=on v.qcow2');
  theirs('check v.qcow2');
  await ours('amend -o compat=0.10 v.qcow2');
  theirs('check v.qcow2');
  theirs('convert -O raw v.qcow2 d.raw');
  same('d.raw', 'src.raw');
});

test.runIf(available)(
  'encrypted images written here are read by Debian, and the reverse',
  async () => {
    await ours('convert -O qcow2 -o encryption src.raw e.qcow2', ['geheim']);
    const secret = ['--object', 'secret,id=s,data=geheim'];
    const spec = 'driver=qcow2,file.filename=e.qcow2,encrypt.key-secret=s';
    execFileSync('qemu-img', ['convert', ...secret, '--image-opts', spec, '-O', 'raw', 'f.raw']);
    same('f.raw', 'src.raw');
    const { status, err } = await runTool('tinamou-img', [
      'convert',
      ...secret,
      '--image-opts',
      spec,
      'g.raw',
    ]);
    expect({ status, err }).toEqual({ status: 0, err: '' });
    same('g.raw', 'src.raw');
  },
);

test.runIf(available)('what only newer versions know is refused by name', async () => {
  const refusal = async (): Promise<string> => (await runTool('t', ['info', 'n.qcow2'])).err;
  const feature = (name: string): string =>
    "t: Could not open 'n.qcow2': 'image' uses a qcow2 feature which is not supported by this " +
    `qemu version: ${name}\n`;
  theirs('create -q -f qcow2 -o extended_l2=on,cluster_size=64k n.qcow2 4M');
  expect(await refusal()).toBe(feature('extended L2 entries'));
  theirs('create -q -f qcow2 -o compression_type=zstd n.qcow2 4M');
  expect(await refusal()).toBe(feature('compression type'));
  theirs('create -q -f qcow2 -o refcount_bits=8 n.qcow2 4M');
  expect(await refusal()).toBe(feature('8 bit reference counts'));
  theirs('create -q -f qcow2 -o data_file=d.bin n.qcow2 4M');
  expect(await refusal()).toBe(feature('external data file'));
});

test.runIf(available)('qcow version 1 goes both ways', async () => {
  await ours('convert -O qcow src.raw ours.qcow');
  theirs('convert -f qcow -O raw ours.qcow h.raw');
  same('h.raw', 'src.raw');
  await ours('convert -c -O qcow src.raw packed.qcow');
  theirs('convert -f qcow -O raw packed.qcow i.raw');
  same('i.raw', 'src.raw');
  theirs('convert -f raw -O qcow src.raw theirs.qcow');
  await ours('convert -O raw theirs.qcow j.raw');
  same('j.raw', 'src.raw');
});
