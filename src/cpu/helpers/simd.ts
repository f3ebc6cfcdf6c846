/**
 * The MMX and SSE helpers by name, as rows call them: see ops/simd.ts.
 */

import type { Context } from '../context.ts';
import { fxrstor, fxsave } from '../fpu/control.ts';
import {
  CPL,
  CR0,
  CR0_EM,
  CR0_TS,
  EAX,
  ECX,
  EDI,
  GP,
  HALTED,
  HALTED_MASKED,
  MONITORING,
  NM,
  UD,
} from '../registers.ts';
import type { MemoryEntry, Place, RegisterEntry } from '../simd/forms.ts';
import { instructions } from '../simd/instructions.ts';
import { emms, maskMove } from '../simd/moves.ts';

const refuse = (c: Context): never => c.raise(UD);
const registers: readonly RegisterEntry[] = instructions.map(i => i.entries.register ?? refuse);
const memories: readonly MemoryEntry[] = instructions.map(i => i.entries.memory ?? refuse);

/** The one place operand: entries are done with it when they return. */
const place: Place = { seg: 0, offset: 0 };

function at(shape: number, offset: number): Place {
  place.seg = (shape >> 8) & 7;
  place.offset = offset;
  return place;
}

/** DS:EDI or the segment override, by address size. */
function atEdi(c: Context, shape: number): Place {
  return at(shape, c.s[EDI] & ((shape >> 31) | 0xffff));
}

/** FXSAVE and FXRSTOR answer to EM and TS alike with #NM. */
function requireFpu(c: Context): void {
  if ((c.s[CR0] & (CR0_EM | CR0_TS)) !== 0) c.raise(NM);
}

/**
 * MONITOR (ModRM C8) and MWAIT (C9). MWAIT halts if nothing was delivered since MONITOR: stores of
 * devices do not end it, their interrupts do. With ECX bit 0 masked ones too.
 */
function monitor(c: Context, rm: number, shape: number): void {
  const { s } = c;
  if (rm > 1 || s[CPL] !== 0) c.raise(UD);
  if ((s[ECX] & (rm === 0 ? -1 : ~1)) !== 0) c.raise(GP, 0);
  if (rm === 0) {
    c.load((shape >> 8) & 7, s[EAX] & ((shape >> 31) | 0xffff), 1);
    s[MONITORING] = 1;
  } else if (s[MONITORING] !== 0) {
    s[MONITORING] = 0;
    s[HALTED] = (s[ECX] & 1) !== 0 ? HALTED_MASKED : 1;
    c.leave();
  }
}

export const simdHelpers = {
  /** By index in the list of instructions: a call to one of them is a call to one function. */
  simdRegisters: registers,
  simdMemories: memories,
  operand: (_: Context, shape: number, offset: number): Place => at(shape, offset),
  emms,
  maskmovq: (c: Context, g: number, e: number, shape: number): void =>
    maskMove(c, true, { g, e }, atEdi(c, shape)),
  maskmovdqu: (c: Context, g: number, e: number, shape: number): void =>
    maskMove(c, false, { g, e }, atEdi(c, shape)),
  fxsave(c: Context, shape: number, offset: number): void {
    requireFpu(c);
    fxsave(c, (shape >> 8) & 7, offset);
  },
  fxrstor(c: Context, shape: number, offset: number): void {
    requireFpu(c);
    fxrstor(c, (shape >> 8) & 7, offset);
  },
  monitor,
};
