import { describe, expect, test } from 'vitest';
import {
  CR0,
  CR4,
  CR4_DE,
  CR4_OSFXSR,
  DR0,
  EAX,
  EBX,
  ECX,
  EDI,
  EDX,
  ESI,
  RF,
  TF,
} from '../../src/cpu/registers.ts';
import { DATA, type Frame, GDT, Scene, type SceneMode, STACK } from '../support/scene.ts';

const START = 0x100;
const DB = 1;
/** DR7: breakpoint 0 enabled; RW0 and LEN0. */
const ON_EXECUTE = 0x401;
const ON_WRITE = 0xd0401;
const ON_ACCESS = 0xf0401;
const ON_PORT = 0x20401;
const BS = 0x4000;
/** Of data that the cases touch, and where the stack pointer is. */
const AT = 0x400;
const TOP = 0x8000;

interface Outcome {
  readonly frame: Frame | undefined;
  /** B0 to B3, BD, BS, BT. */
  readonly dr6: number;
  readonly scene: Scene;
}

/** Runs `hex` with DR0 at `linear`; EAX 11223344, EBX AT, ESI and EDI AT. */
function run(mode: SceneMode, hex: string, linear: number, dr7: number): Outcome {
  const scene = prepare(mode, hex, linear, dr7);
  return finish(scene);
}

function prepare(mode: SceneMode, hex: string, linear: number, dr7: number): Scene {
  const scene = new Scene(mode);
  const { s, machine } = scene;
  scene.put(START, hex);
  const offset = mode === 'flat' ? DATA + AT : AT;
  s[EAX] = 0x11223344;
  for (const n of [EBX, ESI, EDI]) s[n] = offset;
  if (mode === 'flat') s[4] = STACK + TOP;
  s[CR4] |= CR4_DE | CR4_OSFXSR;
  // Translations that are at hand, as after a while of running.
  const { processor } = machine.cpu;
  processor.load(3, offset, 4);
  processor.store(3, offset, 4, 0);
  processor.store(2, s[4] - 4, 4, 0);
  s[DR0] = linear;
  s[DR0 + 7] = dr7;
  processor.flushTlb(true);
  return scene;
}

function finish(scene: Scene): Outcome {
  const frame = scene.run(START);
  return { frame, dr6: scene.s[DR0 + 6] & 0xe00f, scene };
}

/** Name, code that ends in two NOPs, its length, what it touches: written or only read. */
const DATA_CASES: readonly [string, string, 'write' | 'read', boolean][] = [
  ['mov [ebx],eax', '89 03', 'write', false],
  ['mov [ebx],al', '88 03', 'write', false],
  ['mov eax,[ebx]', '8b 03', 'read', false],
  ['add [ebx],eax', '01 03', 'write', false],
  ['cmp [ebx],eax', '39 03', 'read', false],
  ['xchg [ebx],eax', '87 03', 'write', false],
  ['cmpxchg8b [ebx]', '0f c7 0b', 'write', false],
  ['stosd', 'ab', 'write', false],
  ['lodsd', 'ad', 'read', false],
  ['fstp dword [ebx]', 'd9 1b', 'write', false],
  ['fld dword [ebx]', 'd9 03', 'read', false],
  ['movups [ebx],xmm0', '0f 11 03', 'write', false],
  ['movups xmm0,[ebx]', '0f 10 03', 'read', false],
  ['fxsave [ebx]', '0f ae 03', 'write', false],
  ['bts dword [ebx],3', '0f ba 2b 03', 'write', false],
  ['push eax', '50', 'write', true],
  ['pushad', '60', 'write', true],
  ['push [ebx]', 'ff 33', 'read', false],
  ['call next', 'e8 00 00 00 00', 'write', true],
];

