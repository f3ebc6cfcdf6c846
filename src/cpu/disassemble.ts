/**
 * The disassembler behind `x/i` and `-d in_asm`: one instruction at a time, AT&T syntax, laid out
 * as binutils of 2007 did it, which is what QEMU carries.
 *
 * Integer instructions come from the table that the processor itself runs (table.ts), so that a row
 * added there is printed here; x87 and SIMD have their own lists of names. A prefix that the
 * instruction makes no use of is shown alone, as an instruction of one byte.
 */

import { type Printed, printRow } from './disassembler/integer.ts';
import { BadOperand, Reader, TooLong } from './disassembler/reader.ts';
import { hasModrm, ignoresMode, isSimd, printSimd } from './disassembler/simd.ts';
import { printX87 } from './disassembler/x87.ts';
import { type Entry, opcodeMaps } from './opcode-map.ts';

export interface Instruction {
  /** In bytes. */
  readonly length: number;
  readonly text: string;
}

export interface CodePlace {
  /** Linear address: what targets of jumps are relative to. */
  readonly address: number;
  /** Default size of the code segment. */
  readonly bits: 16 | 32;
}

export interface Listing {
  /** The byte at an address, or undefined when nothing is mapped there. */
  readonly read: (address: number) => number | undefined;
  readonly address: number;
  /** Instructions. */
  readonly count: number;
  readonly bits: 16 | 32;
  /** Where to stop before `count` is reached. */
  readonly end?: number;
}

/** The lines of `x/i`, without line ends; they stop where memory does. */
export function disassembleLines(listing: Listing): string[] {
  return disassemblePiece(listing).lines;
}

export interface Disassembled {
  readonly lines: string[];
  /** Where the next instruction starts, if there is one. */
  readonly next: number | undefined;
}

export function disassemblePiece(listing: Listing): Disassembled {
  const { read, count, bits, end = Number.POSITIVE_INFINITY } = listing;
  const lines: string[] = [];
  let address = listing.address;
  for (let i = 0; i < count && address < end; i++) {
    const digits = address.toString(16).padStart(16, '0');
    if (read(address) === undefined) {
      lines.push(`0x${digits}:  Cannot access memory`);
      return { lines, next: undefined };
    }
    const fetch = (offset: number) => read((address + offset) % 2 ** 32) ?? 0;
    const { text, length } = disassemble(fetch, { address, bits });
    lines.push(`0x${digits}:  ${text}`);
    address = (address + length) % 2 ** 32;
  }
  return { lines, next: address };
}

const PREFIX_NAMES: { readonly [byte: number]: string } = {
  38: 'es',
  46: 'cs',
  54: 'ss',
  62: 'ds',
  100: 'fs',
  101: 'gs',
  240: 'lock',
  242: 'repnz',
  243: 'repz',
};
const BAD = '(bad)  ';
const SALC = 0xd6;

/** Disassembles one instruction; `fetch` gives the byte at an offset from its start. */
export function disassemble(fetch: (offset: number) => number, place: CodePlace): Instruction {
  try {
    return attempt(fetch, place);
  } catch (error) {
    if (error instanceof TooLong) return { length: 1, text: BAD };
    throw error;
  }
}

function attempt(fetch: (offset: number) => number, place: CodePlace): Instruction {
  const start = fetch(0);
  const waits = start === 0x9b && isX87(fetch(1));
  const shifted = waits ? (offset: number) => fetch(offset + 1) : fetch;
  const reader = new Reader(shifted, place.bits);
  const skipped = waits ? 1 : 0;
  const at = { address: place.address + skipped, bits: place.bits };
  const { printed, end } = printOrNot(reader, at, waits);
  const front = visiblePrefixes(reader);
  if (front === undefined) return { length: 1, text: prefixName(start, place.bits) };
  const { mnemonic, operands } = printed ?? NOTHING;
  const text = `${(front + mnemonic).padEnd(6)} ${operands}`;
  return { length: skipped + (end ?? opcodeEnd(shifted, reader)), text };
}

/** Where an operand is of the wrong kind, only the first byte of the opcode is done with. */
function printOrNot(
  reader: Reader,
  place: CodePlace,
  waits: boolean,
): { readonly printed?: Printed; readonly end?: number } {
  try {
    const printed = print(reader, place, waits);
    return printed === undefined ? {} : { printed, end: reader.position };
  } catch (error) {
    if (error instanceof BadOperand) return { end: reader.prefixes.length + 1 };
    throw error;
  }
}

