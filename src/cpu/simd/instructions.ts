/**
 * Every MMX and SSE to SSSE3 instruction: its encoding, the feature it needs, and its entries. The
 * rows of ops/simd.ts are made from this list; the index in the list is how they call.
 *
 * Source: Intel SDM volume 2, appendix A; encodings in the notation of table.ts.
 */

import { TEMP3 } from '../fpu/state.ts';
import type { Feature } from '../models.ts';
import * as convert from './convert.ts';
import * as float from './float.ts';
import {
  byCount,
  type Entries,
  type FloatShape,
  float as floating,
  floatSelect,
  mmx,
  mmxSelect,
  mmxShift,
  scalarDouble,
  sse,
  sseSelect,
  sseShift,
} from './forms.ts';
import * as lanes from './lanes.ts';
import * as mixed from './mixed.ts';
import * as moves from './moves.ts';
import type { Elements, Operator } from './quick.ts';

export interface Instruction {
  readonly encoding: string;
  readonly feature: Feature;
  readonly entries: Entries;
  readonly immediate: boolean;
}

export const instructions: Instruction[] = [];

function add(encoding: string, feature: Feature, entries: Entries, immediate = false): void {
  instructions.push({ encoding, feature, entries, immediate });
}

const hex = (n: number): string => n.toString(16).toUpperCase().padStart(2, '0');

/** Opcodes behind 0F that exist on MMX and XMM registers alike: [opcode, operation]. */
const MMX_SINCE_MMX: readonly (readonly [number, lanes.Lanes])[] = [
  [0x63, lanes.packsswb],
  [0x64, lanes.pcmpgtb],
  [0x65, lanes.pcmpgtw],
  [0x66, lanes.pcmpgtd],
  [0x67, lanes.packuswb],
  [0x68, lanes.punpckhbw],
  [0x69, lanes.punpckhwd],
  [0x6a, lanes.punpckhdq],
  [0x6b, lanes.packssdw],
  [0x74, lanes.pcmpeqb],
  [0x75, lanes.pcmpeqw],
  [0x76, lanes.pcmpeqd],
  [0xd1, byCount(lanes.psrlw)],
  [0xd2, byCount(lanes.psrld)],
  [0xd3, byCount(lanes.psrlq)],
  [0xd5, lanes.pmullw],
  [0xd8, lanes.psubusb],
  [0xd9, lanes.psubusw],
  [0xdb, lanes.pand],
  [0xdc, lanes.paddusb],
  [0xdd, lanes.paddusw],
  [0xdf, lanes.pandn],
  [0xe1, byCount(lanes.psraw)],
  [0xe2, byCount(lanes.psrad)],
  [0xe5, lanes.pmulhw],
  [0xe8, lanes.psubsb],
  [0xe9, lanes.psubsw],
  [0xeb, lanes.por],
  [0xec, lanes.paddsb],
  [0xed, lanes.paddsw],
  [0xef, lanes.pxor],
  [0xf1, byCount(lanes.psllw)],
  [0xf2, byCount(lanes.pslld)],
  [0xf3, byCount(lanes.psllq)],
  [0xf5, lanes.pmaddwd],
  [0xf8, lanes.psubb],
  [0xf9, lanes.psubw],
  [0xfa, lanes.psubd],
  [0xfc, lanes.paddb],
  [0xfd, lanes.paddw],
  [0xfe, lanes.paddd],
];
const MMX_SINCE_SSE: readonly (readonly [number, lanes.Lanes])[] = [
  [0xda, lanes.pminub],
  [0xde, lanes.pmaxub],
  [0xe0, lanes.pavgb],
  [0xe3, lanes.pavgw],
  [0xe4, lanes.pmulhuw],
  [0xea, lanes.pminsw],
  [0xee, lanes.pmaxsw],
  [0xf6, lanes.psadbw],
];
const MMX_SINCE_SSE2: readonly (readonly [number, lanes.Lanes])[] = [
  [0xd4, lanes.paddq],
  [0xf4, lanes.pmuludq],
  [0xfb, lanes.psubq],
];
/** Behind 0F 38. */
const SSSE3: readonly (readonly [number, lanes.Lanes])[] = [
  [0x00, lanes.pshufb],
  [0x01, lanes.phaddw],
  [0x02, lanes.phaddd],
  [0x03, lanes.phaddsw],
  [0x04, lanes.pmaddubsw],
  [0x05, lanes.phsubw],
  [0x06, lanes.phsubd],
  [0x07, lanes.phsubsw],
  [0x08, lanes.psignb],
  [0x09, lanes.psignw],
  [0x0a, lanes.psignd],
  [0x0b, lanes.pmulhrsw],
  [0x1c, lanes.pabsb],
  [0x1d, lanes.pabsw],
  [0x1e, lanes.pabsd],
];

