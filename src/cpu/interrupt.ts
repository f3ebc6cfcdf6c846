/**
 * Interrupts and exceptions: through the vector table of real mode, the gates of protected mode,
 * and the redirection of virtual-8086 mode; double and triple faults.
 *
 * Source: Intel SDM volume 2, INT n; volume 3, 6.8 to 6.15 and 20.3 (methods 1 to 6).
 */

import type { Context, Size } from './context.ts';
import {
  descriptorHigh,
  descriptorLow,
  dpl,
  findDescriptor,
  INTERRUPT_GATE16,
  INTERRUPT_GATE32,
  isCode,
  isConforming,
  isNull,
  isPresent,
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
  TRAP_GATE16,
  TRAP_GATE32,
} from './descriptor.ts';
import { Fault, makesDoubleFault } from './fault.ts';
import { logEvent, logHardware, logRaised } from './log-text.ts';
import {
  AC,
  BASE,
  CPL,
  CR0,
  CR0_PE,
  CR2,
  CR4,
  CR4_VME,
  CS,
  DB,
  DE,
  DEBUG_PENDING,
  DF_VECTOR,
  DR0,
  DS,
  EFLAGS_REST,
  ES,
  ESP,
  FS,
  GP,
  GS,
  HALTED,
  IDTR_BASE,
  IDTR_LIMIT,
  IF,
  IOPL,
  LIMIT,
  MC,
  MONITORING,
  NMI,
  NMI_BLOCKED,
  NP,
  NT,
  OF_VECTOR,
  RESUMING,
  RF,
  SELECTOR,
  SS,
  TF,
  TR,
  VIF,
  VM,
} from './registers.ts';
import { checkCodeOffset } from './segment.ts';
import {
  isTss32,
  type NewStack,
  pushAll,
  pushFrame,
  requireRoom,
  setStack,
  stackFromTss,
} from './stack.ts';
import { switchTask } from './task.ts';

const ABORTS = [DF_VECTOR, MC];
const DR7_GD = 1 << 13;

/** What happens: decides about DPL checks, EXT and the pushed RF. */
interface Event {
  readonly vector: number;
  /** 'software': INT n, INT3, INTO, whose gate's DPL counts. */
  readonly kind: 'software' | 'exception' | 'external';
  readonly errorCode?: number;
  /** EIP to push. */
  readonly eip: number;
}

/** INT n, in every mode. */
export function softwareInterrupt(c: Context, vector: number): void {
  if (isVirtual8086(c)) {
    if ((c.s[CR4] & CR4_VME) !== 0 && !isRedirected(c, vector)) {
      interruptInVirtual8086(c, vector);
      return;
    }
    if ((c.eflags() & IOPL) !== IOPL) c.raise(GP, 0);
  }
  announce(c, { vector, kind: 'software', eip: c.nextEip });
  enter(c, { vector, kind: 'software', eip: c.nextEip });
}

/** INT3 and INTO: as INT n, but IOPL and redirection do not count. */
export function breakpointInterrupt(c: Context, vector: number): void {
  announce(c, { vector, kind: 'software', eip: c.nextEip });
  enter(c, { vector, kind: 'software', eip: c.nextEip });
}

/** INT1 (F1): #DB without any DR6 bit and without DPL check. */
export function icebp(c: Context): void {
  deliverException(c, DB, -1, c.nextEip);
}

/** An interrupt from outside, between instructions; the caller has checked IF and the shadow. */
export function deliverInterrupt(c: Context, vector: number, eip: number): void {
  logHardware(c, vector);
  deliver(c, { vector, kind: 'external', eip });
}

export function deliverNmi(c: Context, eip: number): void {
  c.s[NMI_BLOCKED] = 1;
  deliver(c, { vector: NMI, kind: 'external', eip });
}

/** An exception that `raise` threw: `errorCode` -1 for none, `eip` what the handler finds. */
export function deliverException(c: Context, vector: number, errorCode: number, eip: number): void {
  logRaised(c, -1, vector);
  const code = errorCode < 0 ? undefined : errorCode;
  deliver(c, { vector, kind: 'exception', errorCode: code, eip });
}

/** Delivers; a fault on the way is delivered in its place, or makes a double or triple fault. */
function deliver(c: Context, first: Event): void {
  c.s[HALTED] = 0;
  c.s[MONITORING] = 0;
  let event = first;
  const chain: number[] = [];
  for (;;) {
    chain.push(event.vector);
    announce(c, event);
    const next = attempt(c, event);
    if (next === undefined) return;
    if (event.vector === DF_VECTOR && event.kind === 'exception') {
      shutDown(c, [...chain, next.vector]);
      return;
    }
    event = next;
  }
}

