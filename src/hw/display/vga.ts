/**
 * Standard VGA with Bochs VBE extensions: QEMU's `VGA` (1234:1111) and `isa-vga`.
 *
 * Spec: IBM VGA Technical Reference; FreeVGA; Bochs VBE display API; docs/specs/standard-vga.txt.
 *
 * Here are the registers; memory access is in vga-memory.ts, VBE in vbe.ts, timing in
 * vga-timing.ts, pictures in render.ts, text in text.ts.
 * Not emulated: split screens' pel panning compatibility, light pen, the RAM enable bit and the
 * 64 KiB limit of the original board (all video memory is always there).
 */

import type { Clock } from '../../clock.ts';
import type { Memory, MmioHandler } from '../../memory.ts';
import type { AccessSize, PortHandler } from '../../ports.ts';
import { array, bool, bytes, count, i32, type StateOf, state, u8, u16 } from '../../state.ts';
import { Device } from '../device.ts';
import {
  readVbe,
  settleVbe,
  VBE_8BIT_DAC,
  VBE_ENABLED,
  VBE_ID0,
  VBE_ID5,
  VBE_INDEX_BANK,
  VBE_INDEX_BPP,
  VBE_INDEX_ENABLE,
  VBE_INDEX_ID,
  VBE_INDEX_VIRT_HEIGHT,
  VBE_INDEX_VIRT_WIDTH,
  VBE_INDEX_X_OFFSET,
  VBE_INDEX_XRES,
  VBE_INDEX_Y_OFFSET,
  VBE_INDEX_YRES,
  VBE_NOCLEARMEM,
  VBE_REGISTER_COUNT,
  type VbeGeometry,
  vbeEnabled,
} from './vbe.ts';
import { GR_MISC, GR_MODE, SR_MEMORY_MODE, SR_PLANE_WRITE, VgaMemory } from './vga-memory.ts';
import { inputStatus1 } from './vga-timing.ts';

const registers = state('vga', 1, {
  srIndex: u8(),
  sr: bytes(8),
  grIndex: u8(),
  gr: bytes(16),
  arIndex: u8(),
  /** The attribute controller's port takes data next, not an index. */
  arData: bool(),
  ar: bytes(21),
  crIndex: u8(),
  cr: bytes(256),
  miscOutput: u8(),
  featureControl: u8(),
  latch: i32(),
  dacReadIndex: u8(),
  dacWriteIndex: u8(),
  dacSub: u8(),
  /** As port 3C7h reads: 0 after a write index, 3 after a read index. */
  dacState: u8(),
  dacCache: bytes(3),
  palette: bytes(768),
  pelMask: u8(0xff),
  vbeIndex: u16(),
  vbe: array(VBE_REGISTER_COUNT, u16()),
  bankOffset: count(),
});

/** All registers, for pictures and text. */
export type VgaRegisters = StateOf<typeof registers>;

export interface VgaOptions {
  readonly clock: Clock;
  /** Where the video memory is allocated. */
  readonly memory: Memory;
  /** In MiB; 16 by default. */
  readonly vgamemMb?: number;
}

/** Port ranges of the legacy registers, each to be mapped with `portsAt(base)`. */
export const VGA_PORT_RANGES = [
  { base: 0x3b4, length: 2 },
  { base: 0x3ba, length: 1 },
  { base: 0x3c0, length: 16 },
  { base: 0x3d4, length: 2 },
  { base: 0x3da, length: 1 },
] as const;

const SR_WRITABLE = [0x03, 0x3d, 0x0f, 0x3f, 0x0e, 0x00, 0x00, 0xff] as const;
const GR_WRITABLE = [
  0x0f, 0x0f, 0x0f, 0x1f, 0x03, 0x7b, 0x0f, 0x0f, 0xff, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
] as const;
const AR_COUNT = 21;
const AR_MODE = 0x10;
const AR_OVERSCAN = 0x11;

const CR_OVERFLOW = 0x07;
const CR_VERTICAL_RETRACE_END = 0x11;
const CR11_PROTECT = 0x80;
const CR7_LINE_COMPARE = 0x10;

const MISC_COLOR = 0x01;
const MISC_WRITABLE = 0xef;
const FEATURE_WRITABLE = 0x10;
const SR4_CHAIN_4 = 0x08;
/** BAR 2: VGA ports from 3C0h, VBE registers, QEMU's own. */
const MMIO_PORTS = 0x400;
const MMIO_PORTS_LENGTH = 0x20;
const MMIO_VBE = 0x500;
const MMIO_QEXT = 0x600;
const QEXT_LENGTH = 8;
const QEXT_LITTLE_ENDIAN = 0x1e1e1e1e;

