/**
 * One instruction: bytes to a record's fields. The only decoder: interpreter, translator and
 * disassembler read what it leaves.
 *
 * Record words: 0 kind; 1, 2 registers, as indices into the view of their operand's size; 3
 * immediate; 4, 5 base and index register (8, always zero, when absent); 6 shape: bits 0..1 scale,
 * 8..13 the word of the segment's base in the register file (so 8..10 its number), bit 31 set for
 * 32-bit addresses; 7 displacement. Transfers: 2 length of their block in instructions, 5 and 6
 * links to the target's and to the next instruction's record.
 *
 * Source: Intel SDM volume 2, chapter 2. An instruction longer than 15 bytes raises #GP.
 */

import { coldKind, tooLong, undefinedOpcode } from './kinds.ts';
import type { Feature } from './models.ts';
import { type Entry, opcodeMaps, type Variant } from './opcode-map.ts';
import { BASE, DS, ES, ESP, FS, GS, SS, ZERO } from './registers.ts';

const MAX_LENGTH = 15;
const NO_SEGMENT = -1;

/** What decoding depends on beside the bytes. */
export interface DecodeMode {
  readonly code32: boolean;
  readonly stack32: boolean;
  /** Bit n: segment n is flat (base 0, limit 4 GiB, readable and writable). */
  readonly flat: number;
  /** Of CS; an int32. */
  readonly limit: number;
  /** All data segments are at least 64 KiB, a multiple of 16, writable, at a multiple of 16. */
  readonly real: boolean;
}

const UNDEFINED_KIND = coldKind(`${undefinedOpcode.name}.32`);
const TOO_LONG_KIND = coldKind(`${tooLong.name}.32`);

export class Decoder {
  kind = 0;
  /** Words 1..7 of the record. */
  readonly words = new Int32Array(8);
  length = 0;
  /** EIP of the target of a direct transfer. */
  target = 0;
  entry: Entry | undefined;
  variant: Variant | undefined;
  /** Nothing is decoded behind it. */
  ends = false;
  repeat = 0;
  lock = false;
  segment = NO_SEGMENT;
  operand32 = false;
  address32 = false;
  private opcode = 0;
  private modrm = 0;
  private eip = 0;
  private memorySegment = DS;
  private overran = false;

  /** `byteAt` gives the byte at an offset from the start; it may throw a page fault. */
  constructor(
    private readonly byteAt: (offset: number) => number,
    private readonly has: (feature: Feature) => boolean,
  ) {}

  /** Decodes the instruction at `eip`. */
  decode(eip: number, mode: DecodeMode): void {
    this.eip = eip;
    this.length = 0;
    this.overran = false;
    this.repeat = 0;
    this.lock = false;
    this.segment = NO_SEGMENT;
    this.operand32 = mode.code32;
    this.address32 = mode.code32;
    this.entry = undefined;
    this.variant = undefined;
    const words = this.words;
    words.fill(0);
    words[4] = ZERO;
    words[5] = ZERO;
    this.memorySegment = DS;
    this.prefixes(mode.code32);
    const entry = this.select();
    if (entry === undefined) {
      this.fail(UNDEFINED_KIND);
    } else {
      this.fill(entry, mode);
    }
    if (this.overran) this.fail(TOO_LONG_KIND);
  }

  private fail(kind: number): void {
    this.kind = kind;
    this.ends = true;
    this.entry = undefined;
    this.variant = undefined;
  }

  private byte(): number {
    if (this.length === MAX_LENGTH) {
      this.overran = true;
      return 0;
    }
    return this.byteAt(this.length++);
  }

  private signedByte(): number {
    return (this.byte() << 24) >> 24;
  }

  private word(): number {
    const low = this.byte();
    return low | (this.byte() << 8);
  }

  private signedWord(): number {
    return (this.word() << 16) >> 16;
  }

  private double(): number {
    const low = this.word();
    return low | (this.word() << 16);
  }

  private prefixes(code32: boolean): void {
    for (;;) {
      const byte = this.byte();
      if (this.overran) return;
      switch (byte) {
        case 0x26:
          this.segment = ES;
          break;
        case 0x2e:
          this.segment = 1;
          break;
        case 0x36:
          this.segment = SS;
          break;
        case 0x3e:
          this.segment = DS;
          break;
        case 0x64:
          this.segment = FS;
          break;
        case 0x65:
          this.segment = GS;
          break;
        case 0x66:
          this.operand32 = !code32;
          break;
        case 0x67:
          this.address32 = !code32;
          break;
        case 0xf0:
          this.lock = true;
          break;
        case 0xf2:
          this.repeat = 1;
          break;
        case 0xf3:
          this.repeat = 2;
          break;
        default:
          this.opcode = byte;
          this.code32 = code32;
          return;
      }
    }
  }

