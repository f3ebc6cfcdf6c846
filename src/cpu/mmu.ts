/**
 * Paging: from a linear to a physical address through the tables in memory.
 *
 * Modes: none, 32-bit (4 KiB and with PSE 4 MiB pages, PSE-36 address bits), PAE (4 KiB and 2 MiB,
 * no-execute with EFER.NXE). Rights combine U/S and W of all levels; WP decides about supervisor
 * writes. Accessed bits are set on the way, the dirty bit by the first write.
 *
 * Physical addresses have 36 bits; nothing answers above 4 GiB, so tables there read as all ones,
 * which is an entry with reserved bits set.
 *
 * Source: Intel SDM volume 3, chapter 4. Not emulated: four-level paging, SMEP, SMAP, PCID; memory
 * types. The PDPTE registers are loaded by MOV to CR3 (loadPdptes), as 4.4.1 says.
 */

import type { Memory } from '../memory.ts';
import type { Context } from './context.ts';
import {
  CR0,
  CR0_PG,
  CR0_WP,
  CR2,
  CR3,
  CR4,
  CR4_PAE,
  CR4_PGE,
  CR4_PSE,
  EFER,
  EFER_NXE,
  PDPTE,
  PF_VECTOR,
} from './registers.ts';

/** Bits of the #PF error code; W, U and I also say what an access is. */
export const PF_P = 1;
export const PF_W = 2;
export const PF_U = 4;
export const PF_RSVD = 8;
export const PF_I = 16;

/** What a walk found out about the page, for TLB entries. */
export const RIGHT_SUPERVISOR_READ = 1;
export const RIGHT_USER_READ = 2;
/** Only once the dirty bit is set: the first write walks again. */
export const RIGHT_SUPERVISOR_WRITE = 4;
export const RIGHT_USER_WRITE = 8;
export const RIGHT_EXECUTE = 16;
export const RIGHT_GLOBAL = 32;

const ALL_RIGHTS =
  RIGHT_SUPERVISOR_READ |
  RIGHT_USER_READ |
  RIGHT_SUPERVISOR_WRITE |
  RIGHT_USER_WRITE |
  RIGHT_EXECUTE;

const PTE_P = 1 << 0;
const PTE_RW = 1 << 1;
const PTE_US = 1 << 2;
const PTE_A = 1 << 5;
const PTE_D = 1 << 6;
const PTE_PS = 1 << 7;
const PTE_G = 1 << 8;
/** Bit 63, in the second word. */
const PTE_NX = 1 << 31;
/** Address bits 35:32, in the second word. */
const HIGH_ADDRESS = 0xf;
/** Bits 62:36 of a PAE entry, in the second word: reserved with 36-bit physical addresses. */
const PAE_HIGH_RESERVED = 0x7ffffff0;
/** Bits 21 and up of PSE: address bits 39:32 are 20:13, of which 36 bits allow 16:13. */
const PSE36_RESERVED = 0x003e0000;
/** Without PSE-36: 21:13 (12 is PAT). */
const PSE_RESERVED = 0x003fe000;
const LARGE_PAE_RESERVED = 0x001fe000;
const NOT_FOUND = -1;

export class Mmu {
  /** ANDed with every physical address: clears bit 20 while A20 is low. */
  addressMask = 0xffffffff;
  /** Of the last walk that failed. */
  errorCode = 0;
  /** Of the last walk that succeeded: RIGHT_ bits. */
  rights = 0;
  /** Where entries were found, for setting A and D; -1 for none. */
  private directoryAddress = 0;
  private tableAddress = 0;
  private directory = 0;
  private table = 0;
  /** Of the leaf: address bits 31:0 of the 4 KiB page that holds the linear address. */
  private frame = 0;
  /** Address bits above 31 are not zero: nothing answers there. */
  private beyond = 0;
  private combined = 0;
  private noExecute = false;

  constructor(
    private readonly s: Int32Array,
    private readonly memory: Memory,
    private readonly hasPse36 = true,
  ) {}

