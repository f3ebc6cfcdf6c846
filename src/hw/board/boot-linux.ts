/**
 * Linux kernel images for `-kernel`: setup header, command line and initial RAM disk, as the
 * linuxboot option ROM takes them.
 *
 * Spec: the kernel's Documentation/x86/boot.rst, protocols 2.00 to 2.15 and older images.
 * Not emulated: setup_data (device trees), the 32 and 64 bit boot protocols.
 */

import { UserError } from '../../error.ts';
import { FW_CFG } from '../misc/fw-cfg.ts';
import { type KernelBoot, type KernelOptions, numberEntry, viewOf } from './boot-image.ts';
import type { FwCfgEntry } from './options.ts';

/** Offsets in the image, named as boot.rst names the fields. */
const SETUP_SECTS = 0x1f1;
const VID_MODE = 0x1fa;
const HEADER = 0x202;
const HDRS = 0x53726448;
const VERSION = 0x206;
const TYPE_OF_LOADER = 0x210;
const LOADFLAGS = 0x211;
const LOADED_HIGH = 0x01;
const CAN_USE_HEAP = 0x80;
const RAMDISK_IMAGE = 0x218;
const RAMDISK_SIZE = 0x21c;
const HEAP_END_PTR = 0x224;
const CMD_LINE_PTR = 0x228;
const INITRD_ADDR_MAX = 0x22c;
/** Before protocol 2.02 the command line is announced in the boot sector. */
const OLD_CMD_LINE_MAGIC = 0x20;
const OLD_CMD_LINE_OFFSET = 0x22;
const CMD_LINE_MAGIC = 0xa33f;

const DEFAULT_SETUP_SECTS = 4;
const DEFAULT_INITRD_MAX = 0x37ffffff;
/** Qemu, version 0. */
const LOADER_QEMU = 0xb0;
/** The top of RAM where the firmware puts the ACPI tables. */
const ACPI_DATA_SIZE = 0x28000;
const PAGE = 4096;

interface Layout {
  readonly setup: number;
  readonly cmdline: number;
  readonly kernel: number;
}

/** The boot protocol, `0x20f` for 2.15; 0 if the file has no setup header. */
export function linuxProtocol(image: Uint8Array): number {
  if (image.length < VERSION + 2) return 0;
  const view = viewOf(image);
  return view.getUint32(HEADER, true) === HDRS ? view.getUint16(VERSION, true) : 0;
}

/** Where an image goes: small ones below 640 KiB, others above 1 MiB. */
function layoutOf(protocol: number, loadFlags: number, cmdlineSize: number): Layout {
  const low = 0x9a000 - cmdlineSize;
  if (protocol < 0x200 || !(loadFlags & LOADED_HIGH)) {
    return { setup: 0x90000, cmdline: low, kernel: 0x10000 };
  }
  if (protocol < 0x202) return { setup: 0x90000, cmdline: low, kernel: 0x100000 };
  return { setup: 0x10000, cmdline: 0x20000, kernel: 0x100000 };
}

/** The number after `vga=`, or undefined if the command line has none. */
export function videoMode(cmdline: string): number | undefined {
  const at = cmdline.indexOf('vga=');
  if (at < 0) return undefined;
  const word = cmdline.slice(at + 4);
  if (word.startsWith('normal')) return 0xffff;
  if (word.startsWith('ext')) return 0xfffe;
  if (word.startsWith('legacy')) return 0xfffd;
  const number = /^\s*[+-]?(?:0x[0-9a-f]+|0[0-7]*|[1-9][0-9]*)/i.exec(word)?.[0].trim() ?? '0';
  const digits = number.replace(/^[+-]/, '');
  const octal = /^0[0-7]/.test(digits);
  const value = octal ? Number.parseInt(digits, 8) : Number(digits);
  return (number.startsWith('-') ? -value : value) & 0xffff;
}

export function loadLinux(image: Uint8Array, options: KernelOptions): KernelBoot {
  const protocol = linuxProtocol(image);
  const sectors = image[SETUP_SECTS] || DEFAULT_SETUP_SECTS;
  const setupSize = Math.min((sectors + 1) * 512, image.length);
  const setup = new Uint8Array(Math.max(setupSize, 1024));
  setup.set(image.subarray(0, setupSize));
  const header = viewOf(setup);
  const cmdline = new TextEncoder().encode(`${options.append ?? ''}\0`);
  const layout = layoutOf(protocol, setup[LOADFLAGS] ?? 0, cmdline.length);
  if (protocol >= 0x202) header.setUint32(CMD_LINE_PTR, layout.cmdline, true);
  else {
    header.setUint16(OLD_CMD_LINE_MAGIC, CMD_LINE_MAGIC, true);
    header.setUint16(OLD_CMD_LINE_OFFSET, layout.cmdline - layout.setup, true);
  }
  const mode = videoMode(options.append ?? '');
  if (mode !== undefined) header.setUint16(VID_MODE, mode, true);
  if (protocol >= 0x200) header.setUint8(TYPE_OF_LOADER, LOADER_QEMU);
  if (protocol >= 0x201) {
    header.setUint8(LOADFLAGS, header.getUint8(LOADFLAGS) | CAN_USE_HEAP);
    header.setUint16(HEAP_END_PTR, layout.cmdline - layout.setup - 0x200, true);
  }
  const entries: FwCfgEntry[] = [
    numberEntry(FW_CFG.CMDLINE_ADDR, layout.cmdline),
    numberEntry(FW_CFG.CMDLINE_SIZE, cmdline.length),
    { key: FW_CFG.CMDLINE_DATA, bytes: cmdline },
    ...initrdEntries(header, protocol, options),
    numberEntry(FW_CFG.KERNEL_ADDR, layout.kernel),
    numberEntry(FW_CFG.KERNEL_SIZE, image.length - setupSize),
    { key: FW_CFG.KERNEL_DATA, bytes: image.subarray(setupSize) },
    numberEntry(FW_CFG.SETUP_ADDR, layout.setup),
    numberEntry(FW_CFG.SETUP_SIZE, setupSize),
    { key: FW_CFG.SETUP_DATA, bytes: setup.subarray(0, setupSize) },
  ];
  return { rom: 'linuxboot.bin', entries, warnings: [] };
}

/** The RAM disk goes as high as the kernel and the RAM allow; the header is told. */
function initrdEntries(header: DataView, protocol: number, options: KernelOptions): FwCfgEntry[] {
  const { initrd, ramBelow4g } = options;
  if (initrd === undefined) return [];
  if (protocol < 0x200) throw new UserError('qemu: linux kernel too old to load a ram disk');
  const bytes = options.readFile(initrd);
  if ('strerror' in bytes) {
    throw new UserError(`qemu: error reading initrd ${initrd}: ${bytes.strerror}`);
  }
  const wanted = protocol >= 0x203 ? header.getUint32(INITRD_ADDR_MAX, true) : DEFAULT_INITRD_MAX;
  const max = Math.min(wanted, ramBelow4g - ACPI_DATA_SIZE - 1);
  const address = Math.floor((max - bytes.length) / PAGE) * PAGE;
  if (address < 0) {
    throw new UserError(`qemu: error reading initrd ${initrd}: Cannot allocate memory`);
  }
  header.setUint32(RAMDISK_IMAGE, address, true);
  header.setUint32(RAMDISK_SIZE, bytes.length, true);
  return [
    numberEntry(FW_CFG.INITRD_ADDR, address),
    numberEntry(FW_CFG.INITRD_SIZE, bytes.length),
    { key: FW_CFG.INITRD_DATA, bytes },
  ];
}
