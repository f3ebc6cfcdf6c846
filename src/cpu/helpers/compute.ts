/**
 * Pure arithmetic too long for a definition: called by every binding as `C.name(...)`. They may set
 * flags, they cannot fault. Values are canonical (sign-extended) at `size`.
 *
 * Source: Intel SDM volume 2. Flags that it leaves undefined follow what processors of the P6 line
 * do where that is known.
 */

import * as flags from '../flags.ts';
import { orderFlags } from '../fpu/order.ts';
import { AF, CF, FLAG_A, FLAG_B, OF, SELECTOR, ZF } from '../registers.ts';

function unsigned(v: number, size: number): number {
  return size === 32 ? v : v & ((1 << size) - 1);
}

function canonical(v: number, size: number): number {
  return (v << (32 - size)) >> (32 - size);
}

function bit(v: number, n: number): number {
  return (v >>> n) & 1;
}

export function flagFunctions(s: Int32Array) {
  return {
    settle: (): void => flags.settle(s),
    arithmetic: (): number => flags.arithmetic(s),
    overflow: (): boolean => flags.overflow(s),
    parity: (): boolean => flags.parity(s),
    less: (): boolean => flags.sign(s) !== flags.overflow(s),
    overflowOf: flags.overflowOf,
    parityOf: flags.parityOf,
    /** COMISS and its like. */
    setOrder: (order: number): void => flags.setArithmetic(s, orderFlags(order)),
    lessOf: flags.lessOf,
    /** 1 when the product is more than its low part. */
    lost: (r: number, a: number, b: number): number => (a * b !== r ? 1 : 0),
    adcFlags(r: number, a: number, b: number): void {
      const cf = ((a & b) | ((a | b) & ~r)) >>> 31;
      const of = ((a ^ r) & (b ^ r)) < 0 ? OF : 0;
      flags.setStored(s, r, cf, of | ((a ^ b ^ r) & AF));
    },
    sbbFlags(r: number, a: number, b: number): void {
      const cf = ((~a & b) | (~(a ^ b) & r)) >>> 31;
      const of = ((a ^ b) & (a ^ r)) < 0 ? OF : 0;
      flags.setStored(s, r, cf, of | ((a ^ b ^ r) & AF));
    },
  };
}

/** CF and OF change, the rest stays. */
function setRotate(s: Int32Array, cf: number, of: number): void {
  const kept = flags.arithmetic(s) & ~(CF | OF);
  flags.setArithmetic(s, kept | cf | (of !== 0 ? OF : 0));
}

export function rotateFunctions(s: Int32Array) {
  return {
    rol(a: number, n: number, size: number): number {
      if (n === 0) return a;
      const by = n & (size - 1);
      const u = unsigned(a, size);
      const r = by === 0 ? a : canonical((u << by) | (u >>> (size - by)), size);
      setRotate(s, r & 1, (r < 0 ? 1 : 0) ^ (r & 1));
      return r;
    },
    ror(a: number, n: number, size: number): number {
      if (n === 0) return a;
      const by = n & (size - 1);
      const u = unsigned(a, size);
      const r = by === 0 ? a : canonical((u >>> by) | (u << (size - by)), size);
      setRotate(s, r < 0 ? 1 : 0, bit(r, size - 1) ^ bit(r, size - 2));
      return r;
    },
    rcl(a: number, n: number, size: number): number {
      const by = n % (size + 1);
      if (by === 0) return a;
      let cf = flags.carry(s) ? 1 : 0;
      let r = unsigned(a, size);
      for (let i = 0; i < by; i++) {
        const out = bit(r, size - 1);
        r = unsigned((r << 1) | cf, size);
        cf = out;
      }
      r = canonical(r, size);
      setRotate(s, cf, cf ^ (r < 0 ? 1 : 0));
      return r;
    },
    rcr(a: number, n: number, size: number): number {
      const by = n % (size + 1);
      if (by === 0) return a;
      let cf = flags.carry(s) ? 1 : 0;
      let r = unsigned(a, size);
      for (let i = 0; i < by; i++) {
        const out = r & 1;
        r = (r >>> 1) | (cf << (size - 1));
        cf = out;
      }
      r = canonical(r, size);
      setRotate(s, cf, bit(r, size - 1) ^ bit(r, size - 2));
      return r;
    },
  };
}

