/**
 * Printing of MMX and SSE instructions, to SSE4.2 and AES, of 3DNow!, and of others that no
 * processor here has: what guests' files contain is listed all the same.
 *
 * Source: Intel SDM volume 2, appendix A (two- and three-byte opcode maps); AMD's manuals 21928
 * and 24593 (3DNow!, SVM). One line for each opcode: no prefix | 66 | F3 | F2. Operands: V XMM
 * register, W XMM register or memory, P MMX register, Q MMX register or memory, E general register
 * or memory, G general register, e and g the same of the operand's size, b byte register or memory,
 * R the register of rm, T test register, M memory, U XMM register only, N MMX register only, Z
 * XMM0, I immediate byte.
 */

import type { Printed } from './integer.ts';
import { BadOperand, hex, type Reader, register } from './reader.ts';

/** `name*` in a line: MMX form without prefix, XMM form with 66. */
const TWO_BYTE = `
01 
05 syscall
07 sysret
0e femms
0f 
10 movups V,W|movupd V,W|movss V,W|movsd V,W
11 movups W,V|movupd W,V|movss W,V|movsd W,V
12 movlps V,M;movhlps V,U|movlpd V,M|movsldup V,W|movddup V,W
13 movlps M,V|movlpd M,V
14 unpcklps V,W|unpcklpd V,W
15 unpckhps V,W|unpckhpd V,W
16 movhps V,M;movlhps V,U|movhpd V,M|movshdup V,W
17 movhps M,V|movhpd M,V
24 mov R,T
26 mov T,R
28 movaps V,W|movapd V,W
29 movaps W,V|movapd W,V
2a cvtpi2ps V,Q|cvtpi2pd V,Q|cvtsi2ss V,E|cvtsi2sd V,E
2b movntps M,V|movntpd M,V|movntss M,V|movntsd M,V
2c cvttps2pi P,W|cvttpd2pi P,W|cvttss2si G,W|cvttsd2si G,W
2d cvtps2pi P,W|cvtpd2pi P,W|cvtss2si G,W|cvtsd2si G,W
2e ucomiss V,W|ucomisd V,W
2f comiss V,W|comisd V,W
50 movmskps G,U|movmskpd G,U
51 sqrtps V,W|sqrtpd V,W|sqrtss V,W|sqrtsd V,W
52 rsqrtps V,W||rsqrtss V,W
53 rcpps V,W||rcpss V,W
54 andps V,W|andpd V,W
55 andnps V,W|andnpd V,W
56 orps V,W|orpd V,W
57 xorps V,W|xorpd V,W
58 addps V,W|addpd V,W|addss V,W|addsd V,W
59 mulps V,W|mulpd V,W|mulss V,W|mulsd V,W
5a cvtps2pd V,W|cvtpd2ps V,W|cvtss2sd V,W|cvtsd2ss V,W
5b cvtdq2ps V,W|cvtps2dq V,W|cvttps2dq V,W
5c subps V,W|subpd V,W|subss V,W|subsd V,W
5d minps V,W|minpd V,W|minss V,W|minsd V,W
5e divps V,W|divpd V,W|divss V,W|divsd V,W
5f maxps V,W|maxpd V,W|maxss V,W|maxsd V,W
60 punpcklbw*
61 punpcklwd*
62 punpckldq*
63 packsswb*
64 pcmpgtb*
65 pcmpgtw*
66 pcmpgtd*
67 packuswb*
68 punpckhbw*
69 punpckhwd*
6a punpckhdq*
6b packssdw*
6c |punpcklqdq V,W
6d |punpckhqdq V,W
6e movd P,E|movd V,E
6f movq P,Q|movdqa V,W|movdqu V,W
70 pshufw P,Q,I|pshufd V,W,I|pshufhw V,W,I|pshuflw V,W,I
71/2 psrlw N,I|psrlw U,I
71/4 psraw N,I|psraw U,I
71/6 psllw N,I|psllw U,I
72/2 psrld N,I|psrld U,I
72/4 psrad N,I|psrad U,I
72/6 pslld N,I|pslld U,I
73/2 psrlq N,I|psrlq U,I
73/3 |psrldq U,I
73/6 psllq N,I|psllq U,I
73/7 |pslldq U,I
74 pcmpeqb*
75 pcmpeqw*
76 pcmpeqd*
77 emms
78 vmread E,G
79 vmwrite G,E
7c |haddpd V,W||haddps V,W
7d |hsubpd V,W||hsubps V,W
7e movd E,P|movd E,V|movq V,W
7f movq Q,P|movdqa W,V|movdqu W,V
ae/0 fxsave M
ae/1 fxrstor M
ae/2 ldmxcsr M
ae/3 stmxcsr M
b8 ||popcnt g,e
b9 ud2b
c2 cmpps V,W,I|cmppd V,W,I|cmpss V,W,I|cmpsd V,W,I
c3 movnti M,G
c4 pinsrw P,E,I|pinsrw V,E,I
c5 pextrw G,N,I|pextrw G,U,I
c6 shufps V,W,I|shufpd V,W,I
c7/6 vmptrld M|vmclear M|vmxon M
c7/7 vmptrst M
d0 |addsubpd V,W||addsubps V,W
d1 psrlw*
d2 psrld*
d3 psrlq*
d4 paddq*
d5 pmullw*
d6 |movq W,V|movq2dq V,N|movdq2q P,U
d7 pmovmskb G,N|pmovmskb G,U
d8 psubusb*
d9 psubusw*
da pminub*
db pand*
dc paddusb*
dd paddusw*
de pmaxub*
df pandn*
e0 pavgb*
e1 psraw*
e2 psrad*
e3 pavgw*
e4 pmulhuw*
e5 pmulhw*
e6 |cvttpd2dq V,W|cvtdq2pd V,W|cvtpd2dq V,W
e7 movntq M,P|movntdq M,V
e8 psubsb*
e9 psubsw*
ea pminsw*
eb por*
ec paddsb*
ed paddsw*
ee pmaxsw*
ef pxor*
f0 |||lddqu V,M
f1 psllw*
f2 pslld*
f3 psllq*
f4 pmuludq*
f5 pmaddwd*
f6 psadbw*
f7 maskmovq P,N|maskmovdqu V,U
f8 psubb*
f9 psubw*
fa psubd*
fb psubq*
fc paddb*
fd paddw*
fe paddd*
`;
const THREE_BYTE_38 = `
00 pshufb*
01 phaddw*
02 phaddd*
03 phaddsw*
04 pmaddubsw*
05 phsubw*
06 phsubd*
07 phsubsw*
08 psignb*
09 psignw*
0a psignd*
0b pmulhrsw*
1c pabsb*
1d pabsw*
1e pabsd*
10 |pblendvb V,W,Z
14 |blendvps V,W,Z
15 |blendvpd V,W,Z
17 |ptest V,W
20 |pmovsxbw V,W
21 |pmovsxbd V,W
22 |pmovsxbq V,W
23 |pmovsxwd V,W
24 |pmovsxwq V,W
25 |pmovsxdq V,W
28 |pmuldq V,W
29 |pcmpeqq V,W
2a |movntdqa V,M
2b |packusdw V,W
30 |pmovzxbw V,W
31 |pmovzxbd V,W
32 |pmovzxbq V,W
33 |pmovzxwd V,W
34 |pmovzxwq V,W
35 |pmovzxdq V,W
37 |pcmpgtq V,W
38 |pminsb V,W
39 |pminsd V,W
3a |pminuw V,W
3b |pminud V,W
3c |pmaxsb V,W
3d |pmaxsd V,W
3e |pmaxuw V,W
3f |pmaxud V,W
40 |pmulld V,W
41 |phminposuw V,W
db |aesimc V,W
dc |aesenc V,W
dd |aesenclast V,W
de |aesdec V,W
df |aesdeclast V,W
f0 movbe g,M|movbe g,M||crc32b G,b
f1 movbe M,g|movbe M,g||crc32% G,e
`;
const THREE_BYTE_3A = `
08 |roundps V,W,I
09 |roundpd V,W,I
0a |roundss V,W,I
0b |roundsd V,W,I
0c |blendps V,W,I
0d |blendpd V,W,I
0e |pblendw V,W,I
0f palignr P,Q,I|palignr V,W,I
14 |pextrb E,V,I
15 |pextrw E,V,I
16 |pextrd E,V,I
17 |extractps E,V,I
20 |pinsrb V,E,I
21 |insertps V,W,I
22 |pinsrd V,E,I
40 |dpps V,W,I
41 |dppd V,W,I
42 |mpsadbw V,W,I
60 |pcmpestrm V,W,I
61 |pcmpestri V,W,I
62 |pcmpistrm V,W,I
63 |pcmpistri V,W,I
df |aeskeygenassist V,W,I
`;

