/**
 * Writes a machine's state as machine-state.ts describes it.
 *
 * Memory can be sent while the machine runs: `MemoryCopy` remembers what was sent, and each further
 * pass finds what has changed since. That costs as much memory again while it lasts, and no
 * instruction of the guest is slower for it.
 */

import {
  CPU,
  deviceHead,
  HEADER_LENGTH,
  IS_ZERO,
  instanceOf,
  MAGIC,
  memorySection,
  PAGE_HEAD,
  SECTION,
  SECTION_LENGTH,
  type StatefulMachine,
  type StateSink,
  TIMER,
  timerSection,
  VERSION,
} from './machine-state.ts';
import { type Memory, PAGE_SIZE } from './memory.ts';
import { encodePlain } from './plain-bytes.ts';
import type { Plain } from './state.ts';

const PAGE_WORDS = PAGE_SIZE / 4;
/** Bytes of pages in one section, at most. */
const BATCH = 1 << 20;
/** Pages that are looked at for one section, at most: the guest waits meanwhile. */
const LONGEST_SEARCH = 8192;

/** What was sent of a machine's memory; a copy of it when passes are to follow. */
export class MemoryCopy {
  private readonly now: Int32Array;
  private readonly sent: Int32Array | undefined;
  private readonly pages: { readonly block: number; readonly page: number; readonly at: number }[];

  constructor(memory: Memory, keeps: boolean) {
    this.now = new Int32Array(memory.arena);
    const end = Math.max(...memory.guestRanges.map(range => range.offset + range.length));
    this.sent = keeps ? new Int32Array(Math.ceil(end / 4)) : undefined;
    this.pages = memory.guestRanges.flatMap(({ offset, length }, block) =>
      Array.from({ length: Math.ceil(length / PAGE_SIZE) }, (_, page) => ({
        block,
        page,
        at: (offset + page * PAGE_SIZE) / 4,
      })),
    );
  }

  get pageCount(): number {
    return this.pages.length;
  }

  /**
   * Pages that differ from what was sent, or that are not zero where nothing was: number by number
   * from `from`, in bytes for one section. `next` is where to go on.
   */
  batch(from: number): Batch {
    const bytes = new Uint8Array(SECTION_LENGTH + BATCH + PAGE_HEAD + PAGE_SIZE);
    const view = new DataView(bytes.buffer);
    const words = new Uint8Array(this.now.buffer);
    let length = SECTION_LENGTH;
    let zero = 0;
    let normal = 0;
    let next = from;
    const end = Math.min(this.pages.length, from + LONGEST_SEARCH);
    for (; next < end && length < BATCH; next++) {
      const { block, page, at } = this.pages[next];
      if (!this.differs(at)) continue;
      const isZero = this.keep(at);
      view.setUint32(length, (block | (isZero ? IS_ZERO : 0)) >>> 0, true);
      view.setUint32(length + 4, page, true);
      length += PAGE_HEAD;
      if (isZero) zero++;
      else {
        bytes.set(words.subarray(at * 4, at * 4 + PAGE_SIZE), length);
        length += PAGE_SIZE;
        normal++;
      }
    }
    bytes[0] = SECTION.pages;
    view.setUint32(1, length - SECTION_LENGTH, true);
    return { bytes: bytes.subarray(0, length), next, zero, normal };
  }

  private differs(at: number): boolean {
    const { now, sent } = this;
    for (let i = at; i < at + PAGE_WORDS; i++) {
      if (now[i] !== (sent === undefined ? 0 : sent[i])) return true;
    }
    return false;
  }

  /** Notes the page as sent; true when it is zero. */
  private keep(at: number): boolean {
    const { now } = this;
    this.sent?.set(now.subarray(at, at + PAGE_WORDS), at);
    for (let i = at; i < at + PAGE_WORDS; i++) if (now[i] !== 0) return false;
    return true;
  }
}

export interface Batch {
  readonly bytes: Uint8Array;
  /** The first page of the next batch. */
  readonly next: number;
  /** Pages in it, by kind. */
  readonly zero: number;
  readonly normal: number;
}

function section(kind: number, ...parts: readonly Uint8Array[]): Uint8Array {
  const length = parts.reduce((sum, part) => sum + part.length, 0);
  const bytes = new Uint8Array(SECTION_LENGTH + length);
  bytes[0] = kind;
  new DataView(bytes.buffer).setUint32(1, length, true);
  let at = SECTION_LENGTH;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

/** What comes first: header and blocks of memory. */
export function headSections(machine: StatefulMachine): Uint8Array {
  const blocks = machine.memory.guestRanges.map(({ name, length }) => ({ name, length }));
  const memory = section(SECTION.memory, encodePlain(memorySection.save({ blocks })));
  const bytes = new Uint8Array(HEADER_LENGTH + memory.length);
  bytes.set(MAGIC);
  new DataView(bytes.buffer).setUint32(MAGIC.length, VERSION, true);
  bytes.set(memory, HEADER_LENGTH);
  return bytes;
}

/** What comes last. The machine stands still, and nothing of its own is under way. */
export function tailSections(machine: StatefulMachine): Uint8Array[] {
  machine.clock.canonicalize();
  const { nowNs, cpu, devices } = machine.save();
  const one = (id: string, version: number, state: Plain): Uint8Array => {
    const head = deviceHead.save({ ...instanceOf(id), version });
    return section(SECTION.device, encodePlain({ head, state }));
  };
  const chips = [...machine.board.devices].map(([id, { stateVersion }]) =>
    one(id, stateVersion, devices[id]),
  );
  const timer = one(TIMER, timerSection.version, timerSection.save({ nowNs }));
  return [timer, one(CPU, 1, cpu), ...chips, section(SECTION.end)];
}

/** All at once: the machine stands still. Returns the number of bytes. */
export async function writeMachine(machine: StatefulMachine, sink: StateSink): Promise<number> {
  let total = 0;
  const write = async (bytes: Uint8Array): Promise<void> => {
    total += bytes.length;
    await sink.write(bytes);
  };
  await write(headSections(machine));
  const memory = new MemoryCopy(machine.memory, false);
  for (let at = 0; at < memory.pageCount; ) {
    const batch = memory.batch(at);
    if (batch.normal > 0) await write(batch.bytes);
    at = batch.next;
  }
  for (const bytes of tailSections(machine)) await write(bytes);
  return total;
}
