/**
 * The tools' standard streams: nobody who reads them, and a full disk behind them, change neither
 * what is done nor the exit status. Scripts with `set -o pipefail` and `grep -q` rely on that.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { ROOT } from './support/program.ts';

const folder = mkdtempSync(join(tmpdir(), 'tinamou-streams-'));
afterAll(() => rmSync(folder, { recursive: true }));

function shell(line: string): readonly [string, string, number | null] {
  const env = { ...process.env, PATH: `${ROOT}/bin:${process.env['PATH']}` };
  const how = { cwd: folder, env, encoding: 'utf8', timeout: 30_000 } as const;
  const { stdout, stderr, status } = spawnSync('bash', ['-c', line], how);
  return [stdout, stderr, status];
}

test('a reader that leaves early', () => {
  shell('tinamou-img create -q -f raw a 1M');
  const dump = "tinamou-io -f raw -c 'read -v 0 512k' -c 'write -P 1 0 512' a | head -1 | wc -l";
  expect(shell(`set -o pipefail; ${dump}`)).toEqual(['1\n', '', 0]);
  expect(shell("tinamou-io -r -f raw -c 'read -P 1 0 512' a")[0]).not.toContain('failed');
  expect(shell('set -o pipefail; tinamou-img info -f raw a | true')).toEqual(['', '', 0]);
});

test.skipIf(!existsSync('/dev/full'))('a full disk behind the output', () => {
  expect(shell('tinamou-img create -f raw b 1M >/dev/full')).toEqual(['', '', 0]);
  expect(statSync(join(folder, 'b')).size).toBe(1 << 20);
  expect(shell('tinamou-img info nosuch 2>/dev/full')).toEqual(['', '', 1]);
});
