import { expect, test } from 'vitest';
import { CACHE_MODES } from '../../../../src/block/cache-mode.ts';
import { createQcow } from '../../../../src/block/format/qcow-header.ts';
import { amendQcow2, setBacking } from '../../../../src/block/format/qcow2/amend.ts';
import { FIELD } from '../../../../src/block/format/qcow2/layout.ts';
import {
  applySnapshot,
  createSnapshot,
  makeEmpty,
} from '../../../../src/block/format/qcow2/snapshot-ops.ts';
import { openImage } from '../../../../src/block/graph.ts';
import { FileNode } from '../../../../src/block/protocol/file.ts';
import { MemoryHost } from '../../../support/memory-host.ts';
import { checked, contextOf, make, openQcow2, snapshotsOf } from '../../../support/qcow2-bench.ts';
import { Random, seedOr } from '../../../support/random.ts';

const MIB = 1024 * 1024;
const DATE = { seconds: 1, nanoseconds: 0 };

function view(host: MemoryHost, path = 'a'): DataView {
  const { bytes } = host.files.get(path) as { bytes: Uint8Array };
  return new DataView(bytes.buffer);
}

async function refusal(host: MemoryHost, options = {}): Promise<string> {
  return openQcow2(host, 'a', options).then(
    () => 'opened',
    (error: Error) => error.message,
  );
}

async function fresh(settings = {}): Promise<MemoryHost> {
  const host = new MemoryHost();
  await make(host, 'a', { size: 4 * MIB, ...settings });
  return host;
}

const FEATURE = "'image' uses a qcow2 feature which is not supported by this qemu version: ";

test.each([
  [0, 0x51464900, 'Image is not in qcow2 format'],
  [4, 4, `${FEATURE}QCOW version 4`],
  [20, 8, 'Unsupported cluster size: 2^8'],
  [20, 22, 'Unsupported cluster size: 2^22'],
  [32, 7, 'Unsupported encryption method: 7'],
  [36, 0, 'L1 table is too small'],
  [36, 0x7fffffff, 'Active L1 table too large'],
  [44, 12, 'Invalid L1 table offset'],
  [52, 12, 'Invalid reference count table offset'],
  [56, 0x10000, 'Reference count table too large'],
  [60, 70000, 'Too many snapshots'],
  [12, 0x20000, 'Invalid backing file offset'],
  [76, 4, `${FEATURE}external data file`],
  [72, 0x80000000, `${FEATURE}Unknown incompatible feature: 8000000000000000`],
  [96, 3, `${FEATURE}8 bit reference counts`],
  [100, 72, 'qcow2 header too short'],
  [100, 0x20000, 'qcow2 header exceeds cluster size'],
])('a header with %i at its mercy: field %i is refused', async (at, value, message) => {
  const host = await fresh();
  view(host).setUint32(at, value);
  expect(await refusal(host)).toBe(message);
});

test('an image marked corrupt can be read, but not written', async () => {
  const host = await fresh();
  view(host).setUint32(FIELD.incompatible + 4, 2);
  expect(await refusal(host)).toBe('qcow2: Image is corrupt; cannot be opened read/write');
  const node = await openQcow2(host, 'a', { readOnly: true });
  expect(node.details().specific?.data['corrupt']).toBe(true);
});

test('a write that tables lead into the header marks the image, once, and stops it', async () => {
  const host = await fresh();
  const first = await openQcow2(host, 'a');
  await first.write(0, new Uint8Array(512).fill(1));
  await first.close();
  // The first L2 entry: "my own cluster, at offset 0x0", which is the header's.
  const l2 = Number(view(host).getBigUint64(3 * 65536) & 0x00fffffffffffe00n);
  view(host).setBigUint64(l2, (1n << 63n) | 0x30000n);
  const warnings: string[] = [];
  const node = await openQcow2(host, 'a', {}, warnings);
  await expect(node.write(0, new Uint8Array(512))).rejects.toThrow('Input/output error');
  await expect(node.read(0, new Uint8Array(512))).rejects.toThrow('Input/output error');
  expect(warnings).toEqual([
    'qcow2: Marking image as corrupt: Preventing invalid write on metadata (overlaps with ' +
      'active L1 table); further corruption events will be suppressed',
  ]);
  await node.close();
  expect(await refusal(host)).toMatch(/Image is corrupt/);
});

