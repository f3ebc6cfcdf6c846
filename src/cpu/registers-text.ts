/**
 * `info registers` and the register dumps of `-d`, as QEMU's 64-bit build shows a processor that is
 * not in long mode; and registers by name for monitor expressions.
 */

import {
  AF,
  ATTRIBUTES,
  BASE,
  CF,
  CPL,
  CR0,
  CR0_PE,
  CR2,
  CR3,
  CR4,
  CS,
  DESC_BIG,
  DESC_GRANULARITY,
  DESC_PRESENT,
  DESC_S,
  DF,
  DR0,
  EAX,
  EBP,
  EBX,
  ECX,
  EDI,
  EDX,
  EFER,
  ESI,
  ESP,
  GDTR_BASE,
  GDTR_LIMIT,
  HALTED,
  IDTR_BASE,
  IDTR_LIMIT,
  INTERRUPT_SHADOW,
  LIMIT,
  OF,
  PF,
  SELECTOR,
  SF,
  SMM,
  ZF,
} from './registers.ts';

export interface RegisterView {
  readonly s: Int32Array;
  readonly eip: number;
  /** Whole, with the lazy flags. */
  readonly eflags: number;
  readonly isA20Open: boolean;
}

const SEGMENT_NAMES = ['ES', 'CS', 'SS', 'DS', 'FS', 'GS', 'LDT', 'TR'];

const SYSTEM_TYPES = [
  'Reserved',
  'TSS16-avl',
  'LDT',
  'TSS16-busy',
  'CallGate16',
  'TaskGate',
  'IntGate16',
  'TrapGate16',
  'Reserved',
  'TSS32-avl',
  'Reserved',
  'TSS32-busy',
  'CallGate32',
  'Reserved',
  'IntGate32',
  'TrapGate32',
];

/** `info registers`, but for the lines of x87 and SSE, which follow from fpu/state.ts. */
export function registersText(view: RegisterView): string {
  return `${coreText(view)}${eferText(view)}`;
}

/** What `-d int` and `-d cpu` show: no FPU, but a line about the flags. */
export function registersLogText(view: RegisterView): string {
  const flags = hex(view.eflags & (OF | SF | ZF | AF | PF | CF), 8);
  return `${coreText(view)}CCS=${flags} CCD=00000000 CCO=EFLAGS  \n${eferText(view)}`;
}

function coreText(view: RegisterView): string {
  const { s } = view;
  const lines = [
    `EAX=${reg(s, EAX)} EBX=${reg(s, EBX)} ECX=${reg(s, ECX)} EDX=${reg(s, EDX)}`,
    `ESI=${reg(s, ESI)} EDI=${reg(s, EDI)} EBP=${reg(s, EBP)} ESP=${reg(s, ESP)}`,
    stateLine(view),
    ...SEGMENT_NAMES.map((name, n) => segmentLine(s, name, n)),
    `GDT=     ${reg(s, GDTR_BASE)} ${reg(s, GDTR_LIMIT)}`,
    `IDT=     ${reg(s, IDTR_BASE)} ${reg(s, IDTR_LIMIT)}`,
    `CR0=${reg(s, CR0)} CR2=${reg(s, CR2)} CR3=${reg(s, CR3)} CR4=${reg(s, CR4)}`,
    `${[0, 1, 2, 3].map(n => `DR${n}=${wide(s, DR0 + n)} `).join('')}`,
    `DR6=${wide(s, DR0 + 6)} DR7=${wide(s, DR0 + 7)}`,
  ];
  return `${lines.join('\n')}\n`;
}

function eferText(view: RegisterView): string {
  return `EFER=${wide(view.s, EFER)}\n`;
}

