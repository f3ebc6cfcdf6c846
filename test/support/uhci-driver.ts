/**
 * A UHCI driver and a bulk-only mass storage driver as small as they get, by ports and memory only.
 */

import type { Bench } from './board.ts';

export const IO = 0xc000;
export const CMD = IO;
export const STS = IO + 2;
export const INTR = IO + 4;
export const FRNUM = IO + 6;
export const BASE = IO + 8;
export const PORT1 = IO + 0x10;
export const PORT2 = IO + 0x12;

export const IN = 0x69;
export const OUT = 0xe1;
export const SETUP = 0x2d;

export const FRAMES = 0x10000;
const QUEUE = 0x11000;
export const DESCRIPTORS = 0x12000;
const BUFFER = 0x20000;
const ACTIVE = 1 << 23;
const IOC = 1 << 24;
const SPD = 1 << 29;
const THREE_ERRORS = 3 << 27;

export interface Packet {
  readonly pid: number;
  readonly endpoint: number;
  readonly length: number;
  readonly buffer: number;
}

export interface Outcome {
  readonly statuses: readonly number[];
  /** Bytes moved by each packet that is done. */
  readonly lengths: readonly number[];
  /** Milliseconds of virtual time. */
  readonly frames: number;
}

export interface Csw {
  readonly tag: number;
  readonly residue: number;
  readonly status: number;
}

export class UhciDriver {
  address = 0;
  private tag = 1;

  constructor(readonly bench: Bench) {}

  /** Gives the controller its ports and starts an empty schedule. */
  start(): void {
    const { bench } = this;
    bench.configWrite(1, 2, 0x20, IO);
    bench.configWrite(1, 2, 4, 5);
    bench.outw(CMD, 2);
    for (let i = 0; i < 1024; i++) bench.memory.write(FRAMES + 4 * i, 4, QUEUE | 2);
    bench.memory.write(QUEUE, 4, 1);
    bench.memory.write(QUEUE + 4, 4, 1);
    bench.outl(BASE, FRAMES);
    bench.outw(CMD, 1);
  }

  /** Resets and enables a port. */
  enable(port = PORT1): void {
    this.bench.outw(port, 0x200);
    this.wait(50);
    this.bench.outw(port, 0);
    this.bench.outw(port, 0x4 | 0xa);
  }

  wait(milliseconds: number): void {
    const { clock } = this.bench;
    clock.advanceTo(clock.nowNs + milliseconds * 1_000_000);
  }

  /** Hangs packets into the queue and waits until all are done or one has failed. */
  async run(packets: readonly Packet[], limit = 2000): Promise<Outcome> {
    const { memory } = this.bench;
    for (const [i, packet] of packets.entries()) {
      this.describe(packet, i, i === packets.length - 1);
    }
    memory.write(QUEUE + 4, 4, DESCRIPTORS);
    let frames = 0;
    for (; frames < limit; frames++) {
      this.wait(1);
      await this.deliver();
      const statuses = this.statuses(packets.length);
      const failed = statuses.some(s => (s & ACTIVE) === 0 && (s & 0x760000) !== 0);
      const short = (this.bench.inw(STS) & 1) !== 0 && this.isShort(packets, statuses);
      if (failed || short || statuses.every(s => (s & ACTIVE) === 0)) break;
    }
    memory.write(QUEUE + 4, 4, 1);
    this.bench.outw(STS, 0x1f);
    const statuses = this.statuses(packets.length);
    const done = statuses.filter(s => (s & ACTIVE) === 0);
    return { statuses, lengths: done.map(s => (s + 1) & 0x7ff), frames };
  }

  /** A control transfer, its data behind the request; undefined when it stalls. */
  async control(setup: readonly number[]): Promise<Uint8Array | undefined> {
    const { memory } = this.bench;
    memory.writeBytes(BUFFER, Uint8Array.from(setup));
    const isIn = (setup[0] & 0x80) !== 0;
    const length = setup[6] | (setup[7] << 8);
    const packets: Packet[] = [{ pid: SETUP, endpoint: 0, length: 8, buffer: BUFFER }];
    if (isIn) {
      for (let at = 0; at < length; at += 8) {
        const part = Math.min(8, length - at);
        packets.push({ pid: IN, endpoint: 0, length: part, buffer: BUFFER + 16 + at });
      }
    } else if (length > 0) {
      memory.writeBytes(BUFFER + 16, Uint8Array.from(setup.slice(8)));
      packets.push({ pid: OUT, endpoint: 0, length, buffer: BUFFER + 16 });
    }
    const data = await this.run(packets);
    if (data.statuses.some(s => (s & 0x400000) !== 0)) return undefined;
    const moved = data.lengths.slice(1).reduce((sum, n) => sum + n, 0);
    const pid = isIn && length > 0 ? OUT : IN;
    const end = await this.run([{ pid, endpoint: 0, length: 0, buffer: 0 }]);
    if ((end.statuses[0] & 0x400000) !== 0) return undefined;
    const bytes = new Uint8Array(moved);
    memory.readBytes(BUFFER + 16, bytes);
    return bytes;
  }

