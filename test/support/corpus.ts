/**
 * Replays recorded instruction cases of a real processor on the x87 and SIMD helpers alone: a small
 * decoder, a machine of two pages, and a comparison of everything that is architecturally defined.
 * The format is that of the x86fuzz generator: state before, code bytes, state after.
 */

import type { Context, Size } from '../../src/cpu/context.ts';
import type { CpuWiring } from '../../src/cpu/cpu.ts';
import * as control from '../../src/cpu/fpu/control.ts';
import { MXCSR, resetFpu, VectorViews, XMM } from '../../src/cpu/fpu/state.ts';
import { fwait, isDefined, x87Memory, x87Register } from '../../src/cpu/fpu/x87.ts';
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
  CS,
  LIMIT,
} from '../../src/cpu/registers.ts';
import { type Instruction, instructions } from '../../src/cpu/simd/instructions.ts';
import { emms, maskMove } from '../../src/cpu/simd/moves.ts';

const WINDOW = 512;
const HIGH = 0x810e00;
const LOW = 0x8e00;
const CODE = 0x800000;

/** A fault as the replay sees it. */
class Trap {
  constructor(
    readonly vector: number,
    readonly address = 0,
  ) {}
}

/** Two pages of memory, 64 KiB registers' worth of nothing else. */
class Bench {
  readonly s = new Int32Array(384);
  readonly s8 = new Int8Array(this.s.buffer);
  readonly views = new VectorViews(this.s);
  readonly wiring = {} as CpuWiring;
  eip = 0;
  nextEip = 0;
  flags = 2;
  readonly high = new DataView(new ArrayBuffer(4096));
  readonly low = new DataView(new ArrayBuffer(4096));

  jump(): void {}
  leave(): void {}
  eflags(): number {
    return this.flags;
  }
  setEflags(value: number, mask: number): void {
    this.flags = (this.flags & ~mask) | (value & mask);
  }
  private at(linear: number): { view: DataView; offset: number } {
    const page = linear >>> 12;
    if (page === HIGH >>> 12) return { view: this.high, offset: linear & 0xfff };
    if (page === LOW >>> 12) return { view: this.low, offset: linear & 0xfff };
    throw new Trap(14, linear >>> 0);
  }
  private byte(linear: number): number {
    const { view, offset } = this.at(linear);
    return view.getUint8(offset);
  }
  load(_seg: number, offset: number, size: Size): number {
    let value = 0;
    for (let i = 0; i < size; i++) value |= this.byte((offset + i) | 0) << (8 * i);
    return size === 1 ? (value << 24) >> 24 : size === 2 ? (value << 16) >> 16 : value;
  }
  store(seg: number, offset: number, size: Size, value: number): void {
    if (seg === CS) throw new Trap(13);
    for (let i = 0; i < size; i++) this.at((offset + i) | 0);
    for (let i = 0; i < size; i++) {
      const { view, offset: o } = this.at((offset + i) | 0);
      view.setUint8(o, value >> (8 * i));
    }
  }
  readLinear(linear: number, size: Size): number {
    return this.load(0, linear, size);
  }
  writeLinear(linear: number, size: Size, value: number): void {
    this.store(0, linear, size, value);
  }
  probeWrite(linear: number, size: number): void {
    for (let i = 0; i < size; i++) this.at((linear + i) | 0);
  }
  flushTlb(): void {}
  flushPage(): void {}
  modeChanged(): void {}
  has(): boolean {
    return true;
  }
  raise(vector: number): never {
    throw new Trap(vector);
  }
}

export interface Case {
  readonly id: number;
  readonly name: string;
  readonly code: Uint8Array;
  readonly at: number;
  readonly view: DataView;
}

/** What decides how a case is compared. */
interface Header {
  readonly length: number;
  readonly codeLength: number;
  readonly uses: number;
  readonly codeOffset: number;
  readonly pokes: number;
  readonly changes: number;
  readonly lowWindow: boolean;
  readonly vector: number;
  readonly tolerance: number;
  readonly seed: number;
  readonly eip: number;
  readonly cr2: number;
  readonly flagMask: number;
  readonly statusMask: number;
  readonly ignoredAt: number;
  readonly ignoredLength: number;
}

function header(v: DataView, at: number): Header {
  const u32 = (o: number) => v.getUint32(at + o, true);
  const u16 = (o: number) => v.getUint16(at + o, true);
  const u8 = (o: number) => v.getUint8(at + o);
  return {
    length: u32(0),
    codeLength: u8(10),
    uses: u8(11),
    codeOffset: u16(16),
    pokes: u8(18),
    changes: u8(19),
    lowWindow: u8(20) !== 0,
    vector: u8(21),
    tolerance: u16(22),
    seed: u32(24),
    eip: u32(32),
    cr2: u32(36),
    flagMask: u32(40),
    statusMask: u16(44),
    ignoredAt: u16(46),
    ignoredLength: u32(48),
  };
}
const HEADER = 56;
const GPRS = HEADER + 8;
const RESULT_GPRS = GPRS + 32;
const BODY = RESULT_GPRS + 32;

