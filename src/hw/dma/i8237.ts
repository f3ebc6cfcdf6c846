/**
 * 8237A DMA controller with the PC's page registers. A PC has two: channels 0-3 move bytes,
 * channels 5-7 words (their addresses count words, page bit 0 is not used).
 *
 * Spec: Intel 8237A data sheet (231466); IBM PC AT Technical Reference, page registers.
 *
 * The device moves the data when it has some: `channel(n).writeMemory(…)` is DREQ held until
 * terminal count. Addresses wrap within 64 KiB (128 KiB for words), as on the board.
 * Not emulated: cycle timing, memory-to-memory, cascade, compressed timing, polarities, DACK lines.
 */

import type { Log } from '../../log.ts';
import type { Memory } from '../../memory.ts';
import type { PortHandler } from '../../ports.ts';
import { array, bool, type StateOf, state, struct, u8, u16 } from '../../state.ts';
import { Device } from '../device.ts';

const COMMAND_DISABLE = 0x04;
/** All but controller disable and channel 0 address hold: nothing here acts on them. */
const COMMAND_UNSUPPORTED = 0xe9;
const MODE_AUTO_INIT = 0x10;
const MODE_DECREMENT = 0x20;
const TRANSFER_WRITE = 1;
const TRANSFER_READ = 2;

const COMMAND_STATUS = 0;
const REQUEST = 1;
const SINGLE_MASK = 2;
const MODE = 3;
const CLEAR_FLIP_FLOP = 4;
const MASTER_CLEAR_TEMPORARY = 5;
const CLEAR_MASK = 6;
const ALL_MASK = 7;

/** Page register of each channel, by offset from 80h (or 88h): DMA channels 2, 3, 1 and 0. */
const PAGE_CHANNELS = [2, 3, 1] as const;

const registers = state('i8237', 1, {
  command: u8(),
  /** Terminal counts in bits 0-3, since the last read. */
  reached: u8(),
  requests: u8(),
  mask: u8(0x0f),
  /** The next access to an address or count is its high byte. */
  highByte: bool(),
  channels: array(
    4,
    struct({
      baseAddress: u16(),
      baseCount: u16(),
      address: u16(),
      /** Transfers left, less one. */
      count: u16(),
      mode: u8(),
      page: u8(),
    }),
  ),
});

export interface I8237Options {
  readonly memory: Memory;
  readonly log: Log;
  /** `byte` for channels 0-3, `word` for channels 4-7. */
  readonly width: 'byte' | 'word';
}

/** What a device on the ISA bus sees of its DREQ/DACK pair. */
export interface DmaChannel {
  /** Bytes left until terminal count; 0 when the channel is masked or the chip disabled. */
  readonly remaining: number;
  /** Device to memory; returns how many bytes the controller took, up to terminal count. */
  writeMemory(from: Uint8Array): number;
  /** Memory to device; returns how many bytes came. In verify mode nothing moves, but counts. */
  readMemory(into: Uint8Array): number;
}

export class I8237 extends Device<StateOf<typeof registers>> {
  /** Eight registers: 8 ports at 00h, or 16 ports at C0h (`word`: every other port). */
  readonly channelPorts: PortHandler;
  /** Eight registers: 8 ports at 08h, or 16 ports at D0h. */
  readonly controlPorts: PortHandler;
  /** Three ports: 81h or 89h. */
  readonly pagePorts: PortHandler = {
    read: offset => this.state.channels[PAGE_CHANNELS[offset]].page,
    write: (offset, _size, value) => {
      this.state.channels[PAGE_CHANNELS[offset]].page = value;
    },
  };
  /** One port: 87h or 8Fh. */
  readonly page0Port: PortHandler = {
    read: () => this.state.channels[0].page,
    write: (_offset, _size, value) => {
      this.state.channels[0].page = value;
    },
  };
  private readonly unit: 1 | 2;

  constructor(private readonly options: I8237Options) {
    super(registers);
    this.unit = options.width === 'word' ? 2 : 1;
    const index = (offset: number): number => (this.unit === 2 ? offset >> 1 : offset);
    this.channelPorts = {
      read: offset => this.readChannel(index(offset)),
      write: (offset, _size, value) => this.writeChannel(index(offset), value),
    };
    this.controlPorts = {
      read: offset => this.readControl(index(offset)),
      write: (offset, _size, value) => this.writeControl(index(offset), value),
    };
  }