describe.each(['flat', 'prot32'] as const)('data breakpoints, %s', mode => {
  test.each(DATA_CASES)('%s', (_name, code, kind, onStack) => {
    const length = code.split(' ').length;
    const linear = onStack ? STACK + TOP - 4 : DATA + AT;
    const hit = { vector: DB, eip: START + length };
    const hex = `${code} 90 90 f4`;
    const onAccess = run(mode, hex, linear, ON_ACCESS);
    expect(onAccess.frame).toMatchObject(hit);
    expect(onAccess.dr6).toBe(1);
    const onWrite = run(mode, hex, linear, ON_WRITE);
    if (kind === 'write') expect(onWrite.frame).toMatchObject(hit);
    else expect(onWrite.frame).toBeUndefined();
    // Four bytes away nothing is hit (but by what writes more).
    if (onStack || /cmpxchg8b|movups|fxsave/.test(_name)) return;
    expect(run(mode, hex, linear + 4, ON_ACCESS).frame).toBeUndefined();
  });

  test('an access over the end of a page', () => {
    const scene = prepare(mode, '89 03 90 f4', DATA + 0x1000, ON_WRITE);
    scene.s[EBX] = scene.s[EBX] - AT + 0xffe;
    expect(finish(scene).frame).toMatchObject({ vector: DB, eip: START + 2 });
  });

  test('one that faults is no access', () => {
    // The read is fine, the write of MOVS is not (EDI beyond every segment and page).
    const scene = prepare('prot32', 'a4 f4', DATA + AT, ON_ACCESS);
    scene.s[EDI] = 0x20000;
    const { frame, dr6 } = finish(scene);
    expect(frame).toMatchObject({ vector: 13, eip: START });
    expect([dr6, (frame?.eflags ?? 0) & RF]).toEqual([0, RF]);
  });
});

test.each(['real', 'v86'] as const)('16-bit code, %s', mode => {
  const { frame, dr6 } = run(mode, '89 07 90 f4', DATA + AT, ON_WRITE);
  expect(frame).toMatchObject({ vector: DB, eip: START + 2 });
  expect(dr6).toBe(1);
});

describe('repeated strings stop behind the iteration (volume 3, 17.3.1.1)', () => {
  function rep(count: number, hit: number, code = 'f3 a4'): Outcome {
    const scene = prepare('flat', `${code} 90 f4`, DATA + AT + 0x800 + hit, 0x10401);
    scene.s[ECX] = count;
    scene.s[EDI] = DATA + AT + 0x800;
    return finish(scene);
  }

  test('in the middle: EIP of the instruction, RF pushed', () => {
    const { frame, scene } = rep(8, 3);
    expect(frame).toMatchObject({ vector: DB, eip: START });
    expect((frame?.eflags ?? 0) & RF).toBe(RF);
    expect(scene.s[ECX]).toBe(4);
  });

  test('at the last one: EIP behind, RF clear', () => {
    const { frame, scene } = rep(4, 3);
    expect(frame).toMatchObject({ vector: DB, eip: START + 2 });
    expect([(frame?.eflags ?? 0) & RF, scene.s[ECX]]).toEqual([0, 0]);
  });

  test('single steps are iterations', () => {
    const scene = prepare('flat', 'f3 aa 90 f4', 0, 0);
    scene.s[ECX] = 3;
    scene.machine.cpu.processor.setEflags(TF, TF);
    const { frame, dr6 } = finish(scene);
    expect(frame).toMatchObject({ vector: DB, eip: START });
    expect([(frame?.eflags ?? 0) & (RF | TF), dr6, scene.s[ECX]]).toEqual([RF | TF, BS, 2]);
  });

  test('a code breakpoint on it does not hit again between iterations', () => {
    const scene = prepare('flat', 'f3 aa 90 f4', START, ON_EXECUTE);
    scene.s[ECX] = 3;
    scene.machine.cpu.processor.setEflags(RF, RF);
    expect(finish(scene).frame).toBeUndefined();
    expect(scene.s[ECX]).toBe(0);
  });

  test('an interrupt between iterations pushes RF', () => {
    const scene = prepare('flat', 'f3 aa 90 f4', 0, 0);
    scene.s[ECX] = 0x3000;
    const { machine } = scene;
    machine.cpu.processor.setEflags(1 << 9, 1 << 9);
    machine.vector = 0x21;
    scene.s[9] = START;
    machine.cpu.run(1);
    machine.intr.set(true);
    const frame = scene.run(scene.s[9]);
    expect(frame).toMatchObject({ vector: 0x21, eip: START });
    expect((frame?.eflags ?? 0) & RF).toBe(RF);
  });
});

describe('ports (CR4.DE)', () => {
  test.each([
    ['out 80h,al', 'e6 80', 0x80],
    ['in al,80h', 'e4 80', 0x80],
    ['out dx,eax overlaps', 'ef', 0x83],
    ['insb', '6c', 0x80],
    ['outsb', '6e', 0x80],
  ])('%s', (_name, code, port) => {
    const length = code.split(' ').length;
    const scene = prepare('flat', `${code} 90 f4`, port, ON_PORT);
    scene.s[EDX] = 0x80;
    const { frame, dr6 } = finish(scene);
    expect(frame).toMatchObject({ vector: DB, eip: START + length });
    expect(dr6).toBe(1);
  });

  test('memory at that address does not count', () => {
    const scene = prepare('flat', '89 03 f4', 0x600, ON_PORT);
    scene.s[EBX] = 0x600;
    expect(finish(scene).frame).toBeUndefined();
  });
});

