/**
 * `info tlb` and `info mem`: the page tables as they stand in memory.
 *
 * `info tlb` has one line for each mapping, `info mem` one for each range of equal rights.
 */

import type { Memory } from '../memory.ts';
import { CR0, CR0_PG, CR3, CR4, CR4_PAE, CR4_PSE } from './registers.ts';

const PTE_P = 1 << 0;
const PTE_RW = 1 << 1;
const PTE_US = 1 << 2;
const PTE_PS = 1 << 7;
const PG_DISABLED = 'PG disabled\n';

interface Mapping {
  readonly linear: number;
  readonly size: number;
  /** Low half of the leaf entry. */
  readonly entry: number;
  readonly high: number;
  /** Rights of all levels together: PTE_RW and PTE_US. */
  readonly rights: number;
}

/** All mappings in order of linear address. */
function* mappings(s: Int32Array, memory: Memory): Generator<Mapping> {
  if ((s[CR4] & CR4_PAE) !== 0) yield* paeMappings(s, memory);
  else yield* legacyMappings(s, memory);
}

function* legacyMappings(s: Int32Array, memory: Memory): Generator<Mapping> {
  const directory = (s[CR3] & ~0xfff) >>> 0;
  const large = (s[CR4] & CR4_PSE) !== 0;
  for (let i = 0; i < 1024; i++) {
    const pde = memory.read(directory + i * 4, 4) | 0;
    const linear = i * 0x400000;
    if ((pde & PTE_P) === 0) continue;
    if ((pde & PTE_PS) !== 0 && large) {
      yield { linear, size: 0x400000, entry: pde, high: 0, rights: pde };
      continue;
    }
    const table = (pde & ~0xfff) >>> 0;
    for (let j = 0; j < 1024; j++) {
      const pte = memory.read(table + j * 4, 4) | 0;
      if ((pte & PTE_P) === 0) continue;
      const at = linear + j * 0x1000;
      yield { linear: at, size: 0x1000, entry: pte & ~PTE_PS, high: 0, rights: pde & pte };
    }
  }
}

function* paeMappings(s: Int32Array, memory: Memory): Generator<Mapping> {
  const pointers = (s[CR3] & ~0x1f) >>> 0;
  for (let i = 0; i < 4; i++) {
    const pdpte = memory.read(pointers + i * 8, 4) | 0;
    if ((pdpte & PTE_P) === 0) continue;
    const directory = (pdpte & ~0xfff) >>> 0;
    for (let j = 0; j < 512; j++) yield* paeDirectory(memory, directory + j * 8, i * 512 + j);
  }
}

function* paeDirectory(memory: Memory, address: number, index: number): Generator<Mapping> {
  const pde = memory.read(address, 4) | 0;
  const linear = index * 0x200000;
  if ((pde & PTE_P) === 0) return;
  if ((pde & PTE_PS) !== 0) {
    const high = memory.read(address + 4, 4) | 0;
    yield { linear, size: 0x200000, entry: pde, high, rights: pde };
    return;
  }
  const table = (pde & ~0xfff) >>> 0;
  for (let k = 0; k < 512; k++) {
    const pte = memory.read(table + k * 8, 4) | 0;
    if ((pte & PTE_P) === 0) continue;
    const high = memory.read(table + k * 8 + 4, 4) | 0;
    yield {
      linear: linear + k * 0x1000,
      size: 0x1000,
      entry: pte & ~PTE_PS,
      high,
      rights: pde & pte,
    };
  }
}

/** Bit, letter: the nine columns of `info tlb`; NX is bit 63 and comes first. */
const LETTERS = [
  [8, 'G'],
  [7, 'P'],
  [6, 'D'],
  [5, 'A'],
  [4, 'C'],
  [3, 'T'],
  [2, 'U'],
  [1, 'W'],
] as const;

/** `info tlb`. */
export function tlbText(s: Int32Array, memory: Memory): string {
  if ((s[CR0] & CR0_PG) === 0) return PG_DISABLED;
  let text = '';
  for (const { linear, size, entry, high } of mappings(s, memory)) {
    const address = (high & 0x000fffff) * 0x100000000 + ((entry & ~(size - 1)) >>> 0);
    const letters = LETTERS.map(([bit, letter]) => ((entry >>> bit) & 1 ? letter : '-'));
    text += `${hex16(linear)}: ${hex16(address)} ${high < 0 ? 'X' : '-'}${letters.join('')}\n`;
  }
  return text;
}

/** `info mem`: start, end, size, rights. */
export function memText(s: Int32Array, memory: Memory): string {
  if ((s[CR0] & CR0_PG) === 0) return PG_DISABLED;
  let text = '';
  let start = 0;
  let end = -1;
  let rights = 0;
  const flush = () => {
    if (end === -1) return;
    const user = (rights & PTE_US) !== 0 ? 'u' : '-';
    const write = (rights & PTE_RW) !== 0 ? 'w' : '-';
    text += `${hex16(start)}-${hex16(end)} ${hex16(end - start)} ${user}r${write}\n`;
  };
  for (const mapping of mappings(s, memory)) {
    const bits = mapping.rights & (PTE_US | PTE_RW);
    if (mapping.linear !== end || bits !== rights) {
      flush();
      start = mapping.linear;
      rights = bits;
    }
    end = mapping.linear + mapping.size;
  }
  flush();
  return text;
}

function hex16(value: number): string {
  return value.toString(16).padStart(16, '0');
}