/** 3DNow!: the byte behind the operands says what is done with them. */
const SUFFIXES = new Map(
  (
    '0c pi2fw 0d pi2fd 1c pf2iw 1d pf2id 8a pfnacc 8e pfpnacc 90 pfcmpge 94 pfmin 96 pfrcp ' +
    '97 pfrsqrt 9a pfsub 9e pfadd a0 pfcmpgt a4 pfmax a6 pfrcpit1 a7 pfrsqit1 aa pfsubr ' +
    'ae pfacc b0 pfcmpeq b4 pfmul b6 pfrcpit2 b7 pmulhrw bb pswapd bf pavgusb'
  )
    .split(/ (?=[0-9a-f]{2} )/)
    .map(pair => [Number.parseInt(pair, 16), pair.slice(3)]),
);

/** 0F 01 with these for a ModRM byte. */
const SYSTEM: { readonly [modrm: number]: string } = {
  193: 'vmcall',
  194: 'vmlaunch',
  195: 'vmresume',
  196: 'vmxoff',
  200: 'monitor %eax,%ecx,%edx',
  201: 'mwait %eax,%ecx',
  216: 'vmrun',
  217: 'vmmcall',
  218: 'vmload',
  219: 'vmsave',
  220: 'stgi',
  221: 'clgi',
  222: 'skinit',
  223: 'invlpga %eax,%ecx',
  249: 'rdtscp',
};