/** Undefined when delivered, else what is to be delivered instead. */
function attempt(c: Context, event: Event): Event | undefined {
  try {
    enter(c, event);
    return undefined;
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
    const eip = error.hasOwnEip ? error.ownEip : event.eip;
    logRaised(c, event.kind === 'exception' ? event.vector : -1, error.vector);
    const double = event.kind === 'exception' && makesDoubleFault(event.vector, error.vector);
    // Whatever goes wrong during a double fault ends in shutdown: `deliver` looks at the vector.
    if (double) return { vector: DF_VECTOR, kind: 'exception', errorCode: 0, eip };
    const errorCode = error.errorCode < 0 ? undefined : error.errorCode;
    return { vector: error.vector, kind: 'exception', errorCode, eip };
  }
}

function shutDown(c: Context, chain: readonly number[]): void {
  const cs = (c.s[SELECTOR + CS] & 0xffff).toString(16).padStart(4, '0');
  const eip = (c.eip >>> 0).toString(16).padStart(8, '0');
  const cr2 = (c.s[CR2] >>> 0).toString(16).padStart(8, '0');
  const vectors = chain.map(v => v.toString(16).padStart(2, '0')).join(' -> ');
  const why = `Triple fault: ${vectors} at CS:EIP ${cs}:${eip}, CR2 ${cr2}`;
  c.s[HALTED] = 1;
  c.leave();
  c.wiring.log.write('cpu_reset', `${why}\n`);
  c.wiring.onTripleFault(why);
}

/** The line `-d int` shows; INT n stands at its own address there, whatever it pushes. */
function announce(c: Context, event: Event): void {
  if (!c.wiring.log.has('int') || (c.s[CR0] & CR0_PE) === 0) return;
  logEvent(c, {
    vector: event.vector,
    errorCode: event.errorCode ?? 0,
    software: event.kind === 'software',
    external: event.kind === 'external',
    eip: event.kind === 'software' ? c.eip : event.eip,
  });
}

function enter(c: Context, event: Event): void {
  const { s } = c;
  s[DEBUG_PENDING] = 0;
  if (isFault(event) || s[RESUMING] !== 0) s[EFLAGS_REST] |= RF;
  s[RESUMING] = 0;
  if (event.kind === 'exception' && event.vector === DB) s[DR0 + 7] &= ~DR7_GD;
  if ((s[CR0] & CR0_PE) === 0) enterReal(c, event);
  else enterProtected(c, event);
}

/**
 * Volume 3, 17.3.1.1: faults push RF set, so that breakpoints let the instruction run the second
 * time. #DB is one only for general detect, which says so in RESUMING.
 */
function isFault(event: Event): boolean {
  const { kind, vector } = event;
  return (
    kind === 'exception' && (vector === DE || (vector > OF_VECTOR && !ABORTS.includes(vector)))
  );
}

/** Volume 2, INT n, REAL-ADDRESS-MODE. */
function enterReal(c: Context, event: Event): void {
  const at = event.vector * 4;
  if (at + 3 > (c.s[IDTR_LIMIT] & 0xffff)) c.raise(GP, 0);
  const entry = c.readLinear((c.s[IDTR_BASE] + at) >>> 0, 4, false);
  const ip = entry & 0xffff;
  checkCodeOffset(c, c.s[LIMIT + CS], ip);
  pushAll(c, 2, [c.eflags(), c.s[SELECTOR + CS], event.eip]);
  c.setEflags(0, IF | TF | AC | RF);
  setRealSegment(c, CS, entry >>> 16);
  c.modeChanged();
  c.jump(ip);
}

interface Gate {
  readonly selector: number;
  readonly offset: number;
  readonly size: Size;
  readonly clearsIf: boolean;
}

function enterProtected(c: Context, event: Event): void {
  const ext = event.kind === 'software' ? 0 : 1;
  const gate = readGate(c, event, ext);
  if (gate === undefined) return;
  const { selector } = gate;
  if (isNull(selector)) c.raise(GP, ext);
  const errorCode = (selector & 0xfffc) | ext;
  const address = findDescriptor(c, selector, GP, ext);
  const low = descriptorLow(c, address);
  const high = descriptorHigh(c, address);
  const cpl = c.s[CPL];
  const level = dpl(high);
  const virtual = isVirtual8086(c);
  if (!isCode(high) || level > cpl) c.raise(GP, errorCode);
  if (!isPresent(high)) c.raise(NP, errorCode);
  const inner = !isConforming(high) && level < cpl;
  if (virtual && (!inner || level !== 0)) c.raise(GP, errorCode);
  const limit = segmentLimit(low, high);
  const check = () => {
    if (gate.offset >>> 0 > limit >>> 0) c.raise(GP, ext);
  };
  const code = { address, low, high, selector };
  if (inner) {
    const stack = stackFromTss(c, level, ext);
    enterInner(c, { event, gate, stack, ext, check });
  } else {
    const frame = returnFrame(c, event);
    requireRoom(c, gate.size, frame.length, ext);
    check();
    pushAll(c, gate.size, frame);
  }
  finish(c, gate, code, inner ? level : cpl);
}

