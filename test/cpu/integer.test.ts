import { expect, test } from 'vitest';
import { EAX, EBX, ECX, EDX } from '../../src/cpu/registers.ts';
import { BareMachine } from '../support/bare-machine.ts';

const CODE = 0x100000;
const HLT = 0xf4;
const EFLAGS = 0x8d5;
const machine = new BareMachine(4);

interface Start {
  readonly eax?: number;
  readonly ebx?: number;
  readonly ecx?: number;
  readonly edx?: number;
  /** Arithmetic flags before; CF 1, PF 4, AF 10h, ZF 40h, SF 80h, OF 800h. */
  readonly flags?: number;
}

/** Runs `hex` in 32-bit protected mode and tells registers and arithmetic flags. */
function run(hex: string, start: Start = {}): { eax: string; edx: string; flags: string } {
  const { processor } = machine.cpu;
  const { s } = processor;
  const bytes = hex.split(' ').map(byte => Number.parseInt(byte, 16));
  machine.memory.writeBytes(CODE, Uint8Array.from([...bytes, HLT]));
  machine.cpu.reset();
  machine.enterProtected(CODE);
  processor.setEflags(start.flags ?? 0, EFLAGS);
  s[EAX] = start.eax ?? 0;
  s[EBX] = start.ebx ?? 0;
  s[ECX] = start.ecx ?? 0;
  s[EDX] = start.edx ?? 0;
  machine.run(100);
  expect(machine.tripleFault).toBeUndefined();
  const text = (n: number): string => (s[n] >>> 0).toString(16);
  return {
    eax: text(EAX),
    edx: text(EDX),
    flags: (processor.eflags() & EFLAGS).toString(16),
  };
}

const MAX = 0x7fffffff;
const MIN = 0x80000000;

