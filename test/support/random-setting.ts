/**
 * What random programs find: the memory with tables, handlers and data, and the registers they
 * start with.
 */

import {
  ATTRIBUTES,
  BASE,
  CPL,
  CR0,
  CR0_AM,
  CR0_PE,
  CR0_PG,
  CR0_WP,
  CR3,
  CR4,
  CR4_OSFXSR,
  CS,
  DS,
  EFLAGS_REST,
  EIP,
  ES,
  ESP,
  FS,
  GDTR_BASE,
  GDTR_LIMIT,
  GS,
  IDTR_BASE,
  IDTR_LIMIT,
  IF,
  LIMIT,
  SELECTOR,
  SMBASE,
  SS,
  TR,
} from '../../src/cpu/registers.ts';
import type { Random } from './random.ts';
import type { Assembled } from './random-code.ts';
import { handlers16, handlers32, VECTORS } from './random-handlers.ts';
import {
  CODE,
  COUNTERS,
  DATA,
  DIRECTORY,
  FAR_CODE,
  FAR_DATA,
  GDT,
  HANDLERS,
  IDT,
  INNER_TOP,
  LENGTHS,
  LOG_PORT,
  MENDED,
  type Mode,
  OVERLAY,
  OVERLAYS,
  RAM_SIZE,
  SELECTORS,
  SMRAM,
  STACK_BASE,
  STACK_TOP,
  TABLE,
  TSS,
} from './random-layout.ts';

const [PRESENT, WRITABLE, USER] = [1, 2, 4];
const FLAT_CODE = [0xffff, 0x00cf9b00];
const FLAT_DATA = [0xffff, 0x00cf9300];
const USER_CODE = [0xffff, 0x00cffb00];
const USER_DATA = [0xffff, 0x00cff300];
/** FS and GS of 32-bit programs: the data, byte for byte, and some of it from an odd address. */
const SMALL = [
  { base: DATA, limit: 0x7fff },
  { base: DATA + 0x1003, limit: 0x4ffe },
];

/** Of SELECTORS.kinds: the limit and the upper word. */
const KINDS = [
  [0x2fff, 0x40f700],
  [0x2fff, 0x00f700],
  [0x7fff, 0x40f100],
  [0xffff, 0xcff300],
  [0x7fff, 0x40fb00],
];
/** mov al, 77h; out LOG_PORT, al; rsm */
const SMM_CODE = [0xb0, 0x77, 0xe6, LOG_PORT, 0x0f, 0xaa];

export interface Setting {
  readonly mode: Mode;
  readonly image: Uint8Array;
  /** Words of the register file that differ from those at power-on. */
  readonly registers: ReadonlyMap<number, number>;
}

/** `general` are EAX to EDI, of which ESP is replaced. */
export function makeSetting(
  random: Random,
  mode: Mode,
  code: Assembled,
  general: readonly number[],
): Setting {
  const image = new Uint8Array(RAM_SIZE);
  const data = random.fill(new Uint8Array(0x800));
  for (let at = 0; at < 0x8000; at += data.length) {
    image.set(data, at);
    image.set(data, DATA + at);
  }
  image.set(code.bytes, CODE);
  image.set(code.lengths, LENGTHS);
  image.set(SMM_CODE, SMRAM + 0x8000);
  const view = new DataView(image.buffer);
  const registers = new Map<number, number>();
  general.forEach((value, i) => {
    registers.set(i, value);
  });
  registers.set(SMBASE, SMRAM);
  if (mode === 'real') setReal(view, registers);
  else setProtected(view, registers, { random, mode });
  return { mode, image, registers };
}

type Registers = Map<number, number>;

function setReal(view: DataView, registers: Registers): void {
  const handlers = handlers16();
  new Uint8Array(view.buffer).set(handlers.bytes, HANDLERS);
  for (const vector of VECTORS) {
    view.setUint16(vector * 4, handlers.labels.get(`vector ${vector}`) ?? 0, true);
    view.setUint16(vector * 4 + 2, HANDLERS >> 4, true);
  }
  const segments = [DATA + 0x1000, CODE, STACK_BASE, DATA, DATA, 0x400];
  segments.forEach((base, n) => {
    setSegment(registers, n, base >> 4, { base, limit: 0xffff, attributes: 0x9300 });
  });
  registers.set(ATTRIBUTES + CS, 0x9b00);
  registers.set(ESP, STACK_TOP - STACK_BASE);
  registers.set(EIP, 0);
  registers.set(IDTR_LIMIT, 0x3ff);
  registers.set(EFLAGS_REST, 2 | IF);
}

interface Segment {
  readonly base: number;
  readonly limit: number;
  readonly attributes: number;
}

function setSegment(registers: Registers, n: number, selector: number, given: Segment): void {
  registers.set(SELECTOR + n, selector);
  registers.set(BASE + n, given.base);
  registers.set(LIMIT + n, given.limit | 0);
  registers.set(ATTRIBUTES + n, given.attributes);
}

interface How {
  readonly random: Random;
  readonly mode: Mode;
}

