import { expect, test, vi } from 'vitest';
import { driveInfo, openDrive } from '../../src/block/drive.ts';
import { parseDrive } from '../../src/block/drive-options.ts';
import { MemoryHost } from '../support/memory-host.ts';
import { contextOf, make } from '../support/qcow2-bench.ts';

const EMPTY = { defaultInterface: 'ide', drives: [], formats: [] } as const;

async function drive(host: MemoryHost, options: { readonly [name: string]: string }) {
  return openDrive(parseDrive(Object.entries(options), EMPTY), contextOf(host));
}

test('snapshot=on keeps every write away from the image', async () => {
  const host = new MemoryHost();
  const file = host.put('a.img', new Uint8Array(1024 * 1024).fill(7));
  const backend = await drive(host, { file: 'a.img', snapshot: 'on' });
  await backend.write(4096, new Uint8Array(512).fill(9));
  const into = new Uint8Array(1024);
  await backend.read(4096, into);
  expect([into[0], into[512]]).toEqual([9, 7]);
  expect(file.contents().every(b => b === 7)).toBe(true);
  const info = driveInfo(backend).inserted;
  expect(info?.driver).toBe('qcow2');
  expect(info?.cacheText).toBe('writeback, ignore flushes');
  expect(info?.backingFile).toBe('a.img');
  expect(info?.backingFileDepth).toBe(1);
});

test('an empty drive answers that there is no medium', async () => {
  const backend = await drive(new MemoryHost(), { if: 'none' });
  expect(backend.inserted).toBe(false);
  await expect(backend.read(0, new Uint8Array(512))).rejects.toThrow('No medium found');
});

test('requests past the end and writes to read-only media fail', async () => {
  const host = new MemoryHost();
  host.put('a.img', new Uint8Array(1024));
  const backend = await drive(host, { file: 'a.img', media: 'cdrom' });
  const sector = new Uint8Array(512);
  await expect(backend.read(1024, sector)).rejects.toThrow('Input/output error');
  await expect(backend.write(0, sector)).rejects.toThrow('Permission denied');
});

test('a drive without its key says so; a password goes to image and backing', async () => {
  const host = new MemoryHost();
  await make(host, 'b.qcow2', { size: 1048576, encrypted: true });
  await make(host, 't.qcow2', { size: 1048576, backingFile: 'b.qcow2', backingFormat: 'qcow2' });
  const backend = await drive(host, { file: 't.qcow2' });
  expect(backend.keyMissing).toBe(true);
  expect(backend.encryptedFilename).toBe('b.qcow2');
  backend.setPassword(new Uint8Array([1]));
  expect(backend.keyMissing).toBe(false);
});

test('copy-on-read stores in the image what a read brought up from below', async () => {
  const host = new MemoryHost();
  host.put('base.img', new Uint8Array(1024 * 1024).fill(5));
  await make(host, 't.qcow2', { size: 1048576, backingFile: 'base.img', backingFormat: 'raw' });
  const backend = await drive(host, { file: 't.qcow2', 'copy-on-read': 'on' });
  const into = new Uint8Array(4096);
  await backend.read(8192, into);
  expect(into[0]).toBe(5);
  const extent = await backend.node?.status(8192, 4096);
  expect(extent?.allocated).toBe(true);
  expect((await backend.node?.status(512 * 1024, 512))?.allocated).toBe(false);
});

test.each([
  ['writethrough', 3],
  ['writeback', 0],
])('cache=%s: writes, zeroes and those of qemu-io are flushed', async (cache, expected) => {
  const host = new MemoryHost();
  host.put('a.img', new Uint8Array(65536));
  const backend = await drive(host, { file: 'a.img', format: 'raw', cache });
  const { node } = backend;
  if (node === undefined) throw new Error('no medium');
  const flush = vi.spyOn(node, 'flush');
  await backend.write(0, new Uint8Array(512));
  await backend.writeZeroes(512, 512);
  await backend.aside.write(0, new Uint8Array(512));
  expect(flush).toHaveBeenCalledTimes(expected);
});