test.each([
  // bytes, before, eax, flags after: from the manual's rules, by hand
  ['add eax,ebx', '01 d8', { eax: MAX, ebx: 1 }, '80000000', '894'],
  ['add to zero', '01 d8', { eax: 0xffffffff, ebx: 1 }, '0', '55'],
  ['add al,bl', '00 d8', { eax: 0x7f, ebx: 1 }, '80', '890'],
  ['add ax,bx', '66 01 d8', { eax: 0x1ffff, ebx: 1 }, '10000', '55'],
  ['adc with carry', '11 d8', { eax: 0xffffffff, ebx: 0, flags: 1 }, '0', '55'],
  ['adc all ones', '11 d8', { eax: 5, ebx: 0xffffffff, flags: 1 }, '5', '15'],
  ['sub eax,ebx', '29 d8', { eax: 0, ebx: 1 }, 'ffffffff', '95'],
  ['sub overflow', '29 d8', { eax: MIN, ebx: 1 }, '7fffffff', '814'],
  ['sbb al,bl', '18 d8', { eax: 0, ebx: 0xff, flags: 1 }, '0', '55'],
  ['cmp equal', '39 d8', { eax: 7, ebx: 7 }, '7', '44'],
  ['and clears CF OF', '21 d8', { eax: 0xf0, ebx: 0x0f, flags: 0x801 }, '0', '44'],
  ['inc keeps CF', '40', { eax: MAX, flags: 1 }, '80000000', '895'],
  ['dec keeps CF', '48', { eax: MIN, flags: 1 }, '7fffffff', '815'],
  ['inc al', 'fe c0', { eax: 0xff }, '0', '54'],
  ['neg', 'f7 d8', { eax: 1 }, 'ffffffff', '95'],
  ['neg of zero', 'f7 d8', { eax: 0, flags: 1 }, '0', '44'],
  ['not touches no flag', 'f7 d0', { eax: 0, flags: 0x8d5 }, 'ffffffff', '8d5'],
  ['shl by 1', 'd1 e0', { eax: 0xc0000000 }, '80000000', '85'],
  ['shl into OF', 'd1 e0', { eax: 0x40000000 }, '80000000', '884'],
  ['shl by 0 keeps flags', 'c1 e0 00', { eax: 5, flags: 0x8d5 }, '5', '8d5'],
  ['shl by 32 is by 0', 'c1 e0 20', { eax: 5, flags: 0x801 }, '5', '801'],
  ['shr by 1', 'd1 e8', { eax: 0x80000001 }, '40000000', '805'],
  ['sar by 4', 'c1 f8 04', { eax: 0xfffffff8 }, 'ffffffff', '85'],
  ['sar al', 'c0 f8 07', { eax: 0x80 }, 'ff', '84'],
  ['rol keeps ZF', 'd1 c0', { eax: MIN, flags: 0x40 }, '1', '841'],
  ['ror', 'd1 c8', { eax: 1 }, '80000000', '801'],
  ['rcl through CF', 'd1 d0', { eax: MIN, flags: 1 }, '1', '801'],
  ['rcr ax', '66 d1 d8', { eax: 1, flags: 1 }, '8000', '801'],
  ['shld', '0f a4 d8 04', { eax: 0x12345678, ebx: 0xabcdef01 }, '2345678a', '1'],
  ['shrd', '0f ac d8 08', { eax: 0x123456f1, ebx: 0xaa }, 'aa123456', '885'],
  ['bsf', '0f bc c3', { ebx: 0x100 }, '8', '0'],
  ['bsr of zero keeps', '0f bd c3', { eax: 77, ebx: 0 }, '4d', '40'],
  ['bt', '0f a3 d8', { eax: 0x8000, ebx: 15 }, '8000', '1'],
  ['btc', '0f bb d8', { eax: 1, ebx: 32 }, '0', '1'],
  ['bswap', '0f c8', { eax: 0x11223344 }, '44332211', '0'],
  ['xadd', '0f c1 d8', { eax: 1, ebx: 2 }, '3', '4'],
  ['cmpxchg equal', '0f b1 d8', { eax: 5, ebx: 9 }, '9', '44'],
  ['movzx', '0f b6 c3', { ebx: 0xff }, 'ff', '0'],
  ['movsx', '0f be c3', { ebx: 0x80 }, 'ffffff80', '0'],
  ['cbw', '66 98', { eax: 0x80 }, 'ff80', '0'],
  ['setg', '0f 9f c0', { flags: 0 }, '1', '0'],
  ['setl', '0f 9c c0', { flags: 0x880 }, '0', '880'],
  ['cmovz', '0f 44 c3', { eax: 1, ebx: 2, flags: 0x40 }, '2', '40'],
  ['daa', '27', { eax: 0x9a }, '0', '55'],
  ['das', '2f', { eax: 0x00, flags: 1 }, 'a0', '85'],
  ['aaa', '37', { eax: 0x0a }, '100', '55'],
  ['aam', 'd4 0a', { eax: 0x7b }, 'c03', '4'],
  ['aad', 'd5 0a', { eax: 0x0705 }, '4b', '4'],
  ['salc', 'd6', { flags: 1 }, 'ff', '1'],
  ['lahf', '9f', { flags: 0xd5 }, 'd700', 'd5'],
  ['sahf keeps OF', '9e', { eax: 0x0100, flags: 0x8d4 }, '100', '801'],
  ['cmc', 'f5', { flags: 0x881 }, '0', '880'],
] as const)('%s gives result and flags', (_name, code, before, eax, flags) => {
  const after = run(code, before);
  expect({ eax: after.eax, flags: after.flags }).toEqual({ eax, flags });
});

test.each([
  ['mul', 'f7 e3', { eax: 0xffffffff, ebx: 0xffffffff }, '1', 'fffffffe'],
  ['imul', 'f7 eb', { eax: 0xffffffff, ebx: 3 }, 'fffffffd', 'ffffffff'],
  ['mul bl', 'f6 e3', { eax: 0xff, ebx: 0xff, edx: 9 }, 'fe01', '9'],
  ['div', 'f7 f3', { eax: 7, edx: 1, ebx: 0x10 }, '10000000', '7'],
  ['div, 64 bits', 'f7 f3', { eax: 5, edx: 0x7fffffff, ebx: MIN }, 'fffffffe', '5'],
  ['idiv', 'f7 fb', { eax: 0xfffffff9, edx: 0xffffffff, ebx: 2 }, 'fffffffd', 'ffffffff'],
  ['cwd', '66 99', { eax: 0x8000 }, '8000', 'ffff'],
] as const)('%s gives both halves', (_name, code, before, eax, edx) => {
  const after = run(code, before);
  expect({ eax: after.eax, edx: after.edx }).toEqual({ eax, edx });
});
