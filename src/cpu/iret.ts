/**
 * IRET in all its forms, and SYSENTER and SYSEXIT.
 *
 * Source: Intel SDM volume 2, IRET/IRETD, SYSENTER, SYSEXIT; volume 3, 20.2.7 (leaving V86 mode).
 */

import type { Context, Size } from './context.ts';
import {
  isProtected,
  isVirtual8086,
  setRealSegment,
  setSegment,
  setVirtualSegment,
} from './descriptor.ts';
import { checkLimit, dropInnerSegments, enterCode, returnTarget } from './far.ts';
import {
  AC,
  ARITHMETIC,
  CPL,
  CR4,
  CR4_VME,
  CS,
  DF,
  ECX,
  EDX,
  ESP,
  GP,
  ID,
  IF,
  IOPL,
  LIMIT,
  NMI_BLOCKED,
  NT,
  RF,
  SS,
  SYSENTER_CS,
  SYSENTER_EIP,
  SYSENTER_ESP,
  TF,
  VIF,
  VIP,
  VM,
} from './registers.ts';
import { checkCodeOffset } from './segment.ts';
import { outerStack, peek, peekWord, release, setStack } from './stack.ts';
import { returnFromTask } from './task.ts';

const ALWAYS = ARITHMETIC | TF | DF | NT;
const WIDE_ONLY = RF | AC | ID;

/** IRET; `size` is the operand size in bytes. */
export function interruptReturn(c: Context, size: Size): void {
  if (isVirtual8086(c)) returnInVirtual8086(c, size);
  else if (!isProtected(c)) returnReal(c, size);
  else if ((c.eflags() & NT) !== 0) returnFromTask(c);
  else returnProtected(c, size);
  c.s[NMI_BLOCKED] = 0;
  c.leave();
}

interface Frame {
  readonly eip: number;
  readonly selector: number;
  readonly eflags: number;
}

function popFrame(c: Context, size: Size): Frame {
  const eip = peek(c, 0, size);
  const selector = peekWord(c, size, size);
  const eflags = peek(c, 2 * size, size);
  return { eip: size === 2 ? eip & 0xffff : eip, selector, eflags };
}

function returnReal(c: Context, size: Size): void {
  const frame = popFrame(c, size);
  checkCodeOffset(c, c.s[LIMIT + CS], frame.eip);
  release(c, 3 * size);
  const mask = ALWAYS | IF | IOPL | (size === 4 ? WIDE_ONLY : 0);
  c.setEflags(frame.eflags, mask);
  setRealSegment(c, CS, frame.selector);
  c.modeChanged();
  c.jump(frame.eip);
}

/** RETURN-FROM-VIRTUAL-8086-MODE: IOPL 3, or VME with 16-bit operands. */
function returnInVirtual8086(c: Context, size: Size): void {
  const flags = c.eflags();
  const privileged = (flags & IOPL) === IOPL;
  if (!privileged && ((c.s[CR4] & CR4_VME) === 0 || size !== 2)) c.raise(GP, 0);
  const frame = popFrame(c, size);
  if (!privileged) {
    const pending = (flags & VIP) !== 0 && (frame.eflags & IF) !== 0;
    if (pending || (frame.eflags & TF) !== 0) c.raise(GP, 0);
  }
  checkCodeOffset(c, 0xffff, frame.eip);
  release(c, 3 * size);
  if (privileged) c.setEflags(frame.eflags, ALWAYS | IF | (size === 4 ? WIDE_ONLY : 0));
  else {
    const virtualIf = (frame.eflags & IF) !== 0 ? VIF : 0;
    c.setEflags((frame.eflags & ALWAYS) | virtualIf, ALWAYS | VIF);
  }
  setVirtualSegment(c, CS, frame.selector);
  c.modeChanged();
  c.jump(frame.eip);
}

function returnProtected(c: Context, size: Size): void {
  const frame = popFrame(c, size);
  if (size === 4 && (frame.eflags & VM) !== 0 && c.s[CPL] === 0) {
    returnToVirtual8086(c, frame);
    return;
  }
  const target = returnTarget(c, frame.selector, frame.eip);
  const level = frame.selector & 3;
  const mask = flagMask(c, size);
  if (level === c.s[CPL]) {
    checkLimit(c, target);
    release(c, 3 * size);
    c.setEflags(frame.eflags, mask);
    enterCode(c, target, level);
    return;
  }
  const stack = outerStack(c, 3 * size, size, level);
  checkLimit(c, target);
  setStack(c, stack, stack.esp);
  c.setEflags(frame.eflags, mask);
  enterCode(c, target, level);
  dropInnerSegments(c);
}

/** The flags an IRET may change at the current privilege. */
function flagMask(c: Context, size: Size): number {
  const cpl = c.s[CPL];
  let mask = ALWAYS | (size === 4 ? WIDE_ONLY : 0);
  if (cpl <= (c.eflags() & IOPL) >>> 12) mask |= IF;
  if (cpl === 0) mask |= IOPL | (size === 4 ? VIF | VIP : 0);
  return mask;
}

function returnToVirtual8086(c: Context, frame: Frame): void {
  const esp = peek(c, 12, 4);
  const selectors = [4, 5, 6, 7, 8].map(i => peekWord(c, i * 4, 4));
  checkCodeOffset(c, 0xffff, frame.eip);
  const everything = ALWAYS | WIDE_ONLY | IF | IOPL | VIF | VIP | VM;
  c.setEflags(frame.eflags, everything);
  const [ss, es, ds, fs, gs] = selectors;
  // Encoding order: ES CS SS DS FS GS.
  [es, frame.selector, ss, ds, fs, gs].forEach((selector, n) => {
    setVirtualSegment(c, n, selector);
  });
  c.s[ESP] = esp;
  c.s[CPL] = 3;
  c.modeChanged();
  c.jump(frame.eip);
}

const FLAT_CODE = { low: 0x0000ffff, high: 0x00cf9b00 };
const FLAT_DATA = { low: 0x0000ffff, high: 0x00cf9300 };
const LEVEL_3 = 3 << 13;

/** SYSENTER: flat ring 0 from the three MSRs. */
export function sysenter(c: Context): void {
  const selector = c.s[SYSENTER_CS] & 0xfffc;
  if ((!isProtected(c) && !isVirtual8086(c)) || selector === 0) c.raise(GP, 0);
  c.setEflags(0, VM | IF | RF);
  setFlat(c, { selector, level: 0, esp: c.s[SYSENTER_ESP], eip: c.s[SYSENTER_EIP] });
}

/** SYSEXIT: flat ring 3; EIP from EDX, ESP from ECX. */
export function sysexit(c: Context): void {
  const selector = c.s[SYSENTER_CS] & 0xfffc;
  if (!isProtected(c) || selector === 0 || c.s[CPL] !== 0) c.raise(GP, 0);
  setFlat(c, { selector: selector + 16, level: 3, esp: c.s[ECX], eip: c.s[EDX] });
}

interface FlatTarget {
  readonly selector: number;
  readonly level: number;
  readonly esp: number;
  readonly eip: number;
}

function setFlat(c: Context, target: FlatTarget): void {
  const { selector, level } = target;
  const rights = level === 3 ? LEVEL_3 : 0;
  setSegment(c, CS, selector | level, { low: FLAT_CODE.low, high: FLAT_CODE.high | rights });
  setSegment(c, SS, (selector + 8) | level, { low: FLAT_DATA.low, high: FLAT_DATA.high | rights });
  c.s[CPL] = level;
  c.s[ESP] = target.esp;
  c.modeChanged();
  c.jump(target.eip);
}
