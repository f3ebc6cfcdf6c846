/**
 * The processor as the rest of the machine sees it. Inside, `cpu/` may be anything; outside, nobody
 * imports another file of this folder except `models.ts` (the -cpu table) and `disassemble.ts`.
 */

import type { Line } from '../line.ts';
import type { Log } from '../log.ts';
import type { Memory } from '../memory.ts';
import type { Ports } from '../ports.ts';
import type { Plain } from '../state.ts';

type Loop = (...args: never[]) => unknown;

/** What one asks of a JavaScript engine; false when it does not offer that. */
export interface ScriptEngine {
  /** To compile a loop with what has been learnt of it, when it is called next. */
  compileSoon(loop: Loop): boolean;
  /** The same from its next call on, beside the program. */
  compileBeside(loop: Loop): boolean;
  /** Whether it is compiled; true, too, where nobody knows. */
  isCompiled(loop: Loop): boolean;
}

/** What the translator calls hot. */
export interface Hotness {
  /** It looks where the guest is every so many instructions. */
  readonly slice: number;
  /** It thinks of a place each time that it was found there so many times more. */
  readonly samples: number;
  /** Instructions that ran in a region, by instruction that it has, before it is worth it. */
  readonly price: number;
  /** How often a region leaves by an indirect jump before its targets join. */
  readonly departures: number;
}

/** What a processor is wired to. */
export interface CpuWiring {
  readonly memory: Memory;
  readonly ports: Ports;
  readonly log: Log;
  /** INTR: level of the interrupt controller's output. */
  readonly intr: Line;
  /** Edge-triggered. */
  readonly nmi: Line;
  /** A20 gate: low forces address bit 20 to zero. */
  readonly a20: Line;
  /** System management interrupt, edge-triggered. */
  readonly smi: Line;
  /** SMIACT#: high while in system management mode; opens SMRAM in the north bridge. */
  readonly smiActive?: Line;
  /** FERR#: high while an x87 exception waits and CR0.NE is clear; boards make IRQ 13 of it. */
  readonly ferr?: Line;
  /** IGNNE#: while high, such an exception does not stop the instructions behind it. */
  readonly ignne?: Line;
  /** The INTA cycle: the controller answers with a vector. */
  readonly acknowledge: () => number;
  /** IA32_APIC_BASE was written; its lower half. */
  readonly onApicBase?: (value: number) => void;
  /** Called before every port and MMIO access, so that devices see the exact time. */
  readonly syncClock: () => void;
  /** The time-stamp counter now, as unsigned 64 bits. */
  readonly timeStamp: () => bigint;
  /** Absent where the host's JavaScript engine cannot be asked for anything. */
  readonly engine?: ScriptEngine;
  /** How many instructions of 16- and of 32-bit code run before; default what suits a start. */
  readonly walks?: readonly [number, number];
  /** What the translator calls hot; default what pays. */
  readonly hotness?: Hotness;
  /** A triple fault: the board resets the machine. */
  readonly onTripleFault: (why: string) => void;
}

/** Why `run` came back early. */
export type RunResult = 'budget' | 'halted' | 'exit';

export interface CpuCore {
  /** Instructions retired since power-on, exact also inside a port access. */
  readonly instructions: number;
  /** In HLT (or shutdown) with nothing to wake it. */
  readonly halted: boolean;
  /**
   * Executes exactly `budget` instructions, unless the CPU halts or `requestExit` is called; takes
   * pending interrupts between instructions by itself. With -icount the count is all that decides
   * where a slice ends, so it must not depend on caches or translation.
   */
  run(budget: number): RunResult;
  /** Makes a running `run` return after the current instruction or soon after it. */
  requestExit(): void;
  /** The RESET pin. */
  reset(): void;
  /** CPU state for snapshots and hashes. */
  save(): Plain;
  load(plain: Plain): void;
  /** Default operand and address size of the code that runs: what `x/i` decodes with. */
  readonly codeSize: 16 | 32;
  /** Linear address of the next instruction (CS base + EIP). */
  readonly pc: number;
  /** `info registers`, as QEMU prints it, lines ended by \n. */
  registersText(): string;
  /** `info tlb` and `info mem`. */
  pagingText(topic: 'tlb' | 'mem'): string;
  /** A general register by its number, unsigned. */
  general(index: number): number;
  setGeneral(index: number, value: number): void;
  /** A register for monitor expressions (`$eip`); undefined when there is none of that name. */
  register(name: string): bigint | undefined;
  /** ELF notes of a memory dump. */
  dumpNotes(): Uint8Array;
  /** Page walk without side effects; undefined when not mapped. */
  translate(linear: number): number | undefined;
}
