/**
 * Pictures of what a VGA shows: text with the guest's fonts, planar, packed and VBE modes.
 *
 * Spec: IBM VGA Technical Reference; sizes are QEMU's: 256-colour VGA modes come with doubled
 * pixels (mode 13h is 640 x 400), text cells are 9 dots wide where SR1 says so.
 * Not emulated: overscan borders, pel panning, changes in the middle of a frame.
 */

import { characterHeight, displayLines, screenMode, type TextScreen, textScreen } from './text.ts';
import { VBE_INDEX_BPP, VBE_INDEX_XRES, VBE_INDEX_YRES, vbeEnabled } from './vbe.ts';
import type { Vga, VgaRegisters } from './vga.ts';
import { blinkPhases } from './vga-timing.ts';

/** Four bytes a pixel: red, green, blue, 255. */
export interface Picture {
  readonly width: number;
  readonly height: number;
  readonly rgba: Uint8Array;
}

const OPAQUE = 0xff000000;
const BLANK_SIZE = { width: 640, height: 480 };
const FONT_BANK_BYTES = 8192;
const GLYPH_STRIDE = 32;
const MAX_WIDTH = 2048;

/** A picture under construction: one 32-bit word a pixel. */
class Canvas {
  readonly pixels: Uint32Array;
  constructor(
    readonly width: number,
    readonly height: number,
  ) {
    this.pixels = new Uint32Array(width * height).fill(OPAQUE);
  }

  finish(): Picture {
    return { width: this.width, height: this.height, rgba: new Uint8Array(this.pixels.buffer) };
  }
}

/** What is on the screen now. */
export function picture(vga: Vga): Picture {
  const mode = screenMode(vga);
  if (mode === 'blank') return new Canvas(BLANK_SIZE.width, BLANK_SIZE.height).finish();
  const screen = textScreen(vga);
  if (screen !== undefined) return textPicture(vga, screen);
  const { vbe } = vga.registers;
  if (vbeEnabled(vbe) && vbe[VBE_INDEX_BPP] !== 4) return vbePicture(vga);
  return vgaPicture(vga);
}

/** The 256 entries of the DAC as pixels. */
function dacColors(vga: Vga): Uint32Array {
  const { palette, pelMask } = vga.registers;
  const widen = (value: number): number => {
    if (vga.has8BitDac) return value;
    const six = value & 0x3f;
    return (six << 2) | ((six & 1) * 3);
  };
  return Uint32Array.from({ length: 256 }, (_, i) => {
    const at = (i & pelMask) * 3;
    const [red, green, blue] = [0, 1, 2].map(n => widen(palette[at + n]));
    return (OPAQUE | (blue << 16) | (green << 8) | red) >>> 0;
  });
}

/** The sixteen colours that go through the attribute controller. */
function attributeColors(vga: Vga): Uint32Array {
  const { ar } = vga.registers;
  const dac = dacColors(vga);
  const by16 = (ar[0x10] & 0x80) !== 0;
  return Uint32Array.from({ length: 16 }, (_, i) => {
    const high = by16 ? (ar[0x14] & 0x0f) << 4 : (ar[0x14] & 0x0c) << 4;
    return dac[high | (ar[i] & (by16 ? 0x0f : 0x3f))];
  });
}

/** Start of the two fonts in plane 2: for attributes with bit 3 clear, and set. */
function fontStarts({ sr }: VgaRegisters): readonly [number, number] {
  const select = sr[3];
  const bankB = ((select & 0x03) << 1) | ((select >> 4) & 1);
  const bankA = ((select >> 1) & 0x06) | ((select >> 5) & 1);
  return [bankB * FONT_BANK_BYTES, bankA * FONT_BANK_BYTES];
}

function textPicture(vga: Vga, screen: TextScreen): Picture {
  const r = vga.registers;
  const cellWidth = (r.sr[1] & 0x01) !== 0 ? 8 : 9;
  const cellHeight = characterHeight(r);
  const canvas = new Canvas(screen.columns * cellWidth, screen.rows * cellHeight);
  const colors = attributeColors(vga);
  const fonts = fontStarts(r);
  const phases = blinkPhases(r, vga.clock.nowNs);
  const blinks = (r.ar[0x10] & 0x08) !== 0;
  const lineGraphics = (r.ar[0x10] & 0x04) !== 0;
  for (let i = 0; i < screen.codes.length; i++) {
    const attribute = screen.attributes[i];
    const code = screen.codes[i];
    const hidden = blinks && (attribute & 0x80) !== 0 && !phases.charactersShown;
    drawGlyph(canvas, vga.vram, {
      x: (i % screen.columns) * cellWidth,
      y: Math.floor(i / screen.columns) * cellHeight,
      width: cellWidth,
      height: cellHeight,
      glyphAt: fonts[(attribute >> 3) & 1] + code * GLYPH_STRIDE,
      background: colors[(attribute >> 4) & (blinks ? 7 : 15)],
      foreground: hidden ? colors[(attribute >> 4) & 7] : colors[attribute & 15],
      repeatsLast: lineGraphics && code >= 0xc0 && code <= 0xdf,
    });
  }
  if (phases.cursorShown) drawCursor(canvas, screen, { cellWidth, cellHeight, colors });
  return canvas.finish();
}