test('an image left dirty is repaired when it is opened for writing', async () => {
  const host = await fresh({ clusterSize: 4096 });
  const node = await openQcow2(host, 'a');
  await node.write(0, new Uint8Array(40960).fill(3));
  await node.close();
  const reftable = Number(view(host).getBigUint64(FIELD.reftableOffset));
  const block = Number(view(host).getBigUint64(reftable));
  // As a writer with lazy refcounts leaves it: references without counts.
  for (let i = 5; i < 12; i++) view(host).setUint16(block + i * 2, 0);
  view(host).setUint32(FIELD.incompatible + 4, 1);
  const again = await openQcow2(host, 'a');
  expect((await checked(again)).messages).toEqual([]);
  expect(again.details().dirty).toBe(false);
  const into = new Uint8Array(4096);
  await again.read(36864, into);
  expect(into[4095]).toBe(3);
});

test('a refcount table that points nowhere is rebuilt', async () => {
  const host = await fresh({ clusterSize: 4096 });
  const node = await openQcow2(host, 'a');
  await node.write(0, new Uint8Array(65536).fill(3));
  await createSnapshot(node, { name: 's', date: DATE, vmStateSize: 0, vmClockNs: 0 });
  await node.close();
  const reftable = Number(view(host).getBigUint64(FIELD.reftableOffset));
  view(host).setBigUint64(reftable, 0x123n);
  const broken = await openQcow2(host, 'a', { forCheck: true });
  const found = await broken.exclusiveUnmapped(() => checked(broken, 'all'));
  expect(found.corruptionsFixed).toBeGreaterThan(0);
  await broken.close();
  const again = await openQcow2(host, 'a');
  expect((await checked(again)).messages).toEqual([]);
});

test('backing files that name each other are refused, and the loop is named', async () => {
  const host = new MemoryHost();
  await make(host, 'a', { size: MIB, backingFile: 'b', backingFormat: 'qcow2' });
  await make(host, 'b', { size: MIB, backingFile: 'a', backingFormat: 'qcow2' });
  const opening = openImage({
    filename: 'a',
    flags: { readOnly: true, cache: CACHE_MODES['writeback'] },
    context: contextOf(host),
  });
  await expect(opening).rejects.toThrow("loops: 'a' -> 'b' -> 'a'");
});

test.each([
  ['json:{"driver":"qcow2","file":{"filename":"a"}}', /'a' -> 'json:[^ ]*' -> 'json:[^ ]*'$/],
  ['./a', /loops: 'a' -> '.\/a' -> .* -> \.\.\. -> .{300,2000}$/],
])('so is one by another name: %s', async (backingFile, words) => {
  const host = new MemoryHost();
  const open = host.open.bind(host);
  host.open = (path, mode) => open(path.replace(/^(\.\/)+/, ''), mode);
  await make(host, 'a', { size: 1024 * 1024, backingFile, backingFormat: 'qcow2' });
  await expect(openQcow2(host, 'a')).rejects.toThrow(words);
});

