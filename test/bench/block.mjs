// Image tool beside Debian's qemu-img, in one run: processor time (user + system) of each command
// and peak memory, and random 4 KiB requests through the node in process beside `qemu-img bench`.
// The two take turns; shown are the best of each and the median of the ratios turn by turn, which
// is judged against the aim. Ends with status 1 when an aim is missed.
// Usage: node test/bench/block.mjs [MiB of the converted disk, default 1024] [turns, default 5]
import { execFileSync, spawnSync } from 'node:child_process';
import { closeSync, ftruncateSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { build } from 'esbuild';
import { ENVIRONMENT, has, median } from './processes.mjs';

const ROOT = join(import.meta.dirname, '../..');
const MIB = 1024 * 1024;
const disk = Number(process.argv[2] ?? 1024);
const turns = Number(process.argv[3] ?? 5);
const MOST_MIB = 150;
let missed = 0;
const folder = mkdtempSync(join(tmpdir(), 'tinamou-bench-'));
const ours = join(ROOT, 'bin/tinamou-img');

const BENCH = `
import { openImage } from './src/block/graph.ts';
import { CACHE_MODES } from './src/block/cache-mode.ts';
import { nodeBlockHost } from './src/host-file-io.ts';
const [mode, filename, count] = process.argv.slice(2);
const context = { host: nodeBlockHost, encryptedImages: 'legacy', imageTool: '', warn() {},
  mayOpenEncrypted: () => true };
const node = await openImage({ filename, context,
  flags: { readOnly: mode === 'read', cache: CACHE_MODES['writeback'] } });
const bytes = new Uint8Array(4096);
for (let i = 0, at = 0; i < Number(count); i++, at = (at + 1052672) % (node.length - 4096)) {
  at -= at % 4096;
  if (mode === 'read') await node.read(at, bytes);
  else await node.write(at, bytes);
}
await node.close();
`;

/** Half of it data, in pieces of a MiB: noise and text. Between them holes, or stored zeros. */
function makeDisk(path, mib, between) {
  const fd = openSync(path, 'w');
  const piece = Buffer.alloc(MIB);
  let x = 1;
  for (let i = 0; i < MIB / 2; i++) {
    x = (Math.imul(x, 1664525) + 1013904223) >>> 0;
    piece[i] = x >>> 24;
  }
  piece.fill('all work and no play ', MIB / 2);
  const zeros = Buffer.alloc(MIB);
  for (let i = 0; i < mib; i++) {
    if (i % 2 === 0) writeSync(fd, piece, 0, MIB, i * MIB);
    else if (between === 'zeros') writeSync(fd, zeros, 0, MIB, i * MIB);
  }
  ftruncateSync(fd, mib * MIB);
  closeSync(fd);
}

/** Processor seconds and peak memory of one run of a command: [program, ...words]. */
function measure([program, ...words], input) {
  const time = ['-f', '%U %S %M', '-o', join(folder, 'time')];
  const result = spawnSync('/usr/bin/time', [...time, program, ...words], {
    cwd: folder,
    env: ENVIRONMENT,
    input,
    maxBuffer: 64 * MIB,
  });
  if (result.status !== 0) throw new Error(`${program} ${words.join(' ')}: ${result.stderr}`);
  const text = execFileSync('tail', ['-1', join(folder, 'time')], { encoding: 'utf8' });
  const [user, system, kib] = text.trim().split(' ').map(Number);
  return { cpu: user + system, mib: kib / 1024 };
}

function verdict(good) {
  if (!good) missed++;
  return good ? 'ok' : 'MISSED';
}

/** `aim` is the highest ratio of processor time; 0 for none. */
function compare(name, aim, theirs, ours) {
  const runs = [];
  for (let i = 0; i <= turns; i++) runs.push({ a: measure(theirs), b: measure(ours) });
  runs.shift(); // Warmed the caches.
  // The clock of short runs ticks in hundredths of a second.
  const ratio = median(runs.map(({ a, b }) => b.cpu / Math.max(a.cpu, 0.005)));
  const mib = Math.max(...runs.map(({ b }) => b.mib));
  const best = which => Math.min(...runs.map(run => run[which].cpu)).toFixed(2);
  const good = (aim === 0 || ratio <= aim) && mib <= MOST_MIB;
  console.log(
    `${name.padEnd(36)} ${best('a').padStart(7)} ${best('b').padStart(7)} ` +
      `${ratio.toFixed(2).padStart(6)} ${(aim === 0 ? '-' : `${aim}`).padStart(5)} ` +
      `${mib.toFixed(0).padStart(5)}  ${verdict(good)}`,
  );
}

const q = line => line.split(' ');
/** The same words for both tools. */
const both = line => [
  ['qemu-img', ...q(line)],
  [ours, ...q(line)],
];

/** One short run would be a tick or two of the accounts. */
const tenTimes = command => ['sh', '-c', `for i in 1 2 3 4 5 6 7 8 9 10; do ${command}; done`];

function conversions() {
  makeDisk(join(folder, 'src.raw'), disk, 'holes');
  makeDisk(join(folder, 'dense.raw'), disk, 'zeros');
  compare('convert raw -> qcow2', 1.5, ...both('convert -O qcow2 src.raw a.qcow2'));
  compare('the same, zeros stored', 1.5, ...both('convert -O qcow2 dense.raw a.qcow2'));
  compare('convert qcow2 -> raw', 1.5, ...both('convert -O raw a.qcow2 b.raw'));
  compare('convert qcow2 -> qcow2 -c', 1.2, ...both('convert -c -O qcow2 a.qcow2 c.qcow2'));
  const encrypted = q('convert -O qcow2 -o encryption src.raw e.qcow2');
  spawnSync(ours, encrypted, { cwd: folder, input: 'secret\r' });
  const secret = q('convert --object secret,id=s,data=secret --image-opts');
  const spec = 'driver=qcow2,file.filename=e.qcow2,encrypt.key-secret=s';
  const words = [...secret, spec, '-O', 'raw', 'f.raw'];
  compare('convert encrypted qcow2 -> raw', 2.5, ['qemu-img', ...words], [ours, ...words]);
  execFileSync('qemu-img', q('create -q -f qcow2 big.qcow2 10G'), { cwd: folder });
  const twice = ['src.raw', 'src.raw'];
  execFileSync('qemu-img', ['convert', '-n', '-O', 'qcow2', ...twice, 'big.qcow2'], {
    cwd: folder,
  });
  compare('check, 10 GiB with 1 GiB in use', 0, ...both('check -q big.qcow2'));
  compare('compare qcow2, raw', 0, ...both('compare -q a.qcow2 src.raw'));
  compare(
    'info ten times, beside node -e 0',
    2,
    tenTimes('node -e 0'),
    tenTimes(`${ours} info a.qcow2`),
  );
}

/** Images far larger than the memory that a run may take. */
function memory() {
  console.log(`\nimages of a terabyte; memory of at most ${MOST_MIB} MiB`);
  for (const line of [
    'create -q -f qcow2 -o preallocation=metadata t.qcow2 1T',
    'map --output=json t.qcow2',
    'check -q t.qcow2',
    'snapshot -c one t.qcow2',
    'create -q -f qcow2 -o cluster_size=512 s.qcow2 64G',
    'snapshot -c one s.qcow2',
    'check -q s.qcow2',
    'create -q -f qcow2 -o cluster_size=2M l.qcow2 64T',
    'check -q l.qcow2',
    'compare -q l.qcow2 l.qcow2',
  ]) {
    const { mib } = measure([ours, ...q(line)]);
    console.log(`${line.padEnd(64)} ${mib.toFixed(0).padStart(5)}  ${verdict(mib <= MOST_MIB)}`);
  }
}

if (!has('qemu-img') || !has('/usr/bin/time')) {
  console.log('bench:block: needs qemu-img and /usr/bin/time');
  process.exit(0);
}
try {
  console.log(`disk ${disk} MiB, half filled; processor seconds`);
  console.log('command                                 theirs tinamou  ratio   aim   MiB');
  conversions();
  await random();
  memory();
} finally {
  rmSync(folder, { recursive: true });
}
if (missed > 0) process.exitCode = 1;

/** Random 4 KiB requests: plain, and at the top of a chain of eight. */
async function random() {
  let top = 'a.qcow2';
  for (let i = 0; i < 8; i++) {
    const words = ['create', '-q', '-f', 'qcow2', '-b', top, '-F', 'qcow2', `o${i}.qcow2`];
    execFileSync('qemu-img', words, { cwd: folder });
    top = `o${i}.qcow2`;
  }
  const bundle = join(folder, 'node.mjs');
  await build({
    stdin: { contents: BENCH, resolveDir: ROOT, loader: 'ts' },
    outfile: bundle,
    bundle: true,
    platform: 'node',
    format: 'esm',
    logLevel: 'error',
  });
  const count = 20000;
  for (const [name, image] of [
    ['plain', 'a.qcow2'],
    ['chain of 8', 'o7.qcow2'],
  ]) {
    for (const mode of ['read', 'write']) {
      const flags = mode === 'write' ? ['-w'] : [];
      const step = ['-s', '4096', '-S', '1052672', '-d', '1', '-c', String(count)];
      const theirs = ['qemu-img', 'bench', ...flags, ...step, '-f', 'qcow2', image];
      const inProcess = ['node', bundle, mode, image, String(count)];
      compare(`${count} ${mode}s of 4 KiB, ${name}`, 3, theirs, inProcess);
    }
  }
}