function setProtected(view: DataView, registers: Registers, how: How): void {
  const { random, mode } = how;
  const isUser = mode === 'user';
  writeTables(view);
  const data = isUser ? SELECTORS.userData : SELECTORS.data;
  const flat = { base: 0, limit: -1, attributes: isUser ? 0xcff300 : 0xcf9300 };
  // A limit makes every access a checked one.
  const checked = { base: 0, limit: 0xbffff, attributes: isUser ? 0xcff300 : 0xcf9300 };
  const isChecked = random.below(8) === 0;
  for (const n of [ES, SS, DS]) setSegment(registers, n, data, isChecked ? checked : flat);
  setSegment(registers, CS, isUser ? SELECTORS.userCode : SELECTORS.code, {
    ...flat,
    attributes: isUser ? 0xcffb00 : 0xcf9b00,
  });
  [FS, GS].forEach((n, i) => {
    setSegment(registers, n, 0x33 + 8 * i, { ...SMALL[i], attributes: 0x40f300 });
  });
  setSegment(registers, TR, SELECTORS.task, { base: TSS, limit: 0x67, attributes: 0x8b00 });
  registers.set(CR4, CR4_OSFXSR);
  registers.set(CPL, isUser ? 3 : 0);
  registers.set(GDTR_BASE, GDT);
  registers.set(GDTR_LIMIT, 0x6f);
  registers.set(IDTR_BASE, IDT);
  registers.set(IDTR_LIMIT, 0x7ff);
  registers.set(EIP, CODE);
  registers.set(ESP, STACK_TOP);
  registers.set(EFLAGS_REST, 2 | IF | (random.below(4) > 0 ? 0x3000 : 0));
  if (mode === 'flat') registers.set(CR0, CR0_PE | 0x10);
  else {
    mapPages(view, how);
    const bits = (random.below(2) === 0 ? CR0_WP : 0) | (random.below(2) === 0 ? CR0_AM : 0);
    registers.set(CR0, CR0_PE | 0x10 | CR0_PG | bits);
    registers.set(CR3, DIRECTORY);
  }
}

function writeTables(view: DataView): void {
  const gdt = [0, 0, ...FLAT_CODE, ...FLAT_DATA, ...USER_CODE, ...USER_DATA];
  gdt.push(0x67 | ((TSS & 0xffff) << 16), 0x8b00 | (TSS >> 16));
  for (const { base, limit } of SMALL) {
    gdt.push(limit | ((base & 0xffff) << 16), 0x40f300 | (base >> 16));
  }
  gdt.push(0xffff, 0x009300 | (STACK_BASE >> 16));
  for (const [limit, attributes] of KINDS) gdt.push(limit, attributes | (DATA >> 16));
  gdt.forEach((word, i) => {
    view.setUint32(GDT + i * 4, word, true);
  });
  const handlers = handlers32();
  new Uint8Array(view.buffer).set(handlers.bytes, HANDLERS);
  for (const vector of VECTORS) {
    const at = handlers.labels.get(`vector ${vector}`) ?? 0;
    view.setUint32(IDT + vector * 8, (SELECTORS.code << 16) | (at & 0xffff), true);
    view.setUint32(IDT + vector * 8 + 4, (at & 0xffff0000) | 0xee00, true);
  }
  view.setUint32(TSS + 4, INNER_TOP, true);
  view.setUint32(TSS + 8, SELECTORS.data, true);
  view.setUint16(TSS + 0x66, 0xffff, true);
}

/** The two pages: add eax, imm; ret, and 10h bytes on xor ecx, imm; ret. */
function writeOverlays(view: DataView): void {
  for (const page of [OVERLAYS, OVERLAYS + 0x1000]) {
    for (const [at, opcode] of [
      [0, 0xc081],
      [0x10, 0xf181],
    ]) {
      view.setUint16(page + at, opcode, true);
      view.setUint32(page + at + 2, page * 0x1235, true);
      view.setUint8(page + at + 6, 0xc3);
    }
  }
}

/** The megabyte as it is, with pages of code and data that fault for one reason or another. */
function mapPages(view: DataView, { random, mode }: How): void {
  writeOverlays(view);
  view.setUint32(DIRECTORY, TABLE | PRESENT | WRITABLE | USER, true);
  const within = (page: number, base: number, length: number): boolean =>
    page >= base >> 12 && page < (base + length) >> 12;
  for (let page = 0; page < RAM_SIZE >> 12; page++) {
    let [target, bits] = [page, PRESENT | WRITABLE];
    if (within(page, FAR_CODE, 0x10000)) target = page - ((FAR_CODE - CODE) >> 12);
    if (within(page, FAR_DATA, 0x10000)) target = page - ((FAR_DATA - DATA) >> 12);
    if (page === OVERLAY >> 12) target = OVERLAYS >> 12;
    const isCode = within(target, CODE, 0x10000) || page === OVERLAY >> 12;
    const isData = within(target, DATA, 0x8000) || page < CODE >> 12;
    const isStack = within(page, STACK_BASE, COUNTERS + 0x1000 - STACK_BASE);
    if (isCode || isData || isStack || within(page, DATA, 0x10000)) bits |= USER;
    if (isData) bits = dataBits(random, bits);
    else if (isCode && random.below(4) === 0) bits = (bits & ~random.below(4)) | MENDED;
    else if (isStack && mode === 'user' && random.below(3) === 0) {
      bits = (bits & ~random.pick([PRESENT, WRITABLE, USER])) | MENDED;
    }
    view.setUint32(TABLE + page * 4, (target << 12) | bits, true);
  }
}

function dataBits(random: Random, bits: number): number {
  if (random.below(100) < 55) return bits;
  const missing = random.pick([PRESENT, WRITABLE, USER, WRITABLE | USER]);
  return (bits & ~missing) | (random.below(3) > 0 ? MENDED : 0);
}
