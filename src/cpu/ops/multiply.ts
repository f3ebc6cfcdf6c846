/**
 * Multiplication, division and decimal adjustment.
 *
 * Source: Intel SDM volume 2; flags left undefined there are as helpers/compute.ts gives them.
 */

import { type Operation, op } from '../operation.ts';
import { type Row, row } from '../row.ts';

const mul = op('mul', (c, s) => c.helper('multiply', [c.read(s), c.k(c.size)]));
const imul = op('imul1', (c, s) => c.helper('multiplySigned', [c.read(s), c.k(c.size)]));
const div = op('div', (c, s) => c.helper('divide', [c.read(s), c.k(c.size)]));
const idiv = op('idiv', (c, s) => c.helper('divideSigned', [c.read(s), c.k(c.size)]));

const imul2 = op('imul2', (c, d, s) => {
  const b = c.let(c.read(s));
  const a = c.let(c.read(d));
  const r = c.let(c.mul(a, b));
  c.flags('mul', r, a, b);
  c.write(d, r);
});

const imul3 = op('imul3', (c, d, s, i) => {
  const a = c.let(c.read(s));
  const b = c.let(c.read(i));
  const r = c.let(c.mul(a, b));
  c.flags('mul', r, a, b);
  c.write(d, r);
});

function decimal(name: string): Operation {
  return op(name, c => c.helper(name, []));
}

const aam = op('aam', (c, i) => c.helper('aam', [c.read(i)]));
const aad = op('aad', (c, i) => c.helper('aad', [c.read(i)]));

export const multiply: readonly Row[] = [
  row('F6 /4', 'Eb', mul),
  row('F7 /4', 'Ev', mul),
  row('F6 /5', 'Eb', imul),
  row('F7 /5', 'Ev', imul),
  row('F6 /6', 'Eb', div),
  row('F7 /6', 'Ev', div),
  row('F6 /7', 'Eb', idiv),
  row('F7 /7', 'Ev', idiv),
  row('0F AF /r', 'Gv,Ev', imul2),
  row('69 /r', 'Gv,Ev,Iv', imul3),
  row('6B /r', 'Gv,Ev,Is', imul3),
  row('27', '', decimal('daa')),
  row('2F', '', decimal('das')),
  row('37', '', decimal('aaa')),
  row('3F', '', decimal('aas')),
  row('D4', 'Ib', aam),
  row('D5', 'Ib', aad),
];