export function doubleShiftFunctions(s: Int32Array) {
  const finish = (a: number, r: number, cf: number): number => {
    flags.setStored(s, r, cf, (a ^ r) < 0 ? OF : 0);
    return r;
  };
  return {
    shld(a: number, b: number, n: number, size: number): number {
      if (n === 0) return a;
      if (size === 32) return finish(a, (a << n) | (b >>> (32 - n)), bit(a, 32 - n));
      const wide = (a << 16) | (b & 0xffff);
      // Counts above 16 are undefined: the operands go round again, as P6 does.
      if (n <= 16) {
        const r = n === 16 ? b : (wide << n) >> 16;
        return finish(a, r, bit(a, 16 - n));
      }
      const again = (b << 16) | (a & 0xffff);
      return finish(a, (again << (n - 16)) >> 16, bit(b, 32 - n));
    },
    shrd(a: number, b: number, n: number, size: number): number {
      if (n === 0) return a;
      if (size === 32) return finish(a, (a >>> n) | (b << (32 - n)), bit(a, n - 1));
      const wide = (b << 16) | (a & 0xffff);
      if (n <= 16) return finish(a, n === 16 ? b : canonical(wide >>> n, 16), bit(a, n - 1));
      const again = (a << 16) | (b & 0xffff);
      return finish(a, canonical(again >>> (n - 16), 16), bit(b, n - 17));
    },
  };
}

export function bitFunctions(s: Int32Array) {
  /** Only CF changes. */
  const setCarry = (cf: number): void => {
    flags.settle(s);
    s[FLAG_A] = 0;
    s[FLAG_B] = cf;
  };
  const setZero = (zero: boolean): void => {
    const kept = flags.arithmetic(s) & ~ZF;
    flags.setArithmetic(s, kept | (zero ? ZF : 0));
  };
  return {
    bitTest: (a: number, n: number, size: number): void => setCarry(bit(a, n & (size - 1))),
    bts(a: number, n: number, size: number): number {
      const at = n & (size - 1);
      setCarry(bit(a, at));
      return canonical(a | (1 << at), size);
    },
    btr(a: number, n: number, size: number): number {
      const at = n & (size - 1);
      setCarry(bit(a, at));
      return canonical(a & ~(1 << at), size);
    },
    btc(a: number, n: number, size: number): number {
      const at = n & (size - 1);
      setCarry(bit(a, at));
      return canonical(a ^ (1 << at), size);
    },
    bsf(a: number, old: number, size: number): number {
      const v = unsigned(a, size);
      setZero(v === 0);
      return v === 0 ? old : 31 - Math.clz32(v & -v);
    },
    bsr(a: number, old: number, size: number): number {
      const v = unsigned(a, size);
      setZero(v === 0);
      return v === 0 ? old : 31 - Math.clz32(v);
    },
    popcnt(a: number, size: number): number {
      let v = unsigned(a, size) >>> 0;
      let n = 0;
      for (; v !== 0; v = (v & (v - 1)) >>> 0) n++;
      flags.setArithmetic(s, n === 0 ? ZF : 0);
      return n;
    },
    bswap(a: number, size: number): number {
      // With a 16-bit operand undefined; processors give zero.
      if (size === 16) return 0;
      return (a << 24) | ((a & 0xff00) << 8) | ((a >>> 8) & 0xff00) | (a >>> 24);
    },
    selector: (n: number): number => s[SELECTOR + n] & 0xffff,
  };
}

export function computeFunctions(s: Int32Array) {
  return {
    ...flagFunctions(s),
    ...rotateFunctions(s),
    ...doubleShiftFunctions(s),
    ...bitFunctions(s),
  };
}

export type Compute = ReturnType<typeof computeFunctions>;
