import { describe, expect, test } from 'vitest';
import {
  loadPdptes,
  type Mmu,
  PF_I,
  PF_U,
  PF_W,
  RIGHT_EXECUTE,
  RIGHT_GLOBAL,
  RIGHT_SUPERVISOR_READ,
  RIGHT_SUPERVISOR_WRITE,
  RIGHT_USER_READ,
  RIGHT_USER_WRITE,
} from '../../src/cpu/mmu.ts';
import { memText, tlbText } from '../../src/cpu/paging-text.ts';
import {
  CR0,
  CR0_PG,
  CR0_WP,
  CR3,
  CR4,
  CR4_PAE,
  CR4_PGE,
  CR4_PSE,
  EFER,
  EFER_NXE,
  PDPTE,
} from '../../src/cpu/registers.ts';
import { FakeContext, peekMemory, poke } from '../support/fake-context.ts';

const DIRECTORY = 0x10000;
const TABLE = 0x11000;
const POINTERS = 0x12000;

/** 32-bit paging with one directory and one table at 0. */
function paged(pde: number, pte = 0): FakeContext {
  const c = new FakeContext();
  poke(c, DIRECTORY, pde);
  poke(c, TABLE, pte);
  c.s[CR3] = DIRECTORY;
  c.s[CR0] |= CR0_PG | 1;
  return c;
}

function walk(mmu: Mmu, linear: number, access: number): string {
  const page = mmu.walk(linear, access);
  return page === -1 ? `fault ${mmu.errorCode}` : page.toString(16);
}

describe('32-bit paging', () => {
  test('without PG the address goes through, A20 masked', () => {
    const c = new FakeContext();
    expect(walk(c.mmu, 0x12345678, PF_W)).toBe('12345000');
    c.mmu.addressMask = 0xffefffff;
    expect(walk(c.mmu, 0x00100123, 0)).toBe('0');
  });

  // Volume 3, 4.7: P W U RSVD I of the error code.
  test.each<[string, number, number, number, string]>([
    ['no directory entry', 0, 0, 0, 'fault 0'],
    ['no table entry, user write', TABLE | 7, 0, PF_U | PF_W, 'fault 6'],
    ['supervisor page read by user', TABLE | 7, 0x5003, PF_U, 'fault 5'],
    ['supervisor directory read by user', TABLE | 3, 0x5007, PF_U, 'fault 5'],
    ['read-only page written by user', TABLE | 7, 0x5005, PF_U | PF_W, 'fault 7'],
    ['read-only page written by supervisor, WP clear', TABLE | 7, 0x5005, PF_W, '5000'],
    ['fetch: no I bit without NX', TABLE | 7, 0, PF_I | PF_U, 'fault 4'],
  ])('%s', (_, pde, pte, access, expected) => {
    expect(walk(paged(pde, pte).mmu, 0x123, access)).toBe(expected);
  });

  test('WP protects read-only pages from the supervisor', () => {
    const c = paged(TABLE | 7, 0x5005);
    c.s[CR0] |= CR0_WP;
    expect(walk(c.mmu, 0, PF_W)).toBe('fault 3');
  });

  test('a read sets A in both levels, a write sets D in the leaf; a fault sets nothing', () => {
    const c = paged(TABLE | 3, 0x5003);
    walk(c.mmu, 0, PF_U);
    expect([peekMemory(c, DIRECTORY)[0], peekMemory(c, TABLE)[0]]).toEqual([TABLE | 3, 0x5003]);
    walk(c.mmu, 0, 0);
    expect([peekMemory(c, DIRECTORY)[0], peekMemory(c, TABLE)[0]]).toEqual([TABLE | 0x23, 0x5023]);
    walk(c.mmu, 0, PF_W);
    expect([peekMemory(c, DIRECTORY)[0], peekMemory(c, TABLE)[0]]).toEqual([TABLE | 0x23, 0x5063]);
  });

  test('write rights appear only once the page is dirty', () => {
    const c = paged(TABLE | 7, 0x5007);
    c.mmu.walk(0, 0);
    expect(c.mmu.rights).toBe(RIGHT_SUPERVISOR_READ | RIGHT_USER_READ | RIGHT_EXECUTE);
    c.mmu.walk(0, PF_W);
    expect(c.mmu.rights & (RIGHT_SUPERVISOR_WRITE | RIGHT_USER_WRITE)).toBe(
      RIGHT_SUPERVISOR_WRITE | RIGHT_USER_WRITE,
    );
  });

  test('global pages need PGE', () => {
    const c = paged(TABLE | 7, 0x5107);
    c.mmu.walk(0, 0);
    expect(c.mmu.rights & RIGHT_GLOBAL).toBe(0);
    c.s[CR4] = CR4_PGE;
    c.mmu.walk(0, 0);
    expect(c.mmu.rights & RIGHT_GLOBAL).toBe(RIGHT_GLOBAL);
  });

  test('4 MiB pages need PSE; PSE-36 bits lead beyond memory; bit 21 is reserved', () => {
    const c = paged(0x00400083);
    c.s[CR4] = CR4_PSE;
    expect(walk(c.mmu, 0x123456, 0)).toBe('523000');
    expect(c.mmu.translate(0x123456)).toBe(0x523456);
    const high = paged(0x00402083);
    high.s[CR4] = CR4_PSE;
    high.mmu.walk(0, 0);
    expect(high.mmu.isBeyondMemory).toBe(true);
    expect(high.mmu.translate(0)).toBeUndefined();
    const bad = paged(0x00600083);
    bad.s[CR4] = CR4_PSE;
    expect(walk(bad.mmu, 0, PF_W)).toBe('fault 11');
  });

  test('translate looks and touches nothing', () => {
    const c = paged(TABLE | 1, 0x5001);
    expect([c.mmu.translate(0xabc), c.mmu.translate(0x1000)]).toEqual([0x5abc, undefined]);
    expect(peekMemory(c, TABLE)[0]).toBe(0x5001);
  });
});

