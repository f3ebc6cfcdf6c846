/**
 * `-kernel`, `-append`, `-initrd`: what the boot option ROMs find in the firmware configuration
 * device. A kernel is a Linux image if it has the setup header's signature, else it must be a
 * multiboot kernel, else it is taken for a Linux image older than protocol 2.00, as QEMU does.
 *
 * Messages are QEMU's whole lines: they are printed without the program's name before them.
 * Not emulated: device trees (`-dtb`), kernels that only run in long mode.
 */

import { UserError } from '../../error.ts';
import { linuxProtocol, loadLinux } from './boot-linux.ts';
import { findMultibootHeader, loadMultiboot } from './boot-multiboot.ts';

/** One item of the firmware configuration device. */
export interface FwCfgItem {
  readonly key: number;
  readonly bytes: Uint8Array;
}

export interface KernelBoot {
  /** The option ROM, in roms/option/; it is first in the boot order. */
  readonly rom: 'linuxboot.bin' | 'multiboot.bin';
  readonly items: readonly FwCfgItem[];
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

/** Keys, as the project's fw_cfg specification names them. */
export const FW_CFG = {
  kernelAddr: 0x07,
  kernelSize: 0x08,
  initrdAddr: 0x0a,
  initrdSize: 0x0b,
  kernelEntry: 0x10,
  kernelData: 0x11,
  initrdData: 0x12,
  cmdlineAddr: 0x13,
  cmdlineSize: 0x14,
  cmdlineData: 0x15,
  setupAddr: 0x16,
  setupSize: 0x17,
  setupData: 0x18,
} as const;

export function loadKernel(options: KernelOptions): KernelBoot {
  const image = options.readFile(options.kernel);
  if ('strerror' in image || image.length === 0) {
    const reason = 'strerror' in image ? image.strerror : 'Success';
    throw new UserError(`qemu: could not load kernel '${options.kernel}': ${reason}`);
  }
  if (linuxProtocol(image) === 0) {
    const header = findMultibootHeader(image);
    if (header) return loadMultiboot(image, header, options);
  }
  return loadLinux(image, options);
}
