/**
 * What a random program that runs differently comes down to: its units cut away as long as the
 * difference stays, the step shortened, the code disassembled.
 */

import { disassembleLines } from '../../src/cpu/disassemble.ts';
import { CODE } from './random-layout.ts';
import { type Difference, type Runner, runAll } from './random-lockstep.ts';
import { makeProgram, type RandomProgram } from './random-program.ts';

const LINES = 150;

/** Leaves out what the difference does not need: halves of the units, then ever smaller parts. */
function shrunk(runners: readonly Runner[], { seed, groups }: RandomProgram): RandomProgram {
  let without = new Set<number>();
  for (let size = groups.length; size > 1; ) {
    size = Math.ceil(size / 2);
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

/** The last step cut to as few instructions as still differ. */
function shortened(
  runners: readonly Runner[],
  program: RandomProgram,
  found: Difference,
): Difference {
  let [same, differs] = [0, found];
  while (differs.budget - same > 1) {
    const budget = (same + differs.budget) >> 1;
    const { difference } = runAll(runners, program, { step: found.step, budget });
    if (difference?.step === found.step) differs = { ...difference, budget };
    else same = budget;
  }
  return differs;
}

function listing({ code, mode }: RandomProgram): string[] {
  const address = mode === 'real' ? 0 : CODE;
  const lines = disassembleLines({
    read: at => code.bytes[at - address],
    address,
    count: code.bytes.length,
    bits: mode === 'real' ? 16 : 32,
    end: address + code.bytes.length,
  });
  // Padding says nothing.
  return lines.filter(line => !line.endsWith('nop')).slice(0, LINES);
}

/** What to print of a program that `runners` run differently. */
export function describeDifference(runners: readonly Runner[], program: RandomProgram): string {
  const small = shrunk(runners, program);
  const { difference } = runAll(runners, small);
  if (difference === undefined) return 'the difference is gone at another attempt';
  const { step, budget, from, to, what } = shortened(runners, small, difference);
  return [
    `seed ${program.seed}, ${program.mode}, step ${step}: ${budget} instructions`,
    `from ${from} to ${to}: ${what}`,
    ...listing(small),
  ].join('\n');
}
