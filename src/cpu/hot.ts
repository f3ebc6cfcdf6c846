/**
 * Which instances are cases of the run loops, by how often guests run them. The bytecode of a loop
 * must stay below what V8 optimizes (test/cpu/generated.test.ts measures it).
 */

const ALU = ['add', 'sub', 'and', 'or', 'xor'];

function forms(names: readonly string[], size: number, list: readonly string[]): string[] {
  return names.flatMap(name =>
    list.map(f => [name, size, ...[...f].map(letter => `${letter}${size}`)].join('.')),
  );
}

function conditions(codes: string): string[] {
  return [...codes];
}

/** Of 32-bit code with flat segments. */
export const HOT32: readonly string[] = [
  ...forms(['mov'], 32, ['rr', 'ri', 'rm', 'mr', 'mi']),
  ...forms(['mov'], 8, ['rr', 'ri', 'rm', 'mr', 'mi']),
  ...forms(ALU, 32, ['rr', 'ri', 'rm']),
  ...forms(['add', 'sub', 'or', 'and'], 32, ['mr', 'mi']),
  ...forms(['adc', 'sbb'], 32, ['rr', 'ri']),
  ...forms(['cmp'], 32, ['rr', 'ri', 'rm', 'mr', 'mi']),
  ...forms(['cmp'], 8, ['rr', 'ri', 'rm', 'mr', 'mi']),
  ...forms(['test'], 32, ['rr', 'ri', 'mi']),
  ...forms(['test'], 8, ['rr', 'ri', 'mi']),
  ...forms(['add', 'sub', 'and', 'or', 'xor'], 8, ['rr', 'ri']),
  ...forms(['xor'], 8, ['rm']),
  ...forms(['inc', 'dec'], 32, ['r', 'm']),
  ...forms(['neg', 'not'], 32, ['r']),
  ...['shl', 'shr', 'sar'].flatMap(name => [`${name}.32.r32.i8`, `${name}.32.r32.c8`]),
  ...forms(['imul2'], 32, ['rr', 'rm']),
  ...forms(['imul3'], 32, ['rri']),
  ...forms(['mov'], 16, ['rm', 'mr', 'mi']),
  ...forms(['cmp'], 16, ['rr', 'ri', 'mi']),
  'shr.16.r16.i8',
  'set02.8.r8',
  'set04.8.r8',
  'set05.8.r8',
  'cmov02.32.r32.r32',
  'cmov02.32.r32.m32',
  'cmov03.32.r32.r32',
  'cmov03.32.r32.m32',
  'sbb.32.r32.m32',
  'rol.32.r32.i8',
  'ror.32.r32.i8',
  'cmov04.32.r32.r32',
  'cmov05.32.r32.r32',
  ...forms(['and', 'or'], 8, ['mi']),
  'lea.32.r32.m32',
  'movzx.32.r32.r8',
  'movzx.32.r32.m8',
  'movzx.32.r32.r16',
  'movzx.32.r32.m16',
  'movsx.32.r32.r8',
  'movsx.32.r32.m8',
  'movsx.32.r32.m16',
  ...forms(['push'], 32, ['r', 'i', 'm']),
  'pop.32.r32',
  'leave.32',
  'cwd.32',
  ...forms(['xchg'], 32, ['rr']),
  'nop.32',
  ...['j4', 'j5', 'j2', 'j3', 'j6', 'j7', 'j8', 'j9', 'jC', 'jD', 'jE', 'jF'].map(
    n => `${n}.32.i32`,
  ),
  'jmp.32.i32',
  'call.32.i32',
  'ret.32',
  'jmpIndirect.32.r32',
  'jmpIndirect.32.m32',
  'callIndirect.32.r32',
  'callIndirect.32.m32',
];

/** Pairs that run as one: first instance, condition of the jump behind it. */
export const FUSED32: readonly (readonly [string, string])[] = [
  ...conditions('452367CDEF').map(cc => ['cmp.32.r32.r32', cc] as const),
  ...conditions('452367CDEF').map(cc => ['cmp.32.r32.i32', cc] as const),
  ...conditions('4523').map(cc => ['cmp.32.r32.m32', cc] as const),
  ...conditions('45').map(cc => ['cmp.32.m32.i32', cc] as const),
  ...conditions('452367').map(cc => ['cmp.8.r8.i8', cc] as const),
  ...conditions('45').map(cc => ['cmp.8.m8.i8', cc] as const),
  ...conditions('4589EF').map(cc => ['test.32.r32.r32', cc] as const),
  ...conditions('4589').map(cc => ['test.8.r8.r8', cc] as const),
  ...conditions('45').map(cc => ['test.8.r8.i8', cc] as const),
  ...conditions('45').map(cc => ['test.8.m8.i8', cc] as const),
  ...conditions('5').map(cc => ['dec.32.r32', cc] as const),
  ...conditions('45').map(cc => ['sub.32.r32.i32', cc] as const),
];

