import { describe, expect, test } from 'vitest';
import { farCall, farJump } from '../../src/cpu/far.ts';
import { Fault } from '../../src/cpu/fault.ts';
import { deliverException } from '../../src/cpu/interrupt.ts';
import { interruptReturn } from '../../src/cpu/iret.ts';
import {
  ATTRIBUTES,
  BASE,
  CPL,
  CR0,
  CR0_TS,
  CS,
  DEBUG_PENDING,
  DR0,
  DS,
  EAX,
  EDI,
  EFLAGS_REST,
  EIP,
  ESP,
  IF,
  LDTR,
  LIMIT,
  NT,
  SELECTOR,
  SS,
  TR,
  VM,
} from '../../src/cpu/registers.ts';
import {
  CODE0,
  CODE3,
  DATA0,
  DATA3,
  define,
  descriptor,
  type FakeContext,
  FREE,
  GDT,
  gate,
  IDT,
  LDT_BASE,
  outcome,
  peekMemory,
  poke,
  protectedMode,
  TSS,
  TSS_BASE,
} from '../support/fake-context.ts';

const NEW = 0x6000;
const GATE = 0x38;

/** A second task: EIP 400h, registers 1 to 8, ring 0. */
function machine(change: { readonly [offset: number]: number } = {}): FakeContext {
  const c = protectedMode();
  define(c, FREE, descriptor(NEW, 0x67, 0x89));
  const registers = [1, 2, 3, 4, 0x7000, 6, 7, 8];
  poke(c, NEW + 32, 0x400, IF | 2, ...registers);
  poke(c, NEW + 72, DATA0, CODE0, DATA0, DATA0, 0, 0, 0);
  for (const [offset, value] of Object.entries(change)) poke(c, NEW + Number(offset), value);
  c.s[ESP] = 0x9000;
  c.s[EAX] = 0x11111111;
  return c;
}

function busy(c: FakeContext, selector: number): boolean {
  return (peekMemory(c, GDT + selector + 4)[0] & 0x200) !== 0;
}

