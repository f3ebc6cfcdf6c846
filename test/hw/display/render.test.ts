import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import { ppm } from '../../../src/hw/display/ppm.ts';
import { picture } from '../../../src/hw/display/render.ts';
import { powerOn } from './modes.ts';

/** Mode, first address, bytes filled, SHA-1 of QEMU's screendump after the same program. */
const SCREENDUMPS = [
  ['04h', 0xb8000, 16384, '673b7ac35285d267de67979d89c3d2b2fcdd0d42'],
  ['06h', 0xb8000, 16384, '4be57d30e4dd99689e853ca92850eb0e82b97fa8'],
  ['0dh', 0xa0000, 8000, '85fad1916146c298376d47f60ceefd471a6088c9'],
  ['12h', 0xa0000, 38400, '06ac9ec6c1f3681ba091eee99ecd29bb4c8de9a8'],
  ['13h', 0xa0000, 64000, '9680558563a50fe4def6b18f08809aa179ce0fd9'],
] as const;

for (const [mode, start, length, sha1] of SCREENDUMPS) {
  test(`a pattern in mode ${mode} gives the picture QEMU gives`, () => {
    const { vga, setMode, dac, poke } = powerOn();
    setMode(mode);
    dac(i => [(i * 5) & 63, (i * 11) & 63, (63 - i) & 63]);
    let high = 0;
    for (let i = 0; i < length; i++) {
      const left = length - i;
      poke(start + i, ((high + left) & 0xff) ^ (left >> 8));
      high = (high + 7) & 0xff;
    }
    expect(
      createHash('sha1')
        .update(ppm(picture(vga)))
        .digest('hex'),
    ).toBe(sha1);
  });
}

/** One glyph as rows of `#` and `.`, at a cell of the text screen. */
function cell(
  pixels: { readonly width: number; readonly rgba: Uint8Array },
  column: number,
  row: number,
): string[] {
  return Array.from({ length: 16 }, (_, y) =>
    Array.from({ length: 9 }, (_, x) => {
      const at = ((row * 16 + y) * pixels.width + column * 9 + x) * 4;
      return pixels.rgba[at] + pixels.rgba[at + 1] + pixels.rgba[at + 2] > 0 ? '#' : '.';
    }).join(''),
  );
}

test('text mode draws the glyphs of plane 2, nine dots wide, and the cursor', () => {
  const { vga, setMode, dac, poke, indexed, crtc } = powerOn();
  setMode('03h');
  dac(i => [i, i, i]);
  // As BIOSes load fonts: plane 2, sequential, at A0000h.
  indexed(0x3c4, [3, 0, 4, 0, 6]);
  indexed(0x3ce, [0, 0, 0, 0, 0, 0, 4]);
  poke(0xa0000 + 0x41 * 32, 0x81);
  poke(0xa0000 + 0xc4 * 32 + 1, 0xff);
  setMode('03h');
  poke(0xb8000, 0x41);
  poke(0xb8001, 0x07);
  poke(0xb8002, 0xc4);
  poke(0xb8003, 0x07);
  crtc(0x0f, 1);
  const shown = picture(vga);
  expect([shown.width, shown.height]).toEqual([720, 400]);
  expect(cell(shown, 0, 0).slice(0, 2)).toEqual(['#......#.', '.........']);
  const line = cell(shown, 1, 0);
  expect(line[1]).toBe('#########');
  expect(line.slice(12)).toEqual(['.........', '#########', '#########', '.........']);
});

test('the cursor and blinking characters come and go', () => {
  const { clock, vga, setMode, dac, poke } = powerOn();
  setMode('03h');
  dac(i => [i, i, i]);
  poke(0xb8001, 0x07);
  poke(0xb8003, 0x17 | 0x80);
  const at = (ms: number): readonly string[] => {
    clock.advanceTo(ms * 1_000_000);
    return cell(picture(vga), 0, 0);
  };
  expect(at(0)[13]).toBe('#########');
  expect(at(150)[13]).toBe('.........');
  expect(at(300)[13]).toBe('#########');
});

test('VBE modes show their pixels from the linear frame buffer', () => {
  const { vga, vbe } = powerOn();
  const pixels: readonly (readonly [number, readonly number[], readonly number[]])[] = [
    [15, [0x1f, 0x7c], [255, 0, 255]],
    [16, [0xe0, 0x07], [0, 255, 0]],
    [24, [1, 2, 3], [3, 2, 1]],
    [32, [10, 20, 30, 0], [30, 20, 10]],
  ];
  for (const [bpp, bytes, color] of pixels) {
    vbe(4, 0);
    vbe(1, 640);
    vbe(2, 480);
    vbe(3, bpp);
    vbe(4, 0x41);
    const step = bytes.length;
    vga.vram.set(bytes, 640 * 2 * step + 5 * step);
    const shown = picture(vga);
    expect([shown.width, shown.height]).toEqual([640, 480]);
    const at = (640 * 2 + 5) * 4;
    expect([...shown.rgba.subarray(at, at + 4)]).toEqual([...color, 255]);
    expect(shown.rgba[at + 4]).toBe(0);
  }
});

test('VBE with 8 bits goes through the DAC, eight bits wide when told', () => {
  const { vga, vbe, dac } = powerOn();
  dac(() => [0x3f, 0x10, 0x01]);
  for (const [enable, color] of [
    [0x41, [255, 64, 7]],
    [0x61, [63, 16, 1]],
  ] as const) {
    vbe(4, 0);
    vbe(1, 320);
    vbe(2, 200);
    vbe(3, 8);
    vbe(4, enable);
    expect([...picture(vga).rgba.subarray(0, 3)]).toEqual(color);
  }
});

test('a blank screen is black', () => {
  const { vga } = powerOn();
  const shown = picture(vga);
  expect(shown.rgba.every((v, i) => v === ((i & 3) === 3 ? 255 : 0))).toBe(true);
});

test('split screens start again from the top of memory', () => {
  const { vga, setMode, dac, poke, crtc } = powerOn();
  setMode('13h');
  dac(i => [i & 63, 0, 0]);
  crtc(0x18, 99); // line compare: the split begins behind line 99
  crtc(0x07, 0x0f);
  crtc(0x09, 0x01);
  crtc(0x0c, 0x10);
  poke(0xa0000, 0x3f);
  const { rgba, width } = picture(vga);
  expect(rgba[0]).toBe(0);
  expect(rgba[width * 100 * 4]).toBe(255);
});
