/**
 * Privileged instructions about the processor itself: control and debug registers, descriptor
 * tables, flags that depend on IOPL, HLT, cache and TLB instructions.
 *
 * Source: Intel SDM volume 2, MOV CR/DR, LMSW, SMSW, CLTS, LGDT, LIDT, SGDT, INVLPG, INVD, WBINVD,
 * CLI, STI, PUSHF, POPF, HLT; volume 3, 2.5 (control registers), 17.2 (debug registers).
 * Not emulated: caches, so that CD, NW, INVD and WBINVD change nothing but the bits.
 */

import type { Context, Size } from './context.ts';
import { isProtected, isVirtual8086 } from './descriptor.ts';
import { loadPdptes } from './mmu.ts';
import {
  AC,
  ARITHMETIC,
  CPL,
  CR0,
  CR0_AM,
  CR0_CD,
  CR0_EM,
  CR0_ET,
  CR0_MP,
  CR0_NE,
  CR0_NW,
  CR0_PE,
  CR0_PG,
  CR0_TS,
  CR0_WP,
  CR2,
  CR3,
  CR4,
  CR4_DE,
  CR4_MCE,
  CR4_OSFXSR,
  CR4_OSXMMEXCPT,
  CR4_PAE,
  CR4_PCE,
  CR4_PGE,
  CR4_PSE,
  CR4_PVI,
  CR4_TSD,
  CR4_VME,
  DB,
  DF,
  DR0,
  EFLAGS_REST,
  GDTR_BASE,
  GDTR_LIMIT,
  GP,
  HALTED,
  ID,
  IDTR_BASE,
  IDTR_LIMIT,
  IF,
  INTERRUPT_SHADOW,
  IOPL,
  NT,
  RESUMING,
  RF,
  TF,
  UD,
  VIF,
  VIP,
  VM,
} from './registers.ts';

const CR0_BITS =
  CR0_PE | CR0_MP | CR0_EM | CR0_TS | CR0_ET | CR0_NE | CR0_WP | CR0_AM | CR0_NW | CR0_CD | CR0_PG;
/** Bits whose change makes translations wrong. */
const CR0_PAGING = CR0_PG | CR0_WP | CR0_PE;
const CR4_PAGING = CR4_PSE | CR4_PAE | CR4_PGE;
const DR6_BD = 1 << 13;
const DR6_FIXED = 0xffff0ff0 | 0;
const DR6_WRITABLE = 0xe00f;
const DR7_GD = 1 << 13;
const DR7_FIXED = 1 << 10;
const DR7_WRITABLE = 0xffff2bff | 0;

/** Raises #GP(0) above privilege 0 (and in virtual-8086 mode). */
export function requireCpl0(c: Context): void {
  if (c.s[CPL] !== 0) c.raise(GP, 0);
}

/** MOV r32, CRn. */
export function readControl(c: Context, n: number): number {
  if (n !== 0 && n !== 2 && n !== 3 && n !== 4) c.raise(UD);
  requireCpl0(c);
  return c.s[CR0 + (n === 0 ? 0 : n - 1)];
}

/** MOV CRn, r32. */
export function writeControl(c: Context, n: number, value: number): void {
  if (n !== 0 && n !== 2 && n !== 3 && n !== 4) c.raise(UD);
  requireCpl0(c);
  if (n === 0) writeCr0(c, value);
  else if (n === 2) c.s[CR2] = value;
  else if (n === 3) writeCr3(c, value);
  else writeCr4(c, value);
}

function writeCr0(c: Context, value: number): void {
  const bad =
    ((value & CR0_PG) !== 0 && (value & CR0_PE) === 0) ||
    ((value & CR0_NW) !== 0 && (value & CR0_CD) === 0);
  if (bad) c.raise(GP, 0);
  const old = c.s[CR0];
  const next = (value & CR0_BITS) | CR0_ET;
  const enablesPae = (next & CR0_PG & ~old) !== 0 && (c.s[CR4] & CR4_PAE) !== 0;
  if (enablesPae && !loadPdptes(c.s, c.wiring.memory, c.s[CR3])) c.raise(GP, 0);
  setCr0(c, next);
}

function setCr0(c: Context, next: number): void {
  const old = c.s[CR0];
  c.s[CR0] = next;
  if (((old ^ next) & CR0_PAGING) !== 0) c.flushTlb(true);
  c.modeChanged();
  c.leave();
}

function writeCr3(c: Context, value: number): void {
  const pae = (c.s[CR0] & CR0_PG) !== 0 && (c.s[CR4] & CR4_PAE) !== 0;
  if (pae && !loadPdptes(c.s, c.wiring.memory, value)) c.raise(GP, 0);
  c.s[CR3] = value;
  c.flushTlb(false);
}

