import { afterAll, describe, test } from 'vitest';
import { expectSame, KEYS, sessions, Workshops } from '../support/recorded.ts';
import { replay } from '../support/replay.ts';

const workshops = new Workshops();
afterAll(() => workshops.close());

describe.each([
  ['B01-startup', 0],
  ['B03-keys', 0],
  ['B04-states', 300],
  // Its firmware comes to a disk before the user asks for it.
  ['B05-misc', 1000],
  ['C01-help', 0],
  ['C02-parse', 200],
  ['C03-parse2', 0],
  ['C05-info', 0],
  ['C06-info-default', 500],
  ['C07-fmt', 0],
] as const)('%s', (file, settleMs) => {
  const all = sessions(file).filter(({ name }) => !KEYS.includes(name));
  // Here one session leaves files to the next.
  const common = file === 'B04-states' ? workshops.next() : undefined;
  test.each(all)('$name', async ({ name, run }) => {
    const got = await replay(common ?? workshops.next(), run, settleMs);
    expectSame(name, run, got);
  });
});
