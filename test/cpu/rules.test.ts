import { describe, expect, test } from 'vitest';
import {
  AC,
  ATTRIBUTES,
  CR0,
  CR0_AM,
  CR0_EM,
  CR0_NE,
  CR0_PG,
  CR2,
  CR3,
  CR4,
  CR4_OSFXSR,
  DS,
  EAX,
  EBX,
  ECX,
  EIP,
  IF,
  LIMIT,
} from '../../src/cpu/registers.ts';
import { DATA, type Frame, Scene } from '../support/scene.ts';

const START = 0x100;
const UD = 6;
const NM = 7;
const STACK_FAULT = 12;
const GP = 13;
const PF = 14;
const ALIGNMENT = 17;

describe('LOCK (volume 2, LOCK)', () => {
  function locked(hex: string): Frame | undefined {
    const scene = new Scene('flat');
    scene.s[EBX] = DATA;
    scene.put(START, `f0 ${hex} f4`);
    return scene.run(START);
  }

  // Every instruction the manual names, with a memory destination.
  test.each([
    ['add', '01 03'],
    ['add imm', '83 03 01'],
    ['or', '08 03'],
    ['adc', '11 03'],
    ['sbb imm', '81 1b 01 00 00 00'],
    ['and', '21 03'],
    ['sub imm', '80 2b 01'],
    ['xor', '31 03'],
    ['inc', 'ff 03'],
    ['dec', 'fe 0b'],
    ['not', 'f7 13'],
    ['neg', 'f6 1b'],
    ['xchg', '87 03'],
    ['bts', '0f ab 03'],
    ['btr imm', '0f ba 33 01'],
    ['btc', '0f bb 03'],
    ['cmpxchg', '0f b1 03'],
    ['xadd', '0f c1 03'],
    ['cmpxchg8b', '0f c7 0b'],
  ])('%s may be locked', (_name, hex) => {
    expect(locked(hex)).toBeUndefined();
  });

  test.each([
    ['add with a memory source', '03 03'],
    ['xor with a memory source', '32 03'],
    ['add of registers', '01 d8'],
    ['add imm to a register', '83 c0 01'],
    ['add al, imm', '04 01'],
    ['inc of a register', '40'],
    ['neg of a register', 'f7 d8'],
    ['cmp', '39 03'],
    ['cmp imm', '83 3b 01'],
    ['test', '85 03'],
    ['bt', '0f a3 03'],
    ['bt imm', '0f ba 23 01'],
    ['bts of a register', '0f ab c3'],
    ['mov', '89 03'],
    ['xchg of registers', '87 d8'],
    ['xchg with eax', '93'],
    ['shl', 'd1 23'],
    ['mul', 'f7 23'],
    ['push m', 'ff 33'],
    ['call m', 'ff 13'],
    ['lea', '8d 03'],
    ['stosd', 'ab'],
    ['nop', '90'],
    ['setz', '0f 94 03'],
    ['shld', '0f a4 03 01'],
    ['fld', 'd9 03'],
    ['lgdt', '0f 01 13'],
    ['jmp', 'eb 00'],
    ['cmov', '0f 44 03'],
    ['hlt', 'f4'],
  ])('%s may not', (_name, hex) => {
    expect(locked(hex)).toMatchObject({ vector: UD, eip: START });
  });
});

describe('the length of an instruction (volume 2, 2.3.11; volume 3, 6.15, #GP)', () => {
  test.each([
    [14, '90', undefined],
    [15, '90', GP],
    [10, 'b8 01 00 00 00', undefined],
    [11, 'b8 01 00 00 00', GP],
    [4, 'c7 84 8b 00 00 00 00 01 00 00 00', undefined],
    [5, 'c7 84 8b 00 00 00 00 01 00 00 00', GP],
  ])('%d prefixes before %s', (count, hex, vector) => {
    const scene = new Scene('flat');
    scene.s[EBX] = DATA;
    scene.put(START, `${'3e '.repeat(count)}${hex} f4`);
    expect(scene.run(START)?.vector).toBe(vector);
    if (vector !== undefined) return;
    expect(scene.s[EIP]).toBe(START + count + hex.split(' ').length + 1);
  });

  test('undefined opcodes beyond the limit are #GP, not #UD', () => {
    const scene = new Scene('flat');
    scene.put(START, `${'66 '.repeat(15)}0f 0b`);
    expect(scene.run(START)).toMatchObject({ vector: GP, error: 0 });
  });
});