/** [prefix column][key]; the key is the opcode, or opcode and group. */
type Templates = ReadonlyMap<string, readonly string[]>;

function parse(text: string): Templates {
  const lines = text.trim().split('\n');
  return new Map(
    lines.map(line => {
      const space = line.indexOf(' ');
      const forms = line.slice(space + 1);
      const both = forms.endsWith('*');
      const name = forms.slice(0, -1);
      return [line.slice(0, space), both ? [`${name} P,Q`, `${name} V,W`] : forms.split('|')];
    }),
  );
}

const MAPS: readonly Templates[] = [parse(TWO_BYTE), parse(THREE_BYTE_38), parse(THREE_BYTE_3A)];
/** The opcodes alone. */
const OPCODES = MAPS.map(map => new Set([...map.keys()].map(key => key.slice(0, 2))));
const COMPARISONS = ['eq', 'lt', 'le', 'unord', 'neq', 'nlt', 'nle', 'ord'];

/** Undefined when there is no such instruction. `map` is 1 for 0F, 2 for 0F 38, 3 for 0F 3A. */
export function printSimd(map: number, opcode: number, reader: Reader): Printed | undefined {
  if (map === 1) {
    if (opcode === 0x01) return printSystem(reader);
    if (opcode === 0x0f) return print3DNow(reader);
    const fence = opcode === 0xae ? printFence(reader) : undefined;
    if (fence !== undefined) return fence;
  }
  const templates = MAPS[map - 1];
  const key = opcode.toString(16).padStart(2, '0');
  const forms = templates.get(key) ?? templates.get(`${key}/${reader.reg}`);
  if (forms === undefined) return undefined;
  const form = choose(forms, reader);
  if (form === undefined || form === '') return undefined;
  const alternatives = form.split(';');
  const chosen = reader.isMemory ? alternatives[0] : alternatives[alternatives.length - 1];
  const [name, operands = ''] = chosen.split(' ');
  return print(name, operands, reader);
}

