/**
 * Register values of the standard VGA modes (IBM VGA Technical Reference, mode tables), and a VGA
 * on a bench that is programmed with them through its ports.
 */

import { Clock } from '../../../src/clock.ts';
import { Vga } from '../../../src/hw/display/vga.ts';
import { Memory } from '../../../src/memory.ts';

const hex = (text: string): number[] => text.split(' ').map(byte => Number.parseInt(byte, 16));

interface Mode {
  readonly misc: number;
  readonly sr: readonly number[];
  readonly cr: readonly number[];
  readonly gr: readonly number[];
  readonly ar: readonly number[];
}

export const MODES: { readonly [name: string]: Mode } = {
  '03h': {
    misc: 0x67,
    sr: hex('03 00 03 00 02'),
    cr: hex('5f 4f 50 82 55 81 bf 1f 00 4f 0d 0e 00 00 00 00 9c 8e 8f 28 1f 96 b9 a3 ff'),
    gr: hex('00 00 00 00 00 10 0e 0f ff'),
    ar: hex('00 01 02 03 04 05 14 07 38 39 3a 3b 3c 3d 3e 3f 0c 00 0f 08 00'),
  },
  '04h': {
    misc: 0x63,
    sr: hex('03 09 03 00 02'),
    cr: hex('2d 27 28 90 2b 80 bf 1f 00 c1 00 00 00 00 00 00 9c 8e 8f 14 00 96 b9 a2 ff'),
    gr: hex('00 00 00 00 00 30 0f 0f ff'),
    ar: hex('00 13 15 17 02 04 06 07 10 11 12 13 14 15 16 17 01 00 03 00 00'),
  },
  '06h': {
    misc: 0x63,
    sr: hex('03 01 01 00 06'),
    cr: hex('5f 4f 50 82 54 80 bf 1f 00 c1 00 00 00 00 00 00 9c 8e 8f 28 00 96 b9 c2 ff'),
    gr: hex('00 00 00 00 00 00 0d 0f ff'),
    ar: hex('00 17 17 17 17 17 17 17 17 17 17 17 17 17 17 17 01 00 01 00 00'),
  },
  '0dh': {
    misc: 0x63,
    sr: hex('03 09 0f 00 06'),
    cr: hex('2d 27 28 90 2b 80 bf 1f 00 c0 00 00 00 00 00 00 9c 8e 8f 14 00 96 b9 e3 ff'),
    gr: hex('00 00 00 00 00 00 05 0f ff'),
    ar: hex('00 01 02 03 04 05 06 07 10 11 12 13 14 15 16 17 01 00 0f 00 00'),
  },
  '12h': {
    misc: 0xe3,
    sr: hex('03 01 0f 00 06'),
    cr: hex('5f 4f 50 82 54 80 0b 3e 00 40 00 00 00 00 00 00 ea 8c df 28 00 e7 04 e3 ff'),
    gr: hex('00 00 00 00 00 00 05 0f ff'),
    ar: hex('00 01 02 03 04 05 14 07 38 39 3a 3b 3c 3d 3e 3f 01 00 0f 00 00'),
  },
  '13h': {
    misc: 0x63,
    sr: hex('03 01 0f 00 0e'),
    cr: hex('5f 4f 50 82 54 80 bf 1f 00 41 00 00 00 00 00 00 9c 8e 8f 28 40 96 b9 a3 ff'),
    gr: hex('00 00 00 00 00 40 05 0f ff'),
    ar: hex('00 01 02 03 04 05 06 07 08 09 0a 0b 0c 0d 0e 0f 41 00 0f 00 00'),
  },
};

export function powerOn() {
  const clock = new Clock();
  const memory = new Memory(20 << 20);
  const vga = new Vga({ clock, memory });
  const ports = vga.portsAt(0x3c0);
  const out = (port: number, value: number): void => ports.write(port - 0x3c0, 1, value);
  const inb = (port: number): number => ports.read(port - 0x3c0, 1);
  const indexed = (port: number, values: readonly number[]): void => {
    values.forEach((value, index) => {
      out(port, index);
      out(port + 1, value);
    });
  };
  const crtc = (index: number, value: number): void => {
    out(0x3d4, index);
    out(0x3d5, value);
  };
  const setMode = (name: string): void => {
    const mode = MODES[name];
    out(0x3c2, mode.misc);
    indexed(0x3c4, mode.sr);
    crtc(0x11, 0);
    indexed(0x3d4, mode.cr);
    indexed(0x3ce, mode.gr);
    inb(0x3da);
    mode.ar.forEach((value, index) => {
      out(0x3c0, index);
      out(0x3c0, value);
    });
    out(0x3c0, 0x20);
  };
  const dac = (entry: (i: number) => readonly [number, number, number]): void => {
    out(0x3c8, 0);
    for (let i = 0; i < 256; i++) for (const value of entry(i)) out(0x3c9, value);
  };
  /** A byte of guest memory, from A0000h to BFFFFh. */
  const poke = (address: number, value: number): void =>
    vga.window.write(address - 0xa0000, 1, value);
  const peek = (address: number): number => vga.window.read(address - 0xa0000, 1);
  const vbe = (index: number, value: number): void => {
    vga.vbePorts.write(0, 2, index);
    vga.vbePorts.write(1, 2, value);
  };
  const readVbe = (index: number): number => {
    vga.vbePorts.write(0, 2, index);
    return vga.vbePorts.read(1, 2);
  };
  return { clock, vga, out, inb, indexed, crtc, setMode, dac, poke, peek, vbe, readVbe };
}