describe('single step', () => {
  function stepped(mode: SceneMode, hex: string, linear = 0, dr7 = 0): Outcome {
    const scene = prepare(mode, hex, linear, dr7);
    scene.machine.cpu.processor.setEflags(TF, TF);
    scene.s[EAX] = mode === 'real' ? STACK >> 4 : 0x10;
    return finish(scene);
  }

  test('traps behind the instruction; the handler runs without TF', () => {
    const { frame, dr6, scene } = stepped('flat', '90 90 f4');
    expect(frame).toMatchObject({ vector: DB, eip: START + 1 });
    expect((frame?.eflags ?? 0) & TF).toBe(TF);
    expect([dr6, scene.machine.cpu.processor.eflags() & TF]).toEqual([BS, 0]);
  });

  test('a data breakpoint of the same instruction is told in one trap', () => {
    expect(stepped('flat', '89 03 90 f4', DATA + AT, ON_WRITE).dr6).toBe(BS | 1);
  });

  // Volume 3, 6.8.3: MOV SS and POP SS hold #DB back until the next instruction is done; STI not.
  test.each([
    ['mov ss,ax', '8e d0', START + 3],
    ['pop ss', '17', START + 2],
    ['sti', 'fb', START + 1],
  ])('behind %s', (_name, code, eip) => {
    const scene = prepare('real', `${code} 90 90 f4`, 0, 0);
    scene.s[EAX] = STACK >> 4;
    scene.machine.memory.write(STACK + TOP, 2, STACK >> 4);
    scene.machine.cpu.processor.setEflags(TF, TF);
    expect(finish(scene).frame).toMatchObject({ vector: DB, eip });
  });

  test('a data breakpoint of MOV SS waits as well', () => {
    const scene = prepare('real', '8e 17 90 90 f4', DATA + AT, ON_ACCESS);
    scene.machine.memory.write(DATA + AT, 2, STACK >> 4);
    const { frame, dr6 } = finish(scene);
    expect(frame).toMatchObject({ vector: DB, eip: START + 3 });
    expect(dr6).toBe(1);
  });

  // Volume 3, 17.3.1.4: INT n and INTO clear TF before their own trap could be taken.
  test.each([
    ['int 30h', 'cd 30', 0x30],
    ['int3', 'cc', 3],
  ])('%s enters its own handler and nothing else', (_name, code, vector) => {
    const { frame, dr6 } = stepped('flat', `${code} 90 f4`);
    expect(frame?.vector).toBe(vector);
    expect(dr6).toBe(0);
  });

  test('a fault takes its place', () => {
    const { frame, dr6 } = stepped('flat', '0f 0b f4');
    expect(frame).toMatchObject({ vector: 6, eip: START });
    expect(dr6).toBe(0);
  });

  test('POPF that sets TF traps behind the next instruction, one that clears it at once', () => {
    const scene = prepare('flat', '9d 90 90 f4', 0, 0);
    scene.machine.memory.write(STACK + TOP, 4, TF | 2);
    expect(finish(scene).frame).toMatchObject({ vector: DB, eip: START + 2 });
    const cleared = stepped('flat', '9d 90 90 f4');
    expect(cleared.frame).toMatchObject({ vector: DB, eip: START + 1 });
  });

  test('IRET that sets TF traps behind the instruction it returns to', () => {
    const scene = prepare('flat', 'cf 90 90 f4', 0, 0);
    const frame = [START + 1, 8, TF | 2];
    frame.forEach((word, i) => {
      scene.machine.memory.write(STACK + TOP + i * 4, 4, word);
    });
    expect(finish(scene).frame).toMatchObject({ vector: DB, eip: START + 2 });
  });

  test('HLT traps too, and is over', () => {
    const { frame } = stepped('flat', 'f4 90');
    expect(frame).toMatchObject({ vector: DB, eip: START + 1 });
  });
});

