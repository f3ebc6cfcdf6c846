import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { runIo, runTool } from '../support/image-tool.ts';
import { missing } from '../support/program.ts';

const folder = mkdtempSync(join(tmpdir(), 'tinamou-preallocation-'));
const home = process.cwd();
afterAll(() => {
  process.chdir(home);
  rmSync(folder, { recursive: true });
});
const absent = missing('preallocated images beside QEMU', '/usr/bin/qemu-img');
const MIB = 1024 * 1024;

const cases = ['metadata', 'falloc', 'full'].flatMap(mode =>
  [512, 65536].flatMap(size => [true, false].map(encrypted => ({ mode, size, encrypted }))),
);

test.each(cases)('$mode, clusters of $size bytes, encrypted: $encrypted', async how => {
  process.chdir(folder);
  const options = `preallocation=${how.mode},cluster_size=${how.size}`;
  const encryption = how.encrypted ? ',encryption=on' : '';
  // A relative name of a file that is not there yet, as users write it.
  const create = ['create', '-q', '-f', 'qcow2', '-o', options + encryption, 'a.qcow2', '1M'];
  expect((await runTool('qemu-img', create)).status).toBe(0);
  const check = await runTool('qemu-img', ['check', 'a.qcow2'], ['secret']);
  expect([check.status, check.err]).toEqual([0, '']);
  expect(check.out).toContain(`${MIB / how.size}/${MIB / how.size} = 100.00% allocated`);
  const { size, blocks } = statSync('a.qcow2');
  expect(size).toBeGreaterThan(MIB);
  if (how.mode !== 'metadata') expect(blocks * 512).toBeGreaterThan(MIB);
  await expectUse(how.encrypted);
  rmSync('a.qcow2');
});

async function expectUse(encrypted: boolean): Promise<void> {
  if (!encrypted && !absent) {
    expect(spawnSync('qemu-img', ['check', '-q', 'a.qcow2']).status).toBe(0);
  }
  if (!encrypted) {
    const { out } = await runIo('qemu-io', ['-c', 'read -P 0 0 1M', 'a.qcow2']);
    expect(out).not.toContain('failed');
  }
  const before = readFileSync('a.qcow2').length;
  const words = ['--compat', 'encrypted-images=legacy', '-c', 'write -P 7 64k 4k', 'a.qcow2'];
  await runIo('qemu-io', words);
  // What has its place needs no new one.
  expect(readFileSync('a.qcow2').length).toBe(before);
  expect((await runTool('qemu-img', ['check', 'a.qcow2'], ['secret'])).status).toBe(0);
}

const canTell = existsSync('/usr/bin/perl');
if (!canTell) console.warn('holes of preallocated images: not tested, no Perl here');

test.skipIf(!canTell)('what is allocated without being stored is told as zeros', async () => {
  process.chdir(folder);
  await runTool('qemu-img', 'create -q -f qcow2 -o preallocation=metadata b.qcow2 8M'.split(' '));
  await runIo('qemu-io', ['-c', 'write 1M 64k', 'b.qcow2']);
  const part = (start: number, length: number, zero: boolean): string =>
    `{ "start": ${start}, "length": ${length}, "depth": 0, "zero": ${zero}, "data": true, ` +
    `"offset": ${327680 + start}}`;
  const parts = [part(0, MIB, true), part(MIB, 65536, false), part(1114112, 7274496, true)];
  expect((await runTool('qemu-img', ['map', '--output=json', 'b.qcow2'])).out).toBe(
    `[${parts.join(',\n')}]\n`,
  );
  expect((await runTool('qemu-img', ['map', 'b.qcow2'])).out.split('\n').slice(1)).toEqual([
    '0x100000        0x10000         0x150000        b.qcow2',
    '',
  ]);
});
