import { describe, expect, test } from 'vitest';
import {
  ATTRIBUTES,
  BASE,
  DS,
  EFLAGS_REST,
  ES,
  FS,
  LDTR,
  LIMIT,
  SELECTOR,
  SS,
  TR,
  ZF,
} from '../../src/cpu/registers.ts';
import {
  arpl,
  arplMemory,
  lar,
  loadLdt,
  loadSegment,
  loadTaskRegister,
  lsl,
  readAddress,
  storeLdt,
  verify,
  withinLimit,
  writeAddress,
} from '../../src/cpu/segment.ts';
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
  outcome,
  peekMemory,
  protectedMode,
  TSS,
  virtual8086,
} from '../support/fake-context.ts';

describe('loading a segment register', () => {
  test('real mode changes selector and base and keeps the limit', () => {
    const c = new FakeContext();
    c.s[LIMIT + DS] = -1;
    loadSegment(c, DS, 0x1234);
    expect(c.s[SELECTOR + DS]).toBe(0x1234);
    expect(c.s[BASE + DS]).toBe(0x12340);
    expect(c.s[LIMIT + DS]).toBe(-1);
  });

  test('virtual-8086 mode gives 64 KiB of writable data at DPL 3', () => {
    const c = protectedMode();
    virtual8086(c, 0);
    c.s[LIMIT + ES] = -1;
    loadSegment(c, ES, 0xb800);
    expect([c.s[BASE + ES], c.s[LIMIT + ES], c.s[ATTRIBUTES + ES]]).toEqual([
      0xb8000, 0xffff, 0xf300,
    ]);
  });

  test('protected mode takes base, limit and rights and sets the accessed bit', () => {
    const c = protectedMode();
    define(c, FREE, descriptor(0x12345678, 0xabcde, 0x92, 0xc));
    loadSegment(c, FS, FREE);
    expect(c.s[BASE + FS]).toBe(0x12345678);
    expect(c.s[LIMIT + FS] >>> 0).toBe(0xabcdefff);
    expect(c.s[ATTRIBUTES + FS]).toBe(0x00c09300);
    expect(peekMemory(c, GDT + FREE + 4)[0] & 0x100).toBe(0x100);
  });

  test('a segment that is loaded again unchanged does not change the mode', () => {
    const c = protectedMode();
    loadSegment(c, DS, DATA0);
    expect(c.modeChanges).toBe(0);
  });

  test('null is fine for data, #GP(0) for SS; rights of a null segment are zero', () => {
    const c = protectedMode();
    loadSegment(c, ES, 3);
    expect([c.s[SELECTOR + ES], c.s[ATTRIBUTES + ES]]).toEqual([3, 0]);
    expect(outcome(() => loadSegment(c, SS, 0))).toBe('#GP(0)');
    expect(outcome(() => readAddress(c, ES, 0, 1))).toBe('#GP(0)');
  });

  // Volume 2, MOV: order and codes of the checks.
  test.each<[string, number, number, readonly [number, number], string]>([
    ['beyond the table', DS, 0x1000, [0, 0], '#GP(1000)'],
    ['a system segment', DS, FREE, descriptor(0, 0, 0x89), '#GP(30)'],
    ['execute-only code', DS, FREE, descriptor(0, 0, 0x99), '#GP(30)'],
    ['readable code', DS, FREE, descriptor(0, 0, 0x9b), 'done'],
    ['RPL above DPL', DS, FREE | 1, descriptor(0, 0, 0x93), '#GP(30)'],
    ['conforming code with any RPL', DS, FREE | 3, descriptor(0, 0, 0x9f), 'done'],
    ['data not present', DS, FREE, descriptor(0, 0, 0x13), '#NP(30)'],
    ['stack not present', SS, FREE, descriptor(0, 0, 0x13), '#SS(30)'],
    ['stack not writable', SS, FREE, descriptor(0, 0, 0x91), '#GP(30)'],
    ['stack of another DPL', SS, FREE, descriptor(0, 0, 0xf3), '#GP(30)'],
    ['stack of another RPL', SS, FREE | 3, descriptor(0, 0, 0x93), '#GP(30)'],
    ['a null LDT', DS, FREE | 4, descriptor(0, 0, 0x93), '#GP(34)'],
  ])('%s', (_, n, selector, words, expected) => {
    const c = protectedMode();
    define(c, FREE, words);
    expect(outcome(() => loadSegment(c, n, selector))).toBe(expected);
  });

  test('ring 3 may not load ring 0 data', () => {
    const c = protectedMode();
    atLevel(c, 3);
    expect(outcome(() => loadSegment(c, DS, DATA0))).toBe('#GP(10)');
  });
});

