import { expect, test } from 'vitest';
import { Bench } from '../../support/board.ts';

function machine(): Bench {
  return new Bench({ firmware: { name: 'bios-256k.bin', bytes: new Uint8Array(256 * 1024) } });
}

/** The two interrupt controllers as a PC's firmware sets them up, all inputs enabled. */
function startInterruptControllers(bench: Bench): void {
  for (const [port, vector, cascade] of [
    [0x20, 8, 4],
    [0xa0, 0x70, 2],
  ]) {
    bench.ports.write(port, 1, 0x11);
    for (const word of [vector, cascade, 1, 0]) bench.ports.write(port + 1, 1, word);
  }
}

test('FERR# is IRQ 13, and a write to port F0 takes it back', () => {
  const bench = machine();
  startInterruptControllers(bench);
  const endOfInterrupt = (): void => {
    bench.outb(0xa0, 0x20);
    bench.outb(0x20, 0x20);
  };
  bench.pc.ferr.set(true);
  expect(bench.pc.intr.level).toBe(true);
  expect(bench.pc.acknowledge()).toBe(0x75);
  endOfInterrupt();
  expect(bench.pc.intr.level).toBe(false);
  bench.outb(0xf0, 0);
  bench.pc.ferr.set(false);
  expect(bench.pc.intr.level).toBe(false);
  bench.pc.ferr.set(true);
  expect(bench.pc.acknowledge()).toBe(0x75);
});
