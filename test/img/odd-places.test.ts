/**
 * Entries of images that point to odd places. Where no file reaches nothing is stored, as past any
 * file's end: up to where numbers no longer hold each byte's place, and beyond. Partly beside QEMU.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { runIo, runTool } from '../support/image-tool.ts';
import { missing } from '../support/program.ts';

const absent = missing('places far away beside QEMU', '/usr/bin/qemu-img');
const folder = mkdtempSync(join(tmpdir(), 'tinamou-far-'));
const image = join(folder, 'a.qcow2');
const CLUSTER = 4096;
const L1_OFFSET = 40;
const REFTABLE_OFFSET = 48;

afterAll(() => rmSync(folder, { recursive: true }));

/** An image with two clusters of data; `spoil` gets its L1, L2 and refcount tables' places. */
async function made(spoil: (data: Buffer, l1: number, l2: number, reftable: number) => void) {
  rmSync(image, { force: true });
  const words = ['-q', '-f', 'qcow2', '-o', `cluster_size=${CLUSTER}`];
  await runTool('tinamou-img', ['create', ...words, image, '1M']);
  await runIo('tinamou-io', ['-c', 'write -P 1 0 8k', image]);
  const data = readFileSync(image);
  const l1 = Number(data.readBigUInt64BE(L1_OFFSET));
  const l2 = Number(data.readBigUInt64BE(l1) & 0x00ff_ffff_ffff_fe00n);
  spoil(data, l1, l2, Number(data.readBigUInt64BE(REFTABLE_OFFSET)));
  writeFileSync(image, data);
}

/** The last is the farthest that an entry can name. */
const FAR = [1n << 40n, (1n << 53n) - 4096n, 1n << 53n, 1n << 55n, (1n << 56n) - 4096n];

test.each(FAR)('a cluster of data at %d holds zeros', async place => {
  await made((data, _l1, l2) => data.writeBigUInt64BE((1n << 63n) | place, l2));
  const { out, err } = await runIo('tinamou-io', [
    ...['-r', '-c', 'read -P 0 0 4k', '-c', 'read -P 1 4k 4k', image],
  ]);
  expect(err).toBe('');
  expect(out.match(/^read 4096\/4096/gm)?.length, out).toBe(2);
  expect(out).not.toMatch(/verification failed/);
});

test.each(FAR)('an L2 table at %d is empty', async place => {
  await made((data, l1) => data.writeBigUInt64BE((1n << 63n) | place, l1));
  const { out, err } = await runIo('tinamou-io', ['-r', '-c', 'read -P 0 0 1M', image]);
  expect([out.split('\n')[0], err]).toEqual(['read 1048576/1048576 bytes at offset 0', '']);
});

test.skipIf(absent).each([...FAR, 1n << 62n])('a refcount block at %d counts nothing', async at => {
  await made((data, _l1, _l2, reftable) => data.writeBigUInt64BE(at, reftable));
  const ours = await runTool('tinamou-img', ['check', image]);
  const qemu = spawnSync('qemu-img', ['check', image], { encoding: 'utf8' });
  expect([ours.status, ours.out, ours.err]).toEqual([qemu.status, qemu.stdout, qemu.stderr]);
});

test('a cluster of an old image between sectors cannot be read or written', async () => {
  const old = join(folder, 'a.qcow');
  await runTool('tinamou-img', ['create', '-q', '-f', 'qcow', old, '1M']);
  await runIo('tinamou-io', ['-c', 'write -P 1 0 8k', old]);
  const data = readFileSync(old);
  const l2 = Number(data.readBigUInt64BE(48));
  data.writeBigUInt64BE(data.readBigUInt64BE(l2) + 1n, l2);
  writeFileSync(old, data);
  const words = ['-c', 'read 0 4k', '-c', 'write 0 512', '-c', 'read -P 1 4k 4k', old];
  const { out } = await runIo('tinamou-io', words);
  expect(out).toMatch(
    /^read failed: Input\/output error\nwrite failed: Input\/output error\nread 4096/,
  );
  expect(Buffer.compare(readFileSync(old), data)).toBe(0);
});

test('what cannot be told about an image is said to be so', async () => {
  await made((data, l1) => data.writeBigUInt64BE(0x1200n, l1));
  const words = ['-r', '-c', 'alloc 0 16', '-c', 'map', '-c', 'length', image];
  const { out, err, status } = await runIo('tinamou-io', words);
  expect(out).toBe('is_allocated failed: Input/output error\n1 MiB\n');
  expect(err).toBe(
    'qcow2: Image is corrupt: L2 table offset 0x1200 unaligned (L1 index: 0); ' +
      'further non-fatal corruption events will be suppressed\n' +
      'tinamou-io: Failed to get allocation status\n',
  );
  expect(status).toBe(0);
});

test('a dirty image that cannot be repaired is not opened', async () => {
  await made((data, l1) => {
    data.writeUInt32BE(1, 76);
    data.writeUInt32BE(0x200, 56);
    data.writeBigUInt64BE((1n << 63n) | BigInt(l1), l1);
  });
  const { out, err, status } = await runIo('tinamou-io', ['-c', 'write 0 512', image]);
  expect(out).toBe('');
  expect(err).toMatch(/tinamou-io: can't open device .*: Could not repair dirty image: Input/);
  expect(status).toBe(0);
});
