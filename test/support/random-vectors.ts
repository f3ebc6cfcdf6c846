/**
 * Random loops of SSE and MMX or of x87 instructions, or of all of them with state saved, restored
 * and changed under way, over data of all kinds (zeros, denormals, infinities, NaNs, small
 * integers, noise), in two machines: one has the interpreter alone, one a translator for which
 * nearly everything is hot. State and memory are to be the same at every stop.
 */

import { MXCSR } from '../../src/cpu/fpu/state.ts';
import { CR0, CR0_TS, CR4, CR4_OSFXSR } from '../../src/cpu/registers.ts';
import { type Instruction, instructions } from '../../src/cpu/simd/instructions.ts';
import { BareMachine, RUN_LOOPS } from './bare-machine.ts';
import { Random } from './random.ts';

/** Each program has a page of its own: what changes often is not translated. */
const CODE = 0x100000;
const PROGRAMS = 0xff;
const DATA = 0x200000;
const DATA_BYTES = 0x4000;
const MEGABYTES = 4;
const NEVER = { slice: 200, samples: 1_000_000_000, price: 1, departures: 1_000_000_000 };
const EAGER = { slice: 200, samples: 2, price: 20, departures: 50 };
const STOPS = 6;
const BUDGET = 20_000;

const EBX = 3;
const ESI = 6;
/** General registers that programs may change. */
const FREE = [0, 2, 5];
const ANY = [0, 1, 2, 3, 4, 5, 6, 7];

/** The other roundings, flush, denormals as zeros, PE or all unmasked. */
const RARE_MODES = [0x3f80, 0x5fa0, 0x7f80, 0x9fa0, 0x1fc0, 0x9fe0, 0x0f80, 0];
/** The usual one, with PE clear and set. */
const MODES = [0x1f80, 0x1f80, 0x1fa0];
const SPECIAL: readonly bigint[] = [
  0n,
  0x8000000000000000n,
  1n,
  0x000fffffffffffffn,
  0x0010000000000000n,
  0x7fefffffffffffffn,
  0x7ff0000000000000n,
  0xfff0000000000000n,
  0x7ff8000000000001n,
  0x7ff0000000000001n,
  0x7f800000ff800000n,
  0x0080000000000001n,
  0x7fc000017fa00001n,
];

export interface Tally {
  [what: string]: number;
}

function fillData(random: Random, view: DataView): void {
  for (let at = 0; at < DATA_BYTES; at += 8) {
    const kind = random.below(8);
    if (kind === 0) view.setBigUint64(at, random.pick(SPECIAL), true);
    else if (kind === 1) view.setFloat64(at, random.below(2000) - 1000, true);
    else if (kind === 2) view.setFloat64(at, (random.word() - 2 ** 31) / 4096, true);
    else if (kind === 3) view.setFloat64(at, random.word() / (1 + random.below(1000)), true);
    else if (kind === 4) floats(random, view, at);
    else view.setBigUint64(at, (BigInt(random.word()) << 32n) | BigInt(random.word()), true);
  }
}

function floats(random: Random, view: DataView, at: number): void {
  view.setFloat32(at, random.below(100) - 50, true);
  view.setFloat32(at + 4, random.word() / 1024, true);
}

/** The bytes of an instruction with random operands. */
function bytesOf(random: Random, { encoding, entries, immediate }: Instruction): number[] {
  const words = encoding.split(' ');
  const form = words.find(word => word.startsWith('/')) ?? '/r';
  const opcode = words.filter(word => /^[0-9A-F]{2}$/.test(word)).map(w => Number.parseInt(w, 16));
  const isMemory =
    entries.register === undefined || (entries.memory !== undefined && random.below(2) === 0);
  const { quick } = entries;
  const isVector = quick !== undefined && !touchesGeneral(quick);
  const numbers = isVector ? ANY : FREE;
  const reg = form === '/r' ? random.pick(numbers) : Number(form[1]);
  const tail = isMemory
    ? memoryOperand(random, reg, quick !== undefined && !quick.isAligned)
    : [0xc0 | (reg << 3) | random.pick(numbers)];
  return [...opcode, ...tail, ...(immediate ? [random.below(256)] : [])];
}

function touchesGeneral(quick: object): boolean {
  if ('isGeneral' in quick && quick.isGeneral === true) return true;
  return 'to' in quick && quick.to === 'general';
}

