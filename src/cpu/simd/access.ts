/**
 * What every MMX and SSE instruction does around its operation: availability, memory operands,
 * alignment, the MMX state change, and the reporting of SIMD floating-point exceptions.
 *
 * Source: Intel SDM volume 1, sections 9.5, 9.6, 11.5 and 12.8; volume 3, tables 12-1 and 13-1;
 * volume 2, section 2.4 (exception types).
 */

import type { Context } from '../context.ts';
import { DE, env, IE, ZE } from '../fpu/number.ts';
import { checkPending } from '../fpu/stack.ts';
import { EMPTY, FPR, MXCSR, TEMP, TOP, XMM } from '../fpu/state.ts';
import { CR0, CR0_EM, CR0_TS, CR4, CR4_OSFXSR, CR4_OSXMMEXCPT, NM, UD, XM } from '../registers.ts';

/** Slot of MMX register n: the significand of a physical x87 register. */
export function mm(n: number): number {
  return FPR + 4 * n;
}

export function xmm(n: number): number {
  return XMM + 4 * n;
}

export function requireSse(c: Context): void {
  const { s } = c;
  if ((s[CR0] & CR0_EM) !== 0 || (s[CR4] & CR4_OSFXSR) === 0) c.raise(UD);
  if ((s[CR0] & CR0_TS) !== 0) c.raise(NM);
}

export function requireMmx(c: Context): void {
  const { s } = c;
  if ((s[CR0] & CR0_EM) !== 0) c.raise(UD);
  if ((s[CR0] & CR0_TS) !== 0) c.raise(NM);
  checkPending(c);
}

/** SSE instructions that touch MMX registers answer to both rules. */
export function requireBoth(c: Context): void {
  requireSse(c);
  checkPending(c);
}

/** After every MMX instruction but EMMS: all registers valid, TOP 0. */
export function useMmx(s: Int32Array): void {
  s[TOP] = 0;
  s[EMPTY] = 0;
}

/** After a write to MMX register n. */
export function wroteMmx(s: Int32Array, n: number): void {
  s[TOP] = 0;
  s[EMPTY] = 0;
  s[FPR + 4 * n + 2] = 0xffff;
}

/** Sets the environment of a SIMD floating-point operation from MXCSR. */
export function beginSimd(s: Int32Array): void {
  const mxcsr = s[MXCSR];
  env.rounding = (mxcsr >> 13) & 3;
  env.masks = (mxcsr >> 7) & 0x3f;
  env.flags = 0;
  env.roundedUp = 0;
  env.sse = 1;
  env.flush = (mxcsr >> 15) & 1;
  env.daz = (mxcsr >> 6) & 1;
}

/** Reports what `env` collected; raises before any result is written. */
export function reportSimd(c: Context): void {
  const { s } = c;
  const unmasked = env.flags & ~env.masks;
  if (unmasked === 0) {
    s[MXCSR] |= env.flags;
    return;
  }
  const before = IE | DE | ZE;
  // With one of these unmasked no element gets as far as rounding.
  s[MXCSR] |= (unmasked & before) !== 0 ? env.flags & before : env.flags;
  c.raise((s[CR4] & CR4_OSXMMEXCPT) !== 0 ? XM : UD);
}

export function copyWords(s: Int32Array, to: number, from: number, words: number): void {
  for (let i = 0; i < words; i++) s[to + i] = s[from + i];
}

/** Loads 4 bytes into the memory slot, the rest of it zero. */
export function load32(c: Context, seg: number, offset: number): void {
  const { s } = c;
  s[TEMP] = c.load(seg, offset, 4);
  s[TEMP + 1] = 0;
  s[TEMP + 2] = 0;
  s[TEMP + 3] = 0;
}
