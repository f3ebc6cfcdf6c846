/**
 * The text of x87 instructions in regions of translated code: calls of the usual cases
 * (fpu/quick.ts) with the words of memory, and the last-instruction pointers. X in the text is
 * those functions.
 *
 * Not here: division, transcendental and control instructions but FNSTSW AX, integer stores,
 * 80-bit and 16-bit operands; those are calls of the interpreter's functions.
 */

import { isDefaultControl } from './fpu/fast.ts';
import type { Format } from './fpu/quick.ts';
import { SW_SUMMARY } from './fpu/stack.ts';
import { FCS, FDP, FDS, FIP, FOP, FSW, TEMP, TOP } from './fpu/state.ts';
import { CR0, CR0_EM, CR0_TS, CS, EAX, SELECTOR } from './registers.ts';

/** What the instruction is written with: see emit-region.ts. */
export interface X87Site {
  line(text: string): void;
  leaveIf(condition: string): void;
  name(value: string): string;
  words(tlb: 'R' | 'W', bytes: 4 | 8, isAligned: boolean): string;
  general(n: number): string;
  setGeneral(n: number, v: string): void;
  setOrder(order: string): void;
  /** Of the memory operand. */
  readonly offset: string;
  readonly segment: number;
  readonly eip: number;
}

/** True where #NM, #MF or a stall may be due. */
export const X87_WAITS = `(S[${CR0}] & ${CR0_EM | CR0_TS} | S[${FSW}] & ${SW_SUMMARY}) !== 0`;

type Writer = (site: X87Site) => void;

/** FADD, FMUL, FSUB, FSUBR: the reg field of those that have a usual case. */
const QUICK = [0, 1, 4, 5];

function operand(site: X87Site, format: Format): string {
  const first = site.words('R', format === 'double' ? 8 : 4, false);
  const hi = format === 'double' ? `M4[${first} + 1]` : '0';
  return `'${format}', M4[${first}], ${hi}`;
}

/** By bits 1 and 2 of the opcode; the last has 16-bit integers and others. */
const FORMATS: readonly (Format | undefined)[] = ['single', 'integer', 'double', undefined];

function memoryWriter(opcode: number, reg: number): Writer | undefined {
  const format = FORMATS[(opcode >> 1) & 3];
  if (format === undefined) return undefined;
  if ((opcode & 1) === 0) {
    if (QUICK.includes(reg)) {
      return site => site.leaveIf(`!X.withMemory(S, ${reg}, ${operand(site, format)})`);
    }
    if (reg !== 2 && reg !== 3) return undefined;
    return site => site.leaveIf(`!X.compareMemory(S, ${reg - 2}, ${operand(site, format)})`);
  }
  if (reg === 0) return site => site.leaveIf(`!X.load(S, ${operand(site, format)})`);
  if ((reg !== 2 && reg !== 3) || format === 'integer') return undefined;
  return site => store(site, format, reg - 2);
}

function store(site: X87Site, format: Format, pops: number): void {
  const first = site.words('W', format === 'double' ? 8 : 4, false);
  const status = site.name(`X.narrow(S, '${format}')`);
  site.leaveIf(`${status} < 0`);
  site.line(`M4[${first}] = S[${TEMP}];`);
  if (format === 'double') site.line(`M4[${first} + 1] = S[${TEMP + 1}];`);
  site.line(`X.stored(S, ${status}, ${pops});`);
}

/** By opcode << 8 | ModRM with register bits zero; @ is the number of ST(i). */
const REGISTER_CALLS: ReadonlyMap<number, string> = new Map([
  [0xd8d0, 'compare(S, @, 0)'],
  [0xd8d8, 'compare(S, @, 1)'],
  [0xd9c0, 'loadRegister(S, @)'],
  [0xd9c8, 'exchange(S, @)'],
  [0xddd0, 'storeRegister(S, @, 0)'],
  [0xddd8, 'storeRegister(S, @, 1)'],
  [0xdde0, 'compare(S, @, 0)'],
  [0xdde8, 'compare(S, @, 1)'],
]);
/** Whole. */
const SINGLE_CALLS: ReadonlyMap<number, string> = new Map([
  [0xd9e0, 'sign(S, 65535, 32768)'],
  [0xd9e1, 'sign(S, 32767, 0)'],
  [0xd9e8, "load(S, 'integer', 1, 0)"],
  [0xd9ee, "load(S, 'integer', 0, 0)"],
  [0xdae9, 'compare(S, 1, 2)'],
  [0xded9, 'compare(S, 1, 2)'],
]);
/** FCOMI and its relatives: how often they pop. */
const ORDERS: ReadonlyMap<number, number> = new Map([
  [0xdbe8, 0],
  [0xdbf0, 0],
  [0xdfe8, 1],
  [0xdff0, 1],
]);

function registerWriter(opcode: number, modrm: number): Writer | undefined {
  const form = (opcode << 8) | (modrm & 0xf8);
  const i = modrm & 7;
  const pops = ORDERS.get(form);
  if (pops !== undefined) {
    return site => {
      const found = site.name(`X.order(S, ${i}, ${pops})`);
      site.leaveIf(`${found} === 2`);
      site.setOrder(found);
    };
  }
  const call =
    SINGLE_CALLS.get((opcode << 8) | modrm) ??
    REGISTER_CALLS.get(form) ??
    arithmeticCall(opcode, modrm);
  if (call === undefined) return undefined;
  return site => site.leaveIf(`!X.${call.replace('@', `${i}`)}`);
}

function arithmeticCall(opcode: number, modrm: number): string | undefined {
  const reg = (modrm >> 3) & 7;
  if (opcode === 0xd8) return QUICK.includes(reg) ? `top(S, ${reg}, @)` : undefined;
  if (opcode !== 0xdc && opcode !== 0xde) return undefined;
  // These number subtraction from the destination's side.
  const op = reg >= 4 ? reg ^ 1 : reg;
  return QUICK.includes(op) ? `to(S, ${op}, @, ${opcode === 0xde ? 1 : 0})` : undefined;
}

const FNSTSW_AX = 0xdfe0;

/**
 * How to write the instruction `code`, opcode << 8 | ModRM; undefined when it has no usual case, or
 * the control word is an unusual one.
 */
export function x87Writer(code: number, s: Int32Array): Writer | undefined {
  if (code === FNSTSW_AX) return statusToAx;
  if (!isDefaultControl(s)) return undefined;
  const opcode = code >> 8;
  const modrm = code & 0xff;
  const isMemory = modrm < 0xc0;
  const writer = isMemory ? memoryWriter(opcode, (modrm >> 3) & 7) : registerWriter(opcode, modrm);
  if (writer === undefined) return undefined;
  return site => {
    // Memory first: it may not be part of regions.
    writer(site);
    site.line(`S[${FOP}] = ${code & 0x7ff}; S[${FIP}] = ${site.eip};`);
    site.line(`S[${FCS}] = S[${SELECTOR + CS}];`);
    if (isMemory) {
      site.line(`S[${FDP}] = ${site.offset}; S[${FDS}] = S[${SELECTOR + site.segment}];`);
    }
  };
}

function statusToAx(site: X87Site): void {
  const ax = site.general(EAX);
  site.setGeneral(EAX, `${ax} & -65536 | S[${FSW}] | S[${TOP}] << 11`);
}
