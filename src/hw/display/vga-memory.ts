/**
 * The VGA's memory as the host sees it through the window at A0000h: four planes behind latches.
 *
 * Spec: IBM VGA Technical Reference, "Graphics controller" and "Sequencer"; FreeVGA.
 *
 * Planes are interleaved: byte `offset` of plane p is at `offset * 4 + p`, so that four latches are
 * one 32-bit word and the linear modes of chain 4 and VBE are plain bytes. In odd/even mode a
 * character and its attribute are the first two bytes of one such word.
 */

/** Sequencer registers. */
export const SR_PLANE_WRITE = 2;
export const SR_MEMORY_MODE = 4;
const SR4_CHAIN_4 = 0x08;

/** Graphics controller registers. */
const GR_SET_RESET = 0;
const GR_ENABLE_SET_RESET = 1;
const GR_COLOR_COMPARE = 2;
const GR_DATA_ROTATE = 3;
const GR_PLANE_READ = 4;
export const GR_MODE = 5;
export const GR_MISC = 6;
const GR_COLOR_DONT_CARE = 7;
const GR_BIT_MASK = 8;
const GR5_ODD_EVEN = 0x10;
const GR5_READ_MODE_1 = 0x08;

/** For each set of four planes the word that has FFh in each of them. */
const PLANES = Int32Array.from({ length: 16 }, (_, set) => {
  let word = 0;
  for (let plane = 0; plane < 4; plane++) if ((set >> plane) & 1) word |= 0xff << (plane * 8);
  return word;
});

/** Base and length of the window for each value of GR6 bits 3-2, from A0000h. */
const WINDOWS = [
  { base: 0x00000, length: 0x20000 },
  { base: 0x00000, length: 0x10000 },
  { base: 0x10000, length: 0x08000 },
  { base: 0x18000, length: 0x08000 },
] as const;

export class VgaMemory {
  /** Video memory, plane-interleaved, as bytes and as words. */
  readonly u8: Uint8Array;
  private readonly words: Int32Array;

  constructor(arena: ArrayBuffer, offset: number, length: number) {
    this.u8 = new Uint8Array(arena, offset, length);
    this.words = new Int32Array(arena, offset, length >> 2);
  }

  /** Where a window offset leads, bank included; -1 outside what GR6 has chosen. */
  private locate(offset: number, gr: Uint8Array, bank: number): number {
    const which = (gr[GR_MISC] >> 2) & 3;
    const { base, length } = WINDOWS[which];
    const at = offset - base;
    if (at < 0 || at >= length) return -1;
    return which === 1 ? at + bank : at;
  }

  /** `latch` is in and out: registers with a `latch` member. */
  read(offset: number, r: WindowRegisters): number {
    const { gr, sr } = r;
    const at = this.locate(offset, gr, r.bankOffset);
    if (at < 0) return 0xff;
    if ((sr[SR_MEMORY_MODE] & SR4_CHAIN_4) !== 0) return this.byteAt(at);
    if ((gr[GR_MODE] & GR5_ODD_EVEN) !== 0) {
      return this.byteAt(((at & ~1) << 1) | (gr[GR_PLANE_READ] & 2) | (at & 1));
    }
    if (at >= this.words.length) return 0xff;
    r.latch = this.words[at];
    if ((gr[GR_MODE] & GR5_READ_MODE_1) === 0) {
      return (r.latch >>> ((gr[GR_PLANE_READ] & 3) * 8)) & 0xff;
    }
    const differs =
      (r.latch ^ PLANES[gr[GR_COLOR_COMPARE] & 15]) & PLANES[gr[GR_COLOR_DONT_CARE] & 15];
    return ~(differs | (differs >>> 8) | (differs >>> 16) | (differs >>> 24)) & 0xff;
  }

  write(offset: number, value: number, r: WindowRegisters): void {
    const { gr, sr } = r;
    const at = this.locate(offset, gr, r.bankOffset);
    if (at < 0) return;
    const enabled = sr[SR_PLANE_WRITE];
    if ((sr[SR_MEMORY_MODE] & SR4_CHAIN_4) !== 0) {
      if ((enabled & (1 << (at & 3))) !== 0 && at < this.u8.length) this.u8[at] = value;
    } else if ((gr[GR_MODE] & GR5_ODD_EVEN) !== 0) {
      const plane = (gr[GR_PLANE_READ] & 2) | (at & 1);
      const index = ((at & ~1) << 1) | plane;
      if ((enabled & (1 << plane)) !== 0 && index < this.u8.length) this.u8[index] = value;
    } else if (at < this.words.length) {
      const planes = PLANES[enabled & 15];
      const word = this.compose(value, r);
      this.words[at] = (word & planes) | (this.words[at] & ~planes);
    }
  }

  /** What the graphics controller makes of a byte and the latches: all four planes. */
  private compose(value: number, { gr, latch }: WindowRegisters): number {
    const mode = gr[GR_MODE] & 3;
    if (mode === 1) return latch;
    let bitMask = gr[GR_BIT_MASK];
    let data: number;
    if (mode === 2) {
      data = PLANES[value & 15];
    } else {
      const rotation = gr[GR_DATA_ROTATE] & 7;
      const rotated = ((value >> rotation) | (value << (8 - rotation))) & 0xff;
      const setReset = PLANES[gr[GR_SET_RESET] & 15];
      if (mode === 3) {
        bitMask &= rotated;
        data = setReset;
      } else {
        const fixed = PLANES[gr[GR_ENABLE_SET_RESET] & 15];
        data = (Math.imul(rotated, 0x01010101) & ~fixed) | (setReset & fixed);
      }
    }
    const mask = Math.imul(bitMask, 0x01010101);
    return (combine(gr[GR_DATA_ROTATE], data, latch) & mask) | (latch & ~mask);
  }

  private byteAt(index: number): number {
    return index < this.u8.length ? this.u8[index] : 0xff;
  }
}

/** The part of the VGA's state that the window works with. */
export interface WindowRegisters {
  readonly gr: Uint8Array;
  readonly sr: Uint8Array;
  readonly bankOffset: number;
  /** Four latches, plane 0 in the lowest byte. */
  latch: number;
}

/** GR3 bits 4-3: replace, and, or, exclusive or. */
function combine(functionSelect: number, data: number, latch: number): number {
  switch ((functionSelect >> 3) & 3) {
    case 1:
      return data & latch;
    case 2:
      return data | latch;
    case 3:
      return data ^ latch;
    default:
      return data;
  }
}