/** Whether some instruction of the list has this opcode. */
export function isSimd(map: number, opcode: number): boolean {
  const key = opcode.toString(16).padStart(2, '0');
  return OPCODES[map - 1].has(key);
}

/** Whether the opcode has a ModRM byte. */
export function hasModrm(map: number, opcode: number): boolean {
  return map !== 1 || ![0x05, 0x07, 0x0e, 0x77, 0xb9].includes(opcode);
}

/** MOV of test registers. */
export function ignoresMode(map: number, opcode: number): boolean {
  return map === 1 && (opcode === 0x24 || opcode === 0x26);
}

function choose(forms: readonly string[], reader: Reader): string | undefined {
  const columns: readonly (readonly [number, number])[] = [
    [0xf3, 2],
    [0xf2, 3],
    [0x66, 1],
  ];
  for (const [prefix, column] of columns) {
    if (!reader.has(prefix) || (prefix !== 0x66 && reader.repeat !== prefix)) continue;
    if (forms[column] === undefined || forms[column] === '') continue;
    reader.shown.add(prefix);
    return forms[column];
  }
  return forms[0];
}

function printSystem(reader: Reader): Printed | undefined {
  const found = SYSTEM[reader.modrm];
  if (found === undefined) return undefined;
  const [mnemonic, operands = ''] = found.split(' ');
  return { mnemonic, operands };
}

function print3DNow(reader: Reader): Printed {
  const operands = `${operand('Q', reader)},${operand('P', reader)}`;
  const mnemonic = SUFFIXES.get(reader.byte());
  if (mnemonic === undefined) throw new BadOperand();
  return { mnemonic, operands };
}

function printFence(reader: Reader): Printed | undefined {
  if (reader.isMemory) return undefined;
  const mnemonic = ['', '', '', '', '', 'lfence', 'mfence', 'sfence'][reader.reg];
  return mnemonic === '' ? undefined : { mnemonic, operands: '' };
}

function print(name: string, operands: string, reader: Reader): Printed {
  const letters = operands === '' ? [] : operands.split(',');
  const isRegisterOnly = letters.includes('U') || letters.includes('N');
  if (isRegisterOnly && reader.isMemory) throw new BadOperand();
  if (letters.includes('M') && !reader.isMemory) throw new BadOperand();
  const texts = letters.map(letter => operand(letter, reader));
  if (name.startsWith('cmp')) return printComparison(name, texts);
  const mnemonic = name.replace('%', reader.operandSize === 16 ? 'w' : 'l');
  return { mnemonic, operands: texts.reverse().join(',') };
}

function operand(letter: string, reader: Reader): string {
  if ('eg'.includes(letter)) reader.shown.add(0x66);
  if ('WQEMeb'.includes(letter) && reader.isMemory) return reader.memory();
  switch (letter) {
    case 'V':
      return `%xmm${reader.reg}`;
    case 'P':
      return `%mm${reader.reg}`;
    case 'W':
    case 'U':
      return `%xmm${reader.rm}`;
    case 'Q':
    case 'N':
      return `%mm${reader.rm}`;
    case 'G':
      return register(reader.reg, 32);
    case 'E':
    case 'R':
      return register(reader.rm, 32);
    case 'g':
      return register(reader.reg, reader.operandSize);
    case 'e':
      return register(reader.rm, reader.operandSize);
    case 'b':
      return register(reader.rm, 8);
    case 'T':
      return `%tr${reader.reg}`;
    case 'Z':
      return '%xmm0';
    default:
      return `$${hex(reader.unsigned(8))}`;
  }
}

/** CMPPS and the like are shown by their predicate. */
function printComparison(name: string, texts: readonly string[]): Printed {
  const [destination, source, immediate] = texts;
  const predicate = COMPARISONS[Number(immediate.slice(1))];
  const kind = name.slice(3);
  if (predicate === undefined) {
    return { mnemonic: name, operands: `${immediate},${source},${destination}` };
  }
  return { mnemonic: `cmp${predicate}${kind}`, operands: `${source},${destination}` };
}
