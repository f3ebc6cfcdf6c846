/**
 * The handlers of random programs: every exception and interrupt is told to the log port (vector,
 * error code, EIP, EFLAGS, and CR2 or DR6), then a page is mended, or the instruction skipped by
 * the table of lengths, or the program goes on.
 */

import { hasErrorCode } from '../../src/cpu/fault.ts';
import { type Assembled, assemble, type Item, little } from './random-code.ts';
import {
  EXIT_PORT,
  HANDLERS,
  IRQ,
  LENGTHS,
  LOG_PORT,
  MENDED,
  SERVICE,
  STEPS,
  TABLE,
  VECTOR_PORT,
} from './random-layout.ts';

const [DB, NMI, BP, OF, PF] = [1, 2, 3, 4, 14];
/** Where things are on the stack behind PUSHA. */
const [VECTOR, ERROR, OFFSET, FLAGS] = [32, 36, 40, 48];

/** Bytes in hexadecimal. */
export function hex(text: string, ...more: readonly number[]): Item {
  const bytes = text.split(' ').map(byte => Number.parseInt(byte, 16));
  return { bytes: [...bytes, ...more] };
}

function near(opcode: string, label: string, size: 2 | 4): Item {
  const bytes = opcode.split(' ').map(byte => Number.parseInt(byte, 16));
  const at = bytes.length;
  const zeros = little(0, size);
  return {
    bytes: [...bytes, ...zeros],
    reference: { label, at, size, relative: true, plus: 0 },
  };
}

function kindOf(vector: number): 'page' | 'debug' | 'service' | 'go' | 'skip' {
  if (vector === PF) return 'page';
  if (vector === DB) return 'debug';
  if (vector === SERVICE) return 'service';
  return vector === NMI || vector === BP || vector === OF || vector === IRQ ? 'go' : 'skip';
}

export const VECTORS = [...Array.from({ length: 32 }, (_, i) => i), IRQ, SERVICE];

/** Of 32-bit modes; labels `vector N`. */
export function handlers32(): Assembled {
  const items: Item[] = [];
  for (const vector of VECTORS) {
    items.push({ label: `vector ${vector}` });
    if (vector > 31 || !hasErrorCode(vector)) items.push(hex('6a 00'));
    items.push(hex('68', ...little(vector, 4)), near('e9', kindOf(vector), 4));
  }
  for (const kind of ['page', 'debug', 'service', 'go', 'skip']) {
    items.push({ label: kind }, hex('60'));
    items.push(hex('8b 44 24', VECTOR), hex('e7', VECTOR_PORT));
    for (const at of [ERROR, OFFSET, FLAGS]) {
      items.push(hex('8b 44 24', at), hex('e7', LOG_PORT));
    }
    items.push(...BODIES[kind]);
  }
  items.push({ label: 'return' }, hex('61'), hex('83 c4 08'), hex('cf'));
  items.push({ label: 'die' }, hex('e7', EXIT_PORT), hex('eb fe'));
  return assemble(items, HANDLERS);
}

