/**
 * Shifts and rotates. The count is taken modulo 32; a count of zero changes no flag.
 *
 * Source: Intel SDM volume 2, SAL/SAR/SHL/SHR, RCL/RCR/ROL/ROR, SHLD, SHRD. Register field 6 of
 * the shift group is SHL on every processor, though the manual does not say so. Flags that are
 * undefined (OF for counts above 1, AF) come out as the formulas give them.
 */

import type { Code, Operand, Value } from '../code.ts';
import { type Operation, op } from '../operation.ts';
import { type Row, row } from '../row.ts';

type Shift = 'shl' | 'shr' | 'sar';

function count(c: Code, s: Operand): Value {
  return c.let(c.and(c.read(s), c.k(31)));
}

function plain(name: Shift): Operation {
  return op(name, (c, d, s) => {
    const n = count(c, s);
    c.modify(d, a => {
      const r = c.let(c[name](a, n));
      c.when(c.ne(n, c.k(0)), () => c.flags(name, r, a, n));
      return r;
    });
  });
}

/** What helpers work out: rotates, which set CF and OF by themselves. */
function rotate(name: 'rol' | 'ror' | 'rcl' | 'rcr'): Operation {
  return op(name, (c, d, s) => {
    const n = count(c, s);
    c.modify(d, a => c.compute(name, [a, n, c.k(c.size)]));
  });
}

function double(name: 'shld' | 'shrd'): Operation {
  return op(name, (c, d, s, by) => {
    const n = c.let(c.and(c.read(by), c.k(31)));
    const b = c.let(c.read(s));
    c.modify(d, a => c.compute(name, [a, b, n, c.k(c.size)]));
  });
}

const shl = plain('shl');
const GROUP: readonly Operation[] = [
  rotate('rol'),
  rotate('ror'),
  rotate('rcl'),
  rotate('rcr'),
  shl,
  plain('shr'),
  shl,
  plain('sar'),
];
const shld = double('shld');
const shrd = double('shrd');

export const shift: readonly Row[] = [
  ...GROUP.flatMap((operation, i): Row[] => [
    row(`C0 /${i}`, 'Eb,Ib', operation),
    row(`C1 /${i}`, 'Ev,Ib', operation),
    row(`D0 /${i}`, 'Eb,1', operation),
    row(`D1 /${i}`, 'Ev,1', operation),
    row(`D2 /${i}`, 'Eb,CL', operation),
    row(`D3 /${i}`, 'Ev,CL', operation),
  ]),
  row('0F A4 /r', 'Ev,Gv,Ib', shld),
  row('0F A5 /r', 'Ev,Gv,CL', shld),
  row('0F AC /r', 'Ev,Gv,Ib', shrd),
  row('0F AD /r', 'Ev,Gv,CL', shrd),
];
