/**
 * Bit tests and scans, population count.
 *
 * Source: Intel SDM volume 2. With a memory operand and a register as bit number, bt and kin reach
 * beyond the operand: the helper adds the number, arithmetically shifted, to the address.
 */

import { type Operation, op } from '../operation.ts';
import { featured, type Row, row } from '../row.ts';

/** In the order of the register field of 0F BA: 4 bt, 5 bts, 6 btr, 7 btc. */
const NAMES = ['bt', 'bts', 'btr', 'btc'] as const;

function bitTest(kind: number): Operation {
  return op(
    NAMES[kind],
    (c, d, s) => {
      const n = c.let(c.read(s));
      if (d.form === 'm' && s.form === 'r') {
        c.helper('bitTestMemory', [c.shape(), c.address(d), n, c.k((c.size << 2) | kind)]);
      } else if (kind === 0) {
        c.let(c.compute('bitTest', [c.read(d), n, c.k(c.size)]));
      } else {
        c.modify(d, a => c.compute(NAMES[kind], [a, n, c.k(c.size)]));
      }
    },
    { lock: kind !== 0 },
  );
}

const tests = [0, 1, 2, 3].map(bitTest);
/** With a source of zero only ZF changes and the destination stays. */
const bsf = op('bsf', (c, d, s) => {
  const a = c.let(c.read(s));
  c.write(d, c.compute('bsf', [a, c.read(d), c.k(c.size)]));
});
const bsr = op('bsr', (c, d, s) => {
  const a = c.let(c.read(s));
  c.write(d, c.compute('bsr', [a, c.read(d), c.k(c.size)]));
});
const popcnt = op('popcnt', (c, d, s) => {
  const a = c.read(s);
  c.write(d, c.compute('popcnt', [a, c.k(c.size)]));
});

export const bits: readonly Row[] = [
  ...tests.flatMap((operation, i): Row[] => [
    row(`0F ${['A3', 'AB', 'B3', 'BB'][i]} /r`, 'Ev,Gv', operation),
    row(`0F BA /${4 + i}`, 'Ev,Ib', operation),
  ]),
  row('0F BC /r', 'Gv,Ev', bsf),
  row('0F BD /r', 'Gv,Ev', bsr),
  ...featured('popcnt', row('F3 0F B8 /r', 'Gv,Ev', popcnt)),
];