describe('addresses through a segment', () => {
  test('the last byte must lie within the limit', () => {
    expect(withinLimit(0x9300, 0xffff, 0xfffe, 2)).toBe(true);
    expect(withinLimit(0x9300, 0xffff, 0xffff, 2)).toBe(false);
    expect(withinLimit(0x9300, -1, 0xfffffffd | 0, 4)).toBe(false);
  });

  test('expand-down segments reach from above the limit to 64 KiB or 4 GiB', () => {
    expect(withinLimit(0x9700, 0x0fff, 0x0fff, 1)).toBe(false);
    expect(withinLimit(0x9700, 0x0fff, 0x1000, 1)).toBe(true);
    expect(withinLimit(0x9700, 0x0fff, 0xffff, 2)).toBe(false);
    expect(withinLimit(0x409700, 0x0fff, 0xffff, 2)).toBe(true);
  });

  test('SS faults with #SS(0), the others with #GP(0)', () => {
    const c = protectedMode();
    c.s[LIMIT + SS] = 0xff;
    c.s[LIMIT + DS] = 0xff;
    expect(outcome(() => readAddress(c, SS, 0x100, 1))).toBe('#SS(0)');
    expect(outcome(() => writeAddress(c, DS, 0xfd, 4))).toBe('#GP(0)');
  });

  test('types: no writing to code or read-only data, no reading of execute-only code', () => {
    const c = protectedMode();
    c.s[ATTRIBUTES + DS] = 0x9100;
    expect(outcome(() => writeAddress(c, DS, 0, 1))).toBe('#GP(0)');
    expect(outcome(() => readAddress(c, DS, 0, 1))).toBe('done');
    c.s[ATTRIBUTES + DS] = 0x9900;
    expect(outcome(() => readAddress(c, DS, 0, 1))).toBe('#GP(0)');
    c.s[ATTRIBUTES + DS] = 0x9b00;
    expect(outcome(() => writeAddress(c, DS, 0, 1))).toBe('#GP(0)');
  });
});

