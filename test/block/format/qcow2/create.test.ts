import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { runTool } from '../../../support/image-tool.ts';

const folder = mkdtempSync(join(tmpdir(), 'tinamou-create-'));
afterAll(() => rmSync(folder, { recursive: true }));

async function make(mode: string, clusterSize: number, size: number): Promise<string> {
  const path = join(folder, `${mode}-${clusterSize}.qcow2`);
  const options = `preallocation=${mode},cluster_size=${clusterSize}`;
  const words = ['create', '-f', 'qcow2', '-o', options, path, String(size)];
  expect((await runTool('tinamou-img', words)).status).toBe(0);
  return path;
}

test.each([
  ['metadata', 65536],
  ['full', 65536],
  ['falloc', 4096],
  ['full', 512],
])(
  'preallocation=%s with clusters of %i bytes allocates the whole disk, cleanly',
  async (mode, clusterSize) => {
    const size = 20 * 1024 * 1024;
    const path = await make(mode, clusterSize, size);
    const check = await runTool('tinamou-img', ['check', '--output=json', path]);
    expect(check.status).toBe(0);
    expect(JSON.parse(check.out)['allocated-clusters']).toBe(size / clusterSize);
    const map = await runTool('tinamou-img', ['map', '--output=json', path]);
    const extents = JSON.parse(map.out) as { length: number; data: boolean }[];
    expect(extents.every(extent => extent.data)).toBe(true);
    expect(extents.reduce((sum, extent) => sum + extent.length, 0)).toBe(size);
    if (mode === 'full') expect(statSync(path).blocks * 512).toBeGreaterThanOrEqual(size);
  },
);

test('a backing file name that is too long is refused, and an older image left alone', async () => {
  const path = join(folder, 'older');
  const long = 'n'.repeat(1023);
  for (const [format, options, name, why] of [
    ['qcow2', 'cluster_size=512,', long, 'Could not write header: too long'],
    ['qcow2', '', `${long}n`, 'Backing file name too long'],
    ['qcow', '', `${long}n`, 'Backing file name too long'],
  ] as const) {
    writeFileSync(path, 'older');
    const words = [
      'create',
      '-q',
      '-f',
      format,
      '-o',
      `${options}backing_file=${name}`,
      path,
      '1M',
    ];
    const said = await runTool('tinamou-img', words);
    expect([said.err, said.status]).toEqual([`tinamou-img: ${path}: ${why}\n`, 1]);
    expect(readFileSync(path, 'utf8')).toBe('older');
  }
  const words = ['create', '-q', '-f', 'qcow2', '-b', long, path, '1M'];
  expect((await runTool('tinamou-img', words)).status).toBe(0);
  expect((await runTool('tinamou-img', ['info', path])).out).toContain(`backing file: ${long}`);
});
