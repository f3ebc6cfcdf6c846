/**
 * Hardware task switching.
 *
 * Source: Intel SDM volume 3, chapter 7 (7.2 TSS, 7.3 the steps and their exceptions).
 * Everything that can fault in the old task is done before anything changes; what faults after
 * that (segments of the new task) is the new task's fault, with its EIP. TF counts as it was when
 * an instruction began: the old task's traps before the first instruction of the new one, the new
 * task's behind it (17.3.1.4); the T bit joins whichever comes first.
 * Not emulated: the shadow stack pointer of later processors.
 */

import type { Context } from './context.ts';
import {
  descriptorHigh,
  descriptorLow,
  dpl,
  findDescriptor,
  isCode,
  isConforming,
  isNull,
  isPresent,
  isReadable,
  isSystem,
  isWritableData,
  LDT,
  markAccessed,
  segmentBase,
  segmentLimit,
  setNullSegment,
  setSegment,
  setVirtualSegment,
  systemType,
  TSS_BUSY_BIT,
  TSS16,
  TSS16_BUSY,
  TSS32,
  TSS32_BUSY,
} from './descriptor.ts';
import { Fault } from './fault.ts';
import { loadPdptes } from './mmu.ts';
import {
  BASE,
  CPL,
  CR0,
  CR0_PG,
  CR0_TS,
  CR3,
  CR4,
  CR4_PAE,
  CS,
  DEBUG_PENDING,
  DR0,
  DS,
  EAX,
  ES,
  FS,
  GDTR_BASE,
  GP,
  GS,
  LDTR,
  NP,
  NT,
  SELECTOR,
  SS,
  SS_VECTOR,
  TR,
  TS,
  VM,
} from './registers.ts';
import { checkCodeOffset } from './segment.ts';
import { isTss32, pushAll } from './stack.ts';

export interface TaskSwitch {
  /** Of the new TSS. */
  readonly selector: number;
  readonly kind: 'jump' | 'call' | 'interrupt' | 'iret';
  /** What the old task continues with. */
  readonly returnEip: number;
  /** Bit 0 of error codes: the switch was caused from outside. */
  readonly ext: number;
  /** Pushed on the new task's stack. */
  readonly errorCode?: number;
}

/** Offsets in a TSS. */
interface Layout {
  readonly word: 2 | 4;
  readonly eip: number;
  readonly eflags: number;
  readonly registers: number;
  readonly segments: number;
  readonly segmentCount: number;
  readonly ldt: number;
  /** In bytes, inclusive. */
  readonly minimumLimit: number;
}

const LAYOUT16: Layout = {
  word: 2,
  eip: 14,
  eflags: 16,
  registers: 18,
  segments: 34,
  segmentCount: 4,
  ldt: 42,
  minimumLimit: 0x2b,
};
const LAYOUT32: Layout = {
  word: 4,
  eip: 32,
  eflags: 36,
  registers: 40,
  segments: 72,
  segmentCount: 6,
  ldt: 96,
  minimumLimit: 0x67,
};
const CR3_AT = 28;
const TRAP_AT = 100;
const ALL_FLAGS = 0x003f7fd5;
const DR6_BT = 1 << 15;
/** L0 to L3 and LE of DR7, which a task switch clears. */
const DR7_LOCAL = 0x155;

interface NewTask {
  readonly selector: number;
  readonly address: number;
  readonly low: number;
  readonly high: number;
  readonly wide: boolean;
  readonly cr3: number;
  readonly eip: number;
  readonly eflags: number;
  readonly registers: readonly number[];
  readonly segments: readonly number[];
  readonly ldt: number;
  readonly trap: boolean;
}

export function switchTask(c: Context, request: TaskSwitch): void {
  const task = readNewTask(c, request);
  saveOldTask(c, request);
  const nested = request.kind === 'call' || request.kind === 'interrupt';
  if (nested) {
    const link = segmentBase(task.low, task.high);
    c.writeLinear(link >>> 0, 2, c.s[SELECTOR + TR], false);
  } else clearBusy(c);
  if (request.kind !== 'iret') {
    const busy = ((task.high | TSS_BUSY_BIT) >>> 8) & 0xff;
    c.writeLinear((task.address + 5) >>> 0, 1, busy, false);
  }
  commit(c, task, nested ? NT : 0);
  try {
    loadSegments(c, task, request.ext);
    if (request.errorCode !== undefined) pushAll(c, task.wide ? 4 : 2, [request.errorCode]);
  } catch (error) {
    if (error instanceof Fault && !error.hasOwnEip) {
      error.hasOwnEip = true;
      error.ownEip = task.eip;
    }
    throw error;
  }
  if (task.trap) c.s[DEBUG_PENDING] |= DR6_BT;
  c.modeChanged();
  c.jump(task.eip);
  c.leave();
}

