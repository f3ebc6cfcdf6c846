import { join } from 'node:path';
import { expect, test } from 'vitest';
import { bundledOutput } from '../support/bundled.ts';

/**
 * Hot loops with all that may happen to them (guests/hot.asm lists it) go alike whatever runs
 * them. SEED is the first row of events, COUNT how many rows there are.
 */
const SEED = Number(process.env['SEED'] ?? 1);
const COUNT = Number(process.env['COUNT'] ?? 2);
const LENGTH = 1_500_000;

const PROGRAM = `
  import { assemble } from './assembler.ts';
  import { runHotGuest } from './hot-guest.ts';
  const guest = assemble(GUEST);
  for (let seed = FIRST; guest !== undefined && seed < FIRST + COUNT; seed++)
    console.log(runHotGuest(guest, seed, LENGTH));
`;

test('hot loops go alike whatever happens', async () => {
  const guest = join(import.meta.dirname, 'guests/hot.asm');
  const define = {
    GUEST: JSON.stringify(guest),
    FIRST: String(SEED),
    COUNT: String(COUNT),
    LENGTH: String(LENGTH),
  };
  const text = await bundledOutput(PROGRAM, { define });
  if (text.includes('skipped')) console.log(text);
  else expect(text.trim().split('\n')).toEqual(Array(COUNT).fill('alike'));
}, 3_600_000);
