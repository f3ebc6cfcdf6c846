import { expect, test } from 'vitest';
import { openDrive } from '../../../src/block/drive.ts';
import { parseDrive } from '../../../src/block/drive-options.ts';
import type { Job } from '../../../src/block/job/job.ts';
import {
  type JobSetting,
  startBackup,
  startCommit,
  startMirror,
  startStream,
} from '../../../src/block/job/start.ts';
import { chainDepth } from '../../../src/block/node.ts';
import type { DriveBackend } from '../../../src/block/node-backend.ts';
import { MemoryHost } from '../../support/memory-host.ts';
import { contextOf, make } from '../../support/qcow2-bench.ts';
import { Random, seedOr } from '../../support/random.ts';

const DISK = 1024 * 1024 + 512 * 3;
const EMPTY = { defaultInterface: 'ide', drives: [], formats: [] } as const;

class Bench {
  readonly host = new MemoryHost();
  readonly random = new Random(seedOr(4711));
  readonly events: string[] = [];
  readonly context = contextOf(this.host);
  printed = '';

  async chain(): Promise<DriveBackend> {
    this.host.put('base.img', this.random.fill(new Uint8Array(DISK)));
    const sizes = { size: DISK, clusterSize: 4096 };
    await make(this.host, 'mid.qcow2', { ...sizes, backingFile: 'base.img', backingFormat: 'raw' });
    await this.scribble(await this.drive('mid.qcow2'), 6, true);
    const backingFile = 'mid.qcow2';
    await make(this.host, 'top.qcow2', { ...sizes, backingFile, backingFormat: 'qcow2' });
    const drive = await this.drive('top.qcow2');
    await this.scribble(drive, 6, false);
    return drive;
  }

  drive(file: string): Promise<DriveBackend> {
    return openDrive(parseDrive(Object.entries({ file }), EMPTY), this.context);
  }

  async scribble(drive: DriveBackend, times: number, close: boolean): Promise<void> {
    for (let i = 0; i < times; i++) {
      const offset = this.random.below(DISK / 512 - 64) * 512;
      const length = (1 + this.random.below(64)) * 512;
      await drive.write(offset, this.random.fill(new Uint8Array(length)));
    }
    if (close) await drive.close();
  }

  setting(drive: DriveBackend): JobSetting {
    return {
      drive,
      context: this.context,
      print: text => {
        this.printed += text;
      },
      listener: {
        failed: (job, operation, action) =>
          this.events.push(`failed ${job.type} ${operation} ${action}`),
        ready: job => this.events.push(`ready ${job.type}`),
        ended: (job, outcome, error) =>
          this.events.push(`${outcome} ${job.type} ${error ?? `${job.offset}/${job.len}`}`),
      },
    };
  }

  async untilReady(job: Job): Promise<void> {
    while (!job.isReady) await new Promise(resolve => setImmediate(resolve));
  }
}

async function contents(drive: DriveBackend): Promise<Uint8Array> {
  const bytes = new Uint8Array(drive.length);
  await drive.read(0, bytes);
  return bytes;
}

const COPY = { mode: 'absolute-paths', speed: 0 } as const;

test('a backup holds the disk as it was when the job began, guest writes or not', async () => {
  const bench = new Bench();
  const drive = await bench.chain();
  const before = await contents(drive);
  const request = { ...COPY, target: 'copy.img', format: 'raw', sync: 'full' } as const;
  const job = await startBackup(bench.setting(drive), request);
  await bench.scribble(drive, 40, false);
  await job.finished;
  expect(bench.printed).toBe(`Formatting 'copy.img', fmt=raw size=${drive.length}\n`);
  expect(bench.events).toEqual([`completed backup ${drive.length}/${drive.length}`]);
  const copy = bench.host.files.get('copy.img')?.contents() as Uint8Array;
  expect(Buffer.compare(copy, before)).toBe(0);
  expect(Buffer.compare(await contents(drive), before)).not.toBe(0);
});

test('a mirror follows the guest, and the drive changes over to it', async () => {
  const bench = new Bench();
  const drive = await bench.chain();
  const request = { ...COPY, target: 'm.qcow2', format: 'qcow2', sync: 'full' } as const;
  const job = await startMirror(bench.setting(drive), request);
  await bench.scribble(drive, 30, false);
  await bench.untilReady(job);
  await bench.scribble(drive, 10, false);
  const expected = await contents(drive);
  job.complete();
  await job.finished;
  expect(bench.events[0]).toBe('ready mirror');
  expect(bench.events[1]).toMatch(/^completed mirror/);
  expect(drive.node?.filename).toBe('m.qcow2');
  expect(Buffer.compare(await contents(drive), expected)).toBe(0);
});

