/**
 * Finding and reading the files of a start: firmware, option ROMs, kernels. Messages as QEMU's.
 */

import { located } from './command-line.ts';
import { HostError } from './disk-host.ts';
import { assert } from './error.ts';
import { fileExists, packagePath, readFile } from './host-main.ts';
import { loadKernel } from './hw/board/boot-kernel.ts';
import type { FwCfgEntry, RomOptions } from './hw/board/options.ts';
import { bareError, type Config } from './main-config.ts';
import { CommandLineError } from './options.ts';

export interface NamedBytes {
  readonly name: string;
  readonly bytes: Uint8Array;
}

export interface BootParts {
  readonly optionRoms: readonly RomOptions[];
  readonly fwCfgEntries: readonly FwCfgEntry[];
  /** Lines for stderr. */
  readonly warnings: readonly string[];
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
  if (config.bios === undefined) return readPackaged(BUILT_IN_BIOS);
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

/** -kernel, -initrd and -append as the board's firmware finds them. */
export function loadBoot(config: Config, ramBelow4g: number): BootParts {
  const { kernel, initrd, append } = config;
  const given = givenRoms(config.optionRoms);
  if (kernel === undefined) {
    if (initrd !== undefined || append !== undefined) {
      const what = append === undefined ? '-initrd' : '-append';
      throw new CommandLineError(`${what} only allowed with -kernel option`, null);
    }
    return { ...given, fwCfgEntries: [] };
  }
  const options = { kernel, initrd, append, ramBelow4g, readFile: readOrWhy };
  const { rom, entries, warnings } = located(null, () => loadKernel(options));
  const { bytes } = readPackaged(`roms/option/${rom}`);
  const optionRoms = [{ name: rom, bytes, bootIndex: 0 }, ...given.optionRoms];
  return { optionRoms, fwCfgEntries: entries, warnings: [...given.warnings, ...warnings] };
}

/** Of -option-rom; those that cannot be read are missed, no more. */
function givenRoms(paths: readonly string[]): Pick<BootParts, 'optionRoms' | 'warnings'> {
  const optionRoms: NamedBytes[] = [];
  const warnings: string[] = [];
  for (const path of paths) {
    const found = readOrWhy(path);
    if ('strerror' in found) {
      warnings.push(`Could not open option rom '${path}': ${found.strerror}`);
    } else optionRoms.push({ name: baseName(path), bytes: found });
  }
  return { optionRoms, warnings };
}

function readOrWhy(path: string): Uint8Array | { readonly strerror: string } {
  try {
    return readFile(path);
  } catch (error) {
    if (error instanceof HostError) return { strerror: error.message };
    throw error;
  }
}

function readNamed(path: string): NamedBytes {
  return { name: baseName(path), bytes: readFile(path) };
}

/** A file that comes with the program. */
function readPackaged(name: string): NamedBytes {
  const file = tryRead(packagePath(name));
  assert(file !== undefined, `'${packagePath(name)}' cannot be read`);
  return file;
}

function tryRead(path: string): NamedBytes | undefined {
  try {
    return readNamed(path);
  } catch (error) {
    if (error instanceof HostError) return undefined;
    throw error;
  }
}
