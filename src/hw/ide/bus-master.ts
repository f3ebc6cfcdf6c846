/**
 * One channel of a bus-master IDE function: it walks a table of physical region descriptors.
 *
 * Specification: SFF-8038i, Programming Interface for Bus Master IDE Controller, revision 1.0.
 * As in QEMU: clearing the start bit does not tear a transfer in two, it ends as usual.
 */

import type { Memory } from '../../memory.ts';
import type { PortHandler } from '../../ports.ts';
import { type StateOf, state, u8, u32 } from '../../state.ts';
import { Device } from '../device.ts';
import type { DmaRequest, DmaTransfer } from './unit.ts';

const START = 0x01;
const TO_MEMORY = 0x08;
const ACTIVE = 0x01;
const ERROR = 0x02;
const INTERRUPT = 0x04;
const CAPABLE = 0x60;

const END_OF_TABLE = 0x80000000;
/** A table lies within 64 KiB. */
const MAX_DESCRIPTORS = 8192;

interface Piece {
  readonly address: number;
  readonly length: number;
}

const registers = state('bmdma', 1, { command: u8(), status: u8(), table: u32() });

export class BusMaster extends Device<StateOf<typeof registers>> {
  /** Four ports: command, -, status, -. */
  readonly controlPorts: PortHandler = {
    read: (offset, size) => (size === 1 ? this.readControl(offset) : 0xffffffff),
    write: (offset, size, value) => {
      if (size === 1) this.writeControl(offset, value);
    },
  };

  /** Four ports: where the table is. */
  readonly tablePorts: PortHandler = {
    read: offset => this.state.table >>> (offset * 8),
    write: (offset, size, value) => {
      const mask = (size === 4 ? 0xffffffff : (1 << (size * 8)) - 1) << (offset * 8);
      const moved = (value << (offset * 8)) & mask & ~3;
      this.state.table = ((this.state.table & ~mask) | moved) >>> 0;
    },
  };

  private pending: DmaRequest | undefined;

  constructor(private readonly memory: Memory) {
    super(registers);
  }

  override reset(): void {
    this.pending = undefined;
    super.reset();
  }

  protected override settle(): void {
    if ((this.state.status & ACTIVE) !== 0) this.begin();
  }

  /** A unit accepted a DMA command, or dropped it. */
  request(request: DmaRequest | undefined): void {
    this.pending = request;
    if ((this.state.status & ACTIVE) !== 0) this.begin();
  }

  /** The channel raised its interrupt. */
  noteInterrupt(): void {
    this.state.status |= INTERRUPT;
  }

  private readControl(offset: number): number {
    if (offset === 0) return this.state.command;
    return offset === 2 ? this.state.status : 0xff;
  }

  private writeControl(offset: number, value: number): void {
    const s = this.state;
    if (offset === 2) {
      const kept = s.status & ~(value & (ERROR | INTERRUPT)) & (ERROR | INTERRUPT);
      s.status = (value & CAPABLE) | (s.status & ACTIVE) | kept;
    }
    if (offset !== 0) return;
    const changed = (value ^ s.command) & START;
    s.command = value & (START | TO_MEMORY);
    if (changed === 0) return;
    if ((value & START) === 0) {
      s.status &= ~ACTIVE;
      return;
    }
    if ((s.status & ACTIVE) !== 0) return;
    s.status |= ACTIVE;
    this.begin();
  }

  private begin(): void {
    const request = this.pending;
    if (request === undefined) return;
    this.pending = undefined;
    request.start(this.transfer(request.length));
  }

  private transfer(wanted: number): DmaTransfer {
    const { pieces, capacity, isExact } = this.walk(wanted);
    const each = (bytes: Uint8Array, go: (address: number, part: Uint8Array) => void): void => {
      let done = 0;
      for (const { address, length } of pieces) {
        const part = bytes.subarray(done, done + length);
        if (part.length > 0) go(address, part);
        done += length;
      }
    };
    return {
      capacity,
      fetch: into => each(into, (address, part) => this.memory.readBytes(address, part)),
      store: from => each(from, (address, part) => this.memory.writeBytes(address, part)),
      finish: () => {
        if (isExact) this.state.status &= ~ACTIVE;
      },
      stop: () => {
        this.state.status &= ~ACTIVE;
      },
    };
  }

  /** Reads descriptors until there is room for `wanted` bytes. */
  private walk(wanted: number): { pieces: Piece[]; capacity: number; isExact: boolean } {
    const pieces: Piece[] = [];
    let capacity = 0;
    for (let i = 0; i < MAX_DESCRIPTORS; i++) {
      const at = (this.state.table + 8 * i) >>> 0;
      const address = this.memory.read(at, 4) & ~1;
      const word = this.memory.read((at + 4) >>> 0, 4);
      const length = word & 0xfffe || 0x10000;
      pieces.push({ address: address >>> 0, length });
      capacity += length;
      if ((word & END_OF_TABLE) !== 0) break;
      if (capacity >= wanted) return { pieces, capacity, isExact: false };
    }
    return { pieces, capacity, isExact: capacity <= wanted };
  }
}
