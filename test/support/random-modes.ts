/**
 * Units of random programs that change how the code around them runs: bits of CR0 and CR4,
 * alignment checks, stacks of 16 bits, segments of other kinds.
 */

import { type Item, little } from './random-code.ts';
import { SELECTORS } from './random-layout.ts';
import { Outside } from './random-outside.ts';

/** MP, EM, TS, NE, WP and AM of CR0; TSD, DE, PSE, PGE, OSFXSR and OSXMMEXCPT of CR4. */
const CR0_BITS = [2, 4, 8, 0x20, 0x10000, 0x10000, 0x40000];
const CR4_BITS = [4, 8, 0x10, 0x80, 0x80, 0x200, 0x400];
const AC = 0x40000;

export abstract class Modes extends Outside {
  protected modes(): Item[] {
    const { random } = this;
    if (this.isReal) return this.plain();
    const inner = (): Item[] => [...this.plain(), ...this.wide(), ...this.plain()];
    switch (random.below(5)) {
      case 0:
        return this.control(0, random.pick(CR0_BITS), inner());
      case 1:
        return this.control(4, random.pick(CR4_BITS), inner());
      case 2:
        return this.aligned(inner());
      case 3:
        return this.smallStack();
      default:
        return this.segment();
    }
  }

  /** A bit of CR0 or CR4 turned over and mostly back. */
  private control(n: number, bit: number, inner: readonly Item[]): Item[] {
    const r = this.free();
    const turn = [
      this.bytes(0x0f, 0x20, 0xc0 | (n << 3) | r),
      this.bytes(0x81, 0xf0 | r, ...little(bit, 4)),
      this.bytes(0x0f, 0x22, 0xc0 | (n << 3) | r),
    ];
    return [...turn, ...inner, ...(this.coder.chance(80) ? turn : [])];
  }

  /** EFLAGS.AC turned over and back. */
  private aligned(inner: readonly Item[]): Item[] {
    const turn = [
      this.bytes(0x9c),
      this.bytes(0x81, 0x34, 0x24, ...little(AC, 4)),
      this.bytes(0x9d),
    ];
    return [...turn, ...inner, ...turn];
  }

  private selector(register: number, selector: number): Item[] {
    const r = this.free();
    return [this.load(r, selector), this.bytes(0x8e, 0xc0 | (register << 3) | r)];
  }

  /** The same stack by a segment of 16 bits, which only ring 0 may load. */
  private smallStack(): Item[] {
    const r = this.free();
    const body = [
      this.bytes(0x50 | r),
      ...this.plain(),
      ...this.pushed(),
      ...this.call(),
      this.bytes(0x58 | this.free()),
    ];
    return [
      ...this.selector(2, SELECTORS.smallStack),
      ...body,
      ...this.selector(2, SELECTORS.data),
    ];
  }

  /** FS or GS of another kind. */
  private segment(): Item[] {
    const { random } = this;
    const kinds = [SELECTORS.small, SELECTORS.odd, ...SELECTORS.kinds, ...SELECTORS.kinds, 0];
    return [...this.selector(4 + random.below(2), random.pick(kinds)), ...this.plain()];
  }
}