function both(opcode: string, feature: Feature, f: lanes.Lanes): void {
  add(`NP ${opcode} /r`, feature, mmx(f));
  add(`66 ${opcode} /r`, feature === 'ssse3' ? 'ssse3' : 'sse2', sse(f));
}

function integers(): void {
  for (const [opcode, f] of MMX_SINCE_MMX) both(`0F ${hex(opcode)}`, 'mmx', f);
  for (const [opcode, f] of MMX_SINCE_SSE) both(`0F ${hex(opcode)}`, 'sse', f);
  for (const [opcode, f] of MMX_SINCE_SSE2) both(`0F ${hex(opcode)}`, 'sse2', f);
  for (const [opcode, f] of SSSE3) both(`0F 38 ${hex(opcode)}`, 'ssse3', f);
  const low = [lanes.punpcklbw, lanes.punpcklwd, lanes.punpckldq];
  low.forEach((f, i) => {
    add(`NP 0F 6${i} /r`, 'mmx', mmx(f, 4));
    add(`66 0F 6${i} /r`, 'sse2', sse(f));
  });
  add('66 0F 6C /r', 'sse2', sse(lanes.punpcklqdq));
  add('66 0F 6D /r', 'sse2', sse(lanes.punpckhqdq));
}

function shifts(): void {
  const list: readonly (readonly [number, number, lanes.Shift])[] = [
    [0x71, 2, lanes.psrlw],
    [0x71, 4, lanes.psraw],
    [0x71, 6, lanes.psllw],
    [0x72, 2, lanes.psrld],
    [0x72, 4, lanes.psrad],
    [0x72, 6, lanes.pslld],
    [0x73, 2, lanes.psrlq],
    [0x73, 6, lanes.psllq],
  ];
  for (const [opcode, group, f] of list) {
    add(`NP 0F ${hex(opcode)} /${group} mod3`, 'mmx', mmxShift(f), true);
    add(`66 0F ${hex(opcode)} /${group} mod3`, 'sse2', sseShift(f), true);
  }
  add('66 0F 73 /3 mod3', 'sse2', sseShift(lanes.psrldq), true);
  add('66 0F 73 /7 mod3', 'sse2', sseShift(lanes.pslldq), true);
}

function shuffles(): void {
  add('NP 0F 70 /r', 'sse', mmxSelect(lanes.pshufw), true);
  add('66 0F 70 /r', 'sse2', sseSelect(lanes.pshufd), true);
  add('F2 0F 70 /r', 'sse2', sseSelect(lanes.pshuflw), true);
  add('F3 0F 70 /r', 'sse2', sseSelect(lanes.pshufhw), true);
  add('NP 0F C6 /r', 'sse', sseSelect(lanes.shufps), true);
  add('66 0F C6 /r', 'sse2', sseSelect(lanes.shufpd), true);
  add('NP 0F 3A 0F /r', 'ssse3', mmxSelect(lanes.palignr), true);
  add('66 0F 3A 0F /r', 'ssse3', sseSelect(lanes.palignr), true);
  add('NP 0F C4 /r', 'sse', moves.insertWord(true), true);
  add('66 0F C4 /r', 'sse2', moves.insertWord(false), true);
  add('NP 0F C5 /r', 'sse', moves.extractWord(true), true);
  add('66 0F C5 /r', 'sse2', moves.extractWord(false), true);
}

/** The register form of that encoding is something else, or nothing. */
function onlyMemory({ memory, quick }: Entries): Entries {
  return { memory, quick };
}

