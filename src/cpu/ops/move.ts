/**
 * Moves that touch no flag: mov, movzx, movsx, xchg, lea, cmov, setcc, bswap, xlat, cbw and kin.
 *
 * Source: Intel SDM volume 2.
 */

import type { Value } from '../code.ts';
import { op } from '../operation.ts';
import { EAX, EDX } from '../registers.ts';
import { featured, hex, type Row, row } from '../row.ts';

const mov = op('mov', (c, d, s) => c.write(d, c.read(s)));
const movzx = op('movzx', (c, d, s) => c.write(d, c.zext(c.read(s), s.size)));
const movsx = op('movsx', (c, d, s) => c.write(d, c.read(s)));
const lea = op('lea', (c, d, m) => c.write(d, c.address(m)));

const xchg = op(
  'xchg',
  (c, d, s) => {
    const b = c.let(c.read(s));
    let old: Value = b;
    c.modify(d, a => {
      old = a;
      if (d.form === 'r') c.write(s, old);
      return b;
    });
    if (d.form !== 'r') c.write(s, old);
  },
  { lock: true },
);

const cbw = op('cbw', c => c.setReg(EAX, c.sext(c.reg(EAX), c.size === 16 ? 8 : 16)));
const cwd = op('cwd', c => c.setReg(EDX, c.sar(c.reg(EAX), c.k(31))));

const bswap = op('bswap', (c, d) => c.modify(d, a => c.compute('bswap', [a, c.k(c.size)])));

const salc = op('salc', c => c.setReg(EAX, c.sub(c.k(0), c.carry())));

const cmov = Array.from({ length: 16 }, (_, cc) =>
  op(`cmov${hex(cc)}`, (c, d, s) => {
    const b = c.let(c.read(s));
    const a = c.let(c.read(d));
    c.write(d, c.select(c.cond(cc), b, a));
  }),
);

const set = Array.from({ length: 16 }, (_, cc) =>
  op(`set${hex(cc)}`, (c, d) => c.write(d, c.select(c.cond(cc), c.k(1), c.k(0)))),
);

/** DS:[(E)BX + AL]; the address is worked out by the helper from the record's shape. */
const xlat = op('xlat', c => c.helper('xlat', [c.shape()]));

export const move: readonly Row[] = [
  row('88 /r', 'Eb,Gb', mov),
  row('89 /r', 'Ev,Gv', mov),
  row('8A /r', 'Gb,Eb', mov),
  row('8B /r', 'Gv,Ev', mov),
  row('A0', 'AL,Ob', mov),
  row('A1', 'eAX,Ov', mov),
  row('A2', 'Ob,AL', mov),
  row('A3', 'Ov,eAX', mov),
  row('B0+r', 'Zb,Ib', mov),
  row('B8+r', 'Zv,Iv', mov),
  row('C6 /0', 'Eb,Ib', mov),
  row('C7 /0', 'Ev,Iv', mov),
  row('8D /r mem', 'Gv,Mv', lea),
  row('86 /r', 'Eb,Gb', xchg),
  row('87 /r', 'Ev,Gv', xchg),
  row('90+r', 'eAX,Zv', xchg),
  row('98', 'v', cbw),
  row('99', 'v', cwd),
  row('D6', 'b', salc),
  row('D7', 'Xb', xlat),
  row('0F B6 /r', 'Gv,Eb', movzx),
  row('0F B7 /r', 'Gv,Ew', movzx),
  row('0F BE /r', 'Gv,Eb', movsx),
  row('0F BF /r', 'Gv,Ew', movsx),
  row('0F C8+r', 'Zv', bswap),
  ...cmov.flatMap((operation, cc) =>
    featured('cmov', row(`0F ${hex(0x40 + cc)} /r`, 'Gv,Ev', operation)),
  ),
  ...set.map((operation, cc) => row(`0F ${hex(0x90 + cc)} /r`, 'Eb', operation)),
];
