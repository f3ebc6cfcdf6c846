/**
 * A signal that comes while the program starts. The recorded session (B04) was ended before QEMU
 * had come to its handlers: it died of the signal without a word. Later it says so, and leaves in
 * order. There is nothing between the two.
 */

import { afterAll, expect, test } from 'vitest';
import { Workshop } from '../support/emulator.ts';
import { sessions, TOO_EARLY } from '../support/recorded.ts';
import { render } from '../support/sessions.ts';
import { type How, start } from '../support/talk.ts';

const workshop = new Workshop();
afterAll(() => workshop.close());

const LATER = ['qemu: terminating on signal 2\n', 'exit 0'];

async function interrupted(how: How, argv: readonly string[], ms: number): Promise<string[]> {
  const { program, folder } = workshop;
  let bytes = Buffer.alloc(0);
  const talk = start(how, { program, argv, folder }, chunk => {
    bytes = Buffer.concat([bytes, chunk]);
  });
  if (ms === 0) talk.kill('SIGINT');
  else setTimeout(() => talk.kill('SIGINT'), ms);
  const { stderr, end } = await talk.ended;
  return [render(bytes) + stderr, end];
}

test.each<How>(['pipe', 'tty'])('%s: silent before, orderly after, nothing else', async how => {
  const all = sessions('B04-states');
  const { run } = all.find(({ name }) => name === TOO_EARLY) ?? all[0];
  const recorded = [run.output + run.stderr, run.end];
  expect(recorded).toEqual(['', 'signal 2']);
  const seen: string[][] = [];
  for (let ms = 0; ms < 120; ms += 6) seen.push(await interrupted(how, run.argv, ms));
  expect(seen).toContainEqual(recorded);
  for (const one of seen) expect([recorded, LATER]).toContainEqual(one);
});
