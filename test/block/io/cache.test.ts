/**
 * Cache and discard modes of the I/O tool: what a program that dies leaves behind. Without `-t`
 * every write is brought to the medium, tables included, as in QEMU.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { runIo, runTool } from '../../support/image-tool.ts';
import { ROOT } from '../../support/program.ts';

const folder = mkdtempSync(join(tmpdir(), 'tinamou-io-cache-'));
const image = join(folder, 'a.qcow2');
afterAll(() => rmSync(folder, { recursive: true }));

const fresh = (): Promise<unknown> =>
  runTool('tinamou-img', ['create', '-q', '-f', 'qcow2', image, '1M']);
const commands = (...lines: readonly string[]): string[] => lines.flatMap(line => ['-c', line]);

async function isThere(): Promise<boolean> {
  const { out } = await runIo('tinamou-io', ['-r', ...commands('read -P 7 0 192k'), image]);
  return !out.includes('failed');
}

const WRITES = ['write -P 7 0 64k', 'writev -P 7 64k 64k', 'aio_write -P 7 128k 64k', 'aio_flush'];

test.each([
  [[], true],
  [['-t', 'writethrough'], true],
  [['-t', 'directsync'], true],
  [['-t', 'writeback'], false],
  [['-n'], false],
])('%j: a finished write outlives the program: %s', async (mode, expected) => {
  await fresh();
  const words = [...mode, ...commands(...WRITES, 'abort'), image];
  expect(spawnSync(`${ROOT}/bin/tinamou-io`, words).signal ?? 'exit').toBe('SIGABRT');
  expect(await isThere()).toBe(expected);
  expect((await runTool('tinamou-img', ['check', image])).out).toContain('No errors were found');
});

test('the command `open` has a mode of its own', async () => {
  for (const [open, expected] of [
    [`open ${image}`, true],
    [`open -n ${image}`, false],
  ] as const) {
    await fresh();
    spawnSync(`${ROOT}/bin/tinamou-io`, ['-t', 'writeback', ...commands(open, ...WRITES, 'abort')]);
    expect(await isThere()).toBe(expected);
  }
});

test.each([
  [[], 0],
  [['-d', 'unmap'], 0],
  [['-d', 'ignore'], 7],
  [['-d', 'off'], 7],
])('%j: what is discarded reads as %i', async (mode, value) => {
  await fresh();
  const lines = commands('write -P 7 0 64k', 'discard 0 64k', `read -P ${value} 0 64k`);
  const { out } = await runIo('tinamou-io', [...mode, ...lines, image]);
  expect(out).toContain('discard 65536/65536 bytes at offset 0');
  expect(out).not.toContain('failed');
});
