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
  pace.begin(0);
  pace.beginSlice(0, 1e9, { instructions: 0, busy: false });
  host.spend(1_500_000);
  expect(pace.endSlice(100_000)).toBe(1_500_000);
  host.spend(60e9);
  pace.begin(1_500_000);
  expect(pace.idleNs()).toBe(1_500_000);
});

test('live: time does not pass the next deadline, and catches up in the next slices', () => {
  const host = new InstantHost();
  const pace = new Pace({ kind: 'live' }, host);
  pace.begin(0);
  pace.beginSlice(0, 1_000_000, { instructions: 0, busy: false });
  host.spend(3_000_000);
  expect(pace.nowNs(5000)).toBe(1_000_000);
  expect([pace.isSpent(999_999), pace.isSpent(1_000_000)]).toEqual([false, true]);
  expect(pace.endSlice(5000)).toBe(1_000_000);
  pace.beginSlice(1_000_000, 2_000_000, { instructions: 5000, busy: false });
  expect(pace.endSlice(5500)).toBe(2_000_000);
  pace.beginSlice(2_000_000, 9_000_000, { instructions: 5500, busy: false });
  host.spend(500_000);
  expect(pace.endSlice(6000)).toBe(3_500_000);
});

test('live: a host that goes away for a second leaves a lag of 50 ms at most', () => {
  const host = new InstantHost();
  const pace = new Pace({ kind: 'live' }, host);
  pace.begin(0);
  pace.beginSlice(0, 1e9, { instructions: 0, busy: false });
  host.spend(1e9);
  expect(pace.endSlice(100_000)).toBe(10_000_000);
  expect(pace.idleNs()).toBe(60_000_000);
});

test('live: budgets follow the measured speed and are short while disk work is under way', () => {
  const host = new InstantHost();
  const pace = new Pace({ kind: 'live' }, host);
  pace.begin(0);
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