test('unknown header extensions survive a change of the backing file', async () => {
  const host = await fresh({ backingFile: 'one', backingFormat: 'raw' });
  host.put('one', new Uint8Array(512));
  const data = view(host);
  // Behind the format extension: the feature table; after it the end marker.
  let at = 104;
  while (data.getUint32(at) !== 0) at += 8 + Math.ceil(data.getUint32(at + 4) / 8) * 8;
  const name = data.getUint32(FIELD.backingLength);
  const old = Number(data.getBigUint64(FIELD.backingOffset));
  const bytes = host.files.get('a')?.bytes as Uint8Array;
  bytes.copyWithin(old + 32, old, old + name);
  data.setBigUint64(FIELD.backingOffset, BigInt(old + 32));
  data.setUint32(at, 0xabcdef01);
  data.setUint32(at + 4, 5);
  bytes.set([1, 2, 3, 4, 5], at + 8);
  const node = await openQcow2(host, 'a');
  await setBacking(node, 'another-file-with-a-long-name', 'raw');
  await node.close();
  host.put('another-file-with-a-long-name', new Uint8Array(512));
  const again = await openQcow2(host, 'a');
  expect(again.details().backingFilename).toBe('another-file-with-a-long-name');
  expect(again.metadata.header.unknownExtensions).toEqual([
    { type: 0xabcdef01, data: new Uint8Array([1, 2, 3, 4, 5]) },
  ]);
});

test('growing shows zeros, also when the L1 table moves; shrinking is refused', async () => {
  const host = await fresh({ clusterSize: 512 });
  const node = await openQcow2(host, 'a');
  await node.write(4 * MIB - 512, new Uint8Array(512).fill(9));
  await node.truncate(64 * MIB);
  await node.write(64 * MIB - 512, new Uint8Array(512).fill(8));
  await expect(node.truncate(MIB)).rejects.toThrow("qcow2 doesn't support shrinking images yet");
  await createSnapshot(node, { name: 's', date: DATE, vmStateSize: 0, vmClockNs: 0 });
  await expect(node.truncate(65 * MIB)).rejects.toThrow(
    "Can't resize an image which has snapshots",
  );
  await node.close();
  const again = await openQcow2(host, 'a');
  const into = new Uint8Array(1024);
  await again.read(4 * MIB - 512, into);
  expect([into[511], into[512]]).toEqual([9, 0]);
  await again.read(64 * MIB - 1024, into);
  expect([into[511], into[512]]).toEqual([0, 8]);
  expect((await checked(again)).messages).toEqual([]);
});

test('downgrading writes zeros where a backing file would show through', async () => {
  const host = await fresh({ clusterSize: 4096, backingFile: 'base', backingFormat: 'raw' });
  host.put('base', new Uint8Array(4 * MIB).fill(7));
  const node = await openQcow2(host, 'a');
  await node.writeZeroes(8192, 16384, true);
  await amendQcow2(node, { version: 2 }, () => {});
  await node.close();
  const again = await openQcow2(host, 'a');
  expect(again.details().specific?.data).toEqual({ compat: '0.10' });
  const into = new Uint8Array(32768);
  await again.read(0, into);
  expect([into[0], into[8192], into[24575], into[24576]]).toEqual([7, 0, 0, 7]);
  expect((await checked(again)).messages).toEqual([]);
});

test('machine state lies past the disk, and belongs to its snapshot', async () => {
  const host = await fresh();
  const node = await openQcow2(host, 'a');
  const state = new Random(seedOr(3)).fill(new Uint8Array(200_000));
  await node.writeVmState(0, state.subarray(0, 100_000));
  await node.writeVmState(100_000, state.subarray(100_000));
  const request = { name: 's', date: DATE, vmStateSize: state.length, vmClockNs: 1.5e9 };
  await createSnapshot(node, request);
  await node.close();
  const again = await openQcow2(host, 'a');
  const [taken] = await snapshotsOf(again);
  expect([taken.vmStateSize, taken.vmClockNs]).toEqual([state.length, 1.5e9]);
  const into = new Uint8Array(state.length);
  await again.readVmState(0, into);
  expect(into.every(byte => byte === 0)).toBe(true);
  await applySnapshot(again, 's');
  await again.readVmState(0, into);
  expect(Buffer.compare(into, state)).toBe(0);
  expect((await checked(again)).messages).toEqual([]);
});

