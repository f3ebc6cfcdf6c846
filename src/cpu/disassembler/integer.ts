/**
 * Printing of the instructions that the table has: the row gives encoding and operands, this file
 * what AT&T syntax makes of them.
 */

import type { Entry } from '../opcode-map.ts';
import { hex, type Reader, register, segmentName, type Width } from './reader.ts';

const CONDITIONS = 'o no b ae e ne be a s ns p np l ge le g'.split(' ');
const SUFFIX: { readonly [width in Width]: string } = { 8: 'b', 16: 'w', 32: 'l' };

/** Operations whose mnemonic is not their name. */
const NAMES: { readonly [operation: string]: string } = {
  imul1: 'imul',
  imul2: 'imul',
  imul3: 'imul',
  jmpIndirect: 'jmp',
  callIndirect: 'call',
  retImmediate: 'ret',
  pushSegment: 'push',
  popSegment: 'pop',
  farJump: 'ljmp',
  farCall: 'lcall',
  farJumpMemory: 'ljmp',
  farCallMemory: 'lcall',
  farReturn: 'lret',
  movFromSegment: 'mov',
  movToSegment: 'mov',
  readControl: 'mov',
  writeControl: 'mov',
  readDebug: 'mov',
  writeDebug: 'mov',
  loadPointer0: 'les',
  loadPointer2: 'lss',
  loadPointer3: 'lds',
  loadPointer4: 'lfs',
  loadPointer5: 'lgs',
  int1: 'icebp',
  ud2: 'ud2a',
  wait: 'fwait',
};

/** Get a size suffix when an operand-size prefix makes them other than the code's default. */
const SUFFIXED_BY_PREFIX = new Set(
  `pusha popa pushf popf iret ret retImmediate leave enter farReturn farJump farCall call jmp
  pushSegment popSegment farJumpMemory farCallMemory jmpIndirect callIndirect`.split(/\s+/),
);
/** Always have one: tables differ by it. */
const SUFFIXED_ALWAYS = new Set(['sgdt', 'sidt', 'lgdt', 'lidt']);
/** Never have one, although their operand may be memory without a register beside it. */
const PLAIN = new Set(
  `invlpg clflush cmpxchg8b sldt str lldt ltr verr verw smsw lmsw jmpIndirect callIndirect
  farJumpMemory farCallMemory lea movFromSegment movToSegment`.split(/\s+/),
);
const STRINGS = new Set(['movs', 'cmps', 'stos', 'lods', 'scas', 'ins', 'outs']);
/** Operands stay in Intel's order. */
const UNREVERSED = new Set(['bound', 'writeControl', 'writeDebug']);
const PREFETCHES = ['prefetchnta', 'prefetcht0', 'prefetcht1', 'prefetcht2'];

export interface Printed {
  readonly mnemonic: string;
  readonly operands: string;
}

export interface Place {
  readonly reader: Reader;
  readonly opcode: number;
  /** Linear address of the instruction and of the segment's start. */
  readonly address: number;
}

/** Prints the instruction of `entry`; prefixes, opcode and ModRM have been read. */
export function printRow(entry: Entry, place: Place): Printed {
  const name = entry.row.operation.name;
  if (STRINGS.has(name)) return printString(name, entry, place.reader);
  const own = SPECIAL[name];
  if (own !== undefined) return own(entry, place);
  const operands = operandTexts(entry, place);
  if (!UNREVERSED.has(name)) operands.reverse();
  const mnemonic = baseName(name) + suffix(entry, place.reader);
  return { mnemonic, operands: operands.join(',') };
}

function baseName(name: string): string {
  const condition = /^(j|set|cmov)0?([0-9A-F])$/.exec(name);
  if (condition !== null) return condition[1] + CONDITIONS[Number.parseInt(condition[2], 16)];
  return NAMES[name] ?? name;
}

function suffix(entry: Entry, reader: Reader): string {
  const name = entry.row.operation.name;
  const prefixed = reader.has(0x66);
  if (SUFFIXED_ALWAYS.has(name)) return sized(reader);
  const toRegister = name.endsWith('Indirect') && !reader.isMemory;
  if (toRegister) return '';
  if (SUFFIXED_BY_PREFIX.has(name)) return prefixed ? sized(reader) : '';
  if (PLAIN.has(name)) return '';
  const first = entry.tokens[0];
  if (name === 'push' && first.from === 'I') return prefixed ? sized(reader) : '';
  const hasRegister = entry.tokens.some(t => 'GZSCD'.includes(t.from) || /AL|eAX|DX/.test(t.from));
  const memory = entry.tokens.find(t => t.from === 'E' || t.from === 'M');
  if (memory === undefined || hasRegister || !reader.isMemory) return '';
  if (/^set/.test(name)) return '';
  return memory.width === 'v' ? sized(reader) : SUFFIX[widthOf(memory.width, reader)];
}

/** The suffix of the operand size; a 66 prefix is accounted for then. */
function sized(reader: Reader): string {
  reader.shown.add(0x66);
  return SUFFIX[reader.operandSize];
}

