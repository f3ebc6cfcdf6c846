import type { Context, Size } from '../../src/cpu/context.ts';
import type { CpuWiring } from '../../src/cpu/cpu.ts';
import { Fault, throwFault } from '../../src/cpu/fault.ts';
import { VectorViews } from '../../src/cpu/fpu/state.ts';
import { Mmu, PF_U, PF_W, raisePageFault } from '../../src/cpu/mmu.ts';
import { type CpuModel, type Feature, findModel } from '../../src/cpu/models.ts';
import {
  ATTRIBUTES,
  BASE,
  CPL,
  CR0,
  CS,
  EFLAGS_REST,
  EIP,
  GDTR_BASE,
  GDTR_LIMIT,
  IDTR_BASE,
  IDTR_LIMIT,
  LIMIT,
  REGISTER_WORDS,
  SELECTOR,
} from '../../src/cpu/registers.ts';
import { resetRegisters } from '../../src/cpu/reset.ts';
import { readAddress, writeAddress } from '../../src/cpu/segment.ts';
import { Line } from '../../src/line.ts';
import { Log } from '../../src/log.ts';
import { Memory } from '../../src/memory.ts';
import { Ports } from '../../src/ports.ts';

const RAM = 0x200000;
export const GDT = 0x1000;
export const IDT = 0x2000;
export const LDT_BASE = 0x3000;
export const TSS_BASE = 0x4000;

/** A processor without instructions: 2 MiB of RAM, paging by the real walk, no lazy flags. */
export class FakeContext implements Context {
  readonly s = new Int32Array(REGISTER_WORDS);
  readonly s8 = new Int8Array(this.s.buffer);
  readonly views = new VectorViews(this.s);
  readonly memory = new Memory(RAM);
  readonly ports = new Ports();
  readonly log = new Log();
  readonly mmu: Mmu;
  readonly wiring: CpuWiring;
  readonly model: CpuModel;
  readonly smiActive = new Line('smiact');
  readonly tripleFaults: string[] = [];
  readonly flushes: string[] = [];
  now = 0n;
  readonly isLeaving = false;
  readonly isPlain = false;
  /** No bulk copies here. */
  readonly tlb = { readRun: () => -1, writeRun: () => -1 };
  private modified = 0;
  eip = 0x100;
  nextEip = 0x102;
  modeChanges = 0;
  leaves = 0;

  constructor(model = 'max') {
    const arenaOffset = this.memory.allocate(RAM);
    this.memory.map({ name: 'ram', base: 0, length: RAM, backing: { arenaOffset } });
    this.model = findModel(model);
    this.mmu = new Mmu(this.s, this.memory);
    const a20 = new Line('a20');
    a20.set(true);
    this.wiring = {
      memory: this.memory,
      ports: this.ports,
      log: this.log,
      intr: new Line('intr'),
      nmi: new Line('nmi'),
      a20,
      smi: new Line('smi'),
      smiActive: this.smiActive,
      acknowledge: () => 0,
      syncClock: () => {},
      timeStamp: () => this.now,
      onTripleFault: why => this.tripleFaults.push(why),
    };
    resetRegisters(this.s, this.model);
  }

  jump(eip: number): void {
    this.s[EIP] = eip;
  }

  leave(): void {
    this.leaves++;
  }

  restart(): void {
    this.jump(this.eip);
  }

  eflags(): number {
    return this.s[EFLAGS_REST];
  }

  setEflags(value: number, mask: number): void {
    this.s[EFLAGS_REST] = (this.s[EFLAGS_REST] & ~mask) | (value & mask) | 2;
  }

  load(seg: number, offset: number, size: Size): number {
    const linear = readAddress(this, seg, offset, size);
    return this.readLinear(linear, size, this.s[CPL] === 3);
  }

  store(seg: number, offset: number, size: Size, value: number): void {
    const linear = writeAddress(this, seg, offset, size);
    this.writeLinear(linear, size, value, this.s[CPL] === 3);
  }

  loadToModify(seg: number, offset: number, size: Size): number {
    this.modified = writeAddress(this, seg, offset, size);
    this.probeWrite(this.modified, size, this.s[CPL] === 3);
    return this.readLinear(this.modified, size, this.s[CPL] === 3);
  }

  finishModify(size: Size, value: number): void {
    this.writeLinear(this.modified, size, value, this.s[CPL] === 3);
  }

  readLinear(linear: number, size: Size, user: boolean): number {
    const value = this.memory.read(this.physical(linear, user ? PF_U : 0), size);
    return (value << (32 - size * 8)) >> (32 - size * 8);
  }

  writeLinear(linear: number, size: Size, value: number, user: boolean): void {
    this.memory.write(this.physical(linear, PF_W | (user ? PF_U : 0)), size, value);
  }

  probeRead(linear: number, size: number, user: boolean): void {
    for (let i = 0; i < size; i++) this.readLinear((linear + i) >>> 0, 1, user);
  }

  probeWrite(linear: number, size: number, user: boolean): void {
    this.physical(linear, PF_W | (user ? PF_U : 0));
    this.physical(linear + size - 1, PF_W | (user ? PF_U : 0));
  }

  flushTlb(global: boolean): void {
    this.flushes.push(global ? 'all' : 'local');
  }

