/**
 * Pictures as binary PPM (P6) files, as QEMU's screendump writes them.
 */

import type { Picture } from './render.ts';

export function ppm({ width, height, rgba }: Picture): Uint8Array {
  const header = new TextEncoder().encode(`P6\n${width} ${height}\n255\n`);
  const file = new Uint8Array(header.length + width * height * 3);
  file.set(header);
  let out = header.length;
  for (let at = 0; at < rgba.length; at += 4) {
    file[out++] = rgba[at];
    file[out++] = rgba[at + 1];
    file[out++] = rgba[at + 2];
  }
  return file;
}
