/**
 * Far jumps, calls and returns: to code segments, through call gates, to tasks.
 *
 * Source: Intel SDM volume 2, JMP, CALL, RET; volume 3, 5.8 (privilege levels between segments).
 */

import type { Context, Size } from './context.ts';
import {
  CALL_GATE16,
  CALL_GATE32,
  descriptorHigh,
  descriptorLow,
  dpl,
  findDescriptor,
  isCode,
  isConforming,
  isNull,
  isPresent,
  isProtected,
  isSystem,
  isVirtual8086,
  markAccessed,
  segmentLimit,
  setNullSegment,
  setRealSegment,
  setSegment,
  setVirtualSegment,
  systemType,
  TASK_GATE,
  TSS16,
  TSS32,
} from './descriptor.ts';
import {
  ATTRIBUTES,
  CPL,
  CS,
  DESC_CODE,
  DESC_CONFORMING,
  DESC_S,
  DS,
  ES,
  ESP,
  FS,
  GP,
  GS,
  LIMIT,
  NP,
  SELECTOR,
  SS,
} from './registers.ts';
import { checkCodeOffset } from './segment.ts';
import {
  outerStack,
  peek,
  peekWord,
  pushAll,
  pushFrame,
  release,
  requireRoom,
  setStack,
  stackFromTss,
} from './stack.ts';
import { switchTask } from './task.ts';

/** A code segment whose descriptor has been checked; `offset` has not (`checkLimit`). */
interface CodeTarget {
  readonly selector: number;
  readonly address: number;
  readonly low: number;
  readonly high: number;
  readonly offset: number;
}

/** JMP ptr16:16/32 and m16:16/32; `size` is the operand size in bytes. */
export function farJump(c: Context, selector: number, offset: number, size: Size): void {
  const target = size === 2 ? offset & 0xffff : offset | 0;
  if (!isProtected(c)) {
    checkCodeOffset(c, c.s[LIMIT + CS], target);
    enterReal(c, selector, target);
    return;
  }
  const found = directTarget(c, selector, target) ?? gateTarget(c, selector, 'jump')?.target;
  if (found === undefined) return;
  checkLimit(c, found);
  enterCode(c, found, c.s[CPL]);
}

/** CALL ptr16:16/32 and m16:16/32. */
export function farCall(c: Context, selector: number, offset: number, size: Size): void {
  const target = size === 2 ? offset & 0xffff : offset | 0;
  if (!isProtected(c)) {
    requireRoom(c, size, 2);
    checkCodeOffset(c, c.s[LIMIT + CS], target);
    pushAll(c, size, [c.s[SELECTOR + CS], c.nextEip]);
    enterReal(c, selector, target);
    return;
  }
  const found = directTarget(c, selector, target);
  if (found !== undefined) {
    callSameLevel(c, found, size);
    return;
  }
  const gate = gateTarget(c, selector, 'call');
  if (gate !== undefined) callThroughGate(c, gate);
}

function callSameLevel(c: Context, target: CodeTarget, size: Size): void {
  requireRoom(c, size, 2);
  checkLimit(c, target);
  pushAll(c, size, [c.s[SELECTOR + CS], c.nextEip]);
  enterCode(c, target, c.s[CPL]);
}

/** The last check of every far transfer: #GP(0) when the target lies beyond its own segment. */
function checkLimit(c: Context, target: CodeTarget): void {
  checkCodeOffset(c, segmentLimit(target.low, target.high), target.offset);
}

function enterReal(c: Context, selector: number, offset: number): void {
  if (isVirtual8086(c)) setVirtualSegment(c, CS, selector);
  else setRealSegment(c, CS, selector);
  c.modeChanged();
  c.jump(offset);
}

function enterCode(c: Context, target: CodeTarget, cpl: number): void {
  const high = markAccessed(c, target.address, target.high);
  setSegment(c, CS, (target.selector & 0xfffc) | cpl, { low: target.low, high });
  c.s[CPL] = cpl;
  c.modeChanged();
  c.jump(target.offset);
}

/** The code segment `selector` names, checked; undefined when it names a gate or a TSS. */
function directTarget(c: Context, selector: number, offset: number): CodeTarget | undefined {
  const errorCode = selector & 0xfffc;
  if (isNull(selector)) c.raise(GP, 0);
  const address = findDescriptor(c, selector, GP);
  const high = descriptorHigh(c, address);
  if (isSystem(high)) return undefined;
  if (!isCode(high)) c.raise(GP, errorCode);
  const cpl = c.s[CPL];
  if (isConforming(high)) {
    if (dpl(high) > cpl) c.raise(GP, errorCode);
  } else if ((selector & 3) > cpl || dpl(high) !== cpl) c.raise(GP, errorCode);
  if (!isPresent(high)) c.raise(NP, errorCode);
  const low = descriptorLow(c, address);
  return { selector, address, low, high, offset };
}

interface CallGate {
  readonly target: CodeTarget;
  readonly size: Size;
  readonly parameters: number;
}

