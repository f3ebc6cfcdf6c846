/**
 * An encrypted image without its password, or with a wrong one: what 2.2.50 was measured to do.
 */
import { expect, test } from 'vitest';
import { encryptSectors, keyOf } from '../../src/block/crypto/aes-cbc.ts';
import { driveInfo, openDrive } from '../../src/block/drive.ts';
import { parseDrive } from '../../src/block/drive-options.ts';
import { commitDrive, startBackup, startMirror } from '../../src/block/job/start.ts';
import type { DriveBackend } from '../../src/block/node-backend.ts';
import { MemoryHost } from '../support/memory-host.ts';
import { contextOf, make } from '../support/qcow2-bench.ts';

const MIB = 1024 * 1024;
const CLUSTER = 65536;
const EMPTY = { defaultInterface: 'ide', drives: [], formats: [] } as const;
const PASSWORD = new TextEncoder().encode('secret');

/** Every sector of the backing file differs from every other. */
function backingBytes(): Uint8Array {
  const bytes = new Uint8Array(4 * MIB);
  for (let i = 0; i < bytes.length; i++) bytes[i] = (i >> 9) ^ (i >> 17) ^ i;
  return bytes;
}

class Bench {
  readonly host = new MemoryHost();
  readonly context = contextOf(this.host);
  readonly backing = backingBytes();
  printed = '';

  open(): Promise<DriveBackend> {
    return openDrive(parseDrive([['file', 'geheim.qcow2']], EMPTY), this.context);
  }

  /** Cluster 0 all 0xaa, one sector of cluster 2 0xbb, cluster 3 zeros, the rest from below. */
  async prepare(): Promise<void> {
    this.host.put('backing.img', this.backing);
    await make(this.host, 'geheim.qcow2', {
      size: 4 * MIB,
      encrypted: true,
      backingFile: 'backing.img',
      backingFormat: 'raw',
    });
    const drive = await this.open();
    drive.setPassword(PASSWORD);
    await drive.write(0, new Uint8Array(CLUSTER).fill(0xaa));
    await drive.write(2 * CLUSTER, new Uint8Array(512).fill(0xbb));
    await drive.writeZeroes(3 * CLUSTER, CLUSTER);
    await drive.close();
  }

  /** What the guest sees with the right password. */
  plain(): Uint8Array {
    const bytes = this.backing.slice();
    bytes.fill(0xaa, 0, CLUSTER);
    bytes.fill(0xbb, 2 * CLUSTER, 2 * CLUSTER + 512);
    bytes.fill(0, 3 * CLUSTER, 4 * CLUSTER);
    return bytes;
  }

  /** The same, but allocated clusters as they are stored. */
  stored(): Uint8Array {
    const bytes = this.plain();
    const cipher = this.host.aes128(keyOf(PASSWORD));
    for (const cluster of [0, 2]) {
      const at = cluster * CLUSTER;
      const part = bytes.subarray(at, at + CLUSTER);
      bytes.set(encryptSectors(cipher, at / 512, part), at);
    }
    return bytes;
  }

  setting(drive: DriveBackend) {
    return {
      drive,
      context: this.context,
      print: (text: string) => {
        this.printed += text;
      },
      listener: { failed: () => {}, ready: () => {}, ended: () => {} },
    };
  }
}

function same(a: Uint8Array | undefined, b: Uint8Array): void {
  expect(Buffer.compare(a as Uint8Array, b)).toBe(0);
}

test.each([
  ['without a password, ciphertext', false],
  ['with the password, plaintext', true],
])('a backup into a raw file holds, %s of allocated clusters', async (_, keyed) => {
  const bench = new Bench();
  await bench.prepare();
  const drive = await bench.open();
  expect(drive.keyMissing).toBe(true);
  if (keyed) drive.setPassword(PASSWORD);
  const target = { target: 'out.img', format: 'raw', mode: 'absolute-paths' } as const;
  const request = { ...target, sync: 'full', speed: 0 } as const;
  await (await startBackup(bench.setting(drive), request)).finished;
  expect(bench.printed).toBe("Formatting 'out.img', fmt=raw size=4194304\n");
  same(bench.host.files.get('out.img')?.contents(), keyed ? bench.plain() : bench.stored());
});