function widthOf(letter: string, reader: Reader): Width {
  if (letter === 'b') return 8;
  if (letter === 'w') return 16;
  if (letter === 'd') return 32;
  reader.shown.add(0x66);
  return reader.operandSize;
}

function operandTexts(entry: Entry, place: Place): string[] {
  const texts: string[] = [];
  for (const token of entry.tokens) {
    const text = operandText(token, entry, place);
    if (text !== undefined) texts.push(text);
  }
  return texts;
}

type Token = Entry['tokens'][number];

function operandText(token: Token, entry: Entry, place: Place): string | undefined {
  const { reader, opcode } = place;
  switch (token.from) {
    case 'E':
    case 'R':
      if (reader.isMemory && token.from === 'E') return reader.memory();
      return register(reader.rm, widthOf(token.width, reader));
    case 'M':
      return reader.memory();
    case 'G':
      return register(reader.reg, widthOf(token.width, reader));
    case 'Z':
      return register(opcode & 7, widthOf(token.width, reader));
    case 'S':
      return segmentName(reader.reg);
    case 's':
      return segmentName(Number(token.text[1]));
    case 'C':
      return `%cr${reader.reg}`;
    case 'D':
      return `%db${reader.reg}`;
    case 'AL':
      return '%al';
    case 'CL':
      return '%cl';
    case 'DX':
      return '(%dx)';
    case 'eAX':
      return register(0, widthOf('v', reader));
    case 'O':
      return `${reader.segmentText()}${hex(reader.unsigned(reader.addressSize))}`;
    case 'I':
      return immediate(token, entry, reader);
    case 'J':
      return target(token.width, place);
    default:
      return undefined;
  }
}

function immediate(token: Token, entry: Entry, reader: Reader): string | undefined {
  const name = entry.row.operation.name;
  if (token.width === '0') return undefined;
  if (token.width === 's') {
    const value = reader.signed(8);
    const wide = widthOf('v', reader) === 32;
    return `$${hex(wide ? value : value & 0xffff)}`;
  }
  if (token.width === 'u' || token.width === 'b') return `$${hex(reader.unsigned(8))}`;
  if (token.width === 'w') return `$${hex(reader.unsigned(16))}`;
  if (name === 'push' && reader.has(0x66)) reader.shown.add(0x66);
  return `$${hex(reader.unsigned(widthOf('v', reader)))}`;
}

/**
 * Relative targets are shown as linear addresses. Those of 16 bits stay in their 64 KiB; with a
 * prefix in 32-bit code, in the first.
 */
function target(width: string, place: Place): string {
  const { reader, address } = place;
  const offset = reader.signed(width === 'b' ? 8 : reader.operandSize);
  if (width !== 'b') reader.shown.add(0x66);
  const end = address + reader.position;
  if (reader.operandSize === 32 || width === 'b') return hex(end + offset);
  const segment = reader.bits === 16 ? address & ~0xffff : 0;
  return hex((segment | ((end + offset) & 0xffff)) >>> 0);
}

function printString(name: string, entry: Entry, reader: Reader): Printed {
  const width = widthOf(entry.tokens[1].width, reader);
  const pointer = (n: number) => `(${register(n, reader.addressSize)})`;
  const source = () => reader.sourceSegment() + pointer(6);
  const destination = () => `%es:${pointer(7)}`;
  const accumulator = register(0, width);
  const operands: { readonly [name: string]: () => string } = {
    movs: () => `${source()},${destination()}`,
    cmps: () => `${destination()},${source()}`,
    stos: () => `${accumulator},${destination()}`,
    lods: () => `${source()},${accumulator}`,
    scas: () => `${destination()},${accumulator}`,
    ins: () => `(%dx),${destination()}`,
    outs: () => `${source()},(%dx)`,
  };
  const plain = name === 'stos' || name === 'lods' || name === 'scas';
  const compares = name === 'cmps' || name === 'scas';
  let repeat = '';
  if (reader.repeat !== 0) {
    reader.shown.add(reader.repeat);
    if (reader.repeat === 0xf2) repeat = 'repnz ';
    else repeat = compares ? 'repz ' : 'rep ';
  }
  const mnemonic = `${repeat}${name}${plain ? '' : SUFFIX[width]}`;
  return { mnemonic, operands: operands[name]() };
}

type Printer = (entry: Entry, place: Place) => Printed;

const extend: Printer = (entry, place) => {
  const { reader } = place;
  const from = widthOf(entry.tokens[1].width, reader);
  const to = widthOf('v', reader);
  const name = entry.row.operation.name === 'movzx' ? 'movz' : 'movs';
  const operands = operandTexts(entry, place).reverse().join(',');
  return { mnemonic: `${name}${SUFFIX[from]}${SUFFIX[to]}`, operands };
};

