/**
 * The stack: push, pop, their all-register forms, frames, flags.
 *
 * Source: Intel SDM volume 2, PUSH, POP, PUSHA, POPA, ENTER, LEAVE, PUSHF, POPF, LAHF, SAHF.
 */

import { op } from '../operation.ts';
import { EBP } from '../registers.ts';
import { type Row, row } from '../row.ts';

const STACK = { stack: true };

const push = op('push', (c, s) => c.push(c.let(c.read(s))), STACK);

/** The address of a memory operand is worked out after the stack pointer moved: see decode.ts. */
const pop = op(
  'pop',
  (c, d) => {
    if (d.form === 'r') {
      c.write(d, c.pop());
    } else {
      const v = c.let(c.peek());
      c.write(d, v);
      c.release(c.k(c.size / 8));
    }
  },
  STACK,
);

const pusha = op('pusha', c => c.helper('pushAll', [c.k(c.size)]));
const popa = op('popa', c => c.helper('popAll', [c.k(c.size)]));
const pushf = op('pushf', c => c.helper('pushFlags', [c.k(c.size)]));
const popf = op('popf', c => c.helper('popFlags', [c.k(c.size)], { exits: true }));
const enter = op('enter', (c, frame) => c.helper('enter', [c.read(frame), c.k(c.size)]));
const leave = op('leave', c => c.setReg(EBP, c.unwind()), STACK);
const lahf = op('lahf', c => c.helper('lahf', []));
const sahf = op('sahf', c => c.helper('sahf', []));
const pushSegment = op('pushSegment', (c, s) => c.helper('pushSegment', [c.read(s), c.k(c.size)]));
const popSegment = op('popSegment', (c, s) =>
  c.helper('popSegment', [c.read(s), c.k(c.size)], { exits: true }),
);

export const stack: readonly Row[] = [
  row('50+r', 'Zv', push),
  row('68', 'Iv', push),
  row('6A', 'Is', push),
  row('FF /6', 'Ev', push),
  row('58+r', 'Zv', pop),
  row('8F /0', 'Ev', pop),
  row('60', 'v', pusha),
  row('61', 'v', popa),
  row('9C', 'v', pushf),
  row('9D', 'v', popf),
  row('C8', 'If,v', enter),
  row('C9', 'v', leave),
  row('9E', '', sahf),
  row('9F', '', lahf),
  ...['06', '0E', '16', '1E', '0F A0', '0F A8'].map((encoding, i) =>
    row(encoding, `v,s${i}`, pushSegment),
  ),
  ...(['07', undefined, '17', '1F', '0F A1', '0F A9'] as const).flatMap((encoding, i) =>
    encoding === undefined ? [] : [row(encoding, `v,s${i}`, popSegment)],
  ),
];
