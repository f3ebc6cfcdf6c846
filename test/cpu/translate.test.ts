import { expect, test, vi } from 'vitest';
import type { CpuWiring } from '../../src/cpu/cpu.ts';
import { BASE, CS, EAX, EBX, ECX, EDX, EIP, ESP } from '../../src/cpu/registers.ts';
import { BareMachine, RUN_LOOPS } from '../support/bare-machine.ts';

/** That every instruction does the same translated is what random-programs.test.ts shows. */
const CODE = 0x100000;
const TABLE = 0x101000;
/** Nearly everything is hot. */
const EAGER = { slice: 200, samples: 2, price: 20, departures: 50 };

function put({ memory }: BareMachine, at: number, hex: string): void {
  memory.writeBytes(
    at,
    Uint8Array.from(hex.split(' '), byte => Number.parseInt(byte, 16)),
  );
}

function machineWith(hex: string, wiring: Partial<CpuWiring> = { hotness: EAGER }): BareMachine {
  const machine = new BareMachine(4, 'max', { ...RUN_LOOPS, ...wiring });
  put(machine, CODE, hex);
  machine.enterProtected(CODE);
  for (const n of [EAX, EBX, ECX, EDX]) machine.cpu.processor.s[n] = 0;
  return machine;
}

function regionsOf(machine: BareMachine): number {
  return machine.cpu.processor.translator.regions.length;
}

/** inc eax; dec ecx; jnz back; hlt */
const LOOP = '40 49 75 fc f4';

test('a hot loop becomes a region and counts on', () => {
  const machine = machineWith(LOOP);
  machine.cpu.setGeneral(ECX, 100_000);
  expect(machine.cpu.run(1_000_000)).toBe('halted');
  expect(machine.cpu.general(EAX)).toBe(100_000);
  expect(machine.cpu.instructions).toBe(300_001);
  expect(regionsOf(machine)).toBe(1);
});

test('what ran a little is left to the interpreter', () => {
  const machine = machineWith(LOOP, {});
  machine.cpu.setGeneral(ECX, 10_000);
  machine.cpu.run(100_000);
  expect(regionsOf(machine)).toBe(0);
});

test.each([1, 64, 129, 1000, 4321])('regions stop after exactly %i instructions', budget => {
  const machine = machineWith(LOOP);
  machine.cpu.setGeneral(ECX, 1_000_000);
  machine.cpu.run(100_000);
  expect(regionsOf(machine)).toBe(1);
  for (let i = 1; i <= 20; i++) {
    expect(machine.cpu.run(budget)).toBe('budget');
    expect(machine.cpu.instructions).toBe(100_000 + i * budget);
    expect(machine.cpu.general(EAX)).toBe(Math.ceil((100_000 + i * budget) / 3));
  }
});

test('while the engine compiles a region the interpreter counts on', () => {
  const asked: string[] = [];
  let isCompiled = false;
  const engine = {
    compileSoon: () => true,
    compileBeside: () => asked.push('beside') > 0,
    isCompiled: () => asked.push('compiled?') > 0 && isCompiled,
  };
  const machine = machineWith(LOOP, { hotness: EAGER, engine });
  machine.cpu.setGeneral(ECX, 1_000_000);
  for (let i = 1; i <= 20; i++) {
    machine.cpu.run(3000);
    isCompiled = i >= 10;
    expect(machine.cpu.general(EAX)).toBe(i * 1000);
  }
  expect(asked[0]).toBe('beside');
  expect(asked.filter(what => what === 'beside')).toHaveLength(1);
  expect(asked.length).toBeGreaterThan(20);
  const before = asked.length;
  machine.cpu.run(30_000);
  expect(asked).toHaveLength(before);
});

test('a loop whose code is patched by the loop around it adds what the code says', () => {
  // mov edx,0; outer: mov ecx,1000; inner: add eax,1; dec ecx; jnz inner;
  // inc dword [the 1]; inc edx; cmp edx,20; jne outer; hlt
  const inner = 'b9 e8 03 00 00 05 01 00 00 00 49 75 f8';
  const machine = machineWith(`ba 00 00 00 00 ${inner} ff 05 0b 00 10 00 42 83 fa 14 75 e7 f4`);
  expect(machine.cpu.run(1_000_000)).toBe('halted');
  expect(machine.cpu.general(EAX)).toBe(1000 * 210);
  expect(regionsOf(machine)).toBe(1);
});

