/**
 * String instructions and port I/O. Each is a helper that does one step, or with a repeat prefix as
 * many as fit its rules (helpers/string.ts).
 *
 * Source: Intel SDM volume 2.
 */

import type { Effects } from '../code.ts';
import { type Operation, op } from '../operation.ts';
import { type Row, row } from '../row.ts';

const EXITS: Effects = { exits: true };

/** `shape` has segment and address size, P the repeat prefix. */
function string(name: string): Operation {
  return op(name, (c, p) => c.helper(name, [c.shape(), c.read(p), c.k(c.size / 8)], EXITS));
}

const input = op('in', (c, port) => c.helper('portIn', [c.read(port), c.k(c.size / 8)], EXITS));
const output = op('out', (c, port) => c.helper('portOut', [c.read(port), c.k(c.size / 8)], EXITS));

function pair(code: number, operation: Operation): Row[] {
  const at = (n: number) => n.toString(16).toUpperCase();
  return [row(at(code), 'P,Xb', operation), row(at(code + 1), 'P,Xv', operation)];
}

export const strings: readonly Row[] = [
  ...pair(0xa4, string('movs')),
  ...pair(0xa6, string('cmps')),
  ...pair(0xaa, string('stos')),
  ...pair(0xac, string('lods')),
  ...pair(0xae, string('scas')),
  ...pair(0x6c, string('ins')),
  ...pair(0x6e, string('outs')),
  row('E4', 'Iu,b', input),
  row('E5', 'Iu,v', input),
  row('E6', 'Iu,b', output),
  row('E7', 'Iu,v', output),
  row('EC', 'DX,b', input),
  row('ED', 'DX,v', input),
  row('EE', 'DX,b', output),
  row('EF', 'DX,v', output),
];
