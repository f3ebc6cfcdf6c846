/**
 * A board on a bench: no processor, only its ports, memory, lines and time.
 */

import type { BlockBackend } from '../../src/block/backend.ts';
import { Clock } from '../../src/clock.ts';
import type { DriveOptions, PcOptions } from '../../src/hw/board/options.ts';
import { Pc } from '../../src/hw/board/pc.ts';
import { Inbox } from '../../src/inbox.ts';
import { Log } from '../../src/log.ts';
import { Memory } from '../../src/memory.ts';
import { Ports } from '../../src/ports.ts';

export interface RamDisk extends BlockBackend {
  readonly bytes: Uint8Array;
  readonly discarded: [offset: number, length: number][];
  flushes: number;
  /** Every request fails from now on. */
  broken: boolean;
}

export function ramDisk(length: number, name = 'ide0-hd0'): RamDisk {
  const bytes = new Uint8Array(length);
  const check = (disk: RamDisk): void => {
    if (disk.broken) throw new Error('EIO');
  };
  return {
    name,
    bytes,
    discarded: [],
    flushes: 0,
    broken: false,
    inserted: true,
    readOnly: false,
    length,
    geometry: undefined,
    serial: undefined,
    writeCache: true,
    async read(offset, into) {
      check(this);
      into.set(bytes.subarray(offset, offset + into.length));
    },
    async write(offset, from) {
      check(this);
      bytes.set(from, offset);
      if (!this.writeCache) this.flushes++;
    },
    async flush() {
      check(this);
      this.flushes++;
    },
    async discard(offset, size) {
      this.discarded.push([offset, size]);
    },
    connectTray() {},
    onMediaChange() {},
  };
}

export function disk(backend: BlockBackend, bus: 0 | 1 = 0, unit: 0 | 1 = 0): DriveOptions {
  return { bus, unit, media: 'disk', backend };
}

const MEGABYTE = 1 << 20;

export class Bench {
  readonly clock = new Clock();
  readonly inbox = new Inbox(this.clock);
  readonly memory = new Memory(48 * MEGABYTE);
  readonly ports = new Ports();
  readonly pc: Pc;
  readonly events: string[] = [];

  constructor(change: Partial<PcOptions> = {}) {
    const firmware = new Uint8Array(0x20000).fill(0xf4);
    firmware.set([0xea, 0x5b, 0xe0, 0x00, 0xf0], 0x1fff0);
    this.inbox.holding = true;
    this.pc = new Pc(
      {
        clock: this.clock,
        inbox: this.inbox,
        memory: this.memory,
        ports: this.ports,
        log: new Log(),
        ramSize: 16 * MEGABYTE,
        firmware: { name: 'bios.bin', bytes: firmware },
        optionRoms: [],
        serials: [],
        drives: [],
        boot: { order: 'cad', menu: false },
        rtcBase: 0,
        nographic: false,
        ...change,
      },
      {
        onReset: cause => this.events.push(`reset ${cause}`),
        onShutdown: () => this.events.push('shutdown'),
        onSuspend: () => this.events.push('suspend'),
        onTimeSet: offset => this.events.push(`time ${offset}`),
        onDebugExit: value => this.events.push(`exit ${value}`),
      },
    );
  }

  inb(port: number): number {
    return this.ports.read(port, 1);
  }

  inw(port: number): number {
    return this.ports.read(port, 2);
  }

  inl(port: number): number {
    return this.ports.read(port, 4);
  }

  outb(port: number, value: number): void {
    this.ports.write(port, 1, value);
  }

  outw(port: number, value: number): void {
    this.ports.write(port, 2, value);
  }

  outl(port: number, value: number): void {
    this.ports.write(port, 4, value);
  }

  configRead(slot: number, func: number, offset: number): number {
    this.outl(0xcf8, (0x80000000 | (slot << 11) | (func << 8) | (offset & 0xfc)) >>> 0);
    return this.inl(0xcfc);
  }

  configWrite(slot: number, func: number, offset: number, value: number): void {
    this.outl(0xcf8, (0x80000000 | (slot << 11) | (func << 8) | (offset & 0xfc)) >>> 0);
    this.outl(0xcfc, value >>> 0);
  }

  configWriteByte(slot: number, func: number, offset: number, value: number): void {
    this.outl(0xcf8, (0x80000000 | (slot << 11) | (func << 8) | (offset & 0xfc)) >>> 0);
    this.outb(0xcfc + (offset & 3), value);
  }

  /** Lets time pass and the backends answer until nothing is under way. */
  async settle(): Promise<void> {
    while (this.inbox.busy) {
      await Promise.resolve();
      if (this.inbox.mustWait) continue;
      this.clock.advanceTo(Math.max(this.clock.nowNs, this.inbox.nextDueNs()));
      for (let i = 0; i < 20; i++) await Promise.resolve();
      this.inbox.deliver();
    }
  }

  words(port: number, count: number): Uint8Array {
    const bytes = new Uint8Array(count * 2);
    for (let i = 0; i < count; i++) {
      const word = this.inw(port);
      bytes[2 * i] = word & 0xff;
      bytes[2 * i + 1] = word >> 8;
    }
    return bytes;
  }
}
