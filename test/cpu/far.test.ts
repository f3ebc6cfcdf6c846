import { describe, expect, test } from 'vitest';
import { farCall, farJump, farReturn } from '../../src/cpu/far.ts';
import {
  ATTRIBUTES,
  BASE,
  CPL,
  CS,
  DS,
  EIP,
  ES,
  ESP,
  LIMIT,
  SELECTOR,
  SS,
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
  GDT,
  gate,
  outcome,
  peekMemory,
  poke,
  protectedMode,
  TSS,
  TSS_BASE,
  virtual8086,
} from '../support/fake-context.ts';

const TARGET = 0x38;
const STACK1 = 0x41;

function where(c: FakeContext): string {
  return `${c.s[SELECTOR + CS].toString(16)}:${(c.s[EIP] >>> 0).toString(16)}`;
}

describe('far jumps', () => {
  test('real mode takes the selector as a paragraph', () => {
    const c = new FakeContext();
    farJump(c, 0xf000, 0xe05b, 2);
    expect(where(c)).toBe('f000:e05b');
    expect(c.s[BASE + CS]).toBe(0xf0000);
  });

  test('a real-mode target beyond the limit is #GP', () => {
    const c = new FakeContext();
    expect(outcome(() => farJump(c, 0, 0x10000, 4))).toBe('#GP(0)');
  });

  test('virtual-8086 mode stays at CPL 3', () => {
    const c = protectedMode();
    virtual8086(c, 3);
    farJump(c, 0x1000, 0x20, 2);
    expect([where(c), c.s[BASE + CS], c.s[CPL]]).toEqual(['1000:20', 0x10000, 3]);
  });

  test('a flat code segment is entered with RPL set to CPL', () => {
    const c = protectedMode();
    farJump(c, CODE0, 0x1234, 4);
    expect(where(c)).toBe('8:1234');
    expect(c.s[ATTRIBUTES + CS]).toBe(0x00c09b00);
  });

  test('conforming code runs at the CPL of the caller', () => {
    const c = protectedMode();
    define(c, FREE, descriptor(0, 0xfffff, 0x9e, 0xc));
    atLevel(c, 3);
    farJump(c, FREE, 0x10, 4);
    expect([where(c), c.s[CPL]]).toEqual(['33:10', 3]);
  });

  // Volume 2, JMP, far jump in protected mode.
  test.each<[string, number, readonly [number, number], number, string]>([
    ['null', 3, [0, 0], 0, '#GP(0)'],
    ['beyond the table', 0x1008, [0, 0], 0, '#GP(1008)'],
    ['data', FREE, descriptor(0, 0xfffff, 0x93, 0xc), 0, '#GP(30)'],
    ['code of DPL 3 from ring 0', FREE, descriptor(0, 0xfffff, 0xfb, 0xc), 0, '#GP(30)'],
    ['RPL above CPL', FREE | 1, descriptor(0, 0xfffff, 0x9b, 0xc), 0, '#GP(30)'],
    ['conforming with DPL above CPL', FREE, descriptor(0, 0xfffff, 0xff, 0xc), 0, '#GP(30)'],
    ['not present', FREE, descriptor(0, 0xfffff, 0x1b, 0xc), 0, '#NP(30)'],
    ['offset beyond the limit', FREE, descriptor(0, 0xff, 0x9b, 4), 0x100, '#GP(0)'],
    ['an interrupt gate', FREE, gate(CODE0, 0, 0x8e), 0, '#GP(30)'],
    ['a busy TSS', TSS, descriptor(TSS_BASE, 0x67, 0x8b), 0, '#GP(28)'],
    ['call gate not present', FREE, gate(CODE0, 0, 0x0c), 0, '#NP(30)'],
    ['call gate with null code', FREE, gate(0, 0, 0x8c), 0, '#GP(0)'],
    ['call gate to data', FREE, gate(DATA0, 0, 0x8c), 0, '#GP(10)'],
  ])('to %s', (_, selector, words, offset, expected) => {
    const c = protectedMode();
    if ((selector & 0xfff8) <= 0x40) define(c, selector, words);
    expect(outcome(() => farJump(c, selector, offset, 4))).toBe(expected);
  });

  test('through a call gate takes the gate’s offset', () => {
    const c = protectedMode();
    define(c, FREE, gate(CODE0, 0x12345678, 0x8c));
    farJump(c, FREE, 0xdead, 4);
    expect(where(c)).toBe('8:12345678');
  });

  test('a jump through a gate may not change the privilege', () => {
    const c = protectedMode();
    define(c, FREE, gate(CODE0, 0, 0xec));
    atLevel(c, 3);
    expect(outcome(() => farJump(c, FREE | 3, 0, 4))).toBe('#GP(8)');
  });
});

