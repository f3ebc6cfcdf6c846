/**
 * Random programs, each run in all the ways there are to run programs.
 */

import { compileBeside, isCompiled } from '../../src/host-engine.ts';
import { RUN_LOOPS } from './bare-machine.ts';
import { Runner, runAll, type Way } from './random-lockstep.ts';
import { makeProgram } from './random-program.ts';
import { describeDifference } from './random-report.ts';

const NEVER = { slice: Number.MAX_SAFE_INTEGER, samples: 1, price: 1, departures: 1 };

/** As the product has it; the run loops themselves are left as they are. */
const ENGINE = { compileSoon: () => true, compileBeside, isCompiled };
const EAGER = { slice: 100, samples: 2, price: 10, departures: 20 };

export const WAYS: readonly Way[] = [
  { name: 'walkers', wiring: { walks: [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY] } },
  { name: 'run loops', wiring: { ...RUN_LOOPS, hotness: NEVER } },
  { name: 'translator', wiring: { ...RUN_LOOPS, engine: ENGINE, hotness: EAGER } },
];

/** How often what happened: ends, vectors, instructions, accesses to devices. */
export type Tally = { readonly [what: string]: number };

/** `count` programs from seed `first` on, or up to one that does not run alike. */
export function runSuite(
  first: number,
  count: number,
): { readonly difference?: string; readonly tally: Tally } {
  const runners = WAYS.map(way => new Runner(way));
  const tally: { [what: string]: number } = {};
  const add = (what: string, n: number): void => {
    tally[what] = (tally[what] ?? 0) + n;
  };
  for (let seed = first; seed < first + count; seed++) {
    const program = makeProgram({ seed });
    const { difference, end, instructions, accesses } = runAll(runners, program);
    if (difference !== undefined)
      return { difference: describeDifference(runners, program), tally };
    add(`${program.mode} ${end}`, 1);
    add('instructions', instructions);
    add('accesses', accesses);
    for (const [vector, n] of runners[0].vectors) add(`vector ${vector}`, n);
  }
  return { tally };
}