function stateLine(view: RegisterView): string {
  const { s, eflags } = view;
  const letters = [
    [DF, 'D'],
    [OF, 'O'],
    [SF, 'S'],
    [ZF, 'Z'],
    [AF, 'A'],
    [PF, 'P'],
    [CF, 'C'],
  ] as const;
  const shown = letters.map(([bit, letter]) => ((eflags & bit) !== 0 ? letter : '-')).join('');
  return (
    `EIP=${hex(view.eip, 8)} EFL=${hex(eflags, 8)} [${shown}] CPL=${s[CPL]}` +
    ` II=${s[INTERRUPT_SHADOW] & 1} A20=${view.isA20Open ? 1 : 0} SMM=${s[SMM] & 1}` +
    ` HLT=${s[HALTED] & 1}`
  );
}

/** The attribute word as it stands in the descriptor, with bits 19:16 of the limit. */
export function descriptorWord(s: Int32Array, n: number): number {
  const attributes = s[ATTRIBUTES + n];
  const limit = s[LIMIT + n] >>> 0;
  const raw = (attributes & DESC_GRANULARITY) !== 0 ? limit >>> 12 : limit;
  return attributes | (raw & 0xf0000);
}

function segmentLine(s: Int32Array, name: string, n: number): string {
  const word = descriptorWord(s, n);
  const start =
    `${name.padEnd(3)}=${hex(s[SELECTOR + n], 4)} ${reg(s, BASE + n)}` +
    ` ${reg(s, LIMIT + n)} ${hex(word & 0x00ffff00, 8)}`;
  if ((s[CR0] & CR0_PE) === 0 || (word & DESC_PRESENT) === 0) return start;
  return `${start} DPL=${(word >>> 13) & 3} ${typeText(word)}`;
}

function typeText(word: number): string {
  const bit = (n: number, letter: string) => ((word & (1 << n)) !== 0 ? letter : '-');
  const big = (word & DESC_BIG) !== 0;
  if ((word & DESC_S) === 0) return SYSTEM_TYPES[(word >>> 8) & 0xf];
  if ((word & (1 << 11)) !== 0) {
    return `${big ? 'CS32' : 'CS16'} [${bit(10, 'C')}${bit(9, 'R')}${bit(8, 'A')}]`;
  }
  return `${big ? 'DS  ' : 'DS16'} [${bit(10, 'E')}${bit(9, 'W')}${bit(8, 'A')}]`;
}

const GENERAL: { readonly [name: string]: number } = {
  eax: EAX,
  ecx: ECX,
  edx: EDX,
  ebx: EBX,
  esp: ESP,
  sp: ESP,
  ebp: EBP,
  fp: EBP,
  esi: ESI,
  edi: EDI,
};
const SEGMENT_INDEX: { readonly [name: string]: number } = {
  cs: CS,
  ds: 3,
  es: 0,
  ss: 2,
  fs: 4,
  gs: 5,
};

/** A register of monitor expressions (`$eip`, `$cs.base`); undefined when there is none. */
export function registerByName(view: RegisterView, name: string): bigint | undefined {
  const { s } = view;
  const unsigned = (value: number) => BigInt(value >>> 0);
  if (name in GENERAL) return unsigned(s[GENERAL[name]]);
  if (name === 'eip') return unsigned(view.eip);
  if (name === 'pc') return unsigned(s[BASE + CS] + view.eip);
  if (name === 'eflags') return unsigned(view.eflags);
  if (/^r([89]|1[0-5])$/.test(name)) return 0n;
  const [segment, part = ''] = name.split('.');
  if (!(segment in SEGMENT_INDEX)) return undefined;
  const n = SEGMENT_INDEX[segment];
  if (name === segment) return unsigned(s[SELECTOR + n]);
  if (part === 'base') return unsigned(s[BASE + n]);
  return part === 'limit' ? unsigned(s[LIMIT + n]) : undefined;
}

function reg(s: Int32Array, index: number): string {
  return hex(s[index], 8);
}

function wide(s: Int32Array, index: number): string {
  return hex(s[index], 16);
}

function hex(value: number, digits: number): string {
  return (value >>> 0).toString(16).padStart(digits, '0');
}
