/**
 * MMX and SSE moves, insertions, masks, and the control instructions of SSE.
 *
 * Source: Intel SDM volume 2, as named. The non-temporal hints mean nothing here; MASKMOVDQU checks
 * its whole operand before it writes.
 */

import type { Context } from '../context.ts';
import { checkAligned, checkWrite, load64, load128, store64, store128 } from '../fpu/memory.ts';
import { EMPTY, MXCSR, MXCSR_MASK, TEMP, TOP } from '../fpu/state.ts';
import { GP } from '../registers.ts';
import {
  copyWords,
  load32,
  mm,
  requireBoth,
  requireMmx,
  requireSse,
  useMmx,
  wroteMmx,
  xmm,
} from './access.ts';
import type { Entries, Place } from './forms.ts';
import type { Move } from './quick.ts';

function move(does: 'load' | 'store', words: 1 | 2 | 4, rest: Partial<Move>): Move {
  const plain = { isAligned: false, isGeneral: false, at: 0, from: 0, clears: 'never' } as const;
  return { does, words, ...plain, ...rest };
}

/** MOVAPS and MOVDQA loads (`aligned`), MOVUPS, MOVDQU and LDDQU ones. */
export function load(aligned: boolean): Entries {
  return {
    register: (c, g, e) => {
      requireSse(c);
      copyWords(c.s, xmm(g), xmm(e), 4);
    },
    memory: (c, g, { seg, offset }) => {
      requireSse(c);
      if (aligned) checkAligned(c, seg, offset);
      load128(c, TEMP, seg, offset);
      copyWords(c.s, xmm(g), TEMP, 4);
    },
    quick: move('load', 4, { isAligned: aligned }),
  };
}

export function store(aligned: boolean): Entries {
  return {
    register: (c, g, e) => {
      requireSse(c);
      copyWords(c.s, xmm(e), xmm(g), 4);
    },
    memory: (c, g, { seg, offset }) => {
      requireSse(c);
      if (aligned) checkAligned(c, seg, offset);
      store128(c, xmm(g), seg, offset);
    },
    quick: move('store', 4, { isAligned: aligned }),
  };
}

/** MOVSS and MOVSD loads: from memory the rest is cleared, from a register kept. */
export function loadScalar(words: 1 | 2): Entries {
  return {
    register: (c, g, e) => {
      requireSse(c);
      copyWords(c.s, xmm(g), xmm(e), words);
    },
    memory: (c, g, place) => {
      requireSse(c);
      loadLow(c, place, words);
      copyWords(c.s, xmm(g), TEMP, 4);
    },
    quick: move('load', words, { clears: 'from memory' }),
  };
}

/** Four or eight bytes into TEMP, the rest of it zero. */
function loadLow(c: Context, { seg, offset }: Place, words: number): void {
  if (words === 1) {
    load32(c, seg, offset);
    return;
  }
  load64(c, TEMP, seg, offset);
  c.s[TEMP + 2] = 0;
  c.s[TEMP + 3] = 0;
}

export function storeScalar(words: 1 | 2): Entries {
  return {
    register: (c, g, e) => {
      requireSse(c);
      copyWords(c.s, xmm(e), xmm(g), words);
    },
    memory: (c, g, { seg, offset }) => {
      requireSse(c);
      if (words === 1) c.store(seg, offset, 4, c.s[xmm(g)]);
      else store64(c, xmm(g), seg, offset);
    },
    quick: move('store', words, {}),
  };
}

/** MOVLPS, MOVHPS and the like: a half from memory, or halves between registers. */
export function loadHalf(to: 0 | 2, from: 0 | 2): Entries {
  return {
    register: (c, g, e) => {
      requireSse(c);
      copyWords(c.s, xmm(g) + to, xmm(e) + from, 2);
    },
    memory: (c, g, { seg, offset }) => {
      requireSse(c);
      load64(c, TEMP, seg, offset);
      copyWords(c.s, xmm(g) + to, TEMP, 2);
    },
    quick: move('load', 2, { at: to, from }),
  };
}

