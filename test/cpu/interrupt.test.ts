import { describe, expect, test } from 'vitest';
import {
  breakpointInterrupt,
  deliverException,
  deliverInterrupt,
  deliverNmi,
  softwareInterrupt,
} from '../../src/cpu/interrupt.ts';
import { interruptReturn, sysenter, sysexit } from '../../src/cpu/iret.ts';
import {
  ATTRIBUTES,
  BASE,
  CPL,
  CR0,
  CR0_PG,
  CR3,
  CR4,
  CS,
  DS,
  ECX,
  EDX,
  EFLAGS_REST,
  EIP,
  ESP,
  GP,
  HALTED,
  IDTR_LIMIT,
  IF,
  LIMIT,
  NMI_BLOCKED,
  NP,
  NT,
  PF_VECTOR,
  RF,
  SELECTOR,
  SS,
  SYSENTER_CS,
  SYSENTER_EIP,
  SYSENTER_ESP,
  TF,
  UD,
  VIF,
  VIP,
  VM,
} from '../../src/cpu/registers.ts';
import {
  atLevel,
  CODE0,
  CODE3,
  DATA0,
  DATA3,
  define,
  descriptor,
  FakeContext,
  FREE,
  gate,
  IDT,
  outcome,
  peekMemory,
  poke,
  protectedMode,
  TSS_BASE,
  virtual8086,
} from '../support/fake-context.ts';

const INTERRUPT32 = 0x8e;
const TRAP32 = 0x8f;
const OPEN = 0x60;

function handler(c: FakeContext, vector: number, type = INTERRUPT32, selector = CODE0): void {
  poke(c, IDT + vector * 8, ...gate(selector, 0x5000 + vector, type));
}

function where(c: FakeContext): string {
  return `${c.s[SELECTOR + CS].toString(16)}:${(c.s[EIP] >>> 0).toString(16)}`;
}

describe('real mode', () => {
  test('INT n pushes FLAGS, CS, IP and clears IF and TF', () => {
    const c = new FakeContext();
    c.s[ESP] = 0x1000;
    c.s[SELECTOR + CS] = 0x7c0;
    c.s[EFLAGS_REST] = IF | TF | 2;
    poke(c, 0x10 * 4, 0xf0001234);
    softwareInterrupt(c, 0x10);
    expect(where(c)).toBe('f000:1234');
    expect(peekMemory(c, 0xffa, 2)).toEqual([0x07c00102, 0x302]);
    expect(c.s[EFLAGS_REST]).toBe(2);
  });

  test('an exception pushes no error code', () => {
    const c = new FakeContext();
    c.s[ESP] = 0x1000;
    deliverException(c, GP, 0, 0x55);
    expect(c.s[ESP]).toBe(0xffa);
    expect(peekMemory(c, 0xffa)[0] & 0xffff).toBe(0x55);
  });

  test('a vector beyond the table makes #GP, #DF and a shutdown', () => {
    const c = new FakeContext();
    c.s[IDTR_LIMIT] = 3;
    deliverException(c, UD, -1, 0x55);
    expect(c.tripleFaults).toHaveLength(1);
    expect(c.tripleFaults[0]).toContain('06 -> 0d -> 08 -> 0d');
    expect(c.s[HALTED]).toBe(1);
  });

  test('IRET restores FLAGS, also IF, and unblocks NMIs', () => {
    const c = new FakeContext();
    c.s[ESP] = 0x1000;
    c.s[NMI_BLOCKED] = 1;
    poke(c, 0x1000, 0x07c00042, 0x7302);
    interruptReturn(c, 2);
    expect([where(c), c.s[ESP]]).toEqual(['7c0:42', 0x1006]);
    expect(c.s[EFLAGS_REST]).toBe(0x7302);
    expect(c.s[NMI_BLOCKED]).toBe(0);
  });
});

