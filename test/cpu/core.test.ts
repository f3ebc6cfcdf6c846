import { expect, test } from 'vitest';
import { CR0, CR3, CR4, EAX, EBX, ECX, EDI, EIP, ESI, IF, TF } from '../../src/cpu/registers.ts';
import { BareMachine } from '../support/bare-machine.ts';

const CODE = 0x100000;

function bytes(hex: string): Uint8Array {
  return Uint8Array.from(hex.split(' ').map(byte => Number.parseInt(byte, 16)));
}

/** 32-bit protected mode, flat, `hex` at 1 MiB. */
function protectedMachine(hex: string): BareMachine {
  const machine = new BareMachine(4);
  machine.memory.writeBytes(CODE, bytes(hex));
  machine.enterProtected(CODE);
  machine.cpu.processor.s[ECX] = 0;
  machine.cpu.processor.s[EBX] = 0;
  machine.cpu.processor.s[EAX] = 0;
  return machine;
}

/** Real mode with a handler for interrupt 20h at 0:600 that increments BX. */
function realMachine(hex: string): BareMachine {
  const machine = new BareMachine(4);
  machine.loadBootSector(bytes(hex));
  machine.memory.write(0x20 * 4, 4, 0x600);
  machine.memory.writeBytes(0x600, bytes('43 cf'));
  machine.cpu.processor.s[EBX] = 0;
  return machine;
}

/** inc eax; dec ecx; jnz back: three instructions a turn, the last two run as a pair. */
const LOOP = '40 49 75 fc f4';

test.each([1, 2, 3, 7, 63, 64, 65, 100, 1001])('a budget of %i runs that many', budget => {
  const machine = protectedMachine(LOOP);
  machine.cpu.processor.s[ECX] = 0x10000;
  expect(machine.cpu.run(budget)).toBe('budget');
  expect(machine.cpu.instructions).toBe(budget);
  expect(machine.cpu.processor.s[EAX]).toBe(Math.ceil(budget / 3));
});

test('how a run is cut into slices leaves no trace', () => {
  const end = (slices: readonly number[]): number[] => {
    const machine = protectedMachine(LOOP);
    machine.cpu.processor.s[ECX] = 5000;
    for (let i = 0; machine.cpu.instructions < 9000; i++) {
      machine.cpu.run(Math.min(slices[i % slices.length], 9000 - machine.cpu.instructions));
    }
    return [...machine.cpu.processor.s.subarray(0, 10), machine.cpu.processor.eflags()];
  };
  const whole = end([9000]);
  expect(end([1])).toEqual(whole);
  expect(end([5, 64, 333])).toEqual(whole);
});

test('an interrupt is taken between instructions and returned from', () => {
  const machine = realMachine('fb 90 40 40 f4'); // sti; nop; inc ax; inc ax; hlt
  machine.cpu.run(2);
  machine.intr.set(true);
  machine.cpu.run(1);
  machine.intr.set(false);
  machine.run(100);
  expect(machine.cpu.processor.s[EBX]).toBe(1);
  expect(machine.cpu.processor.s[EAX] & 0xffff).toBe(2);
  expect(machine.cpu.halted).toBe(true);
});

test('STI holds interrupts back for one instruction, also at the end of a slice', () => {
  const machine = realMachine('fb f4 41 f4'); // sti; hlt; inc cx; hlt
  machine.cpu.processor.s[ECX] = 0;
  machine.intr.set(true);
  machine.cpu.run(1);
  // The next instruction is the HLT: only then the interrupt comes, and ends the halt.
  machine.cpu.run(1);
  machine.intr.connect(() => {});
  expect(machine.cpu.processor.s[EIP]).not.toBe(0x600);
  machine.cpu.run(1);
  machine.intr.set(false);
  machine.run(100);
  expect(machine.cpu.processor.s[EBX]).toBe(1);
  expect(machine.cpu.processor.s[ECX]).toBe(1);
});

