import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { beforeAll, expect, test } from 'vitest';
import { disassemble } from '../../src/cpu/disassemble.ts';
import { Random, seedOr } from '../support/random.ts';

const require = createRequire(import.meta.url);

interface IcedInstruction {
  readonly isInvalid: boolean;
  readonly length: number;
  cpuidFeatures(): Int32Array;
  free(): void;
}
interface IcedDecoder {
  decode(): IcedInstruction;
  free(): void;
}
interface Iced {
  readonly Decoder: new (bits: number, bytes: Uint8Array, options: number) => IcedDecoder;
  readonly CpuidFeature: { readonly [feature: string]: number | string };
}
interface Handle {
  setOption(option: number, value: number): number;
  disasm(
    bytes: Uint8Array,
    options: { readonly address: number; readonly count: number },
  ): readonly { readonly size: number; readonly mnemonic: string; readonly opStr: string }[];
}
interface CapstoneModule {
  loadCapstone(args: { readonly wasmBinary: Uint8Array }): Promise<void>;
  readonly Capstone: new (arch: number, mode: number) => Handle;
  readonly Const: { readonly [name: string]: number };
}

const iced = require('iced-x86') as Iced;
const { Capstone, Const, loadCapstone } = require('capstone-wasm') as CapstoneModule;
const handles = new Map<number, Handle>();

beforeAll(async () => {
  const file = require.resolve('capstone-wasm').replace(/index\.\w+$/, 'capstone.wasm');
  await loadCapstone({ wasmBinary: readFileSync(file) });
  for (const bits of [16, 32]) {
    const handle = new Capstone(Const['CS_ARCH_X86'], Const[`CS_MODE_${bits}`]);
    handle.setOption(Const['CS_OPT_SYNTAX'], Const['CS_OPT_SYNTAX_ATT']);
    handles.set(bits, handle);
  }
});

/** Instructions of processors up to SSE2: what guests here can have. */
const FEATURES = new Set(
  (
    'INTEL8086 INTEL186 INTEL286 INTEL386 INTEL486 INTEL8086_ONLY INTEL286_ONLY CMOV CPUID CX8 ' +
    'FPU FPU287 FPU387 FXSR MMX MSR MULTIBYTENOP PAUSE RDPMC SEP SSE SSE2 TSC CLFSH SMM'
  )
    .split(' ')
    .map(name => iced.CpuidFeature[name]),
);

const WIDTH = 16;

/** Undefined for what is no instruction of such a processor. */
function icedLength(bytes: Uint8Array, bits: number): number | undefined {
  const decoder = new iced.Decoder(bits, bytes, 0);
  const instruction = decoder.decode();
  const { isInvalid, length } = instruction;
  const isKnown = [...instruction.cpuidFeatures()].every(feature => FEATURES.has(feature));
  instruction.free();
  decoder.free();
  return isInvalid || !isKnown ? undefined : length;
}

function ours(bytes: Uint8Array, bits: 16 | 32): { text: string; length: number } {
  return disassemble(at => bytes[at] ?? 0, { address: 0x1000, bits });
}

function hex(bytes: Uint8Array, length: number): string {
  return [...bytes.subarray(0, length)].map(b => b.toString(16).padStart(2, '0')).join(' ');
}

const PREFIXES = [0x66, 0x67, 0xf2, 0xf3, 0x2e, 0x64, 0xf0];

/** Every opcode with every ModRM byte's worth of operands, some behind a prefix; then noise. */
function* samples(seed: number): Generator<Uint8Array> {
  const chance = new Random(seed);
  const noise = (from: number, bytes: Uint8Array): Uint8Array => {
    for (let i = from; i < WIDTH; i++) bytes[i] = chance.below(256);
    return bytes;
  };
  for (const map of [[], [0x0f]]) {
    for (let opcode = 0; opcode < 256; opcode++) {
      for (let modrm = 0; modrm < 256; modrm++) {
        const head = [...map, opcode, modrm];
        if (chance.below(4) === 0) head.unshift(PREFIXES[chance.below(PREFIXES.length)]);
        const bytes = new Uint8Array(WIDTH);
        bytes.set(head);
        yield noise(head.length, bytes);
      }
    }
  }
}

/** A prefix that means nothing here is printed alone, as QEMU's disassembler does. */
const LONE_PREFIX = /^(data(16|32)|addr(16|32)|lock|repn?z|[cdefgs]s)\s*$/;

/** FWAIT is read as part of what follows; aliases have no names, UD0 and UD1 no operands. */
function isOddity(bytes: Uint8Array, text: string): boolean {
  const at = PREFIXES.includes(bytes[0]) ? 1 : 0;
  const opcode = bytes[at] === 0x0f ? 0x0f00 | bytes[at + 1] : bytes[at];
  if (opcode === 0x9b || opcode === 0x0fb9) return true;
  return /\(bad\) *$/.test(text) && [0xd6, 0xd9, 0xdd, 0xdf, 0x0fff].includes(opcode);
}

