/**
 * The x87 register stack and what every x87 instruction does before and after its arithmetic:
 * device-not-available and pending exceptions, stack faults, reporting, last-instruction pointers.
 *
 * Source: Intel SDM volume 1, sections 8.1 and 8.4 to 8.7. An instruction with an unmasked
 * pre-computation exception (invalid, denormal, zero divide) changes nothing but the status word.
 */

import type { Context } from '../context.ts';
import { throwStall } from '../fault.ts';
import { CR0, CR0_EM, CR0_MP, CR0_NE, CR0_TS, CS, MF, NM, SELECTOR } from '../registers.ts';
import {
  DE,
  env,
  extendedExponent,
  IE,
  setIndefinite,
  Unpacked,
  unpackExtended,
  ZE,
} from './number.ts';
import { EMPTY, FCS, FCW, FDP, FDS, FIP, FOP, FPR, FSW, TOP } from './state.ts';

/** Bits of the status word. */
export const SW_STACK_FAULT = 1 << 6;
export const SW_SUMMARY = 1 << 7;
export const SW_C0 = 1 << 8;
export const SW_C1 = 1 << 9;
export const SW_C2 = 1 << 10;
export const SW_C3 = 1 << 14;
export const SW_BUSY = 1 << 15;

/** Operands and result of the instruction that runs. */
export const opA = new Unpacked();
export const opB = new Unpacked();
export const result = new Unpacked();

/** Where ST(i) is in the register file. */
export function slot(s: Int32Array, i: number): number {
  return FPR + (((s[TOP] + i) & 7) << 2);
}

export function isEmpty(s: Int32Array, i: number): boolean {
  return ((s[EMPTY] >> ((s[TOP] + i) & 7)) & 1) !== 0;
}

export function loadSt(s: Int32Array, to: Unpacked, i: number): void {
  const at = slot(s, i);
  unpackExtended(to, s[at], s[at + 1], s[at + 2]);
}

/** Writes a rounded number and tags the register. */
export function storeSt(s: Int32Array, i: number, from: Unpacked): void {
  const at = slot(s, i);
  s[at] = from.lo;
  s[at + 1] = from.hi;
  s[at + 2] = extendedExponent(from);
  s[EMPTY] &= ~(1 << ((s[TOP] + i) & 7));
}

export function pop(s: Int32Array): void {
  s[EMPTY] |= 1 << s[TOP];
  s[TOP] = (s[TOP] + 1) & 7;
}

/** Moves TOP down; the new ST(0) is to be written next. */
export function push(s: Int32Array): void {
  s[TOP] = (s[TOP] - 1) & 7;
}

/** Sets the environment of one x87 operation from the control word. */
export function begin(s: Int32Array): void {
  const fcw = s[FCW];
  env.rounding = (fcw >> 10) & 3;
  const precision = (fcw >> 8) & 3;
  env.precision = precision === 0 ? 24 : precision === 2 ? 53 : 64;
  env.masks = fcw & 0x3f;
  env.flags = 0;
  env.roundedUp = 0;
  env.sse = 0;
  env.flush = 0;
  env.daz = 0;
}

/** True when an unmasked exception forbids the result. */
export function blocked(): boolean {
  return (env.flags & ~env.masks & (IE | DE | ZE)) !== 0;
}

/** Reports what `env` collected: sticky flags, C1, summary. */
export function commit(c: Context): void {
  const { s } = c;
  if (blocked()) {
    // What comes after the computation does not happen.
    env.flags &= IE | DE | ZE;
    env.roundedUp = 0;
  }
  let fsw = s[FSW] & ~SW_C1;
  if (env.roundedUp === 1) fsw |= SW_C1;
  s[FSW] = fsw | env.flags;
  if ((env.flags & ~env.masks) !== 0) summarize(c);
}

/** Recomputes ES and B from flags and masks, and drives FERR#. */
export function summarize(c: Context): void {
  const { s } = c;
  const pending = (s[FSW] & ~s[FCW] & 0x3f) !== 0;
  if (pending) s[FSW] |= SW_SUMMARY | SW_BUSY;
  else s[FSW] &= ~(SW_SUMMARY | SW_BUSY);
  c.wiring.ferr?.set(pending && (s[CR0] & CR0_NE) === 0);
}

/** Stack underflow: an empty register was read. True when the masked response is to be given. */
export function underflow(c: Context): boolean {
  c.s[FSW] |= SW_STACK_FAULT;
  env.flags = IE;
  env.roundedUp = 0;
  commit(c);
  return (env.masks & IE) !== 0;
}

/** Stack overflow: a push onto a full stack. True when the masked response is to be given. */
export function overflow(c: Context): boolean {
  c.s[FSW] |= SW_STACK_FAULT;
  env.flags = IE;
  commit(c);
  c.s[FSW] |= SW_C1;
  return (env.masks & IE) !== 0;
}

/** Pushes the default NaN, the masked response to a stack fault. */
export function pushIndefinite(s: Int32Array): void {
  setIndefinite(result);
  push(s);
  storeSt(s, 0, result);
}

/** Underflow of an instruction whose destination is ST(i); pops when masked and `pops` = 1. */
export function underflowTo(c: Context, i: number, pops: number): void {
  if (!underflow(c)) return;
  setIndefinite(result);
  storeSt(c.s, i, result);
  if (pops === 1) pop(c.s);
}

/** Before every x87 instruction, the non-waiting control instructions too. */
export function checkAvailable(c: Context): void {
  if ((c.s[CR0] & (CR0_EM | CR0_TS)) !== 0) c.raise(NM);
}

/**
 * Before every waiting instruction: the exception an earlier one left. With CR0.NE clear the
 * processor stands still until an interrupt (IRQ 13, by FERR#), unless the board asserts IGNNE#.
 */
export function checkPending(c: Context): void {
  if ((c.s[FSW] & SW_SUMMARY) === 0) return;
  if ((c.s[CR0] & CR0_NE) !== 0) c.raise(MF);
  const { ferr, ignne } = c.wiring;
  if (ferr === undefined || ignne === undefined || ignne.level) return;
  ferr.set(true);
  throwStall();
}

/** FWAIT: unlike the others it looks at MP as well as TS, and not at EM. */
export function fwait(c: Context): void {
  const both = CR0_MP | CR0_TS;
  if ((c.s[CR0] & both) === both) c.raise(NM);
  checkPending(c);
}

/** Remembers the instruction for exception handlers; `opcode` is the eleven bits of FOP. */
export function noteInstruction(c: Context, opcode: number): void {
  const { s } = c;
  s[FOP] = opcode;
  s[FIP] = c.eip;
  s[FCS] = s[SELECTOR + CS];
}

export function noteOperand(s: Int32Array, seg: number, offset: number): void {
  s[FDP] = offset;
  s[FDS] = s[SELECTOR + seg];
}
