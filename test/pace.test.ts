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

test('live: a host that goes away for a second does not make a slice a second long', () => {
  const host = new InstantHost();
  const pace = new Pace({ kind: 'live' }, host);
  pace.begin(0);
  pace.beginSlice(0, 1e9, { instructions: 0, busy: false });
  host.spend(1e9);
  expect(pace.endSlice(100_000)).toBe(10_000_000);
  pace.beginSlice(10_000_000, 1e9, { instructions: 100_000, busy: false });
  host.spend(1_000_000);
  expect(pace.nowNs(100_500)).toBe(11_000_000);
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
  }
  expect(pace.beginSlice(nowNs, 1e12, { instructions, busy: false }) / 200_000).toBeCloseTo(1, 1);
  expect(pace.beginSlice(nowNs, 1e12, { instructions, busy: true }) / 15_000).toBeCloseTo(1, 1);
});
