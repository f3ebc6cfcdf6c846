/**
 * A processor without an interpreter, to try x87 and SIMD helpers alone: registers, two pages of
 * memory, and a decoder for the instructions of these helpers.
 */

import type { Context, Size } from '../../src/cpu/context.ts';
import type { CpuWiring } from '../../src/cpu/cpu.ts';
import { VectorViews } from '../../src/cpu/fpu/state.ts';
import { fwait, isDefined, x87Memory, x87Register } from '../../src/cpu/fpu/x87.ts';
import { CS } from '../../src/cpu/registers.ts';
import { type Instruction, instructions } from '../../src/cpu/simd/instructions.ts';
import { emms, maskMove } from '../../src/cpu/simd/moves.ts';

/** An address in each page. */
export const HIGH = 0x810e00;
export const LOW = 0x8e00;

/** A fault as the replay sees it. */
export class Trap {
  constructor(
    readonly vector: number,
    readonly address = 0,
  ) {}
}

/** Two pages of memory, 64 KiB registers' worth of nothing else. */
export class Bench {
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
  probeRead(linear: number, size: number): void {
    this.probeWrite(linear, size);
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

interface Decoded {
  seg: number;
  bytes: 2 | 4;
  address16: boolean;
  repeat: number;
  prefix66: boolean;
}

/** Executes all instructions; undefined when one is neither x87 nor SIMD. */
export function execute(b: Bench, code: Uint8Array, start: number): Trap | undefined {
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

export function step(b: Bench, code: Uint8Array, start: number): number {
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
  const c = b as unknown as Context;
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
  const c = b as unknown as Context;
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
