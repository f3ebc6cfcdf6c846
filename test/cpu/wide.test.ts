import { describe, expect, test } from 'vitest';
import { BASE, DS, EAX, EBX, ECX, ESI, ESP, LIMIT, SS } from '../../src/cpu/registers.ts';
import { DATA, Scene, type SceneMode, STACK } from '../support/scene.ts';

const START = 0x100;
const GP = 13;
const STACK_FAULT = 12;
const ALL = -1;

/** 16-bit code whose memory operands have 32-bit addresses, by the functions and by the loops. */
describe.each([
  [false, ['real', 'v86', 'prot16']],
  [true, ['real', 'prot16']],
] as const)('run loops: %s', (loops, modes) => {
  function prepare(mode: SceneMode, hex: string, esi: number): Scene {
    const scene = new Scene(mode, { loops });
    // In a loop of its own, so that hot kinds are what runs.
    scene.put(START, hex);
    scene.s[ESI] = esi;
    scene.s[EAX] = 0x11223344;
    scene.s[EBX] = 5;
    return scene;
  }

  describe.each(modes)('%s', mode => {
    test.each([
      ['mov [esi],eax, last dword', '67 66 89 06 cc', 0xfffc, 0x11223344],
      ['mov [esi],al, last byte', '67 88 06 cc', 0xffff, 0x44],
      ['mov [esi*4+disp],ax', '67 89 04 b5 f0 00 00 00 cc', 0x1000, 0x3344],
      ['add dword [esi],5', '67 66 83 06 05 cc', 0x200, 5],
    ])('%s', (_name, hex, esi, value) => {
      const scene = prepare(mode, hex, esi);
      expect(scene.run(START)).toMatchObject({ vector: 3 });
      const at = hex.includes('04 b5') ? esi * 4 + 0xf0 : esi;
      expect(scene.machine.memory.read(DATA + at, 4)).toBe(value);
    });

    // Volume 1, 3.3.5 and volume 3, 5.3: all bytes lie inside the limit, here FFFFh.
    test.each([
      ['a dword over the limit', '67 66 8b 06 cc', 0xfffd, GP],
      ['a byte behind it', '67 8a 06 cc', 0x10000, GP],
      ['a sum that does not wrap', '67 66 8b 46 10 cc', 0xfff8, GP],
      ['far behind it', '67 66 01 06 cc', 0x90000000, GP],
      ['through the stack segment', '36 67 66 89 06 cc', 0x10000, STACK_FAULT],
    ])('%s', (_name, hex, esi, vector) => {
      const scene = prepare(mode, hex, esi);
      expect(scene.run(START)).toMatchObject({ vector, eip: START });
    });

    test('32-bit calls and returns move SP by 4 and keep the rest of ESP', () => {
      const scene = prepare(mode, '66 e8 03 00 00 00 f4 90 90 66 6a 07 66 58 66 c3', 0);
      scene.s[ESP] = 0x8000;
      expect(scene.run(START)?.vector).toBe(mode === 'v86' ? GP : undefined);
      if (mode !== 'v86') expect(scene.s[ESP]).toBe(0x8000);
      expect([scene.s[EAX], scene.machine.memory.read(STACK + 0x7ffc, 4)]).toEqual([7, START + 6]);
    });

    test('a 32-bit return beyond 64 KiB faults with its operand still on the stack', () => {
      const scene = prepare(mode, '66 c3', 0);
      scene.machine.memory.write(STACK + 0x8000, 4, 0x10000);
      expect(scene.run(START)).toMatchObject({ vector: GP, eip: START, esp: 0x8000 });
    });
  });

  test('"unreal" mode reaches beyond 64 KiB, through any base', () => {
    // L: mov [esi],eax; mov ebx,[esi]; inc eax; add esi,4; loop L; int3
    const scene = prepare('real', '67 66 89 06 67 66 8b 1e 66 40 66 83 c6 04 e2 f0 cc', 0x20000);
    scene.s[LIMIT + DS] = ALL;
    scene.s[BASE + DS] = 0x10;
    scene.s[ECX] = 100;
    scene.machine.cpu.processor.modeChanged();
    expect(scene.run(START)).toMatchObject({ vector: 3 });
    expect(scene.machine.memory.read(0x20010 + 99 * 4, 4)).toBe(0x11223344 + 99);
    expect(scene.s[EBX]).toBe(0x11223344 + 99);
  });

  test('a segment with an odd limit is checked to the byte', () => {
    const scene = prepare('prot16', '67 66 8b 06 cc', 0x10000);
    scene.s[LIMIT + DS] = 0x10002;
    scene.machine.cpu.processor.modeChanged();
    expect(scene.run(START)).toMatchObject({ vector: GP, eip: START });
    scene.s[LIMIT + SS] = 0xffff;
  });

  test('a conditional jump that is fused with a comparison faults as the jump', () => {
    const scene = new Scene('prot32', { loops, limit: 0xfff });
    scene.put(0xff0, '39 c0 74 20');
    expect(scene.run(0xff0)).toMatchObject({ vector: GP, eip: 0xff2 });
  });
});
