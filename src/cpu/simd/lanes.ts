/**
 * Integer operations on vectors: MMX, SSE2 and SSSE3. An operation takes word indices of its
 * destination and source slots and the number of 32-bit words, 2 for MMX and 4 for XMM, so that
 * one function serves both.
 *
 * Source: Intel SDM volume 2, the instructions as named.
 */

import type { VectorViews } from '../fpu/state.ts';
import { TEMP2 } from '../fpu/state.ts';

export type Lanes = (v: VectorViews, d: number, s: number, words: number) => void;

type Binary = (a: number, b: number) => number;

export const clampI8 = (n: number): number => (n < -128 ? -128 : Math.min(n, 127));
export const clampU8 = (n: number): number => (n < 0 ? 0 : Math.min(n, 255));
export const clampI16 = (n: number): number => (n < -32768 ? -32768 : Math.min(n, 32767));
export const clampU16 = (n: number): number => (n < 0 ? 0 : Math.min(n, 65535));

const bytes =
  (f: Binary): Lanes =>
  (v, d, s, words) => {
    const { i8 } = v;
    for (let i = 0; i < 4 * words; i++) i8[4 * d + i] = f(i8[4 * d + i], i8[4 * s + i]);
  };

const unsignedBytes =
  (f: Binary): Lanes =>
  (v, d, s, words) => {
    const { u8 } = v;
    for (let i = 0; i < 4 * words; i++) u8[4 * d + i] = f(u8[4 * d + i], u8[4 * s + i]);
  };

const shorts =
  (f: Binary): Lanes =>
  (v, d, s, words) => {
    const { i16 } = v;
    for (let i = 0; i < 2 * words; i++) i16[2 * d + i] = f(i16[2 * d + i], i16[2 * s + i]);
  };

const unsignedShorts =
  (f: Binary): Lanes =>
  (v, d, s, words) => {
    const { u16 } = v;
    for (let i = 0; i < 2 * words; i++) u16[2 * d + i] = f(u16[2 * d + i], u16[2 * s + i]);
  };

const doubles =
  (f: Binary): Lanes =>
  (v, d, s, words) => {
    const { i32 } = v;
    for (let i = 0; i < words; i++) i32[d + i] = f(i32[d + i], i32[s + i]);
  };

export const paddb = bytes((a, b) => a + b);
export const paddw = shorts((a, b) => a + b);
export const psubb = bytes((a, b) => a - b);
export const psubw = shorts((a, b) => a - b);
export const paddsb = bytes((a, b) => clampI8(a + b));
export const paddsw = shorts((a, b) => clampI16(a + b));
export const psubsb = bytes((a, b) => clampI8(a - b));
export const psubsw = shorts((a, b) => clampI16(a - b));
export const paddusb = unsignedBytes((a, b) => clampU8(a + b));
export const paddusw = unsignedShorts((a, b) => clampU16(a + b));
export const psubusb = unsignedBytes((a, b) => clampU8(a - b));
export const psubusw = unsignedShorts((a, b) => clampU16(a - b));
export const pavgb = unsignedBytes((a, b) => (a + b + 1) >> 1);
export const pavgw = unsignedShorts((a, b) => (a + b + 1) >> 1);
export const pminub = unsignedBytes((a, b) => Math.min(a, b));
export const pmaxub = unsignedBytes((a, b) => Math.max(a, b));
export const pminsw = shorts((a, b) => Math.min(a, b));
export const pmaxsw = shorts((a, b) => Math.max(a, b));
export const pmullw = shorts((a, b) => a * b);
export const pmulhw = shorts((a, b) => (a * b) >> 16);
export const pmulhuw = unsignedShorts((a, b) => (a * b) >>> 16);
export const pmulhrsw = shorts((a, b) => (((a * b) >> 14) + 1) >> 1);
export const pcmpeqb = bytes((a, b) => (a === b ? -1 : 0));
export const pcmpeqw = shorts((a, b) => (a === b ? -1 : 0));
export const pcmpeqd = doubles((a, b) => (a === b ? -1 : 0));
export const pcmpgtb = bytes((a, b) => (a > b ? -1 : 0));
export const pcmpgtw = shorts((a, b) => (a > b ? -1 : 0));
export const pcmpgtd = doubles((a, b) => (a > b ? -1 : 0));
export const psignb = bytes((a, b) => (b < 0 ? -a : b === 0 ? 0 : a));
export const psignw = shorts((a, b) => (b < 0 ? -a : b === 0 ? 0 : a));
export const psignd = doubles((a, b) => (b < 0 ? -a : b === 0 ? 0 : a));
export const pabsb = bytes((_, b) => (b < 0 ? -b : b));
export const pabsw = shorts((_, b) => (b < 0 ? -b : b));
export const pabsd = doubles((_, b) => (b < 0 ? -b : b));