describe('alignment (volume 3, table 6-7), level 3 with AM and AC', () => {
  function unaligned(hex: string, offset: number, cpl: 0 | 3 = 3): Frame | undefined {
    const scene = new Scene('prot32', { cpl });
    scene.s[CR0] |= CR0_AM;
    scene.s[CR4] |= CR4_OSFXSR;
    scene.s[EBX] = 0x400 + offset;
    scene.machine.cpu.processor.setEflags(AC, AC);
    scene.put(START, `${hex} cc`);
    return scene.run(START);
  }

  // Name, code, alignment.
  test.each([
    ['mov eax,[ebx]', '8b 03', 4],
    ['mov ax,[ebx]', '66 8b 03', 2],
    ['mov [ebx],eax', '89 03', 4],
    ['add [ebx],eax', '01 03', 4],
    ['les eax,[ebx] loads', '8b 03', 4],
    ['cmpxchg8b [ebx]', '0f c7 0b', 8],
    ['fld qword', 'dd 03', 8],
    ['fstp qword', 'd9 ee dd 1b', 8],
    ['fld tbyte', 'db 2b', 8],
    ['fild word', 'df 03', 2],
    ['fbstp', 'd9 ee df 33', 8],
    ['movq mm0', '0f 6f 03', 8],
    ['movlps', '0f 12 03', 8],
    ['bound eax,[ebx]', '31 c0 62 03', 4],
  ])('%s', (_name, hex, alignment) => {
    for (let offset = 1; offset < alignment; offset *= 2) {
      expect(unaligned(hex, offset)).toMatchObject({ vector: ALIGNMENT, error: 0 });
      expect(unaligned(hex, offset, 0)).toMatchObject({ vector: 3 });
    }
    expect(unaligned(hex, alignment)).toMatchObject({ vector: 3 });
  });

  test('bytes, and SGDT at an odd word (volume 3, 3.5.1)', () => {
    expect(unaligned('8a 03', 1)?.vector).toBe(3);
    expect(unaligned('0f 01 03', 2)?.vector).toBe(3);
    expect(unaligned('0f 01 03', 4)?.vector).toBe(ALIGNMENT);
  });

  test('a page fault comes first (volume 3, table 6-2)', () => {
    const scene = pagedUser();
    scene.machine.cpu.processor.setEflags(AC, AC);
    scene.s[CR0] |= CR0_AM;
    scene.s[EBX] = DATA + 1;
    scene.put(START, '8b 03');
    expect(scene.run(START)).toMatchObject({ vector: PF, error: 4 });
  });

  test('the top that ENTER leaves, though nothing is stored there', () => {
    const enter = (room: string): Frame | undefined => {
      const scene = new Scene('prot32', { cpl: 3 });
      scene.s[CR0] |= CR0_AM;
      scene.machine.cpu.processor.setEflags(AC, AC);
      scene.put(START, `c8 ${room} 00 00 cc`);
      return scene.run(START);
    };
    expect(enter('08')).toMatchObject({ vector: 3 });
    expect(enter('07')).toMatchObject({ vector: ALIGNMENT, error: 0, esp: 0x8000 });
  });
});

/** Level 3 in flat segments, with the pages of tables, code and stacks alone. */
function pagedUser(): Scene {
  const scene = new Scene('flat', { cpl: 3 });
  const { s, machine } = scene;
  machine.memory.write(0x5000, 4, 0x6007);
  for (let page = 0; page < 256; page++) machine.memory.write(0x6000 + page * 4, 4, page << 12);
  for (const page of [0, 1, 2, 4, 7]) machine.memory.write(0x6000 + page * 4, 1, 7);
  s[CR3] = 0x5000;
  s[CR0] |= CR0_PG;
  machine.cpu.processor.flushTlb(true);
  return scene;
}

