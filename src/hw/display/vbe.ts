/**
 * Bochs VBE extensions ("dispi"): high resolutions by sixteen-bit registers beside the VGA's.
 *
 * Spec: Bochs VBE display API, version B0C5h, as QEMU's standard VGA has it.
 */

export const VBE_INDEX_ID = 0;
export const VBE_INDEX_XRES = 1;
export const VBE_INDEX_YRES = 2;
export const VBE_INDEX_BPP = 3;
export const VBE_INDEX_ENABLE = 4;
export const VBE_INDEX_BANK = 5;
export const VBE_INDEX_VIRT_WIDTH = 6;
export const VBE_INDEX_VIRT_HEIGHT = 7;
export const VBE_INDEX_X_OFFSET = 8;
export const VBE_INDEX_Y_OFFSET = 9;
export const VBE_INDEX_VIDEO_MEMORY_64K = 10;
export const VBE_REGISTER_COUNT = 10;

export const VBE_ENABLED = 0x01;
const VBE_GETCAPS = 0x02;
export const VBE_8BIT_DAC = 0x20;
export const VBE_NOCLEARMEM = 0x80;

export const VBE_ID0 = 0xb0c0;
export const VBE_ID5 = 0xb0c5;
const MAX_XRES = 16000;
const MAX_YRES = 12000;
const MAX_BPP = 32;
const DEPTHS = new Set([4, 8, 15, 16, 24, 32]);
const UNIT_64K = 0x10000;

/** What the registers come to. */
export interface VbeGeometry {
  /** Bytes from one line to the next, and of the first visible pixel. */
  readonly lineBytes: number;
  readonly startByte: number;
}

export function vbeEnabled(regs: readonly number[]): boolean {
  return (regs[VBE_INDEX_ENABLE] & VBE_ENABLED) !== 0;
}

export function readVbe(regs: readonly number[], index: number, vramLength: number): number {
  if (index === VBE_INDEX_VIDEO_MEMORY_64K) return Math.floor(vramLength / UNIT_64K);
  if (index >= VBE_REGISTER_COUNT) return 0;
  if ((regs[VBE_INDEX_ENABLE] & VBE_GETCAPS) !== 0) {
    if (index === VBE_INDEX_XRES) return MAX_XRES;
    if (index === VBE_INDEX_YRES) return MAX_YRES;
    if (index === VBE_INDEX_BPP) return MAX_BPP;
  }
  return regs[index];
}

/** Bytes of a line of `width` pixels. */
function lineBytes(width: number, bpp: number): number {
  if (bpp === 4) return width >> 1;
  return width * ((bpp + 7) >> 3);
}

/** Makes the registers agree with each other and with the memory there is. */
export function settleVbe(regs: number[], vramLength: number): VbeGeometry {
  const bpp = DEPTHS.has(regs[VBE_INDEX_BPP]) ? regs[VBE_INDEX_BPP] : 8;
  const xres = clamp(regs[VBE_INDEX_XRES] & ~7, 8, MAX_XRES);
  const virtualWidth = clamp(regs[VBE_INDEX_VIRT_WIDTH] & ~7, xres, MAX_XRES);
  const perLine = lineBytes(virtualWidth, bpp);
  // Planar pixels take four times the bytes their address range shows.
  const available = bpp === 4 ? vramLength >> 2 : vramLength;
  const lines = Math.floor(available / (bpp === 4 ? perLine >> 2 || 1 : perLine));
  const yres = clamp(regs[VBE_INDEX_YRES], 1, Math.max(1, Math.min(lines, MAX_YRES)));
  regs[VBE_INDEX_BPP] = bpp;
  regs[VBE_INDEX_XRES] = xres;
  regs[VBE_INDEX_YRES] = yres;
  regs[VBE_INDEX_VIRT_WIDTH] = virtualWidth;
  regs[VBE_INDEX_VIRT_HEIGHT] = Math.min(0xffff, lines);
  regs[VBE_INDEX_X_OFFSET] = Math.min(regs[VBE_INDEX_X_OFFSET], MAX_XRES);
  regs[VBE_INDEX_Y_OFFSET] = Math.min(regs[VBE_INDEX_Y_OFFSET], MAX_YRES);
  let startByte = lineBytes(regs[VBE_INDEX_X_OFFSET], bpp) + regs[VBE_INDEX_Y_OFFSET] * perLine;
  if (startByte + yres * perLine > vramLength) {
    regs[VBE_INDEX_X_OFFSET] = 0;
    regs[VBE_INDEX_Y_OFFSET] = 0;
    startByte = 0;
  }
  return { lineBytes: perLine, startByte };
}

function clamp(value: number, low: number, high: number): number {
  return Math.max(low, Math.min(high, value));
}
