/**
 * A processor put into a mode by hand, a few bytes of code at an offset of its own segments, and
 * what the handler finds when they fault: which vector, and the frame.
 *
 * Linear memory: GDT 800h, real-mode vectors 0, IDT 1000h, TSS 2000h, handlers 4000h + 16 * vector
 * (a HLT each), inner stack below 8000h, code 10000h, stack 20000h, data 30000h.
 */

import { hasErrorCode } from '../../src/cpu/fault.ts';
import {
  ATTRIBUTES,
  BASE,
  CPL,
  CR0,
  CS,
  DS,
  EIP,
  ES,
  ESP,
  FS,
  GDTR_BASE,
  GDTR_LIMIT,
  GS,
  IDTR_BASE,
  IDTR_LIMIT,
  LIMIT,
  SELECTOR,
  SS,
  TR,
  VM,
} from '../../src/cpu/registers.ts';
import { BareMachine, RUN_LOOPS } from './bare-machine.ts';

/** 16-bit real, virtual-8086, protected with 16- or 32-bit segments at 64 KiB steps, flat. */
export type SceneMode = 'real' | 'v86' | 'prot16' | 'prot32' | 'flat';

export const GDT = 0x800;
const [IDT, TSS, HANDLERS, INNER] = [0x1000, 0x2000, 0x4000, 0x8000];
export const CODE = 0x10000;
export const STACK = 0x20000;
export const DATA = 0x30000;
const HLT = 0xf4;
const PRESENT_CODE = 0x9b00;
const PRESENT_DATA = 0x9300;
const BIG = 0x400000;
const GRANULAR = 0x800000;
const USER = 0x6000;
const FLAT_CODE = [0xffff, 0x00cf9b00];
const FLAT_DATA = [0xffff, 0x00cf9300];
const GATE = 0xee00;

export interface Frame {
  readonly vector: number;
  /** Absent where none is pushed. */
  readonly error?: number;
  readonly eip: number;
  readonly eflags: number;
  /** Before the frame was pushed. */
  readonly esp: number;
}

export interface SceneOptions {
  /** Of CS. */
  readonly limit?: number;
  readonly model?: string;
  /** Privilege of the protected modes. */
  readonly cpl?: 0 | 3;
  /** Run by the run loops, which a walk comes before otherwise. */
  readonly loops?: boolean;
}

export class Scene {
  readonly machine: BareMachine;
  readonly s: Int32Array;

  constructor(
    readonly mode: SceneMode,
    private readonly options: SceneOptions = {},
  ) {
    this.machine = new BareMachine(1, options.model, options.loops === true ? RUN_LOOPS : {});
    this.s = this.machine.cpu.processor.s;
    this.tables();
    this.registers();
  }

  private tables(): void {
    const { memory } = this.machine;
    [0, 0, ...FLAT_CODE, ...FLAT_DATA].forEach((word, i) => {
      memory.write(GDT + i * 4, 4, word);
    });
    for (let vector = 0; vector < 256; vector++) {
      const handler = HANDLERS + vector * 16;
      memory.write(vector * 4, 4, handler);
      if (this.mode !== 'real' && vector < 64) {
        memory.write(IDT + vector * 8, 4, (8 << 16) | handler);
        memory.write(IDT + vector * 8 + 4, 4, GATE);
      }
      memory.write(handler, 1, HLT);
    }
    memory.write(TSS + 4, 4, INNER);
    memory.write(TSS + 8, 4, 0x10);
    memory.write(TSS + 0x66, 2, 0x68);
  }

  private registers(): void {
    const { s, mode } = this;
    const isReal = mode === 'real';
    s[GDTR_BASE] = GDT;
    s[GDTR_LIMIT] = 0x2f;
    s[IDTR_BASE] = isReal ? 0 : IDT;
    s[IDTR_LIMIT] = isReal ? 0x3ff : 0x1ff;
    if (!isReal) s[CR0] |= 1;
    s[SELECTOR + TR] = 0x28;
    s[BASE + TR] = TSS;
    s[LIMIT + TR] = 0x67;
    s[ATTRIBUTES + TR] = 0x8b00;
    for (const n of [ES, CS, SS, DS, FS, GS]) this.segment(n);
    const user = mode === 'v86' || this.options.cpl === 3;
    s[CPL] = user ? 3 : 0;
    this.machine.cpu.processor.setEflags(mode === 'v86' ? VM : 0, VM);
    s[ESP] = 0x8000;
    this.machine.cpu.processor.modeChanged();
  }

  private segment(n: number): void {
    const { s, mode, options } = this;
    const base = n === CS ? CODE : n === SS ? STACK : DATA;
    const isPaged = mode === 'real' || mode === 'v86';
    const rights = mode === 'v86' || options.cpl === 3 ? USER : 0;
    const isWide = mode === 'prot32' || mode === 'flat';
    const type = n === CS && !isPaged ? PRESENT_CODE : PRESENT_DATA;
    s[SELECTOR + n] = isPaged ? base >> 4 : (n + 3) * 8 + (rights !== 0 ? 3 : 0);
    // Handlers can return to these: the table has them.
    if (mode === 'flat' && rights === 0) s[SELECTOR + n] = n === CS ? 8 : 0x10;
    s[BASE + n] = mode === 'flat' ? 0 : base;
    s[LIMIT + n] = mode === 'flat' ? -1 : 0xffff;
    if (n === CS && options.limit !== undefined) s[LIMIT + n] = options.limit;
    s[ATTRIBUTES + n] = type | rights | (isWide ? BIG | (mode === 'flat' ? GRANULAR : 0) : 0);
  }

  /** Bytes in hexadecimal at an offset of the code segment; spaces do not count. */
  put(offset: number, hex: string): void {
    const bytes = hex.replaceAll(' ', '').match(/../g) ?? [];
    const base = this.mode === 'flat' ? 0 : CODE;
    const values = bytes.map(byte => Number.parseInt(byte, 16));
    this.machine.memory.writeBytes(base + offset, Uint8Array.from(values));
  }

  /** Runs from `offset` until a handler has it, or a HLT of the code (undefined). */
  run(offset: number, budget = 10_000): Frame | undefined {
    const { s, machine } = this;
    s[EIP] = offset;
    machine.cpu.run(budget);
    if (machine.tripleFault !== undefined) throw new Error(machine.tripleFault);
    const vector = (s[EIP] - 1 - HANDLERS) / 16;
    const isHandler = s[BASE + CS] === 0 && Number.isInteger(vector);
    return isHandler && vector >= 0 && vector < 256 ? this.frame(vector) : undefined;
  }

  private frame(vector: number): Frame {
    const { s } = this;
    const isReal = this.mode === 'real';
    const size = isReal ? 2 : 4;
    const at = s[BASE + SS] + s[ESP];
    const word = (i: number): number => this.machine.memory.read(at + i * size, size);
    const hasError = !isReal && hasErrorCode(vector);
    const first = hasError ? 1 : 0;
    const isInner = this.mode === 'v86' || this.options.cpl === 3;
    return {
      vector,
      ...(hasError ? { error: word(0) } : {}),
      eip: word(first),
      eflags: word(first + 2),
      esp: isInner ? word(first + 3) : s[ESP] + (first + 3) * size,
    };
  }
}
