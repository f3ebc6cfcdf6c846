import { describe, expect, test } from 'vitest';
import {
  CR4,
  CR4_PVI,
  CR4_VME,
  ESP,
  IF,
  IOPL,
  LIMIT,
  TF,
  TR,
  VIF,
  VIP,
} from '../../src/cpu/registers.ts';
import { type Frame, Scene, STACK } from '../support/scene.ts';

const START = 0x100;
const GP = 13;
const FLAGS = IF | IOPL | VIF | VIP;
/** Without IOPL the whole point; with it VIF does not matter. */
const IOPL3 = IOPL;

interface Outcome {
  readonly frame: Frame | undefined;
  readonly scene: Scene;
}

/** V86 with VME, or ring 3 with PVI; ends in INT3, whose gate leads to the monitor. */
function run(mode: 'v86' | 'prot32', hex: string, flags: number, top?: number): Outcome {
  const scene = new Scene(mode, { cpl: 3 });
  const { s, machine } = scene;
  s[CR4] |= mode === 'v86' ? CR4_VME : CR4_PVI;
  machine.cpu.processor.setEflags(flags, FLAGS);
  if (top !== undefined) machine.memory.write(STACK + s[ESP], 2, top);
  scene.put(START, `${hex} cc`);
  return { frame: scene.run(START), scene };
}

// Volume 2, CLI, STI, PUSHF, POPF; volume 3, 20.3 and 20.4.
describe.each(['v86', 'prot32'] as const)('CLI and STI work on VIF below IOPL 3, %s', mode => {
  test.each([
    ['cli', 'fa', VIF | IF, IF],
    ['sti', 'fb', IF, IF | VIF],
    ['cli with IOPL 3', 'fa', IOPL3 | VIF | IF, IOPL3 | VIF],
    ['sti with IOPL 3', 'fb', IOPL3, IOPL3 | IF],
  ])('%s', (_name, hex, before, after) => {
    const { frame } = run(mode, hex, before);
    expect(frame?.vector).toBe(3);
    expect((frame?.eflags ?? 0) & FLAGS).toBe(after);
  });

  test('STI with an interrupt pending is #GP(0)', () => {
    expect(run(mode, 'fb', VIP | IF).frame).toMatchObject({ vector: GP, error: 0, eip: START });
  });
});

describe('virtual-8086 mode with VME, IOPL 0', () => {
  test('PUSHF shows VIF as IF and IOPL 3', () => {
    for (const [flags, image] of [
      [VIF, IF | IOPL],
      [IF, IOPL],
    ]) {
      const { frame, scene } = run('v86', '9c', flags);
      expect(frame?.vector).toBe(3);
      expect(scene.machine.memory.read(STACK + 0x7ffe, 2) & (IF | IOPL)).toBe(image);
    }
  });

  test('POPF takes IF into VIF and leaves IOPL', () => {
    const { frame } = run('v86', '9d', 0, IF | IOPL | 2);
    expect([frame?.vector, (frame?.eflags ?? 0) & FLAGS]).toEqual([3, VIF]);
  });

  test.each([
    ['POPF of TF', '9d', 0, TF | 2],
    ['POPF of IF with an interrupt pending', '9d', VIP, IF | 2],
    ['PUSHFD', '66 9c', 0, 0],
    ['POPFD', '66 9d', 0, 0],
    ['IRETD', '66 cf', 0, 0],
  ])('%s is #GP(0)', (_name, hex, flags, top) => {
    const { frame } = run('v86', hex, flags, top);
    expect(frame).toMatchObject({ vector: GP, error: 0, eip: START, esp: 0x8000 });
  });

  /** The redirection bitmap lies below the I/O map: here 32 bytes from offset 68h on. */
  function interrupt(redirected: boolean, flags: number): Outcome {
    const scene = new Scene('v86');
    const { s, machine } = scene;
    s[CR4] |= CR4_VME;
    s[LIMIT + TR] = 0x68 + 32;
    machine.memory.write(0x2066, 2, 0x68 + 32);
    machine.memory.write(0x2068 + (0x21 >> 3), 1, redirected ? 2 : 0);
    machine.memory.write(0x21 * 4, 4, 0x10000200);
    machine.cpu.processor.setEflags(flags, FLAGS);
    scene.put(START, 'cd 21');
    scene.put(0x200, 'cc');
    return { frame: scene.run(START), scene };
  }

  // Table 20-2: methods 6, 5, 4 and 1.
  test('INT n whose bit is clear goes to the 8086 handler', () => {
    const { frame, scene } = interrupt(false, VIF);
    expect(frame).toMatchObject({ vector: 3, eip: 0x201, esp: 0x8000 - 6 });
    expect((frame?.eflags ?? 0) & FLAGS).toBe(0);
    const word = (at: number): number => scene.machine.memory.read(STACK + at, 2);
    expect([word(0x7ffa), word(0x7ffc)]).toEqual([START + 2, 0x1000]);
    expect(word(0x7ffe) & (IF | IOPL)).toBe(IF | IOPL);
  });

  test('with IOPL 3 too, and IF itself is cleared', () => {
    const { frame } = interrupt(false, IOPL3 | IF);
    expect(frame).toMatchObject({ vector: 3, eip: 0x201 });
    expect((frame?.eflags ?? 0) & FLAGS).toBe(IOPL3);
  });

  test('with the bit set it is #GP below IOPL 3, the gate of the IDT else', () => {
    expect(interrupt(true, VIF).frame).toMatchObject({ vector: GP, eip: START });
    expect(interrupt(true, IOPL3).frame).toMatchObject({ vector: 0x21, eip: START + 2 });
  });
});
