/**
 * The same random program on several machines, each of which runs it in its own way, step by step:
 * after each, all registers, the count of instructions and what the devices saw must be the same.
 *
 * Interrupts come between steps; the device of the page at MMIO raises one itself, asks for the end
 * of the run, or writes to memory as DMA does.
 */

import type { CpuWiring, RunResult } from '../../src/cpu/cpu.ts';
import * as registers from '../../src/cpu/registers.ts';
import type { Plain } from '../../src/state.ts';
import { BareMachine } from './bare-machine.ts';
import { Random } from './random.ts';
import {
  DMA_ADDRESS,
  DMA_DATA,
  IRQ,
  LOG_PORT,
  MMIO,
  RAISES_INTR,
  REQUESTS_EXIT,
  VECTOR_PORT,
} from './random-layout.ts';
import type { RandomProgram } from './random-program.ts';

/** A way to run programs: how the processor is wired for it. */
export interface Way {
  readonly name: string;
  readonly wiring: Partial<CpuWiring>;
}

/** What running takes of a program. */
export type Runnable = Pick<RandomProgram, 'seed' | 'length' | 'setting'>;

const PORT_COUNT = 8;
const [PORT, DEVICE] = [0x10000, 0];

/** A machine that runs one program after the other. */
export class Runner {
  readonly machine: BareMachine;
  /** What the devices saw in this step, and how often they were asked since the start. */
  journal: number[] = [];
  private accesses = 0;
  /** How often the program's handlers said each vector. */
  readonly vectors = new Map<number, number>();
  private dmaAddress = 0;
  private readonly pristine: { readonly [name: string]: Plain };

  constructor(readonly way: Way) {
    const acknowledge = (): number => {
      this.machine.intr.set(false);
      return IRQ;
    };
    const wiring = { acknowledge, ...way.wiring };
    this.machine = new BareMachine(1, 'max', wiring);
    const { memory, ports } = this.machine;
    memory.map({
      name: 'device',
      base: MMIO,
      length: 0x1000,
      priority: 1,
      backing: {
        read: (offset, size) => this.read(DEVICE + offset, size),
        write: (offset, size, value) => this.write(DEVICE + offset, size, value),
      },
    });
    ports.map({
      name: 'log',
      base: LOG_PORT,
      length: PORT_COUNT,
      maxSize: 4,
      handler: {
        read: (offset, size) => this.read(PORT + offset, size),
        write: (offset, size, value) => this.write(PORT + offset, size, value),
      },
    });
    this.pristine = this.machine.cpu.save() as { readonly [name: string]: Plain };
  }

  private note(...what: readonly number[]): void {
    this.journal.push(...what, this.machine.cpu.instructions);
    this.accesses++;
  }

  private read(place: number, size: number): number {
    this.note(place, size);
    this.act(place);
    return Math.imul(this.accesses ^ place, 0x9e3779b1) >>> 0;
  }

  private write(place: number, size: number, value: number): void {
    this.note(place, -size, value);
    if (place === PORT + VECTOR_PORT - LOG_PORT) {
      this.vectors.set(value, (this.vectors.get(value) ?? 0) + 1);
    }
    if (place === DEVICE + DMA_ADDRESS) this.dmaAddress = value;
    else if (place === DEVICE + DMA_DATA) this.machine.memory.write(this.dmaAddress, 4, value);
    this.act(place);
  }

  private act(place: number): void {
    if (place === DEVICE + RAISES_INTR) this.machine.intr.set(true);
    if (place === DEVICE + REQUESTS_EXIT) this.machine.cpu.requestExit();
  }

  get ram(): Uint8Array {
    const { memory } = this.machine;
    const [{ offset, length }] = memory.guestRanges;
    return memory.u8.subarray(offset, offset + length);
  }

  start({ setting }: Runnable): void {
    const { machine } = this;
    machine.intr.set(false);
    machine.nmi.set(false);
    machine.smi.set(false);
    machine.a20.set(true);
    machine.exitCode = undefined;
    machine.tripleFault = undefined;
    this.journal = [];
    this.accesses = 0;
    this.vectors.clear();
    this.dmaAddress = 0;
    this.ram.set(setting.image);
    const bytes = (this.pristine['registers'] as Uint8Array).slice();
    const words = new Int32Array(bytes.buffer);
    for (const [word, value] of setting.registers) words[word] = value;
    machine.cpu.load({ ...this.pristine, registers: bytes });
  }

  /** Registers as they are saved, EFLAGS among them. */
  words(): Int32Array {
    const { registers: bytes } = this.machine.cpu.save() as { registers: Uint8Array };
    return new Int32Array(bytes.buffer);
  }
}

export interface Difference {
  readonly step: number;
  /** How many instructions the step was to run, and where it began. */
  readonly budget: number;
  readonly from: string;
  /** Where the first way got to. */
  readonly to: string;
  readonly what: string;
}

export interface Outcome {
  readonly end: 'exit' | 'budget' | 'halted' | 'triple fault';
  readonly instructions: number;
  readonly accesses: number;
  readonly difference?: Difference;
}

