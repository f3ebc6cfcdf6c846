/**
 * The configuration space of one PCI function: header type 0, 256 bytes, base address registers.
 *
 * Specification: PCI Local Bus 2.1, chapter 6. As in QEMU every byte above 0x3f is plain storage
 * unless its chip says otherwise. Capabilities are their owners' business (msix.ts).
 * Not emulated: master abort and parity bits of the status register, BIST.
 */

import { assert } from '../../error.ts';
import type { Line } from '../../line.ts';
import type { AccessSize } from '../../ports.ts';
import { bytes, type StateOf, state } from '../../state.ts';
import { Device } from '../device.ts';

export const VENDOR_ID = 0x00;
export const COMMAND = 0x04;
export const STATUS = 0x06;
export const REVISION = 0x08;
export const CLASS_PROG = 0x09;
export const CACHE_LINE_SIZE = 0x0c;
export const HEADER_TYPE = 0x0e;
export const SUBSYSTEM_VENDOR = 0x2c;
export const ROM_ADDRESS = 0x30;
export const INTERRUPT_LINE = 0x3c;
export const INTERRUPT_PIN = 0x3d;
/** From here on every chip has registers of its own. */
const OWN_REGISTERS = 0x40;

export const COMMAND_IO = 1;
export const COMMAND_MEMORY = 2;
export const COMMAND_MASTER = 4;
const COMMAND_NO_INTERRUPT = 0x0400;
const STATUS_INTERRUPT = 0x0008;
const COMMAND_WRITABLE = 0x0507;
const MULTIFUNCTION = 0x80;

/** Sub-system of every device that has no other. */
const SUBSYSTEM = 0x11001af4;
/** A base address register that decodes nothing; QEMU shows it like this. */
export const UNMAPPED = -1;

export interface BarOptions {
  /** 0 to 5, or 6 for the expansion ROM. */
  readonly index: number;
  readonly kind: 'io' | 'memory' | 'prefetchable' | 'rom';
  /** In bytes, a power of two. */
  readonly size: number;
  /** Puts the registers where the guest wants them, or nowhere. */
  readonly place: (base: number, enabled: boolean) => void;
}

export interface PciFunctionOptions {
  /** As `info qtree` shows it. */
  readonly name: string;
  readonly vendor: number;
  readonly device: number;
  readonly revision: number;
  /** Class, subclass, programming interface: 24 bits. */
  readonly classCode: number;
  readonly multifunction?: boolean;
  /** Device and vendor of the sub-system; default QEMU's. */
  readonly subsystem?: number;
  /** 1 is INTA; 0 or nothing is none. */
  readonly interruptPin?: number;
  readonly bars?: readonly BarOptions[];
  /** Values after reset other than zero: offset and byte. */
  readonly initial?: readonly (readonly [offset: number, value: number])[];
  /** The chip's own registers, those above 3F, outlive a reset. */
  readonly keepsRegisters?: boolean;
  /** Bytes that the chip keeps through reset, or that software cannot change. */
  readonly readOnly?: readonly number[];
  /** Bytes of which software can change some bits. */
  readonly writable?: readonly (readonly [offset: number, mask: number])[];
  /** After a write or reset: the chip follows its registers. */
  readonly onChange?: () => void;
}

const space = state('pci-config', 1, { bytes: bytes(256) });

export class PciFunction extends Device<StateOf<typeof space>> {
  readonly bars: readonly BarOptions[];
  /** Set by the bus that the function sits on. */
  devfn = 0;
  /** The interrupt pin's wire, once the function sits on a bus; chips use `interrupt`. */
  intx: Line | undefined;
  private isInterrupting = false;
  private readonly writable = new Uint8Array(256);
  private readonly placed = new Map<BarOptions, number>();

  constructor(readonly options: PciFunctionOptions) {
    super(space);
    this.bars = options.bars ?? [];
    this.writable.fill(0xff, OWN_REGISTERS);
    this.setWritable(COMMAND, 2, COMMAND_WRITABLE);
    this.setWritable(CACHE_LINE_SIZE, 1, 0xff);
    this.setWritable(INTERRUPT_LINE, 1, 0xff);
    for (const bar of this.bars) this.setWritable(barOffset(bar), 4, barMask(bar));
    for (const offset of options.readOnly ?? []) this.writable[offset] = 0;
    for (const [offset, mask] of options.writable ?? []) this.writable[offset] = mask;
    this.restoreDefaults();
  }

