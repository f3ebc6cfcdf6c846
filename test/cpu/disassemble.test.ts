import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { disassemble, disassembleLines } from '../../src/cpu/disassemble.ts';
import { Random, seedOr } from '../support/random.ts';

function one(bits: 16 | 32, hex: string, address = 0x1000): string {
  const bytes = hex.split(' ').map(b => Number.parseInt(b, 16));
  const { text, length } = disassemble(at => bytes[at] ?? 0x90, { address, bits });
  return length === bytes.length ? text : `${text} [${length}]`;
}

describe('x/i as QEMU prints it', () => {
  test('mnemonics are padded even when nothing follows', () => {
    const bytes = [0xea, 0x5b, 0xe0, 0x00, 0xf0, 0x30, 0x36, 0x2f];
    const read = (at: number) => bytes[at - 0xfffffff0] ?? 0;
    const start = { read, address: 0xfffffff0 };
    expect(disassembleLines({ ...start, count: 2, bits: 32 })).toEqual([
      '0x00000000fffffff0:  ljmp   $0x3630,$0xf000e05b',
      '0x00000000fffffff7:  das    ',
    ]);
    expect(disassembleLines({ ...start, count: 1, bits: 16 })).toEqual([
      '0x00000000fffffff0:  ljmp   $0xf000,$0xe05b',
    ]);
    expect(one(16, '00 00')).toBe('add    %al,(%bx,%si)');
  });

  test('memory that is not there ends the listing', () => {
    const lines = disassembleLines({ read: () => undefined, address: 16, count: 3, bits: 32 });
    expect(lines).toEqual(['0x0000000000000010:  Cannot access memory']);
  });

  // Lines from logs of -d in_asm.
  test.each<[16 | 32, string, number, string]>([
    [16, '2e 66 83 3e a4 65 00', 0xfe05b, 'cmpl   $0x0,%cs:0x65a4'],
    [16, '0f 85 53 f2', 0xfe062, 'jne    0xfd2b9'],
    [16, '8e d0', 0xfe068, 'mov    %ax,%ss'],
    [16, '66 bc 00 70 00 00', 0xfe06a, 'mov    $0x7000,%esp'],
    [16, 'e6 70', 0, 'out    %al,$0x70'],
    [16, 'e4 92', 0, 'in     $0x92,%al'],
    [16, '2e 0f 01 1e c0 66', 0, 'lidtw  %cs:0x66c0'],
    [16, '0f 20 c0', 0, 'mov    %cr0,%eax'],
    [16, '66 ea 5d d1 0f 00 08 00', 0, 'ljmpl  $0x8,$0xfd15d'],
    [32, '8e d8', 0, 'mov    %eax,%ds'],
    [32, 'ff e2', 0, 'jmp    *%edx'],
    [32, 'ff 35 d8 fe 0e 00', 0, 'pushl  0xefed8'],
    [32, 'ff 24 8d 9c 5b 0f 00', 0, 'jmp    *0xf5b9c(,%ecx,4)'],
    [32, '83 7c 24 20 ff', 0, 'cmpl   $0xffffffff,0x20(%esp)'],
    [32, '8d 74 0a ff', 0, 'lea    -0x1(%edx,%ecx,1),%esi'],
    [32, '8d 97 00 00 fc ff', 0, 'lea    -0x40000(%edi),%edx'],
    [32, '0f be 03', 0, 'movsbl (%ebx),%eax'],
    [32, 'c3', 0, 'ret    '],
    [32, 'ff 0c 24', 0, 'decl   (%esp)'],
    [32, '8b 5d 00', 0, 'mov    0x0(%ebp),%ebx'],
  ])('%i-bit %s', (bits, bytes, address, text) => {
    expect(one(bits, bytes, address)).toBe(text);
  });

  test.each<[16 | 32, string, string]>([
    [16, '2e 66 83 3e d4 d0 00', 'cmpl   $0x0,%cs:-0x2f2c'],
    [32, '66 e8 f8 f0', 'callw  0xfc'],
    [32, '66 e8 f8 e0', 'callw  0xf0fc'],
    [16, 'a1 d4 d0', 'mov    0xd0d4,%ax'],
    [32, '0a 34 b5 24 c2 0f c1', 'or     -0x3ef03ddc(,%esi,4),%dh'],
    [32, 'd0 3c e5 fc 0f 03 f7', 'sarb   0xf7030ffc(,8)'],
    [32, 'a1 d4 d0 00 f0', 'mov    0xf000d0d4,%eax'],
    [32, '8b 1d d4 d0 00 f0', 'mov    0xf000d0d4,%ebx'],
  ])('%i-bit %s: places', (bits, bytes, text) => {
    expect(one(bits, bytes)).toBe(text);
  });

  test.each<[string, string]>([
    ['0f 04', '(bad)  '],
    ['f3 0f 04', 'repz (bad) '],
    ['d6', '(bad)  '],
    ['dc d1', '(bad)  '],
    ['d9 8e d8 1d 0f 37', '(bad)  0x370f1dd8(%esi)'],
    ['0f 26 9f', 'mov    %edi,%tr3'],
    ['0f 05', 'syscall '],
    ['0f 0e', 'femms  '],
    ['0f b9', 'ud2b   '],
    ['0f 0f c8 a7', 'pfrsqit1 %mm0,%mm1'],
    ['0f 78 0f', 'vmread %ecx,(%edi)'],
    ['0f 01 c8', 'monitor %eax,%ecx,%edx'],
    ['0f 01 c9', 'mwait  %eax,%ecx'],
    ['f3 0f b8 c8', 'popcnt %eax,%ecx'],
    ['66 0f 38 14 ca', 'blendvps %xmm0,%xmm2,%xmm1'],
    ['66 0f 38 37 ca', 'pcmpgtq %xmm2,%xmm1'],
    ['f2 0f 38 f1 c8', 'crc32l %eax,%ecx'],
    ['66 f2 0f 38 f1 c8', 'crc32w %ax,%ecx'],
    ['0f 38 f0 08', 'movbe  (%eax),%ecx'],
    ['66 0f 3a 63 d1 0c', 'pcmpistri $0xc,%xmm1,%xmm2'],
  ])('%s is %s', (bytes, text) => {
    expect(one(32, bytes)).toBe(text);
  });

  test('prefixes without use stand alone; F3, LOCK and 67 in front', () => {
    expect(one(32, '2e 90')).toBe('cs [1]');
    expect(one(32, '66 b0 01')).toBe('data16 [1]');
    expect(one(32, 'f3 c3')).toBe('repz ret ');
    expect(one(32, 'f0 ff 00')).toBe('lock incl (%eax)');
    expect(one(16, '67 89 03')).toBe('addr32 mov %ax,(%ebx)');
    expect(one(32, '9b d9 38')).toBe('fstcw  (%eax)');
    expect(one(32, '9b')).toBe('fwait  ');
  });
});