test('where code changes all the time, less and less is translated', () => {
  // mov ecx,1000; add eax,1; dec ecx; jnz back; inc dword [the 1]; jmp to the start
  const machine = machineWith('b9 e8 03 00 00 05 01 00 00 00 49 75 f8 ff 05 06 00 10 00 eb eb');
  const plants = vi.spyOn(machine.cpu.processor.cache, 'plant');
  const made: number[] = [];
  for (let i = 0; i < 5; i++) {
    plants.mockClear();
    machine.cpu.run(300_000);
    made.push(plants.mock.calls.length);
  }
  expect(made[0]).toBeGreaterThan(0);
  expect(made.slice(2)).toEqual([0, 0, 0]);
  // Numbers are used again.
  expect(regionsOf(machine)).toBe(1);
});

test('a write from outside, as by DMA, ends the region of its page', () => {
  const machine = machineWith(LOOP);
  machine.cpu.setGeneral(ECX, 1_000_000);
  machine.cpu.run(99_999);
  expect(machine.cpu.general(EAX)).toBe(33_333);
  // dec eax in place of inc eax
  machine.memory.writeBytes(CODE, Uint8Array.of(0x48));
  machine.cpu.run(99_999);
  expect(machine.cpu.general(EAX)).toBe(0);
});

test('jumps through a table stay in the region once their targets are known', () => {
  // and edx,3; jmp [table+edx*4]; four ways to change eax; inc edx; dec ecx; jnz; hlt
  const ways = '40 eb 0d 83 c0 10 eb 08 83 c0 20 eb 03 83 e8 03';
  const machine = machineWith(`83 e2 03 ff 24 95 00 10 10 00 ${ways} 42 49 75 e2 f4`);
  [0x0a, 0x0d, 0x12, 0x17].forEach((at, i) => {
    machine.memory.write(TABLE + i * 4, 4, CODE + at);
  });
  const departures = vi.spyOn(machine.cpu.processor.translator, 'onDeparture');
  machine.cpu.setGeneral(ECX, 40_000);
  expect(machine.cpu.run(1_000_000)).toBe('halted');
  expect(machine.cpu.general(EAX)).toBe(10_000 * (1 + 16 + 32 - 3));
  expect(departures.mock.calls.length).toBeGreaterThan(EAGER.departures);
  expect(departures.mock.calls.length).toBeLessThan(2000);
});

test('a region that is lost takes nothing of another one along', () => {
  // mov byte [200000h],0; dec ecx; jnz back; in two pages
  const loop = 'c6 05 00 00 20 00 00 49 75 f6';
  const machine = machineWith(loop);
  const { memory } = machine;
  put(machine, TABLE, loop);
  machine.cpu.setGeneral(ECX, 1_000_000);
  const runAt = (eip: number, budget: number): void => {
    machine.cpu.processor.s[EIP] = eip;
    machine.cpu.run(budget);
  };
  for (const budget of [300, 9000]) for (const eip of [CODE, TABLE]) runAt(eip, budget);
  expect(regionsOf(machine)).toBe(2);
  put(machine, CODE, 'c6');
  // From now on each store leaves the region.
  const write = vi.fn();
  const device = { read: () => 0, write };
  memory.map({ name: 'device', base: 0x200000, length: 4096, priority: 1, backing: device });
  machine.cpu.processor.flushTlb(true);
  runAt(TABLE, 9000);
  expect(write).toHaveBeenCalledTimes(3000);
});

test('a region ends with its linear page wherever the code segment begins', () => {
  const machine = machineWith('90');
  const { s } = machine.cpu.processor;
  // f: inc eax; ret; at its end: call f; in the next page: dec ecx; jnz to the call; hlt
  put(machine, 0x100f00, '40 c3');
  put(machine, 0x100ffb, 'e8 00 ff ff ff');
  put(machine, 0x101000, '43 49 75 f7 f4');
  s[BASE + CS] = 0x800;
  s[EIP] = 0x100ffb - 0x800;
  s[ESP] = 0x90000;
  machine.cpu.processor.modeChanged();
  machine.cpu.setGeneral(ECX, 100_000);
  machine.cpu.run(60_000);
  expect(machine.cpu.general(EBX)).toBe(10_000);
  // dec ebx in place of inc ebx
  put(machine, 0x101000, '4b');
  machine.cpu.run(60_000);
  expect(machine.cpu.general(EBX)).toBe(0);
});

test('regions end with the state they belonged to', () => {
  const machine = machineWith(LOOP);
  machine.cpu.setGeneral(ECX, 1_000_000);
  machine.cpu.run(50_000);
  const saved = machine.cpu.save();
  machine.cpu.run(50_000);
  machine.cpu.load(saved);
  expect(machine.cpu.instructions).toBe(50_000);
  expect(machine.cpu.run(10_000_000)).toBe('halted');
  expect(machine.cpu.general(ECX)).toBe(0);
});