const port: Printer = (entry, { reader }) => {
  const data = register(0, widthOf(entry.tokens[1].width, reader));
  const at = entry.tokens[0].from === 'DX' ? '(%dx)' : `$${hex(reader.unsigned(8))}`;
  const isInput = entry.row.operation.name === 'in';
  return {
    mnemonic: isInput ? 'in' : 'out',
    operands: isInput ? `${at},${data}` : `${data},${at}`,
  };
};

const indirect: Printer = (entry, place) => {
  const mnemonic = baseName(entry.row.operation.name) + suffix(entry, place.reader);
  return { mnemonic, operands: `*${operandTexts(entry, place).join(',')}` };
};

const farDirect: Printer = (entry, place) => {
  const { reader } = place;
  const mnemonic = baseName(entry.row.operation.name) + suffix(entry, reader);
  const offset = hex(reader.unsigned(reader.operandSize));
  return { mnemonic, operands: `$${hex(reader.unsigned(16))},$${offset}` };
};

/** Their counter has the address size, which jcxz tells by name and the others by suffix. */
const loop: Printer = (entry, place) => {
  const { reader } = place;
  const base = entry.row.operation.name.replace(/(16|32)$/, '');
  const prefixed = reader.has(0x67);
  reader.shown.add(0x67);
  const ecx = reader.addressSize === 32 ? 'jecxz' : 'jcxz';
  const mnemonic = base === 'jcxz' ? ecx : base + (prefixed ? SUFFIX[reader.addressSize] : '');
  return { mnemonic, operands: operandTexts(entry, place).join(',') };
};

function named(name16: string, name32: string): Printer {
  return (_, { reader }) => {
    reader.shown.add(0x66);
    return { mnemonic: reader.operandSize === 16 ? name16 : name32, operands: '' };
  };
}

/** A CS or DS prefix is a hint: not taken, taken. */
const conditional: Printer = (entry, place) => {
  const { reader } = place;
  let hint = '';
  if (reader.has(0x2e)) hint = ',pn';
  else if (reader.has(0x3e)) hint = ',pt';
  reader.shown.add(0x2e).add(0x3e);
  const mnemonic = baseName(entry.row.operation.name) + hint;
  return { mnemonic, operands: operandTexts(entry, place).join(',') };
};

const SPECIAL: { readonly [operation: string]: Printer } = {
  movzx: extend,
  movsx: extend,
  in: port,
  out: port,
  jmpIndirect: indirect,
  callIndirect: indirect,
  farJumpMemory: indirect,
  farCallMemory: indirect,
  farJump: farDirect,
  farCall: farDirect,
  cbw: named('cbtw', 'cwtl'),
  cwd: named('cwtd', 'cltd'),
  enter: (entry, { reader }) => {
    const mnemonic = `enter${suffix(entry, reader)}`;
    const bytes = hex(reader.unsigned(16));
    return { mnemonic, operands: `$${bytes},$${hex(reader.unsigned(8))}` };
  },
  movToSegment: (_, { reader }) => {
    const source = reader.isMemory ? reader.memory() : register(reader.rm, widthOf('v', reader));
    return { mnemonic: 'mov', operands: `${source},${segmentName(reader.reg)}` };
  },
  xlat: (_, { reader }) => ({
    mnemonic: 'xlat',
    operands: `${reader.sourceSegment()}(${register(3, reader.addressSize)})`,
  }),
  xchg: (entry, place) => {
    const texts = operandTexts(entry, place);
    // The short form names the accumulator last in Intel's order.
    if (entry.tokens[0].from !== 'eAX') texts.reverse();
    return { mnemonic: 'xchg', operands: texts.join(',') };
  },
  nop: (entry, place) => {
    const { reader } = place;
    if (entry.tokens.length === 0) return plainNop(reader);
    if (place.opcode === 0x18 && reader.isMemory && reader.reg < 4) {
      return { mnemonic: PREFETCHES[reader.reg], operands: reader.memory() };
    }
    if (place.opcode === 0x0d && reader.isMemory) {
      const mnemonic = reader.reg === 1 ? 'prefetchw' : 'prefetch';
      return { mnemonic, operands: reader.memory() };
    }
    const suffixed = reader.isMemory ? sized(reader) : '';
    return { mnemonic: `nop${suffixed}`, operands: operandTexts(entry, place).join(',') };
  },
};
for (const code of '0123456789ABCDEF') Object.assign(SPECIAL, { [`j${code}`]: conditional });
for (const name of ['loop', 'loope', 'loopne', 'jcxz']) {
  Object.assign(SPECIAL, { [`${name}16`]: loop, [`${name}32`]: loop });
}

function plainNop(reader: Reader): Printed {
  if (reader.repeat === 0xf3) {
    reader.shown.add(0xf3);
    return { mnemonic: 'pause', operands: '' };
  }
  if (!reader.has(0x66)) return { mnemonic: 'nop', operands: '' };
  const accumulator = register(0, widthOf('v', reader));
  return { mnemonic: 'xchg', operands: `${accumulator},${accumulator}` };
}