test('a backup without a format is an unencrypted image of the same one', async () => {
  const bench = new Bench();
  await bench.prepare();
  const drive = await bench.open();
  const request = { target: 'q.qcow2', format: undefined, mode: 'absolute-paths' } as const;
  await (await startBackup(bench.setting(drive), { ...request, sync: 'full', speed: 0 })).finished;
  expect(bench.printed).toBe(
    "Formatting 'q.qcow2', fmt=qcow2 size=4194304 encryption=off cluster_size=65536 " +
      'lazy_refcounts=off\n',
  );
  const copy = await openDrive(parseDrive([['file', 'q.qcow2']], EMPTY), bench.context);
  expect(copy.encrypted).toBe(false);
  const bytes = new Uint8Array(4 * MIB);
  await copy.read(0, bytes);
  same(bytes, bench.stored());
});

test('a mirror without a password makes the machine run on ciphertext', async () => {
  const bench = new Bench();
  await bench.prepare();
  const drive = await bench.open();
  const target = { target: 'm.img', format: 'raw', mode: 'absolute-paths' } as const;
  const job = await startMirror(bench.setting(drive), { ...target, sync: 'full', speed: 0 });
  while (!job.isReady) await new Promise(resolve => setImmediate(resolve));
  job.complete();
  await job.finished;
  expect(driveInfo(drive).inserted).toMatchObject({ file: 'm.img', driver: 'raw' });
  same(bench.host.files.get('m.img')?.contents(), bench.stored());
});

test.each([
  ['no password', undefined],
  ['the right password', 'secret'],
])('commit with %s writes what was read, and empties the overlay', async (_, password) => {
  const bench = new Bench();
  await bench.prepare();
  const drive = await bench.open();
  if (password !== undefined) drive.setPassword(new TextEncoder().encode(password));
  await commitDrive(drive, bench.context);
  const expected = password === undefined ? bench.stored() : bench.plain();
  same(bench.host.files.get('backing.img')?.contents(), expected);
  expect(await drive.node?.status(0, 4 * MIB)).toMatchObject({ allocated: false });
});

test('writes without a password are stored as they are, and garbage once it is set', async () => {
  const bench = new Bench();
  await bench.prepare();
  const drive = await bench.open();
  await drive.write(512 * 1024, new Uint8Array(512).fill(0x41));
  const into = new Uint8Array(512);
  await drive.read(512 * 1024, into);
  expect(into.every(b => b === 0x41)).toBe(true);
  drive.setPassword(PASSWORD);
  await drive.read(512 * 1024, into);
  const head = Buffer.from(into.subarray(0, 32)).toString('hex');
  expect(head).toBe('80adedfbc2dc4dd7301e4fbcc04c7064c1e8acba839d0c96715f0efd810d3125');
  await drive.read(0, into);
  expect(into.every(b => b === 0xaa)).toBe(true);
});

test('in refuse mode encrypted images do not open, at any depth', async () => {
  const bench = new Bench();
  await bench.prepare();
  const context = { ...bench.context, encryptedImages: 'refuse' as const };
  const text = 'Use of AES-CBC encrypted qcow2 images is no longer supported in system emulators';
  await make(bench.host, 'over', {
    size: 4 * MIB,
    backingFile: 'geheim.qcow2',
    backingFormat: 'qcow2',
  });
  const spec = (file: string) => parseDrive([['file', file]], EMPTY);
  await expect(openDrive(spec('geheim.qcow2'), context)).rejects.toThrow(text);
  await expect(openDrive(spec('over'), context)).rejects.toThrow(
    `Could not open backing file: ${text}`,
  );
  const below = parseDrive(
    [
      ['driver', 'blkdebug'],
      ['image.driver', 'qcow2'],
      ['image.file.filename', 'geheim.qcow2'],
    ],
    EMPTY,
  );
  await expect(openDrive(below, context)).rejects.toThrow(text);
});