  flushPage(linear: number): void {
    this.flushes.push(`page ${linear.toString(16)}`);
  }

  modeChanged(): void {
    this.modeChanges++;
  }

  has(feature: Feature): boolean {
    return this.model.features.has(feature);
  }

  raise(vector: number, errorCode?: number): never {
    throwFault(vector, errorCode);
  }

  private physical(linear: number, access: number): number {
    const page = this.mmu.walk(linear, access);
    if (page === -1) raisePageFault(this, linear, this.mmu.errorCode);
    return page | (linear & 0xfff);
  }
}

/** `#GP(18)`, `#UD`, or the value the call gave. */
export function outcome(run: () => unknown): string {
  try {
    run();
    return 'done';
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
    const code = error.errorCode < 0 ? '' : `(${error.errorCode.toString(16)})`;
    return `#${NAMES[error.vector] ?? error.vector}${code}`;
  }
}

const NAMES: { readonly [vector: number]: string } = {
  0: 'DE',
  1: 'DB',
  3: 'BP',
  5: 'BR',
  6: 'UD',
  7: 'NM',
  8: 'DF',
  10: 'TS',
  11: 'NP',
  12: 'SS',
  13: 'GP',
  14: 'PF',
};

/** A segment descriptor: `access` is bits 8-15, `flags` bits 20-23 (8 = G, 4 = D). */
export function descriptor(
  base: number,
  limit: number,
  access: number,
  flags = 0,
): readonly [number, number] {
  const low = (limit & 0xffff) | (base << 16);
  const high =
    ((base >>> 16) & 0xff) |
    (access << 8) |
    (limit & 0xf0000) |
    (flags << 20) |
    (base & 0xff000000);
  return [low, high];
}

/** A gate: `type` is bits 8-15. */
export function gate(
  selector: number,
  offset: number,
  type: number,
  parameters = 0,
): readonly [number, number] {
  return [(selector << 16) | (offset & 0xffff), (offset & 0xffff0000) | (type << 8) | parameters];
}

export function poke(c: FakeContext, address: number, ...words: readonly number[]): void {
  words.forEach((word, i) => {
    c.memory.write(address + i * 4, 4, word >>> 0);
  });
}

export function peekMemory(c: FakeContext, address: number, count = 1): number[] {
  return Array.from({ length: count }, (_, i) => c.memory.read(address + i * 4, 4));
}

/** Puts a descriptor into the GDT. */
export function define(c: FakeContext, selector: number, words: readonly [number, number]): void {
  poke(c, GDT + (selector & 0xfff8), ...words);
}

/** Selectors of the tables `protectedMode` builds. */
export const CODE0 = 0x08;
export const DATA0 = 0x10;
export const CODE3 = 0x1b;
export const DATA3 = 0x23;
export const TSS = 0x28;
export const FREE = 0x30;

/** Protected mode at ring 0 with flat segments, a 32-bit TSS whose ring-0 stack is at 8000h. */
export function protectedMode(model = 'max'): FakeContext {
  const c = new FakeContext(model);
  define(c, CODE0, descriptor(0, 0xfffff, 0x9b, 0xc));
  define(c, DATA0, descriptor(0, 0xfffff, 0x93, 0xc));
  define(c, CODE3, descriptor(0, 0xfffff, 0xfb, 0xc));
  define(c, DATA3, descriptor(0, 0xfffff, 0xf3, 0xc));
  define(c, TSS, descriptor(TSS_BASE, 0x67 + 0x2000, 0x8b));
  poke(c, TSS_BASE + 4, 0x8000, DATA0);
  c.memory.write(TSS_BASE + 0x66, 2, 0x88);
  c.s[GDTR_BASE] = GDT;
  c.s[GDTR_LIMIT] = 0xfff;
  c.s[IDTR_BASE] = IDT;
  c.s[IDTR_LIMIT] = 0x7ff;
  c.s[CR0] |= 1;
  atLevel(c, 0);
  c.s[SELECTOR + 7] = TSS;
  c.s[BASE + 7] = TSS_BASE;
  c.s[LIMIT + 7] = 0x2067;
  c.s[ATTRIBUTES + 7] = 0x8b00;
  c.s[ATTRIBUTES + 6] = 0;
  return c;
}

/** All segments flat, at privilege `level` (0 or 3). */
export function atLevel(c: FakeContext, level: 0 | 3): void {
  for (let n = 0; n < 6; n++) {
    const code = n === CS;
    c.s[SELECTOR + n] = level === 0 ? (code ? CODE0 : DATA0) : code ? CODE3 : DATA3;
    c.s[BASE + n] = 0;
    c.s[LIMIT + n] = -1;
    c.s[ATTRIBUTES + n] = (code ? 0xc09b00 : 0xc09300) | (level << 13);
  }
  c.s[CPL] = level;
}

/** Virtual-8086 mode with segments of zero and SP 1000h. */
export function virtual8086(c: FakeContext, iopl: 0 | 3): void {
  c.s[EFLAGS_REST] = 0x20002 | (iopl << 12);
  for (let n = 0; n < 6; n++) {
    c.s[SELECTOR + n] = 0;
    c.s[BASE + n] = 0;
    c.s[LIMIT + n] = 0xffff;
    c.s[ATTRIBUTES + n] = 0xf300;
  }
  c.s[CPL] = 3;
}