function plainMoves(): void {
  for (const [prefix, feature] of [
    ['NP', 'sse'],
    ['66', 'sse2'],
  ] as const) {
    add(`${prefix} 0F 10 /r`, feature, moves.load(false));
    add(`${prefix} 0F 11 /r`, feature, moves.store(false));
    add(`${prefix} 0F 28 /r`, feature, moves.load(true));
    add(`${prefix} 0F 29 /r`, feature, moves.store(true));
    add(`${prefix} 0F 2B /r`, feature, onlyMemory(moves.store(true)));
    add(`${prefix} 0F 13 /r`, feature, moves.storeHalf(0));
    add(`${prefix} 0F 17 /r`, feature, moves.storeHalf(2));
    const size = prefix === 'NP' ? lanes.punpckldq : lanes.punpcklqdq;
    const high = prefix === 'NP' ? lanes.punpckhdq : lanes.punpckhqdq;
    add(`${prefix} 0F 14 /r`, feature, sse(size));
    add(`${prefix} 0F 15 /r`, feature, sse(high));
    add(`${prefix} 0F 54 /r`, feature, sse(lanes.pand));
    add(`${prefix} 0F 55 /r`, feature, sse(lanes.pandn));
    add(`${prefix} 0F 56 /r`, feature, sse(lanes.por));
    add(`${prefix} 0F 57 /r`, feature, sse(lanes.pxor));
    add(`${prefix} 0F 50 /r`, feature, moves.signMask(false, prefix === 'NP' ? 4 : 8));
  }
  add('NP 0F 12 /r', 'sse', moves.loadHalf(0, 2));
  add('NP 0F 16 /r', 'sse', moves.loadHalf(2, 0));
  add('66 0F 12 /r', 'sse2', onlyMemory(moves.loadHalf(0, 2)));
  add('66 0F 16 /r', 'sse2', onlyMemory(moves.loadHalf(2, 0)));
  add('F3 0F 10 /r', 'sse', moves.loadScalar(1));
  add('F3 0F 11 /r', 'sse', moves.storeScalar(1));
  add('F2 0F 10 /r', 'sse2', moves.loadScalar(2));
  add('F2 0F 11 /r', 'sse2', moves.storeScalar(2));
  add('66 0F 6F /r', 'sse2', moves.load(true));
  add('F3 0F 6F /r', 'sse2', moves.load(false));
  add('66 0F 7F /r', 'sse2', moves.store(true));
  add('F3 0F 7F /r', 'sse2', moves.store(false));
  add('66 0F E7 /r', 'sse2', onlyMemory(moves.store(true)));
  add('F2 0F F0 /r', 'sse3', onlyMemory(moves.load(false)));
  add('F3 0F 7E /r', 'sse2', moves.movqLoad);
  add('66 0F D6 /r', 'sse2', moves.movqStore);
  add('66 0F 6E /r', 'sse2', moves.movdToXmm);
  add('66 0F 7E /r', 'sse2', moves.movdFromXmm);
}

function mmxMoves(): void {
  add('NP 0F 6E /r', 'mmx', moves.movdToMmx);
  add('NP 0F 7E /r', 'mmx', moves.movdFromMmx);
  add('NP 0F 6F /r', 'mmx', moves.movqToMmx);
  add('NP 0F 7F /r', 'mmx', moves.movqFromMmx);
  add('NP 0F E7 /r', 'sse', moves.movntq);
  add('NP 0F D7 /r', 'sse', moves.signMask(true, 1));
  add('66 0F D7 /r', 'sse2', moves.signMask(false, 1));
  add('F3 0F D6 /r', 'sse2', moves.movq2dq);
  add('F2 0F D6 /r', 'sse2', moves.movdq2q);
  add('NP 0F C3 /r', 'sse2', moves.movnti);
  add('NP 0F AE /2', 'sse', moves.ldmxcsr);
  add('NP 0F AE /3', 'sse', moves.stmxcsr);
}

/** ps, ss, pd, sd: prefix, feature, memory bytes and words of result. */
const KINDS: readonly (readonly [string, Feature, FloatShape])[] = [
  ['NP', 'sse', { bytes: 16, words: 4 }],
  ['F3', 'sse', { bytes: 4, words: 1 }],
  ['66', 'sse2', { bytes: 16, words: 4 }],
  ['F2', 'sse2', { bytes: 8, words: 2 }],
];

/** Scalar doubles of these are done in place. */
const OPERATORS: ReadonlyMap<number, Operator> = new Map([
  [float.ADD, '+'],
  [float.SUB, '-'],
  [float.MUL, '*'],
  [float.DIV, '/'],
]);

/** One arithmetic operation as the elements function of a kind. */
function elements(operation: number, isDouble: boolean, words: number): Elements {
  if (isDouble) {
    return (v, d, s) => {
      for (let i = 0; i < words; i += 2) float.double(v, operation, TEMP3 + i, d + i, s + i);
    };
  }
  return (v, d, s) => {
    for (let i = 0; i < words; i++) float.single(v, operation, TEMP3 + i, d + i, s + i);
  };
}

