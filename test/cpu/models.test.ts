import { expect, test } from 'vitest';
import { cpuidLeaf } from '../../src/cpu/cpuid.ts';
import { findModel, MODEL_NAMES, modelHelpText, modelSignature } from '../../src/cpu/models.ts';

function leaf(name: string, eax: number, ecx = 0): string {
  return cpuidLeaf(findModel(name), eax, ecx)
    .map(n => (n >>> 0).toString(16).padStart(8, '0'))
    .join(' ');
}

// What CPUID gives under Debian's QEMU with -M pc-i440fx-2.3, except long mode and its friends.
test.each([
  ['486', 0, '00000001 756e6547 6c65746e 49656e69'],
  ['486', 1, '00000480 00000800 80000000 00000009'],
  ['486', 0x80000000, '00000480 00000800 80000000 00000009'],
  ['pentium3', 1, '00000673 00000800 80000000 0383fbfd'],
  ['pentium3', 2, '00000001 00000000 00000000 002c307d'],
  ['qemu32', 1, '00000663 00000800 80800001 0781abfd'],
  ['qemu32', 4, '00000121 01c0003f 0000003f 00000001'],
  ['qemu32', 0x80000002, '554d4551 72695620 6c617574 55504320'],
  ['qemu32', 0x80000008, '00000121 01c0003f 0000003f 00000001'],
  ['qemu64', 0, '00000004 68747541 444d4163 69746e65'],
  ['qemu64', 1, '00000663 00000800 80800001 078bfbfd'],
  ['qemu64', 0x80000008, '00000024 00000000 00000000 00000000'],
  ['coreduo', 5, '00000000 00000000 00000003 00000000'],
])('CPUID of %s, leaf %i', (name, eax, expected) => {
  expect(leaf(name, eax)).toBe(expected);
});

test('no model claims long mode, SYSCALL, CMPXCHG16B, SSE4 or LAHF in long mode', () => {
  for (const name of MODEL_NAMES) {
    const [, ecx, edx81, ecx81] = findModel(name).words;
    expect([name, edx81 & (1 << 29), edx81 & (1 << 11), ecx81]).toEqual([name, 0, 0, 0]);
    expect(ecx & ((1 << 13) | (1 << 19) | (1 << 20))).toBe(0);
  }
});

test('flags can be added and taken, + and - winning over plain properties', () => {
  const model = findModel('pentium,+sse,-mmx,family=6,vendor=TestTestTest');
  expect([model.features.has('sse'), model.features.has('mmx')]).toEqual([true, false]);
  expect([modelSignature(model), model.vendor]).toEqual([0x643, 'TestTestTest']);
  expect(findModel('qemu32,+lm').words[2]).toBe(0);
});

test.each([
  ['bogus', 'Unable to find CPU definition: bogus'],
  ['qemu32,+foo', 'CPU feature foo not found'],
  ['qemu32,foo=1', "Property '.foo' not found"],
])('-cpu %s', (spec, message) => {
  expect(() => findModel(spec)).toThrow(message);
});

test('families above 15 use the extended fields', () => {
  expect(modelSignature(findModel('phenom')).toString(16)).toBe('100f23');
  expect(modelSignature(findModel('Penryn')).toString(16)).toBe('10673');
});

test('-cpu help lists the models', () => {
  const lines = modelHelpText().split('\n');
  expect(lines[0]).toBe('x86           qemu64  QEMU Virtual CPU version 2.2.50                 ');
  expect(lines).toContain('Recognized CPUID flags:');
});