export function storeHalf(from: 0 | 2): Entries {
  return {
    memory: (c, g, { seg, offset }) => {
      requireSse(c);
      store64(c, xmm(g) + from, seg, offset);
    },
    quick: move('store', 2, { at: from }),
  };
}

/** MOVQ xmm, xmm/m64. */
export const movqLoad: Entries = {
  register: (c, g, e) => {
    requireSse(c);
    const { s } = c;
    copyWords(s, xmm(g), xmm(e), 2);
    s[xmm(g) + 2] = 0;
    s[xmm(g) + 3] = 0;
  },
  memory: (c, g, place) => {
    requireSse(c);
    loadLow(c, place, 2);
    copyWords(c.s, xmm(g), TEMP, 4);
  },
  quick: move('load', 2, { clears: 'always' }),
};

/** MOVQ xmm/m64, xmm. */
export const movqStore: Entries = {
  register: (c, g, e) => movqLoad.register?.(c, e, g, 0),
  memory: storeScalar(2).memory,
  quick: move('store', 2, { clears: 'always' }),
};

/** MOVD between general registers or memory and XMM. */
export const movdToXmm: Entries = {
  register: (c, g, e) => {
    requireSse(c);
    setLow(c, g, c.s[e]);
  },
  memory: (c, g, { seg, offset }) => {
    requireSse(c);
    setLow(c, g, c.load(seg, offset, 4));
  },
  quick: move('load', 1, { clears: 'always', isGeneral: true }),
};

function setLow(c: Context, g: number, value: number): void {
  c.s.fill(0, xmm(g), xmm(g) + 4);
  c.s[xmm(g)] = value;
}

export const movdFromXmm: Entries = {
  register: (c, g, e) => {
    requireSse(c);
    c.s[e] = c.s[xmm(g)];
  },
  memory: (c, g, { seg, offset }) => {
    requireSse(c);
    c.store(seg, offset, 4, c.s[xmm(g)]);
  },
  quick: move('store', 1, { isGeneral: true }),
};

export const movdToMmx: Entries = {
  register: (c, g, e) => {
    requireMmx(c);
    c.s[mm(g)] = c.s[e];
    c.s[mm(g) + 1] = 0;
    wroteMmx(c.s, g);
  },
  memory: (c, g, { seg, offset }) => {
    requireMmx(c);
    c.s[mm(g)] = c.load(seg, offset, 4);
    c.s[mm(g) + 1] = 0;
    wroteMmx(c.s, g);
  },
};

export const movdFromMmx: Entries = {
  register: (c, g, e) => {
    requireMmx(c);
    c.s[e] = c.s[mm(g)];
    useMmx(c.s);
  },
  memory: (c, g, { seg, offset }) => {
    requireMmx(c);
    c.store(seg, offset, 4, c.s[mm(g)]);
    useMmx(c.s);
  },
};

export const movqToMmx: Entries = {
  register: (c, g, e) => {
    requireMmx(c);
    copyWords(c.s, mm(g), mm(e), 2);
    wroteMmx(c.s, g);
  },
  memory: (c, g, { seg, offset }) => {
    requireMmx(c);
    load64(c, TEMP, seg, offset);
    copyWords(c.s, mm(g), TEMP, 2);
    wroteMmx(c.s, g);
  },
};

/** MOVQ mm/m64, mm and MOVNTQ. */
export const movqFromMmx: Entries = {
  register: (c, g, e) => {
    requireMmx(c);
    copyWords(c.s, mm(e), mm(g), 2);
    wroteMmx(c.s, e);
  },
  memory: (c, g, { seg, offset }) => {
    requireMmx(c);
    store64(c, mm(g), seg, offset);
    useMmx(c.s);
  },
};

export const movntq: Entries = { memory: movqFromMmx.memory };

export const movq2dq: Entries = {
  register: (c, g, e) => {
    requireBoth(c);
    copyWords(c.s, xmm(g), mm(e), 2);
    c.s[xmm(g) + 2] = 0;
    c.s[xmm(g) + 3] = 0;
    useMmx(c.s);
  },
};

