import { describe, expect, test } from 'vitest';
import { CR0, CR0_PG, CR3, CR4, ECX, EIP, ESP, VIF, VIP } from '../../src/cpu/registers.ts';
import { CODE, DATA, Scene, type SceneMode, STACK } from '../support/scene.ts';

/** Of CS: the last byte is the first of nothing that could run there. */
const LIMIT = 0x1fff;
const OUTSIDE = 0x2000;
const START = 0x100;
const GP = 13;
const ECX_BEFORE = 0x00070002;

interface Case {
  readonly name: string;
  /** After the 66 prefix where the mode needs one; T is the target as 4 bytes. */
  readonly code: string;
  /** ZF before. */
  readonly zero?: boolean;
}

/** 32-bit operands: the target is OUTSIDE, or what SS:SP and DS:0 hold. */
const WIDE: readonly Case[] = [
  { name: 'JMP rel32', code: 'e9 T' },
  { name: 'CALL rel32', code: 'e8 T' },
  { name: 'JZ rel32', code: '0f 84 T', zero: true },
  { name: 'JMP r32', code: 'ff e3' },
  { name: 'CALL r32', code: 'ff d3' },
  { name: 'JMP m32', code: 'ff 26 00 00' },
  { name: 'CALL m32', code: 'ff 16 00 00' },
  { name: 'RET', code: 'c3' },
  { name: 'RET imm16', code: 'c2 08 00' },
];

function littleEndian(value: number): string {
  const bytes = [0, 8, 16, 24].map(n => ((value >>> n) & 0xff).toString(16).padStart(2, '0'));
  return bytes.join(' ');
}

function prepare(mode: SceneMode, limit: number, outside: number): Scene {
  const scene = new Scene(mode, { limit });
  const { s, machine } = scene;
  s[ECX] = ECX_BEFORE;
  s[3] = outside;
  machine.memory.write(DATA, 4, outside);
  machine.memory.write(STACK + s[ESP], 4, outside);
  return scene;
}

function assemble(given: Case, mode: SceneMode, outside: number): string {
  const prefix = mode === 'prot32' ? '' : '66 ';
  // Memory operands are written for 16-bit addresses.
  const text = mode === 'prot32' ? given.code.replace(/^ff (.)6 /, '67 ff $16 ') : given.code;
  const length = (prefix + text.replace('T', '00 00 00 00')).split(' ').length;
  return prefix + text.replace('T', littleEndian(outside - START - length));
}

describe.each([
  // Real and virtual-8086 mode have 64 KiB: only a 32-bit offset leaves them.
  ['real', 0xffff, 0x10000],
  ['v86', 0xffff, 0x00012345],
  ['prot16', LIMIT, OUTSIDE],
  ['prot32', LIMIT, OUTSIDE],
  ['prot32', LIMIT, 0xffff0000],
] as const)('%s, limit %x, to %x', (mode, limit, outside) => {
  test.each(WIDE)('$name faults where it stands', given => {
    const scene = prepare(mode, limit, outside);
    scene.put(START, assemble(given, mode, outside));
    const { s, machine } = scene;
    const below = machine.memory.read(STACK + s[ESP] - 4, 4);
    if (given.zero === true) machine.cpu.processor.setEflags(0x40, 0x40);
    const esp = s[ESP];
    const frame = scene.run(START);
    expect(frame).toMatchObject({ vector: GP, eip: START, esp });
    if (mode !== 'real') expect(frame?.error).toBe(0);
    expect(s[ECX]).toBe(ECX_BEFORE);
    // CALL has pushed nothing (below the stack pointer a frame on the same stack would be).
    if (mode === 'v86') expect(machine.memory.read(STACK + esp - 4, 4)).toBe(below);
  });

  test('a JZ that is not taken does not', () => {
    const scene = prepare(mode, limit, outside);
    scene.put(START, `${assemble({ name: '', code: '0f 84 T' }, mode, outside)} cc`);
    expect(scene.run(START)).toMatchObject({ vector: 3 });
  });
});