  private code32 = false;

  private select(): Entry | undefined {
    let map = 0;
    if (this.opcode === 0x0f) {
      map = 1;
      this.opcode = this.byte();
      if (this.opcode === 0x38 || this.opcode === 0x3a) {
        map = this.opcode === 0x38 ? 2 : 3;
        this.opcode = this.byte();
      }
    }
    const candidates = opcodeMaps[map][this.opcode];
    if (candidates.length === 0) return undefined;
    if (candidates[0].hasModrm) this.modrm = this.byte();
    for (const entry of candidates) {
      if (this.matches(entry)) return entry;
    }
    return undefined;
  }

  private matches(entry: Entry): boolean {
    if (entry.prefix >= 0 && entry.prefix !== this.mandatoryPrefix()) return false;
    if (entry.group >= 0 && entry.group !== ((this.modrm >> 3) & 7)) return false;
    if (entry.mode === 'register' && this.modrm < 0xc0) return false;
    if (entry.mode === 'memory' && this.modrm >= 0xc0) return false;
    if (entry.addressSize !== 0 && (entry.addressSize === 32) !== this.address32) return false;
    return entry.row.feature === undefined || this.has(entry.row.feature);
  }

  private mandatoryPrefix(): number {
    if (this.repeat !== 0) return this.repeat === 1 ? 0xf2 : 0xf3;
    return this.operand32 !== this.code32 ? 0x66 : 0;
  }

  private fill(entry: Entry, mode: DecodeMode): void {
    const isMemory = entry.hasModrm && !entry.ignoresMode && this.modrm < 0xc0;
    const hasModrmMemory = isMemory && entry.tokens.some(t => t.from === 'E' || t.from === 'M');
    const isOffset = entry.tokens.some(t => t.from === 'O');
    const variants = entry.variants[this.operand32 ? 1 : 0];
    const variant = variants[hasModrmMemory || isOffset ? 1 : 0];
    if (variant === undefined) {
      this.fail(UNDEFINED_KIND);
      return;
    }
    const { operation } = entry.row;
    // Only with a memory operand that is the destination.
    if (this.lock && !(operation.lock && variant.operands[0].form === 'm')) {
      this.fail(UNDEFINED_KIND);
      return;
    }
    this.entry = entry;
    this.variant = variant;
    this.ends = operation.ends;
    if (hasModrmMemory) this.memoryOperand();
    const valid = this.operands(entry, variant, hasModrmMemory);
    if (!valid) {
      this.fail(UNDEFINED_KIND);
      return;
    }
    if (operation.name === 'pop' && hasModrmMemory && this.words[4] === ESP) {
      this.words[7] += variant.size / 8;
    }
    const seg = this.segment === NO_SEGMENT ? this.memorySegment : this.segment;
    this.words[6] |= ((BASE + seg) << 8) | (this.address32 ? 1 << 31 : 0);
    this.kind = this.chooseKind(variant, hasModrmMemory || isOffset, mode);
  }

  private chooseKind(variant: Variant, memory: boolean, mode: DecodeMode): number {
    const { operation } = (this.entry as Entry).row;
    const hot = this.hotKind(variant, memory, mode.code32);
    if (hot < 0) return variant.cold;
    if (operation.transfer && !this.staysInside(mode)) return variant.cold;
    if (operation.stack) {
      const fits = mode.code32
        ? mode.stack32 && (mode.flat & (1 << SS)) !== 0
        : !mode.stack32 && mode.real;
      if (!fits) return variant.cold;
    }
    if (!memory || operation.name === 'lea') return hot;
    const seg = (this.words[6] >> 8) & 7;
    const fits = mode.code32 ? (mode.flat & (1 << seg)) !== 0 : mode.real && seg !== 1;
    return fits ? hot : variant.cold;
  }

  /** The case that a run loop has for it, or -1. */
  private hotKind(variant: Variant, memory: boolean, code32: boolean): number {
    if (code32) return memory && !this.address32 ? -1 : variant.hot32;
    return memory && this.address32 ? variant.wide16 : variant.hot16;
  }

  /**
   * The transfer cannot leave the code segment. Indirect ones check offsets beyond 64 KiB in 16-bit
   * code.
   */
  private staysInside(mode: DecodeMode): boolean {
    const isDirect = (this.entry as Entry).tokens.some(t => t.from === 'J');
    const furthest = mode.code32 ? -1 : 0xffff;
    return (isDirect ? this.target : furthest) >>> 0 <= mode.limit >>> 0;
  }

