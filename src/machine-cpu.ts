/**
 * The processor that the machine gets. This one stays in reset: it shows its registers and executes
 * nothing, so that firmware and guests do not run with it.
 */

import type { CpuCore, CpuWiring } from './cpu/cpu.ts';
import type { CpuModel } from './cpu/models.ts';
import { REGISTER_WORDS } from './cpu/registers.ts';
import { registerByName, registersText } from './cpu/registers-text.ts';
import { resetRegisters } from './cpu/reset.ts';

export function createCpu(_wiring: CpuWiring, model: CpuModel): CpuCore {
  const s = new Int32Array(REGISTER_WORDS);
  resetRegisters(s, model);
  const view = { s, eip: 0xfff0, eflags: 2, isA20Open: true, fpu: undefined };
  return {
    instructions: 0,
    halted: true,
    run: () => 'halted',
    requestExit() {},
    reset: () => resetRegisters(s, model),
    save: () => 0,
    load() {},
    pc: 0xfffffff0,
    registersText: () => registersText(view),
    register: name => registerByName(view, name),
    translate: linear => linear,
  };
}