/** CR4 bits that exist on this model; the others raise #GP. */
function allowedCr4(c: Context): number {
  let bits = 0;
  if (c.has('vme')) bits |= CR4_VME | CR4_PVI;
  if (c.has('tsc')) bits |= CR4_TSD;
  if (c.has('de')) bits |= CR4_DE;
  if (c.has('pse')) bits |= CR4_PSE;
  if (c.has('pae')) bits |= CR4_PAE;
  if (c.has('mce')) bits |= CR4_MCE;
  if (c.has('pge')) bits |= CR4_PGE;
  if (c.has('mmx')) bits |= CR4_PCE;
  if (c.has('fxsr')) bits |= CR4_OSFXSR;
  if (c.has('sse')) bits |= CR4_OSXMMEXCPT;
  return bits;
}

function writeCr4(c: Context, value: number): void {
  if ((value & ~allowedCr4(c)) !== 0) c.raise(GP, 0);
  const old = c.s[CR4];
  const paging = (c.s[CR0] & CR0_PG) !== 0;
  if (paging && ((value ^ old) & CR4_PAGING) !== 0 && (value & CR4_PAE) !== 0) {
    if (!loadPdptes(c.s, c.wiring.memory, c.s[CR3])) c.raise(GP, 0);
  }
  c.s[CR4] = value;
  if (((old ^ value) & CR4_PAGING) !== 0) c.flushTlb(true);
  c.modeChanged();
  c.leave();
}

/** LMSW: loads PE MP EM TS, but never clears PE. */
export function loadMsw(c: Context, value: number): void {
  requireCpl0(c);
  const low = CR0_PE | CR0_MP | CR0_EM | CR0_TS;
  const kept = c.s[CR0] & (~low | CR0_PE);
  setCr0(c, kept | (value & low));
}

/** SMSW: the low half of CR0 (all of it for a 32-bit register). No privilege needed. */
export function storeMsw(c: Context): number {
  return c.s[CR0];
}

export function clts(c: Context): void {
  requireCpl0(c);
  c.s[CR0] &= ~CR0_TS;
  c.modeChanged();
}

export function invlpg(c: Context, linear: number): void {
  requireCpl0(c);
  c.flushPage(linear);
}

/** INVD and WBINVD: there is no cache to lose. */
export function invalidateCaches(c: Context): void {
  requireCpl0(c);
}

export function halt(c: Context): void {
  requireCpl0(c);
  c.s[HALTED] = 1;
  c.leave();
}

/** Which debug register DR4 and DR5 mean; #UD with CR4.DE. */
function debugIndex(c: Context, n: number): number {
  if (n !== 4 && n !== 5) return n;
  if ((c.s[CR4] & CR4_DE) !== 0) c.raise(UD);
  return n + 2;
}

function checkDebugAccess(c: Context): void {
  requireCpl0(c);
  if ((c.s[DR0 + 7] & DR7_GD) === 0) return;
  c.s[DR0 + 6] |= DR6_BD;
  c.s[RESUMING] = 1;
  c.raise(DB);
}

/** MOV r32, DRn. */
export function readDebug(c: Context, n: number): number {
  const index = debugIndex(c, n);
  checkDebugAccess(c);
  return c.s[DR0 + index];
}

/** MOV DRn, r32. */
export function writeDebug(c: Context, n: number, value: number): void {
  const index = debugIndex(c, n);
  checkDebugAccess(c);
  if (index === 6) c.s[DR0 + 6] = (value & DR6_WRITABLE) | DR6_FIXED;
  else if (index === 7) c.s[DR0 + 7] = (value & DR7_WRITABLE) | DR7_FIXED;
  else c.s[DR0 + index] = value;
  // Pages with data breakpoints have no fast entries.
  if (index !== 6) c.flushTlb(true);
  c.modeChanged();
  c.leave();
}

export type TableRegister = 'gdtr' | 'idtr';

/** LGDT and LIDT: limit word, then base; a 16-bit operand size takes 24 bits of base. */
export function loadTable(
  c: Context,
  table: TableRegister,
  from: { readonly seg: number; readonly offset: number; readonly size: Size },
): void {
  requireCpl0(c);
  const limit = c.load(from.seg, from.offset, 2) & 0xffff;
  const base = c.load(from.seg, (from.offset + 2) | 0, 4);
  const masked = from.size === 2 ? base & 0xffffff : base;
  c.s[table === 'gdtr' ? GDTR_BASE : IDTR_BASE] = masked;
  c.s[table === 'gdtr' ? GDTR_LIMIT : IDTR_LIMIT] = limit;
}