/** The gate of the IDT, checked; a task gate switches the task and gives undefined. */
function readGate(c: Context, event: Event, ext: number): Gate | undefined {
  const at = event.vector * 8;
  const errorCode = at | 2 | ext;
  if (at + 7 > (c.s[IDTR_LIMIT] & 0xffff)) c.raise(GP, errorCode);
  const address = (c.s[IDTR_BASE] + at) >>> 0;
  const low = descriptorLow(c, address);
  const high = descriptorHigh(c, address);
  const type = isSystem(high) ? systemType(high) : 0;
  const wide = type === INTERRUPT_GATE32 || type === TRAP_GATE32;
  const narrow = type === INTERRUPT_GATE16 || type === TRAP_GATE16;
  if (!wide && !narrow && type !== TASK_GATE) c.raise(GP, errorCode);
  if (event.kind === 'software' && dpl(high) < c.s[CPL]) c.raise(GP, errorCode);
  if (!isPresent(high)) c.raise(NP, errorCode);
  if (type === TASK_GATE) {
    const { errorCode: pushed, eip } = event;
    const request = { selector: low >>> 16, kind: 'interrupt', returnEip: eip, ext } as const;
    switchTask(c, { ...request, errorCode: pushed });
    return undefined;
  }
  return {
    selector: low >>> 16,
    offset: wide ? (low & 0xffff) | (high & 0xffff0000) : low & 0xffff,
    size: wide ? 4 : 2,
    clearsIf: type === INTERRUPT_GATE32 || type === INTERRUPT_GATE16,
  };
}

function returnFrame(c: Context, event: Event): number[] {
  const values = [c.eflags(), c.s[SELECTOR + CS], event.eip];
  if (event.errorCode !== undefined) values.push(event.errorCode);
  return values;
}

interface InnerEntry {
  readonly event: Event;
  readonly gate: Gate;
  readonly stack: NewStack;
  readonly ext: number;
  /** Of the offset against the new code segment. */
  readonly check: () => void;
}

/** INTER-PRIVILEGE-LEVEL-INTERRUPT and INTERRUPT-FROM-VIRTUAL-8086-MODE. */
function enterInner(c: Context, entry: InnerEntry): void {
  const { event, gate, stack, ext, check } = entry;
  const virtual = isVirtual8086(c);
  const s = c.s;
  const segments = virtual
    ? [s[SELECTOR + GS], s[SELECTOR + FS], s[SELECTOR + DS], s[SELECTOR + ES]]
    : [];
  const values = [...segments, s[SELECTOR + SS], s[ESP], ...returnFrame(c, event)];
  const esp = pushFrame(c, stack, gate.size, { values, ext, check });
  setStack(c, stack, esp);
  if (!virtual) return;
  for (const n of [ES, DS, FS, GS]) setNullSegment(c, n, 0);
}

interface Code {
  readonly selector: number;
  readonly address: number;
  readonly low: number;
  readonly high: number;
}

function finish(c: Context, gate: Gate, code: Code, cpl: number): void {
  c.setEflags(0, TF | NT | RF | VM | (gate.clearsIf ? IF : 0));
  const high = markAccessed(c, code.address, code.high);
  setSegment(c, CS, (code.selector & 0xfffc) | cpl, { low: code.low, high });
  c.s[CPL] = cpl;
  c.modeChanged();
  c.jump(gate.offset);
}

/** Volume 3, 20.3.3: the bitmap below the I/O permission map; a set bit means the IDT. */
function isRedirected(c: Context, vector: number): boolean {
  if (!isTss32(c) || c.s[LIMIT + TR] >>> 0 < 0x67) return true;
  const base = c.s[BASE + TR];
  const map = c.readLinear((base + 0x66) >>> 0, 2, false) & 0xffff;
  const at = map - 32 + (vector >>> 3);
  if (map < 32 || at > c.s[LIMIT + TR] >>> 0) c.raise(GP, 0);
  return ((c.readLinear((base + at) >>> 0, 1, false) >>> (vector & 7)) & 1) !== 0;
}

/** Methods 5 and 6: as an 8086 does, through the table at linear address 0. */
function interruptInVirtual8086(c: Context, vector: number): void {
  const entry = c.readLinear(vector * 4, 4, true);
  const ip = entry & 0xffff;
  checkCodeOffset(c, 0xffff, ip);
  const flags = c.eflags();
  const privileged = (flags & IOPL) === IOPL;
  const virtualIf = (flags & VIF) !== 0 ? IF : 0;
  const pushed = privileged ? flags : (flags & ~IF) | IOPL | virtualIf;
  pushAll(c, 2, [pushed, c.s[SELECTOR + CS], c.nextEip]);
  c.setEflags(0, TF | RF | (privileged ? IF : VIF));
  setVirtualSegment(c, CS, entry >>> 16);
  c.modeChanged();
  c.jump(ip);
}
