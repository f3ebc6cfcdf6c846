import { expect, test } from 'vitest';
import { Clock } from '../../../src/clock.ts';
import { ScsiDisk } from '../../../src/hw/scsi/disk.ts';
import { Inbox } from '../../../src/inbox.ts';
import { type RamDisk, ramDisk } from '../../support/board.ts';

const BLOCKS = 512;
const INVALID_OPCODE = [5, 0x20, 0];
const OUT_OF_RANGE = [5, 0x21, 0];
const INVALID_FIELD = [5, 0x24, 0];
const INVALID_LENGTH = [5, 0x1a, 0];
const INVALID_PARAMETER = [5, 0x26, 0];
const PROTECTED = [7, 0x27, 0];

/** A disk without a bus: commands and their data in, bytes out. */
class Drive {
  readonly clock = new Clock();
  readonly inbox = new Inbox(this.clock);
  readonly disk: ScsiDisk;
  readonly backend: RamDisk;

  constructor(options: { media?: 'disk' | 'cdrom'; readOnly?: boolean } = {}) {
    const { media = 'disk', readOnly = false } = options;
    this.backend = Object.assign(ramDisk(BLOCKS * 512, 'scsi0-hd0'), { readOnly });
    this.inbox.holding = true;
    this.disk = new ScsiDisk({ media, backend: this.backend, serial: '', inbox: this.inbox });
    this.disk.execute(new Uint8Array(16));
  }

  async settle(): Promise<void> {
    while (this.inbox.busy) {
      for (let i = 0; i < 20; i++) await Promise.resolve();
      if (this.inbox.mustWait) continue;
      this.clock.advanceTo(Math.max(this.clock.nowNs, this.inbox.nextDueNs()));
      this.inbox.deliver();
    }
  }

  async run(cdb: readonly number[], list: readonly number[] = []): Promise<Uint8Array> {
    const command = new Uint8Array(16);
    command.set(cdb);
    this.disk.execute(command);
    if (this.disk.phase === 'out') this.disk.give(Uint8Array.from(list));
    await this.settle();
    const bytes = new Uint8Array(0x10000);
    return bytes.subarray(0, this.disk.phase === 'in' ? this.disk.take(bytes) : 0);
  }

  /** Key, code, qualifier; zeros when the command went well. */
  async outcome(cdb: readonly number[], list: readonly number[] = []): Promise<number[]> {
    await this.run(cdb, list);
    expect(this.disk.phase).toBe('done');
    const { status } = this.disk;
    const sense = await this.run([3, 0, 0, 0, 18, 0]);
    expect(status).toBe(sense[2] === 0 ? 0 : 2);
    return [sense[2], sense[12], sense[13]];
  }
}

const GOOD = [0, 0, 0];
const SENSE_CACHING = [0x1a, 8, 8, 0, 255, 0];
const SENSE_CHANGEABLE = [0x1a, 8, 0x48, 0, 255, 0];
const zeros = (count: number): number[] => new Array<number>(count).fill(0);
const caching = (bits: number): number[] => [8, 18, bits, ...zeros(17)];

test('MODE SELECT switches the write cache, and MODE SENSE says that it can be', async () => {
  const drive = new Drive();
  expect([...(await drive.run(SENSE_CACHING))].slice(4)).toEqual(caching(4));
  expect([...(await drive.run(SENSE_CHANGEABLE))].slice(4)).toEqual(caching(4));
  const off = [...zeros(4), ...caching(0)];
  expect(await drive.outcome([0x15, 0x10, 0, 0, off.length, 0], off)).toEqual(GOOD);
  expect(drive.backend.writeCache).toBe(false);
  expect([...(await drive.run(SENSE_CACHING))].slice(4)).toEqual(caching(0));
  const on = [...zeros(7), 8, ...zeros(8), ...caching(4)];
  const select10 = [0x55, 0x10, 0, 0, 0, 0, 0, 0, on.length, 0];
  expect(await drive.outcome(select10, on)).toEqual(GOOD);
  expect(drive.backend.writeCache).toBe(true);
});

const page = (...bytes: readonly number[]): number[] => [...zeros(4), ...bytes];

test.each([
  ['nothing', [], GOOD],
  ['a header alone', page(), GOOD],
  ['half a header', zeros(3), INVALID_LENGTH],
  ['a descriptor of a strange size', [0, 0, 0, 4, ...zeros(4)], INVALID_PARAMETER],
  ['less than its descriptor', [0, 0, 0, 8, ...zeros(4)], INVALID_LENGTH],
  ['a page that is not there', page(0x0a, 10, ...zeros(10)), INVALID_PARAMETER],
  ['a page of another length', page(8, 10, ...zeros(10)), INVALID_PARAMETER],
  ['a page that is cut off', page(8, 18, ...zeros(10)), INVALID_LENGTH],
  ['what cannot be changed', page(...caching(1)), INVALID_PARAMETER],
  ['a subpage', page(0x48, 1, 0, 16, ...zeros(16)), INVALID_PARAMETER],
])('MODE SELECT with %s', async (_what, list, sense) => {
  const drive = new Drive();
  expect(await drive.outcome([0x15, 0x10, 0, 0, list.length, 0], list)).toEqual(sense);
  expect(drive.backend.writeCache).toBe(true);
});

test('MODE SELECT saves no pages', async () => {
  const list = page(...caching(0));
  for (const flags of [0x11, 0x00]) {
    const drive = new Drive();
    expect(await drive.outcome([0x15, flags, 0, 0, list.length], list)).toEqual(INVALID_FIELD);
  }
});

