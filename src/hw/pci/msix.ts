/**
 * MSI-X of a PCI function: a table of messages in a memory BAR of its own, one of which is sent
 * instead of pulling the interrupt pin.
 *
 * Specification: PCI Local Bus 3.0, section 6.8.2. Table and pending bits are where QEMU has them:
 * the table at the start of the BAR, the bits in its second half.
 */

import type { MmioHandler } from '../../memory.ts';
import { bytes, type StateOf, state, u32 } from '../../state.ts';
import { Device } from '../device.ts';
import type { BarOptions, PciFunction, PciFunctionOptions } from './config.ts';

export const MSIX_BAR_SIZE = 0x1000;
const PENDING_OFFSET = 0x800;
/** Entries that the pending word has bits for. */
export const MAX_VECTORS = 32;

/** In configuration space. */
const CAPABILITY = 0x40;
const CAPABILITY_ID = 0x11;
const CAPABILITY_LENGTH = 12;
const CONTROL_HIGH = CAPABILITY + 3;
const ENABLED = 0x80;
const ALL_MASKED = 0x40;
const CAPABILITY_POINTER = 0x34;
const STATUS = 0x06;
const HAS_CAPABILITIES = 0x10;

const ENTRY_LENGTH = 16;
const MASKED = 1;

const registers = state('msix', 1, {
  table: bytes(MAX_VECTORS * ENTRY_LENGTH),
  /** Vectors by bit that were sent while they were masked. */
  pending: u32(),
});

export interface MsiXOptions {
  /** Entries of the table, up to MAX_VECTORS. */
  readonly vectors: number;
  /** A write to the bus: to the local APIC, as a rule. */
  readonly send: (address: number, data: number) => void;
}

export class MsiX extends Device<StateOf<typeof registers>> {
  /** Whose capability it is; set when that exists. */
  pci: PciFunction | undefined;
  readonly mmio: MmioHandler = {
    read: (offset, size) => this.read(offset, size),
    write: (offset, size, value) => this.write(offset, size, value),
  };

  constructor(private readonly options: MsiXOptions) {
    super(registers);
    this.maskAll();
  }

  override reset(): void {
    super.reset();
    this.maskAll();
  }

  /** What the function's configuration space has of it, with BAR 1. */
  describe(place: BarOptions['place']): {
    readonly bar: BarOptions;
    readonly space: Pick<PciFunctionOptions, 'initial' | 'readOnly' | 'writable' | 'onChange'>;
  } {
    const { vectors } = this.options;
    const capability = [CAPABILITY_ID, 0, vectors - 1, 0, 1, 0, 0, 0, 1, PENDING_OFFSET >> 8, 0, 0];
    const offsets = Array.from({ length: CAPABILITY_LENGTH }, (_, i) => CAPABILITY + i);
    return {
      bar: { index: 1, kind: 'memory', size: MSIX_BAR_SIZE, place },
      space: {
        initial: [
          [CAPABILITY_POINTER, CAPABILITY],
          [STATUS, HAS_CAPABILITIES],
          ...offsets.map((offset, i) => [offset, capability[i]] as const),
        ],
        readOnly: offsets,
        writable: [[CONTROL_HIGH, ENABLED | ALL_MASKED]],
        onChange: () => this.settle(),
      },
    };
  }

  get vectors(): number {
    return this.options.vectors;
  }

  get enabled(): boolean {
    return (this.control & ENABLED) !== 0;
  }

  /** Sends a message, now or when the guest unmasks it. */
  notify(vector: number): void {
    if (!this.enabled || vector >= this.options.vectors) return;
    this.state.pending = (this.state.pending | (1 << vector)) >>> 0;
    this.settle();
  }

  /** What waits and is not masked is sent. */
  protected override settle(): void {
    if (!this.enabled || (this.control & ALL_MASKED) !== 0) return;
    const { table } = this.state;
    const view = new DataView(table.buffer, table.byteOffset);
    for (let vector = 0; vector < this.options.vectors; vector++) {
      const at = vector * ENTRY_LENGTH;
      const isWaiting = ((this.state.pending >>> vector) & 1) !== 0;
      if (!isWaiting || (table[at + 12] & MASKED) !== 0) continue;
      this.state.pending = (this.state.pending & ~(1 << vector)) >>> 0;
      this.options.send(view.getUint32(at, true), view.getUint32(at + 8, true));
    }
  }

  private get control(): number {
    return this.pci?.read(CONTROL_HIGH, 1) ?? 0;
  }

  private get length(): number {
    return this.options.vectors * ENTRY_LENGTH;
  }

  private maskAll(): void {
    for (let at = 12; at < this.state.table.length; at += ENTRY_LENGTH) {
      this.state.table[at] = MASKED;
    }
  }

  private read(offset: number, size: number): number {
    let value = 0;
    for (let i = size - 1; i >= 0; i--) value = value * 256 + this.readByte(offset + i);
    return value;
  }

  private readByte(offset: number): number {
    if (offset < this.length) return this.state.table[offset];
    const at = offset - PENDING_OFFSET;
    return at >= 0 && at < 4 ? (this.state.pending >>> (8 * at)) & 0xff : 0;
  }

  private write(offset: number, size: number, value: number): void {
    for (let i = 0; i < size && offset + i < this.length; i++) {
      this.state.table[offset + i] = value >>> (8 * i);
    }
    this.settle();
  }
}