  /** `number` within this chip: 0-3. */
  channel(number: number): DmaChannel {
    const remaining = (): number => this.remaining(number);
    return {
      get remaining(): number {
        return remaining();
      },
      writeMemory: from => this.transfer(number, TRANSFER_WRITE, from),
      readMemory: into => this.transfer(number, TRANSFER_READ, into),
    };
  }

  private remaining(number: number): number {
    const s = this.state;
    if ((s.command & COMMAND_DISABLE) !== 0 || (s.mask & (1 << number)) !== 0) return 0;
    return (s.channels[number].count + 1) * this.unit;
  }

  private transfer(number: number, direction: number, bytes: Uint8Array): number {
    const channel = this.state.channels[number];
    const length = Math.min(this.remaining(number), bytes.length);
    const count = Math.floor(length / this.unit);
    const programmed = (channel.mode >> 2) & 3;
    const step = (channel.mode & MODE_DECREMENT) !== 0 ? -1 : 1;
    for (let i = 0; i < count; i++) {
      if (programmed === direction) {
        this.move(this.physical(channel), direction, bytes.subarray(i * this.unit));
      }
      channel.address = (channel.address + step) & 0xffff;
    }
    channel.count = (channel.count - count) & 0xffff;
    // The count passes from 0 to FFFFh at terminal count.
    if (count > 0 && channel.count === 0xffff) this.terminalCount(number);
    return count * this.unit;
  }

  private physical({ page, address }: { page: number; address: number }): number {
    if (this.unit === 1) return (page << 16) | address;
    return ((page & 0xfe) << 16) | (address << 1);
  }

  private move(physical: number, direction: number, bytes: Uint8Array): void {
    const { memory } = this.options;
    const one = bytes.subarray(0, this.unit);
    if (direction === TRANSFER_WRITE) memory.writeBytes(physical, one);
    else memory.readBytes(physical, one);
  }

  private terminalCount(number: number): void {
    const s = this.state;
    const channel = s.channels[number];
    s.reached |= 1 << number;
    s.requests &= ~(1 << number);
    if ((channel.mode & MODE_AUTO_INIT) === 0) {
      s.mask |= 1 << number;
      return;
    }
    channel.address = channel.baseAddress;
    channel.count = channel.baseCount;
  }

  private readChannel(index: number): number {
    const s = this.state;
    const channel = s.channels[index >> 1];
    const value = (index & 1) !== 0 ? channel.count : channel.address;
    s.highByte = !s.highByte;
    return s.highByte ? value & 0xff : value >> 8;
  }

  /** Base and current registers are written together. */
  private writeChannel(index: number, value: number): void {
    const s = this.state;
    const channel = s.channels[index >> 1];
    const merge = (old: number): number =>
      s.highByte ? (old & 0x00ff) | (value << 8) : (old & 0xff00) | value;
    if ((index & 1) !== 0) {
      channel.baseCount = merge(channel.baseCount);
      channel.count = channel.baseCount;
    } else {
      channel.baseAddress = merge(channel.baseAddress);
      channel.address = channel.baseAddress;
    }
    s.highByte = !s.highByte;
  }

  private readControl(index: number): number {
    const s = this.state;
    switch (index) {
      case COMMAND_STATUS: {
        const status = s.reached | (s.requests << 4);
        s.reached = 0;
        return status;
      }
      case ALL_MASK:
        return s.mask;
      default: // temporary register and write-only ones
        return 0;
    }
  }

  private writeControl(index: number, value: number): void {
    const s = this.state;
    const bit = 1 << (value & 3);
    const setOrClear = (old: number): number => ((value & 4) !== 0 ? old | bit : old & ~bit);
    switch (index) {
      case COMMAND_STATUS:
        s.command = value;
        if ((value & COMMAND_UNSUPPORTED) !== 0) {
          this.options.log.unimplemented('i8237', `command 0x${value.toString(16)}`);
        }
        break;
      case REQUEST:
        s.requests = setOrClear(s.requests);
        break;
      case SINGLE_MASK:
        s.mask = setOrClear(s.mask);
        break;
      case MODE:
        s.channels[value & 3].mode = value;
        break;
      case CLEAR_FLIP_FLOP:
        s.highByte = false;
        break;
      case MASTER_CLEAR_TEMPORARY:
        Object.assign(s, { command: 0, reached: 0, requests: 0, mask: 0x0f, highByte: false });
        break;
      case CLEAR_MASK:
        s.mask = 0;
        break;
      default: // ALL_MASK
        s.mask = value & 0x0f;
    }
  }
}