/** A call gate's target, checked; a task gate or a TSS switches the task and gives undefined. */
function gateTarget(c: Context, selector: number, kind: 'jump' | 'call'): CallGate | undefined {
  const errorCode = selector & 0xfffc;
  const address = findDescriptor(c, selector, GP);
  const low = descriptorLow(c, address);
  const high = descriptorHigh(c, address);
  const type = systemType(high);
  const known = [CALL_GATE16, CALL_GATE32, TASK_GATE, TSS16, TSS32].includes(type);
  const isTss = type === TSS16 || type === TSS32;
  const isLocal = isTss && (selector & 4) !== 0;
  if (!known || isLocal) c.raise(GP, errorCode);
  if (dpl(high) < c.s[CPL] || dpl(high) < (selector & 3)) c.raise(GP, errorCode);
  if (!isPresent(high)) c.raise(NP, errorCode);
  if (type === TASK_GATE || isTss) {
    const tss = type === TASK_GATE ? low >>> 16 : selector;
    switchTask(c, { selector: tss, kind, returnEip: c.nextEip, ext: 0 });
    return undefined;
  }
  const wide = type === CALL_GATE32;
  const offset = wide ? (low & 0xffff) | (high & 0xffff0000) : low & 0xffff;
  const target = codeBehindGate(c, low >>> 16, offset, kind);
  return { target, size: wide ? 4 : 2, parameters: high & 0x1f };
}

function codeBehindGate(
  c: Context,
  selector: number,
  offset: number,
  kind: 'jump' | 'call',
): CodeTarget {
  if (isNull(selector)) c.raise(GP, 0);
  const errorCode = selector & 0xfffc;
  const address = findDescriptor(c, selector, GP);
  const low = descriptorLow(c, address);
  const high = descriptorHigh(c, address);
  if (!isCode(high) || dpl(high) > c.s[CPL]) c.raise(GP, errorCode);
  if (kind === 'jump' && !isConforming(high) && dpl(high) !== c.s[CPL]) c.raise(GP, errorCode);
  if (!isPresent(high)) c.raise(NP, errorCode);
  return { selector, address, low, high, offset };
}

function callThroughGate(c: Context, gate: CallGate): void {
  const { target, size } = gate;
  const level = dpl(target.high);
  if (isConforming(target.high) || level === c.s[CPL]) {
    callSameLevel(c, target, size);
    return;
  }
  const stack = stackFromTss(c, level, 0);
  const values = [c.s[SELECTOR + SS], c.s[ESP]];
  for (let i = gate.parameters - 1; i >= 0; i--) values.push(peek(c, i * size, size));
  values.push(c.s[SELECTOR + CS], c.nextEip);
  const esp = pushFrame(c, stack, size, { values, ext: 0, check: () => checkLimit(c, target) });
  setStack(c, stack, esp);
  enterCode(c, target, level);
}

/** RETF and RETF imm16: `extra` bytes of parameters are released. */
export function farReturn(c: Context, size: Size, extra: number): void {
  const popped = peek(c, 0, size);
  const offset = size === 2 ? popped & 0xffff : popped;
  const selector = peekWord(c, size, size);
  if (!isProtected(c)) {
    checkCodeOffset(c, c.s[LIMIT + CS], offset);
    release(c, 2 * size + extra);
    enterReal(c, selector, offset);
    return;
  }
  const target = returnTarget(c, selector, offset);
  const level = selector & 3;
  if (level === c.s[CPL]) {
    checkLimit(c, target);
    release(c, 2 * size + extra);
    enterCode(c, target, level);
    return;
  }
  const stack = outerStack(c, 2 * size + extra, size, level);
  checkLimit(c, target);
  setStack(c, stack, (stack.esp + extra) | 0);
  enterCode(c, target, level);
  dropInnerSegments(c);
}

/** The code segment RETF or IRET goes back to, checked. */
export function returnTarget(c: Context, selector: number, offset: number): CodeTarget {
  if (isNull(selector)) c.raise(GP, 0);
  const errorCode = selector & 0xfffc;
  const level = selector & 3;
  const address = findDescriptor(c, selector, GP);
  const low = descriptorLow(c, address);
  const high = descriptorHigh(c, address);
  if (!isCode(high) || level < c.s[CPL]) c.raise(GP, errorCode);
  const fits = isConforming(high) ? dpl(high) <= level : dpl(high) === level;
  if (!fits) c.raise(GP, errorCode);
  if (!isPresent(high)) c.raise(NP, errorCode);
  return { selector, address, low, high, offset };
}

export { checkLimit, enterCode };

/** After a return to an outer level: what that level may not use becomes null. */
export function dropInnerSegments(c: Context): void {
  for (const n of [ES, FS, GS, DS]) {
    const attributes = c.s[ATTRIBUTES + n];
    if (attributes === 0 || (attributes & DESC_S) === 0) continue;
    const bits = DESC_CODE | DESC_CONFORMING;
    const conforming = (attributes & bits) === bits;
    if (!conforming && dpl(attributes) < c.s[CPL]) setNullSegment(c, n, 0);
  }
  c.modeChanged();
}