function arithmetic(): void {
  const { SQRT, ADD, MUL, SUB, MIN, DIV, MAX } = float;
  KINDS.forEach(([prefix, feature, shape], kind) => {
    const isDouble = kind >= 2;
    for (const operation of [SQRT, ADD, MUL, SUB, MIN, DIV, MAX]) {
      const scalar = kind === 3 ? OPERATORS.get(operation) : undefined;
      const f = elements(operation, isDouble, shape.words);
      const entries = scalar === undefined ? floating(f, shape) : scalarDouble(operation, scalar);
      add(`${prefix} 0F 5${hex(operation)[1]} /r`, feature, entries);
    }
    const compare = floatSelect((v, d, s, immediate) => {
      for (let i = 0; i < shape.words; i += isDouble ? 2 : 1) {
        const mask = isDouble
          ? float.compareDouble(v, immediate, d + i, s + i)
          : float.compareSingle(v, immediate, d + i, s + i);
        v.i32[TEMP3 + i] = mask;
        if (isDouble) v.i32[TEMP3 + i + 1] = mask;
      }
    }, shape);
    add(`${prefix} 0F C2 /r`, feature, compare, true);
  });
  const single = (quietly: boolean) =>
    mixed.intoFlags((v, d, s) => float.orderSingle(v, quietly, d, s), 4);
  const double = (quietly: boolean) =>
    mixed.intoFlags((v, d, s) => float.orderDouble(v, quietly, d, s), 8);
  add('NP 0F 2E /r', 'sse', single(true));
  add('NP 0F 2F /r', 'sse', single(false));
  add('66 0F 2E /r', 'sse2', double(true));
  add('66 0F 2F /r', 'sse2', double(false));
}

function approximations(): void {
  for (const [opcode, f] of [
    [0x52, convert.reciprocalRoot],
    [0x53, convert.reciprocal],
  ] as const) {
    for (const [prefix, feature, shape] of KINDS.slice(0, 2)) {
      const run: Elements = (v, _, s) => {
        for (let i = 0; i < shape.words; i++) v.i32[TEMP3 + i] = f(v.i32[s + i]);
      };
      add(`${prefix} 0F ${hex(opcode)} /r`, feature, floating(run, shape));
    }
  }
}

function conversions(): void {
  const toInts =
    (count: number, isDouble: boolean, truncates: boolean): Elements =>
    (v, _, s) => {
      for (let i = 0; i < count; i++) {
        v.i32[TEMP3 + i] = isDouble
          ? convert.doubleToInteger(v, s + 2 * i, truncates)
          : convert.singleToInteger(v, s + i, truncates);
      }
      for (let i = count; i < 4; i++) v.i32[TEMP3 + i] = 0;
    };
  const packed = { bytes: 16, words: 4 } as const;
  add('66 0F 5B /r', 'sse2', floating(toInts(4, false, false), packed));
  add('F3 0F 5B /r', 'sse2', floating(toInts(4, false, true), packed));
  add('F2 0F E6 /r', 'sse2', floating(toInts(2, true, false), packed));
  add('66 0F E6 /r', 'sse2', floating(toInts(2, true, true), packed));
  add('NP 0F 2D /r', 'sse', mixed.toMmx(toInts(2, false, false), 8));
  add('NP 0F 2C /r', 'sse', mixed.toMmx(toInts(2, false, true), 8));
  add('66 0F 2D /r', 'sse2', mixed.toMmx(toInts(2, true, false), 16));
  add('66 0F 2C /r', 'sse2', mixed.toMmx(toInts(2, true, true), 16));
  add('F3 0F 2D /r', 'sse', mixed.toGeneral(toInts(1, false, false), 4));
  add('F3 0F 2C /r', 'sse', mixed.toGeneral(toInts(1, false, true), 4));
  add('F2 0F 2D /r', 'sse2', mixed.toGeneral(toInts(1, true, false), 8));
  add('F2 0F 2C /r', 'sse2', mixed.toGeneral(toInts(1, true, true), 8));
  add('NP 0F 2A /r', 'sse', mixed.fromMmx(1));
  add('66 0F 2A /r', 'sse2', mixed.fromMmx(2));
  add('F3 0F 2A /r', 'sse', mixed.fromGeneral(1));
  add('F2 0F 2A /r', 'sse2', mixed.fromGeneral(2));
  betweenFormats();
}

