import { expect, test } from 'vitest';
import { RUN_LOOPS } from '../support/bare-machine.ts';
import { type Outcome, Runner, runAll, type Way } from '../support/random-lockstep.ts';
import { makeProgram, type RandomProgram } from '../support/random-program.ts';

/**
 * The same random program reaches the same state whatever runs it. SEED is the first program's,
 * COUNT how many there are.
 */
const WAYS: readonly Way[] = [
  { name: 'walkers', wiring: { walks: [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY] } },
  { name: 'run loops', wiring: RUN_LOOPS },
];
const SEED = Number(process.env['SEED'] ?? 1);
const COUNT = Number(process.env['COUNT'] ?? 120);

const runners = WAYS.map(way => new Runner(way));

/** Leaves out what the difference does not need: halves of the units, then ever smaller parts. */
function shrunk(program: RandomProgram): RandomProgram {
  const { seed, groups } = program;
  let without = new Set<number>();
  for (let size = Math.ceil(groups.length / 2); size >= 1; size = size === 1 ? 0 : size >> 1) {
    for (let at = 0; at < groups.length; at += size) {
      const part = groups.slice(at, at + size);
      if (part.every(group => without.has(group))) continue;
      const less = new Set([...without, ...part]);
      const { difference } = runAll(runners, makeProgram({ seed, without: less }));
      if (difference !== undefined) without = less;
    }
  }
  return makeProgram({ seed, without });
}

function describeFailure(program: RandomProgram): string {
  const small = shrunk(program);
  const { difference } = runAll(runners, small);
  const bytes = Array.from(small.code.bytes, byte => byte.toString(16).padStart(2, '0')).join(' ');
  return `${program.mode} ${JSON.stringify(difference, null, 1)}\n${bytes.slice(0, 2000)}`;
}

test(`random programs ${SEED} to ${SEED + COUNT - 1} run alike`, () => {
  const outcomes: Outcome[] = [];
  for (let seed = SEED; seed < SEED + COUNT; seed++) {
    const program = makeProgram({ seed });
    const outcome = runAll(runners, program);
    outcomes.push(outcome);
    if (outcome.difference !== undefined) {
      expect.fail(`${JSON.stringify(outcome.difference)}\nshrunk: ${describeFailure(program)}`);
    }
  }
  if (process.env['COUNT'] !== undefined) {
    for (const end of ['exit', 'budget', 'halted', 'triple fault']) {
      console.log(end, outcomes.filter(o => o.end === end).length);
    }
    const sum = (of: (o: Outcome) => number) => outcomes.reduce((n, o) => n + of(o), 0);
    console.log(
      'instructions',
      sum(o => o.instructions),
      'accesses',
      sum(o => o.accesses),
    );
  }
}, 3_600_000);
