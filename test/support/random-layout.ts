/**
 * Where random programs live in their megabyte of RAM, and the ports and vectors they use.
 *
 * 0: data (real mode: vectors below 400h); 10000h: code; 20000h: a byte for each byte of code, the
 * length of the instruction that begins there; 30000h: data, with a page that a device answers;
 * 40000h: stacks and loop counters; 50000h and up: tables and handlers, of ring 0 only. With
 * paging, 70000h is the code once more, 90000h the data, and A0000h one of two pages of code.
 */

export const RAM_SIZE = 0x100000;
export const CODE = 0x10000;
export const LENGTHS = 0x20000;
export const DATA = 0x30000;
export const MMIO = 0x38000;
export const STACK_BASE = 0x40000;
export const STACK_TOP = 0x48000;
export const COUNTERS = 0x49000;
/** How many single steps are left. */
export const STEPS = COUNTERS + 0xff0;
export const INNER_TOP = 0x4f000;
export const DIRECTORY = 0x50000;
export const TABLE = 0x51000;
export const GDT = 0x60000;
export const IDT = 0x61000;
export const TSS = 0x62000;
export const HANDLERS = 0x64000;
/** Where SMM begins, by SMBASE, and keeps its state: the last 512 bytes of that 64 KiB. */
export const SMRAM = 0x50000;
export const FAR_CODE = 0x70000;
export const FAR_DATA = 0x90000;
/** Linear page that is either of the two physical ones behind it. */
export const OVERLAY = 0xa0000;
export const OVERLAYS = 0x6a000;

export const LOG_PORT = 0xe0;
/** Where handlers say their vector. */
export const VECTOR_PORT = 0xe4;
export const EXIT_PORT = 0xf4;
export const IRQ = 0x20;
export const SERVICE = 0x80;
/**
 * By what they are of: 16-bit stacks of ring 0; FS and GS at first; and segments that expand
 * down, with 32- and 16-bit limits, only to be read, of all offsets from the data on, and code.
 */
export const SELECTORS = {
  code: 8,
  data: 0x10,
  userCode: 0x1b,
  userData: 0x23,
  task: 0x28,
  small: 0x33,
  odd: 0x3b,
  smallStack: 0x40,
  kinds: [0x4b, 0x53, 0x5b, 0x63, 0x6b],
};
/** Of a page-table entry: a fault on the page makes it present, writable and the user's. */
export const MENDED = 0x200;

/** Offsets in the device's page: what else an access does. */
export const RAISES_INTR = 0x7f0;
export const REQUESTS_EXIT = 0x7e0;
export const DMA_ADDRESS = 0x7c0;
export const DMA_DATA = 0x7d0;

/** 32-bit without and with paging, in ring 3, and 16-bit real mode. */
export type Mode = 'flat' | 'paged' | 'user' | 'real';