function betweenFormats(): void {
  const packed = { bytes: 16, words: 4 } as const;
  const half = { bytes: 8, words: 4 } as const;
  const intsToSingles: Elements = (v, _, s) => {
    for (let i = 0; i < 4; i++) v.i32[TEMP3 + i] = convert.integerToSingle(v.i32[s + i]);
  };
  const intsToDoubles: Elements = (v, _, s) => {
    const second = v.i32[s + 1];
    convert.integerToDouble(v, TEMP3, v.i32[s]);
    convert.integerToDouble(v, TEMP3 + 2, second);
  };
  const singlesToDoubles: Elements = (v, _, s) => {
    convert.singleToDouble(v, TEMP3, s);
    convert.singleToDouble(v, TEMP3 + 2, s + 1);
  };
  const doublesToSingles: Elements = (v, _, s) => {
    v.i32[TEMP3] = convert.doubleToSingle(v, s);
    v.i32[TEMP3 + 1] = convert.doubleToSingle(v, s + 2);
    v.i32[TEMP3 + 2] = 0;
    v.i32[TEMP3 + 3] = 0;
  };
  add('NP 0F 5B /r', 'sse2', floating(intsToSingles, packed));
  add('F3 0F E6 /r', 'sse2', floating(intsToDoubles, half));
  add('NP 0F 5A /r', 'sse2', floating(singlesToDoubles, half));
  add('66 0F 5A /r', 'sse2', floating(doublesToSingles, packed));
  const widen: Elements = (v, _, s) => convert.singleToDouble(v, TEMP3, s);
  const narrow: Elements = (v, _, s) => {
    v.i32[TEMP3] = convert.doubleToSingle(v, s);
  };
  add('F3 0F 5A /r', 'sse2', floating(widen, { bytes: 4, words: 2 }));
  add('F2 0F 5A /r', 'sse2', floating(narrow, { bytes: 8, words: 1 }));
}

/** Horizontal and alternating operations and duplicating moves. */
function sse3(): void {
  const { ADD, SUB, single, double } = float;
  const packed = { bytes: 16, words: 4 } as const;
  const horizontal = (operation: number): [Elements, Elements] => [
    (v, d, s) => {
      double(v, operation, TEMP3, d, d + 2);
      double(v, operation, TEMP3 + 2, s, s + 2);
    },
    (v, d, s) => {
      for (let i = 0; i < 2; i++) {
        single(v, operation, TEMP3 + i, d + 2 * i, d + 2 * i + 1);
        single(v, operation, TEMP3 + 2 + i, s + 2 * i, s + 2 * i + 1);
      }
    },
  ];
  for (const [opcode, operation] of [
    ['7C', ADD],
    ['7D', SUB],
  ] as const) {
    const [doubles, singles] = horizontal(operation);
    add(`66 0F ${opcode} /r`, 'sse3', floating(doubles, packed));
    add(`F2 0F ${opcode} /r`, 'sse3', floating(singles, packed));
  }
  const alternateDoubles: Elements = (v, d, s) => {
    double(v, SUB, TEMP3, d, s);
    double(v, ADD, TEMP3 + 2, d + 2, s + 2);
  };
  const alternateSingles: Elements = (v, d, s) => {
    for (let i = 0; i < 4; i++) single(v, i % 2 === 0 ? SUB : ADD, TEMP3 + i, d + i, s + i);
  };
  add('66 0F D0 /r', 'sse3', floating(alternateDoubles, packed));
  add('F2 0F D0 /r', 'sse3', floating(alternateSingles, packed));
  const duplicate =
    (from: readonly number[]): Elements =>
    (v, _, s) => {
      for (let i = 0; i < 4; i++) v.i32[TEMP3 + i] = v.i32[s + from[i]];
    };
  add('F2 0F 12 /r', 'sse3', floating(duplicate([0, 1, 0, 1]), { bytes: 8, words: 4 }));
  add('F3 0F 12 /r', 'sse3', floating(duplicate([0, 0, 2, 2]), packed));
  add('F3 0F 16 /r', 'sse3', floating(duplicate([1, 1, 3, 3]), packed));
}

integers();
shifts();
shuffles();
plainMoves();
mmxMoves();
arithmetic();
approximations();
conversions();
sse3();
