/**
 * Transfers between segments, interrupts, segment loads. The work is in helpers.
 *
 * Source: Intel SDM volume 2.
 */

import type { Effects, Value } from '../code.ts';
import { type Operation, op } from '../operation.ts';
import { DS, ES, FS, GS, SS } from '../registers.ts';
import { type Row, row } from '../row.ts';

const EXITS: Effects = { exits: true };
const ENDS = { ends: true };

const farJump = op(
  'farJump',
  (c, offset, selector) =>
    c.helper('farJump', [c.read(selector), c.read(offset), c.k(c.size)], EXITS),
  ENDS,
);
const farCall = op(
  'farCall',
  (c, offset, selector) =>
    c.helper('farCall', [c.read(selector), c.read(offset), c.k(c.size)], EXITS),
  ENDS,
);

function throughMemory(name: 'farJump' | 'farCall'): Operation {
  return op(
    `${name}Memory`,
    (c, m) => {
      const offset = c.let(c.read(m));
      const selector = c.let(c.loadFrom(m, c.size / 8, 16));
      c.helper(name, [selector, offset, c.k(c.size)], EXITS);
    },
    ENDS,
  );
}

const farReturn = op(
  'farReturn',
  (c, n) => c.helper('farReturn', [c.read(n), c.k(c.size)], EXITS),
  ENDS,
);
const interrupt = op('int', (c, n) => c.helper('interrupt', [c.read(n)], EXITS), ENDS);
const int3 = op('int3', c => c.helper('int3', [], EXITS), ENDS);
const int1 = op('int1', c => c.helper('int1', [], EXITS), ENDS);
const into = op('into', c => c.helper('into', [c.allFlags()], EXITS));
const iret = op('iret', c => c.helper('iret', [c.k(c.size)], EXITS), ENDS);

const bound = op('bound', (c, d, m) => {
  const low = c.let(c.read(m));
  const high = c.let(c.loadFrom(m, c.size / 8, c.size));
  c.helper('bound', [c.read(d), low, high]);
});

const movFromSegment = op('movFromSegment', (c, d, s) =>
  c.write(d, c.compute('selector', [c.read(s)])),
);
const movToSegment = op('movToSegment', (c, s, v) =>
  c.helper('loadSegment', [c.read(s), c.read(v)], EXITS),
);

function loadPointer(n: number): Operation {
  return op(`loadPointer${n}`, (c, d, m) => {
    const offset: Value = c.let(c.read(m));
    const selector = c.let(c.loadFrom(m, c.size / 8, 16));
    c.helper('loadPointer', [c.k(n), selector], EXITS);
    c.write(d, offset);
  });
}

export const far: readonly Row[] = [
  row('EA', 'Ao,As', farJump),
  row('9A', 'Ao,As', farCall),
  row('FF /5 mem', 'Mv', throughMemory('farJump')),
  row('FF /3 mem', 'Mv', throughMemory('farCall')),
  row('CA', 'Iw,v', farReturn),
  row('CB', 'I0,v', farReturn),
  row('CC', '', int3),
  row('CD', 'Iu', interrupt),
  row('CE', '', into),
  row('CF', 'v', iret),
  row('F1', '', int1),
  row('62 /r mem', 'Gv,Mv', bound),
  row('8C /r mod3', 'Rv,Sw', movFromSegment),
  row('8C /r mem', 'Mw,Sw', movFromSegment),
  row('8E /r', 'Sw,Ew', movToSegment),
  row('C4 /r mem', 'Gv,Mv', loadPointer(ES)),
  row('C5 /r mem', 'Gv,Mv', loadPointer(DS)),
  row('0F B2 /r mem', 'Gv,Mv', loadPointer(SS)),
  row('0F B4 /r mem', 'Gv,Mv', loadPointer(FS)),
  row('0F B5 /r mem', 'Gv,Mv', loadPointer(GS)),
];
