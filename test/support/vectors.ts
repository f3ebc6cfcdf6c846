/**
 * One record of vectors.c: sets up a bench, executes, and compares.
 */

import type { Context } from '../../src/cpu/context.ts';
import { fxrstor, fxsave } from '../../src/cpu/fpu/control.ts';
import { resetFpu } from '../../src/cpu/fpu/state.ts';
import {
  ATTRIBUTES,
  CPL,
  CR0,
  CR0_MP,
  CR0_NE,
  CR0_PE,
  CR4,
  CR4_OSFXSR,
  CR4_OSXMMEXCPT,
  EAX,
  ECX,
  EDX,
  LIMIT,
} from '../../src/cpu/registers.ts';
import { Bench, execute, HIGH } from './fpu-bench.ts';

export const VECTOR_BYTES = 184;
/** struct record, field by field. */
const CODE = 1;
const EXACT = 11;
const INPUT = 12;
const ST = 24;
const XMM_IN = 44;
const MEMORY = 76;
const EDX_IN = 92;
const FLAGS_IN = 96;
const OUTPUT = 100;
const ST_OUT = 108;
const XMM_OUT = 140;
const MEMORY_OUT = 156;
const ECX_OUT = 172;

/** In the bench's high page: the FXSAVE area, and the operand. */
const AREA = HIGH & ~0xfff;
const OPERAND = AREA + 0x400;

/** C0, C2 and C3 mean something after these only: compares, FXAM, control, transcendentals' C2. */
function definesConditions(code: Uint8Array): boolean {
  const [first, modrm] = code;
  const reg = (modrm >> 3) & 7;
  if (modrm < 0xc0) return reg === 2 || reg === 3 ? first % 2 === 0 && first !== 0xdf : false;
  if (first === 0xd9) return modrm === 0xe4 || modrm === 0xe5 || modrm === 0xf5 || modrm === 0xf8;
  return first === 0xdd ? reg >= 4 : reg === 2 || reg === 3 || modrm === 0xe9;
}

function statusMask(record: Uint8Array): number {
  const code = record.subarray(CODE);
  const isEscape = code[0] >= 0xd8 && code[0] <= 0xdf;
  let mask = 0xffff;
  if (isEscape && !definesConditions(code)) mask &= ~0x4500;
  // Where one unit in the last place is all that is promised, C1 is not either.
  if (record[EXACT] === 0) mask &= ~0x200;
  return mask;
}

function prepare(v: DataView): Bench {
  const b = new Bench();
  resetFpu(b.s);
  b.s[CR0] = CR0_PE | CR0_MP | CR0_NE;
  b.s[CR4] = CR4_OSFXSR | CR4_OSXMMEXCPT;
  b.s[CPL] = 3;
  b.s.fill(-1, LIMIT, LIMIT + 6);
  b.s.fill(0xcff300, ATTRIBUTES, ATTRIBUTES + 6);
  const put = (to: number, from: number, length: number): void => {
    for (let i = 0; i < length; i++) b.high.setUint8(to + i, v.getUint8(from + i));
  };
  put(0, INPUT, 5);
  put(24, INPUT + 8, 4);
  for (let i = 2; i < 8; i++) putInteger(b.high, 32 + 16 * i, i);
  for (let i = 0; i < 2; i++) {
    put(32 + 16 * i, ST + 10 * i, 10);
    put(160 + 16 * i, XMM_IN + 16 * i, 16);
  }
  put(OPERAND - AREA, MEMORY, 16);
  fxrstor(b as unknown as Context, 3, AREA);
  b.s[EAX] = OPERAND;
  b.s[EDX] = v.getInt32(EDX_IN, true);
  b.flags = v.getUint32(FLAGS_IN, true);
  return b;
}

/** A small integer, 2 to 7, in the double extended format. */
function putInteger(to: DataView, at: number, n: number): void {
  const shift = Math.clz32(n);
  to.setUint32(at + 4, (n << shift) >>> 0, true);
  to.setUint16(at + 8, 16383 + 31 - shift, true);
}

function text(view: DataView, at: number, length: number): string {
  const bytes = new Uint8Array(view.buffer, view.byteOffset + at, length);
  return Buffer.from(bytes).reverse().toString('hex');
}

/** Distance in units of the last place, of two numbers of like sign. */
function distance(a: DataView, aAt: number, b: DataView, bAt: number): number {
  const value = (v: DataView, at: number): bigint =>
    BigInt(v.getUint16(at + 8, true)) * (1n << 63n) + (v.getBigUint64(at, true) & ~(1n << 63n));
  const d = value(a, aAt) - value(b, bAt);
  return Number(d < 0n ? -d : d);
}

/** What differs, in words; empty when nothing does. */
export function replayVector(record: Uint8Array): string {
  const v = new DataView(record.buffer, record.byteOffset, record.byteLength);
  const b = prepare(v);
  const code = record.subarray(CODE, CODE + record[0]);
  const trap = execute(b, code, 0);
  if (trap === undefined) return 'not decoded';
  const wrong: string[] = [];
  const check = (what: string, want: number, got: number): void => {
    if (want !== got) wrong.push(`${what} ${got.toString(16)}, not ${want.toString(16)}`);
  };
  fxsave(b as unknown as Context, 3, AREA);
  const mask = statusMask(record);
  check('vector', record[OUTPUT + 3], trap.vector);
  check('status', v.getUint16(OUTPUT, true) & mask, b.high.getUint16(2, true) & mask);
  check('tags', record[OUTPUT + 2], b.high.getUint8(4));
  check('mxcsr', v.getUint32(OUTPUT + 4, true), b.high.getUint32(24, true));
  for (let i = 0; i < 3; i++) {
    const far = distance(v, ST_OUT + 10 * i, b.high, 32 + 16 * i);
    if (far > (record[EXACT] === 0 ? 1 : 0)) {
      wrong.push(`st${i} ${text(b.high, 32 + 16 * i, 10)}, not ${text(v, ST_OUT + 10 * i, 10)}`);
    }
  }
  const xmm = text(v, XMM_OUT, 16);
  if (xmm !== text(b.high, 160, 16)) wrong.push(`xmm0 ${text(b.high, 160, 16)}, not ${xmm}`);
  const memory = text(v, MEMORY_OUT, 16);
  const got = text(b.high, OPERAND - AREA, 16);
  if (memory !== got) wrong.push(`memory ${got}, not ${memory}`);
  check('ecx', v.getInt32(ECX_OUT, true), b.s[ECX]);
  check('edx', v.getInt32(ECX_OUT + 4, true), b.s[EDX]);
  check('flags', v.getUint32(ECX_OUT + 8, true), b.flags & 0x8d5);
  if (wrong.length === 0) return '';
  return `${Buffer.from(code).toString('hex')}: ${wrong.join('; ')}`;
}