function readNewTask(c: Context, request: TaskSwitch): NewTask {
  const { selector, kind, ext } = request;
  const errorCode = (selector & 0xfffc) | ext;
  const vector = kind === 'iret' ? TS : GP;
  if ((selector & 4) !== 0 || isNull(selector)) c.raise(vector, errorCode);
  const address = findDescriptor(c, selector, vector, ext);
  const low = descriptorLow(c, address);
  const high = descriptorHigh(c, address);
  const type = systemType(high);
  const fits =
    kind === 'iret' ? type === TSS16_BUSY || type === TSS32_BUSY : type === TSS16 || type === TSS32;
  if (!isSystem(high) || !fits) c.raise(vector, errorCode);
  if (!isPresent(high)) c.raise(NP, errorCode);
  const wide = type === TSS32 || type === TSS32_BUSY;
  const layout = wide ? LAYOUT32 : LAYOUT16;
  if (segmentLimit(low, high) >>> 0 < layout.minimumLimit) c.raise(TS, errorCode);
  const base = segmentBase(low, high);
  const word = (at: number) => c.readLinear((base + at) >>> 0, layout.word, false);
  const selectors = (at: number) => c.readLinear((base + at) >>> 0, 2, false) & 0xffff;
  const registers = Array.from({ length: 8 }, (_, i) => word(layout.registers + i * layout.word));
  const segments = Array.from({ length: 6 }, (_, i) =>
    i < layout.segmentCount ? selectors(layout.segments + i * layout.word) : 0,
  );
  return {
    selector,
    address,
    low,
    high,
    wide,
    cr3: wide ? word(CR3_AT) : 0,
    eip: wide ? word(layout.eip) : word(layout.eip) & 0xffff,
    eflags: wide ? word(layout.eflags) : word(layout.eflags) & 0xffff,
    // A 16-bit task leaves ones in the upper halves, as the processor does.
    registers: wide ? registers : registers.map(r => (r & 0xffff) | 0xffff0000),
    segments,
    ldt: selectors(layout.ldt),
    trap: wide && (selectors(TRAP_AT) & 1) !== 0,
  };
}

/** Writes the registers of the running task to its TSS; CR3 and LDTR are never written. */
function saveOldTask(c: Context, request: TaskSwitch): void {
  const wide = isTss32(c);
  const layout = wide ? LAYOUT32 : LAYOUT16;
  const base = c.s[BASE + TR];
  const last = layout.segments + layout.segmentCount * layout.word;
  c.probeWrite((base + layout.eip) >>> 0, last - layout.eip, false);
  const write = (at: number, value: number, size: 2 | 4) =>
    c.writeLinear((base + at) >>> 0, size, value, false);
  const eflags = request.kind === 'iret' ? c.eflags() & ~NT : c.eflags();
  write(layout.eip, request.returnEip, layout.word);
  write(layout.eflags, eflags, layout.word);
  for (let i = 0; i < 8; i++) write(layout.registers + i * layout.word, c.s[EAX + i], layout.word);
  for (let i = 0; i < layout.segmentCount; i++) {
    write(layout.segments + i * layout.word, c.s[SELECTOR + i], 2);
  }
}

/** JMP and IRET leave the old task available. */
function clearBusy(c: Context): void {
  const address = (c.s[GDTR_BASE] + (c.s[SELECTOR + TR] & 0xfff8)) >>> 0;
  const high = descriptorHigh(c, address) & ~TSS_BUSY_BIT;
  c.writeLinear((address + 5) >>> 0, 1, (high >>> 8) & 0xff, false);
}