/** EBX is a multiple of 16; ESI is anything. */
function memoryOperand(random: Random, reg: number, isFree: boolean): number[] {
  const base = isFree && random.below(3) > 0 ? ESI : EBX;
  const offset = base === ESI ? random.below(4) * 4 + (random.below(8) === 0 ? 1 : 0) : 0;
  return [0x40 | (reg << 3) | base, random.below(7) * 16 + offset];
}

/** What reads flags. */
const READERS = [
  [0x11, 0xc2],
  [0x0f, 0x9a, 0xc0],
  [0x0f, 0x47, 0xd5],
  [0x83, 0xd0, 0x00],
];

/** LDMXCSR would take noise; the rest may come. */
const CANDIDATES = instructions.filter(({ encoding }) => encoding !== 'NP 0F AE /2');
const QUICK = CANDIDATES.filter(({ entries }) => entries.quick !== undefined);

/** Moves and arithmetic of one double. */
const DOUBLES = QUICK.filter(({ encoding }) => /^F2 0F (10|11|58|59|5C|5E) /.test(encoding));
/** LDMXCSR from behind the data, STMXCSR into it. */
const CLEAR_FLAGS = [0x0f, 0xae, 0x15, ...word(DATA + DATA_BYTES)];
const TELL_FLAGS = [0x0f, 0xae, 0x5b];

/** x87 by what they do to the depth of the stack: opcode, then reg field (memory) or ModRM. */
const LOADS = [
  [0xd9, 0],
  [0xdd, 0],
  [0xdb, 0],
  [0xdf, 0],
  [0xd9, 0xe8],
  [0xd9, 0xee],
  [0xd9, 0xeb],
  [0xd9, 0xc0],
];
const POPS = [
  [0xd9, 3],
  [0xdd, 3],
  [0xdb, 3],
  [0xdd, 0xd8],
  [0xde, 0xc0],
  [0xde, 0xc8],
  [0xde, 0xe0],
  [0xde, 0xe8],
  [0xde, 0xf8],
  [0xdf, 0xe8],
  [0xdf, 0xf0],
  [0xd8, 0xd8],
];
const KEEPS = [
  ...[0xd8, 0xdc, 0xda, 0xde].flatMap(opcode => [0, 1, 4, 5, 0, 1, 4, 5, 7].map(r => [opcode, r])),
  ...[0xd8, 0xdc].flatMap(opcode => [0xc0, 0xc8, 0xe0, 0xe8, 0xf0].map(m => [opcode, m])),
  ...[2, 2].flatMap(reg => [0xd9, 0xdd, 0xd8, 0xdc].map(opcode => [opcode, reg])),
  [0xd9, 0xc8],
  [0xd9, 0xc8],
  [0xdd, 0xd0],
  [0xd9, 0xe0],
  [0xd9, 0xe1],
  [0xd9, 0xfa],
  [0xdb, 0xe8],
  [0xdb, 0xf0],
  [0xdf, 0xe0],
  [0xdf, 0xe0],
];
const WHOLE = [0xd9e0, 0xd9e1, 0xd9e8, 0xd9eb, 0xd9ee, 0xd9fa, 0xdfe0];
/** FNSTENV into the data; FNCLEX. */
const TELL_X87 = [0xd9, 0x73, 0x70];
const CLEAR_X87 = [0xdb, 0xe2];
const FLDCW = [0xd9, 0x2d, ...word(DATA + DATA_BYTES + 4)];
const CONTROLS = [0x37f, 0x37f, 0x37f, 0x27f, 0x77f, 0xb7f, 0xf7f, 0x07f, 0x37e, 0x340];

function x87Body(random: Random): number[] {
  const body: number[] = [...(random.below(3) === 0 ? FLDCW : [])];
  let depth = 0;
  const count = 6 + random.below(24);
  for (let i = 0; i < count; i++) {
    const any = random.below(30) === 0;
    const wants = depth < 2 ? 0 : depth > 6 ? 2 : random.below(3);
    const kind = any ? random.below(3) : wants;
    const [opcode, form] = random.pick([LOADS, KEEPS, POPS][kind]);
    depth += [1, 0, -1][kind];
    body.push(opcode, ...x87Operand(random, opcode, form));
    if (random.below(5) === 0) body.push(...random.pick(READERS));
    if (random.below(12) === 0) body.push(...TELL_X87);
    if (random.below(12) === 0) body.push(...CLEAR_X87);
  }
  for (; depth > 0; depth--) body.push(0xdd, ...memoryOperand(random, 3, true));
  return body;
}

