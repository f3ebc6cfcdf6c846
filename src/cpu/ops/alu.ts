/**
 * Addition, subtraction, logic, compare: opcodes 00..3F, 80..83, inc, dec, neg, not, test.
 *
 * Source: Intel SDM volume 2.
 */

import type { Code, Recipe, Value } from '../code.ts';
import { type Operation, op } from '../operation.ts';
import { hex, type Row, row } from '../row.ts';

type Combine = (c: Code, a: Value, b: Value) => Value;

const LOCK = { lock: true };

function binary(name: string, recipe: Recipe, combine: Combine): Operation {
  return op(
    name,
    (c, d, s) => {
      const b = c.let(c.read(s));
      c.modify(d, a => {
        const r = c.let(combine(c, a, b));
        c.flags(recipe, r, a, b);
        return r;
      });
    },
    LOCK,
  );
}

function withCarry(
  name: 'adc' | 'sbb',
  combine: (c: Code, a: Value, b: Value, cf: Value) => Value,
) {
  return op(
    name,
    (c, d, s) => {
      const b = c.let(c.read(s));
      const cf = c.let(c.carry());
      c.modify(d, a => {
        const r = c.let(combine(c, a, b, cf));
        c.flags(name, r, a, b);
        return r;
      });
    },
    LOCK,
  );
}

export const add = binary('add', 'add', (c, a, b) => c.add(a, b));
export const sub = binary('sub', 'sub', (c, a, b) => c.sub(a, b));
const or = binary('or', 'logic', (c, a, b) => c.or(a, b));
const and = binary('and', 'logic', (c, a, b) => c.and(a, b));
const xor = binary('xor', 'logic', (c, a, b) => c.xor(a, b));
const adc = withCarry('adc', (c, a, b, cf) => c.add(c.add(a, b), cf));
const sbb = withCarry('sbb', (c, a, b, cf) => c.sub(c.sub(a, b), cf));

const cmp = op('cmp', (c, d, s) => {
  const a = c.let(c.read(d));
  const b = c.let(c.read(s));
  c.flags('sub', c.let(c.sub(a, b)), a, b);
});

const test = op('test', (c, d, s) => {
  const a = c.read(d);
  c.flags('logic', c.let(c.and(a, c.read(s))));
});

const inc = op(
  'inc',
  (c, d) =>
    c.modify(d, a => {
      const r = c.let(c.add(a, c.k(1)));
      c.flags('inc', r);
      return r;
    }),
  LOCK,
);

const dec = op(
  'dec',
  (c, d) =>
    c.modify(d, a => {
      const r = c.let(c.sub(a, c.k(1)));
      c.flags('dec', r);
      return r;
    }),
  LOCK,
);

const neg = op(
  'neg',
  (c, d) =>
    c.modify(d, a => {
      const r = c.let(c.sub(c.k(0), a));
      c.flags('sub', r, c.k(0), a);
      return r;
    }),
  LOCK,
);

const not = op('not', (c, d) => c.modify(d, a => c.xor(a, c.k(-1))), LOCK);

const xadd = op(
  'xadd',
  (c, d, s) => {
    const b = c.let(c.read(s));
    let old: Value = b;
    c.modify(d, a => {
      const r = c.let(c.add(a, b));
      old = a;
      if (s.form === d.form) c.write(s, old);
      c.flags('add', r, a, b);
      return r;
    });
    if (s.form !== d.form) c.write(s, old);
  },
  LOCK,
);

const cmpxchg = op(
  'cmpxchg',
  (c, d, s) => {
    const b = c.let(c.read(s));
    const accumulator = c.let(c.reg(0));
    c.modify(d, a => {
      const r = c.let(c.sub(accumulator, a));
      c.flags('sub', r, accumulator, a);
      c.when(c.ne(r, c.k(0)), () => c.setReg(0, a));
      return c.select(c.eq(r, c.k(0)), b, a);
    });
  },
  LOCK,
);

/** In the order of opcodes 00, 08, .. 38 and of the register field of 80..83. */
const EIGHT = [add, or, adc, sbb, and, sub, xor, cmp];

const eight = EIGHT.flatMap((operation, i): Row[] => [
  row(`${hex(i * 8)} /r`, 'Eb,Gb', operation),
  row(`${hex(i * 8 + 1)} /r`, 'Ev,Gv', operation),
  row(`${hex(i * 8 + 2)} /r`, 'Gb,Eb', operation),
  row(`${hex(i * 8 + 3)} /r`, 'Gv,Ev', operation),
  row(hex(i * 8 + 4), 'AL,Ib', operation),
  row(hex(i * 8 + 5), 'eAX,Iv', operation),
  row(`80 /${i}`, 'Eb,Ib', operation),
  row(`81 /${i}`, 'Ev,Iv', operation),
  row(`82 /${i}`, 'Eb,Ib', operation),
  row(`83 /${i}`, 'Ev,Is', operation),
]);

export const alu: readonly Row[] = [
  ...eight,
  row('84 /r', 'Eb,Gb', test),
  row('85 /r', 'Ev,Gv', test),
  row('A8', 'AL,Ib', test),
  row('A9', 'eAX,Iv', test),
  row('F6 /0', 'Eb,Ib', test),
  row('F6 /1', 'Eb,Ib', test),
  row('F7 /0', 'Ev,Iv', test),
  row('F7 /1', 'Ev,Iv', test),
  row('F6 /2', 'Eb', not),
  row('F7 /2', 'Ev', not),
  row('F6 /3', 'Eb', neg),
  row('F7 /3', 'Ev', neg),
  row('40+r', 'Zv', inc),
  row('48+r', 'Zv', dec),
  row('FE /0', 'Eb', inc),
  row('FE /1', 'Eb', dec),
  row('FF /0', 'Ev', inc),
  row('FF /1', 'Ev', dec),
  row('0F B0 /r', 'Eb,Gb', cmpxchg),
  row('0F B1 /r', 'Ev,Gv', cmpxchg),
  row('0F C0 /r', 'Eb,Gb', xadd),
  row('0F C1 /r', 'Ev,Gv', xadd),
];
