/**
 * Units of random programs that reach beyond plain code: strings, code that changes itself, ports
 * and the device, single steps and breakpoints, other pages, what wide registers do.
 */

import { type Instruction, type Item, little, sizeOf } from './random-code.ts';
import { Flow } from './random-flow.ts';
import {
  CODE,
  DMA_ADDRESS,
  DMA_DATA,
  FAR_CODE,
  LOG_PORT,
  MMIO,
  OVERLAY,
  RAISES_INTR,
  REQUESTS_EXIT,
  SERVICE,
  STEPS,
} from './random-layout.ts';
import { EAX, ECX, EDI, EDX, ESI } from './random-pieces.ts';

export abstract class Outside extends Flow {
  protected string(): Item[] {
    const { random, coder } = this;
    if (this.usesCounter) return this.plain();
    const opcode = random.pick([0xa4, 0xa6, 0xaa, 0xac, 0xae]) + random.below(2);
    const repeat = random.pick([[], [0xf3], [0xf3], [0xf2]]);
    const wide = coder.chance(20) ? [0x66] : [];
    const direction = coder.chance(25);
    const isPort = coder.chance(5);
    const port = [this.load(EDX, LOG_PORT), this.bytes(...repeat, 0x6c + random.below(4))];
    const step = isPort ? port : [this.bytes(...repeat, ...wide, opcode)];
    const place = (): number => {
      if (this.isReal) return random.below(0x6000) + 0x1000;
      // Into the page of the device, or out of it.
      if (coder.chance(5)) return MMIO - 8 + random.below(16);
      return this.pointer(random.below(0x5000));
    };
    const again = coder.options.pointers.map(r => this.load(r, this.pointer(random.below(0x5000))));
    return [
      this.load(ESI, place()),
      this.load(EDI, place()),
      this.load(ECX, random.below(isPort ? 6 : 48)),
      this.bytes(direction ? 0xfd : 0xfc),
      ...step,
      this.bytes(0xfc),
      ...(this.isReal ? [] : again),
    ];
  }

  /** An immediate, an opcode or a condition of code near by changes. */
  protected patch(): Item[] {
    const { random, coder } = this;
    const target = this.label();
    const r = this.free();
    const s = this.free();
    const kind = random.below(5);
    const size = this.wordSize;
    const far = coder.chance(40) ? this.plain() : [];
    const immediate = this.bytes(0x81, 0xc0 | r, ...little(coder.value(), size));
    const victim: Item[] = [{ label: target }, immediate];
    if (kind === 0) return [this.atCode([0x89], s, target, { plus: 2 }), ...far, ...victim];
    if (kind === 1) return [...victim, ...far, this.atCode([0x01], s, target, { plus: 2 })];
    if (kind === 2) {
      // ADD and SUB by turns.
      const flip = this.atCode([0x80], 6, target, { plus: 1, immediate: [0x28] });
      return coder.chance(50) ? [flip, ...far, ...victim] : [...victim, ...far, flip];
    }
    if (kind === 3) {
      const over = this.label();
      const body = this.plain();
      const isShort = sizeOf(body) < 100;
      const cc = random.below(16);
      const jump = isShort ? this.short(over, 0x70 | cc) : this.to(over, [0x0f, 0x80 | cc]);
      const flip = this.atCode([0x80], 6, target, { plus: isShort ? 0 : 1, immediate: [1] });
      return [flip, ...this.one(), { label: target }, jump, ...body, { label: over }];
    }
    // Data among the code, near or a few lines away.
    const [data, over] = [this.label(), this.label()];
    const gap = Array.from({ length: random.pick([0, 0, 70, 200]) }, () => this.bytes(0x90));
    return [
      this.to(over, [0xe9]),
      ...gap,
      { label: data },
      this.bytes(...little(random.word(), 4)),
      ...gap,
      { label: over },
      ...this.plain(),
      this.atCode([0x01], s, data),
    ];
  }

  /** Where the next page begins, or a few bytes before. */
  protected straddle(): Item[] {
    if (this.loops > 0 || this.depth > 1) return this.plain();
    const over = this.label();
    const pad = 0x1000 - 1 - this.random.below(12);
    return [this.to(over, [0xe9]), { pad }, { label: over }, ...this.plain(), ...this.plain()];
  }

  protected outside(): Item[] {
    const { random, coder } = this;
    const r = this.free();
    switch (random.below(this.usesCounter ? 4 : 14)) {
      case 0:
        return [this.bytes(random.pick([0xe4, 0xe5, 0xe6, 0xe7]), LOG_PORT + random.below(2))];
      case 1:
        return [this.device([0x8b], r, random.pick([RAISES_INTR, RAISES_INTR, REQUESTS_EXIT]))];
      case 2:
        return [this.device([random.pick([0x89, 0x01, 0x33, 0x87])], r, 4 * random.below(64))];
      case 3:
        return coder.chance(50)
          ? [this.bytes(0xfa), ...this.plain(), this.bytes(0xfb)]
          : this.dma();
      case 4:
        return [this.load(EDX, LOG_PORT), this.bytes(0xec + random.below(4))];
      case 5:
        // CPUID takes EBX, which may be a pointer.
        return [this.bytes(0x53), this.bytes(0x0f, 0xa2), this.bytes(0x5b)];
      case 6:
        return [this.bytes(0x0f, 0x31)];
      case 7:
        return [this.bytes(random.pick([0xcc, 0xce, 0xce, 0xf5]))];
      case 8:
        return this.singleSteps();
      case 9:
        return this.system();
      default:
        return this.service();
    }
  }