/** Splits a corpus into its cases. */
export function* corpusCases(data: Uint8Array): Generator<Case> {
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  const count = view.getUint32(12, true);
  const bytes = view.getUint32(20, true);
  const names = Buffer.from(data.subarray(32, 32 + bytes))
    .toString('latin1')
    .split('\0');
  let at = 32 + bytes;
  for (let i = 0; i < count; i++) {
    const h = header(view, at);
    const code = data.subarray(at + BODY, at + BODY + h.codeLength);
    yield {
      id: view.getUint32(at + 4, true),
      name: names[view.getUint16(at + 8, true)],
      code,
      at,
      view,
    };
    at += h.length;
  }
}

function fillWindow(window: DataView, base: number, seed: number): void {
  let s = seed | 1;
  const next = (): number => {
    s ^= s << 13;
    s ^= s >>> 17;
    s ^= s << 5;
    return s;
  };
  for (let i = 0; i < WINDOW / 4; i++) {
    let v = next();
    const kind = v & 7;
    if (kind === 0) v = next() & 0xff;
    else if (kind === 1) v = (next() << 24) >> 24;
    else if (kind === 2) v = 0x80000000 >>> (next() & 31);
    else v = next();
    window.setInt32(base + 4 * i, v, true);
  }
}

/** Places an FNSAVE image into the window's page and loads it with FRSTOR. */
function loadFpu(b: Bench, view: DataView, at: number): void {
  for (let i = 0; i < 108; i++) b.high.setUint8(i, view.getUint8(at + i));
  control.frstor(b as Context, 4, 3, HIGH & ~0xfff);
}

function difference(a: bigint, b: bigint): number {
  const magnitude = (v: bigint) => ((v >> 64n) & 0x7fffn) * (1n << 63n) + (v & ((1n << 63n) - 1n));
  if ((a ^ b) >> 79n !== 0n) return Number.MAX_SAFE_INTEGER;
  const d = magnitude(a) - magnitude(b);
  return Number(d < 0n ? -d : d);
}

function extended(v: DataView, at: number): bigint {
  return (BigInt(v.getUint16(at + 8, true)) << 64n) | v.getBigUint64(at, true);
}

/** Runs one case; a list of differences, empty when it passes, or undefined when not decodable. */
export function replay(c: Case): string[] | undefined {
  const h = header(c.view, c.at);
  const b = new Bench();
  const { view } = c;
  resetFpu(b.s);
  b.s[CR0] = CR0_PE | CR0_MP | CR0_NE;
  b.s[CR4] = CR4_OSFXSR | CR4_OSXMMEXCPT;
  b.s[CPL] = 3;
  b.s.fill(-1, LIMIT, LIMIT + 6);
  b.s.fill(0xcff300, ATTRIBUTES, ATTRIBUTES + 6);
  b.s[ATTRIBUTES + CS] = 0xcffb00;
  let at = c.at + BODY + ((h.codeLength + 3) & ~3);
  const pokes = at;
  at += 8 * h.pokes;
  const changes = at;
  at += 8 * h.changes;
  const fpu = at;
  if ((h.uses & 1) !== 0) {
    loadFpu(b, view, at);
    at += 216;
  }
  const sse = at;
  if ((h.uses & 2) !== 0) {
    b.s[MXCSR] = view.getInt32(at, true);
    for (let i = 0; i < 32; i++) b.s[XMM + i] = view.getInt32(at + 8 + 4 * i, true);
  }
  const page = h.lowWindow ? b.low : b.high;
  const base = (h.lowWindow ? LOW : HIGH) & 0xfff;
  fillWindow(page, base, h.seed);
  for (let i = 0; i < h.pokes; i++) {
    const o = view.getUint32(pokes + 8 * i, true);
    page.setUint32(base + o, view.getUint32(pokes + 8 * i + 4, true), true);
  }
  const expected = new DataView(page.buffer.slice(0));
  for (let i = 0; i < h.changes; i++) {
    const o = view.getUint32(changes + 8 * i, true);
    expected.setUint32(base + o, view.getUint32(changes + 8 * i + 4, true), true);
  }
  b.flags = view.getUint32(c.at + HEADER, true);
  for (let i = 0; i < 8; i++) b.s[i] = view.getInt32(c.at + GPRS + 4 * i, true);
  const trap = execute(b, c.code, CODE + h.codeOffset);
  if (trap === undefined) return undefined;
  const wrong: string[] = [];
  const check = (what: string, want: number, got: number): void => {
    if (want !== got) wrong.push(`${what} exp=${want.toString(16)} got=${got.toString(16)}`);
  };
  check('vec', h.vector, trap.vector);
  if (h.vector !== 0xff && trap.vector === h.vector) {
    check('eip', h.eip, b.eip);
    if (h.vector === 14) check('cr2', h.cr2, trap.address);
  }
  for (let i = 0; i < 8; i++) {
    check(`gpr${i}`, view.getInt32(c.at + RESULT_GPRS + 4 * i, true), b.s[i]);
  }
  const flags = view.getUint32(c.at + HEADER + 4, true);
  check('flags', flags & h.flagMask, b.flags & h.flagMask);
  for (let i = 0; i < WINDOW; i += 4) {
    if (i + 3 >= h.ignoredAt && i < h.ignoredAt + h.ignoredLength) continue;
    check(`mem+${i}`, expected.getUint32(base + i, true), page.getUint32(base + i, true));
  }
  if ((h.uses & 1) !== 0) compareFpu(b, view, fpu, h, wrong);
  if ((h.uses & 2) !== 0) {
    check('mxcsr', view.getInt32(sse + 4, true), b.s[MXCSR]);
    for (let i = 0; i < 32; i++) {
      check(
        `xmm${i >> 2}.${i & 3}`,
        view.getUint32(sse + 8 + 128 + 4 * i, true),
        b.s[XMM + i] >>> 0,
      );
    }
  }
  if (wrong.length > 0) wrong.push(inputs(h, view, fpu, sse));
  return wrong;
}