test('streaming leaves an image that needs no other, while the guest writes', async () => {
  const bench = new Bench();
  const drive = await bench.chain();
  const job = await startStream(bench.setting(drive), { base: undefined, speed: 0 });
  await bench.scribble(drive, 30, false);
  await job.finished;
  const expected = await contents(drive);
  expect(drive.node?.backing).toBeUndefined();
  expect(drive.node?.details().backingFilename).toBeUndefined();
  await drive.close();
  bench.host.files.delete('base.img');
  bench.host.files.delete('mid.qcow2');
  const again = await bench.drive('top.qcow2');
  expect(Buffer.compare(await contents(again), expected)).toBe(0);
});

test('streaming onto a base keeps that base', async () => {
  const bench = new Bench();
  const drive = await bench.chain();
  const expected = await contents(drive);
  const job = await startStream(bench.setting(drive), { base: 'base.img', speed: 0 });
  await job.finished;
  expect(drive.node?.backing?.filename).toBe('base.img');
  expect(Buffer.compare(await contents(drive), expected)).toBe(0);
});

test('committing the active image moves everything down, and the drive with it', async () => {
  const bench = new Bench();
  const drive = await bench.chain();
  const request = { base: undefined, top: undefined, speed: 0 };
  const job = await startCommit(bench.setting(drive), request);
  await bench.scribble(drive, 20, false);
  await bench.untilReady(job);
  await bench.scribble(drive, 5, false);
  const expected = await contents(drive);
  job.complete();
  await job.finished;
  expect(drive.node?.filename).toBe('base.img');
  expect(Buffer.compare(await contents(drive), expected)).toBe(0);
});

test('committing an image in the middle takes it out of the chain', async () => {
  const bench = new Bench();
  const drive = await bench.chain();
  const expected = await contents(drive);
  const request = { base: 'base.img', top: 'mid.qcow2', speed: 0 };
  const job = await startCommit(bench.setting(drive), request);
  await job.finished;
  expect(bench.events[0]).toMatch(/^completed commit/);
  expect(chainDepth(drive.node as NonNullable<DriveBackend['node']>)).toBe(1);
  expect(Buffer.compare(await contents(drive), expected)).toBe(0);
  await drive.close();
  const again = await bench.drive('top.qcow2');
  expect(Buffer.compare(await contents(again), expected)).toBe(0);
});

test('a drive has one job at a time, and a cancelled one leaves it free', async () => {
  const bench = new Bench();
  const drive = await bench.chain();
  const request = { ...COPY, target: 'm.img', format: 'raw', sync: 'full' } as const;
  const job = await startMirror(bench.setting(drive), request);
  await expect(startMirror(bench.setting(drive), request)).rejects.toThrow(
    "Device 'ide0-hd0' is busy: block device is in use by block job: mirror",
  );
  expect(() => job.setSpeed(-1)).toThrow("Invalid parameter 'speed'");
  job.cancel();
  await job.finished;
  expect(bench.events[0]).toMatch(/^cancelled mirror/);
  expect(drive.job).toBeUndefined();
  expect(drive.node?.filename).toBe('top.qcow2');
});

test.each([
  [{ base: 'nosuch', top: undefined }, "Base 'nosuch' not found"],
  [{ base: undefined, top: 'nosuch' }, 'Top image file nosuch not found'],
])('commit refuses %o', async (names, message) => {
  const bench = new Bench();
  const drive = await bench.chain();
  await expect(startCommit(bench.setting(drive), { ...names, speed: 0 })).rejects.toThrow(message);
});

test('targets that cannot be made are refused before anything happens', async () => {
  const bench = new Bench();
  const drive = await bench.chain();
  const start = (format: string, sync: 'full' | 'top') =>
    startBackup(bench.setting(drive), { ...COPY, target: 'x', format, sync });
  await expect(start('bogus', 'full')).rejects.toThrow("Invalid block format 'bogus'");
  await expect(start('raw', 'top')).rejects.toThrow(
    "Backing file not supported for file format 'raw'",
  );
  expect(bench.host.files.has('x')).toBe(false);
  expect(drive.job).toBeUndefined();
});