interface GlyphPlace {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
  /** Offset in plane 2. */
  readonly glyphAt: number;
  readonly foreground: number;
  readonly background: number;
  /** The ninth dot repeats the eighth: box drawing characters join. */
  readonly repeatsLast: boolean;
}

function drawGlyph(canvas: Canvas, vram: Uint8Array, place: GlyphPlace): void {
  for (let line = 0; line < place.height; line++) {
    const bits = vram[(place.glyphAt + (line & 31)) * 4 + 2];
    let at = (place.y + line) * canvas.width + place.x;
    for (let dot = 7; dot >= 0; dot--) {
      canvas.pixels[at++] = (bits >> dot) & 1 ? place.foreground : place.background;
    }
    if (place.width === 9) {
      const lit = place.repeatsLast && (bits & 1) !== 0;
      canvas.pixels[at] = lit ? place.foreground : place.background;
    }
  }
}

function drawCursor(
  canvas: Canvas,
  { cursor, columns, rows, attributes }: TextScreen,
  cell: { cellWidth: number; cellHeight: number; colors: Uint32Array },
): void {
  const { column, row } = cursor;
  if (!cursor.enabled || column >= columns || row < 0 || row >= rows) return;
  const color = cell.colors[attributes[row * columns + column] & 15];
  const last = Math.min(cursor.lastLine, cell.cellHeight - 1);
  for (let line = cursor.firstLine; line <= last; line++) {
    const at = (row * cell.cellHeight + line) * canvas.width + column * cell.cellWidth;
    canvas.pixels.fill(color, at, at + cell.cellWidth);
  }
}

/** Bytes of a pixel to a word of the picture, for each depth. */
function pixelReader(bpp: number, vram: Uint8Array, dac: Uint32Array): (at: number) => number {
  const scale5 = (v: number): number => (v << 3) | (v >> 2);
  const scale6 = (v: number): number => (v << 2) | (v >> 4);
  switch (bpp) {
    case 15:
      return at => {
        const v = vram[at] | (vram[at + 1] << 8);
        return rgb(scale5((v >> 10) & 31), scale5((v >> 5) & 31), scale5(v & 31));
      };
    case 16:
      return at => {
        const v = vram[at] | (vram[at + 1] << 8);
        return rgb(scale5(v >> 11), scale6((v >> 5) & 63), scale5(v & 31));
      };
    case 24:
    case 32:
      return at => rgb(vram[at + 2], vram[at + 1], vram[at]);
    default:
      return at => dac[vram[at]];
  }
}

function rgb(red: number, green: number, blue: number): number {
  return (OPAQUE | (blue << 16) | (green << 8) | red) >>> 0;
}

function vbePicture(vga: Vga): Picture {
  const { vbe } = vga.registers;
  const bpp = vbe[VBE_INDEX_BPP];
  const canvas = new Canvas(vbe[VBE_INDEX_XRES], vbe[VBE_INDEX_YRES]);
  const read = pixelReader(bpp, vga.vram, dacColors(vga));
  const step = (bpp + 7) >> 3;
  const { startByte, lineBytes } = vga.vbeGeometry;
  let out = 0;
  for (let y = 0; y < canvas.height; y++) {
    const line = startByte + y * lineBytes;
    for (let x = 0; x < canvas.width; x++) canvas.pixels[out++] = read(line + x * step);
  }
  return canvas.finish();
}