/** Bytes at FF0h with a limit of FFFh: the target is 1000h or more. */
const SHORT: readonly [string, string, boolean, number][] = [
  ['JMP rel8', 'eb 20', false, ECX_BEFORE],
  ['JZ rel8', '74 20', true, ECX_BEFORE],
  ['LOOP', 'e2 20', false, ECX_BEFORE],
  ['LOOPZ', 'e1 20', true, ECX_BEFORE],
  ['LOOPNZ', 'e0 20', false, ECX_BEFORE],
  ['JCXZ', 'e3 20', false, 0],
];

describe.each(['prot16', 'prot32'] as const)('short transfers, %s', mode => {
  test.each(SHORT)('%s leaves (E)CX alone when it faults', (_name, code, zero, ecx) => {
    const scene = new Scene(mode, { limit: 0xfff });
    scene.put(0xff0, code);
    scene.s[ECX] = ecx;
    scene.machine.cpu.processor.setEflags(zero ? 0x40 : 0, 0x40);
    expect(scene.run(0xff0)).toMatchObject({ vector: GP, error: 0, eip: 0xff0, esp: 0x8000 });
    expect(scene.s[ECX]).toBe(ecx);
  });

  test.each([
    ['LOOP at the end of its count', 'e2 20 cc', 1, 0],
    ['LOOPZ with ZF clear', 'e1 20 cc', 5, 4],
    ['JCXZ', 'e3 20 cc', 5, 5],
  ])('%s does not fault', (_name, code, before, after) => {
    const scene = new Scene(mode, { limit: 0xfff });
    scene.put(0xff0, code);
    scene.s[ECX] = before;
    expect(scene.run(0xff0)).toMatchObject({ vector: 3 });
    expect(scene.s[ECX]).toBe(after);
  });

  test('a jump to the last byte of the segment lands there; what follows does not', () => {
    const scene = new Scene(mode, { limit: 0xfff });
    scene.put(0xff0, 'eb 0d');
    scene.put(0xfff, '40');
    scene.s[0] = 6;
    expect(scene.run(0xff0)).toMatchObject({ vector: GP, error: 0, eip: 0x1000 });
    expect(scene.s[0]).toBe(7);
  });

  test('an instruction that straddles the limit faults where it begins', () => {
    const scene = new Scene(mode, { limit: 0xfff });
    scene.put(0xffe, mode === 'prot32' ? 'b8 01 00 00 00' : 'b8 01 00');
    expect(scene.run(0xffe)).toMatchObject({ vector: GP, error: 0, eip: 0xffe });
  });
});

test.each([
  ['prot32', '39 c0 0f 84 T'],
  ['prot16', '39 c0 66 0f 84 T'],
] as const)('%s: a comparison and the JZ behind it that leaves CS stay two', (mode, code) => {
  const scene = new Scene(mode, { limit: LIMIT });
  const jump = START + 2;
  const length = mode === 'prot32' ? 6 : 7;
  scene.put(START, code.replace('T', littleEndian(OUTSIDE - jump - length)));
  expect(scene.run(START)).toMatchObject({ vector: GP, error: 0, eip: jump });
});

test('with 16-bit operands a target is cut to 16 bits first', () => {
  const scene = new Scene('prot32', { limit: 0xffff });
  scene.put(START, '66 ff e3');
  scene.put(0x200, 'cc');
  scene.s[3] = 0x00050200;
  expect(scene.run(START)).toMatchObject({ vector: 3, eip: 0x201 });
});

test('real-mode code that runs off 64 KiB does not wrap', () => {
  const scene = new Scene('real');
  scene.put(0xffff, '40');
  // Volume 3, 22.33: what the frame holds are the low 16 bits of 10000h.
  expect(scene.run(0xffff)).toMatchObject({ vector: GP, eip: 0 });
});