export class Vga extends Device<VgaRegisters> {
  /** Three ports at 1CEh: index, data; 16-bit accesses only (map with maxSize 2). */
  readonly vbePorts: PortHandler = {
    read: (offset, size) => {
      if (size === 1) return -1;
      return offset === 0 ? this.state.vbeIndex : this.readVbeData();
    },
    write: (offset, size, value) => {
      if (size === 1) return;
      if (offset === 0) this.state.vbeIndex = value;
      else this.writeVbeData(this.state.vbeIndex, value);
    },
  };
  /** `vga-lowmem`: 128 KiB at A0000h, in the PCI space at priority 1. */
  readonly window: MmioHandler = {
    read: (offset, size) => this.readWindow(offset, size),
    write: (offset, size, value) => this.writeWindow(offset, size, value),
  };
  /** `vga.mmio`: 4 KiB, BAR 2. */
  readonly mmio: MmioHandler = {
    read: (offset, size) => this.readMmio(offset, size),
    write: (offset, size, value) => this.writeMmio(offset, size, value),
  };
  /** The video memory in the arena: `vga.vram`, BAR 0. */
  readonly vramOffset: number;
  readonly vramLength: number;
  readonly clock: Clock;
  private readonly memory: VgaMemory;
  private geometryNow: VbeGeometry = { lineBytes: 0, startByte: 0 };

  constructor(options: VgaOptions) {
    super(registers);
    this.clock = options.clock;
    this.vramLength = (options.vgamemMb ?? 16) << 20;
    this.vramOffset = options.memory.allocate(this.vramLength, 'vga.vram');
    this.memory = new VgaMemory(options.memory.arena, this.vramOffset, this.vramLength);
    this.powerOn();
  }

  /** Registers go to zero; video memory keeps its contents. */
  override reset(): void {
    this.state = this.table.initial();
    this.powerOn();
  }

  /** For pictures and text; not to be changed. */
  get registers(): Readonly<VgaRegisters> {
    return this.state;
  }

  /** Plane-interleaved: byte `n` of plane `p` is at `n * 4 + p`. */
  get vram(): Uint8Array {
    return this.memory.u8;
  }

  /** Of the VBE mode; only meaningful while VBE is enabled. */
  get vbeGeometry(): VbeGeometry {
    return this.geometryNow;
  }

  /** A handler for ports that start at `base` (one of VGA_PORT_RANGES). */
  portsAt(base: number): PortHandler {
    return {
      read: offset => this.readPort(base + offset),
      write: (offset, _size, value) => this.writePort(base + offset, value),
    };
  }

  protected override settle(): void {
    this.geometryNow = settleVbe([...this.state.vbe], this.vramLength);
  }

  private powerOn(): void {
    this.state.vbe[VBE_INDEX_ID] = VBE_ID5;
    this.settle();
  }

  /** The monochrome ports answer in monochrome, the colour ports in colour. */
  private isElsewhere(port: number): boolean {
    const color = (this.state.miscOutput & MISC_COLOR) !== 0;
    return color ? port >= 0x3b0 && port <= 0x3bf : port >= 0x3d0 && port <= 0x3df;
  }

  private readPort(port: number): number {
    const s = this.state;
    if (this.isElsewhere(port)) return 0xff;
    switch (port) {
      case 0x3c0:
        return s.arData ? 0 : s.arIndex;
      case 0x3c1:
        return (s.arIndex & 0x1f) < AR_COUNT ? s.ar[s.arIndex & 0x1f] : 0;
      case 0x3c4:
        return s.srIndex;
      case 0x3c5:
        return s.sr[s.srIndex];
      case 0x3c6:
        return s.pelMask;
      case 0x3c7:
        return s.dacState;
      case 0x3c8:
        return s.dacWriteIndex;
      case 0x3c9:
        return this.readDac();
      case 0x3ca:
        return s.featureControl;
      case 0x3cc:
        return s.miscOutput;
      case 0x3ce:
        return s.grIndex;
      case 0x3cf:
        return s.gr[s.grIndex];
      case 0x3b4:
      case 0x3d4:
        return s.crIndex;
      case 0x3b5:
      case 0x3d5:
        return s.cr[s.crIndex];
      case 0x3ba:
      case 0x3da:
        s.arData = false;
        return inputStatus1(s, this.clock.nowNs);
      default: // 3C2h, input status 0: no interrupt, no switches
        return 0;
    }
  }

