/**
 * CPUID: leaf by leaf, from a model.
 *
 * Source: Intel SDM volume 2, CPUID; AMD CPUID specification for 8000_0005 and up; the fixed cache
 * descriptions are those of QEMU's processors.
 */

import type { Context } from './context.ts';
import { type CpuModel, modelSignature } from './models.ts';
import { APIC_BASE_ENABLE } from './msr.ts';
import { APIC_BASE, EAX, EBX, ECX, EDX } from './registers.ts';

/** EAX, EBX, ECX, EDX. */
export type CpuidResult = readonly [number, number, number, number];

const NOTHING: CpuidResult = [0, 0, 0, 0];
/** Leaf 4: data, instruction, unified second level. */
const CACHES: readonly CpuidResult[] = [
  [0x121, 0x1c0003f, 0x3f, 1],
  [0x122, 0x1c0003f, 0x3f, 1],
  [0x143, 0x3c0003f, 0xfff, 1],
];
/** Bits of [1].EDX that AMD repeats in [8000_0001].EDX. */
const AMD_ALIASES = 0x0183f3ff;
const PSE36 = 1 << 17;
const EDX_APIC = 1 << 9;
/** A CLFLUSH line is 8 quadwords. */
const CLFLUSH_SIZE = 8 << 8;

/** The CPUID instruction. */
export function cpuid(c: Context): void {
  const leaf = c.s[EAX] >>> 0;
  const [a, b, cx, d] = cpuidLeaf(c.model, leaf, c.s[ECX] >>> 0);
  const isApicOff = (c.s[APIC_BASE] & APIC_BASE_ENABLE) === 0;
  c.s[EAX] = a;
  c.s[EBX] = b;
  c.s[ECX] = cx;
  // A local APIC that IA32_APIC_BASE disables is not there.
  c.s[EDX] = isApicOff && leaf === 1 ? d & ~EDX_APIC : d;
}

/** Leaves beyond the highest answer as the highest basic one. */
export function cpuidLeaf(model: CpuModel, leaf: number, subleaf: number): CpuidResult {
  if (leaf >= 0x40000000 && leaf < 0x80000000) return NOTHING;
  if (leaf >= 0x80000000 && leaf <= model.xlevel) return extendedLeaf(model, leaf);
  return basicLeaf(model, Math.min(leaf, model.level), subleaf);
}

function basicLeaf(model: CpuModel, leaf: number, subleaf: number): CpuidResult {
  const [edx, ecx] = model.words;
  switch (leaf) {
    case 0: {
      const [b, d, c] = vendorWords(model.vendor);
      return [model.level, b, c, d];
    }
    case 1:
      return [modelSignature(model), CLFLUSH_SIZE, ecx, edx];
    case 2:
      return [1, 0, 0, 0x2c307d];
    case 4:
      return CACHES[subleaf] ?? NOTHING;
    case 5:
      return model.features.has('monitor') ? [0, 0, 3, 0] : NOTHING;
    default:
      return NOTHING;
  }
}

function extendedLeaf(model: CpuModel, leaf: number): CpuidResult {
  const [edx, , edxExtended, ecxExtended] = model.words;
  switch (leaf) {
    case 0x80000000: {
      const [b, d, c] = vendorWords(model.vendor);
      return [model.xlevel, b, c, d];
    }
    case 0x80000001: {
      const alias = model.vendor === 'AuthenticAMD' ? edx & AMD_ALIASES : 0;
      return [modelSignature(model), 0, ecxExtended, (edxExtended | alias) >>> 0];
    }
    case 0x80000002:
    case 0x80000003:
    case 0x80000004: {
      const at = (leaf - 0x80000002) * 16;
      const word = (i: number) => asciiWord(model.brand.padEnd(48, '\0'), at + i * 4);
      return [word(0), word(1), word(2), word(3)];
    }
    case 0x80000005:
      return [0x01ff01ff, 0x01ff01ff, 0x40020140, 0x40020140];
    case 0x80000006:
      return [0, 0x42004200, 0x02008140, 0];
    case 0x80000008:
      return [(edx & PSE36) !== 0 ? 36 : 32, 0, 0, 0];
    default:
      return NOTHING;
  }
}

function vendorWords(vendor: string): readonly [number, number, number] {
  return [asciiWord(vendor, 0), asciiWord(vendor, 4), asciiWord(vendor, 8)];
}

function asciiWord(text: string, at: number): number {
  let word = 0;
  for (let i = 0; i < 4; i++) word |= (text.charCodeAt(at + i) & 0xff) << (i * 8);
  return word >>> 0;
}
