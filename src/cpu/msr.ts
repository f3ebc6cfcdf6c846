/**
 * Model-specific registers: RDMSR, WRMSR, RDTSC, RDPMC.
 *
 * Source: Intel SDM volume 4, table 2-2; volume 3, 11.11 (MTRR), 11.12 (PAT), 15.3 (machine check).
 * Unknown registers read as zero and swallow writes, as QEMU's do. Memory types, machine-check
 * banks and performance counters are not emulated: their registers keep or show values only.
 */

import type { Context } from './context.ts';
import { requireCpl0 } from './control.ts';
import {
  APIC_BASE,
  CPL,
  CR0,
  CR0_PE,
  CR4,
  CR4_PCE,
  CR4_TSD,
  EAX,
  ECX,
  EDX,
  EFER,
  EFER_NXE,
  GP,
  MSR_BANK,
  SYSENTER_CS,
  SYSENTER_EIP,
  SYSENTER_ESP,
  TSC_OFFSET,
  UD,
} from './registers.ts';

const IA32_TSC = 0x10;
const IA32_APIC_BASE = 0x1b;
const IA32_BIOS_SIGN_ID = 0x8b;
const IA32_MTRRCAP = 0xfe;
const IA32_SYSENTER_CS = 0x174;
const IA32_SYSENTER_ESP = 0x175;
const IA32_SYSENTER_EIP = 0x176;
const IA32_MCG_CAP = 0x179;
const IA32_MCG_STATUS = 0x17a;
const IA32_MCG_CTL = 0x17b;
const IA32_PERF_STATUS = 0x198;
const IA32_MISC_ENABLE = 0x1a0;
const IA32_MTRR_PHYSBASE0 = 0x200;
const IA32_PAT = 0x277;
const IA32_MTRR_DEF_TYPE = 0x2ff;
const IA32_MC0_CTL = 0x400;
const IA32_EFER = 0xc0000080;

/** Eight variable ranges, fixed ranges, write combining. */
const MTRRCAP = 0x508;
/** Ten banks, MCG_CTL present, software error recovery. */
const MCG_CAP = 0x0100010a;
const MCG_BANKS = 10;
export const APIC_BASE_ENABLE = 1 << 11;
const APIC_BASE_BSP = 1 << 8;
const APIC_BASE_ADDRESS = 0xfee00000 | 0;
const PAT_RESET = [0x00070406, 0x00070406] as const;

const FIXED_MTRRS = [0x250, 0x258, 0x259, 0x268, 0x269, 0x26a, 0x26b, 0x26c, 0x26d, 0x26e, 0x26f];
const VARIABLE_MTRRS = Array.from({ length: 16 }, (_, i) => IA32_MTRR_PHYSBASE0 + i);

/** Registers that are kept as written, in the order of their words in MSR_BANK. */
const KEPT: readonly number[] = [
  IA32_PAT,
  IA32_MISC_ENABLE,
  IA32_MCG_STATUS,
  IA32_MCG_CTL,
  IA32_MTRR_DEF_TYPE,
  ...FIXED_MTRRS,
  ...VARIABLE_MTRRS,
];
const KEPT_AT: ReadonlyMap<number, number> = new Map(
  KEPT.map((msr, i) => [msr, MSR_BANK + i * 2] as const),
);

/** Values after RESET. */
export function resetMsrs(s: Int32Array): void {
  for (let i = 0; i < KEPT.length * 2; i++) s[MSR_BANK + i] = 0;
  const pat = KEPT_AT.get(IA32_PAT)!;
  s[pat] = PAT_RESET[0];
  s[pat + 1] = PAT_RESET[1];
  s[KEPT_AT.get(IA32_MISC_ENABLE)!] = 1;
  const control = KEPT_AT.get(IA32_MCG_CTL)!;
  s[control] = -1;
  s[control + 1] = -1;
  s[APIC_BASE] = APIC_BASE_ADDRESS | APIC_BASE_ENABLE | APIC_BASE_BSP;
  s[EFER] = 0;
  s[SYSENTER_CS] = 0;
  s[SYSENTER_ESP] = 0;
  s[SYSENTER_EIP] = 0;
  s[TSC_OFFSET] = 0;
  s[TSC_OFFSET + 1] = 0;
}

function setPair(c: Context, low: number, high: number): void {
  c.s[EAX] = low;
  c.s[EDX] = high;
}

/** The counter as the guest sees it, 64 bits. */
export function timeStamp(c: Context): bigint {
  const low = BigInt(c.s[TSC_OFFSET] >>> 0);
  const high = BigInt(c.s[TSC_OFFSET + 1] >>> 0);
  return BigInt.asUintN(64, c.wiring.timeStamp() + (low | (high << 32n)));
}

/** RDTSC: privileged with CR4.TSD. */
export function rdtsc(c: Context): void {
  if (!c.has('tsc')) c.raise(UD);
  if ((c.s[CR4] & CR4_TSD) !== 0 && c.s[CPL] !== 0) c.raise(GP, 0);
  const now = timeStamp(c);
  setPair(c, Number(now & 0xffffffffn) | 0, Number(now >> 32n) | 0);
}

