/**
 * Segment registers: loads with their checks, addresses through them, and the instructions that
 * ask about selectors (LAR, LSL, VERR, VERW, ARPL, LLDT, LTR, SLDT, STR).
 *
 * Source: Intel SDM volume 2, MOV, LDS, LAR, LSL, VERR/VERW, ARPL, LLDT, LTR; volume 3, 5.2 to 5.6.
 * The interrupt shadow of MOV SS and POP SS belongs to those instructions, not to the load.
 */

import type { Context } from './context.ts';
import {
  descriptorAddress,
  descriptorHigh,
  descriptorLow,
  dpl,
  findDescriptor,
  isCode,
  isConforming,
  isNull,
  isPresent,
  isProtected,
  isReadable,
  isSystem,
  isVirtual8086,
  isWritableData,
  LDT,
  markAccessed,
  segmentLimit,
  setNullSegment,
  setRealSegment,
  setSegment,
  setVirtualSegment,
  systemType,
  TSS_BUSY_BIT,
  TSS16,
  TSS32,
} from './descriptor.ts';
import {
  ATTRIBUTES,
  BASE,
  CPL,
  DESC_BIG,
  DESC_CODE,
  DESC_CONFORMING,
  DESC_WRITABLE,
  GP,
  LDTR,
  LIMIT,
  NP,
  SELECTOR,
  SS,
  SS_VECTOR,
  TR,
  UD,
  ZF,
} from './registers.ts';

/** MOV Sreg, POP Sreg, LDS and friends: any of ES SS DS FS GS, in any mode. */
export function loadSegment(c: Context, n: number, selector: number): void {
  const base = c.s[BASE + n];
  const limit = c.s[LIMIT + n];
  const attributes = c.s[ATTRIBUTES + n];
  if (isProtected(c)) loadProtected(c, n, selector & 0xffff);
  else if (isVirtual8086(c)) setVirtualSegment(c, n, selector);
  else setRealSegment(c, n, selector);
  const same =
    base === c.s[BASE + n] && limit === c.s[LIMIT + n] && attributes === c.s[ATTRIBUTES + n];
  if (!same) c.modeChanged();
}

function loadProtected(c: Context, n: number, selector: number): void {
  if (n === SS) {
    loadStackSegment(c, selector);
    return;
  }
  if (isNull(selector)) {
    setNullSegment(c, n, selector);
    return;
  }
  const address = findDescriptor(c, selector, GP);
  const low = descriptorLow(c, address);
  const high = descriptorHigh(c, address);
  if (!isReadable(high)) c.raise(GP, selector & 0xfffc);
  if (!isCode(high) || !isConforming(high)) {
    const level = dpl(high);
    if (level < (selector & 3) || level < c.s[CPL]) c.raise(GP, selector & 0xfffc);
  }
  if (!isPresent(high)) c.raise(NP, selector & 0xfffc);
  setSegment(c, n, selector, { low, high: markAccessed(c, address, high) });
}

function loadStackSegment(c: Context, selector: number): void {
  if (isNull(selector)) c.raise(GP, 0);
  const address = findDescriptor(c, selector, GP);
  const low = descriptorLow(c, address);
  const high = descriptorHigh(c, address);
  const cpl = c.s[CPL];
  if ((selector & 3) !== cpl || !isWritableData(high) || dpl(high) !== cpl) {
    c.raise(GP, selector & 0xfffc);
  }
  if (!isPresent(high)) c.raise(SS_VECTOR, selector & 0xfffc);
  setSegment(c, SS, selector, { low, high: markAccessed(c, address, high) });
}

/** Raises #SS(0) for the stack segment, #GP(0) for the others. */
export function raiseSegment(c: Context, seg: number): never {
  return c.raise(seg === SS ? SS_VECTOR : GP, 0);
}

/**
 * Linear address of `size` bytes at `offset` of segment `seg`, for segments that are not flat.
 * Raises #GP(0) or #SS(0) when the type, the limit or a null selector forbids the access.
 */
export function segmentAddress(
  c: Context,
  seg: number,
  offset: number,
  access: { readonly size: number; readonly write: boolean },
): number {
  return access.write
    ? writeAddress(c, seg, offset, access.size)
    : readAddress(c, seg, offset, access.size);
}

/** As `segmentAddress`, for a read. Nothing is allocated. */
export function readAddress(c: Context, seg: number, offset: number, size: number): number {
  const s = c.s;
  const attributes = s[ATTRIBUTES + seg];
  if (isProtected(c)) {
    const executeOnly = (attributes & (DESC_CODE | DESC_WRITABLE)) === DESC_CODE;
    if (attributes === 0 || executeOnly) raiseSegment(c, seg);
  }
  if (!withinLimit(attributes, s[LIMIT + seg], offset, size)) raiseSegment(c, seg);
  return (s[BASE + seg] + offset) >>> 0;
}

/** As `segmentAddress`, for a write. */
export function writeAddress(c: Context, seg: number, offset: number, size: number): number {
  const s = c.s;
  const attributes = s[ATTRIBUTES + seg];
  if (isProtected(c)) {
    if ((attributes & (DESC_CODE | DESC_WRITABLE)) !== DESC_WRITABLE) raiseSegment(c, seg);
  }
  if (!withinLimit(attributes, s[LIMIT + seg], offset, size)) raiseSegment(c, seg);
  return (s[BASE + seg] + offset) >>> 0;
}

