import { afterAll, describe, test } from 'vitest';
import { expectSame, sessions, Workshops } from '../support/recorded.ts';
import { replay } from '../support/replay.ts';

const workshops = new Workshops();
afterAll(() => workshops.close());

describe('on a terminal, as on a pipe', () => {
  const all = [...sessions('B01-startup'), ...sessions('B03-keys'), ...sessions('C01-help')];
  const quiet = all.filter(({ run }) => run.stderr === '' && run.stdin === 'pipe');
  test.each(quiet)('$name', async ({ name, run }) => {
    const got = await replay(workshops.next(), { ...run, stdin: 'tty' });
    // Where stderr may say something, a terminal shows it in between.
    const output = got.output.replace(/Warning: Orphaned.*\n/g, '');
    expectSame(name, run, { ...got, output });
  });
});
