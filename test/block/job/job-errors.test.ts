/**
 * Requests of jobs that fail: reported, ignored, or the job stops until it is told to go on.
 */
import { expect, test } from 'vitest';
import { openDrive } from '../../../src/block/drive.ts';
import { parseDrive } from '../../../src/block/drive-options.ts';
import type { OnError } from '../../../src/block/job/job.ts';
import {
  type JobSetting,
  startBackup,
  startMirror,
  startStream,
} from '../../../src/block/job/start.ts';
import type { DriveBackend } from '../../../src/block/node-backend.ts';
import { HostError, type HostFile, type OpenMode } from '../../../src/disk-host.ts';
import { MemoryHost } from '../../support/memory-host.ts';
import { contextOf, make } from '../../support/qcow2-bench.ts';
import { Random, seedOr } from '../../support/random.ts';

const DISK = 512 * 1024;
const EMPTY = { defaultInterface: 'ide', drives: [], formats: [] } as const;

/** A host whose disk is full, or broken, as often as it is told. */
class FailingHost extends MemoryHost {
  writesToFail = 0;
  readsToFail = 0;
  code = 'ENOSPC';

  override open(path: string, mode: OpenMode): HostFile {
    const file = super.open(path, mode);
    if (path === 'target.img') {
      const write = file.write.bind(file);
      file.write = (offset, from) => {
        if (this.writesToFail-- > 0) throw this.error();
        return write(offset, from);
      };
    }
    if (path === 'base.img') {
      const read = file.read.bind(file);
      file.read = (offset, into) => {
        if (into.length > 512 && this.readsToFail-- > 0) throw this.error();
        return read(offset, into);
      };
    }
    return file;
  }

  private error(): HostError {
    const full = this.code === 'ENOSPC';
    return new HostError(this.code, full ? 'No space left on device' : 'Input/output error');
  }
}

class Bench {
  readonly host = new FailingHost();
  readonly events: string[] = [];
  readonly content = new Random(seedOr(11)).fill(new Uint8Array(DISK));

  async drive(): Promise<DriveBackend> {
    this.host.put('base.img', this.content);
    const backing = { backingFile: 'base.img', backingFormat: 'raw' };
    await make(this.host, 'top.qcow2', { size: DISK, ...backing });
    return openDrive(parseDrive([['file', 'top.qcow2']], EMPTY), contextOf(this.host));
  }

  setting(drive: DriveBackend): JobSetting {
    return {
      drive,
      context: contextOf(this.host),
      hasIoStatus: true,
      print: () => {},
      listener: {
        failed: (_, operation, action) => this.events.push(`${operation} ${action}`),
        ready: () => this.events.push('ready'),
        ended: (_, outcome, error) => this.events.push(`${outcome} ${error ?? ''}`.trim()),
      },
    };
  }
}

const TARGET = { target: 'target.img', format: 'raw', sync: 'full', speed: 0 } as const;
const turn = (): Promise<void> => new Promise(resolve => setImmediate(resolve));

async function until(what: () => boolean): Promise<void> {
  for (let i = 0; i < 10_000 && !what(); i++) await turn();
  expect(what()).toBe(true);
}

test.each(['backup', 'mirror'] as const)('a %s reports a full disk and ends', async type => {
  const bench = new Bench();
  const setting = bench.setting(await bench.drive());
  const request = { ...TARGET, mode: 'absolute-paths' } as const;
  const start = type === 'backup' ? startBackup : startMirror;
  const job = await start(setting, request);
  bench.host.writesToFail = 1;
  await job.finished;
  expect(bench.events).toEqual(['write report', 'completed No space left on device']);
});

