/**
 * Opcodes that belong to the coprocessor: D8..DF and WAIT. The helper gets opcode and ModRM byte,
 * and where the memory operand is; it decides by itself.
 *
 * Source: Intel SDM volume 2, appendix A.5 (escape opcodes).
 */

import { op } from '../operation.ts';
import { featured, hex, type Row, row } from '../row.ts';

const ESCAPES = [0xd8, 0xd9, 0xda, 0xdb, 0xdc, 0xdd, 0xde, 0xdf];

const x87 = op('x87', (c, code, e) => c.x87(c.read(code), e));

/** Without an x87: #NM for an emulator that set CR0.EM, else #UD. */
const absent = op('x87Absent', c => c.helper('x87Absent', []), { ends: true });

const wait = op('wait', c => c.helper('wait', [], { exits: true }));

export const escapes: readonly Row[] = [
  ...ESCAPES.map(code => row(`${hex(code)} /r`, 'Wp,E', absent)),
  // Later rows are tried first.
  ...featured('fpu', ...ESCAPES.map(code => row(`${hex(code)} /r`, 'Wp,Ev', x87))),
  row('9B', '', wait),
];
