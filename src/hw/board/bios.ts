/**
 * The firmware at its places: a ROM, or flash chips, below 4 GiB; the last 128 KiB again below
 * 1 MiB.
 */

import { assert } from '../../error.ts';
import { CfiFlash } from '../flash/cfi-flash.ts';
import type { PcOptions } from './options.ts';

const FOUR_GIB = 0x100000000;
const BIOS_WINDOW = 0x20000;

export interface Bios {
  /** Arena offset of the 128 KiB behind E0000. */
  readonly windowOffset: number;
  /** The first one ends at 4 GiB, each other one where the one before begins. */
  readonly flashes: readonly CfiFlash[];
}

export function placeBios(options: PcOptions): Bios {
  const { flashes = [] } = options;
  return flashes.length === 0 ? placeRom(options) : placeFlashes(options, flashes);
}

function placeRom({ memory, firmware: { bytes } }: PcOptions): Bios {
  assert(bytes.length > 0 && bytes.length % 0x10000 === 0, 'firmware is a multiple of 64 KiB');
  const biosLength = Math.max(bytes.length, BIOS_WINDOW);
  const bios = memory.allocate(biosLength, 'pc.bios');
  memory.u8.set(bytes, bios + biosLength - bytes.length);
  memory.map({
    name: 'pc.bios',
    base: FOUR_GIB - bytes.length,
    length: bytes.length,
    access: 'read',
    backing: { arenaOffset: bios + biosLength - bytes.length },
  });
  return { windowOffset: bios + biosLength - BIOS_WINDOW, flashes: [] };
}

/** Below 1 MiB is a copy, as in QEMU: commands do not reach the chip there. */
function placeFlashes(
  { memory, inbox }: PcOptions,
  chips: NonNullable<PcOptions['flashes']>,
): Bios {
  let base = FOUR_GIB;
  const flashes = chips.map((chip, i) => {
    base -= chip.bytes.length;
    return new CfiFlash({ ...chip, memory, inbox, base, name: `system.flash${i}` });
  });
  const windowOffset = memory.allocate(BIOS_WINDOW, 'isa-bios');
  const tail = chips[0].bytes.subarray(-BIOS_WINDOW);
  memory.u8.set(tail, windowOffset + BIOS_WINDOW - tail.length);
  return { windowOffset, flashes };
}
