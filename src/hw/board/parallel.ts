/**
 * The parallel ports at their places. All share one interrupt.
 */

import type { Char } from '../../char.ts';
import type { Line } from '../../line.ts';
import { Parallel } from '../char/parallel.ts';
import type { Wiring } from './wiring.ts';

export const PARALLEL_IRQ = 7;
/** The last one ends where the VGA's ports begin. */
const PLACES: readonly { readonly base: number; readonly length: number }[] = [
  { base: 0x378, length: 8 },
  { base: 0x278, length: 8 },
  { base: 0x3bc, length: 3 },
];
export const PARALLEL_PORTS: readonly number[] = PLACES.map(({ base }) => base);

/** By id. */
export function buildParallels(options: {
  readonly chars: readonly Char[];
  readonly wiring: Wiring;
  readonly irq: () => Line;
}): (readonly [id: string, device: Parallel])[] {
  const { chars, wiring, irq } = options;
  return chars.slice(0, PLACES.length).map((char, i) => {
    const port = new Parallel({ irq: irq(), char });
    wiring.ports({ name: 'parallel', ...PLACES[i] }, port.ports);
    return [`isa-parallel.${i}`, port] as const;
  });
}