/** Volume 3, 5.3: all bytes of the access lie inside the segment; expand-down turned round. */
export function withinLimit(
  attributes: number,
  limit: number,
  offset: number,
  size: number,
): boolean {
  const first = offset >>> 0;
  const last = first + size - 1;
  if ((attributes & (DESC_CODE | DESC_CONFORMING)) === DESC_CONFORMING) {
    const top = (attributes & DESC_BIG) !== 0 ? 0xffffffff : 0xffff;
    return first > limit >>> 0 && last <= top;
  }
  return last <= limit >>> 0;
}

/** A jump target within CS; else #GP(0). */
export function checkCodeOffset(c: Context, limit: number, eip: number): void {
  if (eip >>> 0 > limit >>> 0) c.raise(GP, 0);
}

/** LLDT. */
export function loadLdt(c: Context, selector: number): void {
  requireProtectedCpl0(c);
  if (isNull(selector)) {
    setNullSegment(c, LDTR, selector);
    return;
  }
  if ((selector & 4) !== 0) c.raise(GP, selector & 0xfffc);
  const address = findDescriptor(c, selector, GP);
  const low = descriptorLow(c, address);
  const high = descriptorHigh(c, address);
  if (!isSystem(high) || systemType(high) !== LDT) c.raise(GP, selector & 0xfffc);
  if (!isPresent(high)) c.raise(NP, selector & 0xfffc);
  setSegment(c, LDTR, selector, { low, high });
}

/** LTR. */
export function loadTaskRegister(c: Context, selector: number): void {
  requireProtectedCpl0(c);
  if (isNull(selector)) c.raise(GP, 0);
  if ((selector & 4) !== 0) c.raise(GP, selector & 0xfffc);
  const address = findDescriptor(c, selector, GP);
  const low = descriptorLow(c, address);
  const high = descriptorHigh(c, address);
  const type = systemType(high);
  if (!isSystem(high) || (type !== TSS16 && type !== TSS32)) c.raise(GP, selector & 0xfffc);
  if (!isPresent(high)) c.raise(NP, selector & 0xfffc);
  const busy = high | TSS_BUSY_BIT;
  c.writeLinear((address + 5) >>> 0, 1, (busy >>> 8) & 0xff, false);
  setSegment(c, TR, selector, { low, high: busy });
}

/** SLDT and STR: #UD outside protected mode. */
export function storeLdt(c: Context): number {
  requireProtected(c);
  return c.s[SELECTOR + LDTR];
}

export function storeTaskRegister(c: Context): number {
  requireProtected(c);
  return c.s[SELECTOR + TR];
}

export function requireProtected(c: Context): void {
  if (!isProtected(c)) c.raise(UD);
}

function requireProtectedCpl0(c: Context): void {
  requireProtected(c);
  if (c.s[CPL] !== 0) c.raise(GP, 0);
}

/** LAR: the access rights, ZF set; or undefined with ZF clear and the destination kept. */
export function lar(c: Context, selector: number): number | undefined {
  requireProtected(c);
  const high = visibleDescriptor(c, selector, LAR_TYPES);
  return zeroFlag(c, high === undefined ? undefined : high & 0x00ffff00);
}

/** LSL: the limit in bytes, as LAR. */
export function lsl(c: Context, selector: number): number | undefined {
  requireProtected(c);
  const high = visibleDescriptor(c, selector, LSL_TYPES);
  if (high === undefined) return zeroFlag(c, undefined);
  return zeroFlag(c, segmentLimit(descriptorLow(c, descriptorAddress(c, selector)), high));
}

/** System types LAR accepts: TSS, LDT, call gates, task gate. */
const LAR_TYPES = 0b0001_1010_0011_1110;
/** System types LSL accepts: TSS and LDT. */
const LSL_TYPES = 0b0000_1010_0000_1110;

function visibleDescriptor(c: Context, selector: number, types: number): number | undefined {
  if (isNull(selector)) return undefined;
  const address = descriptorAddress(c, selector);
  if (address === -1) return undefined;
  const high = descriptorHigh(c, address);
  if (isSystem(high) && ((types >>> systemType(high)) & 1) === 0) return undefined;
  if (isCode(high) && isConforming(high)) return high;
  const level = dpl(high);
  return level < c.s[CPL] || level < (selector & 3) ? undefined : high;
}

/** VERR and VERW: only ZF changes. */
export function verify(c: Context, selector: number, access: 'read' | 'write'): void {
  requireProtected(c);
  const high = visibleDescriptor(c, selector, 0);
  const fits = high !== undefined && (access === 'read' ? isReadable(high) : isWritableData(high));
  c.setEflags(fits ? ZF : 0, ZF);
}

/** ARPL: the new value of the destination; ZF says whether it was raised. */
export function arpl(c: Context, destination: number, source: number): number {
  requireProtected(c);
  const raised = (destination & 3) < (source & 3);
  c.setEflags(raised ? ZF : 0, ZF);
  return raised ? (destination & ~3) | (source & 3) : destination;
}

/** ARPL of a word in memory: it is written, and must be writable, only where it is raised. */
export function arplMemory(
  c: Context,
  place: { readonly seg: number; readonly offset: number },
  source: number,
): void {
  requireProtected(c);
  const { seg, offset } = place;
  const old = c.load(seg, offset, 2) & 0xffff;
  if ((old & 3) < (source & 3)) c.store(seg, offset, 2, (old & ~3) | (source & 3));
  arpl(c, old, source);
}

function zeroFlag(c: Context, value: number | undefined): number | undefined {
  c.setEflags(value === undefined ? 0 : ZF, ZF);
  return value;
}