const LEAVE = near('e9', 'return', 4);
const SKIP: Item[] = [
  { label: 'skip it' },
  hex('0f b7 4c 24', OFFSET),
  hex('0f b6 89', ...little(LENGTHS, 4)),
  hex('85 c9'),
  near('0f 84', 'die', 4),
  hex('01 4c 24', OFFSET),
  LEAVE,
];
/** mov eax,cr2; out; above the megabyte: skip; ebx: the entry; mended or skipped. */
const PAGE: Item[] = [
  hex('0f 20 d0'),
  hex('e7', LOG_PORT),
  hex('3d', ...little(0x100000, 4)),
  near('0f 83', 'skip it', 4),
  hex('c1 e8 0c'),
  hex('8d 1c 85', ...little(TABLE, 4)),
  hex('f7 03', ...little(MENDED, 4)),
  near('0f 84', 'skip it', 4),
  hex('83 0b 07'),
  hex('0f 20 d0'),
  hex('0f 01 38'),
  LEAVE,
];
/** DR6 is told and cleared; RF, for breakpoints; TF goes with the last step. */
const DEBUG: Item[] = [
  hex('0f 21 f0'),
  hex('e7', LOG_PORT),
  hex('31 c0'),
  hex('0f 23 f0'),
  hex('81 4c 24', FLAGS, ...little(0x10000, 4)),
  hex('ff 0d', ...little(STEPS, 4)),
  near('0f 8f', 'return', 4),
  hex('81 64 24', FLAGS, ...little(~0x100, 4)),
  LEAVE,
];
/**
 * The entry of linear page AL is changed by the low bits of AH, or for bit 4 points to the page's
 * neighbour; then INVLPG, or for bit 3 CR3.
 */
const SERVE: Item[] = [
  hex('8b 54 24 1c'),
  hex('0f b6 c2'),
  hex('8d 1c 85', ...little(TABLE, 4)),
  hex('0f b6 ce'),
  hex('89 c8'),
  hex('83 e0 07'),
  hex('83 e1 10'),
  hex('c1 e1 08'),
  hex('09 c8'),
  hex('31 03'),
  hex('0f b6 c2'),
  hex('c1 e0 0c'),
  hex('0f 01 38'),
  hex('f6 c6 08'),
  near('0f 84', 'return', 4),
  hex('0f 20 d8'),
  hex('0f 22 d8'),
  LEAVE,
];
const BODIES: { readonly [kind: string]: readonly Item[] } = {
  page: PAGE,
  debug: DEBUG,
  service: SERVE,
  go: [LEAVE],
  skip: SKIP,
};

/** Of real mode: behind PUSHA and the vector the frame has IP, CS and FLAGS. */
export function handlers16(): Assembled {
  const items: Item[] = [];
  for (const vector of VECTORS) {
    const kind = kindOf(vector);
    const isSkipped = kind === 'skip' || kind === 'page';
    items.push({ label: `vector ${vector}` }, hex('68', ...little(vector, 2)));
    items.push(near('e9', kind === 'debug' ? 'debug' : isSkipped ? 'skip' : 'go', 2));
  }
  for (const kind of ['debug', 'go', 'skip']) {
    items.push({ label: kind }, hex('60'), hex('89 e5'));
    items.push(hex('8b 46', 16), hex('e7', VECTOR_PORT));
    for (const at of [18, 22]) items.push(hex('8b 46', at), hex('e7', LOG_PORT));
    if (kind === 'debug') items.push(...DEBUG16);
    if (kind === 'skip') items.push(...SKIP16);
    items.push(near('e9', 'return', 2));
  }
  items.push({ label: 'return' }, hex('61'), hex('83 c4 02'), hex('cf'));
  items.push({ label: 'die' }, hex('e7', EXIT_PORT), hex('eb fe'));
  return assemble(items, 0);
}

/** push ds; LENGTHS by DS; the length of what is at IP. */
const SKIP16: Item[] = [
  hex('1e'),
  hex('b8', ...little(LENGTHS >> 4, 2)),
  hex('8e d8'),
  hex('8b 5e 12'),
  hex('8a 07'),
  hex('30 e4'),
  hex('1f'),
  hex('85 c0'),
  near('0f 84', 'die', 2),
  hex('01 46 12'),
];
/** As above, but breakpoints end: 16 bits of flags have no RF. */
const DEBUG16: Item[] = [
  hex('0f 21 f0'),
  hex('66 e7', LOG_PORT),
  hex('66 31 c0'),
  hex('0f 23 f0'),
  hex('0f 23 f8'),
  hex('36 ff 0e', ...little(STEPS, 2)),
  near('0f 8f', 'return', 2),
  hex('81 66 16', ...little(~0x100, 2)),
];
