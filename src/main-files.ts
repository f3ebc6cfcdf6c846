/**
 * Finding and reading the files of a start: firmware, option ROMs, kernels. Messages as QEMU's.
 */

import { HostError } from './disk-host.ts';
import { fileExists, packagePath, readFile } from './host-main.ts';
import { bareError, type Config } from './main-config.ts';

export interface NamedBytes {
  readonly name: string;
  readonly bytes: Uint8Array;
}

const BUILT_IN_BIOS = 'roms/bios/bios.bin';
const BUILT_IN_VGA = 'roms/vgabios/vgabios.bin';
const VGA_ROM = 'vgabios-stdvga.bin';
/** Where systems keep firmware for emulators; asked last. */
const SYSTEM_DIRECTORIES = ['/usr/share/seabios', '/usr/share/qemu'];
const BLOCK = 0x10000;

function baseName(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}

/** A file by its path, or by its name in the directories of -L. */
function find(name: string, directories: readonly string[]): string | undefined {
  return [name, ...directories.map(folder => `${folder}/${name}`)].find(fileExists);
}

export function loadFirmware(config: Config): NamedBytes {
  if (config.bios === undefined) return readNamed(packagePath(BUILT_IN_BIOS));
  const directories = [...config.dataDirectories, ...SYSTEM_DIRECTORIES];
  const path = find(config.bios, directories);
  const file = path === undefined ? undefined : tryRead(path);
  // Its size must suit the chip: whole blocks of 64 KiB.
  if (file === undefined || file.bytes.length === 0 || file.bytes.length % BLOCK !== 0) {
    throw bareError(`qemu: could not load PC BIOS '${config.bios}'`);
  }
  return file;
}

/** The display adapter's own firmware. */
export function loadVgaRom(config: Config): NamedBytes | undefined {
  const path = config.dataDirectories.map(d => `${d}/${VGA_ROM}`).find(fileExists);
  return tryRead(path ?? packagePath(BUILT_IN_VGA));
}

/** One of our option ROMs: `multiboot`, `linuxboot`. */
export function loadOptionRom(name: string): NamedBytes {
  return readNamed(packagePath(`roms/option/${name}.bin`));
}

export function loadKernel(path: string): Uint8Array {
  return readOr(path, why => `qemu: could not load kernel '${path}': ${why}`);
}

export function loadInitrd(path: string): Uint8Array {
  return readOr(path, why => `qemu: could not load initrd '${path}': ${why}`);
}

function readOr(path: string, message: (why: string) => string): Uint8Array {
  try {
    return readFile(path);
  } catch (error) {
    throw bareError(message(error instanceof HostError ? error.message : String(error)));
  }
}

function readNamed(path: string): NamedBytes {
  return { name: baseName(path), bytes: readFile(path) };
}

function tryRead(path: string): NamedBytes | undefined {
  try {
    return readNamed(path);
  } catch (error) {
    if (error instanceof HostError) return undefined;
    throw error;
  }
}
