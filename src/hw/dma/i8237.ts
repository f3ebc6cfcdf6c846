/**
 * 8237A DMA controller with the PC's page registers. A PC has two: channels 0-3 move bytes,
 * channels 5-7 words.
 */

import type { Log } from '../../log.ts';
import type { Memory } from '../../memory.ts';
import type { PortHandler } from '../../ports.ts';
import { type StateOf, state, u8 } from '../../state.ts';
import { Device } from '../device.ts';

const registers = state('i8237', 1, { command: u8() });

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
  /** Device to memory; returns how many bytes went. */
  writeMemory(from: Uint8Array): number;
  /** Memory to device; returns how many bytes came. */
  readMemory(into: Uint8Array): number;
}

export class I8237 extends Device<StateOf<typeof registers>> {
  /** Eight registers: 8 ports at 00h, or 16 ports at C0h (`word`: every other port). */
  readonly channelPorts: PortHandler = { read: () => 0xff, write: () => {} };
  /** Eight registers: 8 ports at 08h, or 16 ports at D0h. */
  readonly controlPorts: PortHandler = { read: () => 0xff, write: () => {} };
  /** Three ports: 81h or 89h. */
  readonly pagePorts: PortHandler = { read: () => 0xff, write: () => {} };
  /** One port: 87h or 8Fh. */
  readonly page0Port: PortHandler = { read: () => 0xff, write: () => {} };

  constructor(readonly options: I8237Options) {
    super(registers);
  }

  /** `index` within this chip: 0-3. */
  channel(_index: number): DmaChannel {
    return { remaining: 0, writeMemory: () => 0, readMemory: () => 0 };
  }
}
