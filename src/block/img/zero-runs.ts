/**
 * Finds the runs of zeros that a copy can leave out, in units of a grain.
 *
 * Most units of data show in their first words that they are data, which costs a few loads; only
 * what begins with zeros is compared in full, by the host's library and in large pieces.
 */

/** True when `bytes` are zeros from `start` to `end`. */
export type ZeroTest = (bytes: Uint8Array, start: number, end: number) => boolean;

export interface Run {
  readonly start: number;
  readonly end: number;
}

/** Words of a unit that are looked at before the library is asked. */
const PROBED_WORDS = 16;
/** Zeros are compared in pieces of so many bytes first. */
const LARGE = 65536;

/**
 * Calls back for each run of data. Units are `grain` bytes of the disk; `bytes` lie there at
 * `offset`, a multiple of 512.
 */
export function dataRuns(
  bytes: Uint8Array,
  offset: number,
  grain: number,
  isZero: ZeroTest,
): Run[] {
  const words = new Int32Array(bytes.buffer, bytes.byteOffset, bytes.length >>> 2);
  const { length } = bytes;
  const runs: Run[] = [];
  let start = 0;
  let at = 0;
  let next = Math.min(length, grain - (offset % grain));
  for (;;) {
    // Data, as a rule: the first word of a unit says so.
    while (at < length && words[at >>> 2] !== 0) {
      at = next;
      next += grain;
    }
    if (at >= length) break;
    if (next > length) next = length;
    if (isZeroUnit(words, at, next) && isZero(bytes, at, next)) {
      if (at > start) runs.push({ start, end: at });
      at = next;
      while (at + LARGE <= length && grain <= LARGE && isZero(bytes, at, at + LARGE)) at += LARGE;
      start = at;
    } else {
      at = next;
    }
    next = at + grain;
  }
  if (length > start) runs.push({ start, end: length });
  return runs;
}

/** False when one of the first words shows that the library need not be asked. */
function isZeroUnit(words: Int32Array, start: number, end: number): boolean {
  const last = Math.min(end >>> 2, (start >>> 2) + PROBED_WORDS);
  for (let i = start >>> 2; i < last; i++) if (words[i] !== 0) return false;
  return true;
}
