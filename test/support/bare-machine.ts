/**
 * A machine of RAM, a processor, a serial port that only prints and an exit port: enough to run
 * programs straight from memory, without firmware.
 */

import { readFileSync } from 'node:fs';
import { Cpu } from '../../src/cpu/core.ts';
import type { CpuWiring } from '../../src/cpu/cpu.ts';
import { findModel } from '../../src/cpu/models.ts';
import {
  ATTRIBUTES,
  BASE,
  CR0,
  CS,
  EAX,
  EBX,
  EIP,
  ESP,
  LIMIT,
  SELECTOR,
} from '../../src/cpu/registers.ts';
import { Line } from '../../src/line.ts';
import { Log } from '../../src/log.ts';
import { Memory } from '../../src/memory.ts';
import { Ports } from '../../src/ports.ts';

const COM1 = 0x3f8;
const LINE_STATUS = 5;
const EXIT_PORT = 0xf4;
const MULTIBOOT_MAGIC = 0x2badb002;
const MULTIBOOT_INFO = 0x1000;

/** The run loops are used once trained, not the walkers until V8 has had time. */
export const RUN_LOOPS: Partial<CpuWiring> = {
  engine: { compileSoon: () => true, compileBeside: () => false, isCompiled: () => true },
  walks: [0, 0],
};

export class BareMachine {
  readonly memory: Memory;
  readonly ports = new Ports();
  readonly log = new Log();
  readonly cpu: Cpu;
  readonly intr = new Line('intr');
  readonly nmi = new Line('nmi');
  readonly smi = new Line('smi');
  readonly a20 = new Line('a20');
  readonly ferr = new Line('ferr');
  readonly ignne = new Line('ignne');
  /** What the guest printed. */
  output = '';
  /** What it wrote to the exit port. */
  exitCode: number | undefined;
  tripleFault: string | undefined;
  /** The vector INTA answers. */
  vector = 0x20;

  constructor(megabytes: number, model = 'max', wiring: Partial<CpuWiring> = {}) {
    const bytes = megabytes << 20;
    this.memory = new Memory(bytes + (1 << 16));
    const arenaOffset = this.memory.allocate(bytes);
    this.memory.map({ name: 'ram', base: 0, length: bytes, backing: { arenaOffset } });
    this.a20.set(true);
    this.mapPorts();
    this.cpu = new Cpu(
      {
        memory: this.memory,
        ports: this.ports,
        log: this.log,
        intr: this.intr,
        nmi: this.nmi,
        ferr: this.ferr,
        ignne: this.ignne,
        a20: this.a20,
        smi: this.smi,
        acknowledge: () => this.vector,
        syncClock: () => {},
        timeStamp: () => BigInt(this.cpu.instructions),
        onTripleFault: why => {
          this.tripleFault = why;
          this.cpu.requestExit();
        },
        ...wiring,
      },
      findModel(model),
    );
    this.cpu.processor.setA20(true);
  }

  private mapPorts(): void {
    this.ports.map({
      name: 'serial',
      base: COM1,
      length: 8,
      handler: {
        read: offset => (offset === LINE_STATUS ? 0x60 : 0),
        write: (offset, _size, value) => {
          if (offset === 0) this.output += String.fromCharCode(value & 0xff);
        },
      },
    });
    this.ports.map({
      name: 'exit',
      base: EXIT_PORT,
      length: 4,
      maxSize: 4,
      handler: {
        read: () => 0,
        write: (_offset, _size, value) => {
          this.exitCode = value;
          this.cpu.requestExit();
        },
      },
    });
  }

  /** Bytes at 7C00, real mode, CS:IP 0000:7C00. */
  loadBootSector(bytes: Uint8Array): void {
    this.memory.writeBytes(0x7c00, bytes);
    const { s } = this.cpu.processor;
    this.setSegment(CS, 0, 0, 0xffff);
    s[EIP] = 0x7c00;
    s[ESP] = 0x7c00;
    this.cpu.processor.modeChanged();
  }

  private setSegment(n: number, selector: number, attributes: number, limit: number): void {
    const { s } = this.cpu.processor;
    s[SELECTOR + n] = selector;
    s[BASE + n] = 0;
    s[LIMIT + n] = limit;
    if (attributes !== 0) s[ATTRIBUTES + n] = attributes;
  }

  /** 32-bit protected mode with flat segments, as multiboot defines it, at `entry`. */
  enterProtected(entry: number): void {
    const { s } = this.cpu.processor;
    s[CR0] |= 1;
    for (let n = 0; n < 6; n++) {
      this.setSegment(n, n === CS ? 8 : 16, n === CS ? 0xcf9b00 : 0xcf9300, -1);
    }
    s[EAX] = MULTIBOOT_MAGIC;
    s[EBX] = MULTIBOOT_INFO;
    s[EIP] = entry;
    this.cpu.processor.modeChanged();
  }

  /** A 32-bit ELF with a multiboot header: its segments, its entry, a command line. */
  loadMultiboot(path: string, commandLine = ''): void {
    const file = readFileSync(path);
    const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
    const headers = view.getUint32(28, true);
    for (let i = 0; i < view.getUint16(44, true); i++) {
      const at = headers + i * view.getUint16(42, true);
      if (view.getUint32(at, true) !== 1) continue;
      const offset = view.getUint32(at + 4, true);
      const address = view.getUint32(at + 12, true);
      const length = view.getUint32(at + 16, true);
      this.memory.writeBytes(address, file.subarray(offset, offset + length));
    }
    this.memory.write(MULTIBOOT_INFO, 4, 5);
    this.memory.write(MULTIBOOT_INFO + 4, 4, 640);
    this.memory.write(MULTIBOOT_INFO + 8, 4, 63 * 1024);
    this.memory.write(MULTIBOOT_INFO + 16, 4, MULTIBOOT_INFO + 0x100);
    this.memory.writeBytes(MULTIBOOT_INFO + 0x100, new TextEncoder().encode(`${commandLine}\0`));
    this.enterProtected(view.getUint32(24, true));
  }

  /** Until the guest writes the exit port, halts, faults three times or used up `budget`. */
  slice = 50_000;

  run(budget: number): void {
    const end = this.cpu.instructions + budget;
    while (this.cpu.instructions < end) {
      const result = this.cpu.run(Math.min(this.slice, end - this.cpu.instructions));
      if (this.exitCode !== undefined || this.tripleFault !== undefined) return;
      if (result === 'halted') return;
    }
  }
}