  /** What an interrupt endpoint answers within a few frames; undefined when it has nothing. */
  async poll(length: number): Promise<readonly number[] | undefined> {
    const { memory } = this.bench;
    const packet = { pid: IN, endpoint: 1, length, buffer: BUFFER };
    const { statuses, lengths } = await this.run([packet], 3);
    if ((statuses[0] & ACTIVE) !== 0) return undefined;
    const bytes = new Uint8Array(lengths[0]);
    memory.readBytes(BUFFER, bytes);
    return [...bytes];
  }

  async descriptor(type: number, index = 0, length = 255): Promise<Uint8Array | undefined> {
    return this.control([0x80, 6, index, type, 0, 0, length & 0xff, length >> 8]);
  }

  async text(index: number): Promise<string> {
    const bytes = (await this.descriptor(3, index)) ?? new Uint8Array(0);
    return new TextDecoder('utf-16le').decode(bytes.subarray(2));
  }

  /** Address and configuration 1. */
  async enumerate(address: number): Promise<void> {
    await this.control([0, 5, address, 0, 0, 0, 0, 0]);
    this.address = address;
    await this.control([0, 9, 1, 0, 0, 0, 0, 0]);
  }

  bulk(pid: number, buffer: number, length: number): Promise<Outcome> {
    const endpoint = pid === IN ? 1 : 2;
    const packets: Packet[] = [];
    for (let at = 0; at < length; at += 64) {
      packets.push({ pid, endpoint, length: Math.min(64, length - at), buffer: buffer + at });
    }
    return this.run(packets);
  }

  /** Sends a command block wrapper. */
  async wrap(cdb: readonly number[], length: number, isIn: boolean): Promise<Outcome> {
    const block = new Uint8Array(31);
    const view = new DataView(block.buffer);
    view.setUint32(0, 0x43425355, true);
    view.setUint32(4, this.tag++, true);
    view.setUint32(8, length, true);
    block[12] = isIn ? 0x80 : 0;
    block[14] = cdb.length;
    block.set(cdb, 15);
    this.bench.memory.writeBytes(BUFFER, block);
    return this.bulk(OUT, BUFFER, 31);
  }

  async status(): Promise<Csw> {
    await this.bulk(IN, BUFFER, 13);
    const { memory } = this.bench;
    return {
      tag: memory.read(BUFFER + 4, 4),
      residue: memory.read(BUFFER + 8, 4),
      status: memory.read(BUFFER + 12, 1),
    };
  }

  /** A command that reads. */
  async scsiIn(cdb: readonly number[], length: number): Promise<{ data: Uint8Array; csw: Csw }> {
    await this.wrap(cdb, length, true);
    let moved = 0;
    if (length > 0) {
      const { lengths } = await this.bulk(IN, BUFFER + 64, length);
      moved = lengths.reduce((sum, n) => sum + n, 0);
    }
    const data = new Uint8Array(moved);
    this.bench.memory.readBytes(BUFFER + 64, data);
    return { data, csw: await this.status() };
  }

  /** A command that writes, or moves nothing. */
  async scsiOut(cdb: readonly number[], data: Uint8Array = new Uint8Array(0)): Promise<Csw> {
    await this.wrap(cdb, data.length, false);
    this.bench.memory.writeBytes(BUFFER + 64, data);
    if (data.length > 0) await this.bulk(OUT, BUFFER + 64, data.length);
    return this.status();
  }

  /** Key, code and qualifier. */
  async sense(): Promise<string> {
    const { data } = await this.scsiIn([3, 0, 0, 0, 18, 0], 18);
    return [data[2], data[12], data[13]].map(b => b.toString(16).padStart(2, '0')).join(' ');
  }

  private describe(packet: Packet, index: number, isLast: boolean): void {
    const { memory } = this.bench;
    const at = DESCRIPTORS + 16 * index;
    const control = ACTIVE | THREE_ERRORS | (packet.pid === IN ? SPD : 0) | (isLast ? IOC : 0);
    const length = (packet.length - 1) & 0x7ff;
    memory.write(at, 4, isLast ? 1 : (at + 16) | 4);
    memory.write(at + 4, 4, control >>> 0);
    const token = (length << 21) | (packet.endpoint << 15) | (this.address << 8) | packet.pid;
    memory.write(at + 8, 4, token >>> 0);
    memory.write(at + 12, 4, packet.buffer);
  }

  private statuses(count: number): number[] {
    const { memory } = this.bench;
    return Array.from({ length: count }, (_, i) => memory.read(DESCRIPTORS + 16 * i + 4, 4));
  }

  private isShort(packets: readonly Packet[], statuses: readonly number[]): boolean {
    return statuses.some(
      (s, i) =>
        (s & ACTIVE) === 0 && packets[i].pid === IN && ((s + 1) & 0x7ff) < packets[i].length,
    );
  }

  /** Backends answer, and what is due is delivered. */
  private async deliver(): Promise<void> {
    const { inbox } = this.bench;
    for (let i = 0; i < 20; i++) await Promise.resolve();
    inbox.deliver();
  }
}