test.each([16, 32] as const)('lengths of %i-bit instructions, all opcodes', bits => {
  const seed = seedOr(11);
  const wrong = new Map<string, string>();
  let compared = 0;
  for (const bytes of samples(seed)) {
    const wanted = icedLength(bytes, bits);
    if (wanted === undefined) continue;
    const { text, length } = ours(bytes, bits);
    if (LONE_PREFIX.test(text) || isOddity(bytes, text)) continue;
    compared++;
    if (length !== wanted) wrong.set(hex(bytes, 2), `${hex(bytes, wanted)}: ${wanted}, ${text}`);
  }
  expect([...wrong.values()].slice(0, 40)).toEqual([]);
  expect(compared).toBeGreaterThan(60_000);
});

/** Undefined where it knows no instruction. */
function capstoneOf(bytes: Uint8Array, bits: number): ReturnType<Handle['disasm']>[0] | undefined {
  try {
    return handles.get(bits)?.disasm(bytes, { address: 0x1000, count: 1 })[0];
  } catch {
    return undefined;
  }
}

test.each([16, 32] as const)('texts of %i-bit instructions, as capstone has them', bits => {
  const seed = seedOr(12);
  const wrong = new Map<string, string>();
  let compared = 0;
  for (const bytes of samples(seed)) {
    const wanted = icedLength(bytes, bits);
    if (wanted === undefined || isTheirMistake(bytes)) continue;
    const found = capstoneOf(bytes, bits);
    const { text, length } = ours(bytes, bits);
    if (found?.size !== wanted || length !== wanted) continue;
    if (LONE_PREFIX.test(text) || isOddity(bytes, text)) continue;
    const theirs = plain(`${found.mnemonic} ${found.opStr}`);
    compared++;
    if (!alike(theirs, plain(text))) {
      wrong.set(found.mnemonic, `${hex(bytes, wanted)}: ${theirs} / ${plain(text)}`);
    }
  }
  expect([...wrong.values()].slice(0, 80)).toEqual([]);
  expect(compared).toBeGreaterThan(50_000);
});

/** One spelling for what the two write differently but mean alike. */
function plain(text: string): string {
  return text
    .trim()
    .replace(/^((lock|rep|repn?[ez]|bnd|xacquire|xrelease|data(16|32)|addr(16|32)) )+/, '')
    .replace(/\s+/g, ' ')
    .replace(/, /g, ',')
    .replace(/,p[nt]\b/, '')
    .replace(/,[1248]\)/g, ')')
    .replace(/%db(\d)/g, '%dr$1')
    .replace(/-?\b(0x[0-9a-f]+|\d+)\b(?!\))/g, number => {
      const value = number.startsWith('-') ? -BigInt(number.slice(1)) : BigInt(number);
      return `#${BigInt.asUintN(16, value)}`;
    })
    .replace(/#0\(|%ds:(?=\()|tbyte ptr /g, match => (match === '#0(' ? '(' : ''))
    .replace('(%dx)', '%dx')
    .replace('%st(0)', '%st')
    .replace('()', '')
    .replace(/^((?:ro|rc|sh|sa)\w+ )\$#1,/, '$1')
    .replace(/^(ljmp\w* |lcall\w* )(\S+):/, '$1$2,')
    .replace(/^xlat .*/, 'xlatb')
    .replace(/^sal/, 'shl');
}

/** Sizes are left out here or there. */
function alike(theirs: string, text: string): boolean {
  const [name, ...operands] = theirs.split(' ');
  const [ourName, ...ourOperands] = text.split(' ');
  const bare = (word: string): string => (NAMES[word] ?? word).replace(/[bwlsq]$/, '');
  const isName = bare(name) === bare(ourName) || name === bare(ourName) || bare(name) === ourName;
  return isName && operands.join() === ourOperands.join();
}

const ALL_PREFIXES = [...PREFIXES, 0x26, 0x36, 0x3e, 0x65];

/**
 * Capstone takes 66 before MMX for no prefix, hints for MPX, the second operand of ENTER and the
 * byte of TEST for signed, that of LAR and LSL for as wide as the first, and CBW's kin for 32-bit
 * ones; it leaves out %st where there is a second register.
 */
function isTheirMistake(bytes: Uint8Array): boolean {
  const at = bytes.findIndex(byte => !ALL_PREFIXES.includes(byte));
  const [opcode, second] = bytes.subarray(at);
  if (opcode >= 0xd8 && opcode <= 0xdf) return second >= 0xc0;
  if (opcode !== 0x0f) return [0x90, 0x98, 0x99, 0x9b, 0xc8, 0xf6].includes(opcode);
  const isHint = second >= 0x18 && second < 0x20;
  return bytes.subarray(0, at).includes(0x66) || second === 2 || second === 3 || isHint;
}

/** Names of one and the same. */
const NAMES: { readonly [name: string]: string } = {
  ud2: 'ud2a',
  int1: 'icebp',
  wait: 'fwait',
};
