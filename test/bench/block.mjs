// Image tool beside Debian's qemu-img, in one run: processor time (user + system) of each command,
// best of N, and random 4 KiB requests through the node in process beside `qemu-img bench`.
// Usage: node test/bench/block.mjs [MiB of the converted disk, default 1024] [runs, default 3]
import { execFileSync, spawnSync } from 'node:child_process';
import { closeSync, ftruncateSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { build } from 'esbuild';

const ROOT = join(import.meta.dirname, '../..');
const MIB = 1024 * 1024;
const disk = Number(process.argv[2] ?? 1024);
const runs = Number(process.argv[3] ?? 3);
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

/** Half of it data, in pieces of a MiB: noise and text. */
function makeDisk(path, mib) {
  const fd = openSync(path, 'w');
  const piece = Buffer.alloc(MIB);
  let x = 1;
  for (let i = 0; i < MIB / 2; i++) {
    x = (Math.imul(x, 1664525) + 1013904223) >>> 0;
    piece[i] = x >>> 24;
  }
  piece.fill('all work and no play ', MIB / 2);
  for (let i = 0; i < mib; i += 2) writeSync(fd, piece, 0, MIB, i * MIB);
  ftruncateSync(fd, mib * MIB);
  closeSync(fd);
}

/** Processor seconds, wall seconds and peak memory of one command; the best of all runs. */
function measure(program, words, input) {
  let best = { cpu: Infinity, wall: Infinity, kib: 0 };
  for (let i = 0; i < runs; i++) {
    const format = ['-f', '%U %S %e %M', '-o', join(folder, 'time')];
    const result = spawnSync('/usr/bin/time', [...format, program, ...words], {
      cwd: folder,
      input,
    });
    if (result.status !== 0) throw new Error(`${program} ${words.join(' ')}: ${result.stderr}`);
    const text = execFileSync('tail', ['-1', join(folder, 'time')], { encoding: 'utf8' });
    const [user, system, wall, kib] = text.trim().split(' ').map(Number);
    const cpu = user + system;
    if (cpu < best.cpu) best = { cpu, wall, kib };
  }
  return best;
}

const show = (name, target, a, b) => {
  const ratio = (b.cpu / Math.max(a.cpu, 0.005)).toFixed(2);
  console.log(
    `${name.padEnd(34)} ${a.cpu.toFixed(2).padStart(7)} ${b.cpu.toFixed(2).padStart(7)} ` +
      `${ratio.padStart(6)} ${target.padStart(6)} ${(b.kib / 1024).toFixed(0).padStart(6)}`,
  );
};

function compare(name, target, theirWords, ourWords = theirWords, input = undefined) {
  show(name, target, measure('qemu-img', theirWords), measure(ours, ourWords, input));
}

try {
  makeDisk(join(folder, 'src.raw'), disk);
  console.log(`disk ${disk} MiB, half filled; processor seconds`);
  console.log('command                               qemu-img tinamou  ratio  aim  MiB');
  const q = line => line.split(' ');
  compare('convert raw -> qcow2', '1.5', q('convert -O qcow2 src.raw a.qcow2'));
  compare('convert qcow2 -> raw', '1.5', q('convert -O raw a.qcow2 b.raw'));
  compare('convert qcow2 -> qcow2 -c', '1.2', q('convert -c -O qcow2 a.qcow2 c.qcow2'));
  const encrypted = q('convert -O qcow2 -o encryption src.raw e.qcow2');
  spawnSync(ours, encrypted, { cwd: folder, input: 'secret\r' });
  const secret = q('--object secret,id=s,data=secret --image-opts');
  const spec = 'driver=qcow2,file.filename=e.qcow2,encrypt.key-secret=s';
  compare('convert encrypted qcow2 -> raw', '2.5', [
    'convert',
    ...secret,
    spec,
    '-O',
    'raw',
    'f.raw',
  ]);
  execFileSync('qemu-img', q('create -q -f qcow2 big.qcow2 10G'), { cwd: folder });
  execFileSync('qemu-img', q('convert -n -O qcow2 src.raw big.qcow2'), { cwd: folder });
  compare('check 10 GiB virtual', '-', q('check -q big.qcow2'));
  compare('info', '-', q('info a.qcow2'));
  await random();
} finally {
  rmSync(folder, { recursive: true });
}

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
      const a = measure('qemu-img', ['bench', ...flags, ...step, '-f', 'qcow2', image]);
      const b = measure('node', [bundle, mode, image, String(count)]);
      show(`${count} ${mode}s of 4 KiB, ${name}`, '3', a, b);
    }
  }
}
