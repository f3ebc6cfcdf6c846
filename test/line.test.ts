import { expect, test } from 'vitest';
import { Line, orGate, splitter } from '../src/line.ts';

test('listeners hear changes only', () => {
  const line = new Line('irq');
  const heard: boolean[] = [];
  line.connect(level => heard.push(level));
  line.set(false);
  line.set(true);
  line.set(true);
  line.pulse();
  expect(heard).toEqual([true, false]);
});

test('a shared interrupt is high while any of its sources is', () => {
  const out = new Line('pirq');
  const [a, b] = orGate(out, 2);
  a.set(true);
  b.set(true);
  a.set(false);
  expect(out.level).toBe(true);
  b.set(false);
  expect(out.level).toBe(false);
});

test('a splitter copies one signal to several inputs', () => {
  const from = new Line('irq0');
  const to = [new Line('pic'), new Line('ioapic')];
  splitter(from, to);
  from.set(true);
  expect(to.map(l => l.level)).toEqual([true, true]);
});
