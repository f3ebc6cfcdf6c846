/**
 * Debug exceptions: breakpoints of DR0 to DR3 on code, data and ports, and the single step.
 *
 * Source: Intel SDM volume 3, 17.2 and 17.3. A run loop asks `isDebugging` when DR7 or EFLAGS
 * change, and only then calls the others. Not emulated: LBR, BTF, RTM.
 */

import type { Context } from './context.ts';
import { CR4, CR4_DE, DB, DEBUG_PENDING, DR0, EFLAGS_REST, RF, TF } from './registers.ts';

export const DR6_BS = 1 << 14;
const DR7_ENABLES = 0xff;

/** DR7.RWn. */
const ON_EXECUTE = 0;
const ON_WRITE = 1;
const ON_PORT = 2;
const ON_ACCESS = 3;

/** Whether the run loop must look at every instruction: a breakpoint is armed, or TF is set. */
export function isDebugging(c: Context): boolean {
  return (c.s[DR0 + 7] & DR7_ENABLES) !== 0 || (c.s[EFLAGS_REST] & TF) !== 0;
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
 * RF is set. The run loop clears RF after each instruction that completes.
 */
export function checkCodeBreakpoint(c: Context, linear: number): void {
  if ((c.s[EFLAGS_REST] & RF) !== 0) return;
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

/** After IN or OUT: notes port breakpoints (CR4.DE). */
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
    if (from < start + length && start < from + size) c.s[DEBUG_PENDING] |= 1 << n;
  }
}

/**
 * After an instruction that completed: `stepped` when TF was set as it began. Returns whether a
 * debug trap is due; DR6 is set then, and the caller delivers #DB with the next EIP.
 */
export function takeDebugTrap(c: Context, stepped: boolean): boolean {
  const bits = c.s[DEBUG_PENDING] | (stepped ? DR6_BS : 0);
  if (bits === 0) return false;
  c.s[DEBUG_PENDING] = 0;
  c.s[DR0 + 6] = (c.s[DR0 + 6] & ~0xf) | bits;
  return true;
}
