import { join } from 'node:path';
import { expect, test } from 'vitest';
import { BareMachine } from '../support/bare-machine.ts';
import counts from './kernels.json' with { type: 'json' };

const IMAGE = join(import.meta.dirname, '../../roms/bench/kernels.elf');

test('a round of the benchmark kernels executes as many instructions as MIPS are made from', () => {
  const machine = new BareMachine(16);
  machine.loadMultiboot(IMAGE);
  const measured: { [kernel: string]: number } = {};
  let seen = 0;
  let began = 0;
  while (!machine.output.includes('\n')) {
    // A marker is one byte: small budgets place it to within 0.01 % of a kernel.
    machine.cpu.run(2000);
    for (; seen < machine.output.length; seen++) {
      const letter = machine.output[seen];
      expect(letter, 'a wrong checksum').not.toBe('!');
      const kernel = Object.keys(counts)[letter.toLowerCase().charCodeAt(0) - 97];
      if (letter >= 'a') began = machine.cpu.instructions;
      else if (letter >= 'A') measured[kernel] = machine.cpu.instructions - began;
    }
  }
  for (const [kernel, count] of Object.entries(counts)) {
    expect(
      Math.abs(measured[kernel] - count) / count,
      `${kernel}: ${measured[kernel]}`,
    ).toBeLessThan(0.001);
  }
});
