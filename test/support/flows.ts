/** Random control flow graphs, as guests' code has them and as it does not. */

import type { Flow } from '../../src/cpu/structure.ts';
import type { Random } from './random.ts';

/** Any edges at all, several entries, among them the same one twice. */
export function arbitraryFlow(random: Random): Flow {
  const size = 1 + random.below(random.pick([4, 8, 16, 40]));
  const near = random.below(2) === 0;
  const target = (n: number): number => {
    if (!near || random.below(6) === 0) return random.below(size);
    return Math.max(0, Math.min(size - 1, n + random.below(6) - 2));
  };
  const successors = Array.from({ length: size }, (_, n) => {
    const count = random.pick([0, 1, 1, 1, 2, 2, 2, 3, 5]);
    return Array.from({ length: count }, () => target(n));
  });
  const entries = Array.from({ length: random.pick([1, 1, 2, 3, 6]) }, () => random.below(size));
  return { successors, entries };
}

interface Surroundings {
  readonly exit: number;
  readonly breaks: readonly number[];
  readonly continues: readonly number[];
}

/** One entry; loops, branches, switches, breaks and continues of loops further out. */
export function structuredFlow(random: Random): Flow {
  const successors: number[][] = [];
  const add = (...targets: number[]): number => successors.push(targets) - 1;
  const depth = 2 + random.below(4);

  /** Adds a statement that goes on to `to.exit`; gives its first node. */
  const statement = (left: number, to: Surroundings): number => {
    const inner = (exit: number) => statement(left - 1, { ...to, exit });
    switch (left === 0 ? random.below(3) : random.below(10)) {
      case 0:
        return add(to.exit);
      case 1:
        return to.breaks.length > 0 ? add(random.pick(to.breaks), to.exit) : add(to.exit);
      case 2:
        return to.continues.length > 0 ? add(to.exit, random.pick(to.continues)) : add();
      case 3:
        return add(inner(to.exit), to.exit);
      case 4:
        return add(inner(to.exit), inner(to.exit));
      case 5:
        return add(...Array.from({ length: 3 }, () => inner(to.exit)), to.exit, to.exit);
      case 6:
      case 7: {
        const head = add();
        const breaks = [...to.breaks, to.exit];
        const around = { exit: head, breaks, continues: [...to.continues, head] };
        successors[head] = [statement(left - 1, around)];
        if (random.below(2) === 0) successors[head].push(to.exit);
        return head;
      }
      default:
        return inner(inner(to.exit));
    }
  };
  const end = add();
  const entries = [statement(depth, { exit: end, breaks: [], continues: [] })];
  return { successors, entries };
}

/** Procedures that call each other (and themselves): a call is an edge, a return one per caller. */
export function callFlow(random: Random): Flow {
  const successors: number[][] = [];
  const count = 1 + random.below(4);
  const starts = Array.from({ length: count }, () => successors.push([]) - 1);
  const ends = Array.from({ length: count }, () => successors.push([]) - 1);
  const sites: number[] = [];
  for (let p = 0; p < count; p++) {
    let node = starts[p];
    for (let n = 1 + random.below(5); n > 0; n--) {
      const next = successors.push([]) - 1;
      const callee = random.below(count);
      const kind = random.below(4);
      if (kind === 0) successors[node].push(ends[p], next);
      else if (kind === 1) successors[node].push(random.pick([starts[p], node]), next);
      else {
        successors[node].push(starts[callee]);
        successors[ends[callee]].push(next);
        sites.push(next);
      }
      node = next;
    }
    successors[node].push(ends[p]);
  }
  const others = sites.filter(() => random.below(2) === 0);
  return { successors, entries: [random.pick(starts), ...others] };
}
