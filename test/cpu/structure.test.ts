import { describe, expect, test } from 'vitest';
import { type Flow, Structure } from '../../src/cpu/structure.ts';
import { arbitraryFlow, callFlow, structuredFlow } from '../support/flows.ts';
import { Random, seedOr } from '../support/random.ts';

const STEPS = 60;
const seed = seedOr(20151);

/** Text of a node that records its number and chooses an edge, in one of the usual shapes. */
function nodeText(flow: Flow, n: number, go: (target: number) => string, shape: number): string {
  const targets = flow.successors[n];
  const log = `log.push(${n}); if (log.length >= ${STEPS}) break X;`;
  if (targets.length === 0) return `${log} break X;`;
  const choice = targets.length > 1 ? `e = pick(${targets.length});` : '';
  const last = targets.length - 1;
  switch (shape % 4) {
    case 0: {
      const ends = targets.map((to, i) => (i === last ? go(to) : `if (e === ${i}) { ${go(to)} }`));
      return `${log}\n${choice}\n${ends.join('\n')}`;
    }
    case 1: {
      const tail = go(targets[last]);
      const ends = targets.slice(0, -1).map((to, i) => `if (e === ${i}) {\n${go(to)}\n} else `);
      return `${log} ${choice} ${ends.join('')}{ ${tail} }\n`;
    }
    case 2: {
      const ends = targets.map((to, i) => `${i === last ? 'default' : `case ${i}`}: ${go(to)}`);
      return `${log} ${choice} switch (e) {\n${ends.join('\n')}\n}`;
    }
    default: {
      const first = go(targets[0]);
      const ends = targets.slice(1).map((to, i) => `if (e === ${i + 1}) { ${go(to)} }`);
      return `${log} ${choice} ${ends.reverse().join(' ')} ${first} \n`;
    }
  }
}

function textOf(flow: Flow, shape: number): string {
  return new Structure(flow).text((n, go) => nodeText(flow, n, go, shape + n * (shape >> 2)));
}

function run(text: string, pc: number, pick: (limit: number) => number): number[] {
  const log: number[] = [];
  const body = `let e = 0;\nX: {\n${text}\nthrow new Error('fell out');\n}`;
  new Function('pc', 'pick', 'log', body)(pc, pick, log);
  return log;
}

function walk(flow: Flow, entry: number, pick: (limit: number) => number): number[] {
  const log = [flow.entries[entry]];
  while (log.length < STEPS) {
    const targets = flow.successors[log[log.length - 1]];
    if (targets.length === 0) break;
    log.push(targets[targets.length > 1 ? pick(targets.length) : 0]);
  }
  return log;
}

function expectSame(flow: Flow, start: number): void {
  const text = textOf(flow, start);
  for (let entry = 0; entry < flow.entries.length; entry++) {
    const [one, two] = [new Random(start + entry), new Random(start + entry)];
    let ran: number[] | string;
    try {
      ran = run(text, entry, limit => one.below(limit));
    } catch (error) {
      ran = String(error);
    }
    const about = `SEED=${seed} ${start}: ${JSON.stringify(flow)}\n${text}`;
    expect(ran, about).toEqual(walk(flow, entry, limit => two.below(limit)));
  }
}

/** Whether every cycle has an edge that goes back. */
function backEdgesCutAllCycles(flow: Flow): boolean {
  const structure = new Structure(flow);
  const state = new Uint8Array(flow.successors.length);
  const ends = (n: number): boolean => {
    if (state[n] !== 0) return state[n] === 2;
    state[n] = 1;
    const fine = flow.successors[n].every(to => structure.isBackEdge(n, to) || ends(to));
    state[n] = 2;
    return fine;
  };
  return flow.entries.every(ends);
}

describe('generated text visits what a walk through the graph visits', () => {
  test.each([
    ['structured programs', 1500, structuredFlow],
    ['arbitrary graphs', 3000, arbitraryFlow],
    ['procedures that return to several callers', 1500, callFlow],
  ] as const)('%s', (_, count, make) => {
    for (let i = 0; i < count; i++) {
      const start = seed + i * 7919;
      const flow = make(new Random(start));
      expectSame(flow, start);
      expect(backEdgesCutAllCycles(flow), JSON.stringify(flow)).toBe(true);
    }
  });
});

/** Text with each node a bare name, indented by its braces. */
function sketch(flow: Flow): string {
  const text = new Structure(flow).text((n, go) => {
    const targets = flow.successors[n];
    if (targets.length === 0) return `n${n}; break X;`;
    const ends = targets.slice(0, -1).map(to => `if (c${to}) { ${go(to)} }\n`);
    return `n${n};\n${ends.join('')}${go(targets[targets.length - 1])}`;
  });
  return text.replace(/\n+/g, '\n').trim();
}

function single(...successors: number[][]): Flow {
  return { successors, entries: [0] };
}

