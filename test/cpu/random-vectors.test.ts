import { expect, test } from 'vitest';
import { bundledOutput } from '../support/bundled.ts';
import type { Tally } from '../support/random-vectors.ts';

/** SEED is the first loop's, COUNT how many there are: then what became of them is printed. */
const SEED = Number(process.env['SEED'] ?? 1);
const COUNT = Number(process.env['COUNT'] ?? 100);

const PROGRAM = `
  import { runVectors } from './random-vectors.ts';
  console.log(JSON.stringify(runVectors(FIRST, COUNT)));
`;

test(`vector loops ${SEED} to ${SEED + COUNT - 1} run alike, translated or not`, async () => {
  const define = { FIRST: String(SEED), COUNT: String(COUNT) };
  const text = await bundledOutput(PROGRAM, { define });
  const { difference, tally }: { difference?: string; tally: Tally } = JSON.parse(text);
  if (difference !== undefined) expect.fail(difference);
  if (process.env['COUNT'] !== undefined) console.log(tally);
  expect(tally['regions']).toBeGreaterThan(COUNT / 4);
}, 3_600_000);