test('16-bit code in a segment beyond 64 KiB goes on past FFFFh', () => {
  const scene = new Scene('prot16', { limit: 0xfffff });
  scene.put(0xffff, '40 40 f4');
  scene.s[0] = 1;
  expect(scene.run(0xffff)).toBeUndefined();
  expect(scene.s[0]).toBe(3);
  expect(scene.s[EIP]).toBe(0x10002);
});

test('the limit comes before the page that the fetch would need', () => {
  const scene = new Scene('prot32', { limit: LIMIT });
  const { s, machine } = scene;
  scene.put(LIMIT, '90');
  machine.memory.write(0x5000, 4, 0x6007);
  for (let page = 0; page < 256; page++) {
    const isMapped = page !== (CODE + OUTSIDE) >> 12;
    machine.memory.write(0x6000 + page * 4, 4, isMapped ? (page << 12) | 7 : 0);
  }
  s[CR3] = 0x5000;
  s[CR0] |= CR0_PG;
  machine.cpu.processor.flushTlb(true);
  expect(scene.run(LIMIT)).toMatchObject({ vector: GP, eip: OUTSIDE });
});

describe('far calls: room on the stack first, then the limit of the new segment', () => {
  const GDT = 0x818;

  function far(esp: number, segment: readonly [number, number]): Scene {
    const scene = new Scene('prot32', { cpl: 3 });
    segment.forEach((word, i) => {
      scene.machine.memory.write(GDT + i * 4, 4, word);
    });
    scene.s[ESP] = esp;
    scene.put(START, '9a 00 20 00 00 1b 00');
    return scene;
  }

  const NARROW = [0x00000fff, 0x0040fb01] as const;
  // Volume 2, CALL, CONFORMING- and NONCONFORMING-CODE-SEGMENT.
  test.each([
    ['beyond the limit', 0x8000, { vector: GP, error: 0 }],
    ['no room for the second push', 4, { vector: 12, error: 0 }],
  ])('%s', (_name, esp, fault) => {
    expect(far(esp, NARROW).run(START)).toMatchObject({ ...fault, eip: START, esp });
  });

  test('through a gate at the same level likewise', () => {
    const scene = far(0x8000, [0x00230000, 0x0000ec00]);
    const { memory } = scene.machine;
    memory.write(GDT + 8, 4, NARROW[0]);
    memory.write(GDT + 12, 4, NARROW[1]);
    memory.write(GDT, 4, 0x00232000);
    expect(scene.run(START)).toMatchObject({ vector: GP, error: 0, eip: START, esp: 0x8000 });
    const again = far(4, [0x00232000, 0x0000ec00]);
    again.machine.memory.write(GDT + 8, 4, NARROW[0]);
    again.machine.memory.write(GDT + 12, 4, NARROW[1]);
    expect(again.run(START)).toMatchObject({ vector: 12, error: 0, eip: START, esp: 4 });
  });

  test.each([
    [GP, 0x8000],
    [12, 2],
  ])('real mode likewise: vector %d', (vector, esp) => {
    const scene = new Scene('real');
    scene.put(START, '66 9a 00 00 01 00 00 10');
    scene.s[ESP] = esp;
    expect(scene.run(START)).toMatchObject({ vector, eip: START });
  });
});

// Volume 3, 20.3.2: both flags at the beginning of an instruction.
test.each<[SceneMode, number, number | undefined]>([
  ['v86', 1, 13],
  ['v86', 2, undefined],
  ['prot32', 2, 13],
  ['prot32', 1, undefined],
])('VIF with VIP in %s, CR4 %i: %o', (mode, cr4, vector) => {
  const scene = new Scene(mode, { cpl: 3 });
  scene.s[CR4] = cr4;
  scene.machine.cpu.processor.setEflags(VIF | VIP, VIF | VIP);
  scene.put(0x100, '90 0f 0b');
  const frame = scene.run(0x100);
  expect(frame?.eip).toBe(vector === undefined ? 0x101 : 0x100);
  if (vector !== undefined) expect(frame).toMatchObject({ vector, error: 0 });
});
