/**
 * Zeros that were written are the image's own: whatever is laid under it later does not show.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { runIo, runTool } from '../../support/image-tool.ts';

let folder: string;
const home = process.cwd();

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'tinamou-zeroes-'));
  process.chdir(folder);
});

afterEach(() => {
  process.chdir(home);
  rmSync(folder, { recursive: true });
});

async function img(line: string): Promise<string> {
  const outcome = await runTool('tinamou-img', line.split(' '));
  expect(outcome.err).toBe('');
  return outcome.out;
}

async function io(...commands: string[]): Promise<string> {
  const words = commands.flatMap(command => ['-c', command]);
  return (await runIo('tinamou-io', [...words, 'top'])).out;
}

test.each(['qcow2 -o compat=1.1', 'qcow2 -o compat=0.10'])(
  '%s: a cluster of zeros and a sector of zeros',
  async format => {
    writeFileSync('base', Buffer.alloc(1024 * 1024, 7));
    await img(`create -q -f ${format} top 1M`);
    await io('write -z 64k 64k', 'write -z 256k 512');
    const map = await io('map');
    const extents = [...map.matchAll(/^\[ *(\d+)\] +(\d+)\/ *\d+ sectors +(not )?allocated/gm)];
    expect(extents.map(([, from, count, not]) => `${from}+${count} ${not ?? ''}`.trim())).toEqual([
      '0+128 not',
      '128+128',
      '256+256 not',
      '512+128',
      '640+1408 not',
    ]);
    await img('rebase -u -b base -F raw top');
    const seen = await io('read -P 7 0 64k', 'read -P 0 64k 64k', 'read -P 0 256k 64k');
    expect(seen).not.toContain('failed');
    expect(await img('check top')).toContain('No errors were found');
  },
);

test('qcow: zeros take their clusters', async () => {
  await img('create -q -f qcow top 1M');
  await io('write -z 64k 8k');
  expect(await io('map')).toContain('16/    1920 sectors     allocated at offset 64 KiB (1)');
});
