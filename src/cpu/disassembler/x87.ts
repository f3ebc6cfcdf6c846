/**
 * Printing of the coprocessor's opcodes D8 to DF.
 *
 * Source: Intel SDM volume 2, appendix A.5 (escape opcodes); AT&T names as binutils has them, where
 * fsub and fsubr (and fdiv, fdivr) change places in forms whose destination is not ST(0).
 */

import type { Printed } from './integer.ts';
import type { Reader } from './reader.ts';

/** [opcode - D8][reg] for memory operands; empty for none. */
const MEMORY: readonly (readonly string[])[] = [
  'fadds fmuls fcoms fcomps fsubs fsubrs fdivs fdivrs',
  'flds - fsts fstps fldenv fldcw fNstenv fNstcw',
  'fiaddl fimull ficoml ficompl fisubl fisubrl fidivl fidivrl',
  'fildl fisttpl fistl fistpl - fldt - fstpt',
  'faddl fmull fcoml fcompl fsubl fsubrl fdivl fdivrl',
  'fldl fisttpll fstl fstpl frstor - fNsave fNstsw',
  'fiadds fimuls ficoms ficomps fisubs fisubrs fidivs fidivrs',
  'filds fisttps fists fistps fbld fildll fbstp fistpll',
].map(line => line.split(' '));

/** [opcode - D8][reg] for registers: `a` %st(i),%st; `b` %st,%st(i); `c` %st(i); `-` none. */
const REGISTER: readonly (readonly string[])[] = [
  'fadd:a fmul:a fcom:c fcomp:c fsub:a fsubr:a fdiv:a fdivr:a',
  'fld:c fxch:c - - - - - -',
  'fcmovb:a fcmove:a fcmovbe:a fcmovu:a - - - -',
  'fcmovnb:a fcmovne:a fcmovnbe:a fcmovnu:a - fucomi:a fcomi:a -',
  'fadd:b fmul:b - - fsub:b fsubr:b fdiv:b fdivr:b',
  'ffree:c - fst:c fstp:c fucom:c fucomp:c - -',
  'faddp:b fmulp:b - - fsubp:b fsubrp:b fdivp:b fdivrp:b',
  'ffreep:c - - - - fucomip:a fcomip:a -',
].map(line => line.split(' '));

/** Opcode and ModRM of the forms without operands. */
const SINGLE: { readonly [code: number]: string } = {
  55760: 'fnop',
  55776: 'fchs',
  55777: 'fabs',
  55780: 'ftst',
  55781: 'fxam',
  55784: 'fld1',
  55785: 'fldl2t',
  55786: 'fldl2e',
  55787: 'fldpi',
  55788: 'fldlg2',
  55789: 'fldln2',
  55790: 'fldz',
  55792: 'f2xm1',
  55793: 'fyl2x',
  55794: 'fptan',
  55795: 'fpatan',
  55796: 'fxtract',
  55797: 'fprem1',
  55798: 'fdecstp',
  55799: 'fincstp',
  55800: 'fprem',
  55801: 'fyl2xp1',
  55802: 'fsqrt',
  55803: 'fsincos',
  55804: 'frndint',
  55805: 'fscale',
  55806: 'fsin',
  55807: 'fcos',
  56041: 'fucompp',
  56288: 'fNeni(8087 only)',
  56289: 'fNdisi(8087 only)',
  56290: 'fNclex',
  56291: 'fNinit',
  56292: 'fNsetpm(287 only)',
  57049: 'fcompp',
};

/** Undefined for opcodes that do not exist; `waits` when an FWAIT stands before it. */
export function printX87(opcode: number, reader: Reader, waits: boolean): Printed | undefined {
  const named = (name: string) => name.replace('N', waits ? '' : 'n');
  if (reader.isMemory) {
    const name = MEMORY[opcode - 0xd8][reader.reg];
    return { mnemonic: name === '-' ? '(bad)' : named(name), operands: reader.memory() };
  }
  const code = (opcode << 8) | reader.modrm;
  if (code === 0xdfe0) return { mnemonic: named('fNstsw'), operands: '%ax' };
  const single = SINGLE[code];
  if (single !== undefined) return { mnemonic: named(single), operands: '' };
  const [name, kind] = REGISTER[opcode - 0xd8][reader.reg].split(':');
  if (name === '-') return undefined;
  const other = `%st(${reader.rm})`;
  const operands = { a: `${other},%st`, b: `%st,${other}`, c: other }[kind] ?? '';
  return { mnemonic: name, operands };
}
