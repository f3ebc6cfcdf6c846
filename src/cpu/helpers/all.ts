/**
 * Helpers by the names that definitions use. Each takes the context first, then the values that the
 * definition passes, canonical (sign-extended).
 */

import { BUDGET } from '../access.ts';
import type { Context, Running, Size } from '../context.ts';
import * as control from '../control.ts';
import { cpuid } from '../cpuid.ts';
import { farCall, farJump, farReturn } from '../far.ts';
import { checkAvailable } from '../fpu/stack.ts';
import { fwait, x87Memory, x87Register } from '../fpu/x87.ts';
import { breakpointInterrupt, icebp, softwareInterrupt } from '../interrupt.ts';
import { interruptReturn, sysenter, sysexit } from '../iret.ts';
import { rdmsr, rdpmc, rdtsc, wrmsr } from '../msr.ts';
import { BASE, BP, BR, GP, INTERRUPT_SHADOW, OF, OF_VECTOR, SS, UD } from '../registers.ts';
import * as segment from '../segment.ts';
import { resumeFromSmm } from '../smm.ts';
import { arithmeticHelpers } from './arithmetic.ts';
import { portHelpers } from './ports.ts';
import { simdHelpers } from './simd.ts';
import { stackHelpers } from './stack.ts';
import { stringHelpers } from './string.ts';

/** The segment number in a record's shape. */
function segmentOf(shape: number): number {
  return (shape >> 8) & 7;
}

function bytes(size: number): Size {
  return (size >> 3) as Size;
}

const transferHelpers = {
  farJump: (c: Context, selector: number, offset: number, size: number): void =>
    farJump(c, selector & 0xffff, offset, bytes(size)),
  farCall: (c: Context, selector: number, offset: number, size: number): void =>
    farCall(c, selector & 0xffff, offset, bytes(size)),
  farReturn: (c: Context, extra: number, size: number): void => farReturn(c, bytes(size), extra),
  interrupt: softwareInterrupt,
  int3: (c: Context): void => breakpointInterrupt(c, BP),
  int1: icebp,
  into(c: Context, flags: number): void {
    if ((flags & OF) !== 0) breakpointInterrupt(c, OF_VECTOR);
  },
  iret: (c: Context, size: number): void => interruptReturn(c, bytes(size)),
  sysenter,
  sysexit,
  rsm: resumeFromSmm,
  loadSegment(c: Context, n: number, selector: number): void {
    segment.loadSegment(c, n, selector & 0xffff);
    if (n === SS) c.s[INTERRUPT_SHADOW] = 3;
    if (n === SS) c.leave();
  },
  loadPointer: (c: Context, n: number, selector: number): void =>
    segment.loadSegment(c, n, selector & 0xffff),
};

const systemHelpers = {
  undefinedOpcode: (c: Context): never => c.raise(UD),
  ud2: (c: Context): never => c.raise(UD),
  tooLong: (c: Context): never => c.raise(GP, 0),
  bound(c: Context, index: number, low: number, high: number): void {
    if (index < low || index > high) c.raise(BR);
  },
  sldt: segment.storeLdt,
  str: segment.storeTaskRegister,
  smsw: control.storeMsw,
  lldt: (c: Context, selector: number): void => segment.loadLdt(c, selector & 0xffff),
  ltr: (c: Context, selector: number): void => segment.loadTaskRegister(c, selector & 0xffff),
  verr: (c: Context, selector: number): void => segment.verify(c, selector & 0xffff, 'read'),
  verw: (c: Context, selector: number): void => segment.verify(c, selector & 0xffff, 'write'),
  lar: (c: Context, selector: number, to: number, size: number): void =>
    answer(c, segment.lar(c, selector & 0xffff), to, size),
  lsl: (c: Context, selector: number, to: number, size: number): void =>
    answer(c, segment.lsl(c, selector & 0xffff), to, size),
  arpl: (c: Context, a: number, b: number): number => segment.arpl(c, a & 0xffff, b & 0xffff),
  arplMemory: (c: Context, shape: number, offset: number, b: number): void =>
    segment.arplMemory(c, { seg: segmentOf(shape), offset }, b & 0xffff),
  sgdt: (c: Context, shape: number, offset: number): void =>
    control.storeTable(c, 'gdtr', segmentOf(shape), offset),
  sidt: (c: Context, shape: number, offset: number): void =>
    control.storeTable(c, 'idtr', segmentOf(shape), offset),
  lgdt: (c: Context, shape: number, offset: number, size: number): void =>
    control.loadTable(c, 'gdtr', { seg: segmentOf(shape), offset, size: size as Size }),
  lidt: (c: Context, shape: number, offset: number, size: number): void =>
    control.loadTable(c, 'idtr', { seg: segmentOf(shape), offset, size: size as Size }),
  lmsw: (c: Context, value: number): void => control.loadMsw(c, value),
  invlpg: (c: Context, shape: number, offset: number): void =>
    control.invlpg(c, (c.s[BASE + segmentOf(shape)] + offset) | 0),
  clts: control.clts,
  invd: control.invalidateCaches,
  wbinvd: control.invalidateCaches,
  readControl(c: Context, n: number, to: number): void {
    c.s[to] = control.readControl(c, n);
  },
  writeControl: (c: Context, n: number, from: number): void =>
    control.writeControl(c, n, c.s[from]),
  readDebug(c: Context, n: number, to: number): void {
    c.s[to] = control.readDebug(c, n);
  },
  writeDebug: (c: Context, n: number, from: number): void => control.writeDebug(c, n, c.s[from]),
  rdmsr,
  wrmsr,
  rdtsc,
  rdpmc,
  cpuid,
  cli: control.cli,
  sti: control.sti,
  hlt: control.halt,
  clflush(c: Context, shape: number, offset: number): void {
    c.load(segmentOf(shape), offset, 1);
  },
};

/** The register at index `to` of the view for `size` takes a value that there may not be. */
function answer(c: Context, value: number | undefined, to: number, size: number): void {
  if (value === undefined) return;
  if (size === 32) c.s[to] = value;
  else c.s[to >> 1] = (c.s[to >> 1] & ~0xffff) | (value & 0xffff);
}

/** The memory operand of the escape that runs; helpers are done with it when they return. */
const place = { seg: 0, offset: 0 };

function placeOf(shape: number, offset: number): { seg: number; offset: number } {
  place.seg = segmentOf(shape);
  place.offset = offset;
  return place;
}

const escapeHelpers = {
  /** `code` is opcode << 8 | ModRM. */
  x87(c: Context, code: number, shape: number, offset: number, size: number): void {
    const fop = code & 0x7ff;
    if ((code & 0xc0) === 0xc0) x87Register(c, fop);
    else x87Memory(c, fop, placeOf(shape, offset), size as 2 | 4);
  },
  x87Absent(c: Context): never {
    checkAvailable(c);
    return c.raise(UD);
  },
  wait: fwait,
};

/** Called by records that stand for others: the instruction at this place has not run yet. */
function again(c: Running): void {
  c.restart();
  c.s[BUDGET]++;
}

const restartHelpers = { stale: again, pause: again };

export const helpers = {
  ...transferHelpers,
  ...systemHelpers,
  ...escapeHelpers,
  ...restartHelpers,
  ...arithmeticHelpers,
  ...portHelpers,
  ...simdHelpers,
  ...stackHelpers,
  ...stringHelpers,
};
