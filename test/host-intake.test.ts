import { expect, test } from 'vitest';
import { Char } from '../src/char.ts';
import { Intake } from '../src/host-intake.ts';

/** A device that takes so many bytes at once, and then is at work for a moment. */
function device(most: number) {
  const char = new Char('monitor', 'socket');
  const seen = { bytes: 0, busy: false };
  char.connect({
    room: () => (seen.busy ? 0 : most),
    busy: () => seen.busy,
    receive(bytes) {
      seen.bytes += bytes.length;
      seen.busy = true;
      queueMicrotask(() => {
        seen.busy = false;
        char.accept();
      });
    },
  });
  const posted: (() => void)[] = [];
  const source = { isPaused: false, pause: () => {}, resume: () => {} };
  const intake = new Intake(char, deliver => posted.push(deliver), source);
  char.attach({ write() {}, accept: () => intake.accept() });
  return { char, intake, posted, seen };
}

test('commands that wait behind one another let others have their turn', async () => {
  const { intake, posted, seen } = device(10);
  intake.take(new Uint8Array(10_000));
  const turns: number[] = [];
  for (let deliver = posted.shift(); deliver !== undefined; deliver = posted.shift()) {
    const before = seen.bytes;
    deliver();
    await new Promise(resolve => setImmediate(resolve));
    turns.push(seen.bytes - before);
  }
  expect(seen.bytes).toBe(10_000);
  expect(Math.max(...turns)).toBeLessThanOrEqual(64);
});

test('what waits is told from a device that does not listen', () => {
  const { char, intake, posted } = device(10);
  char.connect(undefined);
  intake.take(new Uint8Array(100));
  posted.shift()?.();
  expect([intake.isEmpty, intake.isStuck]).toEqual([false, true]);
  char.forget();
  intake.discard();
  expect([intake.isEmpty, intake.isStuck]).toEqual([true, false]);
});
