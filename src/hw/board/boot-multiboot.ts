/**
 * Multiboot 1 kernels for `-kernel`: an ELF32 image or one with address fields, its modules
 * (`-initrd 'file words,file'`) and the information structure, as the multiboot option ROM takes
 * them. The ROM adds the memory sizes and the memory map, which only the firmware knows.
 *
 * Memory from the load address up: the kernel with its bss, on the next page the module list and
 * all strings, then each module on its own page. The structure stands at 0x9500.
 *
 * Spec: Multiboot Specification 0.6.96; System V ABI, ELF.
 * Not emulated: video modes, drives, symbol tables, ELF64.
 */

import { UserError } from '../../error.ts';
import { FW_CFG } from '../misc/fw-cfg.ts';
import { type KernelBoot, type KernelOptions, numberEntry, viewOf } from './boot-image.ts';

const MAGIC = 0x1badb002;
const SEARCH = 8192;
const WANTS_VIDEO = 1 << 2;
const HAS_ADDRESSES = 1 << 16;

const INFO_ADDRESS = 0x9500;
const INFO_SIZE = 88;
const INFO_BOOT_DEVICE = 12;
const INFO_CMDLINE = 16;
const INFO_MODS_COUNT = 20;
const INFO_MODS_ADDR = 24;
const INFO_BOOT_LOADER = 64;
/** Memory, boot device, command line, modules, memory map, boot loader name. */
const INFO_FLAGS = 0x24f;
/** The first hard disk, no partition. */
const BOOT_DEVICE = 0x8000ffff;
const LOADER = 'qemu';
const MODULE_SIZE = 16;
const PAGE = 4096;

const EM_X86_64 = 62;
const PT_LOAD = 1;
const PF_X = 1;

export interface MultibootHeader {
  /** In the file. */
  readonly offset: number;
  readonly flags: number;
}

interface Loaded {
  readonly address: number;
  readonly entry: number;
  /** From `address`, with its bss. */
  readonly bytes: Uint8Array;
}

interface Module {
  readonly words: string;
  readonly bytes: Uint8Array;
}

/** The header is in the first 8 KiB, on a multiple of 4, and its three words add up to zero. */
export function findMultibootHeader(image: Uint8Array): MultibootHeader | undefined {
  const view = viewOf(image);
  const end = Math.min(SEARCH, image.length) - 12;
  for (let offset = 0; offset <= end; offset += 4) {
    if (view.getUint32(offset, true) !== MAGIC) continue;
    const flags = view.getUint32(offset + 4, true);
    if ((MAGIC + flags + view.getUint32(offset + 8, true)) >>> 0 === 0) return { offset, flags };
  }
  return undefined;
}

export function loadMultiboot(
  image: Uint8Array,
  header: MultibootHeader,
  options: KernelOptions,
): KernelBoot {
  const asked = (header.flags & WANTS_VIDEO) !== 0;
  const warnings = asked ? ["qemu: multiboot knows VBE. we don't."] : [];
  const hasAddresses = (header.flags & HAS_ADDRESSES) !== 0;
  const kernel = hasAddresses ? loadByAddresses(image, header) : loadElf(image);
  const modules = readModules(options);
  const { bytes, info } = assemble(kernel, modules, options);
  return {
    rom: 'multiboot.bin',
    warnings,
    entries: [
      numberEntry(FW_CFG.KERNEL_ENTRY, kernel.entry),
      numberEntry(FW_CFG.KERNEL_ADDR, kernel.address),
      numberEntry(FW_CFG.KERNEL_SIZE, bytes.length),
      { key: FW_CFG.KERNEL_DATA, bytes },
      numberEntry(FW_CFG.INITRD_ADDR, INFO_ADDRESS),
      numberEntry(FW_CFG.INITRD_SIZE, info.length),
      { key: FW_CFG.INITRD_DATA, bytes: info },
    ],
  };
}

/** The header's own address fields say what to load and where. */
function loadByAddresses(image: Uint8Array, header: MultibootHeader): Loaded {
  if (header.offset + 32 > image.length) throw new UserError('fread() failed');
  const view = viewOf(image);
  const field = (index: number) => view.getUint32(header.offset + 12 + index * 4, true);
  const [headerAddress, address, loadEnd, bssEnd, entry] = [0, 1, 2, 3, 4].map(field);
  const start = header.offset - (headerAddress! - address!);
  const size = loadEnd ? loadEnd - address! : image.length - start;
  const whole = bssEnd ? bssEnd - address! : size;
  if (start < 0 || size < 0 || start + size > image.length) throw new UserError('fread() failed');
  const bytes = new Uint8Array(Math.max(whole, size));
  bytes.set(image.subarray(start, start + size));
  return { address: address!, entry: entry!, bytes };
}

interface Segment {
  readonly offset: number;
  readonly virtual: number;
  readonly physical: number;
  readonly fileSize: number;
  readonly memorySize: number;
  readonly flags: number;
}

