// Reads a drawn font: for each glyph a header line whose first word is the code in hex, then its
// rows of 8 pixels, `#` for ink and `.` for paper. Gives 256 glyphs with a byte for each row, the
// leftmost pixel in bit 7; a code that is not drawn stays blank.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

export function parseFont(text, rows) {
  const font = new Uint8Array(256 * rows);
  let code = -1;
  let row = 0;
  for (const [index, raw] of text.split('\n').entries()) {
    const line = raw.trimEnd();
    if (/^[.#]{8}$/.test(line)) {
      if (code < 0 || row >= rows) throw new Error(`font line ${index + 1}: a row outside a glyph`);
      font[code * rows + row++] = parseInt(line.replaceAll('.', '0').replaceAll('#', '1'), 2);
      continue;
    }
    const header = /^(?:glyph\s+)?(?:0x)?([0-9a-fA-F]{2})\b/.exec(line);
    if (!header) continue;
    if (row !== 0 && row !== rows) throw new Error(`font line ${index + 1}: ${row} rows before it`);
    code = parseInt(header[1], 16);
    row = 0;
  }
  return font;
}

/** The font of 8 x `rows` pixels as a character generator holds it; that of 14 is that of 16
 * without its first and last row, which only line drawing uses. */
export function fontBinary(rows) {
  if (rows === 14) return fontBinary(16).filter((_row, i) => i % 16 > 0 && i % 16 < 15);
  const path = join(import.meta.dirname, `cp437-8x${rows}.txt`);
  return parseFont(readFileSync(path, 'utf8'), rows);
}