export const movdq2q: Entries = {
  register: (c, g, e) => {
    requireBoth(c);
    copyWords(c.s, mm(g), xmm(e), 2);
    wroteMmx(c.s, g);
  },
};

export const movnti: Entries = {
  memory: (c, g, { seg, offset }) => c.store(seg, offset, 4, c.s[g]),
};

/** PINSRW from a general register's low half or from memory. */
export function insertWord(isMmx: boolean): Entries {
  const put = (c: Context, g: number, value: number, immediate: number): void => {
    const at = isMmx ? mm(g) : xmm(g);
    c.views.i16[2 * at + (immediate & (isMmx ? 3 : 7))] = value;
    if (isMmx) wroteMmx(c.s, g);
  };
  const require = isMmx ? requireMmx : requireSse;
  return {
    register: (c, g, e, immediate) => {
      require(c);
      put(c, g, c.s[e], immediate);
    },
    memory: (c, g, { seg, offset }, immediate) => {
      require(c);
      put(c, g, c.load(seg, offset, 2), immediate);
    },
  };
}

/** PEXTRW into a general register. */
export function extractWord(isMmx: boolean): Entries {
  return {
    register: (c, g, e, immediate) => {
      if (isMmx) requireMmx(c);
      else requireSse(c);
      const at = isMmx ? mm(e) : xmm(e);
      c.s[g] = c.views.u16[2 * at + (immediate & (isMmx ? 3 : 7))];
      if (isMmx) useMmx(c.s);
    },
  };
}

/** PMOVMSKB, MOVMSKPS and MOVMSKPD: the sign bits of elements of `size` bytes. */
export function signMask(isMmx: boolean, size: 1 | 4 | 8): Entries {
  return {
    register: (c, g, e) => {
      if (isMmx) requireMmx(c);
      else requireSse(c);
      const start = 4 * (isMmx ? mm(e) : xmm(e));
      const count = (isMmx ? 8 : 16) / size;
      let mask = 0;
      for (let i = 0; i < count; i++) {
        mask |= (c.views.u8[start + size * i + size - 1] >> 7) << i;
      }
      c.s[g] = mask;
      if (isMmx) useMmx(c.s);
    },
  };
}

/** MASKMOVQ and MASKMOVDQU: bytes of g whose mask in e has its top bit, to `place` (DS:EDI). */
export function maskMove(c: Context, isMmx: boolean, registers: Registers, place: Place): void {
  if (isMmx) requireMmx(c);
  else requireSse(c);
  const { u8 } = c.views;
  const data = 4 * (isMmx ? mm(registers.g) : xmm(registers.g));
  const mask = 4 * (isMmx ? mm(registers.e) : xmm(registers.e));
  const size = isMmx ? 8 : 16;
  const { seg, offset } = place;
  let first = -1;
  let last = -1;
  for (let i = 0; i < size; i++) {
    if (u8[mask + i] < 128) continue;
    if (first < 0) first = i;
    last = i;
  }
  if (first >= 0) checkWrite(c, seg, (offset + first) | 0, last - first + 1);
  for (let i = 0; i < size; i++) {
    if (u8[mask + i] >= 128) c.store(seg, (offset + i) | 0, 1, u8[data + i]);
  }
  if (isMmx) useMmx(c.s);
}

export interface Registers {
  readonly g: number;
  readonly e: number;
}

/** EMMS: all registers empty; TOP becomes 0 as with every MMX instruction. */
export function emms(c: Context): void {
  requireMmx(c);
  c.s[TOP] = 0;
  c.s[EMPTY] = 0xff;
}

export const ldmxcsr: Entries = {
  memory: (c, _, { seg, offset }) => {
    requireSse(c);
    const value = c.load(seg, offset, 4);
    if ((value & ~MXCSR_MASK) !== 0) c.raise(GP, 0);
    c.s[MXCSR] = value;
  },
};

export const stmxcsr: Entries = {
  memory: (c, _, { seg, offset }) => {
    requireSse(c);
    c.store(seg, offset, 4, c.s[MXCSR]);
  },
};