const WORDS = [
  // Newer than the style that is printed, or printed otherwise there.
  /\(bad\)|bnd|xacquire|xrelease|notrack|endbr|\bv[a-z]|\bud[0-2]|int1|tzcnt|lzcnt|nop[wl]? +%/,
  /data(16|32)|addr(16|32)|lock|rep|^(cs|ds|es|fs|gs|ss) |sysret|syscall|getsec|femms|prefetch/,
  /%tr|%\?|,pn|,pt|^(push|pop) +[^%$]|^(lar|lsl) |only|mov +%ds:|crc32|movbe|aes|sha|gf2|pcmp.str/,
  /x(save|rstor|begin|end|abort|test)|mont|clac|stac|wbnoinvd|cl(flushopt|wb|demote|gi|zero)/,
  /sk?init|p(blend|ext|inm|round)|round|blend|dpp|extr|insert|movnt(s|dqa)|mpsadb|ptest|pmov[sz]x/,
  /cmov.*only|rdrand|rdseed|invept|inv(vpid|pcid|lpga)|smi|swapgs|monitor|mwait|rdpid|ptwrite/,
  /inc?ssp/,
  /p(mul|max|min|cmpeq)(ld|sd|sb|uw|ud|q|dq)\b|packusdw|phminpos|pcmpgtq|bnd|kl|mcommit|enqcmd/,
  /rdpru|tpause|umonitor|umwait|[rw]r[fg]s|wrss|wruss|setssbsy|saveprev|rstorssp|clrssbsy|xcrypt/,
  /^(pf|pi2f|pswapd|pavgusb|pmulhrw)|^(frstor|fn?save|fn?stenv|fldenv)[ls]/,
  /loadall|vmgexit|pconfig|encl[usv]|movdir|serialize|sal\b|xstore|fsetpm|frstpm|fndisi|feni|cldem/,
];

