/**
 * The image tool's memory does not follow the image's size: real runs on images of a terabyte.
 */

import { spawnSync } from 'node:child_process';
import {
  closeSync,
  mkdtempSync,
  openSync,
  readFileSync,
  readSync,
  rmSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { addSnapshots } from '../support/many-snapshots.ts';
import { ROOT } from '../support/program.ts';

const LIMIT_MIB = 150;
const folder = mkdtempSync(join(tmpdir(), 'tinamou-memory-'));
afterAll(() => rmSync(folder, { recursive: true }), 100_000);

/** Notes at the end how much memory the process had at most, in KiB. */
const PEAK = join(folder, 'peak');
const HOOK = join(folder, 'hook.cjs');
writeFileSync(
  HOOK,
  `process.on('exit', () =>
    require('node:fs').writeFileSync('${PEAK}', String(process.resourceUsage().maxRSS)));`,
);

/** Runs a tool with a small heap; answers with its exit status and peak memory in MiB. */
function run(
  tool: string,
  words: readonly string[],
): { readonly status: number | null; readonly mib: number } {
  const program = join(ROOT, `dist/${tool}.cjs`);
  const { NODE_EXTRA_CA_CERTS: _, ...env } = process.env;
  rmSync(PEAK, { force: true });
  const { status } = spawnSync(
    process.execPath,
    ['--max-old-space-size=48', '--require', HOOK, program, ...words],
    { cwd: folder, env, stdio: 'ignore' },
  );
  return { status, mib: Number(readFileSync(PEAK, 'latin1')) / 1024 };
}

function expectSmall(tool: string, words: readonly string[], wanted: number): void {
  const { status, mib } = run(tool, words);
  const line = `${tool} ${words.join(' ')}`;
  expect(status, line).toBe(wanted);
  expect(mib, `${line}: MiB`).toBeGreaterThan(10);
  expect(mib, `${line}: MiB`).toBeLessThan(LIMIT_MIB);
}

function withinLimit(lines: readonly string[], status = 0): void {
  for (const line of lines) expectSmall('tinamou-img', line.split(' '), status);
}

/** Overwrites a part of a table, found by a field of the header, with zeros. */
function clearTable(file: string, field: number, from: number, bytes: number): void {
  const fd = openSync(join(folder, file), 'r+');
  const header = Buffer.alloc(104);
  readSync(fd, header, 0, header.length, 0);
  const table = Number(header.readBigUInt64BE(field));
  writeSync(fd, Buffer.alloc(bytes), 0, bytes, table + from);
  closeSync(fd);
}

test('a terabyte with all its clusters allocated', { timeout: 200_000 }, () => {
  withinLimit([
    'create -q -f qcow2 -o preallocation=metadata full.qcow2 1T',
    'info full.qcow2',
    'map --output=json full.qcow2',
    'check -q full.qcow2',
    'snapshot -c one full.qcow2',
    'check -q full.qcow2',
    'snapshot -d one full.qcow2',
  ]);
});

test('an L1 table of 16 MiB, in clusters of 512 bytes', { timeout: 200_000 }, () => {
  withinLimit([
    'create -q -f qcow2 -o cluster_size=512 small.qcow2 64G',
    'snapshot -c one small.qcow2',
    'snapshot -c two small.qcow2',
    'check -q small.qcow2',
    'create -q -f qcow2 -o cluster_size=512 -b small.qcow2 top.qcow2',
    'compare -q small.qcow2 top.qcow2',
    'commit -q top.qcow2',
    'rebase -b  top.qcow2',
  ]);
});

test('clusters of 2 MiB, and a sparse raw disk of a terabyte', { timeout: 200_000 }, () => {
  writeFileSync(join(folder, 'sparse.raw'), '');
  truncateSync(join(folder, 'sparse.raw'), 1024 ** 4);
  withinLimit([
    'convert -O qcow2 -o cluster_size=2M sparse.raw large.qcow2',
    'convert -O raw large.qcow2 again.raw',
    'compare -q large.qcow2 sparse.raw',
    'convert -c -O qcow2 large.qcow2 packed.qcow2',
    'create -q -f qcow2 -b large.qcow2 -o cluster_size=2M top2.qcow2',
    'rebase -b  top2.qcow2',
    'check -q large.qcow2',
  ]);
});

test('a chain of the largest images with clusters of 512 bytes', { timeout: 200_000 }, () => {
  const small = 'create -q -f qcow2 -o cluster_size=512';
  withinLimit([
    `${small} base.qcow2 127G`,
    `${small} -b base.qcow2 1.qcow2`,
    `${small} -b 1.qcow2 2.qcow2`,
    `${small} -b 2.qcow2 3.qcow2`,
    `${small} -b 3.qcow2 4.qcow2`,
    'map 4.qcow2',
    'commit -q 1.qcow2',
    'amend -o compat=0.10 base.qcow2',
    `${small} grown.qcow2 100G`,
    'resize -q grown.qcow2 127G',
    'check -q grown.qcow2',
  ]);
});

test('millions of leaks, and of errors', { timeout: 200_000 }, () => {
  const full = 'create -q -f qcow2 -o preallocation=metadata,cluster_size=4k';
  withinLimit([`${full} leaks.qcow2 8G`, `${full} errors.qcow2 8G`]);
  clearTable('leaks.qcow2', 40, 0, 32768);
  withinLimit(['check leaks.qcow2', 'check --output=json leaks.qcow2'], 3);
  withinLimit(['check -r leaks leaks.qcow2', 'check leaks.qcow2']);
  clearTable('errors.qcow2', 48, 800, 7200);
  withinLimit(['check errors.qcow2'], 2);
  withinLimit(['check -r all errors.qcow2', 'check errors.qcow2']);
});

test('the first format, sixteen terabytes', { timeout: 200_000 }, () => {
  withinLimit([
    'create -q -f qcow old.qcow 16T',
    'create -q -f qcow -b old.qcow over.qcow',
    'map over.qcow',
    'commit -q over.qcow',
    'info over.qcow',
  ]);
});

test('requests of a gigabyte', { timeout: 200_000 }, () => {
  withinLimit(['create -q -f qcow2 -o cluster_size=512 io.qcow2 2G']);
  const commands = ['write -P 1 1k 128M', 'read -P 1 1k 128M', 'write -z 0 1G', 'discard 0 1G'];
  const words = [...commands, 'read 0 1G'].flatMap(command => ['-c', command]);
  expectSmall('tinamou-io', [...words, 'io.qcow2'], 0);
});

test('60,000 snapshots with names of 1000 characters', { timeout: 200_000 }, () => {
  withinLimit(['create -q -f qcow2 -o cluster_size=512 many.qcow2 1M']);
  const name = (index: number): Uint8Array => Buffer.from(String(index).padStart(1000, 'n'));
  addSnapshots(join(folder, 'many.qcow2'), { count: 60_000, name });
  withinLimit([
    'check -q -r all many.qcow2',
    'info many.qcow2',
    'info --output=json many.qcow2',
    'snapshot -l many.qcow2',
    'snapshot -c one many.qcow2',
    'snapshot -a 30000 many.qcow2',
    'snapshot -d 30000 many.qcow2',
    'check -q many.qcow2',
  ]);
});