describe('asking about selectors', () => {
  function ask(words: readonly [number, number], selector = FREE): FakeContext {
    const c = protectedMode();
    define(c, FREE, words);
    expect(selector & 0xfff8).toBe(FREE);
    return c;
  }

  test('LAR gives bits 8 to 23 of the second word and sets ZF', () => {
    const c = ask(descriptor(0x11223344, 0xfffff, 0x93, 0xc));
    expect(lar(c, FREE)).toBe(0x00cf9300);
    expect(c.s[EFLAGS_REST] & ZF).toBe(ZF);
  });

  test('LSL gives the limit in bytes', () => {
    expect(lsl(ask(descriptor(0, 0x12345, 0x93, 0x8)), FREE)).toBe(0x12345fff);
    expect(lsl(ask(descriptor(0, 0x12345, 0x93)), FREE)).toBe(0x12345);
  });

  // Volume 2, LAR, table 3-52; LSL, table 3-56.
  test.each([
    [1, true, true],
    [2, true, true],
    [3, true, true],
    [4, true, false],
    [5, true, false],
    [6, false, false],
    [7, false, false],
    [9, true, true],
    [11, true, true],
    [12, true, false],
    [14, false, false],
    [15, false, false],
    [0, false, false],
  ])('system type %i: LAR %s, LSL %s', (type, larFits, lslFits) => {
    const c = ask(descriptor(0, 0, 0x80 | type));
    expect(lar(c, FREE) !== undefined).toBe(larFits);
    expect(lsl(c, FREE) !== undefined).toBe(lslFits);
  });

  test('what is not visible at CPL and RPL clears ZF, except conforming code', () => {
    const c = ask(descriptor(0, 0, 0x93));
    c.s[EFLAGS_REST] |= ZF;
    expect(lar(c, FREE | 3)).toBeUndefined();
    expect(c.s[EFLAGS_REST] & ZF).toBe(0);
    expect(lar(ask(descriptor(0, 0, 0x9f)), FREE | 3)).toBe(0x9f00);
  });

  test('VERR and VERW look at the type', () => {
    const flag = (access: number, kind: 'read' | 'write') => {
      const c = ask(descriptor(0, 0, access));
      verify(c, FREE, kind);
      return (c.s[EFLAGS_REST] & ZF) !== 0;
    };
    expect([flag(0x93, 'write'), flag(0x91, 'write'), flag(0x9b, 'write')]).toEqual([
      true,
      false,
      false,
    ]);
    expect([
      flag(0x91, 'read'),
      flag(0x99, 'read'),
      flag(0x9b, 'read'),
      flag(0x82, 'read'),
    ]).toEqual([true, false, true, false]);
  });

  test('ARPL raises the RPL and tells it', () => {
    const c = protectedMode();
    expect(arpl(c, 0x1230, 3)).toBe(0x1233);
    expect(c.s[EFLAGS_REST] & ZF).toBe(ZF);
    expect(arpl(c, 0x1233, 1)).toBe(0x1233);
    expect(c.s[EFLAGS_REST] & ZF).toBe(0);
  });

  // Volume 2, ARPL: the pseudo-code writes in one branch only.
  test('ARPL of a word in memory writes, and needs write access, only where it raises', () => {
    const c = protectedMode();
    c.s[ATTRIBUTES + DS] = 0x9b00;
    c.memory.write(0x500, 2, 0x1232);
    expect(outcome(() => arplMemory(c, { seg: DS, offset: 0x500 }, 1))).toBe('done');
    expect(outcome(() => arplMemory(c, { seg: DS, offset: 0x500 }, 3))).toBe('#GP(0)');
    c.s[ATTRIBUTES + DS] = 0x9300;
    arplMemory(c, { seg: DS, offset: 0x500 }, 3);
    expect(c.memory.read(0x500, 4)).toBe(0x1233);
  });

  test('all of them are #UD in real and virtual-8086 mode', () => {
    const real = new FakeContext();
    const virtual = protectedMode();
    virtual8086(virtual, 3);
    for (const c of [real, virtual]) {
      expect(outcome(() => lar(c, 8))).toBe('#UD');
      expect(outcome(() => arpl(c, 8, 3))).toBe('#UD');
      expect(outcome(() => storeLdt(c))).toBe('#UD');
      expect(outcome(() => loadLdt(c, 8))).toBe('#UD');
    }
  });
});

describe('LDTR and TR', () => {
  test('LLDT loads an LDT, null empties it', () => {
    const c = protectedMode();
    define(c, FREE, descriptor(0x3000, 0xff, 0x82));
    loadLdt(c, FREE);
    expect([c.s[SELECTOR + LDTR], c.s[BASE + LDTR], c.s[LIMIT + LDTR]]).toEqual([
      FREE,
      0x3000,
      0xff,
    ]);
    loadLdt(c, 0);
    expect(c.s[ATTRIBUTES + LDTR]).toBe(0);
  });

  test.each<[string, number, readonly [number, number], string]>([
    ['a data segment', FREE, descriptor(0, 0, 0x93), '#GP(30)'],
    ['a selector into the LDT', FREE | 4, descriptor(0, 0, 0x82), '#GP(34)'],
    ['not present', FREE, descriptor(0, 0, 0x02), '#NP(30)'],
  ])('LLDT refuses %s', (_, selector, words, expected) => {
    const c = protectedMode();
    define(c, FREE, words);
    expect(outcome(() => loadLdt(c, selector))).toBe(expected);
  });

  test('LTR marks the TSS busy and refuses a busy one', () => {
    const c = protectedMode();
    define(c, FREE, descriptor(0x5000, 0x67, 0x89));
    loadTaskRegister(c, FREE);
    expect(c.s[ATTRIBUTES + TR]).toBe(0x8b00);
    expect(peekMemory(c, GDT + FREE + 4)[0]).toBe(0x00008b00);
    expect(outcome(() => loadTaskRegister(c, FREE))).toBe('#GP(30)');
    expect(outcome(() => loadTaskRegister(c, 0))).toBe('#GP(0)');
    expect(outcome(() => loadTaskRegister(c, TSS))).toBe('#GP(28)');
  });

  test('above ring 0 they are #GP(0)', () => {
    const c = protectedMode();
    atLevel(c, 3);
    expect(outcome(() => loadLdt(c, 0))).toBe('#GP(0)');
    expect(outcome(() => loadTaskRegister(c, CODE0))).toBe('#GP(0)');
    expect([CODE3, DATA3]).toEqual([0x1b, 0x23]);
  });
});
