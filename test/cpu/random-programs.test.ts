import { expect, test } from 'vitest';
import { RUN_LOOPS } from '../support/bare-machine.ts';
import { Runner, runAll, type Way } from '../support/random-lockstep.ts';
import { makeProgram } from '../support/random-program.ts';
import { describeDifference } from '../support/random-report.ts';

/**
 * The same random program reaches the same state whatever runs it. SEED is the first program's,
 * COUNT how many there are: then what became of them is printed.
 */
const WAYS: readonly Way[] = [
  { name: 'walkers', wiring: { walks: [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY] } },
  { name: 'run loops', wiring: RUN_LOOPS },
];
const SEED = Number(process.env['SEED'] ?? 1);
const COUNT = Number(process.env['COUNT'] ?? 120);

test(`random programs ${SEED} to ${SEED + COUNT - 1} run alike`, () => {
  const runners = WAYS.map(way => new Runner(way));
  const tally = new Map<string, number>();
  const count = (what: string, n = 1) => tally.set(what, (tally.get(what) ?? 0) + n);
  for (let seed = SEED; seed < SEED + COUNT; seed++) {
    const program = makeProgram({ seed });
    const { difference, end, instructions, accesses } = runAll(runners, program);
    if (difference !== undefined) expect.fail(describeDifference(runners, program));
    count(`${program.mode} ${end}`);
    count('instructions', instructions);
    count('accesses', accesses);
  }
  if (process.env['COUNT'] !== undefined) console.log(Object.fromEntries(tally));
}, 3_600_000);
