/**
 * The one object that is thrown when an instruction faults, and what the vectors mean.
 *
 * Source: Intel SDM volume 3, section 6.15 and table 6-5 (conditions for a double fault).
 */

import { AC_VECTOR, DE, DF_VECTOR, GP, PF_VECTOR, TS } from './registers.ts';

/** Thrown by `Context.raise`; there is only one, so read it before anything else can fault. */
export class Fault {
  vector = 0;
  /** -1 when the vector has none. */
  errorCode = -1;
  /**
   * The fault belongs to the task that was just switched to: `ownEip` is what to push as its EIP,
   * not the EIP of the instruction that ran.
   */
  hasOwnEip = false;
  ownEip = 0;
}

const fault = new Fault();

/** What an implementation of `Context.raise` does. */
export function throwFault(vector: number, errorCode = -1): never {
  fault.vector = vector;
  fault.errorCode = hasErrorCode(vector) ? Math.max(0, errorCode) : -1;
  fault.hasOwnEip = false;
  throw fault;
}

/** Instead of a vector: the instruction waits for an interrupt, and begins anew behind it. */
export const STALL = -1;

export function throwStall(): never {
  return throwFault(STALL);
}

/** Vectors whose exception pushes an error code. */
export function hasErrorCode(vector: number): boolean {
  return vector === DF_VECTOR || (vector >= TS && vector <= PF_VECTOR) || vector === AC_VECTOR;
}

/** Table 6-4, "contributory": #DE, #TS, #NP, #SS, #GP. */
function isContributory(vector: number): boolean {
  return vector === DE || (vector >= TS && vector <= GP);
}

/** Table 6-5: does `second`, met while `first` is delivered, make a double fault? */
export function makesDoubleFault(first: number, second: number): boolean {
  if (first === PF_VECTOR) return second === PF_VECTOR || isContributory(second);
  return isContributory(first) && isContributory(second);
}