/** SGDT and SIDT, at any privilege: six bytes whatever the operand size. */
export function storeTable(c: Context, table: TableRegister, seg: number, offset: number): void {
  const base = c.s[table === 'gdtr' ? GDTR_BASE : IDTR_BASE];
  c.store(seg, offset, 2, c.s[table === 'gdtr' ? GDTR_LIMIT : IDTR_LIMIT]);
  c.store(seg, (offset + 2) | 0, 4, base);
}

function ioPrivilege(c: Context): number {
  return (c.eflags() & IOPL) >>> 12;
}

/** CLI, with the virtual interrupt flag of VME and PVI. */
export function cli(c: Context): void {
  if ((c.s[CR0] & CR0_PE) === 0 || ioPrivilege(c) >= c.s[CPL]) {
    c.setEflags(0, IF);
    return;
  }
  if (!hasVirtualIf(c)) c.raise(GP, 0);
  c.setEflags(0, VIF);
}

/** STI: interrupts wait for one more instruction when IF was clear. */
export function sti(c: Context): void {
  const flags = c.eflags();
  if ((c.s[CR0] & CR0_PE) === 0 || ioPrivilege(c) >= c.s[CPL]) {
    if ((flags & IF) === 0) c.s[INTERRUPT_SHADOW] = 1;
    c.setEflags(IF, IF);
    c.leave();
    return;
  }
  if (!hasVirtualIf(c) || (flags & VIP) !== 0) c.raise(GP, 0);
  c.setEflags(VIF, VIF);
}

/** IOPL < CPL, and yet CLI and STI work on VIF: V86 with VME, or ring 3 with PVI. */
function hasVirtualIf(c: Context): boolean {
  if (isVirtual8086(c)) return (c.s[CR4] & CR4_VME) !== 0;
  return c.s[CPL] === 3 && (c.s[CR4] & CR4_PVI) !== 0;
}

/**
 * Before an instruction of a task with a virtual interrupt flag: #GP(0) when it takes interrupts
 * and one is pending (volume 3, 20.3.3.5). IRET and task switches come to this.
 */
export function checkVirtualInterrupt(c: Context): void {
  const both = VIF | VIP;
  if ((c.s[EFLAGS_REST] & both) === both && hasVirtualIf(c)) c.raise(GP, 0);
}

/** What PUSHF pushes (VM and RF clear); #GP(0) in virtual-8086 mode without IOPL 3 or VME. */
export function flagsToPush(c: Context, size: Size): number {
  const flags = c.eflags() & ~(VM | RF);
  if (!isVirtual8086(c) || ioPrivilege(c) === 3) return flags;
  if ((c.s[CR4] & CR4_VME) === 0 || size !== 2) c.raise(GP, 0);
  return (flags & ~IF) | IOPL | ((flags & VIF) !== 0 ? IF : 0);
}

/** Checks that POPF may run at all; call it before the pop. */
export function checkPopFlags(c: Context, size: Size): void {
  if (!isVirtual8086(c) || ioPrivilege(c) === 3) return;
  if ((c.s[CR4] & CR4_VME) === 0 || size !== 2) c.raise(GP, 0);
}

const POPF_ALWAYS = ARITHMETIC | TF | DF | NT;
const POPF_WIDE = AC | ID;

/** POPF's effect; may raise #GP(0), so the stack pointer moves after it. */
export function popFlags(c: Context, value: number, size: Size): void {
  const wide = size === 4 ? POPF_WIDE | RF : 0;
  const image = value & ~RF;
  if (isVirtual8086(c)) {
    popVirtualFlags(c, image, wide);
  } else {
    let mask = POPF_ALWAYS | wide;
    if (c.s[CPL] === 0) mask |= IOPL;
    if (!isProtected(c) || c.s[CPL] <= ioPrivilege(c)) mask |= IF;
    c.setEflags(image, mask);
  }
  c.leave();
}

function popVirtualFlags(c: Context, image: number, wide: number): void {
  if (ioPrivilege(c) === 3) {
    c.setEflags(image, POPF_ALWAYS | wide | IF);
    return;
  }
  const pending = (c.eflags() & VIP) !== 0 && (image & IF) !== 0;
  if (pending || (image & TF) !== 0) c.raise(GP, 0);
  const virtualIf = (image & IF) !== 0 ? VIF : 0;
  c.setEflags((image & POPF_ALWAYS) | virtualIf, POPF_ALWAYS | VIF);
}
