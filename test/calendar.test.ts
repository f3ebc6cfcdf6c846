import { expect, test } from 'vitest';
import { civilOf, epochOf, weekdayOf } from '../src/calendar.ts';

test('agrees with the calendar of the language', () => {
  for (const seconds of [
    0, 951_782_399, 951_782_400, 4_107_542_400, 1_420_243_198, 253_402_300_799,
  ]) {
    expect(epochOf(civilOf(seconds))).toBe(seconds);
    const iso = new Date(seconds * 1000);
    const civil = civilOf(seconds);
    expect([civil.year, civil.month, civil.day]).toEqual([
      iso.getUTCFullYear(),
      iso.getUTCMonth() + 1,
      iso.getUTCDate(),
    ]);
    expect(weekdayOf(seconds)).toBe(iso.getUTCDay());
  }
});
