/**
 * Registers after RESET.
 *
 * Source: Intel SDM volume 3, table 9-1.
 */

import { resetFpu } from './fpu/state.ts';
import { type CpuModel, modelSignature } from './models.ts';
import { resetMsrs } from './msr.ts';
import {
  ATTRIBUTES,
  BASE,
  CR0,
  CS,
  DR0,
  EDX,
  EFLAGS_REST,
  EIP,
  GDTR_LIMIT,
  IDTR_LIMIT,
  LDTR,
  LIMIT,
  MSR_BANK,
  PDPTE,
  SCRATCH,
  SELECTOR,
  SMBASE,
  TR,
} from './registers.ts';

const CR0_AT_RESET = 0x60000010;
const DR6_AT_RESET = 0xffff0ff0 | 0;
const DR7_AT_RESET = 0x400;
/** Present, writable, accessed; code is readable too. */
const DATA = 0x9300;
const CODE = 0x9b00;

/** All of `s` but scratch words; flags read as 2 when the lazy record is zero. */
export function resetRegisters(s: Int32Array, model: CpuModel): void {
  s.fill(0, 0, SCRATCH);
  s.fill(0, MSR_BANK, PDPTE + 8);
  s[EDX] = modelSignature(model);
  s[EIP] = 0xfff0;
  s[EFLAGS_REST] = 2;
  s[CR0] = CR0_AT_RESET;
  s[DR0 + 6] = DR6_AT_RESET;
  s[DR0 + 7] = DR7_AT_RESET;
  for (let n = 0; n < 8; n++) {
    s[LIMIT + n] = 0xffff;
    s[ATTRIBUTES + n] = DATA;
  }
  s[SELECTOR + CS] = 0xf000;
  s[BASE + CS] = 0xffff0000 | 0;
  s[ATTRIBUTES + CS] = CODE;
  s[ATTRIBUTES + LDTR] = 0x8200;
  s[ATTRIBUTES + TR] = 0x8b00;
  s[GDTR_LIMIT] = 0xffff;
  s[IDTR_LIMIT] = 0xffff;
  s[SMBASE] = 0x30000;
  resetMsrs(s);
  resetFpu(s);
}
