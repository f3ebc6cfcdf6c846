/**
 * The form of a machine's whole state as a stream of bytes, for snapshots in images and migration.
 *
 * The form is ours; the words of errors are QEMU 2.2.50's. A header of 12 bytes: `tinamou`, NUL,
 * the version. Then sections: a byte that says what it is, the length of the rest in 32 bits.
 *
 * | section | contents |
 * |---|---|
 * | 1 memory | the blocks of memory: names and lengths (plain-bytes.ts) |
 * | 2 pages | 8 bytes each: block and flag, number of the page; then the page unless it is zero |
 * | 3 device | name, instance, version, state (plain-bytes.ts) |
 * | 0 end | |
 *
 * Pages that are not there are zero, unless they came before. A state fits only a machine that is
 * built alike: the same blocks, the same devices, the same processor. Media of drives, their names
 * and contents are no part of it.
 */

import type { Board, Machine } from './machine.ts';
import { count, list, type Plain, state, struct, text, u32 } from './state.ts';

export const MAGIC = new TextEncoder().encode('tinamou\0');
export const VERSION = 1;
export const HEADER_LENGTH = 12;
export const SECTION_LENGTH = 5;
/** Nothing longer is believed. */
export const LONGEST_SECTION = 1 << 26;
export const PAGE_HEAD = 8;
/** With the number of the block: no bytes follow, the page is zero. */
export const IS_ZERO = 0x80000000;

export const SECTION = { end: 0, memory: 1, pages: 2, device: 3 } as const;

export const memorySection = state('memory', 1, {
  blocks: list(64, struct({ name: text(), length: count() })),
});
export const timerSection = state('timer', 1, { nowNs: count() });

/** Beside the board's chips: the clock and the processor. */
export const TIMER = 'timer';
export const CPU = 'cpu';

/** Of a device section, before its state. */
export const deviceHead = state('device', 1, { name: text(), instance: u32(), version: u32() });

/** `isa-serial.1` is instance 1 of `isa-serial`. */
export function instanceOf(id: string): { readonly name: string; readonly instance: number } {
  const match = /^(.+)\.([0-9]+)$/.exec(id);
  return match === null
    ? { name: id, instance: 0 }
    : { name: match[1], instance: Number(match[2]) };
}

/** What saving and loading needs of a machine. */
export type StatefulMachine = Pick<
  Machine<Board>,
  'memory' | 'clock' | 'board' | 'save' | 'load' | 'resetParts'
>;

export interface DeviceSection {
  readonly name: string;
  readonly instance: number;
  readonly version: number;
  readonly state: Plain;
}

export interface StateSink {
  /** In order; resolves when more may come. The bytes are the sink's from now on. */
  write(bytes: Uint8Array): Promise<void>;
}

export interface StateSource {
  /** Exactly `length` bytes; undefined when there are not as many left. */
  read(length: number): Promise<Uint8Array | undefined>;
}

export const EIO = 5;
export const EINVAL = 22;
export const ENOTSUP = 95;
const ERRNO_TEXTS: { readonly [errno: number]: string } = {
  [EIO]: 'Input/output error',
  [EINVAL]: 'Invalid argument',
  [ENOTSUP]: 'Operation not supported',
};

/** What a stream says is not what this machine can take. */
export class LoadError extends Error {
  override readonly name = 'LoadError';

  /** `lines`: as they are printed. */
  constructor(
    readonly lines: readonly string[],
    readonly errno: number = EINVAL,
  ) {
    super(lines.join('\n'));
  }

  get errnoText(): string {
    return ERRNO_TEXTS[this.errno] ?? 'Unknown error';
  }
}
