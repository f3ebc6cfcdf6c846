import { expect, test } from 'vitest';
import { bundledOutput } from '../support/bundled.ts';
import type { Tally } from '../support/random-suite.ts';

/**
 * The same random program reaches the same state whatever runs it (random-suite.ts lists the ways).
 * SEED is the first program's, COUNT how many there are: then what became of them is printed.
 */
const SEED = Number(process.env['SEED'] ?? 1);
const COUNT = Number(process.env['COUNT'] ?? 160);

/** Division, single step, NMI, INT3, INTO, #UD, #GP, #PF, INTR, the service. */
const VECTORS = [0, 1, 2, 3, 4, 6, 13, 14, 32, 128];
/** What the programs are to come across, or they would show little. */
const EXPECTED = [...VECTORS.map(n => `vector ${n}`), 'accesses'];

const PROGRAM = `
  import { runSuite } from './random-suite.ts';
  console.log(JSON.stringify(runSuite(FIRST, COUNT)));
`;

test(`random programs ${SEED} to ${SEED + COUNT - 1} run alike`, async () => {
  const define = { FIRST: String(SEED), COUNT: String(COUNT) };
  const text = await bundledOutput(PROGRAM, { define });
  const { difference, tally }: { difference?: string; tally: Tally } = JSON.parse(text);
  if (difference !== undefined) expect.fail(difference);
  if (process.env['COUNT'] !== undefined) console.log(tally);
  if (SEED === 1 && COUNT >= 160)
    for (const what of EXPECTED) expect(tally[what], what).toBeGreaterThan(0);
}, 3_600_000);
