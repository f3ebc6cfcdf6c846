import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { fpuText } from '../../src/cpu/fpu/state.ts';
import { deliverException, deliverInterrupt, softwareInterrupt } from '../../src/cpu/interrupt.ts';
import { logReset } from '../../src/cpu/log-text.ts';
import { ATTRIBUTES, BASE, GS, LDTR, LIMIT, SELECTOR } from '../../src/cpu/registers.ts';
import { registerByName, registersText } from '../../src/cpu/registers-text.ts';
import { enterSmm, resumeFromSmm } from '../../src/cpu/smm.ts';
import { DATA3, FakeContext, outcome, protectedMode } from '../support/fake-context.ts';

test('info registers after reset is what QEMU prints', () => {
  const session = readFileSync(join(import.meta.dirname, '../goldens/C05-info.txt'), 'utf8');
  const start = session.indexOf('EAX=00000000');
  const golden = session.slice(start, session.indexOf('(qemu)', start));
  const c = new FakeContext('qemu64');
  const view = { s: c.s, eip: 0xfff0, eflags: 2, isA20Open: true };
  expect(registersText(view) + fpuText(c.s)).toBe(golden);
});

test('protected mode adds DPL and type', () => {
  const c = protectedMode();
  c.s[SELECTOR + GS] = DATA3;
  c.s[BASE + GS] = 0x1000;
  c.s[LIMIT + GS] = 0xff;
  c.s[ATTRIBUTES + GS] = 0x0040f700;
  c.s[ATTRIBUTES + LDTR] = 0x8200;
  const view = { s: c.s, eip: 0, eflags: 0x8d5, isA20Open: false };
  const lines = registersText(view).split('\n');
  expect(lines[2]).toBe('EIP=00000000 EFL=000008d5 [-OSZAPC] CPL=0 II=0 A20=0 SMM=0 HLT=0');
  expect(lines.slice(3, 11)).toEqual([
    'ES =0010 00000000 ffffffff 00cf9300 DPL=0 DS   [-WA]',
    'CS =0008 00000000 ffffffff 00cf9b00 DPL=0 CS32 [-RA]',
    'SS =0010 00000000 ffffffff 00cf9300 DPL=0 DS   [-WA]',
    'DS =0010 00000000 ffffffff 00cf9300 DPL=0 DS   [-WA]',
    'FS =0010 00000000 ffffffff 00cf9300 DPL=0 DS   [-WA]',
    'GS =0023 00001000 000000ff 0040f700 DPL=3 DS   [EWA]',
    'LDT=0000 00000000 0000ffff 00008200 DPL=0 LDT',
    'TR =0028 00004000 00002067 00008b00 DPL=0 TSS32-busy',
  ]);
});

test('registers by name', () => {
  const c = new FakeContext();
  const view = { s: c.s, eip: 0xfff0, eflags: 2, isA20Open: true };
  expect(registerByName(view, 'eip')).toBe(0xfff0n);
  expect(registerByName(view, 'pc')).toBe(0xfffffff0n);
  expect(registerByName(view, 'cs')).toBe(0xf000n);
  expect(registerByName(view, 'cs.base')).toBe(0xffff0000n);
  expect(registerByName(view, 'nosuch')).toBeUndefined();
});

test('-d int prints a line for each exception, then the registers', () => {
  const c = protectedMode();
  const lines: string[] = [];
  c.log.setSink(text => lines.push(...text.split('\n')));
  c.log.enable(['int']);
  c.s[4] = 0x7000;
  deliverException(c, 13, 0x102, 0x7c47);
  expect(lines[0]).toBe('check_exception old: 0xffffffff new 0xd');
  expect(lines[2]).toBe(
    '     0: v=0d e=0102 i=0 cpl=0 IP=0008:00007c47 pc=00007c47 SP=0010:00007000' +
      ' env->regs[R_EAX]=00000000',
  );
  expect(lines[3]).toMatch(/^EAX=00000000 EBX=/);
});

test('-d int shows INT n at its own address, and system management mode', () => {
  const c = protectedMode();
  const lines: string[] = [];
  c.log.setSink(text => lines.push(...text.split('\n')));
  c.log.enable(['int']);
  c.eip = 0x1234;
  c.nextEip = 0x1236;
  outcome(() => softwareInterrupt(c, 0x80));
  expect(lines[0]).toMatch(/^ {5}0: v=80 e=0000 i=1 cpl=0 IP=0008:00001234 pc=00001234 /);
  expect(lines[3]).toMatch(/^EIP=00001234 /);
  lines.length = 0;
  enterSmm(c, 0x4321);
  resumeFromSmm(c);
  expect(lines.filter(line => /^SMM|^EIP/.test(line))).toEqual([
    'SMM: enter',
    'EIP=00004321 EFL=00000002 [-------] CPL=0 II=0 A20=1 SMM=0 HLT=0',
    'SMM: after RSM',
    'EIP=00004321 EFL=00000002 [-------] CPL=0 II=0 A20=1 SMM=0 HLT=0',
  ]);
});

test('-d in_asm names interrupts from outside', () => {
  const c = protectedMode();
  const lines: string[] = [];
  c.log.setSink(text => lines.push(text));
  c.log.enable(['in_asm']);
  outcome(() => deliverInterrupt(c, 8, 0x100));
  expect(lines).toEqual(['Servicing hardware INT=0x08\n']);
});

test('-d cpu_reset shows the registers before a reset, and once before there were any', () => {
  const c = new FakeContext('qemu32');
  const texts: string[][] = [];
  c.log.setSink(text => texts.push(text.split('\n')));
  c.log.enable(['cpu_reset']);
  c.s.fill(0);
  logReset(c, 0, true);
  logReset(new FakeContext('qemu32'), 0xfff0, false);
  expect(texts.length).toBe(1);
  expect(texts[0][0]).toBe('CPU Reset (CPU 0)');
  expect(texts[0][3]).toBe('EIP=00000000 EFL=00000000 [-------] CPL=0 II=0 A20=0 SMM=0 HLT=0');
});
