/**
 * The image tool's memory does not follow the image's size: real runs on images of a terabyte.
 */

import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { ROOT } from '../support/program.ts';

const LIMIT_MIB = 150;
const folder = mkdtempSync(join(tmpdir(), 'tinamou-memory-'));
afterAll(() => rmSync(folder, { recursive: true }));

/** Says at the end how much memory the process had at most, in KiB. */
const HOOK = join(folder, 'hook.cjs');
writeFileSync(
  HOOK,
  `process.on('exit', () =>
    require('node:fs').writeSync(2, '\\nKiB ' + process.resourceUsage().maxRSS));`,
);

/** Runs a command with a small heap; answers with its exit status and peak memory in MiB. */
function run(line: string): { readonly status: number | null; readonly mib: number } {
  const tool = join(ROOT, 'dist/tinamou-img.cjs');
  const words = ['--max-old-space-size=48', '--require', HOOK, tool, ...line.split(' ')];
  const { NODE_EXTRA_CA_CERTS: _, ...env } = process.env;
  const result = spawnSync(process.execPath, words, {
    cwd: folder,
    env,
    encoding: 'latin1',
    maxBuffer: 64 * 1024 * 1024,
  });
  const kib = Number(/KiB (\d+)$/.exec(result.stderr)?.[1]);
  return { status: result.status, mib: kib / 1024 };
}

function withinLimit(lines: readonly string[]): void {
  for (const line of lines) {
    const { status, mib } = run(line);
    expect(status, line).toBe(0);
    expect(mib, `${line}: MiB`).toBeGreaterThan(10);
    expect(mib, `${line}: MiB`).toBeLessThan(LIMIT_MIB);
  }
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
