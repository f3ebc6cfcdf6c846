/**
 * The rows of `-cpu help`: what each model says of itself through CPUID.
 *
 * Source: values as QEMU's accelerator TCG shows them for the machine pc-i440fx-2.3, in the order
 * of `-cpu help`. Words are [1].EDX, [1].ECX, [8000_0001].EDX, [8000_0001].ECX without the bits
 * that AMD repeats. models.ts takes out what is not emulated.
 */

export type Vendor = 'GenuineIntel' | 'AuthenticAMD';

export interface ModelRow {
  readonly name: string;
  readonly vendor: Vendor;
  /** Family, model, stepping. */
  readonly version: readonly [number, number, number];
  /** Highest basic leaf, highest extended leaf or 0. */
  readonly levels: readonly [number, number];
  readonly words: readonly [number, number, number, number];
  /** Up to 48 characters. */
  readonly brand: string;
}

type Version = ModelRow['version'];
type Levels = ModelRow['levels'];
type Words = ModelRow['words'];

const QEMU = 'QEMU Virtual CPU version 2.2.50';
const X4 = 0x80000004;
const X8 = 0x80000008;
const XA = 0x8000000a;
const X1A = 0x8000001a;

function intel(name: string, version: Version, levels: Levels, words: Words, brand = ''): ModelRow {
  return { name, vendor: 'GenuineIntel', version, levels, words, brand };
}

function amd(name: string, version: Version, levels: Levels, words: Words, brand = ''): ModelRow {
  return { name, vendor: 'AuthenticAMD', version, levels, words, brand };
}

