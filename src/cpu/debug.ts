/**
 * Debug exceptions: breakpoints of DR0 to DR3 on code, data and ports, and the single step.
 *
 * Source: Intel SDM volume 3, 17.2 and 17.3, 6.8.3 (masking by MOV SS), table 6-2 (priorities).
 * Traps gather in DEBUG_PENDING; core.ts takes them between instructions. Whatever enters a handler
 * first, a fault or INT, discards them (17.3.1.4). Not emulated: LBR, BTF, RTM.
 */

import type { Context } from './context.ts';
import { CR4, CR4_DE, DB, DEBUG_PENDING, DR0, EFLAGS_REST, RESUMING, RF, TF } from './registers.ts';

export const DR6_BS = 1 << 14;
const DR7_ENABLES = 0xff;

/** DR7.RWn. */
const ON_EXECUTE = 0;
const ON_WRITE = 1;
const ON_PORT = 2;
const ON_ACCESS = 3;

/** Whether instructions are looked at one by one: code breakpoints are armed, or TF is set. */
export function isStepping(c: Context): boolean {
  if ((c.s[EFLAGS_REST] & TF) !== 0) return true;
  if (!hasBreakpoints(c)) return false;
  return [0, 1, 2, 3].some(n => isArmed(c, n) && condition(c, n) === ON_EXECUTE);
}

/** DR7 enables something: strings are to be stepped by element. */
export function hasBreakpoints(c: Context): boolean {
  return (c.s[DR0 + 7] & DR7_ENABLES) !== 0;
}

function isArmed(c: Context, n: number): boolean {
  return ((c.s[DR0 + 7] >>> (n * 2)) & 3) !== 0;
}

function condition(c: Context, n: number): number {
  return (c.s[DR0 + 7] >>> (16 + n * 4)) & 3;
}

/** In bytes. */
function breakpointLength(c: Context, n: number): number {
  return [1, 2, 8, 4][(c.s[DR0 + 7] >>> (18 + n * 4)) & 3];
}

/**
 * Before an instruction at linear address `linear`: raises #DB when a code breakpoint hits, unless
 * RF holds for it or `isBlocked` (MOV SS was before it). RF ends here: faults push it set anyway.
 * With TF set the trap behind the instruction is due from now on.
 */
export function beginInstruction(c: Context, linear: number, isBlocked: boolean): void {
  const { s } = c;
  const resumes = (s[EFLAGS_REST] & RF) !== 0 || s[RESUMING] !== 0;
  s[RESUMING] = 0;
  s[EFLAGS_REST] &= ~RF;
  if (!resumes && !isBlocked && hasBreakpoints(c)) checkCodeBreakpoint(c, linear);
  if ((s[EFLAGS_REST] & TF) !== 0) s[DEBUG_PENDING] |= DR6_BS;
}

function checkCodeBreakpoint(c: Context, linear: number): void {
  let hits = 0;
  for (let n = 0; n < 4; n++) {
    if (!isArmed(c, n) || condition(c, n) !== ON_EXECUTE) continue;
    if (c.s[DR0 + n] >>> 0 === linear >>> 0) hits |= 1 << n;
  }
  if (hits === 0) return;
  c.s[DR0 + 6] = (c.s[DR0 + 6] & ~0xf) | hits;
  c.raise(DB);
}

/** After a load or store: notes data breakpoints, to be taken when the instruction is done. */
export function noteDataAccess(c: Context, linear: number, size: number, write: boolean): void {
  noteHits(c, linear, size, kind => kind === ON_ACCESS || (write && kind === ON_WRITE));
}

/** Linear pages that data breakpoints lie in. */
export function watchedPages(s: Int32Array): number[] {
  const pages: number[] = [];
  for (let n = 0; n < 4; n++) {
    const control = s[DR0 + 7];
    const kind = (control >>> (16 + n * 4)) & 3;
    const armed = ((control >>> (n * 2)) & 3) !== 0;
    if (armed && (kind === ON_WRITE || kind === ON_ACCESS)) pages.push(s[DR0 + n] >>> 12);
  }
  return pages;
}

/** IN or OUT: notes port breakpoints (CR4.DE). */
export function notePortAccess(c: Context, port: number, size: number): void {
  if ((c.s[CR4] & CR4_DE) !== 0) noteHits(c, port, size, kind => kind === ON_PORT);
}

function noteHits(
  c: Context,
  first: number,
  size: number,
  matches: (kind: number) => boolean,
): void {
  for (let n = 0; n < 4; n++) {
    if (!isArmed(c, n) || !matches(condition(c, n))) continue;
    const length = breakpointLength(c, n);
    const start = (c.s[DR0 + n] & ~(length - 1)) >>> 0;
    const from = first >>> 0;
    if (from >= start + length || start >= from + size) continue;
    c.s[DEBUG_PENDING] |= 1 << n;
    c.leave();
  }
}

/**
 * After an instruction that completed. Returns whether a debug trap is due; DR6 is set then, and
 * the caller delivers #DB with the next EIP.
 */
export function takeDebugTrap(c: Context): boolean {
  const bits = c.s[DEBUG_PENDING];
  if (bits === 0) return false;
  c.s[DEBUG_PENDING] = 0;
  c.s[DR0 + 6] = (c.s[DR0 + 6] & ~0xf) | bits;
  return true;
}
