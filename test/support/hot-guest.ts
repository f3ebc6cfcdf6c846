/**
 * The guest of hot.asm, run in all the ways there are to run programs, with interrupts in between.
 */

import {
  ATTRIBUTES,
  BASE,
  CR0,
  CS,
  EFLAGS_REST,
  EIP,
  ESP,
  LIMIT,
  SELECTOR,
} from '../../src/cpu/registers.ts';
import { CODE, RAM_SIZE } from './random-layout.ts';
import { Runner, runAll } from './random-lockstep.ts';
import { WAYS } from './random-suite.ts';

const [ENTRY, SEED] = [0x1c, 0x20];
const STACK_TOP = 0x7f000;

/** What differed, if anything did, and how much ran. */
export function runHotGuest(guest: Uint8Array, seed: number, length: number): string {
  const image = new Uint8Array(RAM_SIZE);
  image.set(guest, CODE);
  const view = new DataView(image.buffer);
  view.setUint32(CODE + SEED, seed, true);
  const registers = new Map<number, number>([
    [CR0, 0x60000011],
    [EFLAGS_REST, 2],
    [EIP, view.getInt32(CODE + ENTRY, true)],
    [ESP, STACK_TOP],
  ]);
  for (let n = 0; n < 6; n++) {
    registers.set(SELECTOR + n, n === CS ? 8 : 16);
    registers.set(BASE + n, 0);
    registers.set(LIMIT + n, -1);
    registers.set(ATTRIBUTES + n, n === CS ? 0xcf9b00 : 0xcf9300);
  }
  const runners = WAYS.map(way => new Runner(way));
  const setting = { mode: 'flat', image, registers } as const;
  const { end, difference, instructions } = runAll(runners, { seed, length, setting });
  if (difference !== undefined) return JSON.stringify(difference);
  return instructions >= length ? 'alike' : `${end} after ${instructions} instructions`;
}
