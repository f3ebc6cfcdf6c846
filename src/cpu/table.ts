/**
 * How instructions are encoded: rows that tie an encoding and operands to an operation.
 *
 * An encoding is opcode bytes in hexadecimal, then `/r` (ModRM with a register), `/0`..`/7` (the
 * register field selects the row), `mod3`/`mem` (register or memory form only), `+r` (register in
 * the opcode's low bits). A leading `66`, `F2`, `F3` or `NP` makes the prefix part of the opcode.
 *
 * Operands are the letters of the Intel SDM, volume 2, appendix A, as far as needed: E register or
 * memory, G register of ModRM, Z register of the opcode, M memory, R register only, I immediate,
 * Is sign-extended byte, J relative, O absolute offset, S C D segment, control, debug register
 * number, X DS:(E)SI, Y ES:(E)DI, Ap far pointer, P the repeat prefix; sizes b w d, v (16 or 32),
 * z likewise; CL, AL, eAX, DX, 1. `cc` is the opcode's low four bits as a constant. `Wp` is the
 * whole ModRM byte and the opcode's low bits, for escapes.
 */

import { alu } from './ops/alu.ts';
import { bits } from './ops/bits.ts';
import { control } from './ops/control.ts';
import { escapes } from './ops/escapes.ts';
import { far } from './ops/far.ts';
import { move } from './ops/move.ts';
import { multiply } from './ops/multiply.ts';
import { shift } from './ops/shift.ts';
import { simd } from './ops/simd.ts';
import { stack } from './ops/stack.ts';
import { strings } from './ops/string.ts';
import { system } from './ops/system.ts';
import type { Row } from './row.ts';

export const rows: readonly Row[] = [
  ...alu,
  ...shift,
  ...move,
  ...multiply,
  ...bits,
  ...stack,
  ...control,
  ...far,
  ...strings,
  ...system,
  ...escapes,
  ...simd,
];
