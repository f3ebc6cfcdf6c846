import { expect, test, vi } from 'vitest';
import { CR0, CR0_PG, CR3, EAX, ECX, ESP } from '../../src/cpu/registers.ts';
import { BareMachine, RUN_LOOPS } from '../support/bare-machine.ts';

const DIRECTORY = 0x10000;
const TABLE = 0x11000;
/** Pages that instructions straddle into; the handler of #PF and what it needs. */
const [FIRST, SECOND, THIRD] = [0x100000, 0x101000, 0x202000];
const [START, IDT, GDT, HANDLER] = [0x20000, 0x30000, 0x31000, 0x32000];
const PRESENT = 7;
const EAGER = { slice: 200, samples: 2, price: 20, departures: 50 };

/** Identity-mapped; `hex` at START, with interrupts for nobody. */
function pagedMachine(hex: string): BareMachine {
  const machine = new BareMachine(4, 'max', { ...RUN_LOOPS, hotness: EAGER });
  const { memory } = machine;
  memory.write(DIRECTORY, 4, TABLE | PRESENT);
  for (let page = 0; page < 1024; page++) {
    memory.write(TABLE + page * 4, 4, (page << 12) | PRESENT);
  }
  put(machine, START, hex);
  machine.enterProtected(START);
  const { s } = machine.cpu.processor;
  s[CR3] = DIRECTORY;
  s[CR0] |= CR0_PG;
  s[ESP] = 0x90000;
  for (const n of [EAX, ECX]) s[n] = 0;
  return machine;
}

function put({ memory }: BareMachine, at: number, hex: string): void {
  const bytes = hex.split(' ').map(byte => Number.parseInt(byte, 16));
  memory.writeBytes(at, Uint8Array.from(bytes));
}

/** lidt, lgdt of tables that have a flat code segment 8 and a handler of #PF. */
function addFaultHandler(machine: BareMachine): void {
  const { memory } = machine;
  memory.write(GDT + 8, 4, 0xffff);
  memory.write(GDT + 12, 4, 0x00cf9b00);
  memory.write(IDT + 14 * 8, 4, (8 << 16) | (HANDLER & 0xffff));
  memory.write(IDT + 14 * 8 + 4, 4, (HANDLER & 0xffff0000) | 0x8e00);
  // mov edx, cr2; mov ebx, [esp+4]; hlt
  put(machine, HANDLER, '0f 20 d2 8b 5c 24 04 f4');
  memory.write(0x33000, 4, (GDT << 16) | 0xff);
  memory.write(0x33004, 4, GDT >>> 16);
  memory.write(0x33008, 4, (IDT << 16) | 0xff);
  memory.write(0x3300c, 4, IDT >>> 16);
}

/** At the end of the first page: add eax, imm32, whose last two bytes are in the second. */
function straddle(machine: BareMachine): void {
  put(machine, FIRST + 0xffd, '05 01 00');
  put(machine, SECOND, '00 00 c3');
  put(machine, THIRD, '10 00 c3');
}

/** What the loop does between the calls: mov dword [TABLE's entry of SECOND], page; invlpg. */
const REMAP = 'c7 05 04 14 01 00 07 20 20 00 0f 01 3d 00 10 10 00';
/** call FIRST+FFDh through EBX, EBP times. */
const CALLS = 'bb fd 0f 10 00 bd e8 03 00 00 ff d3 4d 75 fb';

test('an instruction in two pages is read anew when its second page is mapped elsewhere', () => {
  const machine = pagedMachine(`${CALLS} ${REMAP} ff d3 f4`);
  straddle(machine);
  expect(machine.cpu.run(100_000)).toBe('halted');
  expect(machine.cpu.general(EAX)).toBe(1000 + 0x100001);
});

test('and faults when its second page is gone', () => {
  const gone = REMAP.replace('07 20 20 00', '00 00 00 00');
  const load = '0f 01 15 00 30 03 00 0f 01 1d 08 30 03 00';
  const machine = pagedMachine(`${load} ${CALLS} ${gone} ff d3 f4`);
  straddle(machine);
  addFaultHandler(machine);
  expect(machine.cpu.run(100_000)).toBe('halted');
  expect(machine.cpu.general(EAX)).toBe(1000);
  expect(machine.cpu.register('edx')).toBe(BigInt(SECOND));
  expect(machine.cpu.register('ebx')).toBe(BigInt(FIRST + 0xffd));
});

test('links do not lead to it, whatever comes before', () => {
  // At FIRST+FF7h: dec ecx; jz +2; jmp +1; ret; and the instruction, which goes back there.
  const head = '49 74 02 eb 01 c3';
  const back = 'e9 f0 ff ff ff';
  const count = 'bb f7 0f 10 00 b9 e8 03 00 00 ff d3';
  const machine = pagedMachine(`${count} ${REMAP} b9 0a 00 00 00 ff d3 f4`);
  put(machine, FIRST + 0xff7, head);
  put(machine, FIRST + 0xffd, '05 01 00');
  put(machine, SECOND, `00 00 ${back}`);
  put(machine, THIRD, `10 00 ${back}`);
  expect(machine.cpu.run(100_000)).toBe('halted');
  expect(machine.cpu.general(EAX)).toBe(999 + 9 * 0x100001);
});

test('code that two linear pages share is decoded once for each', () => {
  // EBP times: call it at FIRST, call it at SECOND; they share a page: inc eax; ret
  const calls = 'ff d3 53 81 c3 00 10 00 00 ff d3 5b';
  const machine = pagedMachine(`bb 00 00 10 00 bd e8 03 00 00 ${calls} 4d 75 f1 f4`);
  put(machine, FIRST, '40 c3');
  machine.memory.write(TABLE + (SECOND >>> 12) * 4, 4, FIRST | PRESENT);
  const decoded = vi.spyOn(machine.cpu.processor, 'onDecode');
  expect(machine.cpu.run(100_000)).toBe('halted');
  expect(machine.cpu.general(EAX)).toBe(2000);
  expect(decoded.mock.calls.length).toBeLessThan(20);
});
