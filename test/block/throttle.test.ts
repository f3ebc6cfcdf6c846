import { expect, test } from 'vitest';
import { openDrive } from '../../src/block/drive.ts';
import { parseDrive } from '../../src/block/drive-options.ts';
import { NO_LIMITS, Throttle } from '../../src/block/throttle.ts';
import { MemoryHost } from '../support/memory-host.ts';
import { contextOf, make } from '../support/qcow2-bench.ts';

const EMPTY = { defaultInterface: 'ide', drives: [], formats: [] } as const;

/** Sends requests as soon as they are admitted; resolves with the seconds that took. */
function secondsFor(throttle: Throttle, requests: number, bytes: number, write: boolean): number {
  let nowMs = 0;
  for (let i = 0; i < requests; i++) {
    for (;;) {
      const delay = throttle.admit(write, bytes, nowMs);
      if (delay === 0) break;
      nowMs += delay;
    }
  }
  return nowMs / 1000;
}

test('a rate in bytes is kept, whatever the size of the requests', () => {
  const limits = { ...NO_LIMITS, bps: 1024 * 1024 };
  for (const size of [4096, 65536]) {
    const seconds = secondsFor(new Throttle(limits), (10 * 1024 * 1024) / size, size, false);
    expect(seconds).toBeGreaterThan(9.5);
    expect(seconds).toBeLessThan(10.5);
  }
});

test('a limit on writes leaves reads alone', () => {
  const throttle = new Throttle({ ...NO_LIMITS, iopsWr: 100 });
  expect(secondsFor(throttle, 1000, 512, false)).toBe(0);
  const seconds = secondsFor(throttle, 1000, 512, true);
  expect(seconds).toBeGreaterThan(9.5);
  expect(seconds).toBeLessThan(10.5);
});

test('a burst may go at once, and only that', () => {
  const throttle = new Throttle({ ...NO_LIMITS, iops: 10, iopsMax: 100 });
  expect(secondsFor(throttle, 100, 512, true)).toBe(0);
  expect(secondsFor(throttle, 10, 512, true)).toBeGreaterThan(0.5);
});

test('with iops_size a large request counts as several', () => {
  const throttle = new Throttle({ ...NO_LIMITS, iops: 100, iopsSize: 4096 });
  const seconds = secondsFor(throttle, 100, 40960, true);
  expect(seconds).toBeGreaterThan(9);
});

test('the drive waits as long as the throttle says', async () => {
  const host = new MemoryHost();
  let nowMs = 0;
  host.now = () => ({ seconds: Math.floor(nowMs / 1000), nanoseconds: (nowMs % 1000) * 1e6 });
  host.sleep = async ms => {
    nowMs += ms;
  };
  host.put('a', new Uint8Array(1024 * 1024));
  const options = Object.entries({ file: 'a', format: 'raw', bps: '65536' });
  const drive = await openDrive(parseDrive(options, EMPTY), contextOf(host));
  for (let i = 0; i < 10; i++) await drive.read(0, new Uint8Array(65536));
  expect(nowMs).toBeGreaterThan(8000);
  drive.setLimits(NO_LIMITS);
  const before = nowMs;
  for (let i = 0; i < 10; i++) await drive.read(0, new Uint8Array(65536));
  expect(nowMs).toBe(before);
});

test('detect-zeroes stores a write of zeros as a zero cluster', async () => {
  const host = new MemoryHost();
  await make(host, 'a', { size: 1024 * 1024 });
  const options = Object.entries({ file: 'a', 'detect-zeroes': 'on' });
  const drive = await openDrive(parseDrive(options, EMPTY), contextOf(host));
  await drive.write(0, new Uint8Array(65536).fill(1));
  await drive.write(0, new Uint8Array(65536));
  expect(await drive.node?.status(0, 65536)).toMatchObject({ allocated: true, zero: true });
});
