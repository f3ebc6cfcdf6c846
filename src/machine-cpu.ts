/**
 * The processor that the machine gets.
 */

import { Cpu } from './cpu/core.ts';
import type { CpuCore, CpuWiring } from './cpu/cpu.ts';
import type { CpuModel } from './cpu/models.ts';

export function createCpu(wiring: CpuWiring, model: CpuModel): CpuCore {
  return new Cpu(wiring, model);
}