function inputs(h: Header, view: DataView, fpu: number, sse: number): string {
  let text = '||';
  if ((h.uses & 1) !== 0) {
    const hex = (o: number) => view.getUint16(fpu + o, true).toString(16);
    text += ` fcw=${hex(0)} fsw=${hex(4)} ftw=${hex(8)}`;
    for (let i = 0; i < 2; i++) {
      text += ` st${i}=${extended(view, fpu + 28 + 10 * i)
        .toString(16)
        .padStart(20, '0')}`;
    }
  }
  if ((h.uses & 2) !== 0) text += ` mxcsr=${view.getUint32(sse, true).toString(16)}`;
  return text;
}

function compareFpu(b: Bench, view: DataView, at: number, h: Header, wrong: string[]): void {
  const out = at + 108;
  const save = HIGH & ~0xfff;
  control.fnsave(b as Context, 4, 3, save);
  const check = (what: string, want: number, got: number): void => {
    if (want !== got) wrong.push(`${what} exp=${want.toString(16)} got=${got.toString(16)}`);
  };
  const mask = h.tolerance > 0 ? h.statusMask & ~0x200 : h.statusMask;
  check('fcw', view.getUint16(out, true), b.high.getUint16(0, true));
  check('fsw', view.getUint16(out + 4, true) & mask, b.high.getUint16(4, true) & mask);
  check('ftw', view.getUint16(out + 8, true), b.high.getUint16(8, true));
  for (let i = 0; i < 8; i++) {
    const want = extended(view, out + 28 + 10 * i);
    const got = extended(b.high, 28 + 10 * i);
    if (want === got || difference(want, got) <= h.tolerance) {
      if (want !== got)
        worst.set(difference(want, got), (worst.get(difference(want, got)) ?? 0) + 1);
      continue;
    }
    wrong.push(`st${i} exp=${want.toString(16)} got=${got.toString(16)}`);
  }
}

/** How many results were how many units in the last place away. */
export const worst = new Map<number, number>();

interface Decoded {
  seg: number;
  bytes: 2 | 4;
  address16: boolean;
  repeat: number;
  prefix66: boolean;
}

/** Executes all instructions; undefined when one is neither x87 nor SIMD. */
function execute(b: Bench, code: Uint8Array, start: number): Trap | undefined {
  let at = 0;
  try {
    while (at < code.length) {
      b.eip = start + at;
      const length = step(b, code, at);
      if (length === 0) return undefined;
      at += length;
    }
  } catch (error) {
    if (error instanceof Trap) return error;
    throw error;
  }
  return new Trap(0xff);
}

/** Instructions by "prefix map opcode", those in groups also by "/digit". */
const simd = new Map<string, Instruction>();
for (const instruction of instructions) {
  const [key, tail] = instruction.encoding.split(' /');
  simd.set(/^[0-7]/.test(tail) ? `${key} /${tail[0]}` : key, instruction);
}

