/**
 * Near transfers, and nops.
 *
 * Source: Intel SDM volume 2, JMP, Jcc, LOOP, JCXZ, CALL, RET, NOP: a target outside the code
 * segment is the fault of the transfer, before it has pushed, popped or counted anything.
 */

import { op } from '../operation.ts';
import { ECX, EFLAGS_REST } from '../registers.ts';
import { hex, type Row, row } from '../row.ts';

const TRANSFER = { transfer: true };
const CALL = { transfer: true, stack: true };
const COUNTER_32 = 32;

export const jmp = op(
  'jmp',
  (c, t) => {
    c.checkTarget(t);
    c.jump(t);
  },
  TRANSFER,
);
const jmpIndirect = op(
  'jmpIndirect',
  (c, s) => {
    const to = c.let(c.read(s));
    c.checkOffset(to);
    c.jumpIndirect(to);
  },
  TRANSFER,
);
const call = op(
  'call',
  (c, t) => {
    c.checkTarget(t);
    c.push(c.next());
    c.jump(t);
  },
  CALL,
);
const callIndirect = op(
  'callIndirect',
  (c, s) => {
    const to = c.let(c.read(s));
    c.checkOffset(to);
    c.push(c.next());
    c.jumpIndirect(to);
  },
  CALL,
);
const ret = op('ret', c => c.jumpIndirect(c.popOffset()), CALL);
const retImmediate = op(
  'retImmediate',
  (c, n) => {
    const to = c.popOffset();
    c.release(c.read(n));
    c.jumpIndirect(to);
  },
  CALL,
);

export const jcc = Array.from({ length: 16 }, (_, cc) =>
  op(
    `j${cc.toString(16).toUpperCase()}`,
    (c, t) => {
      c.checkTarget(t, c.cond(cc));
      c.jumpIf(c.cond(cc), t);
    },
    TRANSFER,
  ),
);

/** The counter is (E)CX by address size, which is the size of the first operand. */
function loop(name: string, size: 16 | 32) {
  return op(
    `${name}${size}`,
    (c, t) => {
      const sized = c.at(size);
      if (name === 'jcxz') {
        const isZero = c.eq(sized.reg(ECX), c.k(0));
        c.checkTarget(t, isZero);
        c.jumpIf(isZero, t);
        return;
      }
      const n = sized.let(sized.sub(sized.reg(ECX), c.k(1)));
      const more = c.ne(n, c.k(0));
      const taken = name === 'loop' ? more : c.both(more, c.cond(name === 'loope' ? 4 : 5));
      c.checkTarget(t, taken);
      sized.setReg(ECX, n);
      c.jumpIf(taken, t);
    },
    TRANSFER,
  );
}

const nop = op('nop', () => {});
const cmc = op('cmc', c => c.setCarry(c.sub(c.k(1), c.carry())));
const clc = op('clc', c => c.setCarry(c.k(0)));
const stc = op('stc', c => c.setCarry(c.k(1)));
const cld = op('cld', c => c.setWord(EFLAGS_REST, c.and(c.word(EFLAGS_REST), c.k(~0x400))));
const std = op('std', c => c.setWord(EFLAGS_REST, c.or(c.word(EFLAGS_REST), c.k(0x400))));

export const control: readonly Row[] = [
  row('EB', 'Jb', jmp),
  row('E9', 'Jv', jmp),
  row('FF /4', 'Ev', jmpIndirect),
  row('E8', 'Jv', call),
  row('FF /2', 'Ev', callIndirect),
  row('C3', 'v', ret),
  row('C2', 'v,Iw', retImmediate),
  ...jcc.flatMap((operation, cc): Row[] => [
    row(hex(0x70 + cc), 'Jb', operation),
    row(`0F ${hex(0x80 + cc)}`, 'Jv', operation),
  ]),
  ...['loopne', 'loope', 'loop', 'jcxz'].flatMap((name, i): Row[] => [
    row(`a16 ${hex(0xe0 + i)}`, 'Jb', loop(name, 16)),
    row(`a32 ${hex(0xe0 + i)}`, 'Jb', loop(name, COUNTER_32)),
  ]),
  row('90', '', nop),
  ...[0x0d, 0x18, 0x19, 0x1a, 0x1b, 0x1c, 0x1d, 0x1e, 0x1f].map(code =>
    row(`0F ${hex(code)} /r`, 'Ev', nop),
  ),
  row('F5', '', cmc),
  row('F8', '', clc),
  row('F9', '', stc),
  row('FC', '', cld),
  row('FD', '', std),
];