describe('what several accesses check first', () => {
  test('ENTER: the segment at the stack pointer that it leaves', () => {
    const scene = new Scene('prot32');
    scene.put(START, 'c8 ff ff 00 cc');
    expect(scene.run(START)).toMatchObject({ vector: STACK_FAULT, error: 0, esp: 0x8000 });
  });

  test('CMPXCHG8B: a page that is not there faults at the operand, as a write', () => {
    const scene = pagedUser();
    scene.s[EBX] = DATA;
    scene.put(START, '0f c7 0b');
    expect(scene.run(START)).toMatchObject({ vector: PF, error: 6 });
    expect(scene.s[CR2]).toBe(DATA);
  });

  test('eight bytes at the upper end of a segment that expands down leave none behind', () => {
    const scene = new Scene('prot16');
    const { s } = scene;
    s[LIMIT + DS] = 0xfff;
    s[ATTRIBUTES + DS] |= 0x400;
    scene.machine.cpu.processor.modeChanged();
    s[EBX] = 0xfffc;
    scene.put(START, 'd9 eb dd 1f');
    expect(scene.run(START)).toMatchObject({ vector: GP, error: 0 });
    expect(scene.machine.memory.read(DATA + 0xfffc, 4)).toBe(0);
  });
});

describe('images of the x87 environment by operand size (volume 1, figures 8-9 to 8-12)', () => {
  test.each([
    ['FNSTENV in 16-bit code', 'prot16', 'd9 37', 14],
    ['FNSAVE in 16-bit code', 'prot16', 'dd 37', 94],
    ['FNSAVE in real mode', 'real', 'dd 37', 94],
    ['FNSAVE with 66 in real mode', 'real', '66 dd 37', 108],
    ['FNSTENV in 32-bit code', 'prot32', 'd9 33', 28],
    ['FNSTENV with 66 in 32-bit code', 'prot32', '66 d9 33', 14],
    ['FNSAVE with 66 in 32-bit code', 'prot32', '66 dd 33', 94],
  ] as const)('%s', (_name, mode, hex, length) => {
    const scene = new Scene(mode);
    const { memory } = scene.machine;
    const area = new Uint8Array(128).fill(0xcc);
    memory.writeBytes(DATA, area);
    scene.s[EBX] = 0;
    scene.put(START, `${hex} cc`);
    expect(scene.run(START)).toMatchObject({ vector: 3 });
    memory.readBytes(DATA, area);
    expect(area.findLastIndex(byte => byte !== 0xcc)).toBe(length - 1);
  });

  test.each([
    ['FLDENV', 'd9 27'],
    ['FRSTOR', 'dd 27'],
  ])('%s reads what 16-bit code stored', (_name, hex) => {
    const scene = new Scene('prot16');
    const { memory } = scene.machine;
    memory.writeBytes(DATA, Uint8Array.from([0x7f, 0x02, 0x00, 0x30, 0xff, 0xff]));
    scene.s[EBX] = 0;
    scene.put(START, `${hex} df e0 cc`);
    expect(scene.run(START)).toMatchObject({ vector: 3 });
    expect(scene.s[EAX] & 0xffff).toBe(0x3000);
  });
});

