import { expect, test } from 'vitest';
import { Clock } from '../src/clock.ts';
import { Inbox } from '../src/inbox.ts';

const settled = () => new Promise<void>(resolve => setImmediate(resolve));

function request(durationNs: number) {
  let finish: (value: string) => void = () => {};
  let fail: (error: Error) => void = () => {};
  const promise = new Promise<string>((resolve, reject) => {
    finish = resolve;
    fail = reject;
  });
  return { work: { label: 'read', durationNs, promise }, finish, fail };
}

test('nothing acts when it arrives, everything at delivery, in order', () => {
  const inbox = new Inbox(new Clock());
  const seen: number[] = [];
  let arrivals = 0;
  inbox.onArrival = () => arrivals++;
  inbox.post(() => seen.push(1));
  inbox.post(() => seen.push(2));
  expect([seen.length, arrivals, inbox.ready]).toEqual([0, 2, true]);
  inbox.deliver();
  expect(seen).toEqual([1, 2]);
  expect(inbox.ready).toBe(false);
});

test('live, work is delivered as soon as the host is done', async () => {
  const inbox = new Inbox(new Clock());
  const seen: string[] = [];
  const read = request(1000);
  inbox.expect(
    read.work,
    v => seen.push(v),
    () => seen.push('failed'),
  );
  expect([inbox.busy, inbox.ready]).toEqual([true, false]);
  read.finish('data');
  await settled();
  inbox.deliver();
  expect(seen).toEqual(['data']);
  expect(inbox.busy).toBe(false);
});

test('holding, fast host work waits for its virtual time', async () => {
  const clock = new Clock();
  const inbox = new Inbox(clock);
  inbox.holding = true;
  const seen: string[] = [];
  const read = request(1000);
  inbox.expect(
    read.work,
    v => seen.push(v),
    () => {},
  );
  read.finish('data');
  await settled();
  inbox.deliver();
  expect([seen.length, inbox.nextDueNs(), inbox.mustWait]).toEqual([0, 1000, false]);
  clock.advanceTo(1000);
  inbox.deliver();
  expect(seen).toEqual(['data']);
});

test('holding, slow host work makes the machine wait at the due time', async () => {
  const clock = new Clock();
  const inbox = new Inbox(clock);
  inbox.holding = true;
  const seen: string[] = [];
  const read = request(1000);
  inbox.expect(
    read.work,
    () => {},
    e => seen.push(String(e)),
  );
  clock.advanceTo(1000);
  expect(inbox.mustWait).toBe(true);
  read.fail(new Error('EIO'));
  await settled();
  expect(inbox.mustWait).toBe(false);
  inbox.deliver();
  expect(seen).toEqual(['Error: EIO']);
});

test('holding, work that finishes out of order is delivered in order of its start', async () => {
  const clock = new Clock();
  const inbox = new Inbox(clock);
  inbox.holding = true;
  const seen: string[] = [];
  const reads = [request(1000), request(1000)];
  for (const read of reads) {
    inbox.expect(
      read.work,
      v => seen.push(v),
      () => {},
    );
  }
  clock.advanceTo(1000);
  reads[1].finish('second');
  await settled();
  expect(inbox.mustWait).toBe(true);
  reads[0].finish('first');
  await settled();
  inbox.deliver();
  expect(seen).toEqual(['first', 'second']);
});

test('drained, all work is delivered at once, also what it starts, in order', async () => {
  const inbox = new Inbox(new Clock());
  inbox.holding = true;
  const seen: string[] = [];
  const [late, early, more] = [request(2000), request(1000), request(500)];
  const failed = () => seen.push('failed');
  inbox.expect(late.work, v => seen.push(v), failed);
  inbox.expect(
    early.work,
    v => {
      seen.push(v);
      inbox.expect(more.work, v2 => seen.push(v2), failed);
    },
    failed,
  );
  const drained = inbox.drain();
  late.finish('late');
  await settled();
  expect(seen).toEqual([]);
  early.finish('early');
  await settled();
  expect(seen).toEqual(['early', 'late']);
  more.fail(new Error('EIO'));
  await drained;
  expect([seen, inbox.busy]).toEqual([['early', 'late', 'failed'], false]);
});

test('what there was no time for comes first the next time', () => {
  const inbox = new Inbox(new Clock());
  const seen: number[] = [];
  for (const i of [1, 2, 3]) inbox.post(() => seen.push(i));
  inbox.deliver(undefined, () => seen.length < 2);
  expect([seen, inbox.ready]).toEqual([[1, 2], true]);
  inbox.deliver();
  expect(seen).toEqual([1, 2, 3]);
});