  /** What only ring 0 may do, others by a fault: translations dropped, breakpoints on data. */
  protected system(): Item[] {
    const { random, isReal } = this;
    const r = this.free();
    switch (random.below(isReal ? 3 : 6)) {
      case 0:
        return [this.load(r, random.pick([0x303, 0xd0303, 0])), this.bytes(0x0f, 0x23, 0xf8 | r)];
      case 1:
        // DR0 and DR7 of this place: writes, or any accesses of four bytes.
        return [
          ...this.dword(r, this.watched()),
          this.bytes(0x0f, 0x23, 0xc0 | r),
          ...this.dword(r, random.pick([0xd0303, 0xf0303])),
          this.bytes(0x0f, 0x23, 0xf8 | r),
          ...this.plain(),
          ...this.plain(),
          ...this.dword(r, 0),
          this.bytes(0x0f, 0x23, 0xf8 | r),
        ];
      case 2:
        return [this.bytes(0xfb), this.bytes(0xf4), ...this.plain()];
      case 3:
        return [this.bytes(0x0f, 0x20, 0xd8 | r), this.bytes(0x0f, 0x22, 0xd8 | r)];
      case 4:
        return [this.bytes(0x0f, 0x01, 0x3d, ...little(this.pointer(random.below(0x5000)), 4))];
      default:
        // ES and DS once more, through the stack.
        return [
          this.bytes(0x06),
          this.bytes(0x1f),
          this.bytes(0x8c, 0xc0 | r),
          this.bytes(0x8e, 0xc0 | r),
        ];
    }
  }

  private watched(): number {
    return this.pointer(this.random.below(0x1000)) & ~3;
  }

  private dword(register: number, value: number): Item[] {
    return [this.bytes(...(this.isReal ? [0x66] : []), 0xb8 | register, ...little(value, 4))];
  }

  /** Code by another linear address of its page. */
  protected farCall(): Item[] {
    const { callee } = this;
    if (callee === undefined || !this.coder.options.isPaged) return this.plain();
    return [this.to(callee, [0xe8], { plus: FAR_CODE - CODE })];
  }

  /** x87, MMX and SSE2 among the others: what a translator leaves to functions. */
  protected wide(): Item[] {
    const { random, coder } = this;
    if (this.isReal) return this.plain();
    const at = (opcode: readonly number[], field: number): Instruction[] => {
      const { before, prefixes, modrm } = coder.place(false);
      const all = [...prefixes, ...opcode, modrm[0] | (field << 3), ...modrm.slice(1)];
      return [...before, this.bytes(...all)];
    };
    const [x, y] = [random.below(8), random.below(8)];
    return random.pick([
      () => [
        this.bytes(0xdb, 0xe3),
        ...at([0xdb], 0),
        ...at([0xd8], random.below(8)),
        ...at([0xdb], 3),
      ],
      () => [
        ...at([0x0f, 0x6e], x),
        this.bytes(0x0f, 0xfe, 0xc0 | (x << 3) | y),
        ...at([0x0f, 0x7e], x),
      ],
      () => [
        ...at([0x0f, 0x10], x),
        this.bytes(0x0f, 0x57, 0xc0 | (x << 3) | y),
        ...at([0x0f, 0x11], y),
      ],
      () => [this.bytes(0x9b, 0xdf, 0xe0), this.bytes(0xdb, 0xf0 | y), this.bytes(0xda, 0xc0 | x)],
    ])();
  }

  protected device(opcode: readonly number[], field: number, offset: number): Instruction {
    return this.at(opcode, field, MMIO + offset);
  }

  /** The device writes into an instruction that runs next. */
  protected dma(): Item[] {
    if (this.isReal) return this.plain();
    const target = this.label();
    const [r, s] = [this.free(), this.free()];
    return [
      this.to(target, [0xb8 | r], { absolute: true }),
      this.bytes(0x83, 0xc0 | r, 2),
      this.device([0x89], r, DMA_ADDRESS),
      this.device([0x89], s, DMA_DATA),
      { label: target },
      this.bytes(0x81, 0xc0 | r, ...little(this.coder.value(), 4)),
    ];
  }

  protected singleSteps(): Item[] {
    const set = this.at([0xc7], 0, STEPS, ...little(1 + this.random.below(12), this.wordSize));
    const bit = this.isReal
      ? [this.bytes(0x58), this.bytes(0x0d, 0x00, 0x01), this.bytes(0x50)]
      : [this.bytes(0x81, 0x0c, 0x24, 0x00, 0x01, 0x00, 0x00)];
    return [set, this.bytes(0x9c), ...bit, this.bytes(0x9d), ...this.plain()];
  }

  /** Another page is there from now on, or the same in another way. */
  protected service(): Item[] {
    const { random, coder } = this;
    if (!coder.options.isPaged) return [this.bytes(0xcd, SERVICE)];
    const isOverlay = coder.chance(40);
    const page = isOverlay ? OVERLAY >> 12 : random.pick([0x30, 0x31, 0x32, 0x33, 0x90, 0x91]);
    const change = (isOverlay ? 0x10 : random.below(8)) | (coder.chance(30) ? 8 : 0);
    const ask = [this.load(EAX, (change << 8) | page), this.bytes(0xcd, SERVICE)];
    const r = this.free();
    const call = [this.load(r, OVERLAY + 0x10 * random.below(2)), this.bytes(0xff, 0xd0 | r)];
    return isOverlay && !this.usesCounter ? [...ask, ...call] : ask;
  }
}
