import { expect, test } from 'vitest';
import { Clock } from '../src/clock.ts';

test('timers fire in order of deadline, and at one deadline in order of arming', () => {
  const clock = new Clock();
  const fired: string[] = [];
  const timer = (name: string) => clock.timer(name, () => fired.push(`${name}@${clock.nowNs}`));
  const [a, b, c] = ['a', 'b', 'c'].map(timer);
  c.arm(300);
  b.arm(100);
  a.arm(100);
  clock.advanceTo(299);
  expect(fired).toEqual(['b@100', 'a@100']);
  clock.advanceTo(1000);
  expect(fired).toEqual(['b@100', 'a@100', 'c@300']);
  expect(clock.nowNs).toBe(1000);
});

test('a timer that arms itself again fires for every period within one advance', () => {
  const clock = new Clock();
  let ticks = 0;
  const tick = clock.timer('tick', () => {
    ticks++;
    tick.arm(clock.nowNs + 10);
  });
  tick.arm(10);
  clock.advanceTo(100);
  expect(ticks).toBe(10);
  expect(clock.nextDeadlineNs()).toBe(110);
});

test('a disarmed timer stays silent; arming again replaces the deadline', () => {
  const clock = new Clock();
  const fired: number[] = [];
  const timer = clock.timer('t', () => fired.push(clock.nowNs));
  timer.arm(10);
  timer.disarm();
  clock.advanceTo(20);
  timer.arm(40);
  timer.arm(30);
  clock.advanceTo(50);
  expect(fired).toEqual([30]);
});

test('inside a slice the source moves time but fires nothing', () => {
  const clock = new Clock();
  let fired = false;
  let elapsedNs = 0;
  let cameCloser = 0;
  clock.setSource(
    () => elapsedNs,
    () => cameCloser++,
  );
  clock.timer('t', () => (fired = true)).arm(50);
  elapsedNs = 70;
  clock.sync();
  expect([clock.nowNs, fired, cameCloser]).toEqual([70, false, 1]);
  clock.advanceTo(70);
  expect(fired).toBe(true);
});

test('time does not run backwards', () => {
  const clock = new Clock();
  clock.advanceTo(10);
  expect(() => clock.advanceTo(9)).toThrow('time does not run backwards');
});