/** Behind the data: 16 values for each control register, an area of FXSAVE, one of FNSAVE. */
const MODE_WORDS = DATA + DATA_BYTES + 0x40;
const CONTROL_WORDS = MODE_WORDS + 0x40;
const FX_AREA = CONTROL_WORDS + 0x80;
const SAVE_AREA = FX_AREA + 0x200;

/** State changed or exchanged as a whole: modes, stack pointer, tags, all registers. */
function stateChange(random: Random): number[] {
  const at = 4 * random.below(16);
  return random.pick([
    () => [0x0f, 0xae, 0x15, ...word(MODE_WORDS + at)],
    () => [0xd9, 0x2d, ...word(CONTROL_WORDS + at)],
    () => [0x0f, 0xae, 0x05 | (8 * random.below(2)), ...word(FX_AREA)],
    () => [0xdd, random.pick([0x25, 0x35]), ...word(SAVE_AREA)],
    () => [0xd9, random.pick([0x25, 0x35]), ...word(SAVE_AREA)],
    () => [0x0f, 0x77],
    () => [0xd9, 0xf6 + random.below(2)],
    () => [0xdd, 0xc0 + random.below(8)],
    () => [0xdb, 0xe2 + random.below(2)],
    () => bytesOf(random, random.pick(CANDIDATES)),
  ])();
}

/** x87, MMX and SSE instructions among each other, with the state changed under way. */
function mixedBody(random: Random): number[] {
  const body: number[] = [];
  const count = 5 + random.below(24);
  for (let i = 0; i < count; i++) {
    const kind = random.below(10);
    if (kind < 2) body.push(...stateChange(random));
    else if (kind < 4) body.push(...bytesOf(random, random.pick(QUICK)));
    else {
      const [opcode, form] = random.pick([LOADS, KEEPS, POPS][random.below(3)]);
      body.push(opcode, ...x87Operand(random, opcode, form));
    }
    if (random.below(5) === 0) body.push(...random.pick(READERS));
  }
  return body;
}

function writeImages(random: Random, { memory }: BareMachine): void {
  for (let at = FX_AREA; at < SAVE_AREA + 108; at += 4) memory.write(at, 4, random.word());
  for (let i = 0; i < 16; i++) {
    const isUsual = random.below(3) > 0;
    memory.write(MODE_WORDS + 4 * i, 4, random.pick(isUsual ? MODES : RARE_MODES));
    memory.write(CONTROL_WORDS + 4 * i, 2, random.pick(isUsual ? [0x37f] : CONTROLS));
  }
  memory.write(FX_AREA, 4, random.pick(CONTROLS));
  memory.write(FX_AREA + 24, 4, random.pick(MODES));
  memory.write(SAVE_AREA, 4, random.pick(CONTROLS));
  memory.write(SAVE_AREA + 4, 4, random.word() & 0x7f40);
}

function x87Operand(random: Random, opcode: number, form: number): number[] {
  if (form < 8) return memoryOperand(random, form, true);
  return [WHOLE.includes((opcode << 8) | form) ? form : form + random.below(3)];
}

function program(random: Random): Uint8Array {
  return looped(random, random.pick([x87Body, vectorBody, mixedBody])(random));
}

function vectorBody(random: Random): number[] {
  const body: number[] = [];
  const count = 3 + random.below(14);
  const usual = random.below(2) === 0 ? DOUBLES : QUICK;
  for (let i = 0; i < count; i++) {
    const from = usual === QUICK && random.below(12) === 0 ? CANDIDATES : usual;
    body.push(...bytesOf(random, random.pick(from)));
    if (random.below(5) === 0) body.push(...random.pick(READERS));
    if (random.below(usual === DOUBLES ? 2 : 6) === 0)
      body.push(...TELL_FLAGS, 4 * i, ...CLEAR_FLAGS);
  }
  body.push(...TELL_FLAGS, 4 * count);
  return body;
}

