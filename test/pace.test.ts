import { expect, test } from 'vitest';
import { Pace } from '../src/pace.ts';
import { InstantHost } from './support/instant-host.ts';

test('counted: an instruction takes 2^shift ns and budgets reach exactly to the deadline', () => {
  const pace = new Pace({ kind: 'counted', shift: 3, sleep: false }, new InstantHost());
  expect(pace.beginSlice(0, 8001, { instructions: 0, busy: false })).toBe(1001);
  expect(pace.endSlice(1001)).toBe(8008);
});

test('live: virtual time follows the host and stands still while the machine is stopped', () => {
  const host = new InstantHost();
  const pace = new Pace({ kind: 'live' }, host);
  pace.begin(0, 0);
  pace.beginSlice(0, 1e9, { instructions: 0, busy: false });
  host.spend(1_500_000);
  expect(pace.endSlice(100_000)).toBe(1_500_000);
  host.spend(60e9);
  pace.begin(1_500_000, 0);
  expect(pace.idleNs(1e12)).toBe(1_500_000);
});

test('live: time does not pass the next deadline, and catches up in the next slices', () => {
  const host = new InstantHost();
  const pace = new Pace({ kind: 'live' }, host);
  pace.begin(0, 0);
  let done = pace.beginSlice(0, 1_000_000, { instructions: 0, busy: false });
  host.spend(3_000_000);
  expect(pace.endSlice(done)).toBe(1_000_000);
  done += pace.beginSlice(1_000_000, 2_000_000, { instructions: done, busy: false });
  expect(pace.endSlice(done)).toBe(2_000_000);
  pace.beginSlice(2_000_000, 9_000_000, { instructions: done, busy: false });
  host.spend(500_000);
  expect(pace.endSlice(done + 500)).toBe(3_500_000);
});

test('live: while the host is late, time still passes from one instruction to the next', () => {
  const host = new InstantHost();
  const pace = new Pace({ kind: 'live' }, host);
  pace.begin(0, 0);
  const budget = pace.beginSlice(0, 1_000_000, { instructions: 0, busy: false });
  host.spend(3_000_000);
  const times = [0, 1, 2, budget / 2, budget - 1, budget].map(n => pace.nowNs(n));
  expect(times).toEqual([750_000, 750_005, 750_010, 875_000, 999_995, 1_000_000]);
});

test('live: a host that goes away for a second leaves a lag of 50 ms at most', () => {
  const host = new InstantHost();
  const pace = new Pace({ kind: 'live' }, host);
  pace.begin(0, 0);
  pace.beginSlice(0, 1e9, { instructions: 0, busy: false });
  host.spend(1e9);
  expect(pace.endSlice(100_000)).toBe(10_000_000);
  expect(pace.idleNs(1e12)).toBe(60_000_000);
});

test('live: a halted machine makes up what it is late, up to 50 ms', () => {
  const host = new InstantHost();
  const pace = new Pace({ kind: 'live' }, host);
  pace.begin(0, 0);
  host.spend(3_000_000);
  expect(pace.idleNs(1_000_000)).toBe(3_000_000);
  host.spend(1e9);
  expect(pace.idleNs(2_000_000)).toBe(52_000_000);
});

test('live: one slice that took the host a second does not keep the next ones short', () => {
  const host = new InstantHost();
  const pace = new Pace({ kind: 'live' }, host);
  pace.begin(0, 0);
  let nowNs = 0;
  let done = 0;
  const budgets: number[] = [];
  for (let i = 0; i < 12; i++) {
    const budget = pace.beginSlice(nowNs, 1e12, { instructions: done, busy: false });
    budgets.push(budget);
    done += budget;
    // 100 million instructions per second, but for the first slice.
    host.spend(i === 0 ? 1e9 : budget * 10);
    nowNs = pace.endSlice(done);
  }
  expect(budgets[1]).toBe(500);
  expect(budgets[11]).toBeGreaterThan(50_000);
});

test('live: budgets follow the measured speed and are short while disk work is under way', () => {
  const host = new InstantHost();
  const pace = new Pace({ kind: 'live' }, host);
  pace.begin(0, 0);
  let nowNs = 0;
  let instructions = 0;
  for (let i = 0; i < 40; i++) {
    const budget = pace.beginSlice(nowNs, 1e12, { instructions, busy: false });
    instructions += budget;
    host.spend(budget * 10);
    nowNs = pace.endSlice(instructions);
    // A host that is late for other reasons is no slower for that.
    host.spend(1e9);
  }
  expect(pace.beginSlice(nowNs, 1e12, { instructions, busy: false }) / 200_000).toBeCloseTo(1, 1);
  expect(pace.beginSlice(nowNs, 1e12, { instructions, busy: true }) / 15_000).toBeCloseTo(1, 1);
});

test('live: a guest that becomes much slower is given short slices at once', () => {
  const host = new InstantHost();
  const pace = new Pace({ kind: 'live' }, host);
  pace.begin(0, 0);
  const first = pace.beginSlice(0, 1e12, { instructions: 0, busy: false });
  host.spend(first * 1000);
  const nowNs = pace.endSlice(first);
  expect(pace.beginSlice(nowNs, 1e12, { instructions: first, busy: false })).toBe(2000);
});