test.each([
  ['backup', 'enospc'],
  ['backup', 'stop'],
  ['mirror', 'enospc'],
  ['mirror', 'stop'],
] as const)('a %s with %s waits for room and goes on', async (type, onTargetError) => {
  const bench = new Bench();
  const setting = bench.setting(await bench.drive());
  const start = type === 'backup' ? startBackup : startMirror;
  const job = await start(setting, { ...TARGET, mode: 'absolute-paths', onTargetError });
  bench.host.writesToFail = 1;
  await until(() => job.paused);
  expect(job.info()).toMatchObject({ paused: true, ioStatus: 'nospace' });
  for (let i = 0; i < 20; i++) await turn();
  expect(bench.events).toEqual(['write stop']);
  job.resume();
  expect(job.info()).toMatchObject({ paused: false, ioStatus: 'ok' });
  if (type === 'mirror') {
    await until(() => job.isReady);
    job.complete();
  }
  await job.finished;
  expect(bench.events.at(-1)).toBe('completed');
  const copy = bench.host.files.get('target.img')?.contents() as Uint8Array;
  expect(Buffer.compare(copy, bench.content)).toBe(0);
});

test('what is no lack of room ends a job that stops for lack of room only', async () => {
  const bench = new Bench();
  const setting = bench.setting(await bench.drive());
  const job = await startBackup(setting, {
    ...TARGET,
    mode: 'absolute-paths',
    onSourceError: 'enospc',
  });
  bench.host.code = 'EIO';
  bench.host.readsToFail = 1;
  await job.finished;
  expect(bench.events).toEqual(['read report', 'completed Input/output error']);
});

test('ignored errors of a copy are tried again, those of a stream passed over', async () => {
  const bench = new Bench();
  const setting = bench.setting(await bench.drive());
  bench.host.code = 'EIO';
  const job = await startBackup(setting, {
    ...TARGET,
    mode: 'absolute-paths',
    onSourceError: 'ignore',
  });
  bench.host.readsToFail = 3;
  await job.finished;
  expect(bench.events).toEqual(['read ignore', 'read ignore', 'read ignore', 'completed']);
  bench.events.length = 0;
  const request = { base: undefined, speed: 0, onError: 'ignore' as OnError };
  const stream = await startStream(setting, request);
  bench.host.readsToFail = 1;
  await stream.finished;
  expect(bench.events).toEqual(['read ignore', 'completed Input/output error']);
  expect(setting.drive.node?.backing).toBeDefined();
});

test('a stream that stopped finishes after it is told to go on', async () => {
  const bench = new Bench();
  const setting = bench.setting(await bench.drive());
  bench.host.code = 'EIO';
  const job = await startStream(setting, { base: undefined, speed: 0, onError: 'stop' });
  bench.host.readsToFail = 1;
  await until(() => job.paused);
  expect(job.info().ioStatus).toBe('failed');
  expect(() => job.cancel()).toThrow("The block job for device 'ide0-hd0' is currently paused");
  job.resume();
  await job.finished;
  expect(bench.events).toEqual(['read stop', 'completed']);
  expect(setting.drive.node?.backing).toBeUndefined();
});

test('a mirror that fails after it was ready gets ready again', async () => {
  const bench = new Bench();
  const drive = await bench.drive();
  const setting = bench.setting(drive);
  const request = { ...TARGET, mode: 'absolute-paths', onTargetError: 'stop' } as const;
  const job = await startMirror(setting, request);
  await until(() => job.isReady);
  expect([...drive.dirtyBitmaps].map(b => [b.bytes, b.granularity])).toEqual([[0, 65536]]);
  bench.host.writesToFail = 1;
  await drive.write(0, new Uint8Array(512).fill(3));
  await until(() => job.paused);
  expect(() => job.complete()).toThrow('cannot be completed');
  job.resume();
  await until(() => bench.events.length === 3);
  job.complete();
  await job.finished;
  expect(bench.events).toEqual(['ready', 'write stop', 'ready', 'completed']);
});

test('stopping takes a device that can say why', async () => {
  const bench = new Bench();
  const setting = { ...bench.setting(await bench.drive()), hasIoStatus: false };
  const request = { ...TARGET, mode: 'absolute-paths', onSourceError: 'stop' } as const;
  await expect(startBackup(setting, request)).rejects.toThrow(
    "Invalid parameter 'on-source-error'",
  );
  expect(bench.host.files.has('target.img')).toBe(false);
  const stream = { base: undefined, speed: 0, onError: 'enospc' } as const;
  await expect(startStream(setting, stream)).rejects.toThrow("Invalid parameter 'on-error'");
});
