/**
 * Random commands for the image tool and for Debian's qemu-img, each on its own copy of the same
 * folder: exit status, what the guest sees, what `info` says and `check` finds are to be the same.
 * Words are not compared: those are 2.2.50's (transcripts.test.ts).
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { runTool } from '../support/image-tool.ts';
import { missing } from '../support/program.ts';
import { Random, seedOr } from '../support/random.ts';

const absent = missing('random commands beside qemu-img', '/usr/bin/qemu-img', '/usr/bin/qemu-io');
const ROUNDS = 14;
const STEPS = 9;
const NAMES = ['a', 'b', 'c', 'sub/d'];
const root = mkdtempSync(join(tmpdir(), 'tinamou-random-'));
const home = process.cwd();
afterAll(() => {
  process.chdir(home);
  rmSync(root, { recursive: true });
});

interface Answer {
  readonly status: number | null | undefined;
  readonly out: string;
  readonly err: string;
}

function theirs(folder: string, words: readonly string[], program = 'qemu-img'): Answer {
  const how = { cwd: join(root, folder), encoding: 'utf8', timeout: 30_000 } as const;
  const { status, stdout, stderr } = spawnSync(program, words, how);
  return { status, out: stdout, err: stderr };
}

function ours(words: readonly string[]): Promise<Answer> {
  process.chdir(join(root, 'ours'));
  return runTool('tinamou-img', words);
}

interface Info {
  readonly format: string;
  readonly 'virtual-size': number;
}

function infoOf(folder: string, name: string): Info | undefined {
  const { status, out } = theirs(folder, ['info', '--output=json', name]);
  return status === 0 ? (JSON.parse(out) as Info) : undefined;
}

/** What does not depend on where in the file things are, and when they were made. */
function essence(folder: string, name: string): string {
  const kept =
    /^ *"(virtual-size|format|compat|lazy-.*|corrupt|cluster-size|backing.*|id|name)": .*/;
  const { out } = theirs(folder, ['info', '--output=json', name]);
  return out
    .split('\n')
    .filter(line => kept.test(line))
    .join('\n');
}

const SIZES = ['1M', '512k', '1536', '64k', '65537', '1.5M', '0', '0x10000', '3M', ' 100k'];

function createWords(random: Random): string[] {
  const format = random.pick(['raw', 'qcow', 'qcow2', 'qcow2', 'qcow2']);
  const options: string[] = [];
  if (format === 'qcow2') {
    options.push(`cluster_size=${random.pick(['512', '1k', '4k', '64k', '2M', '1000'])}`);
    options.push(`compat=${random.pick(['0.10', '1.1'])}`);
    if (random.below(4) === 0) options.push('preallocation=metadata');
    else if (random.below(2) === 0) {
      options.push(`backing_file=${random.pick(['a', 'b'])},backing_fmt=qcow2`);
    }
  }
  const list = options.length === 0 ? [] : ['-o', options.join(',')];
  return ['create', '-q', '-f', format, ...list, random.pick(['a', 'b', 'c']), random.pick(SIZES)];
}

function commandOn(random: Random, name: string): string[] {
  const other = random.pick(NAMES.filter(n => n !== name));
  switch (random.below(8)) {
    case 0:
      return ['check', name];
    case 1:
      return ['compare', ...random.pick([[], ['-s']]), name, other];
    case 2: {
      const how = random.pick([[], ['-c'], ['-S', '64k'], ['-o', 'cluster_size=1k']]);
      return ['convert', ...how, '-O', 'qcow2', other, name];
    }
    case 3:
      return ['convert', '-O', random.pick(['raw', 'qcow']), other, name];
    case 4:
      return ['resize', '-q', name, random.pick(['+1M', '+100', '4M', '+0'])];
    case 5:
      return ['snapshot', random.pick(['-c', '-c', '-a', '-d']), random.pick(['s', 't']), name];
    case 6:
      return random.pick([
        ['rebase', '-u', '-b', other, '-F', 'qcow2', name],
        ['commit', '-q', name],
        ['commit', '-q', '-d', name],
      ]);
    default:
      return ['amend', '-o', random.pick(['compat=0.10', 'compat=1.1', 'lazy_refcounts=on']), name];
  }
}

/** The same bytes into both copies, by one program. */
function scribble(random: Random, name: string): void {
  const info = infoOf('ours', name);
  const sectors = Math.min(info?.['virtual-size'] ?? 0, 2 << 20) >> 9;
  if (info === undefined || sectors < 2) return;
  const words = ['-f', info.format];
  for (let i = 0; i < 3; i++) {
    const first = random.below(sectors);
    const count = 1 + random.below(Math.min(sectors - first, 200));
    const verb = random.pick([`write -P ${1 + random.below(255)}`, 'write -z', 'discard']);
    words.push('-c', `${verb} ${first * 512} ${count * 512}`);
  }
  for (const folder of ['theirs', 'ours']) theirs(folder, [...words, name], 'qemu-io');
}

/** What 7.2 does otherwise than 2.2.50, or as docs/compatibility.md says. */
const OTHERWISE =
  /shrink|snapshots|loop|backing|qcow|too small|not support|Cannot amend|filename|open '[ab]'/;

async function compareImages(name: string, place: string): Promise<void> {
  const [there, here] = ['theirs', 'ours'].map(folder => existsSync(join(root, folder, name)));
  expect(here, `${place}: ${name} exists`).toBe(there);
  const info = infoOf('ours', name);
  if (!here || info === undefined) return;
  expect(essence('ours', name), `${place}: ${name}`).toBe(essence('theirs', name));
  const formats = ['-f', info.format, '-F', info.format];
  const pair = ['compare', ...formats, `../theirs/${name}`, name];
  const [one, two] = [theirs('ours', pair), await ours(pair)];
  expect([one.status, two.status], `${place}: ${name}: ${one.out}${one.err}`).toEqual([0, 0]);
  if (info.format !== 'qcow2') return;
  const own = theirs('ours', ['check', '-f', 'qcow2', name]);
  const other = theirs('theirs', ['check', '-f', 'qcow2', name]);
  expect(own.status, `${place}: ${name}: ${own.out}${own.err}`).toBe(other.status);
}

async function round(seed: number): Promise<number> {
  const random = new Random(seed);
  for (const folder of ['theirs', 'ours']) {
    rmSync(join(root, folder), { recursive: true, force: true });
    mkdirSync(join(root, folder, 'sub'), { recursive: true });
  }
  let done = 0;
  for (let i = 0; i < STEPS; i++) {
    const name = random.pick(NAMES);
    if (random.below(4) === 0) {
      scribble(random, name);
      continue;
    }
    const words = random.below(3) === 0 ? createWords(random) : commandOn(random, name);
    const [there, here] = [theirs('theirs', words), await ours(words)];
    const place = `SEED=${seed}, step ${i}: ${words.join(' ')}`;
    if (there.status !== here.status && OTHERWISE.test(there.err + here.err)) return done;
    expect(here.status, `${place}: ${there.err}${here.err}`).toBe(there.status);
    if (there.status === 0) for (const each of NAMES) await compareImages(each, place);
    else if (words[0] === 'create' || words[0] === 'convert') return done;
    done++;
  }
  expect(readdirSync(join(root, 'ours')).filter(left => left.startsWith('.'))).toEqual([]);
  return done;
}

test.skipIf(absent)(
  `${ROUNDS} rounds of random commands`,
  async () => {
    const seed = seedOr(1);
    let done = 0;
    for (let i = 0; i < ROUNDS; i++) done += await round(seed + i);
    expect(done).toBeGreaterThan(ROUNDS);
  },
  120_000,
);
