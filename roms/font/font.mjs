// Reads the drawn font: for each glyph a header line whose first word is the code in hex, then 16
// rows of 8 pixels, `#` for ink and `.` for paper. Gives 256 glyphs of 16 bytes, leftmost pixel in
// bit 7; a code that is not drawn stays blank.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const ROWS = 16;

export function parseFont(text) {
  const font = new Uint8Array(256 * ROWS);
  let code = -1;
  let row = 0;
  for (const [index, raw] of text.split('\n').entries()) {
    const line = raw.trimEnd();
    if (/^[.#]{8}$/.test(line)) {
      if (code < 0 || row >= ROWS) throw new Error(`font line ${index + 1}: a row outside a glyph`);
      font[code * ROWS + row++] = parseInt(line.replaceAll('.', '0').replaceAll('#', '1'), 2);
      continue;
    }
    const header = /^(?:glyph\s+)?(?:0x)?([0-9a-fA-F]{2})\b/.exec(line);
    if (!header) continue;
    if (row !== 0 && row !== ROWS) throw new Error(`font line ${index + 1}: ${row} rows before it`);
    code = parseInt(header[1], 16);
    row = 0;
  }
  return font;
}

export function fontBinary() {
  const path = join(import.meta.dirname, 'cp437-8x16.txt');
  return existsSync(path) ? parseFont(readFileSync(path, 'utf8')) : new Uint8Array(256 * ROWS);
}