describe('text', () => {
  test('of a chain of nodes has no labels and no depth', () => {
    const successors = Array.from({ length: 5000 }, (_, n) => (n < 4999 ? [n + 1] : []));
    const text = sketch({ successors, entries: [0] });
    expect(text).not.toMatch(/[{}:]/);
    expect(text.split('\n').length).toBe(5000);
  });

  test('of a chain whose nodes may leave for one exit has one block', () => {
    const successors = Array.from({ length: 50 }, (_, n) => (n < 49 ? [50, n + 1] : [50]));
    const text = sketch({ successors: [...successors, []], entries: [0] });
    expect(text.match(/B\d+: \{/g)).toEqual(['B50: {']);
    expect(depth(text)).toBe(2);
  });

  test('of a nest of loops has nested loops, and what follows a loop stands behind it', () => {
    expect(sketch(single([1], [2], [3], [3, 4], [2, 5], [1, 6], []))).toBe(
      [
        'n0;',
        'L1: for (;;) {',
        'n1;',
        'L2: for (;;) {',
        'n2;',
        'L3: for (;;) {',
        'n3;',
        'if (c3) { continue L3; }',
        'break L3;',
        '}',
        'n4;',
        'if (c2) { continue L2; }',
        'break L2;',
        '}',
        'n5;',
        'if (c1) { continue L1; }',
        'break L1;',
        '}',
        'n6; break X;',
      ].join('\n'),
    );
  });

  test('of loops in a row does not nest them', () => {
    const successors = Array.from({ length: 40 }, (_, n) => [n, n + 1]);
    const text = sketch({ successors: [...successors, []], entries: [0] });
    expect(text.match(/for \(;;\)/g)?.length).toBe(40);
    expect(depth(text)).toBe(2);
  });

  test('of a loop that is left from its middle and tested at its head', () => {
    expect(sketch(single([1], [4, 2], [3], [1], []))).toBe(
      [
        'n0;',
        'L1: for (;;) {',
        'n1;',
        'if (c4) { break L1; }',
        'n2;',
        'n3;',
        '}',
        'n4; break X;',
      ].join('\n'),
    );
  });

  test('of a branch whose sides meet has one block, left by a break of one side', () => {
    expect(sketch(single([1, 2], [3], [3], []))).toBe(
      ['B3: {', 'n0;', 'if (c1) { n1;', 'break B3;', ' }', 'n2;', '}', 'n3; break X;'].join('\n'),
    );
  });

  test('of several entries switches on pc, and jumps between them stay jumps', () => {
    const flow = { successors: [[1], [2], []], entries: [0, 1, 2] };
    expect(new Structure(flow).hasDispatch).toBe(true);
    expect(sketch(flow)).not.toMatch(/pc =|continue|for/);
  });

  test('of a loop with two ways in goes back through the dispatch once a turn', () => {
    const flow = single([1, 2], [2, 3], [1], []);
    const structure = new Structure(flow);
    expect(structure.hasDispatch).toBe(true);
    expect(sketch(flow).match(/pc = \d/g)?.length).toBe(1);
    expect(structure.isBackEdge(1, 2) !== structure.isBackEdge(2, 1)).toBe(true);
  });
});

function depth(text: string): number {
  let [now, most] = [0, 0];
  for (const c of text) {
    now += c === '{' ? 1 : c === '}' ? -1 : 0;
    most = Math.max(most, now);
  }
  return most;
}

test('programs of loops and branches with one entry need no dispatch', () => {
  for (let i = 0; i < 1000; i++) {
    const flow = structuredFlow(new Random(seed + i));
    expect(new Structure(flow).hasDispatch, `SEED=${seed} ${i}`).toBe(false);
    expect(textOf(flow, i)).not.toMatch(/\bpc\b|\bD\b/);
  }
});

test('only edges to a loop around them go back in such a program', () => {
  const structure = new Structure(single([1], [2], [2, 3], [1, 4], [], [0]));
  const back = [
    [2, 2],
    [3, 1],
  ];
  for (const [from, to] of back) expect(structure.isBackEdge(from, to)).toBe(true);
  for (const [from, to] of [
    [0, 1],
    [1, 2],
    [2, 3],
    [3, 4],
  ]) {
    expect(structure.isBackEdge(from, to)).toBe(false);
  }
});

test('nodes out of reach are left out', () => {
  const text = sketch({ successors: [[1], [], [1, 3], [2]], entries: [0] });
  expect(text).toBe('n0;\nn1; break X;');
});

test('a node that forgets an edge, or invents one, is a mistake of ours', () => {
  const structure = new Structure(single([1, 2], [], []));
  expect(() => structure.text((n, go) => (n === 0 ? go(1) : ''))).toThrow('each of its edges');
  expect(() => structure.text((n, go) => (n === 1 ? go(0) : go(1) + go(2)))).toThrow('no edge');
});