  private writePort(port: number, value: number): void {
    const s = this.state;
    if (this.isElsewhere(port)) return;
    switch (port) {
      case 0x3c0:
        this.writeAttribute(value);
        break;
      case 0x3c2:
        s.miscOutput = value & MISC_WRITABLE;
        break;
      case 0x3c4:
        s.srIndex = value & 7;
        break;
      case 0x3c5:
        s.sr[s.srIndex] = value & SR_WRITABLE[s.srIndex];
        break;
      case 0x3c6:
        s.pelMask = value;
        break;
      case 0x3c7:
        Object.assign(s, { dacReadIndex: value, dacSub: 0, dacState: 3 });
        break;
      case 0x3c8:
        Object.assign(s, { dacWriteIndex: value, dacSub: 0, dacState: 0 });
        break;
      case 0x3c9:
        this.writeDac(value);
        break;
      case 0x3ce:
        s.grIndex = value & 15;
        break;
      case 0x3cf:
        s.gr[s.grIndex] = value & GR_WRITABLE[s.grIndex];
        break;
      case 0x3b4:
      case 0x3d4:
        s.crIndex = value;
        break;
      case 0x3b5:
      case 0x3d5:
        this.writeCrtc(value);
        break;
      case 0x3ba:
      case 0x3da:
        s.featureControl = value & FEATURE_WRITABLE;
        break;
      default: // read-only ports
    }
  }

  private writeAttribute(value: number): void {
    const s = this.state;
    s.arData = !s.arData;
    if (s.arData) {
      s.arIndex = value & 0x3f;
      return;
    }
    const index = s.arIndex & 0x1f;
    if (index >= AR_COUNT) return;
    if (index < AR_MODE) s.ar[index] = value & 0x3f;
    else if (index === AR_MODE) s.ar[index] = value & 0xef;
    else if (index === AR_OVERSCAN) s.ar[index] = value;
    else s.ar[index] = value & (index === 0x12 ? 0x3f : 0x0f);
  }

  private writeCrtc(value: number): void {
    const { cr, crIndex } = this.state;
    const isProtected = (cr[CR_VERTICAL_RETRACE_END] & CR11_PROTECT) !== 0;
    if (!isProtected || crIndex > CR_OVERFLOW) cr[crIndex] = value;
    else if (crIndex === CR_OVERFLOW) {
      // The line compare bit is never protected.
      cr[crIndex] = (cr[crIndex] & ~CR7_LINE_COMPARE) | (value & CR7_LINE_COMPARE);
    }
  }

  private readDac(): number {
    const s = this.state;
    const value = s.palette[s.dacReadIndex * 3 + s.dacSub];
    s.dacSub++;
    if (s.dacSub === 3) {
      s.dacSub = 0;
      s.dacReadIndex = (s.dacReadIndex + 1) & 0xff;
    }
    return value;
  }

  private writeDac(value: number): void {
    const s = this.state;
    s.dacCache[s.dacSub] = value;
    s.dacSub++;
    if (s.dacSub < 3) return;
    s.dacSub = 0;
    s.palette.set(s.dacCache, s.dacWriteIndex * 3);
    s.dacWriteIndex = (s.dacWriteIndex + 1) & 0xff;
  }

  private readWindow(offset: number, size: AccessSize): number {
    let value = 0;
    for (let i = 0; i < size; i++) {
      value |= this.memory.read(offset + i, this.state) << (i * 8);
    }
    return value;
  }

  private writeWindow(offset: number, size: AccessSize, value: number): void {
    for (let i = 0; i < size; i++) {
      this.memory.write(offset + i, (value >>> (i * 8)) & 0xff, this.state);
    }
  }

  private readMmio(offset: number, size: AccessSize): number {
    if (offset >= MMIO_PORTS && offset < MMIO_PORTS + MMIO_PORTS_LENGTH) {
      const port = 0x3c0 + offset - MMIO_PORTS;
      let value = 0;
      for (let i = 0; i < size; i++) value |= this.readPort(port + i) << (i * 8);
      return value;
    }
    const vbeIndex = (offset - MMIO_VBE) >> 1;
    if (vbeIndex >= 0 && vbeIndex <= VBE_REGISTER_COUNT) {
      return readVbe(this.state.vbe, vbeIndex, this.vramLength);
    }
    if (offset === MMIO_QEXT) return QEXT_LENGTH;
    return offset === MMIO_QEXT + 4 ? QEXT_LITTLE_ENDIAN : -1;
  }

