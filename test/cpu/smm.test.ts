import { expect, test } from 'vitest';
import {
  CPL,
  CR0,
  CS,
  EAX,
  EFLAGS_REST,
  EIP,
  ESP,
  IF,
  SELECTOR,
  SMBASE,
  SMM,
} from '../../src/cpu/registers.ts';
import { enterSmm, resumeFromSmm } from '../../src/cpu/smm.ts';
import { atLevel, FakeContext, outcome, poke, protectedMode } from '../support/fake-context.ts';

test('an SMI enters at SMBASE + 8000h with flat real-mode segments', () => {
  const c = protectedMode();
  enterSmm(c, 0x1234);
  expect([c.s[SELECTOR + CS], c.s[EIP], c.s[CR0] & 1, c.s[EFLAGS_REST]]).toEqual([
    0x3000, 0x8000, 0, 2,
  ]);
  expect([c.s[SMM], c.smiActive.level]).toEqual([1, true]);
});

test('the save map is where the BIOS looks for it', () => {
  const c = protectedMode();
  c.s[EAX] = 0xabcd;
  enterSmm(c, 0x1234);
  expect(c.memory.read(0x3fefc, 4)).toBe(0x20000);
  expect(c.memory.read(0x3fef8, 4)).toBe(0x30000);
  expect(c.memory.read(0x3fff0, 4)).toBe(0x1234);
  expect(c.memory.read(0x3ffd0, 4)).toBe(0xabcd);
});

test('RSM restores everything and takes the new SMBASE', () => {
  const c = protectedMode();
  atLevel(c, 3);
  c.s[EFLAGS_REST] = IF | 0x3002;
  c.s[ESP] = 0x7777;
  const before = c.s.slice();
  enterSmm(c, 0x1234);
  poke(c, 0x3fef8, 0xa0000);
  resumeFromSmm(c);
  before[EIP] = 0x1234;
  before[SMBASE] = 0xa0000;
  expect(c.s).toEqual(before);
  expect([c.s[CPL], c.smiActive.level]).toEqual([3, false]);
});

test('RSM outside is #UD', () => {
  expect(outcome(() => resumeFromSmm(new FakeContext()))).toBe('#UD');
});