describe('single step and task switches', () => {
  const TARGET = START + 0x40;
  const BT = 0x8000;

  /** JMP to a second task, whose code is two NOPs. */
  function jump(oldFlags: number, newFlags: number, trapWord = 0): Outcome {
    const scene = prepare('flat', 'ea 00 00 00 00 18 00', 0, 0);
    scene.put(TARGET, '90 90 f4');
    const { memory, cpu } = scene.machine;
    const tss = 0x2100;
    memory.write(GDT + 0x18, 4, (tss << 16) | 0x67);
    memory.write(GDT + 0x1c, 4, 0x8900);
    memory.write(tss + 32, 4, TARGET);
    memory.write(tss + 36, 4, newFlags | 2);
    memory.write(tss + 56, 4, STACK + TOP);
    [0x10, 8, 0x10, 0x10, 0, 0].forEach((selector, i) => {
      memory.write(tss + 72 + i * 4, 4, selector);
    });
    memory.write(tss + 100, 4, trapWord);
    cpu.processor.setEflags(oldFlags, TF);
    return finish(scene);
  }

  // Volume 3, 17.3.1.4: "after the first instruction is executed in the new task".
  test('TF of the new task traps behind its first instruction', () => {
    const { frame, dr6 } = jump(0, TF);
    expect([frame?.vector, frame?.eip, dr6]).toEqual([DB, TARGET + 1, BS]);
  });

  test('TF of the old task traps behind the jump, with what the new task has as TF', () => {
    for (const flags of [0, TF]) {
      const { frame, dr6 } = jump(TF, flags);
      expect([frame?.vector, frame?.eip, dr6]).toEqual([DB, TARGET, BS]);
      expect((frame?.eflags ?? 0) & TF).toBe(flags);
    }
  });

  test('the T bit of the new task is told in the same trap', () => {
    expect(jump(TF, 0, 1).dr6).toBe(BS | BT);
    const { frame, dr6 } = jump(0, TF, 1);
    expect([frame?.eip, dr6]).toEqual([TARGET, BT]);
  });
});

describe('RF', () => {
  test('IRET with RF set steps over a code breakpoint, once', () => {
    // iretd; L: inc ecx; jmp L
    const scene = prepare('flat', 'cf 41 eb fd', START + 1, ON_EXECUTE);
    [START + 1, 8, RF | 2].forEach((word, i) => {
      scene.machine.memory.write(STACK + TOP + i * 4, 4, word);
    });
    scene.s[ECX] = 0;
    const { frame, dr6 } = finish(scene);
    expect(frame).toMatchObject({ vector: DB, eip: START + 1 });
    expect([scene.s[ECX], dr6, (frame?.eflags ?? 0) & RF]).toEqual([1, 1, 0]);
  });

  test('general detect is a fault: RF pushed, GD cleared, BD set', () => {
    const { frame, dr6, scene } = run('flat', '0f 21 c0 f4', 0, 0x2400);
    expect(frame).toMatchObject({ vector: DB, eip: START });
    expect([(frame?.eflags ?? 0) & RF, dr6, scene.s[DR0 + 7]]).toEqual([RF, 0x2000, 0x400]);
  });

  test('MOV SS keeps a code breakpoint on the next instruction from hitting', () => {
    const scene = prepare('real', '8e d0 90 f4', START + 0x10002, ON_EXECUTE);
    scene.s[EAX] = STACK >> 4;
    expect(finish(scene).frame).toBeUndefined();
  });
});

test('the T bit of a TSS traps before the first instruction of the task', () => {
  const scene = prepare('flat', 'ea 00 00 00 00 18 00', 0, 0);
  const { memory } = scene.machine;
  const NEW = 0x3000;
  memory.write(0x818, 4, (NEW << 16) | 0x67);
  memory.write(0x81c, 4, 0x8900);
  const words: [number, number][] = [
    [32, START + 0x40],
    [36, 2],
    [56, STACK + TOP],
    [76, 8],
    [80, 0x10],
    [72, 0x10],
    [84, 0x10],
    [100, 1],
  ];
  for (const [at, value] of words) memory.write(NEW + at, 4, value);
  scene.put(START + 0x40, '41 f4');
  scene.s[ECX] = 5;
  memory.write(0x828, 4, 0x20000067);
  memory.write(0x82c, 4, 0x8b00);
  const { frame, dr6 } = finish(scene);
  expect(frame).toMatchObject({ vector: DB, eip: START + 0x40 });
  expect([scene.s[ECX], dr6, scene.s[CR0] & 8]).toEqual([0, 0x8000, 8]);
});