function unmapList(...extents: readonly (readonly [number, number])[]): number[] {
  const length = extents.length * 16;
  const descriptors = extents.flatMap(([lba, blocks]) => [
    ...[...zeros(6), lba >> 8, lba & 255],
    ...[0, 0, blocks >> 8, blocks & 255, ...zeros(4)],
  ]);
  return [0, length + 6, 0, length, ...zeros(4), ...descriptors];
}

const unmap = (length: number, flags = 0): number[] => [0x42, flags, 0, 0, 0, 0, 0, 0, length, 0];

test('UNMAP forgets its blocks, all of them or none', async () => {
  const drive = new Drive();
  const list = unmapList([8, 16], [0, 0], [300, 212]);
  expect(await drive.outcome(unmap(list.length), list)).toEqual(GOOD);
  const done = [
    [8 * 512, 16 * 512],
    [300 * 512, 212 * 512],
  ];
  expect(drive.backend.discarded).toEqual(done);
  const tooFar = unmapList([0, 8], [300, 213]);
  expect(await drive.outcome(unmap(tooFar.length), tooFar)).toEqual(OUT_OF_RANGE);
  expect(await drive.outcome(unmap(list.length, 1), list)).toEqual(INVALID_FIELD);
  expect(await drive.outcome(unmap(7), list.slice(0, 7))).toEqual(INVALID_LENGTH);
  expect(await drive.outcome(unmap(24), list.slice(0, 24))).toEqual(INVALID_LENGTH);
  const odd = [0, 14, 0, 8, ...zeros(12)];
  expect(await drive.outcome(unmap(odd.length), odd)).toEqual(INVALID_LENGTH);
  expect(drive.backend.discarded).toEqual(done);
});

test('the pages that tell guests of it', async () => {
  const drive = new Drive();
  const vital = async (code: number): Promise<number[]> => [
    ...(await drive.run([0x12, 1, code, 0, 255, 0])),
  ];
  expect((await vital(0)).slice(4)).toEqual([0, 0x83, 0xb0, 0xb2]);
  const limits = await vital(0xb0);
  expect(limits.slice(20, 32)).toEqual([0, 0x20, 0, 0, 0, 0, 0, 255, 0, 0, 0, 8]);
  expect(await vital(0xb2)).toEqual([0, 0xb2, 0, 4, 0, 0xe0, 2, 0]);
  const capacity = await drive.run([0x9e, 0x10, ...zeros(11), 32]);
  expect(capacity[14] & 0x80).toBe(0x80);
});

const same10 = (lba: number, blocks: number, flags = 0): number[] => [
  ...[0x41, flags, 0, 0, lba >> 8, lba & 255, 0, blocks >> 8, blocks & 255, 0],
];

test('WRITE SAME fills its blocks with one', async () => {
  const drive = new Drive();
  const { bytes } = drive.backend;
  const block = Array.from({ length: 512 }, (_, i) => i & 255);
  expect(await drive.outcome(same10(3, 300), block)).toEqual(GOOD);
  const filled = (from: number, to: number): boolean =>
    bytes.subarray(from * 512, to * 512).every((byte, i) => byte === (i & 255));
  expect([bytes[2 * 512 + 1], filled(3, 303), bytes[303 * 512 + 1]]).toEqual([0, true, 0]);
  // 16 bytes, with UNMAP: zeros are zeros.
  const same16 = [0x93, 8, ...zeros(7), 4, 0, 0, 0, 2, 0, 0];
  expect(await drive.outcome(same16, zeros(512))).toEqual(GOOD);
  expect([filled(3, 4), bytes[4 * 512 + 1], filled(6, 303)]).toEqual([true, 0, true]);
});

test('WRITE SAME refuses what it cannot do', async () => {
  const drive = new Drive();
  expect(await drive.outcome(same10(0, 0))).toEqual(INVALID_FIELD);
  for (const flags of [0x10, 4, 2]) {
    expect(await drive.outcome(same10(0, 1, flags))).toEqual(INVALID_FIELD);
  }
  expect(await drive.outcome(same10(500, 13))).toEqual(OUT_OF_RANGE);
  drive.backend.broken = true;
  expect(await drive.outcome(same10(0, 1), zeros(512))).toEqual([0x0b, 0, 6]);
});

test('a protected disk forgets and fills nothing, a CD-ROM drive does not know how', async () => {
  const list = unmapList([0, 8]);
  for (const [drive, sense] of [
    [new Drive({ readOnly: true }), PROTECTED],
    [new Drive({ media: 'cdrom' }), INVALID_OPCODE],
  ] as const) {
    expect(await drive.outcome(unmap(list.length), list)).toEqual(sense);
    expect(await drive.outcome(same10(0, 1), zeros(512))).toEqual(sense);
    expect(drive.backend.discarded).toEqual([]);
  }
});

test('a list on its way is saved, and is obeyed by the disk that goes on', async () => {
  const one = new Drive();
  const list = unmapList([8, 16]);
  one.disk.execute(Uint8Array.from([...unmap(list.length), ...zeros(6)]));
  one.disk.give(Uint8Array.from(list.slice(0, 10)));
  const other = new Drive();
  other.disk.load(one.disk.save());
  other.disk.give(Uint8Array.from(list.slice(10)));
  await other.settle();
  expect([other.disk.status, other.backend.discarded]).toEqual([0, [[8 * 512, 16 * 512]]]);
});
