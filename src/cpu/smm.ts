/**
 * System management mode: entry on SMI and RSM, with the 32-bit save map.
 *
 * Source: Intel SDM volume 3, 30.4 (SMRAM, table 30-1 state save map), 30.5, 30.14; revision
 * 0x20000 (SMBASE relocation, no I/O restart). The hidden parts of the segment registers, LDTR and
 * TR are kept in the reserved area from 7F2C on, in the layout P6 processors use.
 */

import type { Context } from './context.ts';
import { logSmm } from './log-text.ts';
import {
  ATTRIBUTES,
  BASE,
  CPL,
  CR0,
  CR0_EM,
  CR0_PE,
  CR0_PG,
  CR0_TS,
  CR3,
  CR4,
  CS,
  DR0,
  EAX,
  EFLAGS_REST,
  ES,
  GDTR_BASE,
  GDTR_LIMIT,
  HALTED,
  IDTR_BASE,
  IDTR_LIMIT,
  INTERRUPT_SHADOW,
  LIMIT,
  NMI_BLOCKED,
  SELECTOR,
  SMBASE,
  SMM,
  SS,
  UD,
  VM,
} from './registers.ts';

/** All offsets are from SMBASE + 8000h. */
const SAVE = 0x8000;
const REVISION = 0x00020000;
/** The auto-halt word is at 7F02: the upper half of this dword. */
const AUTO_HALT_AT = 0x7f00;
const AUTO_HALT = 1 << 16;
const ALL_FLAGS = 0x003f7fd7;
const DR7_AT_ENTRY = 0x400;
const SEGMENT_LIMIT = 0xffffffff | 0;
const DATA = 0x00809300;

/** Where attributes, limit and base of segment n are kept, and where its selector. */
const HIDDEN: readonly (readonly [hidden: number, selector: number])[] = [
  [0x7f84, 0x7fa8],
  [0x7f90, 0x7fac],
  [0x7f9c, 0x7fb0],
  [0x7f2c, 0x7fb4],
  [0x7f38, 0x7fb8],
  [0x7f44, 0x7fbc],
  [0x7f78, 0x7fc0],
  [0x7f60, 0x7fc4],
];

/** EDI to EAX as table 30-1 orders them: 7FD0 is EAX, upwards ECX ... EDI. */
const GENERAL_AT = 0x7fd0;

function area(c: Context): number {
  return (c.s[SMBASE] + SAVE) >>> 0;
}

function put(c: Context, at: number, value: number): void {
  c.wiring.memory.write((area(c) + at) >>> 0, 4, value >>> 0);
}

function get(c: Context, at: number): number {
  return c.wiring.memory.read((area(c) + at) >>> 0, 4) | 0;
}

/** Takes an SMI between instructions; `eip` is where RSM goes back to. */
export function enterSmm(c: Context, eip: number): void {
  logSmm(c, 'enter', eip);
  c.wiring.smiActive?.set(true);
  c.s[SMM] = 1;
  saveState(c, eip);
  setEntryState(c);
  c.modeChanged();
  c.flushTlb(true);
  c.jump(SAVE);
}

function saveState(c: Context, eip: number): void {
  const { s } = c;
  put(c, 0x7ffc, s[CR0]);
  put(c, 0x7ff8, s[CR3]);
  put(c, 0x7ff4, c.eflags());
  put(c, 0x7ff0, eip);
  for (let n = 0; n < 8; n++) put(c, GENERAL_AT + n * 4, s[EAX + n]);
  put(c, 0x7fcc, s[DR0 + 6]);
  put(c, 0x7fc8, s[DR0 + 7]);
  for (let n = 0; n < 8; n++) {
    const [hidden, selector] = HIDDEN[n];
    put(c, selector, s[SELECTOR + n]);
    put(c, hidden, s[ATTRIBUTES + n] >>> 8);
    put(c, hidden + 4, s[LIMIT + n]);
    put(c, hidden + 8, s[BASE + n]);
  }
  put(c, 0x7f74, s[GDTR_BASE]);
  put(c, 0x7f70, s[GDTR_LIMIT]);
  put(c, 0x7f58, s[IDTR_BASE]);
  put(c, 0x7f54, s[IDTR_LIMIT]);
  put(c, 0x7f14, s[CR4]);
  put(c, AUTO_HALT_AT, s[HALTED] !== 0 ? AUTO_HALT : 0);
  put(c, 0x7efc, REVISION);
  put(c, 0x7ef8, s[SMBASE]);
}

/** Table 30-4: flat 4 GiB segments in a real mode without paging. */
function setEntryState(c: Context): void {
  const { s } = c;
  s[HALTED] = 0;
  s[INTERRUPT_SHADOW] = 0;
  s[NMI_BLOCKED] = 1;
  c.setEflags(2, ALL_FLAGS);
  s[CR0] &= ~(CR0_PE | CR0_EM | CR0_TS | CR0_PG);
  s[CR4] = 0;
  s[DR0 + 7] = DR7_AT_ENTRY;
  s[CPL] = 0;
  for (let n = ES; n <= 5; n++) {
    s[SELECTOR + n] = 0;
    s[BASE + n] = 0;
    s[LIMIT + n] = SEGMENT_LIMIT;
    s[ATTRIBUTES + n] = DATA;
  }
  s[SELECTOR + CS] = (s[SMBASE] >>> 4) & 0xffff;
  s[BASE + CS] = s[SMBASE];
}

/** RSM: #UD outside system management mode. */
export function resumeFromSmm(c: Context): void {
  const { s } = c;
  if (s[SMM] === 0) c.raise(UD);
  s[CR0] = get(c, 0x7ffc);
  s[CR3] = get(c, 0x7ff8);
  s[CR4] = get(c, 0x7f14);
  c.setEflags(get(c, 0x7ff4), ALL_FLAGS);
  const eip = get(c, 0x7ff0);
  for (let n = 0; n < 8; n++) s[EAX + n] = get(c, GENERAL_AT + n * 4);
  s[DR0 + 6] = get(c, 0x7fcc);
  s[DR0 + 7] = get(c, 0x7fc8);
  for (let n = 0; n < 8; n++) {
    const [hidden, selector] = HIDDEN[n];
    s[SELECTOR + n] = get(c, selector) & 0xffff;
    s[ATTRIBUTES + n] = (get(c, hidden) & 0xf0ff) << 8;
    s[LIMIT + n] = get(c, hidden + 4);
    s[BASE + n] = get(c, hidden + 8);
  }
  s[GDTR_BASE] = get(c, 0x7f74);
  s[GDTR_LIMIT] = get(c, 0x7f70) & 0xffff;
  s[IDTR_BASE] = get(c, 0x7f58);
  s[IDTR_LIMIT] = get(c, 0x7f54) & 0xffff;
  s[HALTED] = (get(c, AUTO_HALT_AT) & AUTO_HALT) !== 0 ? 1 : 0;
  if ((get(c, 0x7efc) & REVISION) !== 0) s[SMBASE] = get(c, 0x7ef8);
  s[CPL] = cplAfter(c);
  s[SMM] = 0;
  s[NMI_BLOCKED] = 0;
  c.wiring.smiActive?.set(false);
  c.flushTlb(true);
  c.modeChanged();
  c.jump(eip);
  c.leave();
  logSmm(c, 'after RSM', eip);
}

function cplAfter(c: Context): number {
  const { s } = c;
  if ((s[CR0] & CR0_PE) === 0) return 0;
  if ((s[EFLAGS_REST] & VM) !== 0) return 3;
  return (s[ATTRIBUTES + SS] >>> 13) & 3;
}