  private writeMmio(offset: number, size: AccessSize, value: number): void {
    if (offset >= MMIO_PORTS && offset < MMIO_PORTS + MMIO_PORTS_LENGTH) {
      const port = 0x3c0 + offset - MMIO_PORTS;
      for (let i = 0; i < size; i++) this.writePort(port + i, (value >>> (i * 8)) & 0xff);
      return;
    }
    const vbeIndex = (offset - MMIO_VBE) >> 1;
    if (vbeIndex >= 0 && vbeIndex < VBE_REGISTER_COUNT) this.writeVbeData(vbeIndex, value & 0xffff);
  }

  private readVbeData(): number {
    return readVbe(this.state.vbe, this.state.vbeIndex, this.vramLength);
  }

  private writeVbeData(index: number, value: number): void {
    const { vbe } = this.state;
    switch (index) {
      case VBE_INDEX_ID:
        if (value >= VBE_ID0 && value <= VBE_ID5) vbe[index] = value;
        break;
      case VBE_INDEX_XRES:
      case VBE_INDEX_YRES:
      case VBE_INDEX_BPP:
      case VBE_INDEX_VIRT_WIDTH:
      case VBE_INDEX_X_OFFSET:
      case VBE_INDEX_Y_OFFSET:
        vbe[index] = value;
        this.applyVbe();
        break;
      case VBE_INDEX_BANK:
        vbe[index] = value & ((this.vramLength >> 16) - 1);
        this.state.bankOffset = vbe[index] << (vbe[VBE_INDEX_BPP] === 4 ? 14 : 16);
        break;
      case VBE_INDEX_ENABLE:
        this.enableVbe(value);
        break;
      case VBE_INDEX_VIRT_HEIGHT: // follows from the rest
        break;
      default:
    }
  }

  private enableVbe(value: number): void {
    const s = this.state;
    const starts = (value & VBE_ENABLED) !== 0 && !vbeEnabled(s.vbe);
    if (starts) {
      s.vbe[VBE_INDEX_VIRT_WIDTH] = 0;
      s.vbe[VBE_INDEX_X_OFFSET] = 0;
      s.vbe[VBE_INDEX_Y_OFFSET] = 0;
    }
    s.vbe[VBE_INDEX_ENABLE] = value;
    if ((value & VBE_ENABLED) === 0) s.bankOffset = 0;
    this.applyVbe();
    if (starts && (value & VBE_NOCLEARMEM) === 0) {
      this.vram.fill(0, 0, s.vbe[VBE_INDEX_YRES] * this.geometryNow.lineBytes);
    }
  }

  /** While VBE is on, its registers hold what is possible, and the VGA's follow. */
  private applyVbe(): void {
    const s = this.state;
    if (!vbeEnabled(s.vbe)) return;
    this.geometryNow = settleVbe(s.vbe, this.vramLength);
    const height = s.vbe[VBE_INDEX_YRES] - 1;
    const planar = s.vbe[VBE_INDEX_BPP] === 4;
    s.gr[GR_MISC] = (s.gr[GR_MISC] & ~0x0c) | 0x05; // graphics, 64 KiB at A0000h
    s.cr[0x17] |= 0x03;
    s.cr[0x13] = (this.geometryNow.lineBytes >> 3) & 0xff;
    s.cr[0x01] = ((s.vbe[VBE_INDEX_XRES] >> 3) - 1) & 0xff;
    s.cr[0x12] = height & 0xff;
    s.cr[CR_OVERFLOW] = (s.cr[CR_OVERFLOW] & ~0x42) | ((height >> 7) & 2) | ((height >> 3) & 0x40);
    s.cr[CR_OVERFLOW] |= CR7_LINE_COMPARE;
    s.cr[0x18] = 0xff;
    s.cr[0x09] = (s.cr[0x09] & ~0x9f) | 0x40;
    s.gr[GR_MODE] = (s.gr[GR_MODE] & ~0x60) | (planar ? 0 : 0x40);
    if (planar) s.sr[1] &= ~0x08;
    else {
      s.sr[SR_MEMORY_MODE] |= SR4_CHAIN_4;
      s.sr[SR_PLANE_WRITE] |= 0x0f;
    }
  }

  /** Eight bits per colour in the DAC, instead of six. */
  get has8BitDac(): boolean {
    return (this.state.vbe[VBE_INDEX_ENABLE] & VBE_8BIT_DAC) !== 0;
  }
}
