import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { amendQcow2 } from '../../../../src/block/format/qcow2/amend.ts';
import { runTool } from '../../../support/image-tool.ts';
import { MemoryHost } from '../../../support/memory-host.ts';
import { missing } from '../../../support/program.ts';
import { checked, make, openQcow2 } from '../../../support/qcow2-bench.ts';

const MIB = 1024 * 1024;
const folder = mkdtempSync(join(tmpdir(), 'tinamou-lazy-'));
afterAll(() => rmSync(folder, { recursive: true }));
const absent = missing('lazy refcounts beside QEMU', '/usr/bin/qemu-img', '/usr/bin/qemu-io');

async function lazyImage(): Promise<MemoryHost> {
  const host = new MemoryHost();
  await make(host, 'a.qcow2', { size: 4 * MIB, lazyRefcounts: true });
  return host;
}

const contents = (host: MemoryHost): Buffer =>
  Buffer.from(host.files.get('a.qcow2')?.contents() as Uint8Array);
const isDirty = (host: MemoryHost): boolean => (contents(host)[79] & 1) === 1;
/** Counts of the first clusters, in the one refcount block that a new image has. */
const countOf = (host: MemoryHost, cluster: number): number =>
  contents(host).readUInt16BE(2 * 65536 + cluster * 2);

test('the first allocation marks the image; counts reach the file when it is closed', async () => {
  const host = await lazyImage();
  const node = await openQcow2(host, 'a.qcow2');
  await node.writeZeroes(0, 512, true);
  expect(isDirty(host)).toBe(false);
  await node.write(0, new Uint8Array(512).fill(1));
  expect(isDirty(host)).toBe(true);
  await node.flush();
  expect([countOf(host, 3), countOf(host, 4), countOf(host, 5)]).toEqual([1, 0, 0]);
  expect(node.details().dirty).toBe(true);
  await node.close();
  expect(isDirty(host)).toBe(false);
  expect([countOf(host, 3), countOf(host, 4), countOf(host, 5)]).toEqual([1, 1, 1]);
});

test('what a crash leaves is read as it is, and repaired when opened to be written', async () => {
  const host = await lazyImage();
  const crashed = await openQcow2(host, 'a.qcow2');
  await crashed.write(0, new Uint8Array(512).fill(7));
  await crashed.flush();
  const reader = await openQcow2(host, 'a.qcow2', { readOnly: true });
  const bytes = new Uint8Array(512);
  await reader.read(0, bytes);
  expect(bytes[0]).toBe(7);
  expect(isDirty(host)).toBe(true);
  const warnings: string[] = [];
  const writer = await openQcow2(host, 'a.qcow2', {}, warnings);
  expect(warnings).toEqual([
    'ERROR cluster 4 refcount=0 reference=1',
    'ERROR cluster 5 refcount=0 reference=1',
    'Rebuilding refcount structure',
    'Repairing cluster 1 refcount=1 reference=0',
    'Repairing cluster 2 refcount=1 reference=0',
  ]);
  expect(isDirty(host)).toBe(false);
  expect((await checked(writer)).corruptions).toBe(0);
});

test('the option of a drive overrides what the header says', async () => {
  const host = new MemoryHost();
  await make(host, 'a.qcow2', { size: 4 * MIB });
  const node = await openQcow2(host, 'a.qcow2', {}, [], [['lazy-refcounts', 'on']]);
  await node.write(0, new Uint8Array(512));
  expect(isDirty(host)).toBe(true);
  await node.close();
  expect(isDirty(host)).toBe(false);
});

test('switching lazy counts off brings them to the file first', async () => {
  const host = await lazyImage();
  const node = await openQcow2(host, 'a.qcow2');
  await node.write(0, new Uint8Array(512));
  await amendQcow2(node, { lazyRefcounts: false }, () => {});
  expect(isDirty(host)).toBe(false);
  expect(countOf(host, 5)).toBe(1);
  await node.write(MIB, new Uint8Array(512));
  expect(isDirty(host)).toBe(false);
});

const peer = (program: string, ...words: string[]): string => {
  const { stdout, stderr } = spawnSync(program, words, { cwd: folder, encoding: 'utf8' });
  return stdout + stderr;
};

test.skipIf(absent)('a dirty image of ours is repaired by qemu-img', async () => {
  const host = await lazyImage();
  const node = await openQcow2(host, 'a.qcow2');
  await node.write(0, new Uint8Array(MIB).fill(9));
  await node.flush();
  writeFileSync(join(folder, 'ours.qcow2'), contents(host));
  expect(peer('qemu-img', 'info', 'ours.qcow2')).toContain('cleanly shut down: no');
  expect(peer('qemu-img', 'check', '-r', 'all', 'ours.qcow2')).toContain(
    'No errors were found on the image.',
  );
  expect(peer('qemu-io', '-c', 'read -P 9 0 1M', 'ours.qcow2')).not.toContain('failed');
});

test.skipIf(absent)('a dirty image of QEMU is repaired as QEMU does it, in its words', async () => {
  const [image, copy] = [join(folder, 'theirs.qcow2'), join(folder, 'copy.qcow2')];
  peer('qemu-img', 'create', '-q', '-f', 'qcow2', '-o', 'lazy_refcounts=on', image, '4M');
  peer('qemu-io', '-c', 'write -P 5 64k 200k', '-c', 'flush', '-c', 'abort', image);
  writeFileSync(copy, readFileSync(image));
  for (const words of [['check'], ['check', '-r', 'leaks'], ['check', '-r', 'all'], ['check']]) {
    const theirs = spawnSync('qemu-img', [...words, copy], { encoding: 'utf8' });
    const ours = await runTool('qemu-img', [...words, image]);
    const masked = (text: string): string => text.replace(/offset: \d+/, 'offset: …');
    expect([masked(ours.out), ours.err, ours.status]).toEqual([
      masked(theirs.stdout),
      theirs.stderr,
      theirs.status,
    ]);
  }
  expect(peer('qemu-io', '-c', 'read -P 5 64k 200k', image)).not.toContain('failed');
});