describe('MONITOR and MWAIT', () => {
  function start(hex: string, ecx = 0): Scene {
    const scene = new Scene('flat');
    scene.s[EAX] = DATA;
    scene.s[ECX] = ecx;
    scene.put(START, hex);
    return scene;
  }

  const MONITOR = '0f 01 c8';
  const MWAIT = '0f 01 c9';

  test('MWAIT without MONITOR does not wait', () => {
    expect(start(`${MWAIT} cc`).run(START)?.vector).toBe(3);
  });

  test('waits for an interrupt behind MONITOR', () => {
    const scene = start(`${MONITOR} fb ${MWAIT} cc`);
    expect(scene.run(START)).toBeUndefined();
    expect(scene.machine.cpu.halted).toBe(true);
    scene.machine.intr.set(true);
    expect(scene.machine.cpu.halted).toBe(false);
    expect(scene.run(scene.s[EIP])).toMatchObject({ vector: 0x20, eip: START + 7 });
  });

  test('an interrupt between the two ends it', () => {
    const scene = start(`${MONITOR} fb 90 ${MWAIT} cc`);
    scene.machine.memory.write(0x4200, 1, 0xcf);
    scene.machine.intr.set(true);
    scene.s[EIP] = START;
    scene.machine.cpu.run(4);
    scene.machine.intr.set(false);
    expect(scene.run(scene.s[EIP])?.vector).toBe(3);
  });

  test('with ECX bit 0 a masked interrupt ends it, and is not delivered', () => {
    const scene = start(`${MONITOR} b1 01 ${MWAIT} cc`);
    expect(scene.run(START)).toBeUndefined();
    scene.machine.intr.set(true);
    expect(scene.run(scene.s[EIP])?.vector).toBe(3);
    const masked = start(`${MONITOR} ${MWAIT} cc`);
    expect(masked.run(START)).toBeUndefined();
    masked.machine.intr.set(true);
    expect(masked.machine.cpu.halted).toBe(true);
  });

  test.each([
    ['MONITOR with ECX', MONITOR, 1, 'max', GP],
    ['MWAIT with reserved ECX', MWAIT, 2, 'max', GP],
    ['a model without it', MONITOR, 0, 'pentium3', UD],
  ])('%s', (_name, hex, ecx, model, vector) => {
    const scene = new Scene('flat', { model });
    scene.s[ECX] = ecx;
    scene.put(START, hex);
    expect(scene.run(START)?.vector).toBe(vector);
  });

  test('are undefined above level 0', () => {
    const scene = new Scene('flat', { cpl: 3 });
    scene.put(START, MONITOR);
    expect(scene.run(START)?.vector).toBe(UD);
  });
});

describe('CR0.NE clear: FERR#, IGNNE# (volume 1, 8.7; appendix D of older editions)', () => {
  // fldcw unmasks division by zero; fld1; fldz; fdivp (pending); fnstsw ax; fld1; int3
  const CODE = 'd9 2b d9 e8 d9 ee de f9 df e0 d9 e8 cc';

  function divide(): Scene {
    const scene = new Scene('flat');
    scene.s[EBX] = DATA;
    scene.machine.memory.write(DATA, 2, 0x37b);
    scene.put(START, `db e3 ${CODE}`);
    return scene;
  }

  test('the next waiting instruction stands still until an interrupt', () => {
    const scene = divide();
    const { machine } = scene;
    machine.cpu.processor.setEflags(IF, IF);
    expect(scene.run(START)).toBeUndefined();
    expect([machine.cpu.halted, machine.ferr.level, scene.s[EIP]]).toEqual([
      true,
      true,
      START + 12,
    ]);
    machine.vector = 0x2d;
    machine.intr.set(true);
    expect(scene.run(scene.s[EIP])).toMatchObject({ vector: 0x2d, eip: START + 12 });
  });

  test('IGNNE# lets it go on', () => {
    const scene = divide();
    scene.machine.ignne.set(true);
    expect(scene.run(START)?.vector).toBe(3);
  });

  test('FNCLEX takes FERR# back', () => {
    const scene = divide();
    scene.put(START + 12, 'db e2 d9 e8 cc');
    expect(scene.run(START)?.vector).toBe(3);
    expect(scene.machine.ferr.level).toBe(false);
  });

  test('with NE set it is #MF', () => {
    const scene = divide();
    scene.s[CR0] |= CR0_NE;
    expect(scene.run(START)).toMatchObject({ vector: 16, eip: START + 12 });
    expect(scene.machine.ferr.level).toBe(false);
  });
});

describe('without an x87', () => {
  test.each([
    ['#UD', 0, UD],
    ['#NM with EM, for an emulator', CR0_EM, NM],
  ])('%s', (_name, cr0, vector) => {
    const scene = new Scene('flat', { model: 'max,-fpu' });
    scene.s[CR0] |= cr0;
    scene.put(START, 'd9 e8 f4');
    expect(scene.run(START)).toMatchObject({ vector, eip: START });
  });
});