describe('gates', () => {
  test('an interrupt gate clears IF, a trap gate keeps it', () => {
    for (const [type, expected] of [
      [INTERRUPT32, 2],
      [TRAP32, IF | 2],
    ]) {
      const c = protectedMode();
      c.s[ESP] = 0x9000;
      c.s[EFLAGS_REST] = IF | TF | NT | 2;
      handler(c, 0x30, type);
      softwareInterrupt(c, 0x30);
      expect(c.s[EFLAGS_REST]).toBe(expected);
      expect(peekMemory(c, 0x8ff4, 3)).toEqual([0x102, CODE0, IF | TF | NT | 2]);
      expect(where(c)).toBe('8:5030');
    }
  });

  test('a fault pushes its error code last, and RF in the flags', () => {
    const c = protectedMode();
    c.s[ESP] = 0x9000;
    handler(c, PF_VECTOR);
    deliverException(c, PF_VECTOR, 6, 0x77);
    expect(peekMemory(c, 0x8ff0, 4)).toEqual([6, 0x77, CODE0, RF | 2]);
  });

  test('from ring 3 the stack comes from the TSS', () => {
    const c = protectedMode();
    handler(c, 0x20);
    atLevel(c, 3);
    c.s[ESP] = 0x9000;
    deliverInterrupt(c, 0x20, 0x100);
    expect(peekMemory(c, 0x7fec, 5)).toEqual([0x100, CODE3, 2, 0x9000, DATA3]);
    expect([c.s[CPL], c.s[SELECTOR + SS], c.s[ESP]]).toEqual([0, DATA0, 0x7fec]);
  });

  test('a 16-bit gate pushes words', () => {
    const c = protectedMode();
    c.s[ESP] = 0x9000;
    handler(c, 0x30, 0x86);
    softwareInterrupt(c, 0x30);
    expect(c.s[ESP]).toBe(0x8ffa);
    expect(where(c)).toBe('8:5030');
  });

  // Volume 2, INT n, PROTECTED-MODE: software interrupts have EXT clear.
  test.each<[string, readonly [number, number], string]>([
    ['beyond nothing but empty', [0, 0], '#GP(182)'],
    ['not a gate', gate(CODE0, 0, 0x8c), '#GP(182)'],
    ['not present', gate(CODE0, 0, 0x0e), '#NP(182)'],
    ['null code', gate(0, 0, 0x8e), '#GP(0)'],
    ['data', gate(DATA0, 0, 0x8e), '#GP(10)'],
    ['code beyond the table', gate(0x1008, 0, 0x8e), '#GP(1008)'],
    ['code of an outer level', gate(CODE3, 0, 0x8e), '#GP(18)'],
    ['code not present', gate(FREE, 0, 0x8e), '#NP(30)'],
    ['offset beyond the limit', gate(FREE + 8, 0x100, 0x8e), '#GP(0)'],
  ])('INT 30h through a gate that is %s', (_, words, expected) => {
    const c = protectedMode();
    define(c, FREE, descriptor(0, 0xfffff, 0x1b, 0xc));
    define(c, FREE + 8, descriptor(0, 0xff, 0x9b, 4));
    poke(c, IDT + 0x30 * 8, ...words);
    c.s[ESP] = 0x9000;
    expect(outcome(() => softwareInterrupt(c, 0x30))).toBe(expected);
    expect(c.s[ESP]).toBe(0x9000);
  });

  test('the DPL of a gate counts for INT n and INT3 only', () => {
    const c = protectedMode();
    handler(c, 3);
    atLevel(c, 3);
    c.s[ESP] = 0x9000;
    expect(outcome(() => breakpointInterrupt(c, 3))).toBe('#GP(1a)');
    expect(outcome(() => deliverException(c, 3, -1, 0))).toBe('done');
    const open = protectedMode();
    handler(open, 3, INTERRUPT32 | OPEN);
    atLevel(open, 3);
    expect(outcome(() => breakpointInterrupt(open, 3))).toBe('done');
  });

  test('an NMI blocks others and wakes the processor', () => {
    const c = protectedMode();
    c.s[ESP] = 0x9000;
    c.s[HALTED] = 1;
    handler(c, 2);
    deliverNmi(c, 0x10);
    expect([c.s[NMI_BLOCKED], c.s[HALTED], where(c)]).toEqual([1, 0, '8:5002']);
  });
});

