/** Seconds as `migrate_set_downtime` reads them: like strtod, and never more than a number. */

import { afterAll, expect, test } from 'vitest';
import { Workshop } from '../../support/emulator.ts';
import { Prompt } from '../../support/prompt.ts';

const workshop = new Workshop();
afterAll(() => workshop.close());

test('times may be as long as numbers are, and no longer', async () => {
  const prompt = new Prompt(workshop, ['-S']);
  const set = (value: string): Promise<string> => prompt.ask(`migrate_set_downtime ${value}`);
  for (const good of ['0.3', '1e308', '-1e308', '0x1p4ms', '5us', '.5 ', '1e-400']) {
    expect(await set(good)).toBe('');
  }
  for (const bad of ['1e999', 'inf', '-infinity', 'nan'])
    expect(await set(bad)).toBe('Bad number\n');
  expect(await set('x')).toBe('Number expected\n');
  expect(await set('1h')).toBe('Unknown unit suffix\n');
  expect(await prompt.quit()).toBe(0);
});
