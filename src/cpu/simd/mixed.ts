/**
 * SSE instructions with operands of two kinds: conversions to and from MMX and general registers,
 * comparisons into EFLAGS.
 *
 * Source: Intel SDM volume 2, CVTPI2PS, CVTSI2SS, CVTPS2PI, CVTSS2SI, COMISS and their relatives.
 */

import type { Context } from '../context.ts';
import { checkAligned, load64, load128 } from '../fpu/memory.ts';
import { orderFlags } from '../fpu/order.ts';
import { TEMP, TEMP3, type VectorViews } from '../fpu/state.ts';
import { ARITHMETIC } from '../registers.ts';
import {
  beginSimd,
  copyWords,
  mm,
  reportSimd,
  requireBoth,
  requireSse,
  useMmx,
  wroteMmx,
  xmm,
} from './access.ts';
import { integerToDouble, integerToSingle } from './convert.ts';
import { consume, type Entries } from './forms.ts';
import type { Elements } from './quick.ts';

/** CVTSI2SS and CVTSI2SD, from a general register or memory. */
export function fromGeneral(words: 1 | 2): Entries {
  const f: Elements = (v, _, from) => {
    if (words === 1) v.i32[TEMP3] = integerToSingle(v.i32[from]);
    else integerToDouble(v, TEMP3, v.i32[from]);
  };
  const put = (c: Context, g: number, value: number): void => {
    c.s[TEMP] = value;
    beginSimd(c.s);
    f(c.views, 0, TEMP);
    reportSimd(c);
    copyWords(c.s, xmm(g), TEMP3, words);
  };
  return {
    register: (c, g, e) => {
      requireSse(c);
      put(c, g, c.s[e]);
    },
    memory: (c, g, { seg, offset }) => {
      requireSse(c);
      put(c, g, c.load(seg, offset, 4));
    },
    quick: {
      does: 'float',
      f,
      words,
      to: 'vector',
      bytes: 4,
      isAligned: false,
      isGeneral: true,
    },
  };
}

/** CVTSS2SI and the like: `f` leaves the integer in TEMP3. */
export function toGeneral(f: Elements, bytes: 4 | 8): Entries {
  return consume(
    f,
    (c, g) => {
      c.s[g] = c.s[TEMP3];
    },
    { bytes, to: 'general' },
  );
}

/** COMISS and the like: `order` of the low elements into ZF, PF, CF. */
export function intoFlags(
  order: (v: VectorViews, d: number, s: number) => number,
  bytes: 4 | 8,
): Entries {
  return consume(
    (v, d, s) => {
      v.i32[TEMP3] = order(v, d, s);
    },
    (c, _) => c.setEflags(orderFlags(c.s[TEMP3]), ARITHMETIC),
    { bytes, to: 'flags' },
  );
}

/** CVTPI2PS and CVTPI2PD: two integers of an MMX register or memory. */
export function fromMmx(words: 1 | 2): Entries {
  const compute = (c: Context, g: number, from: number): void => {
    const { s } = c;
    beginSimd(s);
    for (let i = 0; i < 2; i++) {
      if (words === 1) s[TEMP3 + i] = integerToSingle(s[from + i]);
      else integerToDouble(c.views, TEMP3 + 2 * i, s[from + i]);
    }
    reportSimd(c);
    copyWords(s, xmm(g), TEMP3, 2 * words);
  };
  return {
    register: (c, g, e) => {
      requireBoth(c);
      // Even when the conversion raises, the MMX state has been entered.
      useMmx(c.s);
      compute(c, g, mm(e));
    },
    memory: (c, g, { seg, offset }) => {
      // No MMX register, no business with the x87.
      requireSse(c);
      load64(c, TEMP, seg, offset);
      compute(c, g, TEMP);
    },
  };
}

/** CVTPS2PI, CVTPD2PI and the truncating ones: `f` leaves two integers in TEMP3. */
export function toMmx(f: Elements, bytes: 8 | 16): Entries {
  const compute = (c: Context, g: number, from: number): void => {
    useMmx(c.s);
    beginSimd(c.s);
    f(c.views, 0, from);
    reportSimd(c);
    copyWords(c.s, mm(g), TEMP3, 2);
    wroteMmx(c.s, g);
  };
  return {
    register: (c, g, e) => {
      requireBoth(c);
      compute(c, g, xmm(e));
    },
    memory: (c, g, { seg, offset }) => {
      requireBoth(c);
      if (bytes === 16) {
        checkAligned(c, seg, offset);
        load128(c, TEMP, seg, offset);
      } else {
        load64(c, TEMP, seg, offset);
      }
      compute(c, g, TEMP);
    },
  };
}
