/**
 * A unit of random programs whose blocks jump anywhere among each other: loops with several ways
 * in, computed jumps, jumps into the middle of an instruction, blocks in different pages.
 */

import { type Item, little } from './random-code.ts';
import { CODE, FAR_CODE } from './random-layout.ts';
import { Modes } from './random-modes.ts';

/** What MOV r, imm may have for an immediate: INC and DEC, NOP, CMC, CLC, STC. */
const INNER = [0x40, 0x41, 0x42, 0x48, 0x49, 0x4a, 0x90, 0xf5, 0xf8, 0xf9];

interface Node {
  readonly label: string;
  /** It begins with an instruction that has others inside. */
  readonly isOverlaid: boolean;
}

export abstract class Tangle extends Modes {
  protected tangle(): Item[] {
    const { random, coder } = this;
    const count = 3 + random.below(this.isHot ? 8 : 14);
    const nodes = Array.from(
      { length: count },
      (): Node => ({ label: this.label(), isOverlaid: coder.chance(25) }),
    );
    const end = this.label();
    const fuel = this.counter();
    const isLong = this.isHot && this.loops === 0;
    const turns = isLong ? 500 + random.below(20_000) : 20 + random.below(80);
    const isPadded = this.loops === 0 && this.depth < 2 && coder.chance(40);
    const padded = isPadded ? random.below(count) : -1;
    const items: Item[] = [
      this.at([0xc7], 0, fuel, ...little(turns, this.wordSize)),
      this.go(nodes, [0xe9]),
    ];
    nodes.forEach(({ label, isOverlaid }, n) => {
      if (n === padded) items.push({ pad: 0x1000 - 1 - random.below(40) });
      const burn = [this.at([0xff], 1, fuel), this.to(end, [0x0f, 0x88])];
      items.push({ label }, ...(isOverlaid ? [this.overlaid()] : []), ...burn, ...this.content());
      items.push(...this.ending(nodes, n + 1 < count && n + 1 !== padded));
    });
    return [...items, { label: end }];
  }

  private content(): Item[] {
    return this.coder.chance(30) ? [...this.small()] : this.plain().slice(0, 3);
  }

  private overlaid(): Item {
    const { free } = this.coder;
    const codes = INNER.filter(code => code >= 0x50 || free.includes(code & 7));
    const inner = Array.from({ length: this.wordSize }, () => this.random.pick(codes));
    return this.bytes(0xb8 | this.free(), ...inner);
  }

  /** An instruction that names a node, or what is inside its first one, by any of its addresses. */
  private go(nodes: readonly Node[], opcode: readonly number[], absolute = false): Item {
    const { label, isOverlaid } = this.random.pick(nodes);
    const isFar = this.coder.options.isPaged && this.coder.chance(8);
    const inside = isOverlaid && this.coder.chance(50) ? 1 + this.random.below(this.wordSize) : 0;
    return this.to(label, opcode, { absolute, plus: inside + (isFar ? FAR_CODE - CODE : 0) });
  }

  /** Where a block goes, or that it may go on to the next one. */
  private ending(nodes: readonly Node[], hasNext: boolean): Item[] {
    const { random } = this;
    const jcc = (): Item => this.go(nodes, [0x0f, 0x80 | random.below(16)]);
    const jump = (): Item[] => (hasNext && this.coder.chance(50) ? [] : [this.go(nodes, [0xe9])]);
    const r = this.free();
    const set = (): Item => this.go(nodes, [0xb8 | r], true);
    const leave = this.bytes(0xff, 0xe0 | r);
    switch (random.below(8)) {
      case 0:
        return jump();
      case 1:
        return [...this.one(), jcc(), jcc(), ...jump()];
      case 2:
        return [set(), leave];
      case 3:
        return [this.go(nodes, [0x68], true), this.bytes(0xc3)];
      case 4: {
        const over = this.label();
        const skip = this.short(over, 0x70 | random.below(16));
        return [...this.one(), set(), skip, set(), { label: over }, leave];
      }
      default:
        return [...this.one(), jcc(), ...jump()];
    }
  }
}