function hasObjdump(): boolean {
  try {
    execFileSync('objdump', ['--version'], { stdio: 'ignore' });
    return true;
  } catch {
    console.log('disassemble: objdump is absent, comparison skipped');
    return false;
  }
}

/** Instructions of random bytes, with runs of NOP between them so that both see the same ones. */
function bytesFor(seed: number, length: number): Uint8Array {
  const chance = new Random(seed);
  const bytes = new Uint8Array(length).fill(0x90);
  for (let at = 0; at + 32 < length; at += 24) {
    const kind = chance.below(4);
    let i = at;
    if (chance.below(6) === 0) bytes[i++] = [0x66, 0x2e, 0xf3, 0xf2, 0x67, 0x64][chance.below(6)];
    if (kind === 0) bytes[i++] = 0x0f;
    if (kind === 1) bytes[i++] = 0xd8 + chance.below(8);
    for (; i < at + 10; i++) bytes[i] = chance.below(256);
  }
  return bytes;
}

test.skipIf(!hasObjdump()).each<[16 | 32, string]>([
  [16, 'i8086'],
  [32, 'i386'],
])('%i-bit code reads like objdump -m %s, newer spellings apart', (bits, machine) => {
  const seed = seedOr(7);
  const bytes = bytesFor(seed, 48_000);
  const folder = mkdtempSync(join(tmpdir(), 'disassemble-'));
  const file = join(folder, 'code.bin');
  writeFileSync(file, bytes);
  const args = ['-D', '-b', 'binary', '-w', '-m', machine, file];
  const listing = execFileSync('objdump', args, { maxBuffer: 1 << 26 }).toString();
  rmSync(folder, { recursive: true });
  const wrong: string[] = [];
  let compared = 0;
  for (const line of listing.split('\n')) {
    const match = /^\s*([0-9a-f]+):\t([0-9a-f ]+?)\s*\t(.*)$/.exec(line);
    if (match === null || WORDS.some(w => w.test(match[3]))) continue;
    const at = Number.parseInt(match[1], 16);
    const expected = plain(match[3]);
    // Displacements without a base are signed there, not here.
    if (at > bytes.length - 20 || /-0x[0-9a-f]+($|,|\(,)/.test(expected)) continue;
    const got = disassemble(offset => bytes[at + offset] ?? 0, { address: at, bits });
    compared++;
    const text = plain(got.text);
    if (/^addr(16|32)/.test(text)) continue;
    if (text !== expected || got.length !== match[2].split(' ').length) {
      wrong.push(`seed ${seed}: ${match[2]}: ${expected} / ${text}`);
    }
  }
  expect(wrong).toEqual([]);
  expect(compared).toBeGreaterThan(10_000);
});

function plain(text: string): string {
  const tidy = text.trim().replace(/\s+/g, ' ').replace(/ <.*/, '');
  return tidy.replace(/,%eiz,1/g, '').replace(/,%eiz/g, '');
}