// biome-ignore format: one row per model
export const MODEL_ROWS: readonly ModelRow[] = [
  amd('qemu64', [6, 6, 3], [4, XA], [0x078bfbfd, 0x80802001, 0x00100000, 0x65], QEMU),
  amd('phenom', [16, 2, 3], [5, X1A], [0x078bfbfd, 0x80802009, 0xcc500000, 0x65], 'AMD Phenom(tm) 9550 Quad-Core Processor'),
  intel('core2duo', [6, 15, 11], [10, X8], [0x0fcbfbfd, 0x80002209, 0x00100000, 0x01], 'Intel(R) Core(TM)2 Duo CPU     T7700  @ 2.40GHz'),
  intel('kvm64', [15, 6, 1], [5, X8], [0x078bfbfd, 0x80002001, 0x00100000, 0x00], 'Common KVM processor'),
  intel('qemu32', [6, 6, 3], [4, X4], [0x0781abfd, 0x80800001, 0x00000000, 0x00], QEMU),
  intel('kvm32', [15, 6, 1], [5, X8], [0x078bfbfd, 0x80000001, 0x00000000, 0x00], 'Common 32-bit KVM processor'),
  intel('coreduo', [6, 14, 8], [10, X8], [0x0fc9fbfd, 0x80000009, 0x00100000, 0x00], 'Genuine Intel(R) CPU           T2600  @ 2.16GHz'),
  intel('486', [4, 8, 0], [1, 0], [0x00000009, 0x80000000, 0x00000000, 0x00]),
  intel('pentium', [5, 4, 3], [1, 0], [0x008003bd, 0x80000000, 0x00000000, 0x00]),
  intel('pentium2', [6, 5, 2], [2, 0], [0x0183fbfd, 0x80000000, 0x00000000, 0x00]),
  intel('pentium3', [6, 7, 3], [2, 0], [0x0383fbfd, 0x80000000, 0x00000000, 0x00]),
  amd('athlon', [6, 2, 3], [2, X8], [0x0783fbfd, 0x80000000, 0xc0400000, 0x00], QEMU),
  intel('n270', [6, 28, 2], [5, XA], [0x0fc9fbfd, 0x80400209, 0x00100000, 0x01], 'Intel(R) Atom(TM) CPU N270   @ 1.60GHz'),
  intel('Conroe', [6, 15, 3], [4, XA], [0x078bfbfd, 0x80000201, 0x00100000, 0x01], 'Intel Celeron_4x0 (Conroe/Merom Class Core 2)'),
  intel('Penryn', [6, 23, 3], [4, XA], [0x078bfbfd, 0x80082201, 0x00100000, 0x01], 'Intel Core 2 Duo P9xxx (Penryn Class Core 2)'),
  intel('Nehalem', [6, 26, 3], [4, XA], [0x078bfbfd, 0x80982201, 0x00100000, 0x01], 'Intel Core i7 9xx (Nehalem Class Core i7)'),
  intel('Westmere', [6, 44, 1], [11, XA], [0x078bfbfd, 0x82982203, 0x00100000, 0x01], 'Westmere E56xx/L56xx/X56xx (Nehalem-C)'),
  intel('SandyBridge', [6, 42, 1], [13, XA], [0x078bfbfd, 0x82982203, 0x08100000, 0x01], 'Intel Xeon E312xx (Sandy Bridge)'),
  intel('IvyBridge', [6, 58, 9], [13, XA], [0x078bfbfd, 0x82982203, 0x08100000, 0x01], 'Intel Xeon E3-12xx v2 (Ivy Bridge)'),
  intel('Haswell', [6, 60, 1], [13, XA], [0x078bfbfd, 0x82d82203, 0x08100000, 0x01], 'Intel Core Processor (Haswell)'),
  intel('Broadwell', [6, 61, 2], [13, XA], [0x078bfbfd, 0x82d82203, 0x08100000, 0x01], 'Intel Core Processor (Broadwell)'),
  amd('Opteron_G1', [15, 6, 1], [5, X8], [0x078bfbfd, 0x80000001, 0x00100000, 0x00], 'AMD Opteron 240 (Gen 1 Class Opteron)'),
  amd('Opteron_G2', [15, 6, 1], [5, X8], [0x078bfbfd, 0x80002001, 0x08100000, 0x05], 'AMD Opteron 22xx (Gen 2 Class Opteron)'),
  amd('Opteron_G3', [15, 6, 1], [5, X8], [0x078bfbfd, 0x80802009, 0x08100000, 0x65], 'AMD Opteron 23xx (Gen 3 Class Opteron)'),
  amd('Opteron_G4', [21, 1, 2], [13, X1A], [0x078bfbfd, 0x82982203, 0x0c100000, 0x65], 'AMD Opteron 62xx class CPU'),
  amd('Opteron_G5', [21, 2, 0], [13, X1A], [0x078bfbfd, 0x82983203, 0x0c100000, 0x65], 'AMD Opteron 63xx class CPU'),
  intel('max', [6, 6, 3], [4, X8], [0x0fcbfbff, 0x80802209, 0x00100000, 0x00], 'tinamou'),
];

/** Names of the bits of a word, bit 0 first; '' for nameless ones, | between names of one bit. */
export type FlagNames = readonly string[];

function names(text: string): FlagNames {
  return text
    .trim()
    .split(/\s+/)
    .map(name => (name === '-' ? '' : name));
}

/** In the order of `ModelRow.words`. */
export const FLAG_NAMES: readonly [FlagNames, FlagNames, FlagNames, FlagNames] = [
  names(`fpu vme de pse tsc msr pae mce cx8 apic - sep mtrr pge mca cmov pat pse36 pn clflush - ds
    acpi mmx fxsr sse sse2 ss ht tm ia64 pbe`),
  names(`pni|sse3 pclmulqdq|pclmuldq dtes64 monitor ds_cpl vmx smx est tm2 ssse3 cid - fma cx16 xtpr
    pdcm - pcid dca sse4.1|sse4_1 sse4.2|sse4_2 x2apic movbe popcnt tsc-deadline aes xsave osxsave
    avx f16c rdrand hypervisor`),
  names(`- - - - - - - - - - - syscall - - - - - - - mp nx|xd - mmxext - - fxsr_opt|ffxsr
    pdpe1gb rdtscp - lm|i64 3dnowext 3dnow`),
  names(`lahf_lm cmp_legacy svm extapic cr8legacy abm sse4a misalignsse 3dnowprefetch osvw ibs xop
    skinit wdt - lwp fma4 tce - nodeid_msr - tbm topoext perfctr_core perfctr_nb`),
];
