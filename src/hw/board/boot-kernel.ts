/**
 * `-kernel`, `-append`, `-initrd`: what the boot option ROMs find in the firmware configuration
 * device. A file with the Linux setup header's signature is a Linux image; else it is a multiboot
 * kernel if it has that header; else it is taken for a Linux image older than protocol 2.00.
 *
 * Messages are whole lines, as QEMU prints them without the program's name in front.
 * Not emulated: device trees (`-dtb`).
 */

import { UserError } from '../../error.ts';
import type { KernelBoot, KernelOptions } from './boot-image.ts';
import { linuxProtocol, loadLinux } from './boot-linux.ts';
import { findMultibootHeader, loadMultiboot } from './boot-multiboot.ts';

export function loadKernel(options: KernelOptions): KernelBoot {
  const image = options.readFile(options.kernel);
  if ('strerror' in image || image.length === 0) {
    const reason = 'strerror' in image ? image.strerror : 'Success';
    throw new UserError(`qemu: could not load kernel '${options.kernel}': ${reason}`);
  }
  const header = linuxProtocol(image) === 0 ? findMultibootHeader(image) : undefined;
  return header ? loadMultiboot(image, header, options) : loadLinux(image, options);
}