/** The loadable segments of an ELF32 executable for the 386. */
function loadElf(image: Uint8Array): Loaded {
  const view = viewOf(image);
  const isElf = image.length >= 52 && view.getUint32(0, false) === 0x7f454c46;
  if (isElf && view.getUint16(18, true) === EM_X86_64) {
    throw new UserError('Cannot load x86-64 image, give a 32bit one.');
  }
  if (!isElf || image[4] !== 1 || image[5] !== 1) {
    throw new UserError('Error while loading elf kernel');
  }
  const segments = loadSegments(view);
  if (segments.length === 0) throw new UserError('Error while loading elf kernel');
  const address = Math.min(...segments.map(s => s.physical));
  const end = Math.max(...segments.map(s => s.physical + s.memorySize));
  const bytes = new Uint8Array(end - address);
  for (const s of segments) {
    bytes.set(image.subarray(s.offset, s.offset + s.fileSize), s.physical - address);
  }
  return { address, entry: entryOf(view.getUint32(24, true), segments), bytes };
}

function loadSegments(view: DataView): Segment[] {
  const [at, size, count] = [view.getUint32(28, true), view.getUint16(42, true), 44];
  const segments: Segment[] = [];
  for (let i = 0; i < view.getUint16(count, true); i++) {
    const start = at + i * size;
    if (start + 32 > view.byteLength) throw new UserError('Error while loading elf kernel');
    const word = (index: number) => view.getUint32(start + index * 4, true);
    if (word(0) !== PT_LOAD) continue;
    const segment = {
      offset: word(1),
      virtual: word(2),
      physical: word(3),
      fileSize: word(4),
      memorySize: word(5),
      flags: word(6),
    };
    if (segment.offset + segment.fileSize > view.byteLength || segment.fileSize > word(5)) {
      throw new UserError('Error while loading elf kernel');
    }
    segments.push(segment);
  }
  return segments;
}

/** The entry is a virtual address; the kernel is entered without paging. */
function entryOf(entry: number, segments: readonly Segment[]): number {
  const home = segments.find(
    s => (s.flags & PF_X) !== 0 && entry >= s.virtual && entry < s.virtual + s.fileSize,
  );
  return home ? (entry - home.virtual + home.physical) >>> 0 : entry;
}

/** `file words,file words`: each file is a module and its whole text the module's string. */
function readModules(options: KernelOptions): Module[] {
  if (options.initrd === undefined) return [];
  return options.initrd.split(',').map(part => {
    const words = part.replace(/^ +/, '');
    const path = words.split(' ')[0] ?? '';
    const bytes = options.readFile(path);
    if ('strerror' in bytes) throw new UserError(`Failed to open file '${path}'`);
    return { words, bytes };
  });
}

/** Kernel, module list, strings and modules in one piece, and the information structure. */
function assemble(kernel: Loaded, modules: readonly Module[], options: KernelOptions) {
  const encoder = new TextEncoder();
  const cmdline = `${options.kernel} ${options.append ?? ''}`;
  const strings = [...modules.map(m => m.words), cmdline, LOADER].map(s =>
    encoder.encode(`${s}\0`),
  );
  const list = pageAlign(kernel.bytes.length);
  const offsets: number[] = [];
  let next = list + modules.length * MODULE_SIZE;
  for (const text of strings) {
    offsets.push(next);
    next += text.length;
  }
  const starts: number[] = [];
  for (const { bytes } of modules) {
    next = pageAlign(next);
    starts.push(next);
    next += bytes.length;
  }
  const all = new Uint8Array(next);
  all.set(kernel.bytes);
  strings.forEach((text, i) => {
    all.set(text, offsets[i]);
  });
  const view = viewOf(all);
  modules.forEach(({ bytes }, i) => {
    const start = starts[i]!;
    all.set(bytes, start);
    view.setUint32(list + i * MODULE_SIZE, kernel.address + start, true);
    view.setUint32(list + i * MODULE_SIZE + 4, kernel.address + start + bytes.length, true);
    view.setUint32(list + i * MODULE_SIZE + 8, kernel.address + offsets[i]!, true);
  });
  const info = new Uint8Array(INFO_SIZE);
  const fields = viewOf(info);
  fields.setUint32(0, INFO_FLAGS, true);
  fields.setUint32(INFO_BOOT_DEVICE, BOOT_DEVICE, true);
  fields.setUint32(INFO_CMDLINE, kernel.address + offsets[modules.length]!, true);
  fields.setUint32(INFO_MODS_COUNT, modules.length, true);
  fields.setUint32(INFO_MODS_ADDR, kernel.address + list, true);
  fields.setUint32(INFO_BOOT_LOADER, kernel.address + offsets[modules.length + 1]!, true);
  return { bytes: all, info };
}

function pageAlign(value: number): number {
  return Math.ceil(value / PAGE) * PAGE;
}