function looped(random: Random, body: number[]): Uint8Array {
  // add esi, step; add ebx, 16; and both into the data; dec ecx; jnz back; hlt
  const step = random.pick([4, 8, 8, 8, 16, 24, 36, random.below(64)]);
  const mask = DATA | (DATA_BYTES / 2 - 1);
  body.push(0x83, 0xc6, step, 0x83, 0xc3, 0x10);
  body.push(0x81, 0xe6, ...word(mask), 0x81, 0xe3, ...word(mask & ~15), 0x49);
  body.push(0x0f, 0x85, ...word(-(body.length + 6)), 0xf4);
  return Uint8Array.from(body);
}

function word(n: number): number[] {
  return [n, n >> 8, n >> 16, n >> 24].map(byte => byte & 255);
}

function machineWith(hotness: typeof EAGER): BareMachine {
  return new BareMachine(MEGABYTES, 'max', { ...RUN_LOOPS, hotness });
}

/** The program of a seed, before its first instruction. */
function prepare(machine: BareMachine, seed: number): void {
  const random = new Random(seed);
  machine.cpu.reset();
  machine.tripleFault = undefined;
  const code = CODE + (seed % PROGRAMS) * 0x1000;
  machine.memory.writeBytes(code, program(random));
  const data = new DataView(new ArrayBuffer(DATA_BYTES));
  fillData(random, data);
  machine.memory.writeBytes(DATA, new Uint8Array(data.buffer));
  const mode = random.pick(random.below(3) === 0 ? RARE_MODES : MODES);
  machine.memory.write(DATA + DATA_BYTES, 4, mode);
  machine.memory.write(DATA + DATA_BYTES + 4, 2, random.pick(CONTROLS));
  writeImages(random, machine);
  machine.enterProtected(code);
  const { s } = machine.cpu.processor;
  s.set([0, 1_000_000, 0, DATA], 0);
  s.set([0, DATA, 0], 5);
  s[CR4] |= CR4_OSFXSR;
  if (random.below(40) === 0) s[CR0] |= CR0_TS;
  s[MXCSR] = mode;
  machine.cpu.processor.modeChanged();
}

/** All that software can see, as text. */
function stateOf(machine: BareMachine): string {
  const data = new Uint8Array(SAVE_AREA + 108 - DATA);
  machine.memory.readBytes(DATA, data);
  const { registers, instructions: count } = machine.cpu.save() as {
    registers: Uint8Array;
    instructions: number;
  };
  const file = Buffer.from(registers).toString('hex');
  return `${count} ${machine.tripleFault ?? ''} ${file} ${Buffer.from(data).toString('hex')}`;
}

/** What differs first between two machines that run the program of a seed, if anything. */
function compare(seed: number, machines: readonly BareMachine[], tally: Tally): string | undefined {
  for (const machine of machines) prepare(machine, seed);
  for (let stop = 0; stop < STOPS; stop++) {
    const budget = BUDGET + 17 * stop;
    const results = machines.map(({ cpu }) => cpu.run(budget));
    tally[results[0]] = (tally[results[0]] ?? 0) + 1;
    const [a, b] = machines.map(stateOf);
    if (results[0] !== results[1] || a !== b) {
      const at = [...a].findIndex((c, i) => c !== b[i]);
      return `seed ${seed}, stop ${stop}: ${results.join(', ')}; states differ at ${at}`;
    }
    if (results[0] !== 'budget') break;
  }
  return undefined;
}

/** How many entrances of regions there have been. */
function countEntrances(machine: BareMachine, tally: Tally): void {
  const { cache } = machine.cpu.processor;
  const plant = cache.plant.bind(cache);
  cache.plant = (...entrance) => {
    tally['regions']++;
    plant(...entrance);
  };
}

export function runVectors(
  first: number,
  count: number,
): { difference?: string | undefined; tally: Tally } {
  const tally: Tally = { regions: 0 };
  for (let done = 0; done < count; done += PROGRAMS) {
    const machines = [NEVER, EAGER].map(machineWith);
    countEntrances(machines[1], tally);
    const end = first + Math.min(count, done + PROGRAMS);
    for (let seed = first + done; seed < end; seed++) {
      const difference = compare(seed, machines, tally);
      if (difference !== undefined) return { difference, tally };
    }
  }
  return { tally };
}
