/**
 * What the loaders of `-kernel` images share: what they are given, what they give, and the little
 * they do alike.
 */

import type { FwCfgEntry } from './options.ts';

export interface KernelBoot {
  /** The option ROM, in roms/option/; it goes first in the boot order. */
  readonly rom: 'linuxboot.bin' | 'multiboot.bin';
  readonly entries: readonly FwCfgEntry[];
  /** Lines for stderr. */
  readonly warnings: readonly string[];
}

/** The bytes of a file, or why there are none, in the words of strerror. */
export type ReadFile = (path: string) => Uint8Array | { readonly strerror: string };

export interface KernelOptions {
  /** Names as given on the command line. */
  readonly kernel: string;
  readonly append?: string;
  readonly initrd?: string;
  /** RAM below 4 GiB, in bytes. */
  readonly ramBelow4g: number;
  readonly readFile: ReadFile;
}

export function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** A 32-bit item. */
export function numberEntry(key: number, value: number): FwCfgEntry {
  const bytes = new Uint8Array(4);
  viewOf(bytes).setUint32(0, value, true);
  return { key, bytes };
}