describe('JMP to a TSS', () => {
  test('saves the old task and loads the new one', () => {
    const c = machine();
    farJump(c, FREE, 0xdead, 4);
    expect(peekMemory(c, TSS_BASE + 32, 3)).toEqual([0x102, 2, 0x11111111]);
    expect(peekMemory(c, TSS_BASE + 76)[0] & 0xffff).toBe(CODE0);
    expect(c.s[EIP]).toBe(0x400);
    expect(c.s.slice(EAX, EDI + 1)).toEqual(Int32Array.of(1, 2, 3, 4, 0x7000, 6, 7, 8));
    expect([c.s[SELECTOR + CS], c.s[SELECTOR + DS], c.s[CPL]]).toEqual([CODE0, DATA0, 0]);
    expect(c.s[EFLAGS_REST]).toBe(IF | 2);
  });

  test('moves the busy bit, sets TS and clears local breakpoints', () => {
    const c = machine();
    c.s[DR0 + 7] = 0x4ff;
    farJump(c, FREE, 0, 4);
    expect([busy(c, TSS), busy(c, FREE), c.s[CR0] & CR0_TS]).toEqual([false, true, CR0_TS]);
    expect([c.s[SELECTOR + TR], c.s[BASE + TR], c.s[ATTRIBUTES + TR]]).toEqual([FREE, NEW, 0x8b00]);
    expect(c.s[DR0 + 7]).toBe(0x4aa);
  });

  test('the T bit makes a debug trap', () => {
    const c = machine({ 100: 1 });
    farJump(c, FREE, 0, 4);
    expect(c.s[DEBUG_PENDING]).toBe(1 << 15);
  });

  test('a virtual-8086 task', () => {
    const c = machine({ 36: VM | 2, 76: 0x1000, 80: 0x2000 });
    farJump(c, FREE, 0, 4);
    expect([c.s[CPL], c.s[BASE + CS], c.s[BASE + SS]]).toEqual([3, 0x10000, 0x20000]);
  });

  test('a 16-bit task', () => {
    const c = machine();
    define(c, FREE, descriptor(NEW, 0x2b, 0x81));
    const words = [0x400, 2, 1, 2, 3, 4, 0x7000, 6, 7, 8, DATA0, CODE0, DATA0, DATA0, 0];
    words.forEach((word, i) => {
      c.memory.write(NEW + 14 + i * 2, 2, word);
    });
    farJump(c, FREE, 0, 4);
    expect([c.s[EIP], c.s[EAX] & 0xffff, c.s[EDI] & 0xffff]).toEqual([0x400, 1, 8]);
    expect(c.s[SELECTOR + SS]).toBe(DATA0);
  });

  // Volume 3, table 7-1: faults of the old task.
  test.each<[string, readonly [number, number], number, string]>([
    ['busy', descriptor(NEW, 0x67, 0x8b), FREE, '#GP(30)'],
    ['not present', descriptor(NEW, 0x67, 0x09), FREE, '#NP(30)'],
    ['too short', descriptor(NEW, 0x66, 0x89), FREE, '#TS(30)'],
    ['of DPL below RPL', descriptor(NEW, 0x67, 0x89), FREE | 3, '#GP(30)'],
    ['not present in the LDT', descriptor(NEW, 0x67, 0x09), 4, '#GP(4)'],
  ])('that is %s', (_, words, selector, expected) => {
    const c = machine();
    define(c, FREE, words);
    poke(c, LDT_BASE, ...words);
    c.s[BASE + LDTR] = LDT_BASE;
    c.s[LIMIT + LDTR] = 7;
    c.s[ATTRIBUTES + LDTR] = 0x8200;
    expect(outcome(() => farJump(c, selector, 0, 4))).toBe(expected);
    expect(c.s[SELECTOR + TR]).toBe(TSS);
  });

  // Volume 3, table 7-1: faults of the new task, with its EIP.
  test.each<[string, { readonly [offset: number]: number }, string]>([
    ['an LDT that is none', { 96: DATA0 }, '#TS(10)'],
    ['null CS', { 76: 0 }, '#TS(0)'],
    ['data as CS', { 76: DATA0 }, '#TS(10)'],
    ['CS of another DPL', { 76: CODE3 & ~3 }, '#TS(18)'],
    ['null SS', { 80: 0 }, '#TS(0)'],
    ['SS of another level', { 80: DATA3 }, '#TS(20)'],
    ['DS beyond the table', { 84: 0x1000 }, '#TS(1000)'],
    ['SS of another level, absent', { 80: GATE | 3 }, '#SS(38)'],
    ['DS of an inner level, absent', { 84: GATE, 72: 0 }, '#NP(38)'],
    ['bad DS and ES, in this order', { 84: 0x1000, 72: 0x2000 }, '#TS(1000)'],
    ['DS that cannot be read', { 84: TSS }, '#TS(28)'],
  ])('with %s', (_, change, expected) => {
    const c = machine(change);
    define(c, GATE, descriptor(0, 0xfffff, 0x12, 0xc));
    let ownEip = -1;
    const jump = () => {
      try {
        farJump(c, FREE, 0, 4);
      } catch (error) {
        if (error instanceof Fault && error.hasOwnEip) ownEip = error.ownEip;
        throw error;
      }
    };
    expect(outcome(jump)).toBe(expected);
    expect(c.s[SELECTOR + TR]).toBe(FREE);
    expect(ownEip).toBe(0x400);
  });
});

describe('nested tasks', () => {
  test('CALL links back and sets NT; IRET returns', () => {
    const c = machine();
    farCall(c, FREE, 0, 4);
    expect([busy(c, TSS), busy(c, FREE)]).toEqual([true, true]);
    expect([c.s[EFLAGS_REST] & NT, peekMemory(c, NEW)[0] & 0xffff]).toEqual([NT, TSS]);
    poke(c, TSS_BASE + 96, 0);
    c.nextEip = 0x444;
    interruptReturn(c, 4);
    expect([c.s[EIP], c.s[EAX], c.s[SELECTOR + TR]]).toEqual([0x102, 0x11111111, TSS]);
    expect([busy(c, TSS), busy(c, FREE), c.s[EFLAGS_REST] & NT]).toEqual([true, false, 0]);
    expect(peekMemory(c, NEW + 32, 2)).toEqual([0x444, IF | 2]);
  });

  test('IRET to a task that is not busy is #TS', () => {
    const c = machine();
    c.s[EFLAGS_REST] |= NT;
    poke(c, TSS_BASE, FREE);
    expect(outcome(() => interruptReturn(c, 4))).toBe('#TS(30)');
  });

  test('a task gate in the IDT pushes the error code on the new stack', () => {
    const c = machine();
    poke(c, IDT + 13 * 8, ...gate(FREE, 0, 0x85));
    deliverException(c, 13, 0x1234, 0x55);
    expect([c.s[EIP], c.s[ESP], peekMemory(c, 0x6ffc)[0]]).toEqual([0x400, 0x6ffc, 0x1234]);
    expect(peekMemory(c, TSS_BASE + 32)[0]).toBe(0x55);
  });

  test('a task gate in the GDT', () => {
    const c = machine();
    define(c, GATE, gate(FREE, 0, 0x85));
    farCall(c, GATE, 0, 4);
    expect([c.s[EIP], c.s[SELECTOR + TR]]).toEqual([0x400, FREE]);
  });
});