  private memoryOperand(): void {
    if (this.address32) this.memory32();
    else this.memory16();
  }

  private memory32(): void {
    const words = this.words;
    const mod = this.modrm >> 6;
    const rm = this.modrm & 7;
    let base = rm;
    if (rm === 4) {
      const sib = this.byte();
      base = sib & 7;
      const index = (sib >> 3) & 7;
      if (index !== 4) words[5] = index;
      words[6] = index === 4 ? 0 : sib >> 6;
    }
    if (base === 5 && mod === 0) {
      words[7] = this.double();
    } else {
      words[4] = base;
      if (base === 4 || base === 5) this.memorySegment = SS;
      if (mod === 1) words[7] = this.signedByte();
      if (mod === 2) words[7] = this.double();
    }
  }

  private memory16(): void {
    const words = this.words;
    const mod = this.modrm >> 6;
    const rm = this.modrm & 7;
    if (rm === 6 && mod === 0) {
      words[7] = this.word();
      return;
    }
    words[4] = [3, 3, 5, 5, 6, 7, 5, 3][rm];
    if (rm < 4) words[5] = rm & 1 ? 7 : 6;
    if (rm === 2 || rm === 3 || rm === 6) this.memorySegment = SS;
    if (mod === 1) words[7] = this.signedByte();
    if (mod === 2) words[7] = this.signedWord();
  }

  /** Fills the operand fields; false for register numbers that do not exist. */
  private operands(entry: Entry, variant: Variant, memory: boolean): boolean {
    let at = 0;
    for (const token of entry.tokens) {
      if (token.from === '' || token.from === 'X' || token.from === 'Y') continue;
      const operand = variant.operands[at++];
      const { from } = token;
      if (operand.form === 'r') {
        this.words[operand.field] = registerIndex(this.registerNumber(from), operand.size);
      } else if (operand.form === 'i') {
        if (!this.immediate(from, token.width, operand.field)) return false;
      } else if (from === 'O') {
        this.words[7] = this.address32 ? this.double() : this.word();
      }
    }
    return memory || true;
  }

  private registerNumber(from: string): number {
    switch (from) {
      case 'G':
        return (this.modrm >> 3) & 7;
      case 'Z':
        return this.opcode & 7;
      case 'DX':
        return 2;
      case 'AL':
      case 'eAX':
        return 0;
      default:
        return this.modrm & 7;
    }
  }

  private immediate(from: string, width: string, field: number): boolean {
    const words = this.words;
    switch (from) {
      case 'I':
        words[field] = this.immediateValue(width);
        return true;
      case '1':
        words[field] = 1;
        return true;
      case 'J':
        this.relative(width);
        return true;
      case 'A':
        if (width === 's') words[field] = this.word();
        else words[field] = this.operand32 ? this.double() : this.word();
        return true;
      case 's':
        words[field] = Number(width);
        return true;
      case 'P':
        words[field] = this.repeat;
        return true;
      case 'W':
        words[field] = (this.opcode << 8) | this.modrm;
        return true;
      default:
        words[field] = (this.modrm >> 3) & 7;
        return this.isRegister(from, words[field]);
    }
  }

  /** Segment, control and debug registers that exist. */
  private isRegister(from: string, n: number): boolean {
    if (from === 'S') return n <= GS && (this.opcode !== 0x8e || n !== 1);
    if (from === 'C') return n === 0 || n === 2 || n === 3 || n === 4;
    return true;
  }

  private immediateValue(width: string): number {
    switch (width) {
      case 'b':
      case 's':
        return this.signedByte();
      case 'u':
        return this.byte();
      case 'w':
        return this.word();
      case 'f': {
        const size = this.word();
        return size | (this.byte() << 16);
      }
      case '0':
        return 0;
      default:
        return this.operand32 ? this.double() : this.signedWord();
    }
  }

  private relative(width: string): void {
    let by = 0;
    if (width === 'b') by = this.signedByte();
    else by = this.operand32 ? this.double() : this.signedWord();
    const to = this.eip + this.length + by;
    this.target = this.operand32 ? to | 0 : to & 0xffff;
  }
}

/** Register `n` as an index into the view of `size`: S8, S16 or S. */
export function registerIndex(n: number, size: number): number {
  if (size === 32) return n;
  if (size === 16) return n * 2;
  return n < 4 ? n * 4 : (n - 4) * 4 + 1;
}
