import { describe, expect, test } from 'vitest';
import {
  cli,
  flagsToPush,
  halt,
  loadMsw,
  loadTable,
  popFlags,
  readControl,
  readDebug,
  sti,
  storeTable,
  writeControl,
  writeDebug,
} from '../../src/cpu/control.ts';
import {
  beginInstruction,
  noteDataAccess,
  notePortAccess,
  takeDebugTrap,
} from '../../src/cpu/debug.ts';
import { deliverException } from '../../src/cpu/interrupt.ts';
import {
  CPL,
  CR0,
  CR4,
  CR4_DE,
  CR4_PVI,
  CR4_VME,
  DR0,
  DS,
  EFLAGS_REST,
  GDTR_BASE,
  GDTR_LIMIT,
  HALTED,
  IF,
  INTERRUPT_SHADOW,
  IOPL,
  NT,
  RF,
  TF,
  VIF,
  VIP,
  VM,
} from '../../src/cpu/registers.ts';
import {
  atLevel,
  FakeContext,
  outcome,
  peekMemory,
  poke,
  protectedMode,
  virtual8086,
} from '../support/fake-context.ts';

describe('control registers', () => {
  test('CR0: PG needs PE, NW needs CD, ET stays', () => {
    const c = new FakeContext();
    expect(outcome(() => writeControl(c, 0, 0x80000000 | 0))).toBe('#GP(0)');
    expect(outcome(() => writeControl(c, 0, 0x20000000))).toBe('#GP(0)');
    writeControl(c, 0, 1);
    expect(readControl(c, 0)).toBe(0x11);
    expect([c.flushes, c.leaves]).toEqual([['all'], 1]);
  });

  test('CR1 and CR5 up do not exist; above ring 0 nothing does', () => {
    const c = protectedMode();
    expect(outcome(() => readControl(c, 1))).toBe('#UD');
    expect(outcome(() => writeControl(c, 8, 0))).toBe('#UD');
    atLevel(c, 3);
    expect(outcome(() => readControl(c, 0))).toBe('#GP(0)');
  });

  test('CR3 drops translations but not the global ones; CR4.PGE drops all', () => {
    const c = protectedMode();
    writeControl(c, 3, 0x5000);
    writeControl(c, 4, 0x80);
    expect(c.flushes).toEqual(['local', 'all']);
  });

  test('CR4 has the bits of the model only', () => {
    const c = protectedMode('486');
    expect(outcome(() => writeControl(c, 4, 0x04))).toBe('#GP(0)');
    expect(outcome(() => writeControl(protectedMode('pentium'), 4, 0x04))).toBe('done');
    expect(outcome(() => writeControl(protectedMode('max'), 4, 0x2000))).toBe('#GP(0)');
  });

  test('PAE with bad PDPTEs is refused', () => {
    const c = protectedMode();
    c.s[CR4] = 0x20;
    poke(c, 0, 0x7ff);
    expect(outcome(() => writeControl(c, 0, 0x80000011 | 0))).toBe('#GP(0)');
    expect(c.s[CR0] >>> 31).toBe(0);
  });

  test('LMSW cannot leave protected mode', () => {
    const c = protectedMode();
    loadMsw(c, 0xfffe);
    expect(c.s[CR0] & 0xf).toBe(0xf);
  });
});

describe('descriptor tables', () => {
  test('LGDT takes 24 bits of base with 16-bit operands', () => {
    const c = protectedMode();
    poke(c, 0x500, 0x5678_1234, 0x0000_ab9a);
    loadTable(c, 'gdtr', { seg: DS, offset: 0x500, size: 4 });
    expect([c.s[GDTR_LIMIT], c.s[GDTR_BASE] >>> 0]).toEqual([0x1234, 0xab9a5678]);
    loadTable(c, 'gdtr', { seg: DS, offset: 0x500, size: 2 });
    expect(c.s[GDTR_BASE] >>> 0).toBe(0x9a5678);
  });

  test('SGDT stores six bytes in ring 3, LGDT does not load there', () => {
    const c = protectedMode();
    atLevel(c, 3);
    storeTable(c, 'gdtr', DS, 0x600);
    expect(peekMemory(c, 0x600, 2)).toEqual([0x10000fff, 0]);
    expect(outcome(() => loadTable(c, 'idtr', { seg: DS, offset: 0, size: 4 }))).toBe('#GP(0)');
  });
});

