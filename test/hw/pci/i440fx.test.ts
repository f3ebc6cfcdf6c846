import { expect, test } from 'vitest';
import { Bench } from '../../support/board.ts';

const RESET_VECTOR = 0xffff0;

test('after reset the firmware answers below 1 MiB and at 4 GiB', () => {
  const { memory } = new Bench();
  expect(memory.read(RESET_VECTOR, 1)).toBe(0xea);
  expect(memory.read(0xfffffff0, 1)).toBe(0xea);
});

test('a write to firmware vanishes', () => {
  const { memory } = new Bench();
  memory.write(RESET_VECTOR, 1, 0x90);
  memory.write(0xfffffff0, 1, 0x90);
  expect(memory.read(RESET_VECTOR, 1)).toBe(0xea);
  expect(memory.read(0xfffffff0, 1)).toBe(0xea);
});

test('shadowing: writes go to RAM first, then reads too, then only reads', () => {
  const bench = new Bench();
  const { memory } = bench;
  bench.configWriteByte(0, 0, 0x59, 0x20);
  memory.write(RESET_VECTOR, 1, 0x90);
  expect(memory.read(RESET_VECTOR, 1)).toBe(0xea);
  bench.configWriteByte(0, 0, 0x59, 0x30);
  expect(memory.read(RESET_VECTOR, 1)).toBe(0x90);
  memory.write(RESET_VECTOR, 1, 0x91);
  bench.configWriteByte(0, 0, 0x59, 0x10);
  memory.write(RESET_VECTOR, 1, 0x92);
  expect(memory.read(RESET_VECTOR, 1)).toBe(0x91);
});

test('each nibble of PAM1 to PAM6 stands for 16 KiB from C0000 on', () => {
  const bench = new Bench();
  const { memory } = bench;
  for (let i = 0; i < 12; i++) {
    const address = 0xc0000 + i * 0x4000;
    bench.configWriteByte(0, 0, 0x5a + (i >> 1), 3 << (4 * (i & 1)));
    memory.write(address, 4, 0x1000 + i);
    expect(memory.read(address, 4)).toBe(0x1000 + i);
    bench.configWriteByte(0, 0, 0x5a + (i >> 1), 0);
    expect(memory.read(address, 4)).not.toBe(0x1000 + i);
  }
});

test('the video window hides RAM until SMRAM is opened', () => {
  const bench = new Bench();
  const { memory } = bench;
  memory.write(0xa0000, 1, 0x55);
  expect(memory.read(0xa0000, 1)).toBe(0xff);
  bench.configWriteByte(0, 0, 0x72, 0x4a);
  memory.write(0xa0000, 1, 0x55);
  expect(memory.read(0xa0000, 1)).toBe(0x55);
  bench.configWriteByte(0, 0, 0x72, 0x0a);
  expect(memory.read(0xa0000, 1)).toBe(0xff);
});

test('a processor in system management mode sees SMRAM closed to others', () => {
  const bench = new Bench();
  bench.configWriteByte(0, 0, 0x72, 0x0a);
  bench.pc.i440fx.smm.set(true);
  bench.memory.write(0xa8000, 1, 0x77);
  expect(bench.memory.read(0xa8000, 1)).toBe(0x77);
  bench.pc.i440fx.smm.set(false);
  expect(bench.memory.read(0xa8000, 1)).toBe(0xff);
});

test('shadow RAM outlives a reset, the standard registers do not', () => {
  const bench = new Bench();
  bench.configWriteByte(0, 0, 0x59, 0x30);
  bench.configWriteByte(0, 0, 0x3c, 0x0b);
  bench.memory.write(RESET_VECTOR, 1, 0x90);
  bench.pc.reset();
  expect(bench.memory.read(RESET_VECTOR, 1)).toBe(0x90);
  expect(bench.pc.i440fx.pci.read(0x3c, 1)).toBe(0);
});
