/**
 * System instructions: all work is in helpers, which check privilege first.
 *
 * Source: Intel SDM volume 2.
 */

import type { Effects } from '../code.ts';
import { type Operation, op } from '../operation.ts';
import { featured, type Row, row } from '../row.ts';

const EXITS: Effects = { exits: true };

/** No operands. */
function bare(name: string, ends = false): Operation {
  return op(name, c => c.helper(name, [], EXITS), { ends });
}

/** Takes the segment shape and offset of a memory operand, and the operand size in bytes. */
function onMemory(name: string): Operation {
  return op(name, (c, m) => c.helper(name, [c.shape(), c.address(m), c.k(c.size / 8)], EXITS));
}

/** Takes one value. */
function onValue(name: string): Operation {
  return op(name, (c, s) => c.helper(name, [c.read(s)], EXITS));
}

/** Stores what a helper answers. */
function stores(name: string): Operation {
  return op(name, (c, d) => c.write(d, c.helperValue(name, [])));
}

/** Reads or writes a control or debug register: register number, general register number. */
function special(name: string): Operation {
  return op(name, (c, r, n) => c.helper(name, [c.read(n), c.number(r)], EXITS));
}

const sldt = stores('sldt');
const str = stores('str');
const smsw = stores('smsw');
/** The helper answers -1 when ZF is clear and the destination keeps its value. */
const lar = op('lar', (c, d, s) => c.helper('lar', [c.read(s), c.number(d), c.k(c.size)]));
const lsl = op('lsl', (c, d, s) => c.helper('lsl', [c.read(s), c.number(d), c.k(c.size)]));
const arpl = op('arpl', (c, d, s) => {
  const b = c.let(c.read(s));
  if (d.form === 'm') c.helper('arplMemory', [c.shape(), c.address(d), b]);
  else c.write(d, c.helperValue('arpl', [c.read(d), b]));
});
const cmpxchg8b = op('cmpxchg8b', (c, m) => c.helper('cmpxchg8b', [c.shape(), c.address(m)]), {
  lock: true,
});
const cli = op('cli', c => c.helper('cli', []));

export const system: readonly Row[] = [
  row('0F 00 /0 mod3', 'Rv', sldt),
  row('0F 00 /0 mem', 'Mw', sldt),
  row('0F 00 /1 mod3', 'Rv', str),
  row('0F 00 /1 mem', 'Mw', str),
  row('0F 00 /2', 'Ew', onValue('lldt')),
  row('0F 00 /3', 'Ew', onValue('ltr')),
  row('0F 00 /4', 'Ew', onValue('verr')),
  row('0F 00 /5', 'Ew', onValue('verw')),
  row('0F 01 /0 mem', 'Mv', onMemory('sgdt')),
  row('0F 01 /1 mem', 'Mv', onMemory('sidt')),
  row('0F 01 /2 mem', 'Mv', onMemory('lgdt')),
  row('0F 01 /3 mem', 'Mv', onMemory('lidt')),
  row('0F 01 /4 mod3', 'Rv', smsw),
  row('0F 01 /4 mem', 'Mw', smsw),
  row('0F 01 /6', 'Ew', onValue('lmsw')),
  row('0F 01 /7 mem', 'Mb', onMemory('invlpg')),
  row('0F 02 /r', 'Gv,Ew', lar),
  row('0F 03 /r', 'Gv,Ew', lsl),
  row('0F 06', '', bare('clts')),
  row('0F 08', '', bare('invd')),
  row('0F 09', '', bare('wbinvd')),
  row('0F 0B', '', bare('ud2', true)),
  row('0F 20 /r', 'Rd,Cd', special('readControl')),
  row('0F 21 /r', 'Rd,Dd', special('readDebug')),
  row('0F 22 /r', 'Rd,Cd', special('writeControl')),
  row('0F 23 /r', 'Rd,Dd', special('writeDebug')),
  ...featured('msr', row('0F 30', '', bare('wrmsr')), row('0F 32', '', bare('rdmsr'))),
  ...featured('tsc', row('0F 31', '', bare('rdtsc'))),
  row('0F 33', '', bare('rdpmc')),
  ...featured(
    'sep',
    row('0F 34', '', bare('sysenter', true)),
    row('0F 35', '', bare('sysexit', true)),
  ),
  row('0F A2', '', bare('cpuid')),
  row('0F AA', '', bare('rsm', true)),
  ...featured('cx8', row('0F C7 /1 mem', 'Mb', cmpxchg8b)),
  ...featured('clflush', row('0F AE /7 mem', 'Mb', onMemory('clflush'))),
  row('63 /r', 'Ew,Gw', arpl),
  row('F4', '', bare('hlt', true)),
  row('FA', '', cli),
  row('FB', '', bare('sti')),
];
