/**
 * What a VGA in text mode shows: characters, attributes and cursor, for terminals and tests.
 *
 * Spec: IBM VGA Technical Reference, alphanumeric modes.
 */

import { cp437 } from './cp437.ts';
import { vbeEnabled } from './vbe.ts';
import type { Vga, VgaRegisters } from './vga.ts';

export interface TextScreen {
  readonly columns: number;
  readonly rows: number;
  /** Codes (page 437) and attributes, row by row. */
  readonly codes: Uint8Array;
  readonly attributes: Uint8Array;
  readonly cursor: TextCursor;
}

export interface TextCursor {
  /** From 0; outside of the screen when the guest has put it there. */
  readonly column: number;
  readonly row: number;
  /** False when it is turned off; it blinks on its own. */
  readonly enabled: boolean;
  /** Scan lines it covers, both included. */
  readonly firstLine: number;
  readonly lastLine: number;
}

const AR_SCREEN_ENABLED = 0x20;
const GR6_GRAPHICS = 0x01;
const MAX_COLUMNS = 256;
const MAX_ROWS = 256;
const BYTES_PER_CELL = 4;

/** `blank` while the guest has switched the screen off or set up nothing yet. */
export function screenMode(vga: Vga): 'blank' | 'text' | 'graphics' {
  const r = vga.registers;
  if (vbeEnabled(r.vbe)) return 'graphics';
  if ((r.arIndex & AR_SCREEN_ENABLED) === 0) return 'blank';
  return (r.gr[6] & GR6_GRAPHICS) !== 0 ? 'graphics' : 'text';
}

/** Height of the display in lines, as the CRTC has it. */
export function displayLines({ cr }: Pick<VgaRegisters, 'cr'>): number {
  return (cr[0x12] | ((cr[0x07] & 0x02) << 7) | ((cr[0x07] & 0x40) << 3)) + 1;
}

/** Lines of one row of characters. */
export function characterHeight({ cr }: Pick<VgaRegisters, 'cr'>): number {
  return (cr[0x09] & 0x1f) + 1;
}

/** Undefined in graphics modes and while the screen is blank. */
export function textScreen(vga: Vga): TextScreen | undefined {
  if (screenMode(vga) !== 'text') return undefined;
  const r = vga.registers;
  const { cr } = r;
  const lines = (cr[0x09] & 0x80) !== 0 ? displayLines(r) >> 1 : displayLines(r);
  const columns = Math.min(MAX_COLUMNS, cr[0x01] + 1);
  const rows = Math.min(MAX_ROWS, Math.floor(lines / characterHeight(r)));
  const start = (cr[0x0c] << 8) | cr[0x0d];
  const pitch = cr[0x13] * 2;
  const codes = new Uint8Array(columns * rows);
  const attributes = new Uint8Array(columns * rows);
  const { vram } = vga;
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      const at = (start + row * pitch + column) * BYTES_PER_CELL;
      codes[row * columns + column] = vram[at];
      attributes[row * columns + column] = vram[at + 1];
    }
  }
  return { columns, rows, codes, attributes, cursor: cursorOf(r, start, pitch) };
}

function cursorOf({ cr }: Pick<VgaRegisters, 'cr'>, start: number, pitch: number): TextCursor {
  const at = ((cr[0x0e] << 8) | cr[0x0f]) - start;
  const firstLine = cr[0x0a] & 0x1f;
  const lastLine = cr[0x0b] & 0x1f;
  return {
    column: pitch === 0 ? at : ((at % pitch) + pitch) % pitch,
    row: pitch === 0 ? 0 : Math.floor(at / pitch),
    enabled: (cr[0x0a] & 0x20) === 0 && firstLine <= lastLine,
    firstLine,
    lastLine,
  };
}

/** The screen as lines of Unicode text, blanks at their ends taken off. */
export function screenLines(screen: TextScreen): string[] {
  return Array.from({ length: screen.rows }, (_, row) =>
    Array.from(screen.codes.subarray(row * screen.columns, (row + 1) * screen.columns), cp437)
      .join('')
      .trimEnd(),
  );
}

/** All of it in one string, empty lines at the end taken off; empty in graphics modes. */
export function screenText(vga: Vga): string {
  const screen = textScreen(vga);
  return screen === undefined ? '' : screenLines(screen).join('\n').trimEnd();
}