describe('IF and IOPL', () => {
  test('STI leaves one instruction of shadow, but only when IF was clear', () => {
    const c = new FakeContext();
    sti(c);
    expect([c.s[INTERRUPT_SHADOW], c.s[EFLAGS_REST] & IF]).toEqual([1, IF]);
    c.s[INTERRUPT_SHADOW] = 0;
    sti(c);
    expect(c.s[INTERRUPT_SHADOW]).toBe(0);
  });

  test('ring 3 needs IOPL 3', () => {
    const c = protectedMode();
    atLevel(c, 3);
    expect(outcome(() => cli(c))).toBe('#GP(0)');
    c.s[EFLAGS_REST] |= IOPL | IF;
    cli(c);
    expect(c.s[EFLAGS_REST] & IF).toBe(0);
  });

  test('PVI gives ring 3 a virtual flag; a pending interrupt makes STI fault', () => {
    const c = protectedMode();
    atLevel(c, 3);
    c.s[CR4] = CR4_PVI;
    sti(c);
    expect(c.s[EFLAGS_REST] & (VIF | IF)).toBe(VIF);
    cli(c);
    expect(c.s[EFLAGS_REST] & VIF).toBe(0);
    c.s[EFLAGS_REST] |= VIP;
    expect(outcome(() => sti(c))).toBe('#GP(0)');
  });

  test('PUSHF hides VM and RF; VME shows VIF as IF with IOPL 3', () => {
    const c = protectedMode();
    virtual8086(c, 3);
    c.s[EFLAGS_REST] |= RF;
    expect(flagsToPush(c, 4)).toBe(0x3002);
    virtual8086(c, 0);
    expect(outcome(() => flagsToPush(c, 2))).toBe('#GP(0)');
    c.s[CR4] = CR4_VME;
    c.s[EFLAGS_REST] |= VIF;
    expect(flagsToPush(c, 2) & 0xffff).toBe(0x3202);
    expect(outcome(() => flagsToPush(c, 4))).toBe('#GP(0)');
  });

  test('POPF changes IOPL in ring 0 only, IF up to IOPL, and never VM', () => {
    const c = protectedMode();
    popFlags(c, 0x3202 | NT | VM, 4);
    expect(c.s[EFLAGS_REST]).toBe(0x3202 | NT);
    atLevel(c, 3);
    popFlags(c, 2, 4);
    expect(c.s[EFLAGS_REST]).toBe(0x3002);
    c.s[EFLAGS_REST] = 2;
    popFlags(c, 0x3202, 4);
    expect(c.s[EFLAGS_REST]).toBe(2);
  });

  test('POPF under VME writes VIF, and TF faults', () => {
    const c = protectedMode();
    virtual8086(c, 0);
    c.s[CR4] = CR4_VME;
    popFlags(c, IF, 2);
    expect(c.s[EFLAGS_REST] & (VIF | IF)).toBe(VIF);
    expect(outcome(() => popFlags(c, TF, 2))).toBe('#GP(0)');
  });

  test('HLT is for ring 0', () => {
    const c = protectedMode();
    halt(c);
    expect(c.s[HALTED]).toBe(1);
    c.s[CPL] = 3;
    expect(outcome(() => halt(c))).toBe('#GP(0)');
  });
});

describe('debug registers', () => {
  test('fixed bits of DR6 and DR7; DR4 and DR5 are names of them without CR4.DE', () => {
    const c = protectedMode();
    writeDebug(c, 6, 0);
    writeDebug(c, 7, -1);
    expect([c.s[DR0 + 6] >>> 0, c.s[DR0 + 7] >>> 0]).toEqual([0xffff0ff0, 0xffff2fff]);
    c.s[DR0 + 7] = 0x400;
    expect(readDebug(c, 5)).toBe(0x400);
    c.s[CR4] = CR4_DE;
    expect(outcome(() => readDebug(c, 4))).toBe('#UD');
  });

  test('general detect faults, says so in DR6 and lets the handler work', () => {
    const c = protectedMode();
    c.s[DR0 + 7] = 0x2400;
    expect(outcome(() => readDebug(c, 0))).toBe('#DB');
    expect(c.s[DR0 + 6] & 0x2000).toBe(0x2000);
    deliverException(c, 1, -1, 0);
    expect(c.s[DR0 + 7]).toBe(0x400);
  });

  test('a code breakpoint is a fault before its instruction, unless RF is set', () => {
    const c = protectedMode();
    c.s[DR0 + 1] = 0x1234;
    c.s[DR0 + 7] = 0x404;
    expect(outcome(() => beginInstruction(c, 0x1233, false))).toBe('done');
    expect(outcome(() => beginInstruction(c, 0x1234, false))).toBe('#DB');
    expect(c.s[DR0 + 6] & 0xf).toBe(2);
    c.s[EFLAGS_REST] |= RF;
    expect(outcome(() => beginInstruction(c, 0x1234, false))).toBe('done');
  });

  // Volume 3, table 17-2: lengths align the address, any overlap hits.
  test.each<[string, number, number, number, number, boolean, boolean]>([
    ['write of the word', 0x1, 0x1, 0x1000, 2, true, true],
    ['write touching its last byte', 0x1, 0x1, 0x1001, 4, true, true],
    ['write behind it', 0x1, 0x1, 0x1002, 4, true, false],
    ['read of a write breakpoint', 0x1, 0x1, 0x1000, 2, false, false],
    ['read of an access breakpoint', 0x3, 0x3, 0x0ffd, 4, false, true],
  ])('%s', (_, kind, length, address, size, write, hits) => {
    const c = protectedMode();
    c.s[DR0] = 0x1001;
    c.s[DR0 + 7] = 0x402 | (kind << 16) | (length << 18);
    noteDataAccess(c, address, size, write);
    expect(takeDebugTrap(c)).toBe(hits);
    expect(c.s[DR0 + 6] & 0xf).toBe(hits ? 1 : 0);
  });

  test('port breakpoints need CR4.DE', () => {
    const c = protectedMode();
    c.s[DR0] = 0x3f8;
    c.s[DR0 + 7] = 0x20402;
    notePortAccess(c, 0x3f8, 1);
    expect(takeDebugTrap(c)).toBe(false);
    c.s[CR4] = CR4_DE;
    notePortAccess(c, 0x3f8, 1);
    expect(takeDebugTrap(c)).toBe(true);
    expect(c.s[DR0 + 6] & 0xf).toBe(1);
  });
});
