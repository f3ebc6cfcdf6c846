import { describe, expect, test } from 'vitest';
import { checkPort, portIn, portOut } from '../../src/cpu/io.ts';
import { rdmsr, rdpmc, rdtsc, wrmsr } from '../../src/cpu/msr.ts';
import {
  CR4,
  CR4_TSD,
  EAX,
  ECX,
  EDX,
  EFER,
  EFLAGS_REST,
  IOPL,
  LIMIT,
  SYSENTER_ESP,
} from '../../src/cpu/registers.ts';
import {
  atLevel,
  FakeContext,
  outcome,
  protectedMode,
  TSS_BASE,
  virtual8086,
} from '../support/fake-context.ts';

function read(c: FakeContext, msr: number): string {
  c.s[ECX] = msr;
  rdmsr(c);
  const hex = (n: number) => (n >>> 0).toString(16).padStart(8, '0');
  return `${hex(c.s[EDX])}:${hex(c.s[EAX])}`;
}

function write(c: FakeContext, msr: number, high: number, low: number): void {
  c.s[ECX] = msr;
  c.s[EDX] = high;
  c.s[EAX] = low;
  wrmsr(c);
}

describe('model-specific registers', () => {
  test.each([
    [0x1b, '00000000:fee00900'],
    [0xfe, '00000000:00000508'],
    [0x179, '00000000:0100010a'],
    [0x198, '00000400:000003e8'],
    [0x1a0, '00000000:00000001'],
    [0x277, '00070406:00070406'],
    [0x400, 'ffffffff:ffffffff'],
    [0x401, '00000000:00000000'],
    [0x12345, '00000000:00000000'],
  ])('%i after reset', (msr, expected) => {
    expect(read(new FakeContext(), msr)).toBe(expected);
  });

  test('MTRRs and PAT are kept, PAT types are checked, unknown ones vanish', () => {
    const c = new FakeContext();
    write(c, 0x20f, 0x12, 0x34);
    expect(read(c, 0x20f)).toBe('00000012:00000034');
    expect(outcome(() => write(c, 0x277, 0, 2))).toBe('#GP(0)');
    write(c, 0x99999, 1, 1);
    expect(read(c, 0x99999)).toBe('00000000:00000000');
  });

  test('SYSENTER registers and EFER.NXE', () => {
    const c = new FakeContext();
    write(c, 0x175, 0, 0x1234);
    expect(c.s[SYSENTER_ESP]).toBe(0x1234);
    write(c, 0xc0000080, 0, 0xd01);
    expect([c.s[EFER], c.flushes]).toEqual([0x800, ['all']]);
  });

  test('a written time stamp counts on from there', () => {
    const c = new FakeContext();
    c.now = 1000n;
    write(c, 0x10, 1, 5);
    c.now = 1010n;
    rdtsc(c);
    expect([c.s[EDX], c.s[EAX]]).toEqual([1, 15]);
  });

  test('privileges: RDMSR ring 0, RDTSC unless TSD, RDPMC with PCE', () => {
    const c = protectedMode();
    atLevel(c, 3);
    expect(outcome(() => rdmsr(c))).toBe('#GP(0)');
    expect(outcome(() => rdtsc(c))).toBe('done');
    expect(outcome(() => rdpmc(c))).toBe('#GP(0)');
    c.s[CR4] = CR4_TSD;
    expect(outcome(() => rdtsc(c))).toBe('#GP(0)');
  });

  test('a 486 has neither', () => {
    const c = new FakeContext('486');
    expect(outcome(() => rdmsr(c))).toBe('#UD');
    expect(outcome(() => rdtsc(c))).toBe('#UD');
  });
});

describe('ports', () => {
  test('values are sign-extended, unmapped ports are all ones', () => {
    const c = new FakeContext();
    expect(portIn(c, 0x3f8, 1)).toBe(-1);
    const written: number[] = [];
    const handler = {
      read: () => 0x7f,
      write: (_: number, __: number, value: number) => {
        written.push(value);
      },
    };
    c.ports.map({ name: 'test', base: 0x80, length: 1, handler });
    expect(portIn(c, 0x80, 1)).toBe(0x7f);
    portOut(c, 0x80, 1, -2);
    expect(written).toEqual([0xfe]);
  });

  test('ring 3 needs IOPL or clear bits in the map', () => {
    const c = protectedMode();
    atLevel(c, 3);
    expect(outcome(() => checkPort(c, 0x3f8, 1))).toBe('done');
    c.memory.write(TSS_BASE + 0x88 + (0x3f8 >> 3), 1, 2);
    expect(outcome(() => checkPort(c, 0x3f8, 1))).toBe('done');
    expect(outcome(() => checkPort(c, 0x3f8, 2))).toBe('#GP(0)');
    expect(outcome(() => checkPort(c, 0x3f7, 2))).toBe('done');
    c.s[EFLAGS_REST] |= IOPL;
    expect(outcome(() => checkPort(c, 0x3f9, 1))).toBe('done');
  });

  test('the map ends with the TSS, and virtual-8086 mode asks it whatever IOPL is', () => {
    const c = protectedMode();
    virtual8086(c, 3);
    c.s[LIMIT + 7] = 0x88 + 1;
    expect(outcome(() => checkPort(c, 7, 1))).toBe('done');
    expect(outcome(() => checkPort(c, 8, 1))).toBe('#GP(0)');
  });
});
