/**
 * Port instructions: who may use them, and the accesses themselves.
 *
 * Source: Intel SDM volume 1, 19.5 (I/O privilege level, permission bitmap); volume 2, IN and OUT.
 */

import type { Context, Size } from './context.ts';
import { notePortAccess } from './debug.ts';
import { isVirtual8086, systemType, TSS32, TSS32_BUSY } from './descriptor.ts';
import { ATTRIBUTES, BASE, CPL, CR0, CR0_PE, DR0, GP, IOPL, LIMIT, TR } from './registers.ts';

const IO_MAP_AT = 0x66;

/** Raises #GP(0) unless IOPL or the TSS allows all `size` ports from `port` on. */
export function checkPort(c: Context, port: number, size: Size): void {
  if ((c.s[CR0] & CR0_PE) === 0) return;
  const level = (c.eflags() & IOPL) >>> 12;
  if (!isVirtual8086(c) && c.s[CPL] <= level) return;
  const type = systemType(c.s[ATTRIBUTES + TR]);
  const limit = c.s[LIMIT + TR] >>> 0;
  if ((type !== TSS32 && type !== TSS32_BUSY) || limit < IO_MAP_AT + 1) c.raise(GP, 0);
  const base = c.s[BASE + TR];
  const map = c.readLinear((base + IO_MAP_AT) >>> 0, 2, false) & 0xffff;
  // Two bytes are always read, so a byte of ones ends the map.
  const at = map + (port >>> 3);
  if (at + 1 > limit) c.raise(GP, 0);
  const bits = c.readLinear((base + at) >>> 0, 2, false) & 0xffff;
  if (((bits >>> (port & 7)) & ((1 << size) - 1)) !== 0) c.raise(GP, 0);
}

function noteBreakpoint(c: Context, port: number, size: Size): void {
  if ((c.s[DR0 + 7] & 0xff) !== 0) notePortAccess(c, port, size);
}

/** IN and one step of INS: sign-extended like every value of that size. */
export function portIn(c: Context, port: number, size: Size): number {
  checkPort(c, port, size);
  noteBreakpoint(c, port, size);
  c.wiring.syncClock();
  const value = c.wiring.ports.read(port & 0xffff, size);
  if (size === 4) return value | 0;
  return size === 2 ? (value << 16) >> 16 : (value << 24) >> 24;
}

/** OUT and one step of OUTS. */
export function portOut(c: Context, port: number, size: Size, value: number): void {
  checkPort(c, port, size);
  noteBreakpoint(c, port, size);
  c.wiring.syncClock();
  c.wiring.ports.write(port & 0xffff, size, value);
}
