/**
 * 256 bits, one per interrupt vector, as eight words: what IRR, ISR and TMR of a local APIC are.
 */

/** Eight signed 32-bit words, vector 0 in the lowest bit of the first. */
export type VectorSet = number[];

const WORDS = 8;

export function addVector(set: VectorSet, vector: number): void {
  set[vector >> 5] |= 1 << (vector & 31);
}

export function removeVector(set: VectorSet, vector: number): void {
  set[vector >> 5] &= ~(1 << (vector & 31));
}

export function hasVector(set: VectorSet, vector: number): boolean {
  return (set[vector >> 5] & (1 << (vector & 31))) !== 0;
}

/** The vector of the highest priority, or -1 of an empty set. */
export function highestVector(set: VectorSet): number {
  for (let i = WORDS - 1; i >= 0; i--) {
    if (set[i] !== 0) return i * 32 + 31 - Math.clz32(set[i]);
  }
  return -1;
}