export const paddd: Lanes = ({ i32 }, d, s, words) => {
  for (let i = 0; i < words; i++) i32[d + i] += i32[s + i];
};
export const psubd: Lanes = ({ i32 }, d, s, words) => {
  for (let i = 0; i < words; i++) i32[d + i] -= i32[s + i];
};
export const pand: Lanes = ({ i32 }, d, s, words) => {
  for (let i = 0; i < words; i++) i32[d + i] &= i32[s + i];
};
export const pandn: Lanes = ({ i32 }, d, s, words) => {
  for (let i = 0; i < words; i++) i32[d + i] = ~i32[d + i] & i32[s + i];
};
export const por: Lanes = ({ i32 }, d, s, words) => {
  for (let i = 0; i < words; i++) i32[d + i] |= i32[s + i];
};
export const pxor: Lanes = ({ i32 }, d, s, words) => {
  for (let i = 0; i < words; i++) i32[d + i] ^= i32[s + i];
};

export const paddq: Lanes = ({ i32, u32 }, d, s, words) => {
  for (let i = 0; i < words; i += 2) {
    const lo = u32[d + i] + u32[s + i];
    i32[d + i + 1] += i32[s + i + 1] + (lo > 0xffffffff ? 1 : 0);
    i32[d + i] = lo;
  }
};
export const psubq: Lanes = ({ i32, u32 }, d, s, words) => {
  for (let i = 0; i < words; i += 2) {
    const lo = u32[d + i] - u32[s + i];
    i32[d + i + 1] -= i32[s + i + 1] + (lo < 0 ? 1 : 0);
    i32[d + i] = lo;
  }
};

export const pmuludq: Lanes = ({ i32, u32 }, d, s, words) => {
  for (let i = 0; i < words; i += 2) {
    const a = u32[d + i];
    const b = u32[s + i];
    const b1 = b >>> 16;
    const low = a * (b & 0xffff);
    // low + a * b1 * 2^16, whose upper half is exact in doubles
    const middle = a * b1 + Math.floor(low / 65536);
    i32[d + i] = Math.imul(a, b);
    i32[d + i + 1] = Math.floor(middle / 65536);
  }
};

export const pmaddwd: Lanes = ({ i16, i32 }, d, s, words) => {
  for (let i = 0; i < words; i++) {
    const a = 2 * (d + i);
    const b = 2 * (s + i);
    i32[d + i] = i16[a] * i16[b] + i16[a + 1] * i16[b + 1];
  }
};

export const pmaddubsw: Lanes = ({ u8, i8, i16 }, d, s, words) => {
  for (let i = 0; i < 2 * words; i++) {
    const a = 4 * d + 2 * i;
    const b = 4 * s + 2 * i;
    i16[2 * d + i] = clampI16(u8[a] * i8[b] + u8[a + 1] * i8[b + 1]);
  }
};

export const psadbw: Lanes = ({ u8, i32 }, d, s, words) => {
  for (let i = 0; i < words; i += 2) {
    let sum = 0;
    for (let k = 0; k < 8; k++) sum += Math.abs(u8[4 * (d + i) + k] - u8[4 * (s + i) + k]);
    i32[d + i] = sum;
    i32[d + i + 1] = 0;
  }
};

/** Results that need both operands whole are built in TEMP2. */
function settle(v: VectorViews, d: number, words: number): void {
  for (let i = 0; i < words; i++) v.i32[d + i] = v.i32[TEMP2 + i];
}

/** Interleaves elements of `size` bytes of the lower (`high` = 0) or upper halves. */
const unpack =
  (size: number, high: number): Lanes =>
  (v, d, s, words) => {
    const { u8 } = v;
    const half = 2 * words * high;
    for (let i = 0; i < 2 * words; i++) {
      const element = (i / size) | 0;
      const to = 4 * TEMP2 + element * size + i;
      u8[to] = u8[4 * d + half + i];
      u8[to + size] = u8[4 * s + half + i];
    }
    settle(v, d, words);
  };