test('an emptied image shows its backing file, and its file is small again', async () => {
  const host = await fresh({ backingFile: 'base', backingFormat: 'raw' });
  host.put('base', new Uint8Array(4 * MIB).fill(7));
  const node = await openQcow2(host, 'a');
  await node.write(0, new Uint8Array(2 * MIB).fill(1));
  await node.flush();
  await makeEmpty(node);
  const into = new Uint8Array(512);
  await node.read(MIB, into);
  expect(into[0]).toBe(7);
  expect(host.files.get('a')?.size).toBeLessThan(MIB);
  await node.write(0, new Uint8Array(MIB).fill(2));
  await node.close();
  const again = await openQcow2(host, 'a');
  expect((await checked(again)).messages).toEqual([]);
});

test('qcow version 1 reads back what was written, over a backing file and encrypted', async () => {
  const random = new Random(seedOr(11));
  for (const encrypted of [false, true]) {
    const host = new MemoryHost();
    const base = random.fill(new Uint8Array(MIB));
    host.put('base', base);
    const cache = CACHE_MODES['writeback'];
    const file = new FileNode('q', host.open('q', 'create'), false, cache);
    await createQcow(file, { size: MIB + 512, encrypted, backingFile: 'base' });
    const open = async () => {
      const flags = { readOnly: false, cache };
      const node = await openImage({ filename: 'q', flags, context: contextOf(host) });
      node.encryption?.setPassword(new Uint8Array([65]));
      return node;
    };
    const node = await open();
    const model = new Uint8Array(MIB + 512);
    model.set(base);
    for (let i = 0; i < 60; i++) {
      const offset = random.below(MIB / 512) * 512;
      const length = 512 * (1 + random.below(Math.min(64, (MIB + 512 - offset) / 512)));
      const data = random.fill(new Uint8Array(length));
      await node.write(offset, data);
      model.set(data, offset);
    }
    await node.close();
    const again = await open();
    const into = new Uint8Array(MIB + 512);
    await again.read(0, into);
    expect(Buffer.compare(into, model)).toBe(0);
  }
});

test.each([false, true])(
  'zero clusters of snapshots survive the way back to version 2, backing %s',
  async backed => {
    const host = new MemoryHost();
    host.put('base', new Uint8Array(MIB).fill(5));
    const backing = backed ? { backingFile: 'base', backingFormat: 'raw' } : {};
    await make(host, 'a', { size: MIB, clusterSize: 4096, ...backing });
    const node = await openQcow2(host, 'a');
    const request = { date: DATE, vmStateSize: 0, vmClockNs: 0 };
    await node.write(0, new Uint8Array(65536).fill(7));
    await node.writeZeroes(4096, 8192, false);
    await createSnapshot(node, { ...request, name: 'one' });
    await createSnapshot(node, { ...request, name: 'same' });
    await node.writeZeroes(16384, 4096, false);
    await node.write(4096, new Uint8Array(4096).fill(9));
    await createSnapshot(node, { ...request, name: 'two' });
    await node.write(16384, new Uint8Array(4096).fill(3));
    await amendQcow2(node, { version: 2 }, () => {});
    await node.close();
    const again = await openQcow2(host, 'a');
    expect(again.details().specific?.data).toEqual({ compat: '0.10' });
    expect((await checked(again)).messages).toEqual([]);
    expect((await snapshotsOf(again)).map(s => s.name)).toEqual(['one', 'same', 'two']);
    const into = new Uint8Array(24576);
    const seen: number[][] = [];
    const look = async (): Promise<void> => {
      await again.read(0, into);
      seen.push([0, 4096, 8192, 12288, 16384, 20480].map(at => into[at]));
    };
    await look();
    for (const name of ['one', 'same', 'two']) {
      await applySnapshot(again, name);
      await look();
    }
    expect(seen).toEqual([
      [7, 9, 0, 7, 3, 7],
      [7, 0, 0, 7, 7, 7],
      [7, 0, 0, 7, 7, 7],
      [7, 9, 0, 7, 0, 7],
    ]);
    expect((await checked(again)).messages).toEqual([]);
  },
);