describe('far calls', () => {
  test('real mode pushes CS and the next IP', () => {
    const c = new FakeContext();
    c.s[ESP] = 0x1000;
    c.s[SELECTOR + CS] = 0x0123;
    farCall(c, 0x2000, 0x30, 2);
    expect(peekMemory(c, 0xffc)[0]).toBe(0x01230102);
    expect([where(c), c.s[ESP]]).toEqual(['2000:30', 0xffc]);
  });

  test('a 32-bit call pushes two dwords', () => {
    const c = protectedMode();
    c.s[ESP] = 0x9000;
    farCall(c, CODE0, 0x400, 4);
    expect(peekMemory(c, 0x8ff8, 2)).toEqual([0x102, CODE0]);
    expect([where(c), c.s[ESP]]).toEqual(['8:400', 0x8ff8]);
  });

  test('a full stack faults and leaves ESP and CS as they were', () => {
    const c = protectedMode();
    c.s[ESP] = 4;
    c.s[LIMIT + SS] = 0xff;
    expect(outcome(() => farCall(c, CODE0, 0x400, 4))).toBe('#SS(0)');
    expect([c.s[ESP], c.s[SELECTOR + CS]]).toEqual([4, CODE0]);
  });

  test('a gate to ring 0 switches stacks and copies the parameters', () => {
    const c = protectedMode();
    define(c, FREE, gate(CODE0, 0x5000, 0xec, 2));
    atLevel(c, 3);
    c.s[ESP] = 0x9000;
    poke(c, 0x9000, 0x1111, 0x2222);
    farCall(c, FREE | 3, 0, 4);
    expect(peekMemory(c, 0x7fe8, 6)).toEqual([0x102, CODE3, 0x1111, 0x2222, 0x9000, DATA3]);
    expect([where(c), c.s[CPL]]).toEqual(['8:5000', 0]);
    expect([c.s[SELECTOR + SS], c.s[ESP]]).toEqual([DATA0, 0x7fe8]);
  });

  test('a 16-bit gate pushes words', () => {
    const c = protectedMode();
    define(c, FREE, gate(CODE0, 0x5000, 0xe4, 1));
    atLevel(c, 3);
    c.s[ESP] = 0x9000;
    poke(c, 0x9000, 0x1111);
    farCall(c, FREE | 3, 0, 4);
    expect(c.s[ESP]).toBe(0x8000 - 10);
    expect(peekMemory(c, 0x7ff6, 2)).toEqual([0x001b0102, 0x90001111]);
  });

  test('a conforming target of a gate keeps stack and privilege', () => {
    const c = protectedMode();
    define(c, TARGET, descriptor(0, 0xfffff, 0x9f, 0xc));
    define(c, FREE, gate(TARGET, 0x5000, 0xec, 2));
    atLevel(c, 3);
    c.s[ESP] = 0x9000;
    farCall(c, FREE | 3, 0, 4);
    expect([where(c), c.s[CPL], c.s[ESP]]).toEqual(['3b:5000', 3, 0x8ff8]);
  });

  // Volume 2, CALL, MORE-PRIVILEGE.
  test.each<[string, (c: FakeContext) => void, string]>([
    ['DPL of the gate below CPL', c => define(c, FREE, gate(CODE0, 0, 0x8c)), '#GP(30)'],
    ['a null stack in the TSS', c => poke(c, TSS_BASE + 8, 0), '#TS(0)'],
    ['a stack of the wrong RPL', c => poke(c, TSS_BASE + 8, DATA0 | 1), '#TS(10)'],
    ['a stack that is code', c => poke(c, TSS_BASE + 8, CODE0), '#TS(8)'],
    ['a stack beyond the table', c => poke(c, TSS_BASE + 8, 0x1000), '#TS(1000)'],
    ['a stack not present', c => define(c, DATA0, descriptor(0, 0xfffff, 0x13, 0xc)), '#SS(10)'],
    ['a stack too small', c => define(c, DATA0, descriptor(0, 0xff, 0x93, 4)), '#SS(10)'],
    [
      'a TSS too short',
      c => {
        c.s[LIMIT + 7] = 8;
      },
      '#TS(28)',
    ],
  ])('with %s', (_, prepare, expected) => {
    const c = protectedMode();
    define(c, FREE, gate(CODE0, 0x5000, 0xec));
    prepare(c);
    atLevel(c, 3);
    c.s[ESP] = 0x9000;
    expect(outcome(() => farCall(c, FREE | 3, 0, 4))).toBe(expected);
    expect([c.s[ESP], c.s[CPL], c.s[SELECTOR + SS]]).toEqual([0x9000, 3, DATA3]);
  });
});