export const punpcklbw = unpack(1, 0);
export const punpcklwd = unpack(2, 0);
export const punpckldq = unpack(4, 0);
export const punpcklqdq = unpack(8, 0);
export const punpckhbw = unpack(1, 1);
export const punpckhwd = unpack(2, 1);
export const punpckhdq = unpack(4, 1);
export const punpckhqdq = unpack(8, 1);

const packWords =
  (clamp: (n: number) => number): Lanes =>
  (v, d, s, words) => {
    const { u8, i16 } = v;
    for (let i = 0; i < 2 * words; i++) {
      u8[4 * TEMP2 + i] = clamp(i16[2 * d + i]);
      u8[4 * TEMP2 + 2 * words + i] = clamp(i16[2 * s + i]);
    }
    settle(v, d, words);
  };
export const packsswb = packWords(clampI8);
export const packuswb = packWords(clampU8);

export const packssdw: Lanes = (v, d, s, words) => {
  const { i16, i32 } = v;
  for (let i = 0; i < words; i++) {
    i16[2 * TEMP2 + i] = clampI16(i32[d + i]);
    i16[2 * TEMP2 + words + i] = clampI16(i32[s + i]);
  }
  settle(v, d, words);
};

/** Adds or subtracts neighbours: those of the destination go to the lower half. */
const pairShorts =
  (f: Binary): Lanes =>
  (v, d, s, words) => {
    const { i16 } = v;
    for (let i = 0; i < words; i++) {
      i16[2 * TEMP2 + i] = f(i16[2 * (d + i)], i16[2 * (d + i) + 1]);
      i16[2 * TEMP2 + words + i] = f(i16[2 * (s + i)], i16[2 * (s + i) + 1]);
    }
    settle(v, d, words);
  };
const pairDoubles =
  (f: Binary): Lanes =>
  (v, d, s, words) => {
    const { i32 } = v;
    const half = words / 2;
    for (let i = 0; i < half; i++) {
      i32[TEMP2 + i] = f(i32[d + 2 * i], i32[d + 2 * i + 1]);
      i32[TEMP2 + half + i] = f(i32[s + 2 * i], i32[s + 2 * i + 1]);
    }
    settle(v, d, words);
  };
export const phaddw = pairShorts((a, b) => a + b);
export const phaddsw = pairShorts((a, b) => clampI16(a + b));
export const phsubw = pairShorts((a, b) => a - b);
export const phsubsw = pairShorts((a, b) => clampI16(a - b));
export const phaddd = pairDoubles((a, b) => a + b);
export const phsubd = pairDoubles((a, b) => a - b);

export const pshufb: Lanes = (v, d, s, words) => {
  const { u8 } = v;
  const mask = 4 * words - 1;
  for (let i = 0; i <= mask; i++) {
    const control = u8[4 * s + i];
    u8[4 * TEMP2 + i] = control >= 128 ? 0 : u8[4 * d + (control & mask)];
  }
  settle(v, d, words);
};

/** Shifts with a count: every element by the same number of bits, beyond its size all go. */
export type Shift = (v: VectorViews, d: number, words: number, count: number) => void;

export const psllw: Shift = ({ i16 }, d, words, n) => {
  for (let i = 2 * d; i < 2 * (d + words); i++) i16[i] = n > 15 ? 0 : i16[i] << n;
};
export const psrlw: Shift = ({ u16 }, d, words, n) => {
  for (let i = 2 * d; i < 2 * (d + words); i++) u16[i] = n > 15 ? 0 : u16[i] >>> n;
};
export const psraw: Shift = ({ i16 }, d, words, n) => {
  for (let i = 2 * d; i < 2 * (d + words); i++) i16[i] >>= Math.min(n, 15);
};
export const pslld: Shift = ({ i32 }, d, words, n) => {
  for (let i = d; i < d + words; i++) i32[i] = n > 31 ? 0 : i32[i] << n;
};
export const psrld: Shift = ({ i32 }, d, words, n) => {
  for (let i = d; i < d + words; i++) i32[i] = n > 31 ? 0 : i32[i] >>> n;
};
export const psrad: Shift = ({ i32 }, d, words, n) => {
  for (let i = d; i < d + words; i++) i32[i] >>= Math.min(n, 31);
};
export const psllq: Shift = ({ i32 }, d, words, n) => {
  for (let i = d; i < d + words; i += 2) {
    const lo = i32[i];
    if (n > 31) {
      i32[i + 1] = n > 63 ? 0 : lo << (n - 32);
      i32[i] = 0;
    } else if (n > 0) {
      i32[i + 1] = (i32[i + 1] << n) | (lo >>> (32 - n));
      i32[i] = lo << n;
    }
  }
};
export const psrlq: Shift = ({ i32 }, d, words, n) => {
  for (let i = d; i < d + words; i += 2) {
    const hi = i32[i + 1];
    if (n > 31) {
      i32[i] = n > 63 ? 0 : hi >>> (n - 32);
      i32[i + 1] = 0;
    } else if (n > 0) {
      i32[i] = (i32[i] >>> n) | (hi << (32 - n));
      i32[i + 1] = hi >>> n;
    }
  }
};

