import { expect, test } from 'vitest';
import { cp437 } from '../../../src/hw/display/cp437.ts';
import { screenLines, screenMode, screenText, textScreen } from '../../../src/hw/display/text.ts';
import { powerOn } from './modes.ts';

function write(poke: (address: number, value: number) => void, at: number, text: string): void {
  for (let i = 0; i < text.length; i++) {
    poke(0xb8000 + (at + i) * 2, text.charCodeAt(i));
    poke(0xb8000 + (at + i) * 2 + 1, 0x07);
  }
}

test('the screen is what the guest wrote at B8000h', () => {
  const { vga, setMode, poke } = powerOn();
  expect(screenMode(vga)).toBe('blank');
  expect(textScreen(vga)).toBeUndefined();
  setMode('03h');
  expect(screenMode(vga)).toBe('text');
  write(poke, 0, 'SeaBIOS');
  write(poke, 80 * 2 + 3, 'A:\\>dir');
  expect(screenText(vga)).toBe('SeaBIOS\n\n   A:\\>dir');
  const screen = textScreen(vga);
  expect([screen?.columns, screen?.rows, screen?.attributes[0]]).toEqual([80, 25, 0x07]);
});

test('the cursor is where CRTC registers put it, and can be turned off', () => {
  const { vga, setMode, crtc } = powerOn();
  setMode('03h');
  crtc(0x0e, 0x00);
  crtc(0x0f, 80 + 5);
  expect(textScreen(vga)?.cursor).toEqual({
    column: 5,
    row: 1,
    enabled: true,
    firstLine: 13,
    lastLine: 14,
  });
  crtc(0x0a, 0x2d);
  expect(textScreen(vga)?.cursor.enabled).toBe(false);
});

test('the start address scrolls the screen', () => {
  const { vga, setMode, poke, crtc } = powerOn();
  setMode('03h');
  write(poke, 80, 'second');
  crtc(0x0d, 80);
  expect(screenText(vga)).toBe('second');
});

test('fifty rows of eight lines are fifty rows', () => {
  const { vga, setMode, crtc, poke } = powerOn();
  setMode('03h');
  crtc(0x09, 0x47);
  write(poke, 80 * 49, 'last');
  const screen = textScreen(vga);
  expect(screen?.rows).toBe(50);
  expect(screen && screenLines(screen)[49]).toBe('last');
});

test('graphics modes have no text', () => {
  const { vga, setMode } = powerOn();
  setMode('13h');
  expect(screenMode(vga)).toBe('graphics');
  expect(screenText(vga)).toBe('');
});

test('code page 437 maps to Unicode', () => {
  const codes = [0x01, 0x10, 0x41, 0x7e, 0x7f, 0x80, 0x9c, 0xb0, 0xc9, 0xdb, 0xe1, 0xf8, 0xfe];
  expect(codes.map(cp437).join('')).toBe('☺►A~⌂Ç£░╔█ß°■');
  expect(new Set(Array.from({ length: 256 }, (_, i) => cp437(i))).size).toBe(254);
});