  /**
   * Translates for an access described by PF_W, PF_U and PF_I, setting accessed and dirty bits.
   * Returns the physical address of the 4 KiB page (unsigned) and fills `rights`; or -1 with
   * `errorCode` as #PF wants it (CR2 is the caller's: `raisePageFault`).
   */
  walk(linear: number, access: number): number {
    if ((this.s[CR0] & CR0_PG) === 0) {
      this.rights = ALL_RIGHTS;
      this.beyond = 0;
      return (linear & this.addressMask & ~0xfff) >>> 0;
    }
    const reserved = this.find(linear);
    if (reserved !== 0) return this.fail(reserved === NOT_FOUND ? 0 : PF_P | PF_RSVD, access);
    const writable = (this.combined & PTE_RW) !== 0;
    const user = (this.combined & PTE_US) !== 0;
    const protectedWrite = (this.s[CR0] & CR0_WP) !== 0;
    if ((access & PF_U) !== 0 && !user) return this.fail(PF_P, access);
    if ((access & PF_W) !== 0 && !writable) {
      if ((access & PF_U) !== 0 || protectedWrite) return this.fail(PF_P, access);
    }
    if ((access & PF_I) !== 0 && this.noExecute) return this.fail(PF_P, access);
    const dirty = this.touch((access & PF_W) !== 0);
    let rights = RIGHT_SUPERVISOR_READ;
    if (user) rights |= RIGHT_USER_READ;
    if (dirty && (writable || !protectedWrite)) rights |= RIGHT_SUPERVISOR_WRITE;
    if (dirty && writable && user) rights |= RIGHT_USER_WRITE;
    if (!this.noExecute) rights |= RIGHT_EXECUTE;
    const leaf = this.tableAddress === NOT_FOUND ? this.directory : this.table;
    if ((leaf & PTE_G) !== 0 && (this.s[CR4] & CR4_PGE) !== 0) rights |= RIGHT_GLOBAL;
    this.rights = rights;
    return (this.frame & this.addressMask) >>> 0;
  }

  /** The physical address, without touching anything; undefined when not mapped. */
  translate(linear: number): number | undefined {
    if ((this.s[CR0] & CR0_PG) === 0) return (linear & this.addressMask) >>> 0;
    if (this.find(linear) !== 0 || this.beyond !== 0) return undefined;
    return ((this.frame | (linear & 0xfff)) & this.addressMask) >>> 0;
  }

  /** Physical addresses above 4 GiB: the page of the last walk is nobody's. */
  get isBeyondMemory(): boolean {
    return this.beyond !== 0;
  }

  /** The last walk ended at a page of 2 or 4 MiB. */
  get isLargePage(): boolean {
    return (this.s[CR0] & CR0_PG) !== 0 && this.tableAddress === NOT_FOUND;
  }

  private fail(bits: number, access: number): number {
    const fetchVisible = this.usesNoExecute() ? access & PF_I : 0;
    this.errorCode = bits | (access & (PF_W | PF_U)) | fetchVisible;
    return NOT_FOUND;
  }

  private usesNoExecute(): boolean {
    return (this.s[CR4] & CR4_PAE) !== 0 && (this.s[EFER] & EFER_NXE) !== 0;
  }

  private find(linear: number): number {
    return (this.s[CR4] & CR4_PAE) !== 0 ? this.findPae(linear) : this.findLegacy(linear);
  }

  /** 0 when found, NOT_FOUND, or 1 for reserved bits. */
  private findLegacy(linear: number): number {
    this.noExecute = false;
    this.beyond = 0;
    this.directoryAddress = this.physical((this.s[CR3] & ~0xfff) | ((linear >>> 20) & 0xffc));
    this.directory = this.memory.read(this.directoryAddress, 4) | 0;
    if ((this.directory & PTE_P) === 0) return NOT_FOUND;
    if ((this.directory & PTE_PS) !== 0 && (this.s[CR4] & CR4_PSE) !== 0) {
      this.tableAddress = NOT_FOUND;
      this.combined = this.directory;
      this.frame = (this.directory & 0xffc00000) | (linear & 0x003ff000);
      this.beyond = (this.directory >>> 13) & 0xf;
      const reserved = this.hasPse36 ? PSE36_RESERVED : PSE_RESERVED;
      return (this.directory & reserved) !== 0 ? 1 : 0;
    }
    this.tableAddress = this.physical((this.directory & ~0xfff) | ((linear >>> 10) & 0xffc));
    this.table = this.memory.read(this.tableAddress, 4) | 0;
    if ((this.table & PTE_P) === 0) return NOT_FOUND;
    this.combined = this.directory & this.table;
    this.frame = this.table & ~0xfff;
    return 0;
  }

