/**
 * EFLAGS after COMISS and its like, from how the operands are ordered.
 *
 * Source: Intel SDM volume 2, COMISS.
 */

import { EQUAL, LESS, UNORDERED } from '../fpu/arithmetic.ts';
import { CF, PF, ZF } from '../registers.ts';

export function orderFlags(order: number): number {
  if (order === UNORDERED) return ZF | PF | CF;
  if (order === EQUAL) return ZF;
  return order === LESS ? CF : 0;
}