/** What is shown for opcodes that mean nothing: they alone, without ModRM. */
const NOTHING: Printed = { mnemonic: '(bad)', operands: '' };

/** Where the opcode ends; that of the coprocessor has a second byte. */
function opcodeEnd(fetch: (offset: number) => number, reader: Reader): number {
  const at = reader.prefixes.length;
  const opcode = fetch(at);
  if (isX87(opcode)) return at + 2;
  if (opcode !== 0x0f) return at + 1;
  return at + (isThreeByte(fetch(at + 1)) ? 3 : 2);
}

function isThreeByte(second: number): boolean {
  return second === 0x38 || second === 0x3a;
}

function isX87(opcode: number): boolean {
  return opcode >= 0xd8 && opcode <= 0xdf;
}

function prefixName(byte: number, bits: 16 | 32): string {
  const other = bits === 32 ? '16' : '32';
  if (byte === 0x66) return `data${other}`;
  return byte === 0x67 ? `addr${other}` : (PREFIX_NAMES[byte] ?? BAD);
}

/** What stands before the mnemonic; undefined when a prefix has no place anywhere. */
function visiblePrefixes(reader: Reader): string | undefined {
  let front = '';
  if (reader.repeat !== 0 && !reader.shown.has(reader.repeat)) {
    front += reader.repeat === 0xf3 ? 'repz ' : 'repnz ';
  }
  if (reader.has(0xf0)) front += 'lock ';
  if (reader.has(0x67) && !reader.shown.has(0x67)) front += `addr${reader.addressSize} `;
  const hidden = reader.prefixes.some(
    byte => !reader.shown.has(byte) && ![0xf0, 0xf2, 0xf3, 0x67].includes(byte),
  );
  return hidden ? undefined : front;
}

function print(reader: Reader, place: CodePlace, waits: boolean): Printed | undefined {
  let map = 0;
  let opcode = reader.byte();
  if (opcode === 0x0f) {
    map = 1;
    opcode = reader.byte();
    if (isThreeByte(opcode)) {
      map = opcode === 0x38 ? 2 : 3;
      opcode = reader.byte();
    }
  }
  if (map === 0 && isX87(opcode)) {
    reader.readModrm();
    return printX87(opcode, reader, waits);
  }
  // What the processor takes and manuals leave out.
  if (map === 0 && opcode === SALC) return undefined;
  if (map > 0 && isSimd(map, opcode)) {
    if (hasModrm(map, opcode)) reader.readModrm(ignoresMode(map, opcode));
    const simd = printSimd(map, opcode, reader);
    if (simd !== undefined || map > 1) return simd;
  }
  const entry = findEntry(map, opcode, reader);
  if (entry === undefined || isSimdRow(entry)) return undefined;
  return printRow(entry, { reader, opcode, address: place.address });
}

/** The row that ModRM and prefixes choose; reads ModRM when the opcode has one. */
function findEntry(map: number, opcode: number, reader: Reader): Entry | undefined {
  const entries = opcodeMaps[map][opcode];
  if (entries.some(e => e.hasModrm) && reader.modrm === -1) {
    reader.readModrm(entries.every(e => e.ignoresMode));
  }
  const found = entries.find(entry => fits(entry, reader));
  const other = reader.isMemory ? 'register' : 'memory';
  if (found === undefined && entries.some(e => e.mode === other && e.group === reader.reg)) {
    throw new BadOperand();
  }
  return found;
}

/** Printed by a list of its own. */
function isSimdRow({ row }: Entry): boolean {
  return row.operation.name.startsWith('simd ') || row.operation.name === 'monitor';
}

function fits(entry: Entry, reader: Reader): boolean {
  if (entry.group >= 0 && entry.group !== reader.reg) return false;
  if (entry.mode === 'memory' && !reader.isMemory) return false;
  if (entry.mode === 'register' && reader.isMemory) return false;
  if (entry.addressSize !== 0 && entry.addressSize !== reader.addressSize) return false;
  if (entry.prefix <= 0) return true;
  if (!reader.has(entry.prefix)) return false;
  reader.shown.add(entry.prefix);
  return true;
}