describe('PAE', () => {
  function pae(pde: readonly number[], pte: readonly number[] = [0, 0]): FakeContext {
    const c = new FakeContext();
    poke(c, POINTERS, DIRECTORY | 1, 0, 0, 0, 0, 0, 0, 0);
    poke(c, DIRECTORY, ...pde);
    poke(c, TABLE, ...pte);
    c.s[CR3] = POINTERS;
    c.s[CR4] = CR4_PAE;
    c.s[CR0] |= CR0_PG | 1;
    expect(loadPdptes(c.s, c.memory, POINTERS)).toBe(true);
    return c;
  }

  test('three levels lead to a 4 KiB page', () => {
    expect(walk(pae([TABLE | 7, 0], [0x5007, 0]).mmu, 0, PF_U | PF_W)).toBe('5000');
    expect(walk(pae([TABLE | 7, 0], [0x5007, 0]).mmu, 0x40000000, 0)).toBe('fault 0');
  });

  test('2 MiB pages', () => {
    expect(walk(pae([0x00200087, 0]).mmu, 0x12345, 0)).toBe('212000');
  });

  // 36-bit physical addresses; what is above 4 GiB is nobody's.
  test('pages above 4 GiB are not those below', () => {
    for (const c of [pae([TABLE | 7, 0], [0x5007, 1]), pae([0x00200087, 0xf])]) {
      c.mmu.walk(0, PF_W);
      expect([c.mmu.isBeyondMemory, c.mmu.translate(0)]).toEqual([true, undefined]);
      c.s[CR0] &= ~CR0_PG;
      c.mmu.walk(0, 0);
      expect(c.mmu.isBeyondMemory).toBe(false);
    }
  });

  test('a table above 4 GiB reads as ones: reserved bits', () => {
    expect(walk(pae([TABLE | 7, 1], [0x5007, 0]).mmu, 0, 0)).toBe('fault 9');
    const c = pae([TABLE | 7, 0], [0x5007, 0]);
    c.s[PDPTE + 1] = 1;
    expect(walk(c.mmu, 0, 0)).toBe('fault 9');
  });

  test('bit 63 is reserved without NXE, and forbids fetches with it', () => {
    const nx = 0x80000000;
    expect(walk(pae([TABLE | 7, 0], [0x5007, nx]).mmu, 0, 0)).toBe('fault 9');
    const c = pae([TABLE | 7, 0], [0x5007, nx]);
    c.s[EFER] = EFER_NXE;
    expect(walk(c.mmu, 0, 0)).toBe('5000');
    expect(c.mmu.rights & RIGHT_EXECUTE).toBe(0);
    expect(walk(c.mmu, 0, PF_I | PF_U)).toBe('fault 21');
  });

  test('a present PDPTE with reserved bits is refused and keeps the old ones', () => {
    const c = pae([TABLE | 7, 0], [0x5007, 0]);
    poke(c, 0x13000, DIRECTORY | 3, 0, 0, 0, 0, 0, 0, 0);
    expect(loadPdptes(c.s, c.memory, 0x13000)).toBe(false);
    expect(walk(c.mmu, 0, 0)).toBe('5000');
  });
});

describe('what the monitor shows', () => {
  // The tables and the text of Debian's qemu-system-i386 for them.
  function machine(): FakeContext {
    const c = paged(TABLE | 7);
    poke(c, DIRECTORY + 4, 0x004000e3);
    poke(c, DIRECTORY + 768 * 4, TABLE | 0x23);
    for (let i = 0; i < 9; i++) poke(c, TABLE + i * 4, (i * 0x1000) | 7);
    poke(c, TABLE + 20, 0, 0x6001, 0x7105);
    c.s[CR4] = CR4_PSE | CR4_PGE;
    return c;
  }

  test('info mem', () => {
    const c = machine();
    expect(memText(c.s, c.memory)).toMatchInlineSnapshot(`
      "0000000000000000-0000000000005000 0000000000005000 urw
      0000000000006000-0000000000007000 0000000000001000 -r-
      0000000000007000-0000000000008000 0000000000001000 ur-
      0000000000008000-0000000000009000 0000000000001000 urw
      0000000000400000-0000000000800000 0000000000400000 -rw
      00000000c0000000-00000000c0005000 0000000000005000 -rw
      00000000c0006000-00000000c0008000 0000000000002000 -r-
      00000000c0008000-00000000c0009000 0000000000001000 -rw
      "
    `);
  });

  test('info tlb', () => {
    const c = machine();
    const lines = tlbText(c.s, c.memory).split('\n');
    expect(lines.slice(4, 9)).toEqual([
      '0000000000004000: 0000000000004000 -------UW',
      '0000000000006000: 0000000000006000 ---------',
      '0000000000007000: 0000000000007000 -G-----U-',
      '0000000000008000: 0000000000008000 -------UW',
      '0000000000400000: 0000000000400000 --PDA---W',
    ]);
  });

  test('without paging', () => {
    const c = new FakeContext();
    expect(tlbText(c.s, c.memory) + memText(c.s, c.memory)).toBe('PG disabled\nPG disabled\n');
  });
});
