/**
 * Opcodes that belong to the coprocessor: D8..DF and WAIT. The helper gets opcode and ModRM byte,
 * and where the memory operand is; it decides by itself.
 *
 * Source: Intel SDM volume 2, appendix A.5 (escape opcodes).
 */

import { op } from '../operation.ts';
import { hex, type Row, row } from '../row.ts';

/** Arguments: opcode << 8 | ModRM, shape of the memory operand, its offset (0 for registers). */
const x87 = op('x87', (c, code, e) =>
  c.helper(
    'x87',
    [c.read(code), c.shape(), e.form === 'm' ? c.address(e) : c.k(0), c.k(c.size / 8)],
    { exits: true },
  ),
);

const wait = op('wait', c => c.helper('wait', [], { exits: true }));

export const escapes: readonly Row[] = [
  ...Array.from({ length: 8 }, (_, i) => row(`${hex(0xd8 + i)} /r`, 'Wp,E', x87)),
  row('9B', '', wait),
];
