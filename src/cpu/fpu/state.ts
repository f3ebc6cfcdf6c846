/**
 * x87, MMX and SSE registers: where they live in the register file `s`, their values after reset,
 * and the views of other widths that SIMD helpers use. MMX registers are the significands of the
 * x87 ones; all vectors have 16-byte slots, so a helper takes two word indices and need not know
 * whether they are MMX, XMM or a memory operand in a temporary slot.
 *
 * Source: Intel SDM volume 1, sections 8.1, 9.2 and 10.2; volume 3, table 9-1.
 */

/** Physical x87 register n is FPR + 4 * n: significand low, high, sign and exponent, unused. */
export const FPR = 256;
/** XMM register n is XMM + 4 * n, lowest word first. */
export const XMM = 288;
/** Slots for memory operands and intermediate vectors, not architectural. */
export const TEMP = 320;
export const TEMP2 = 324;
export const TEMP3 = 328;
export const FCW = 336;
/** The status word without TOP. */
export const FSW = 337;
export const TOP = 338;
/** Bit n is set while physical register n is empty. */
export const EMPTY = 339;
/** Eleven opcode bits of the last x87 instruction that was not for control. */
export const FOP = 340;
export const FIP = 341;
export const FCS = 342;
export const FDP = 343;
export const FDS = 344;
export const MXCSR = 345;

/** What `save` keeps: the first word, and one past the last; temporaries are zero there. */
export const FPU_FIRST = FPR;
export const FPU_END = 346;

/** Bits of MXCSR that exist; writing others is #GP. */
export const MXCSR_MASK = 0xffff;

/** The one register file seen with other element types. */
export class VectorViews {
  readonly i32: Int32Array;
  readonly u32: Uint32Array;
  readonly f32: Float32Array;
  readonly f64: Float64Array;
  readonly u16: Uint16Array;
  readonly i16: Int16Array;
  readonly u8: Uint8Array;
  readonly i8: Int8Array;
  /** The TLB's halves and the memory they lead to; empty where nothing is mapped directly. */
  reads = new Int32Array(0);
  writes = new Int32Array(0);
  memory = new Int32Array(0);

  /** `s` starts at a multiple of 8 in its buffer. */
  constructor(s: Int32Array) {
    const { buffer, byteOffset, length } = s;
    this.i32 = s;
    this.u32 = new Uint32Array(buffer, byteOffset, length);
    this.f32 = new Float32Array(buffer, byteOffset, length);
    this.f64 = new Float64Array(buffer, byteOffset, length >> 1);
    this.u16 = new Uint16Array(buffer, byteOffset, length * 2);
    this.i16 = new Int16Array(buffer, byteOffset, length * 2);
    this.u8 = new Uint8Array(buffer, byteOffset, length * 4);
    this.i8 = new Int8Array(buffer, byteOffset, length * 4);
  }
}

/** RESET: as after FNINIT, with every register zero (QEMU's power-on state). */
export function resetFpu(s: Int32Array): void {
  s.fill(0, FPU_FIRST, FPU_END);
  initFpu(s);
  s[MXCSR] = 0x1f80;
}

/** FNINIT: registers keep their contents and are tagged empty. */
export function initFpu(s: Int32Array): void {
  s[FCW] = 0x037f;
  s[FSW] = 0;
  s[TOP] = 0;
  s[EMPTY] = 0xff;
  s.fill(0, FOP, MXCSR);
}

/** The status word as software reads it. */
export function statusWord(s: Int32Array): number {
  return s[FSW] | (s[TOP] << 11);
}

const hex = (value: number, digits: number): string =>
  (value >>> 0).toString(16).padStart(digits, '0');

/** The last lines of `info registers`. */
export function fpuText(s: Int32Array): string {
  const valid = ~s[EMPTY] & 0xff;
  let text = `FCW=${hex(s[FCW], 4)} FSW=${hex(statusWord(s), 4)} [ST=${s[TOP]}]`;
  text += ` FTW=${hex(valid, 2)} MXCSR=${hex(s[MXCSR], 8)}\n`;
  for (let i = 0; i < 8; i++) {
    const at = FPR + 4 * i;
    text += `FPR${i}=${hex(s[at + 1], 8)}${hex(s[at], 8)} ${hex(s[at + 2] & 0xffff, 4)}`;
    text += i % 2 === 0 ? ' ' : '\n';
  }
  for (let i = 0; i < 8; i++) {
    const at = XMM + 4 * i;
    const words = [3, 2, 1, 0].map(n => hex(s[at + n], 8));
    text += `XMM0${i}=${words.join('')}${i % 2 === 0 ? ' ' : '\n'}`;
  }
  return text;
}
