/**
 * What the processor writes to the log: interrupts, register dumps and code, as QEMU words them.
 */

import type { Context } from './context.ts';
import { disassembleLines } from './disassemble.ts';
import { fpuText } from './fpu/state.ts';
import type { Mmu } from './mmu.ts';
import {
  ATTRIBUTES,
  BASE,
  CPL,
  CR2,
  CS,
  DESC_BIG,
  EAX,
  ESP,
  PF_VECTOR,
  SELECTOR,
  SS,
} from './registers.ts';
import { type RegisterView, registersLogText } from './registers-text.ts';

export interface LoggedEvent {
  readonly vector: number;
  readonly errorCode: number;
  readonly software: boolean;
  readonly external: boolean;
  readonly eip: number;
}

/** Counts the lines, as the first column wants. */
const counters = new WeakMap<Int32Array, number>();

export function logEvent(c: Context, event: LoggedEvent): void {
  const count = counters.get(c.s) ?? 0;
  counters.set(c.s, count + 1);
  const { s } = c;
  const pc = (s[BASE + CS] + event.eip) >>> 0;
  let line = `${String(count).padStart(6)}: v=${hex(event.vector, 2)}`;
  line += ` e=${hex(event.errorCode, 4)} i=${event.software ? 1 : 0} cpl=${s[CPL]}`;
  line += ` IP=${hex(s[SELECTOR + CS], 4)}:${hex(event.eip, 8)} pc=${hex(pc, 8)}`;
  line += ` SP=${hex(s[SELECTOR + SS], 4)}:${hex(s[ESP], 8)}`;
  const last = event.vector === PF_VECTOR;
  line += last ? ` CR2=${hex(s[CR2], 8)}` : ` env->regs[R_EAX]=${hex(s[EAX], 8)}`;
  c.wiring.log.write('int', `${line}\n${registersLogText(view(c, event.eip))}`);
}

/** The line QEMU adds for each exception raised; `old` is the one being delivered, or -1. */
export function logRaised(c: Context, old: number, vector: number): void {
  if (!c.wiring.log.has('int')) return;
  const before = (old >>> 0).toString(16);
  c.wiring.log.write('int', `check_exception old: 0x${before} new 0x${vector.toString(16)}\n`);
}

/** What `-d in_asm` says of an interrupt from outside. */
export function logHardware(c: Context, vector: number): void {
  const { log } = c.wiring;
  if (log.has('in_asm')) log.write('in_asm', `Servicing hardware INT=0x${hex(vector, 2)}\n`);
}

/** What `-d int` says of system management mode: `enter` or `after RSM`. */
export function logSmm(c: Context, what: string, eip: number): void {
  const { log } = c.wiring;
  if (log.has('int')) log.write('int', `SMM: ${what}\n${registersLogText(view(c, eip))}`);
}

/** `-d cpu_reset`: the registers as they were before the reset. */
export function logReset(c: Context, eip: number, isFirst: boolean): void {
  const { log } = c.wiring;
  if (!log.has('cpu_reset')) return;
  // Before the first, nobody has opened the A20 gate.
  const registers = { ...view(c, eip), ...(isFirst ? { isA20Open: false } : {}) };
  const text = registersLogText(registers) + fpuText(c.s);
  log.write('cpu_reset', `CPU Reset (CPU 0)\n${text}`);
}

/** `-d cpu`: the registers, when code is decoded. */
export function logState(c: Context, eip: number): void {
  c.wiring.log.write('cpu', registersLogText(view(c, eip)));
}

/** `-d in_asm`: a block of code, when it is decoded. */
export function logBlock(c: BlockContext, eip: number, bytes: number): void {
  const start = (c.s[BASE + CS] + eip) >>> 0;
  const read = (address: number) => {
    const place = c.mmu.translate(address);
    return place === undefined ? undefined : c.wiring.memory.read(place, 1);
  };
  const bits = (c.s[ATTRIBUTES + CS] & DESC_BIG) !== 0 ? 32 : 16;
  const lines = disassembleLines({ read, address: start, count: bytes, bits, end: start + bytes });
  c.wiring.log.write('in_asm', `----------------\nIN: \n${lines.join('\n')}\n\n`);
}

interface BlockContext extends Context {
  readonly mmu: Mmu;
}

function view(c: Context, eip: number): RegisterView {
  return { s: c.s, eip, eflags: c.eflags(), isA20Open: c.wiring.a20.level };
}

function hex(value: number, digits: number): string {
  return (value >>> 0).toString(16).padStart(digits, '0');
}
