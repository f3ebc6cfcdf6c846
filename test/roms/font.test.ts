import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';

/** Code to rows of pixels. */
function readFont(name: string): Map<number, string[]> {
  const text = readFileSync(join(import.meta.dirname, '../../roms/font', name), 'utf8');
  const glyphs = new Map<number, string[]>();
  let rows: string[] = [];
  for (const line of text.split('\n')) {
    if (line === '' || line.startsWith(';')) continue;
    if (/^[.#]{8}$/.test(line)) rows.push(line);
    else {
      rows = [];
      glyphs.set(Number.parseInt(line.slice(0, 2), 16), rows);
    }
  }
  return glyphs;
}

for (const [name, height] of [
  ['cp437-8x16.txt', 16],
  ['cp437-8x8.txt', 8],
] as const) {
  test(`${name} has all 256 glyphs of ${height} rows, in order`, () => {
    const font = readFont(name);
    expect([...font.keys()]).toEqual(Array.from({ length: 256 }, (_, i) => i));
    expect([...font.values()].every(rows => rows.length === height)).toBe(true);
  });

  test(`in ${name} only the blanks look alike`, () => {
    const byShape = new Map<string, number[]>();
    for (const [code, rows] of readFont(name)) {
      const shape = rows.join('');
      byShape.set(shape, [...(byShape.get(shape) ?? []), code]);
    }
    const alike = [...byShape.values()].filter(codes => codes.length > 1);
    expect(alike).toEqual([[0x00, 0x20, 0xff]]);
  });

  test(`in ${name} lines and boxes join at their edges`, () => {
    const font = readFont(name);
    const edge = (code: number, column: number): string =>
      (font.get(code) ?? []).map(row => row[column]).join('');
    // Single: ┌ ─ ┬ ┐, ├ ┼ ┤; double: ╔ ═ ╦ ╗, ╠ ╬ ╣.
    for (const line of [
      [0xda, 0xc4, 0xc2, 0xbf],
      [0xc3, 0xc5, 0xb4],
      [0xc9, 0xcd, 0xcb, 0xbb],
      [0xcc, 0xce, 0xb9],
      [0xd5, 0xcd, 0xd1, 0xb8],
    ]) {
      for (let i = 1; i < line.length; i++) expect(edge(line[i], 0)).toBe(edge(line[i - 1], 7));
    }
    for (const column of [
      [0xda, 0xb3, 0xc3, 0xc0],
      [0xc9, 0xba, 0xcc, 0xc8],
      [0xd6, 0xba, 0xc7, 0xd3],
    ]) {
      for (let i = 1; i < column.length; i++) {
        expect(font.get(column[i])?.[0]).toBe(font.get(column[i - 1])?.at(-1));
      }
    }
  });
}
