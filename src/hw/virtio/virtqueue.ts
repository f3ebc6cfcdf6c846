/**
 * A virtqueue as the device sees it: descriptors, available ring, used ring in guest memory.
 *
 * Specification: Virtio PCI Card Specification 0.9.5, sections 2.3 and 2.4, with indirect
 * descriptors and event indexes.
 */

import type { Memory } from '../../memory.ts';
import { bool, u16, u32 } from '../../state.ts';

export const QUEUE_SIZE = 128;

const PAGE = 4096;
const DESCRIPTOR_SIZE = 16;
const F_NEXT = 1;
const F_WRITE = 2;
const F_INDIRECT = 4;
const AVAIL_NO_INTERRUPT = 1;
/** Entries of an indirect table, at most. */
const MAX_CHAIN = 1024;

/** The part of a device's state that a queue has. */
export const queueFields = {
  /** Page number of the descriptor table; 0 is no queue. */
  pfn: u32(),
  lastAvailable: u16(),
  usedIndex: u16(),
  /** `usedIndex` when the guest was last interrupted. */
  signalled: u16(),
  hasSignalled: bool(),
  /** The guest has put nonsense into the rings: nothing goes on until it resets the device. */
  isBroken: bool(),
};

export interface QueueState {
  pfn: number;
  lastAvailable: number;
  usedIndex: number;
  signalled: number;
  hasSignalled: boolean;
  isBroken: boolean;
}

export interface Segment {
  readonly address: number;
  readonly length: number;
}

/** One request: what the device may read, and where it may write. */
export interface Chain {
  readonly head: number;
  readonly out: readonly Segment[];
  readonly into: readonly Segment[];
}

export interface VirtqueueOptions {
  readonly memory: Memory;
  readonly state: () => QueueState;
  /** Negotiated: the rings say when they want to hear of news. */
  readonly hasEventIndex: () => boolean;
  readonly guestError: (why: string) => void;
}

export class Virtqueue {
  constructor(private readonly options: VirtqueueOptions) {}

  private get table(): number {
    return this.options.state().pfn * PAGE;
  }

  private get available(): number {
    return this.table + DESCRIPTOR_SIZE * QUEUE_SIZE;
  }

  private get used(): number {
    const end = this.available + 4 + 2 * QUEUE_SIZE + 2;
    return Math.ceil(end / PAGE) * PAGE;
  }

  /** Nothing waits for the device. */
  get isEmpty(): boolean {
    return this.read16(this.available + 2) === this.options.state().lastAvailable;
  }

  /** The next request, or undefined. */
  pop(): Chain | undefined {
    const s = this.options.state();
    if (s.pfn === 0 || s.isBroken) return undefined;
    const waiting = (this.read16(this.available + 2) - s.lastAvailable) & 0xffff;
    if (waiting === 0) return undefined;
    if (waiting > QUEUE_SIZE) return this.broken('available index out of range');
    const head = this.read16(this.available + 4 + 2 * (s.lastAvailable % QUEUE_SIZE));
    s.lastAvailable = (s.lastAvailable + 1) & 0xffff;
    // The guest tells of the next one only when the index passes this.
    if (this.options.hasEventIndex()) {
      this.options.memory.write(this.used + 4 + 8 * QUEUE_SIZE, 2, s.lastAvailable);
    }
    return this.chain(head);
  }

  /** The request is done; `length` bytes were written for the guest. */
  push({ head }: Chain, length: number): void {
    const s = this.options.state();
    const { memory } = this.options;
    const at = this.used + 4 + 8 * (s.usedIndex % QUEUE_SIZE);
    memory.write(at, 4, head);
    memory.write(at + 4, 4, length);
    s.usedIndex = (s.usedIndex + 1) & 0xffff;
    memory.write(this.used + 2, 2, s.usedIndex);
  }

  /** The guest wants to be interrupted for what was pushed since the last time. */
  wantsInterrupt(notifiesOnEmpty: boolean): boolean {
    const s = this.options.state();
    if (notifiesOnEmpty && this.isEmpty) return true;
    if (!this.options.hasEventIndex()) {
      return (this.read16(this.available) & AVAIL_NO_INTERRUPT) === 0;
    }
    const { signalled, hasSignalled, usedIndex } = s;
    s.signalled = usedIndex;
    s.hasSignalled = true;
    const event = this.read16(this.available + 4 + 2 * QUEUE_SIZE);
    const passed = (usedIndex - event - 1) & 0xffff;
    return !hasSignalled || passed < ((usedIndex - signalled) & 0xffff);
  }

  /** The request that begins with this descriptor. */
  chain(head: number): Chain | undefined {
    const out: Segment[] = [];
    const into: Segment[] = [];
    let table = this.table;
    let size = QUEUE_SIZE;
    let index = head;
    for (let i = 0; i < MAX_CHAIN; i++) {
      if (index >= size) return this.broken(`descriptor ${index} out of range`);
      const { address, length, flags, next } = this.descriptor(table + DESCRIPTOR_SIZE * index);
      if ((flags & F_INDIRECT) !== 0) {
        if (table !== this.table || length === 0 || length % DESCRIPTOR_SIZE !== 0) {
          return this.broken('bad indirect descriptor');
        }
        table = address;
        size = length / DESCRIPTOR_SIZE;
        index = 0;
        continue;
      }
      ((flags & F_WRITE) !== 0 ? into : out).push({ address, length });
      if ((flags & F_NEXT) === 0) return { head, out, into };
      index = next;
    }
    return this.broken('descriptors in a circle');
  }

  private descriptor(at: number) {
    const { memory } = this.options;
    return {
      address: memory.read(at, 4),
      length: memory.read(at + 8, 4),
      flags: this.read16(at + 12),
      next: this.read16(at + 14),
    };
  }

  private broken(why: string): undefined {
    this.options.state().isBroken = true;
    this.options.guestError(why);
    return undefined;
  }

  private read16(address: number): number {
    return this.options.memory.read(address, 2);
  }
}