describe('faults on the way (table 6-5)', () => {
  function endOf(vector: number, errorCode: number, handlers: readonly number[]): string[] {
    const c = protectedMode();
    c.s[ESP] = 0x9000;
    for (const v of handlers) handler(c, v);
    deliverException(c, vector, errorCode, 0x40);
    if (c.tripleFaults.length > 0) return ['shutdown'];
    return [where(c), `e=${peekMemory(c, c.s[ESP])[0].toString(16)}`];
  }

  test('a benign exception is followed by the fault of its own gate, EXT set', () => {
    expect(endOf(UD, -1, [GP])).toEqual(['8:500d', 'e=33']);
  });

  test('a contributory one makes a double fault with error code 0', () => {
    expect(endOf(NP, 0x30, [8])).toEqual(['8:5008', 'e=0']);
  });

  test('a page fault and then #GP make a double fault', () => {
    expect(endOf(PF_VECTOR, 2, [8])).toEqual(['8:5008', 'e=0']);
  });

  test('a contributory one and then a page fault come one after the other', () => {
    const c = protectedMode();
    handler(c, PF_VECTOR);
    handler(c, GP);
    // All of 2 MiB is mapped but the page of the ring 0 stack.
    poke(c, 0x10000, 0x11000 | 7);
    for (let i = 0; i < 512; i++) poke(c, 0x11000 + i * 4, (i * 4096) | 7);
    poke(c, 0x11000 + 7 * 4, 0);
    c.s[CR0] |= CR0_PG;
    c.s[CR3] = 0x10000;
    atLevel(c, 3);
    deliverException(c, GP, 0, 0x40);
    expect(c.tripleFaults).toHaveLength(1);
    expect(c.tripleFaults[0]).toContain('0d -> 0e -> 08 -> 0d');
  });

  test('without a double-fault handler the processor shuts down', () => {
    expect(endOf(NP, 0x30, [])).toEqual(['shutdown']);
  });

  test('a fault while an interrupt from outside is delivered is an ordinary fault', () => {
    const c = protectedMode();
    c.s[ESP] = 0x9000;
    handler(c, GP);
    deliverInterrupt(c, 0x21, 0x40);
    expect([where(c), peekMemory(c, c.s[ESP], 2)]).toEqual(['8:500d', [0x10b, 0x40]]);
  });
});

describe('virtual-8086 mode', () => {
  function machine(iopl: 0 | 3): FakeContext {
    const c = protectedMode();
    handler(c, 0x21, INTERRUPT32 | OPEN);
    virtual8086(c, iopl);
    c.s[ESP] = 0x1000;
    return c;
  }

  test('INT n with IOPL 0 is #GP(0)', () => {
    expect(outcome(() => softwareInterrupt(machine(0), 0x21))).toBe('#GP(0)');
  });

  test('INT n with IOPL 3 leaves through the gate with all segments on the stack', () => {
    const c = machine(3);
    [0x10, 0x20, 0x30, 0x40, 0x50, 0x60].forEach((selector, n) => {
      c.s[SELECTOR + n] = selector;
    });
    softwareInterrupt(c, 0x21);
    expect(peekMemory(c, 0x8000 - 36, 9)).toEqual([
      0x102,
      0x20,
      VM | 0x3002,
      0x1000,
      0x30,
      0x10,
      0x40,
      0x50,
      0x60,
    ]);
    expect([c.s[CPL], c.s[EFLAGS_REST] & VM, c.s[ATTRIBUTES + DS]]).toEqual([0, 0, 0]);
    expect(where(c)).toBe('8:5021');
  });

  test('a gate to a ring other than 0 is #GP with its selector', () => {
    const c = machine(3);
    poke(c, IDT + 0x21 * 8, ...gate(CODE3, 0, INTERRUPT32 | OPEN));
    expect(outcome(() => softwareInterrupt(c, 0x21))).toBe('#GP(18)');
  });

  test('IRET with VM in the image enters it', () => {
    const c = protectedMode();
    c.s[ESP] = 0x7000;
    poke(c, 0x7000, 0x42, 0x1000, VM | IF | 0x3002, 0x800, 0x20, 0x30, 0x40, 0x50, 0x60);
    interruptReturn(c, 4);
    expect([where(c), c.s[CPL], c.s[BASE + CS], c.s[LIMIT + CS]]).toEqual([
      '1000:42',
      3,
      0x10000,
      0xffff,
    ]);
    expect(c.s.slice(SELECTOR, SELECTOR + 6)).toEqual(
      Int32Array.of(0x30, 0x1000, 0x20, 0x40, 0x50, 0x60),
    );
    expect([c.s[ESP], c.s[EFLAGS_REST]]).toEqual([0x800, VM | IF | 0x3002]);
  });

  test('IRET inside needs IOPL 3 and cannot change it', () => {
    const c = machine(0);
    expect(outcome(() => interruptReturn(c, 2))).toBe('#GP(0)');
    const open = machine(3);
    poke(open, 0x1000, 0x20000010, 0x0202);
    interruptReturn(open, 2);
    expect([where(open), open.s[EFLAGS_REST]]).toEqual(['2000:10', VM | IF | 0x3002]);
  });

  test('VME redirects INT n to the table at 0 when its bit is clear (method 6)', () => {
    const c = machine(0);
    c.s[CR4] = 1;
    c.s[EFLAGS_REST] |= VIF | NT;
    c.memory.write(TSS_BASE + 0x66, 2, 0x88);
    poke(c, 0x21 * 4, 0x30000040);
    softwareInterrupt(c, 0x21);
    expect(where(c)).toBe('3000:40');
    expect(c.s[EFLAGS_REST] & (VIF | VM | NT)).toBe(VM | NT);
    expect(c.memory.read(0xffe, 2)).toBe(0x7202);
  });

  test('VME with the bit set and IOPL 0 is #GP(0) (method 4)', () => {
    const c = machine(0);
    c.s[CR4] = 1;
    c.memory.write(TSS_BASE + 0x88 - 32 + 4, 1, 2);
    expect(outcome(() => softwareInterrupt(c, 0x21))).toBe('#GP(0)');
  });

  test('VME lets IRET work on VIF, and faults when an interrupt waits', () => {
    const c = machine(0);
    c.s[CR4] = 1;
    poke(c, 0x1000, 0x20000010, 0x0202);
    interruptReturn(c, 2);
    expect(c.s[EFLAGS_REST] & (VIF | IF)).toBe(VIF);
    const waiting = machine(0);
    waiting.s[CR4] = 1;
    waiting.s[EFLAGS_REST] |= VIP;
    poke(waiting, 0x1000, 0x20000010, 0x0202);
    expect(outcome(() => interruptReturn(waiting, 2))).toBe('#GP(0)');
  });
});

