/**
 * The processor models that -cpu takes: family, features and what CPUID says of them.
 *
 * Source: Intel SDM volume 2, CPUID; model values as QEMU 2.2.50 has them.
 */

/** One CPUID feature bit that changes what instructions do. */
export type Feature =
  | 'fpu'
  | 'vme'
  | 'de'
  | 'pse'
  | 'tsc'
  | 'msr'
  | 'pae'
  | 'mce'
  | 'cx8'
  | 'apic'
  | 'sep'
  | 'mtrr'
  | 'pge'
  | 'mca'
  | 'cmov'
  | 'pat'
  | 'pse36'
  | 'clflush'
  | 'mmx'
  | 'fxsr'
  | 'sse'
  | 'sse2'
  | 'ss'
  | 'sse3'
  | 'monitor'
  | 'ssse3'
  | 'cx16'
  | 'nx'
  | 'popcnt';