function vgaPicture(vga: Vga): Picture {
  const r = vga.registers;
  const { cr, gr, sr } = r;
  const vbe = vbeEnabled(r.vbe);
  const shift = (gr[5] >> 5) & 3;
  const halfDots = shift < 2 && (sr[1] & 0x08) !== 0;
  const dots = vbe ? r.vbe[VBE_INDEX_XRES] : (cr[0x01] + 1) * 8;
  const canvas = new Canvas(Math.min(MAX_WIDTH, dots * (halfDots ? 2 : 1)), displayLines(r));
  const draw = lineDrawer(vga, shift, halfDots);
  // Each line of memory is shown this many times.
  const doubled = (cr[0x09] & 0x80) !== 0 ? 2 : 1;
  const repeats = shift === 1 ? doubled : ((cr[0x09] & 0x1f) + 1) * doubled;
  const rowLines = (cr[0x09] & 0x1f) + 1;
  const pitch = vbe ? vga.vbeGeometry.lineBytes : cr[0x13] * 8;
  let base = vbe ? vga.vbeGeometry.startByte : ((cr[0x0c] << 8) | cr[0x0d]) * 4;
  let since = 0;
  const splitAt = lineCompare(cr);
  for (let y = 0; y < canvas.height; y++) {
    const scan = Math.floor(since / doubled);
    // In CGA layouts the lines of one character row lie in different banks.
    const line = shift === 1 || rowLines > 1 ? cgaLine(cr, scan, rowLines, repeats) : undefined;
    const row = line === undefined ? Math.floor(since / repeats) : line.row;
    draw(canvas, y, banked(cr, base + row * pitch, line?.scan ?? scan));
    since++;
    if (y === splitAt) {
      base = 0;
      since = 0;
    }
  }
  return canvas.finish();
}

/** Row of memory and line within the character row, for modes with several lines a row. */
function cgaLine(
  cr: Uint8Array,
  scan: number,
  rowLines: number,
  repeats: number,
): { row: number; scan: number } | undefined {
  const banks = (cr[0x17] & 3) !== 3;
  if (!banks) return repeats > 1 ? { row: Math.floor(scan / rowLines), scan: 0 } : undefined;
  return { row: Math.floor(scan / rowLines), scan: scan % rowLines };
}

/** CR17 bits 0 and 1 clear put the scan line's low bits into address bits 13 and 14. */
function banked(cr: Uint8Array, at: number, scan: number): number {
  let address = at;
  if ((cr[0x17] & 1) === 0) {
    const bit = 14 + ((cr[0x17] >> 6) & 1);
    address = (address & ~(1 << bit)) | ((scan & 1) << bit);
  }
  if ((cr[0x17] & 2) === 0) address = (address & ~(1 << 16)) | ((scan & 2) << 15);
  return address;
}

function lineCompare(cr: Uint8Array): number {
  return cr[0x18] | ((cr[0x07] & 0x10) << 4) | ((cr[0x09] & 0x40) << 3);
}

type LineDrawer = (canvas: Canvas, y: number, at: number) => void;

function lineDrawer(vga: Vga, shift: number, halfDots: boolean): LineDrawer {
  const { vram } = vga;
  const limit = vram.length;
  if (shift >= 2) {
    const dac = dacColors(vga);
    return (canvas, y, at) => {
      let out = y * canvas.width;
      for (let x = 0; x < canvas.width >> 1; x++) {
        const color = dac[vram[(at + x) % limit]];
        canvas.pixels[out++] = color;
        canvas.pixels[out++] = color;
      }
    };
  }
  const colors = attributeColors(vga);
  const planes = vga.registers.ar[0x12] & 15;
  const pixel = shift === 0 ? planarPixel : cgaPixel;
  const wide = halfDots ? 1 : 0;
  return (canvas, y, at) => {
    const out = y * canvas.width;
    for (let x = 0; x < canvas.width; x++) {
      const source = x >> wide;
      const word = (at + (source >> 3) * 4) % limit;
      canvas.pixels[out + x] = colors[pixel(vram, word, source & 7) & planes];
    }
  };
}

/** One bit from each plane. */
function planarPixel(vram: Uint8Array, at: number, x: number): number {
  const bit = 7 - x;
  return (
    ((vram[at] >> bit) & 1) |
    (((vram[at + 1] >> bit) & 1) << 1) |
    (((vram[at + 2] >> bit) & 1) << 2) |
    (((vram[at + 3] >> bit) & 1) << 3)
  );
}

/** Two bits from planes 0 and 2 for the first four pixels, from 1 and 3 for the others. */
function cgaPixel(vram: Uint8Array, at: number, x: number): number {
  const plane = x >> 2;
  const bit = 6 - (x & 3) * 2;
  return ((vram[at + plane] >> bit) & 3) | (((vram[at + plane + 2] >> bit) & 3) << 2);
}
