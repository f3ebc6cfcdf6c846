import { expect, test } from 'vitest';
import { CR0, CR0_PG, CR3, CR4, CR4_PAE, CR4_PSE, EAX, EBX } from '../../src/cpu/registers.ts';
import { Scene } from '../support/scene.ts';

const START = 0x100;
const TABLES = 0x50000;
const FAR = 0x00c00000;

/** Identity for the first megabyte; `FAR` leads above 4 GiB, where `low` are the low 32 bits. */
function paged(kind: 'pse36' | 'pae', low: number, model?: string): Scene {
  const scene = new Scene('flat', { model });
  const { s, machine } = scene;
  const put = (at: number, ...words: readonly number[]): void => {
    words.forEach((word, i) => {
      machine.memory.write(TABLES + at + i * 4, 4, word);
    });
  };
  if (kind === 'pse36') {
    put(0, 0x83);
    put((FAR >>> 22) * 4, low | 0x2083);
  } else {
    put(0, TABLES | 0x1001, 0);
    put(0x1000, 0x83, 0);
    put(0x1000 + (FAR >>> 21) * 8, low | 0x83, 1);
  }
  s[CR3] = TABLES;
  s[CR4] = kind === 'pae' ? CR4_PAE : CR4_PSE;
  return scene;
}

test.each(['pse36', 'pae'] as const)('%s: a page above 4 GiB is not the one below', kind => {
  const scene = paged(kind, 0);
  const { s, machine } = scene;
  // mov cr0,eax; mov ebx,[FAR+800h]; mov dword [FAR+800h],7; add dword [FAR+800h],1; hlt
  const at = '00 08 c0 00';
  scene.put(START, `0f 22 c0 8b 1d ${at} c7 05 ${at} 07 00 00 00 83 05 ${at} 01 f4`);
  s[EAX] = s[CR0] | CR0_PG;
  const before = machine.memory.read(0x800, 4);
  expect(scene.run(START)).toBeUndefined();
  expect([s[EBX], machine.memory.read(0x800, 4)]).toEqual([-1, before]);
});

test('code is not fetched from the page below either', () => {
  const scene = paged('pae', 0);
  const { s, machine } = scene;
  machine.memory.write(0x900, 1, 0xf4);
  scene.put(START, '0f 22 c0 68 00 09 c0 00 c3');
  s[EAX] = s[CR0] | CR0_PG;
  // FF FF is no instruction.
  expect(scene.run(START)).toMatchObject({ vector: 6, eip: FAR + 0x900 });
});

test('without PSE-36 the bits are reserved', () => {
  const scene = paged('pse36', 0, 'pentium');
  scene.put(START, '0f 22 c0 a1 00 08 c0 00 f4');
  scene.s[EAX] = scene.s[CR0] | CR0_PG;
  expect(scene.run(START)).toMatchObject({ vector: 14, error: 9, eip: START + 3 });
});