test('a halted processor wakes for an NMI', () => {
  const machine = realMachine('f4 41 f4');
  machine.memory.write(2 * 4, 4, 0x600);
  machine.cpu.processor.s[ECX] = 0;
  machine.run(10);
  expect(machine.cpu.halted).toBe(true);
  machine.nmi.pulse();
  machine.run(10);
  expect(machine.cpu.processor.s[EBX]).toBe(1);
  expect(machine.cpu.processor.s[ECX]).toBe(1);
});

test('the trap flag steps: one #DB behind each instruction', () => {
  // POPF of zeros clears TF; the trap behind it is still due.
  const machine = realMachine('41 41 41 6a 00 9d f4');
  machine.memory.write(1 * 4, 4, 0x600);
  machine.cpu.processor.setEflags(TF, TF);
  machine.run(100);
  expect(machine.cpu.processor.s[EBX]).toBe(5);
});

test('code that patches the next instruction of its own block runs the new one', () => {
  // mov byte [100008],41h (inc ecx); nop; inc eax -> inc ecx; hlt
  const machine = protectedMachine('c6 05 08 00 10 00 41 90 40 f4');
  machine.run(10);
  expect(machine.cpu.processor.s[ECX]).toBe(1);
  expect(machine.cpu.processor.s[EAX]).toBe(0);
});

test('a loop that patches itself sees every new version', () => {
  // a: add eax,1; inc byte [100002]; dec ecx; jnz a; hlt
  const machine = protectedMachine('83 c0 01 fe 05 02 00 10 00 49 75 f4 f4');
  machine.cpu.processor.s[ECX] = 10;
  machine.run(1000);
  expect(machine.cpu.processor.s[EAX]).toBe(55);
});

test('a write from outside reaches code that ran before', () => {
  const machine = protectedMachine('40 f4');
  machine.run(10);
  machine.memory.writeBytes(CODE, bytes('41'));
  machine.cpu.processor.s[EIP] = CODE;
  machine.cpu.processor.s[ECX] = 0;
  machine.cpu.processor.s[34] = 0;
  machine.run(10);
  expect(machine.cpu.processor.s[ECX]).toBe(1);
});

test('REP MOVSB within its own target repeats the pattern', () => {
  const machine = protectedMachine('f3 a4 f4');
  machine.memory.writeBytes(0x2000, bytes('01 02 03'));
  const { s } = machine.cpu.processor;
  [s[ESI], s[EDI], s[ECX]] = [0x2000, 0x2003, 9];
  machine.run(100);
  const found = new Uint8Array(12);
  machine.memory.readBytes(0x2000, found);
  expect([...found]).toEqual([1, 2, 3, 1, 2, 3, 1, 2, 3, 1, 2, 3]);
  expect([s[ESI], s[EDI], s[ECX]]).toEqual([0x2009, 0x200c, 0]);
});

test('REP STOSD over several pages counts a pass for each', () => {
  const machine = protectedMachine('f3 ab f4');
  const { s } = machine.cpu.processor;
  [s[EAX], s[EDI], s[ECX]] = [0x01020304, 0x200000, 0x800];
  machine.run(100);
  expect(machine.memory.read(0x201ffc, 4)).toBe(0x01020304);
  expect(machine.memory.read(0x202000, 4)).toBe(0);
  expect(machine.cpu.instructions).toBe(3);
});

test('an instruction across a page boundary runs, and hears of writes to both pages', () => {
  const machine = protectedMachine('90');
  machine.memory.writeBytes(0x100ffe, bytes('b8 01 00 00 00 f4')); // mov eax,1; hlt
  const { s } = machine.cpu.processor;
  const once = (): number => {
    s[EIP] = 0x100ffe;
    s[34] = 0;
    machine.run(10);
    return s[EAX];
  };
  expect(once()).toBe(1);
  machine.memory.writeBytes(0x101000, bytes('02'));
  expect(once()).toBe(0x201);
  machine.memory.writeBytes(0x100fff, bytes('07'));
  expect(once()).toBe(0x207);
});

