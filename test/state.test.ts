import { expect, test } from 'vitest';
import {
  array,
  bool,
  bytes,
  list,
  ns,
  oneOf,
  type Plain,
  type StateOf,
  state,
  struct,
  u8,
} from '../src/state.ts';

type Damage = { readonly [name: string]: Plain };

const chip = state('chip', 1, {
  mode: u8(3),
  mask: bool(true),
  phase: oneOf('idle', 'busy'),
  since: ns(),
  ram: bytes(4, Uint8Array.of(1, 2)),
  counters: array(2, struct({ latch: u8(), gate: bool() })),
  queue: list(3, u8()),
});

test('power-on values come from the table, fresh each time', () => {
  const a: StateOf<typeof chip> = chip.initial();
  a.ram[0] = 9;
  a.counters[1].latch = 7;
  const b = chip.initial();
  expect([b.mode, b.mask, b.phase, [...b.ram], b.counters[1].latch, b.queue]).toEqual([
    3,
    true,
    'idle',
    [1, 2, 0, 0],
    0,
    [],
  ]);
});

test('what is saved is loaded again, and is a copy', () => {
  const values = { ...chip.initial(), phase: 'busy' as const, since: -5, queue: [1, 2] };
  const saved = chip.save(values);
  values.queue.push(3);
  values.ram[0] = 77;
  const loaded = chip.load(saved);
  expect(loaded.queue).toEqual([1, 2]);
  expect(loaded.ram[0]).toBe(1);
  expect(loaded.phase).toBe('busy');
});

test('a field missing from an old snapshot takes its power-on value', () => {
  const { mode: _, ...old } = chip.save({ ...chip.initial(), mode: 8 });
  expect(chip.load(old).mode).toBe(3);
});

test.each<[Damage, string]>([
  [{ mode: 256 }, "Snapshot field 'chip.mode' is not in 0..255"],
  [{ mask: 1 }, "Snapshot field 'chip.mask' is not true or false"],
  [{ phase: 'gone' }, "Snapshot field 'chip.phase' is none of idle, busy"],
  [{ ram: new Uint8Array(3) }, "Snapshot field 'chip.ram' is not 4 bytes"],
  [{ counters: [] }, "Snapshot field 'chip.counters' is not 2 values"],
  [
    { counters: [{ latch: -1 }, { latch: 0 }] },
    "Snapshot field 'chip.counters[0].latch' is not in 0..255",
  ],
  [{ queue: [1, 2, 3, 4] }, "Snapshot field 'chip.queue' is not at most 3 values"],
  [{ bogus: 1 }, "Snapshot field 'chip.bogus' is not known"],
])('refuses %j', (damage, message) => {
  expect(() => chip.load({ ...chip.save(chip.initial()), ...damage })).toThrow(message);
});
