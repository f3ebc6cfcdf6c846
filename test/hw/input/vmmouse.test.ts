import { expect, test } from 'vitest';
import { Bench } from '../../support/board.ts';

const MAGIC = 0x564d5868;
const PORT = 0x5658;
const [DATA, STATUS, COMMAND] = [39, 40, 41];
const VERSION = 0x3442554a;

/** Calls as a guest's IN does: EAX to EDX before, and after. */
class Caller {
  readonly bench = new Bench();
  private readonly registers = new Uint32Array(8);

  constructor() {
    this.bench.pc.input.vmport.registers = {
      general: index => this.registers[index],
      setGeneral: (index, value) => {
        this.registers[index] = value;
      },
    };
  }

  call(command: number, ebx = 0, eax = MAGIC): number[] {
    this.registers.set([eax, command, 0, ebx]);
    const result = this.bench.inl(PORT);
    return [result, this.registers[3], this.registers[1], this.registers[2]];
  }

  enable(): void {
    this.call(COMMAND, 0x45414552);
    this.call(DATA, 1);
    this.call(COMMAND, 0x53424152);
  }

  get mice(): string[] {
    return this.bench.pc.input.router.mice().map(({ name }) => name);
  }
}

test('the back door opens to the magic number only', () => {
  const caller = new Caller();
  expect(caller.call(10).slice(0, 2)).toEqual([6, MAGIC]);
  expect(caller.call(20)[0]).toBe(16 << 20);
  expect(caller.call(10, 0, 7)[0]).toBe(7);
  expect(caller.call(99)[0]).toBe(MAGIC);
});

test('a driver finds the mouse by its version', () => {
  const caller = new Caller();
  expect(caller.call(STATUS)[0]).toBe(0xffff0000);
  caller.call(COMMAND, 0x45414552);
  expect(caller.call(STATUS)[0]).toBe(1);
  expect(caller.call(DATA, 1)[0]).toBe(VERSION);
  expect(caller.call(STATUS)[0]).toBe(0);
  expect(caller.mice).toEqual(['QEMU PS/2 Mouse']);
  caller.call(COMMAND, 0x53424152);
  expect(caller.mice).toEqual(['QEMU PS/2 Mouse', 'vmmouse']);
});

test('places, buttons and the wheel come as packets of four, told by the PS/2 mouse', () => {
  const caller = new Caller();
  const { bench } = caller;
  bench.outb(0x64, 0xd4);
  bench.outb(0x60, 0xf4);
  bench.inb(0x60);
  caller.enable();
  const { router } = bench.pc.input;
  router.moveTo('x', 0x4000);
  router.button(1, true);
  router.turnWheel(-1);
  expect(bench.inb(0x64) & 0x21).toBe(0x21);
  expect(caller.call(STATUS)[0]).toBe(12);
  expect(caller.call(DATA, 4)).toEqual([0, 0x8000, 0, 0]);
  expect(caller.call(DATA, 4)).toEqual([0x20, 0x8000, 0, 0]);
  expect(caller.call(DATA, 4)).toEqual([0x20, 0x8000, 0, 0xffffffff]);
});

test('asking for more than there is ends it', () => {
  const caller = new Caller();
  caller.enable();
  expect(caller.call(DATA, 4)[0]).toBe(0xffff0000);
  expect(caller.call(STATUS)[0]).toBe(0xffff0000);
  expect(caller.mice).toEqual(['QEMU PS/2 Mouse']);
});

test('an enabled mouse is saved and loaded, and switched off by a reset', () => {
  const caller = new Caller();
  caller.enable();
  caller.bench.pc.input.router.moveTo('y', 1);
  const other = new Caller();
  other.bench.pc.load(caller.bench.pc.save());
  expect(other.mice).toEqual(['QEMU PS/2 Mouse', 'vmmouse']);
  expect(other.call(DATA, 4)).toEqual([0, 0, 2, 0]);
  other.bench.pc.reset();
  expect(other.mice).toEqual(['QEMU PS/2 Mouse']);
});