  private findPae(linear: number): number {
    const nx = (this.s[EFER] & EFER_NXE) !== 0;
    const reserved = nx ? PAE_HIGH_RESERVED : PAE_HIGH_RESERVED | PTE_NX;
    const pointer = this.s[PDPTE + (linear >>> 30) * 2];
    if ((pointer & PTE_P) === 0) return NOT_FOUND;
    if ((this.s[PDPTE + (linear >>> 30) * 2 + 1] & HIGH_ADDRESS) !== 0) return 1;
    this.directoryAddress = this.physical((pointer & ~0xfff) | ((linear >>> 18) & 0xff8));
    this.directory = this.memory.read(this.directoryAddress, 4) | 0;
    if ((this.directory & PTE_P) === 0) return NOT_FOUND;
    const directoryHigh = this.memory.read(this.directoryAddress + 4, 4) | 0;
    if ((directoryHigh & reserved) !== 0) return 1;
    this.noExecute = nx && (directoryHigh & PTE_NX) !== 0;
    if ((this.directory & PTE_PS) !== 0) {
      this.tableAddress = NOT_FOUND;
      this.combined = this.directory;
      this.frame = (this.directory & 0xffe00000) | (linear & 0x001ff000);
      this.beyond = directoryHigh & HIGH_ADDRESS;
      return (this.directory & LARGE_PAE_RESERVED) !== 0 ? 1 : 0;
    }
    if ((directoryHigh & HIGH_ADDRESS) !== 0) return 1;
    this.tableAddress = this.physical((this.directory & ~0xfff) | ((linear >>> 9) & 0xff8));
    this.table = this.memory.read(this.tableAddress, 4) | 0;
    if ((this.table & PTE_P) === 0) return NOT_FOUND;
    const tableHigh = this.memory.read(this.tableAddress + 4, 4) | 0;
    if ((tableHigh & reserved) !== 0) return 1;
    this.noExecute = this.noExecute || (nx && (tableHigh & PTE_NX) !== 0);
    this.combined = this.directory & this.table;
    this.frame = this.table & ~0xfff;
    this.beyond = tableHigh & HIGH_ADDRESS;
    return 0;
  }

  /** Sets A, and D for a write; returns whether the page is dirty now. */
  private touch(write: boolean): boolean {
    if (this.tableAddress === NOT_FOUND) {
      const wanted = this.directory | PTE_A | (write ? PTE_D : 0);
      this.update(this.directoryAddress, this.directory, wanted);
      return (wanted & PTE_D) !== 0;
    }
    this.update(this.directoryAddress, this.directory, this.directory | PTE_A);
    const wanted = this.table | PTE_A | (write ? PTE_D : 0);
    this.update(this.tableAddress, this.table, wanted);
    return (wanted & PTE_D) !== 0;
  }

  private update(address: number, old: number, wanted: number): void {
    if (old !== wanted) this.memory.write(address, 4, wanted >>> 0);
  }

  private physical(address: number): number {
    return (address & this.addressMask) >>> 0;
  }
}

/** #PF for a walk that failed: CR2 takes the address. */
export function raisePageFault(c: Context, linear: number, errorCode: number): never {
  c.s[CR2] = linear;
  return c.raise(PF_VECTOR, errorCode);
}

/**
 * Reads the four PDPTE registers from where `cr3` points (PAE). Returns false, and changes nothing,
 * when a present one has reserved bits set: then MOV to CR3 raises #GP(0).
 */
export function loadPdptes(s: Int32Array, memory: Memory, cr3: number): boolean {
  const base = (cr3 & ~0x1f) >>> 0;
  const words = new Int32Array(8);
  for (let i = 0; i < 8; i++) words[i] = memory.read(base + i * 4, 4) | 0;
  for (let i = 0; i < 8; i += 2) {
    const present = (words[i] & PTE_P) !== 0;
    if (present && ((words[i] & 0x1e6) !== 0 || (words[i + 1] & ~0xf) !== 0)) return false;
  }
  s.set(words, PDPTE);
  return true;
}