/** Whole-register shifts, in bytes. */
export const psrldq: Shift = (v, d, words, n) => {
  const { u8 } = v;
  const start = 4 * d;
  const size = 4 * words;
  for (let i = 0; i < size; i++) u8[start + i] = i + n < size ? u8[start + i + n] : 0;
};
export const pslldq: Shift = (v, d, words, n) => {
  const { u8 } = v;
  const start = 4 * d;
  for (let i = 4 * words - 1; i >= 0; i--) u8[start + i] = i >= n ? u8[start + i - n] : 0;
};

/** The count of a shift whose count is a vector: its low 64 bits, 255 standing for all above. */
export function shiftCount(v: VectorViews, s: number): number {
  return v.i32[s + 1] !== 0 || v.u32[s] > 255 ? 255 : v.i32[s];
}

/** Operations with an immediate byte. */
export type Selecting = (
  v: VectorViews,
  d: number,
  s: number,
  operand: { words: number; immediate: number },
) => void;

export const pshufw: Selecting = (v, d, s, { immediate }) => {
  for (let i = 0; i < 4; i++) {
    v.i16[2 * TEMP2 + i] = v.i16[2 * s + ((immediate >> (2 * i)) & 3)];
  }
  settle(v, d, 2);
};
export const pshufd: Selecting = (v, d, s, { immediate }) => {
  for (let i = 0; i < 4; i++) v.i32[TEMP2 + i] = v.i32[s + ((immediate >> (2 * i)) & 3)];
  settle(v, d, 4);
};
export const pshuflw: Selecting = (v, d, s, operand) => {
  pshufw(v, TEMP2, s, operand);
  v.i32[TEMP2 + 2] = v.i32[s + 2];
  v.i32[TEMP2 + 3] = v.i32[s + 3];
  settle(v, d, 4);
};
export const pshufhw: Selecting = (v, d, s, { immediate }) => {
  for (let i = 0; i < 4; i++) {
    v.i16[2 * TEMP2 + 4 + i] = v.i16[2 * s + 4 + ((immediate >> (2 * i)) & 3)];
  }
  v.i32[TEMP2] = v.i32[s];
  v.i32[TEMP2 + 1] = v.i32[s + 1];
  settle(v, d, 4);
};
export const shufps: Selecting = (v, d, s, { immediate }) => {
  const { i32 } = v;
  i32[TEMP2] = i32[d + (immediate & 3)];
  i32[TEMP2 + 1] = i32[d + ((immediate >> 2) & 3)];
  i32[TEMP2 + 2] = i32[s + ((immediate >> 4) & 3)];
  i32[TEMP2 + 3] = i32[s + ((immediate >> 6) & 3)];
  settle(v, d, 4);
};
export const shufpd: Selecting = (v, d, s, { immediate }) => {
  const { i32 } = v;
  const from = d + 2 * (immediate & 1);
  const other = s + (immediate & 2);
  i32[TEMP2] = i32[from];
  i32[TEMP2 + 1] = i32[from + 1];
  i32[TEMP2 + 2] = i32[other];
  i32[TEMP2 + 3] = i32[other + 1];
  settle(v, d, 4);
};
/** The destination is the upper half of what is shifted. */
export const palignr: Selecting = (v, d, s, { words, immediate }) => {
  const { u8 } = v;
  const size = 4 * words;
  for (let i = 0; i < size; i++) {
    const from = i + immediate;
    let byte = 0;
    if (from < size) byte = u8[4 * s + from];
    else if (from < 2 * size) byte = u8[4 * d + from - size];
    u8[4 * TEMP2 + i] = byte;
  }
  settle(v, d, words);
};