function step(b: Bench, code: Uint8Array, start: number): number {
  let at = start;
  const d: Decoded = { seg: 3, bytes: 4, address16: false, repeat: 0, prefix66: false };
  for (; ; at++) {
    const p = code[at];
    if (p === 0x66) {
      d.bytes = 2;
      d.prefix66 = true;
    } else if (p === 0x67) d.address16 = true;
    else if (p === 0xf2 || p === 0xf3) d.repeat = p;
    else if (p === 0x2e) d.seg = CS;
    else if (p !== 0x3e && p !== 0x26 && p !== 0x36 && p !== 0x64) break;
  }
  const opcode = code[at++];
  const c = b as Context;
  if (opcode === 0x9b) {
    fwait(c);
    return at - start;
  }
  if (opcode === 0x90 && d.repeat === 0) return at - start;
  if (opcode >= 0xd8 && opcode <= 0xdf) {
    const modrm = code[at];
    const fop = ((opcode & 7) << 8) | modrm;
    if (modrm >= 0xc0) {
      x87Register(c, fop);
      return at + 1 - start;
    }
    const ea = address(b, code, at, d.address16);
    if (!isDefined(fop)) throw new Trap(6);
    x87Memory(c, fop, { seg: d.seg, offset: ea.offset }, d.bytes);
    return ea.at - start;
  }
  if (opcode !== 0x0f) return 0;
  return simdStep(b, code, start, at, d);
}

function simdStep(b: Bench, code: Uint8Array, start: number, opAt: number, d: Decoded): number {
  const c = b as Context;
  let at = opAt;
  const hex = (n: number) => n.toString(16).toUpperCase().padStart(2, '0');
  let opcode = `0F ${hex(code[at])}`;
  if (code[at] === 0x77) {
    emms(c);
    return at + 1 - start;
  }
  if (code[at] === 0x38 || code[at] === 0x3a) opcode += ` ${hex(code[++at])}`;
  const modrm = code[++at];
  const prefix = d.repeat !== 0 ? hex(d.repeat) : d.prefix66 ? '66' : 'NP';
  if (opcode === '0F F7') {
    const place = { seg: d.seg, offset: d.address16 ? b.s[7] & 0xffff : b.s[7] };
    maskMove(c, prefix === 'NP', { g: (modrm >> 3) & 7, e: modrm & 7 }, place);
    return at + 1 - start;
  }
  const key = `${prefix} ${opcode}`;
  const found = simd.get(key) ?? simd.get(`${key} /${(modrm >> 3) & 7}`);
  if (found === undefined) return 0;
  const g = (modrm >> 3) & 7;
  const { register, memory } = found.entries;
  if (modrm >= 0xc0) {
    const end = at + (found.immediate ? 2 : 1);
    if (register === undefined) throw new Trap(6);
    register(c, g, modrm & 7, code[at + 1]);
    return end - start;
  }
  const ea = address(b, code, at, d.address16);
  if (memory === undefined) throw new Trap(6);
  memory(c, g, { seg: d.seg, offset: ea.offset }, code[ea.at]);
  return ea.at + (found.immediate ? 1 : 0) - start;
}

function address(
  b: Bench,
  code: Uint8Array,
  start: number,
  is16: boolean,
): { offset: number; at: number } {
  const v = new DataView(code.buffer, code.byteOffset, code.byteLength);
  const modrm = code[start];
  const mod = modrm >> 6;
  let rm = modrm & 7;
  let at = start + 1;
  if (is16) {
    const pairs = [
      [3, 6],
      [3, 7],
      [5, 6],
      [5, 7],
      [6, 8],
      [7, 8],
      [5, 8],
      [3, 8],
    ];
    let offset = 0;
    if (mod === 0 && rm === 6) {
      offset = v.getInt16(at, true);
      at += 2;
    } else {
      offset = (b.s[pairs[rm][0]] + b.s[pairs[rm][1]]) | 0;
      if (mod === 1) offset += v.getInt8(at++);
      if (mod === 2) {
        offset += v.getInt16(at, true);
        at += 2;
      }
    }
    return { offset: offset & 0xffff, at };
  }
  let offset = 0;
  if (rm === 4) {
    const sib = code[at++];
    const index = (sib >> 3) & 7;
    if (index !== 4) offset = b.s[index] << (sib >> 6);
    rm = sib & 7;
  }
  if (rm === 5 && mod === 0) {
    offset += v.getInt32(at, true);
    at += 4;
  } else {
    offset += b.s[rm];
  }
  if (mod === 1) offset += v.getInt8(at++);
  if (mod === 2) {
    offset += v.getInt32(at, true);
    at += 4;
  }
  return { offset: offset | 0, at };
}
