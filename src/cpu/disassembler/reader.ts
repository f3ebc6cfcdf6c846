/**
 * The bytes of one instruction as the printer takes them: prefixes, ModRM, displacement and
 * immediates, and the texts of operands in AT&T syntax.
 *
 * Source: Intel SDM volume 2, chapter 2 (instruction format); AT&T syntax as binutils prints it.
 */

export type Width = 8 | 16 | 32;

const REGISTERS: { readonly [width in Width]: readonly string[] } = {
  8: ['%al', '%cl', '%dl', '%bl', '%ah', '%ch', '%dh', '%bh'],
  16: ['%ax', '%cx', '%dx', '%bx', '%sp', '%bp', '%si', '%di'],
  32: ['%eax', '%ecx', '%edx', '%ebx', '%esp', '%ebp', '%esi', '%edi'],
};
const SEGMENTS = ['%es', '%cs', '%ss', '%ds', '%fs', '%gs'];
const BASES16 = ['%bx,%si', '%bx,%di', '%bp,%si', '%bp,%di', '%si', '%di', '%bp', '%bx'];
const SEGMENT_PREFIXES = [0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65];
/** More bytes than an instruction may have. */
const MAX_LENGTH = 15;

/** Thrown when an instruction is longer than any can be. */
export class TooLong extends Error {}

/** Thrown when an instruction has no operand of the kind that is given: memory, or a register. */
export class BadOperand extends Error {}

export function register(n: number, width: Width): string {
  return REGISTERS[width][n];
}

export function segmentName(n: number): string {
  return SEGMENTS[n] ?? '%?';
}

export function hex(value: number): string {
  return `0x${(value >>> 0).toString(16)}`;
}

export class Reader {
  position = 0;
  operandSize: 16 | 32;
  addressSize: 16 | 32;
  /** Prefix bytes in order; names of those that some text has shown. */
  readonly prefixes: number[] = [];
  readonly shown = new Set<number>();
  /** 0, F2 or F3. */
  repeat = 0;
  private segment = -1;
  modrm = -1;
  private memoryText = '';

  constructor(
    private readonly fetch: (offset: number) => number,
    /** Default size of the code segment. */
    readonly bits: 16 | 32,
  ) {
    this.operandSize = bits;
    this.addressSize = bits;
    this.readPrefixes();
  }

  private readPrefixes(): void {
    for (;;) {
      const byte = this.fetch(this.position);
      const other = this.bits === 16 ? 32 : 16;
      if (byte === 0x66) this.operandSize = other;
      else if (byte === 0x67) this.addressSize = other;
      else if (byte === 0xf2 || byte === 0xf3) this.repeat = byte;
      else if (SEGMENT_PREFIXES.includes(byte)) this.segment = SEGMENT_PREFIXES.indexOf(byte);
      else if (byte !== 0xf0) return;
      this.prefixes.push(byte);
      this.byte();
    }
  }

  /** Whether `prefix` stands before the opcode. */
  has(prefix: number): boolean {
    return this.prefixes.includes(prefix);
  }

  byte(): number {
    if (this.position >= MAX_LENGTH) throw new TooLong();
    return this.fetch(this.position++) & 0xff;
  }

  unsigned(width: Width): number {
    let value = 0;
    for (let shift = 0; shift < width; shift += 8) value |= this.byte() << shift;
    return value >>> 0;
  }

  signed(width: Width): number {
    const shift = 32 - width;
    return (this.unsigned(width) << shift) >> shift;
  }

  /** `registerOnly`: mod is not looked at, rm always names a register. */
  readModrm(registerOnly = false): void {
    this.modrm = this.byte() | (registerOnly ? 0xc0 : 0);
    if (this.isMemory)
      this.memoryText = this.addressSize === 16 ? this.memory16() : this.memory32();
  }

  get isMemory(): boolean {
    return this.modrm < 0xc0;
  }

  get reg(): number {
    return (this.modrm >> 3) & 7;
  }

  get rm(): number {
    return this.modrm & 7;
  }

  /** The memory operand with its segment, if one was given. */
  memory(): string {
    return this.segmentText() + this.memoryText;
  }

  /** `%fs:` when there is a segment prefix; it counts as shown. */
  segmentText(): string {
    if (this.segment === -1) return '';
    this.shown.add(SEGMENT_PREFIXES[this.segment]);
    return `${SEGMENTS[this.segment]}:`;
  }

  /** `%ds:` or the segment of a prefix: sources of string instructions always show it. */
  sourceSegment(): string {
    return this.segmentText() || '%ds:';
  }

  private memory16(): string {
    const mod = this.modrm >> 6;
    if (mod === 0 && this.rm === 6) return signedHex(this.signed(16));
    const base = BASES16[this.rm];
    if (mod === 0) return `(${base})`;
    return `${signedHex(this.signed(mod === 1 ? 8 : 16))}(${base})`;
  }

  private memory32(): string {
    const mod = this.modrm >> 6;
    if (this.rm === 4) return this.memorySib(mod);
    if (mod === 0 && this.rm === 5) return hex(this.unsigned(32));
    const base = REGISTERS[32][this.rm];
    if (mod === 0) return `(${base})`;
    return `${signedHex(this.signed(mod === 1 ? 8 : 32))}(${base})`;
  }

  private memorySib(mod: number): string {
    const sib = this.byte();
    const scale = sib >> 6;
    const index = (sib >> 3) & 7;
    const noBase = mod === 0 && (sib & 7) === 5;
    const base = noBase ? '' : REGISTERS[32][sib & 7];
    let inner = base;
    if (index !== 4) inner += `,${REGISTERS[32][index]}`;
    if (index !== 4 || scale !== 0) inner += `,${1 << scale}`;
    const place = inner === '' ? '' : `(${inner})`;
    // A bare address is shown as one, what is added to a register with its sign.
    if (noBase && index === 4) return `${hex(this.unsigned(32))}${place}`;
    if (noBase) return `${signedHex(this.signed(32))}${place}`;
    if (mod === 0) return place;
    return `${signedHex(this.signed(mod === 1 ? 8 : 32))}${place}`;
  }
}

function signedHex(value: number): string {
  return value < 0 ? `-${hex(-value)}` : hex(value);
}