/** RDPMC: the counters exist and stand still. */
export function rdpmc(c: Context): void {
  const allowed = (c.s[CR4] & CR4_PCE) !== 0 || c.s[CPL] === 0 || (c.s[CR0] & CR0_PE) === 0;
  if (!allowed || (c.s[ECX] >>> 0 > 1 && (c.s[ECX] & 0x40000000) === 0)) c.raise(GP, 0);
  setPair(c, 0, 0);
}

function requireMsr(c: Context): void {
  if (!c.has('msr')) c.raise(UD);
  requireCpl0(c);
}

/** RDMSR. */
export function rdmsr(c: Context): void {
  requireMsr(c);
  const msr = c.s[ECX] >>> 0;
  const { s } = c;
  const kept = KEPT_AT.get(msr);
  if (kept !== undefined) setPair(c, s[kept], s[kept + 1]);
  else if (msr === IA32_TSC) {
    const now = timeStamp(c);
    setPair(c, Number(now & 0xffffffffn) | 0, Number(now >> 32n) | 0);
  } else setPair(c, readPlain(c, msr), readHigh(msr));
}

/** The lower halves of registers that are not pairs of words. */
function readPlain(c: Context, msr: number): number {
  const { s } = c;
  switch (msr) {
    case IA32_APIC_BASE:
      return s[APIC_BASE];
    case IA32_MTRRCAP:
      return c.has('mtrr') ? MTRRCAP : 0;
    case IA32_SYSENTER_CS:
      return s[SYSENTER_CS];
    case IA32_SYSENTER_ESP:
      return s[SYSENTER_ESP];
    case IA32_SYSENTER_EIP:
      return s[SYSENTER_EIP];
    case IA32_MCG_CAP:
      return c.has('mca') ? MCG_CAP : 0;
    case IA32_PERF_STATUS:
      return 1000;
    case IA32_EFER:
      return s[EFER];
    default:
      return isBankControl(msr) ? -1 : 0;
  }
}

function readHigh(msr: number): number {
  if (msr === IA32_PERF_STATUS) return 0x400;
  return isBankControl(msr) ? -1 : 0;
}

/** IA32_MCi_CTL: all ones after reset, and for ever here. */
function isBankControl(msr: number): boolean {
  return msr >= IA32_MC0_CTL && msr < IA32_MC0_CTL + MCG_BANKS * 4 && (msr & 3) === 0;
}

/** WRMSR. */
export function wrmsr(c: Context): void {
  requireMsr(c);
  const msr = c.s[ECX] >>> 0;
  const low = c.s[EAX];
  const high = c.s[EDX];
  const kept = KEPT_AT.get(msr);
  if (kept === undefined) writePlain(c, msr, { low, high });
  else {
    if (msr === IA32_PAT && !(isPat(low) && isPat(high))) c.raise(GP, 0);
    c.s[kept] = low;
    c.s[kept + 1] = high;
  }
}

/** Each byte of the PAT is a memory type: 0, 1, 4 to 7. */
function isPat(word: number): boolean {
  for (let shift = 0; shift < 32; shift += 8) {
    const type = (word >>> shift) & 0xff;
    if (type > 7 || type === 2 || type === 3) return false;
  }
  return true;
}

function writePlain(
  c: Context,
  msr: number,
  value: { readonly low: number; readonly high: number },
): void {
  const { s } = c;
  const { low, high } = value;
  if (msr === IA32_TSC) writeTimeStamp(c, low, high);
  else if (msr === IA32_APIC_BASE) writeApicBase(c, low);
  else if (msr === IA32_SYSENTER_CS) s[SYSENTER_CS] = low & 0xffff;
  else if (msr === IA32_SYSENTER_ESP) s[SYSENTER_ESP] = low;
  else if (msr === IA32_SYSENTER_EIP) s[SYSENTER_EIP] = low;
  else if (msr === IA32_EFER) writeEfer(c, low, high);
  else if (msr !== IA32_BIOS_SIGN_ID) {
    c.wiring.log.unimplemented('msr', `write of register ${msr.toString(16)} is ignored`);
  }
}

function writeTimeStamp(c: Context, low: number, high: number): void {
  const wanted = BigInt(low >>> 0) | (BigInt(high >>> 0) << 32n);
  const offset = BigInt.asUintN(64, wanted - c.wiring.timeStamp());
  c.s[TSC_OFFSET] = Number(offset & 0xffffffffn) | 0;
  c.s[TSC_OFFSET + 1] = Number(offset >> 32n) | 0;
}

/** The boot processor's bit is read only; the x2APIC bit and those below do not exist. */
function writeApicBase(c: Context, low: number): void {
  const { s } = c;
  s[APIC_BASE] = (low & 0xfffff800) | (s[APIC_BASE] & 0x7ff);
  c.wiring.syncClock();
  c.wiring.onApicBase?.(s[APIC_BASE] >>> 0);
}

/** EFER: only NXE exists; the other bits are ignored, as QEMU does. */
function writeEfer(c: Context, low: number, high: number): void {
  if (high !== 0) c.raise(GP, 0);
  const allowed = c.has('nx') ? EFER_NXE : 0;
  const next = low & allowed;
  if (next === c.s[EFER]) return;
  c.s[EFER] = next;
  c.flushTlb(true);
  c.modeChanged();
}