describe('IRET in protected mode', () => {
  test('to the same level keeps the stack segment', () => {
    const c = protectedMode();
    c.s[ESP] = 0x7000;
    poke(c, 0x7000, 0x400, CODE0, IF | 0x3002);
    interruptReturn(c, 4);
    expect([where(c), c.s[ESP], c.s[EFLAGS_REST]]).toEqual(['8:400', 0x700c, IF | 0x3002]);
  });

  test('to ring 3 pops SS:ESP and empties ring 0 segments', () => {
    const c = protectedMode();
    c.s[ESP] = 0x7000;
    poke(c, 0x7000, 0x400, CODE3, IF | 2, 0x9000, DATA3);
    interruptReturn(c, 4);
    expect([where(c), c.s[CPL], c.s[ESP]]).toEqual(['1b:400', 3, 0x9000]);
    expect(c.s[ATTRIBUTES + DS]).toBe(0);
  });

  test('ring 3 changes neither IOPL nor IF', () => {
    const c = protectedMode();
    atLevel(c, 3);
    c.s[ESP] = 0x7000;
    poke(c, 0x7000, 0x400, CODE3, IF | 0x3001 | VM);
    interruptReturn(c, 4);
    expect(c.s[EFLAGS_REST]).toBe(3);
  });

  // Volume 2, IRET: RETURN-TO-VIRTUAL-8086-MODE, "IF EIP not within CS limit".
  test.each([
    [0xffff, 'done', '1000:ffff'],
    [0x10000, '#GP(0)', '8:0'],
    [-1, '#GP(0)', '8:0'],
  ])('to virtual-8086 mode at EIP %s', (eip, expected, place) => {
    const c = protectedMode();
    c.s[ESP] = 0x7000;
    c.s[EIP] = 0;
    poke(c, 0x7000, eip, 0x1000, VM | 2, 0x100, 0x2000, 0, 0, 0, 0);
    expect(outcome(() => interruptReturn(c, 4))).toBe(expected);
    expect(where(c)).toBe(place);
  });
});

describe('SYSENTER and SYSEXIT', () => {
  test('enter ring 0 with flat segments from the MSRs', () => {
    const c = protectedMode();
    atLevel(c, 3);
    c.s[EFLAGS_REST] = IF | 2;
    c.s[SYSENTER_CS] = 0x60;
    c.s[SYSENTER_ESP] = 0x1111;
    c.s[SYSENTER_EIP] = 0x2222;
    sysenter(c);
    expect([where(c), c.s[CPL], c.s[SELECTOR + SS], c.s[ESP]]).toEqual([
      '60:2222',
      0,
      0x68,
      0x1111,
    ]);
    expect(c.s[EFLAGS_REST]).toBe(2);
  });

  test('leave to ring 3 with ECX and EDX', () => {
    const c = protectedMode();
    c.s[SYSENTER_CS] = 0x60;
    c.s[ECX] = 0x3333;
    c.s[EDX] = 0x4444;
    sysexit(c);
    expect([where(c), c.s[CPL], c.s[SELECTOR + SS], c.s[ESP]]).toEqual([
      '73:4444',
      3,
      0x7b,
      0x3333,
    ]);
    expect(outcome(() => sysexit(c))).toBe('#GP(0)');
  });

  test('a null SYSENTER_CS is #GP(0)', () => {
    expect(outcome(() => sysenter(protectedMode()))).toBe('#GP(0)');
    expect(outcome(() => sysenter(new FakeContext()))).toBe('#GP(0)');
  });
});
