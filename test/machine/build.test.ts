import { expect, test } from 'vitest';
import { Clock } from '../../src/clock.ts';
import { findModel } from '../../src/cpu/models.ts';
import { Events } from '../../src/events.ts';
import { Inbox } from '../../src/inbox.ts';
import { Log } from '../../src/log.ts';
import { buildMachine } from '../../src/machine-build.ts';
import { InstantHost } from '../support/instant-host.ts';

/** Runs firmware that has `code` at the reset vector and F000:FF00. */
async function run(code: { reset: number[]; more?: number[] }, rebootEnds = true) {
  const bytes = new Uint8Array(0x10000).fill(0xf4);
  bytes.set(code.more ?? [], 0xff00);
  bytes.set(code.reset, 0xfff0);
  const clock = new Clock();
  const lines: string[] = [];
  const events = new Events();
  const machine = buildMachine({
    clock,
    inbox: new Inbox(clock),
    events,
    log: new Log(),
    host: new InstantHost(),
    paceMode: { kind: 'counted', shift: 0, sleep: false },
    rebootEnds,
    shutdownEnds: true,
    model: findModel('qemu32'),
    complain: line => lines.push(line),
    board: {
      ramSize: 1 << 20,
      firmware: { name: 'test.bin', bytes },
      optionRoms: [],
      serials: [],
      drives: [],
      debugExits: [{ port: 0x501, size: 2 }],
      boot: { order: 'c', menu: false },
      rtcBase: 0,
      nographic: true,
    },
  });
  events.listen(({ name }) => {
    if (name === 'RESET') machine.quit(9);
  });
  machine.cont();
  return { status: await machine.power(), lines };
}

/** LIDT [CS:FF00], which is empty; INT3. */
const tripleFault = { reset: [0x2e, 0x0f, 0x01, 0x1e, 0x00, 0xff, 0xcc], more: [0, 0, 0, 0, 0, 0] };

test('a triple fault says why when it ends the program', async () => {
  const { status, lines } = await run(tripleFault);
  expect(status).toBe(0);
  expect(lines).toEqual(['Triple fault: 0d -> 08 -> 0d at CS:EIP f000:0000fff6, CR2 00000000\n']);
});

test('a triple fault that only resets the machine is silent', async () => {
  expect(await run(tripleFault, false)).toEqual({ status: 9, lines: [] });
});

test('a write to IA32_APIC_BASE takes the APIC out of CPUID', async () => {
  const leave = [0xba, 0x01, 0x05, 0xef]; // MOV DX, 501h; OUT DX, AX
  const off = [
    ...[0x66, 0xb9, 0x1b, 0, 0, 0, 0x0f, 0x32], // MOV ECX, 1Bh; RDMSR
    ...[0x80, 0xe4, 0xf7, 0x0f, 0x30], // AND AH, F7h; WRMSR
    ...[0x66, 0xb8, 1, 0, 0, 0, 0x0f, 0xa2], // MOV EAX, 1; CPUID
    ...[0x92, 0x25, 0x00, 0x02, 0xc1, 0xe8, 9, ...leave], // XCHG AX, DX; AND AX, 200h; SHR AX, 9
  ];
  const jump = [0xe9, 0x0d, 0xff]; // JMP FF00
  expect((await run({ reset: jump, more: off })).status).toBe(1);
  const kept = off.with(10, 0xff);
  expect((await run({ reset: jump, more: kept })).status).toBe(3);
});

test('RDTSC counts within a slice: between two of them time has passed', async () => {
  // jmp FF00; rdtsc; mov bx, ax; rdtsc; sub ax, bx; mov dx, 501h; out dx, al
  const read = [0x0f, 0x31, 0x89, 0xc3, 0x0f, 0x31, 0x29, 0xd8, 0xba, 0x01, 0x05, 0xee];
  const { status } = await run({ reset: [0xe9, 0x0d, 0xff], more: read });
  // One nanosecond per instruction, two instructions, and the exit status is twice that and one.
  expect(status).toBe(2 * 2 + 1);
});
