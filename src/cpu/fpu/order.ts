/**
 * EFLAGS after FCOMI, COMISS and their like, from how the operands are ordered.
 *
 * Source: Intel SDM volume 2, FCOMI, COMISS.
 */

import { CF, PF, ZF } from '../registers.ts';
import { EQUAL, LESS, UNORDERED } from './arithmetic.ts';

export function orderFlags(order: number): number {
  if (order === UNORDERED) return ZF | PF | CF;
  if (order === EQUAL) return ZF;
  return order === LESS ? CF : 0;
}