/** Of 16-bit code whose segments are at least 64 KiB: real mode, "unreal" mode, virtual-8086. */
export const HOT16: readonly string[] = [
  ...forms(['mov'], 16, ['rr', 'ri', 'rm', 'mr', 'mi']),
  ...forms(['mov'], 8, ['rr', 'ri', 'rm', 'mr', 'mi']),
  ...forms([...ALU, 'cmp'], 16, ['rr', 'ri', 'rm']),
  ...forms(['add', 'sub', 'cmp'], 16, ['mr', 'mi']),
  ...forms([...ALU, 'cmp'], 8, ['rr', 'ri']),
  ...forms(['cmp'], 8, ['rm', 'mr', 'mi']),
  ...forms(['adc'], 16, ['rr', 'ri']),
  ...forms(['test'], 16, ['rr', 'ri']),
  ...forms(['test'], 8, ['rr', 'ri', 'mi']),
  ...forms(['inc', 'dec'], 16, ['r', 'm']),
  'shl.16.r16.i8',
  'shr.16.r16.i8',
  'shl.16.r16.c8',
  'shr.16.r16.c8',
  ...forms(['push'], 16, ['r', 'i', 'm']),
  'pop.16.r16',
  'leave.16',
  ...forms(['xchg'], 16, ['rr']),
  ...forms(['mov', 'add', 'sub', 'cmp', 'and', 'or', 'xor'], 32, ['rr', 'ri']),
  'mov.32.r32.m32',
  'mov.32.m32.r32',
  'lea.16.r16.m16',
  'test.32.r32.r32',
  'shl.32.r32.i8',
  'shr.32.r32.i8',
  'inc.32.r32',
  'dec.32.r32',
  'movzx.16.r16.r8',
  'movzx.16.r16.m8',
  'movzx.32.r32.r16',
  'movzx.32.r32.r8',
  'nop.32',
  ...['j4', 'j5', 'j2', 'j3', 'j6', 'j7', 'j8', 'j9', 'jC', 'jD', 'jE', 'jF'].map(
    n => `${n}.16.i16`,
  ),
  'loop16.16.i16',
  'jmp.16.i16',
  'call.16.i16',
  'ret.16',
  'jmpIndirect.16.r16',
  'jmpIndirect.16.m16',
  // What compilers make for 16-bit segments is 32-bit code with prefixes.
  ...forms(['push'], 32, ['r', 'i']),
  'pop.32.r32',
  'leave.32',
  'neg.32.r32',
  'sar.32.r32.i8',
  'imul2.32.r32.r32',
  'test.32.r32.i32',
  'movsx.32.r32.r8',
  'movsx.32.r32.r16',
  'set04.8.r8',
  'set05.8.r8',
  ...['j4', 'j5', 'j2', 'j3', 'j6', 'j7', 'j8', 'j9', 'jC', 'jD', 'jE', 'jF'].map(
    n => `${n}.32.i32`,
  ),
  'jmp.32.i32',
  'call.32.i32',
  'ret.32',
  'jmpIndirect.32.r32',
  'callIndirect.32.r32',
];

/** Of 16-bit code, with memory operands whose addresses are 32 bits wide. */
export const WIDE16: readonly string[] = [
  ...forms(['mov'], 32, ['rm', 'mr', 'mi']),
  ...forms(['mov'], 16, ['rm', 'mr', 'mi']),
  ...forms(['mov'], 8, ['rm', 'mr', 'mi']),
  ...forms(['add', 'sub', 'or', 'cmp'], 32, ['rm']),
  ...forms(['add', 'cmp'], 32, ['mr', 'mi']),
  ...forms(['cmp'], 16, ['mi']),
  ...forms(['cmp'], 8, ['rm', 'mr', 'mi']),
  ...forms(['and', 'or', 'test'], 8, ['mi']),
  ...forms(['inc', 'dec'], 32, ['m']),
  ...forms(['and', 'or'], 32, ['mi']),
  'lea.32.r32.m32',
  'movzx.32.r32.m8',
  'movzx.32.r32.m16',
  'push.32.m32',
  'jmpIndirect.32.m32',
  'callIndirect.32.m32',
];

export const FUSED16: readonly (readonly [string, string])[] = [
  ...conditions('4523').map(cc => ['cmp.16.r16.r16', cc] as const),
  ...conditions('452367').map(cc => ['cmp.16.r16.i16', cc] as const),
  ...conditions('452367').map(cc => ['cmp.8.r8.i8', cc] as const),
  ...conditions('45').map(cc => ['test.16.r16.r16', cc] as const),
  ...conditions('45').map(cc => ['test.8.r8.r8', cc] as const),
  ...conditions('5').map(cc => ['dec.16.r16', cc] as const),
  ...conditions('452367').map(cc => ['cmp.32.r32.i32', cc] as const),
  ...conditions('4523').map(cc => ['cmp.32.r32.r32', cc] as const),
  ...conditions('45').map(cc => ['test.32.r32.r32', cc] as const),
];

/** Key of a fused pair in the maps below. */
export function fusedKey(first: string, cc: string): string {
  return `${first}+${cc}`;
}

/** Cases of a loop in their order: instances, fused pairs, instances with 32-bit addresses. */
export interface HotCases {
  readonly hot: readonly string[];
  readonly fused: readonly (readonly [string, string])[];
  readonly wide: readonly string[];
}

export const CASES32: HotCases = { hot: HOT32, fused: FUSED32, wide: [] };
/** The kind of a record that stands for a region of translated code: the case behind all others. */
export const REGION32 = HOT32.length + FUSED32.length;
export const CASES16: HotCases = { hot: HOT16, fused: FUSED16, wide: WIDE16 };

function number(keys: readonly string[], from = 0): ReadonlyMap<string, number> {
  const kinds = new Map(keys.map((key, i) => [key, from + i]));
  if (kinds.size !== keys.length) throw new Error('a hot instance is listed twice');
  return kinds;
}

function plainKeys(cases: HotCases): string[] {
  return [...cases.hot, ...cases.fused.map(([first, cc]) => fusedKey(first, cc))];
}

export const hot32Kinds = number(plainKeys(CASES32));
export const hot16Kinds = number(plainKeys(CASES16));
export const wide16Kinds = number(WIDE16, hot16Kinds.size);