  override reset(): void {
    const own = this.state.bytes.slice(OWN_REGISTERS);
    this.state = this.table.initial();
    this.restoreDefaults();
    if (this.options.keepsRegisters) this.state.bytes.set(own, OWN_REGISTERS);
    this.settle();
  }

  /** Unsigned; the caller keeps the access inside a doubleword. */
  read(offset: number, size: AccessSize): number {
    let value = 0;
    for (let i = size - 1; i >= 0; i--) value = value * 256 + this.state.bytes[(offset + i) & 0xff];
    return value;
  }

  write(offset: number, size: AccessSize, value: number): void {
    for (let i = 0; i < size; i++) {
      const at = (offset + i) & 0xff;
      const mask = this.writable[at];
      const byte = (value >>> (8 * i)) & 0xff;
      this.state.bytes[at] = (this.state.bytes[at] & ~mask) | (byte & mask);
    }
    this.settle();
  }

  /** What the chip itself stores in a register, whoever may write it. */
  poke(offset: number, size: AccessSize, value: number): void {
    for (let i = 0; i < size; i++) this.state.bytes[(offset + i) & 0xff] = value >>> (8 * i);
  }

  /** The chip pulls its interrupt pin, or lets go; the guest may have disabled the pin. */
  interrupt(level: boolean): void {
    this.isInterrupting = level;
    const status = this.read(STATUS, 2) & ~STATUS_INTERRUPT;
    this.poke(STATUS, 2, status | (level ? STATUS_INTERRUPT : 0));
    const isDisabled = (this.read(COMMAND, 2) & COMMAND_NO_INTERRUPT) !== 0;
    this.intx?.set(level && !isDisabled);
  }

  /** The function may read and write memory by itself. */
  get isMaster(): boolean {
    return (this.read(COMMAND, 2) & COMMAND_MASTER) !== 0;
  }

  /** Where a base address register decodes now, or UNMAPPED. */
  barAddress(bar: BarOptions): number {
    return this.placed.get(bar) ?? UNMAPPED;
  }

  protected override settle(): void {
    for (const bar of this.bars) {
      const address = this.decode(bar);
      const before = this.placed.get(bar) ?? UNMAPPED;
      if (address === before) continue;
      this.placed.set(bar, address);
      bar.place(address === UNMAPPED ? 0 : address, address !== UNMAPPED);
    }
    if (this.intx !== undefined) this.interrupt(this.isInterrupting);
    this.options.onChange?.();
  }

  private decode(bar: BarOptions): number {
    const command = this.read(COMMAND, 2);
    const value = this.read(barOffset(bar), 4);
    const limit = bar.kind === 'io' ? 0x10000 : 0x100000000;
    const decodes = (command & (bar.kind === 'io' ? COMMAND_IO : COMMAND_MEMORY)) !== 0;
    if (!decodes || (bar.kind === 'rom' && (value & 1) === 0)) return UNMAPPED;
    const address = (value & -bar.size) >>> 0;
    // Address 0 and the very top mean "not assigned", as guests size registers with all ones.
    if (address === 0 || address + bar.size > limit - 1) return UNMAPPED;
    return address;
  }

  private setWritable(offset: number, size: number, mask: number): void {
    for (let i = 0; i < size; i++) this.writable[offset + i] = mask >>> (8 * i);
  }

  private restoreDefaults(): void {
    const o = this.options;
    assert(o.vendor !== 0xffff, 'a PCI function has a vendor');
    this.poke(VENDOR_ID, 4, (o.device << 16) | o.vendor);
    this.poke(REVISION, 1, o.revision);
    this.poke(CLASS_PROG, 2, o.classCode & 0xffff);
    this.poke(CLASS_PROG + 2, 1, o.classCode >>> 16);
    this.poke(SUBSYSTEM_VENDOR, 4, o.subsystem ?? SUBSYSTEM);
    this.poke(INTERRUPT_PIN, 1, o.interruptPin ?? 0);
    if (o.multifunction) this.poke(HEADER_TYPE, 1, MULTIFUNCTION);
    for (const bar of this.bars) this.poke(barOffset(bar), 4, barType(bar));
    for (const [offset, value] of o.initial ?? []) this.poke(offset, 1, value);
  }
}

function barOffset(bar: BarOptions): number {
  return bar.kind === 'rom' ? ROM_ADDRESS : 0x10 + 4 * bar.index;
}

function barType(bar: BarOptions): number {
  if (bar.kind === 'io') return 1;
  return bar.kind === 'prefetchable' ? 8 : 0;
}

function barMask(bar: BarOptions): number {
  return bar.kind === 'rom' ? -bar.size | 1 : -bar.size;
}