test('a port access sees the exact count, whatever runs around it', () => {
  const seen: number[] = [];
  const machine = protectedMachine('40 40 e4 80 40 e4 80 e2 fc f4');
  machine.ports.map({
    name: 'probe',
    base: 0x80,
    length: 1,
    handler: {
      read: () => {
        seen.push(machine.cpu.instructions);
        return 0;
      },
      write: () => {},
    },
  });
  machine.cpu.processor.s[ECX] = 3;
  machine.run(100);
  expect(seen).toEqual([2, 4, 6, 8]);
});

test('an MMIO access that raises an interrupt lets no other instruction pass', () => {
  // mov [3ff000],eax; inc ecx; inc ecx; hlt: outside RAM when the machine has 2 MiB
  const machine = new BareMachine(2);
  machine.memory.writeBytes(CODE, bytes('a3 00 f0 3f 00 41 41 f4'));
  machine.memory.map({
    name: 'device',
    base: 0x3ff000,
    length: 0x1000,
    backing: { read: () => 0, write: () => machine.cpu.requestExit() },
  });
  machine.enterProtected(CODE);
  machine.cpu.processor.s[ECX] = 0;
  expect(machine.cpu.run(1000)).toBe('exit');
  expect(machine.cpu.processor.s[ECX]).toBe(0);
  expect(machine.cpu.instructions).toBe(1);
  machine.run(100);
  expect(machine.cpu.processor.s[ECX]).toBe(2);
});

test('A20 low folds the second megabyte onto the first', () => {
  const machine = protectedMachine('a1 00 20 10 00 f4'); // mov eax,[102000]
  machine.memory.writeBytes(0x2000, bytes('0a 00 00 00'));
  machine.memory.writeBytes(CODE - 0x100000, bytes('a1 00 20 10 00 f4'));
  machine.cpu.processor.setA20(false);
  machine.run(10);
  expect(machine.cpu.processor.s[EAX]).toBe(10);
});

test('an instruction longer than 15 bytes faults', () => {
  const machine = protectedMachine(`${'66 '.repeat(15)}90`);
  machine.run(10);
  expect(machine.tripleFault).toContain('0d');
});

test('LOCK before an instruction that cannot take it is undefined', () => {
  const machine = protectedMachine('f0 40 f4');
  machine.run(10);
  expect(machine.tripleFault).toContain('06');
});

test('save and load go on where they were', () => {
  const machine = protectedMachine(LOOP);
  machine.cpu.processor.s[ECX] = 1000;
  machine.cpu.run(1234);
  const other = protectedMachine(LOOP);
  other.cpu.load(machine.cpu.save());
  machine.cpu.run(500);
  other.cpu.run(500);
  expect(other.cpu.save()).toEqual(machine.cpu.save());
  expect(other.cpu.processor.s[EAX]).toBe(machine.cpu.processor.s[EAX]);
});

test('IF clear keeps interrupts away', () => {
  const machine = realMachine('90 90 90 f4');
  machine.intr.set(true);
  machine.run(100);
  expect(machine.cpu.processor.s[EBX]).toBe(0);
  expect(machine.cpu.processor.eflags() & IF).toBe(0);
});

test('INVLPG forgets all of a large page', () => {
  // mov eax,[400000]; invlpg [401000]; mov ebx,[400000]; hlt
  const machine = new BareMachine(16);
  machine.memory.writeBytes(
    CODE,
    bytes('a1 00 00 40 00 c7 05 04 20 00 00 83 00 80 00 0f 01 3d 00 10 40 00 8b 1d 00 00 40 00 f4'),
  );
  machine.memory.write(0x2000, 4, 0x83);
  machine.memory.write(0x2004, 4, 0x400083);
  machine.memory.write(0x400000, 4, 1);
  machine.memory.write(0x800000, 4, 2);
  machine.enterProtected(CODE);
  const { s } = machine.cpu.processor;
  s[CR3] = 0x2000;
  s[CR4] |= 0x10;
  s[CR0] |= 1 << 31;
  machine.run(100);
  expect([s[EAX], s[EBX]]).toEqual([1, 2]);
});
