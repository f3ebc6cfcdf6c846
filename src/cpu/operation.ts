/**
 * An operation: the meaning of an instruction, apart from how it is encoded.
 */

import type { Code, Operand } from './code.ts';

export type Define = (c: Code, ...operands: Operand[]) => void;

export interface Operation {
  readonly name: string;
  readonly define: Define;
  /** Uses the stack segment implicitly: instances exist per stack size. */
  readonly stack: boolean;
  /** LOCK is legal when the destination is memory. */
  readonly lock: boolean;
  /** Nothing is decoded behind it: a transfer. */
  readonly ends: boolean;
  /** A near transfer through links or `jumpIndirect`: its record carries the block's length. */
  readonly transfer: boolean;
}

export interface OperationOptions {
  readonly stack?: boolean;
  readonly lock?: boolean;
  readonly ends?: boolean;
  readonly transfer?: boolean;
}

export function op(name: string, define: Define, options: OperationOptions = {}): Operation {
  return {
    name,
    define,
    stack: options.stack ?? false,
    lock: options.lock ?? false,
    ends: (options.ends ?? false) || (options.transfer ?? false),
    transfer: options.transfer ?? false,
  };
}