const GENERAL = ['eax', 'ecx', 'edx', 'ebx', 'esp', 'ebp', 'esi', 'edi'];

function wordName(word: number): string {
  if (word < GENERAL.length) return GENERAL[word];
  const named = Object.entries(registers).find(
    ([name, value]) => value === word && /^(E[A-Z]+|FLAG_[A-Z]+|CR\d|CPL|[A-Z_]{6,})$/.test(name),
  );
  return named?.[0].toLowerCase() ?? `word ${word}`;
}

const hex = (value: number): string => `${(value >>> 0).toString(16)}h`;

/** Steps of a few, of a block's and of many blocks' instructions. */
function budgetOf(random: Random, isLong: boolean): number {
  const kind = random.below(isLong ? 14 : 10);
  if (kind < 3) return 1 + random.below(4);
  if (kind < 6) return 1 + random.below(150);
  if (kind < 9) return 100 + random.below(3000);
  return 2000 + random.below(40_000);
}

/** Runs `program` on all `runners` to its end, or to the first difference. */
export function runAll(
  runners: readonly Runner[],
  program: Runnable,
  shorter?: Pick<Difference, 'step' | 'budget'>,
): Outcome {
  const random = new Random(program.seed ^ 0x5bd1e995);
  for (const runner of runners) runner.start(program);
  const [first] = runners;
  const { cpu } = first.machine;
  const start = cpu.instructions;
  let accesses = 0;
  const outcome = (end: Outcome['end'], difference?: Difference): Outcome => ({
    end,
    instructions: cpu.instructions - start,
    accesses,
    ...(difference === undefined ? {} : { difference }),
  });
  let wasHalted = false;
  for (let step = 0; cpu.instructions - start < program.length; step++) {
    const usual = budgetOf(random, program.length > 100_000);
    const budget = shorter?.step === step ? shorter.budget : usual;
    const event = random.below(100);
    const from = `${hex(cpu.pc)}, instruction ${cpu.instructions - start}`;
    for (const { machine } of runners) {
      if (event < 30) machine.intr.set(true);
      if (event >= 97) machine.nmi.set(true);
      machine.nmi.set(false);
      if (event === 90 || event === 91) machine.smi.set(true);
      machine.smi.set(false);
      if (event === 92) machine.a20.set(!machine.a20.level);
      // As after savevm and loadvm.
      if (event === 93) machine.cpu.load(machine.cpu.save());
    }
    const results = runners.map(({ machine }) => machine.cpu.run(budget));
    accesses += first.journal.length;
    const what = firstDifference(runners, results);
    if (what !== undefined) {
      return outcome('budget', { step, budget, from, to: hex(cpu.pc), what });
    }
    if (first.machine.tripleFault !== undefined) return outcome('triple fault');
    if (first.machine.exitCode !== undefined) return outcome('exit');
    if (results[0] === 'halted' && wasHalted) return outcome('halted');
    wasHalted = results[0] === 'halted';
    for (const { machine } of runners) if (wasHalted) machine.intr.set(true);
    for (const runner of runners) runner.journal = [];
  }
  return outcome('budget');
}

/** In words, between the first runner and any other. */
function firstDifference(
  [first, ...others]: readonly Runner[],
  results: readonly RunResult[],
): string | undefined {
  const words = first.words();
  for (const [i, other] of others.entries()) {
    const names = `${first.way.name} and ${other.way.name}`;
    const found =
      differingResult(results[0], results[i + 1]) ??
      differingWords(words, other.words()) ??
      differingCount(first, other) ??
      differingJournal(first.journal, other.journal) ??
      differingRam(first.ram, other.ram);
    if (found !== undefined) return `${names}: ${found}`;
  }
  return undefined;
}

function differingResult(a?: RunResult, b?: RunResult): string | undefined {
  return a === b ? undefined : `the run ends by ${a} and ${b}`;
}

function differingWords(a: Int32Array, b: Int32Array): string | undefined {
  const found: string[] = [];
  for (let i = 0; i < a.length && found.length < 6; i++) {
    if (a[i] !== b[i]) found.push(`${wordName(i)} ${hex(a[i])} and ${hex(b[i])}`);
  }
  return found.length === 0 ? undefined : found.join(', ');
}

function differingCount(a: Runner, b: Runner): string | undefined {
  const [x, y] = [a, b].map(({ machine }) => machine.cpu.instructions);
  return x === y ? undefined : `${x} and ${y} instructions`;
}

function differingJournal(a: readonly number[], b: readonly number[]): string | undefined {
  const at = a.findIndex((value, i) => value !== b[i]);
  if (at < 0 && a.length === b.length) return undefined;
  const near = (all: readonly number[]) =>
    all
      .slice(Math.max(0, at - 4), at + 4)
      .map(hex)
      .join(' ');
  return `the devices saw ${near(a)} and ${near(b)}`;
}

function differingRam(a: Uint8Array, b: Uint8Array): string | undefined {
  if (Buffer.compare(a, b) === 0) return undefined;
  const at = a.findIndex((byte, i) => byte !== b[i]);
  return `memory at ${hex(at)}: ${hex(a[at])} and ${hex(b[at])}`;
}