describe('far returns', () => {
  test('real mode pops IP and CS and releases the parameters', () => {
    const c = new FakeContext();
    c.s[ESP] = 0x1000;
    poke(c, 0x1000, 0x1234_0042);
    farReturn(c, 2, 6);
    expect([where(c), c.s[ESP]]).toEqual(['1234:42', 0x100a]);
  });

  test('to ring 3 pops the outer stack and empties ring 0 segments', () => {
    const c = protectedMode();
    c.s[ESP] = 0x7000;
    poke(c, 0x7000, 0x400, CODE3, 0xaaaa, 0x9000, DATA3);
    c.s[SELECTOR + ES] = DATA3;
    c.s[ATTRIBUTES + ES] = 0xc0f300;
    farReturn(c, 4, 4);
    expect([where(c), c.s[CPL]]).toEqual(['1b:400', 3]);
    expect([c.s[SELECTOR + SS], c.s[ESP]]).toEqual([DATA3, 0x9004]);
    expect([c.s[SELECTOR + DS], c.s[ATTRIBUTES + DS]]).toEqual([0, 0]);
    expect(c.s[SELECTOR + ES]).toBe(DATA3);
  });

  // Volume 2, RET, far return in protected mode.
  test.each<[string, readonly number[], string]>([
    ['null CS', [0x400, 0], '#GP(0)'],
    ['CS beyond the table', [0x400, 0x1008], '#GP(1008)'],
    ['data as CS', [0x400, DATA0], '#GP(10)'],
    ['CS not present', [0x400, FREE], '#NP(30)'],
    ['DPL other than RPL', [0x400, CODE0 | 3], '#GP(8)'],
    ['null outer SS', [0x400, CODE3, 0x9000, 0], '#GP(0)'],
    ['outer SS of ring 0', [0x400, CODE3, 0x9000, DATA0], '#GP(10)'],
    ['outer SS not present', [0x400, CODE3, 0x9000, TARGET | 3], '#SS(38)'],
    ['an offset beyond the limit', [0x400, STACK1 & ~1], '#GP(0)'],
  ])('with %s', (_, words, expected) => {
    const c = protectedMode();
    define(c, FREE, descriptor(0, 0xfffff, 0x1b, 0xc));
    define(c, TARGET, descriptor(0, 0xfffff, 0x73, 0xc));
    define(c, STACK1, descriptor(0, 0xff, 0x9b, 4));
    c.s[ESP] = 0x7000;
    poke(c, 0x7000, ...words);
    expect(outcome(() => farReturn(c, 4, 0))).toBe(expected);
    expect([c.s[ESP], c.s[SELECTOR + CS]]).toEqual([0x7000, CODE0]);
  });

  test('an inner level is out of reach', () => {
    const c = protectedMode();
    atLevel(c, 3);
    c.s[ESP] = 0x7000;
    poke(c, 0x7000, 0x400, CODE0);
    expect(outcome(() => farReturn(c, 4, 0))).toBe('#GP(8)');
    expect(peekMemory(c, GDT + 8, 1)).toEqual([0xffff]);
  });
});
