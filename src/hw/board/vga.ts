/**
 * The display in PCI slot 2: its video window and ports on the ISA side, its memory and registers
 * where the guest puts them.
 */

import type { Clock } from '../../clock.ts';
import type { Memory } from '../../memory.ts';
import type { Ports } from '../../ports.ts';
import { VGA_PORT_RANGES, Vga } from '../display/vga.ts';
import { PciFunction } from '../pci/config.ts';
import type { PcOptions } from './options.ts';
import type { Wiring } from './wiring.ts';

const VIDEO_WINDOW = 0xa0000;

export function buildVga(
  options: { clock: Clock; memory: Memory; ports: Ports } & Pick<PcOptions, 'vga'>,
  wiring: Wiring,
): { readonly vga: Vga; readonly pci: PciFunction } | undefined {
  const { vga: wanted, clock, memory, ports } = options;
  if (wanted === undefined) return undefined;
  const vga = new Vga({ clock, memory });
  memory.map({
    name: 'vga-lowmem',
    base: VIDEO_WINDOW,
    length: 0x20000,
    priority: 2,
    backing: vga.window,
  });
  for (const { base, length } of VGA_PORT_RANGES) {
    ports.map({ name: 'vga', base, length, handler: vga.portsAt(base) });
  }
  wiring.ports({ name: 'vbe', base: 0x1ce, length: 4, maxSize: 2 }, vga.vbePorts);
  const vram = wiring.memoryBar('vga.vram', vga.vramLength, { arenaOffset: vga.vramOffset });
  const mmio = wiring.memoryBar('vga.mmio', 0x1000, vga.mmio);
  const rom = wanted.rom === undefined ? undefined : wiring.romBar(wanted.rom);
  const pci = new PciFunction({
    name: 'VGA',
    vendor: 0x1234,
    device: 0x1111,
    revision: 2,
    classCode: 0x030000,
    bars: [
      { index: 0, kind: 'prefetchable', size: vga.vramLength, place: vram },
      { index: 2, kind: 'memory', size: 0x1000, place: mmio },
      ...(rom === undefined ? [] : [rom]),
    ],
  });
  return { vga, pci };
}