/** From here on the new task runs: its segments are still to be loaded. */
function commit(c: Context, task: NewTask, nt: number): void {
  const high = task.high | TSS_BUSY_BIT;
  setSegment(c, TR, task.selector, { low: task.low, high });
  if (task.wide && (c.s[CR0] & CR0_PG) !== 0 && task.cr3 !== c.s[CR3]) {
    c.s[CR3] = task.cr3;
    if ((c.s[CR4] & CR4_PAE) !== 0) loadPdptes(c.s, c.wiring.memory, task.cr3);
    c.flushTlb(false);
  }
  c.s[CR0] |= CR0_TS;
  c.s[DR0 + 7] &= ~DR7_LOCAL;
  c.setEflags(task.eflags | nt, ALL_FLAGS);
  for (let i = 0; i < 8; i++) c.s[EAX + i] = task.registers[i];
  const virtual = (task.eflags & VM) !== 0;
  for (let n = 0; n < 6; n++) {
    if (virtual) setVirtualSegment(c, n, task.segments[n]);
    else setNullSegment(c, n, task.segments[n]);
  }
  setNullSegment(c, LDTR, task.ldt);
  c.s[CPL] = virtual ? 3 : task.segments[CS] & 3;
  c.modeChanged();
}

/** Checks in the order of table 7-1, which is that of the P6; the manual leaves it open. */
function loadSegments(c: Context, task: NewTask, ext: number): void {
  if (!isNull(task.ldt)) loadLdt(c, task.ldt, ext);
  if ((task.eflags & VM) !== 0) {
    checkCodeOffset(c, 0xffff, task.eip);
    return;
  }
  const limit = loadCode(c, task.segments[CS], ext);
  loadStack(c, task.segments[SS], ext);
  for (const n of [DS, ES, FS, GS]) loadData(c, n, task.segments[n], ext);
  c.modeChanged();
  checkCodeOffset(c, limit, task.eip);
}

function loadLdt(c: Context, selector: number, ext: number): void {
  const errorCode = (selector & 0xfffc) | ext;
  if ((selector & 4) !== 0) c.raise(TS, errorCode);
  const address = findDescriptor(c, selector, TS, ext);
  const high = descriptorHigh(c, address);
  if (!isSystem(high) || systemType(high) !== LDT || !isPresent(high)) c.raise(TS, errorCode);
  setSegment(c, LDTR, selector, { low: descriptorLow(c, address), high });
}

function loadCode(c: Context, selector: number, ext: number): number {
  const errorCode = (selector & 0xfffc) | ext;
  if (isNull(selector)) c.raise(TS, errorCode);
  const address = findDescriptor(c, selector, TS, ext);
  const low = descriptorLow(c, address);
  const high = descriptorHigh(c, address);
  const rpl = selector & 3;
  const fits = isConforming(high) ? dpl(high) <= rpl : dpl(high) === rpl;
  if (!isCode(high) || !fits) c.raise(TS, errorCode);
  if (!isPresent(high)) c.raise(NP, errorCode);
  setSegment(c, CS, selector, { low, high: markAccessed(c, address, high) });
  return segmentLimit(low, high);
}

function loadStack(c: Context, selector: number, ext: number): void {
  const errorCode = (selector & 0xfffc) | ext;
  if (isNull(selector)) c.raise(TS, errorCode);
  const address = findDescriptor(c, selector, TS, ext);
  const low = descriptorLow(c, address);
  const high = descriptorHigh(c, address);
  const cpl = c.s[CPL];
  if (!isWritableData(high)) c.raise(TS, errorCode);
  if (!isPresent(high)) c.raise(SS_VECTOR, errorCode);
  if ((selector & 3) !== cpl || dpl(high) !== cpl) c.raise(TS, errorCode);
  setSegment(c, SS, selector, { low, high: markAccessed(c, address, high) });
}

function loadData(c: Context, n: number, selector: number, ext: number): void {
  if (isNull(selector)) return;
  const errorCode = (selector & 0xfffc) | ext;
  const address = findDescriptor(c, selector, TS, ext);
  const low = descriptorLow(c, address);
  const high = descriptorHigh(c, address);
  if (!isReadable(high)) c.raise(TS, errorCode);
  if (!isPresent(high)) c.raise(NP, errorCode);
  const level = dpl(high);
  const conforming = isCode(high) && isConforming(high);
  if (!conforming && (level < c.s[CPL] || level < (selector & 3))) c.raise(TS, errorCode);
  setSegment(c, n, selector, { low, high: markAccessed(c, address, high) });
}

/** IRET with NT set: back to the task the link of the current TSS names. */
export function returnFromTask(c: Context): void {
  const link = c.readLinear(c.s[BASE + TR] >>> 0, 2, false) & 0xffff;
  switchTask(c, { selector: link, kind: 'iret', returnEip: c.nextEip, ext: 0 });
}
