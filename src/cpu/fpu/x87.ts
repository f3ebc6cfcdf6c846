/**
 * The door of the x87: two entries that take any escape opcode D8 to DF, with a memory operand or
 * without, and FWAIT. Which instruction it is comes from tables indexed by opcode.
 *
 * Source: Intel SDM volume 2, appendix A, tables.
 * Undefined encodings raise #UD; so do the 287's FSETPM and the 8087's FENI and FDISI not: they do
 * nothing, as on every processor since the 387.
 */

import type { Context } from '../context.ts';
import { CF, PF, UD, ZF } from '../registers.ts';
import * as basic from './basic.ts';
import * as control from './control.ts';
import * as functions from './functions.ts';
import * as logarithms from './logarithms.ts';
import * as moves from './moves.ts';
import * as scale from './scale.ts';
import { checkAvailable, checkPending, fwait, noteInstruction, noteOperand } from './stack.ts';
import * as transfer from './transfer.ts';

export { fwait };

type MemoryForm = (c: Context, seg: number, offset: number, bytes: 2 | 4) => void;
type RegisterForm = (c: Context, i: number) => void;

/** By (opcode & 7) << 3 | reg. */
const memoryForms: (MemoryForm | undefined)[] = new Array(64).fill(undefined);
/** By (opcode & 7) << 6 | (modrm & 63). */
const registerForms: (RegisterForm | undefined)[] = new Array(512).fill(undefined);
/** 1 for instructions that ignore pending exceptions. */
const nonWaiting = new Uint8Array(64 + 512);
/** 1 for control instructions, which leave the last-instruction pointers. */
const controls = new Uint8Array(64 + 512);

const place: transfer.Place = { seg: 0, offset: 0 };

function at(seg: number, offset: number): transfer.Place {
  place.seg = seg;
  place.offset = offset;
  return place;
}

function memory(opcode: number, reg: number, form: MemoryForm): void {
  memoryForms[((opcode & 7) << 3) | reg] = form;
}

/** All eight registers from `modrm` on. */
function registers(opcode: number, modrm: number, form: RegisterForm): void {
  for (let i = 0; i < 8; i++) registerForms[((opcode & 7) << 6) | (modrm & 56) | i] = form;
}

function single(opcode: number, modrm: number, form: RegisterForm): void {
  registerForms[((opcode & 7) << 6) | (modrm & 63)] = form;
}

function controlMemory(opcode: number, reg: number, waits: boolean, form: MemoryForm): void {
  memory(opcode, reg, form);
  controls[((opcode & 7) << 3) | reg] = 1;
  nonWaiting[((opcode & 7) << 3) | reg] = waits ? 0 : 1;
}

function controlRegister(opcode: number, modrm: number, waits: boolean, form: RegisterForm): void {
  single(opcode, modrm, form);
  const index = 64 + (((opcode & 7) << 6) | (modrm & 63));
  controls[index] = 1;
  nonWaiting[index] = waits ? 0 : 1;
}

/** A form that only some instructions need: the operand is a place. */
function placed(form: (c: Context, place: transfer.Place) => void): MemoryForm {
  return (c, seg, offset) => form(c, at(seg, offset));
}

function arithmetic(): void {
  const formats: [number, number][] = [
    [0xd8, transfer.SINGLE],
    [0xda, transfer.INT32],
    [0xdc, transfer.DOUBLE],
    [0xde, transfer.INT16],
  ];
  for (const [opcode, format] of formats) {
    for (let op = 0; op < 8; op++) {
      memory(
        opcode,
        op,
        placed((c, p) => transfer.arithmeticFrom(c, op, format, p)),
      );
    }
  }
  for (let op = 0; op < 8; op++) {
    if (op === basic.FCOM || op === basic.FCOMP) continue;
    // DC and DE number subtraction and division from the destination's side.
    const mirrored = op >= basic.FSUB ? op ^ 1 : op;
    registers(0xd8, 0xc0 | (op << 3), (c, i) => basic.arithmeticTop(c, op, i));
    registers(0xdc, 0xc0 | (op << 3), (c, i) => basic.arithmeticTo(c, mirrored, i, 0));
    registers(0xde, 0xc0 | (op << 3), (c, i) => basic.arithmeticTo(c, mirrored, i, 1));
  }
}

function comparisons(): void {
  for (const opcode of [0xd8, 0xdc]) {
    registers(opcode, 0xd0, (c, i) => basic.compareStack(c, i, 0, 0));
    registers(opcode, 0xd8, (c, i) => basic.compareStack(c, i, 0, 1));
  }
  registers(0xde, 0xd0, (c, i) => basic.compareStack(c, i, 0, 1));
  registers(0xdd, 0xe0, (c, i) => basic.compareStack(c, i, 1, 0));
  registers(0xdd, 0xe8, (c, i) => basic.compareStack(c, i, 1, 1));
  single(0xda, 0xe9, c => basic.compareStack(c, 1, 1, 2));
  single(0xde, 0xd9, c => basic.compareStack(c, 1, 0, 2));
  registers(0xdb, 0xf0, (c, i) => basic.compareFlags(c, i, 0, 0));
  registers(0xdf, 0xf0, (c, i) => basic.compareFlags(c, i, 0, 1));
  registers(0xdb, 0xe8, (c, i) => basic.compareFlags(c, i, 1, 0));
  registers(0xdf, 0xe8, (c, i) => basic.compareFlags(c, i, 1, 1));
  single(0xd9, 0xe4, basic.ftst);
  single(0xd9, 0xe5, basic.fxam);
  const masks = [CF, ZF, CF | ZF, PF];
  for (let n = 0; n < 4; n++) {
    const mask = masks[n];
    registers(0xda, 0xc0 | (n << 3), (c, i) => move(c, i, (c.eflags() & mask) !== 0));
    registers(0xdb, 0xc0 | (n << 3), (c, i) => move(c, i, (c.eflags() & mask) === 0));
  }
}

function move(c: Context, i: number, condition: boolean): void {
  if (!c.has('cmov')) c.raise(UD);
  moves.fcmov(c, i, condition);
}

function loadsAndStores(): void {
  const loads: [number, number, number][] = [
    [0xd9, 0, transfer.SINGLE],
    [0xdd, 0, transfer.DOUBLE],
    [0xdf, 0, transfer.INT16],
    [0xdb, 0, transfer.INT32],
    [0xdf, 5, transfer.INT64],
    [0xdf, 4, transfer.DECIMAL],
  ];
  for (const [opcode, reg, format] of loads) {
    memory(opcode, reg, (c, seg, offset) => transfer.loadFrom(c, format, seg, offset));
  }
  for (const [opcode, format] of [
    [0xd9, transfer.SINGLE],
    [0xdd, transfer.DOUBLE],
  ]) {
    memory(
      opcode,
      2,
      placed((c, p) => transfer.storeFloat(c, format, 0, p)),
    );
    memory(
      opcode,
      3,
      placed((c, p) => transfer.storeFloat(c, format, 1, p)),
    );
  }
  memory(0xdb, 5, transfer.loadExtended);
  memory(0xdb, 7, transfer.storeExtended);
  memory(0xdf, 6, transfer.storeDecimal);
  integerStores();
}

function integerStores(): void {
  const stores: [number, number, number, number, number][] = [
    [0xdf, 2, transfer.INT16, 0, 0],
    [0xdf, 3, transfer.INT16, 1, 0],
    [0xdb, 2, transfer.INT32, 0, 0],
    [0xdb, 3, transfer.INT32, 1, 0],
    [0xdf, 7, transfer.INT64, 1, 0],
    [0xdf, 1, transfer.INT16, 1, 1],
    [0xdb, 1, transfer.INT32, 1, 1],
    [0xdd, 1, transfer.INT64, 1, 1],
  ];
  for (const [opcode, reg, format, pops, truncate] of stores) {
    const how = { pops, truncate };
    const form = placed((c, p) => transfer.storeInteger(c, format, how, p));
    if (truncate === 0) memory(opcode, reg, form);
    else memory(opcode, reg, needsSse3(form));
  }
}

function needsSse3(form: MemoryForm): MemoryForm {
  return (c, seg, offset, bytes) => {
    if (!c.has('sse3')) c.raise(UD);
    form(c, seg, offset, bytes);
  };
}

function stackMoves(): void {
  registers(0xd9, 0xc0, moves.fldSt);
  for (const opcode of [0xd9, 0xdd, 0xdf]) registers(opcode, 0xc8, moves.fxch);
  registers(0xdd, 0xd0, (c, i) => moves.fstSt(c, i, 0));
  registers(0xdd, 0xd8, (c, i) => moves.fstSt(c, i, 1));
  registers(0xd9, 0xd8, moves.fstpUnchecked);
  registers(0xdf, 0xd0, (c, i) => moves.fstSt(c, i, 1));
  registers(0xdf, 0xd8, (c, i) => moves.fstSt(c, i, 1));
  for (let i = 0; i < 8; i++) {
    controlRegister(0xdd, 0xc0 | i, true, (c, n) => moves.ffree(c.s, n, 0));
    controlRegister(0xdf, 0xc0 | i, true, (c, n) => moves.ffree(c.s, n, 1));
  }
  for (let n = 0; n < 7; n++) single(0xd9, 0xe8 + n, c => transfer.loadConstant(c, n));
}

function unaries(): void {
  single(0xd9, 0xe0, basic.fchs);
  single(0xd9, 0xe1, basic.fabs);
  single(0xd9, 0xf4, scale.fxtract);
  single(0xd9, 0xf5, c => scale.fprem(c, 1));
  single(0xd9, 0xf8, c => scale.fprem(c, 0));
  single(0xd9, 0xfa, basic.fsqrt);
  single(0xd9, 0xfc, basic.frndint);
  single(0xd9, 0xfd, scale.fscale);
  single(0xd9, 0xf0, logarithms.f2xm1);
  single(0xd9, 0xf1, logarithms.fyl2x);
  single(0xd9, 0xf2, functions.fptan);
  single(0xd9, 0xf3, logarithms.fpatan);
  single(0xd9, 0xf9, logarithms.fyl2xp1);
  single(0xd9, 0xfb, functions.fsincos);
  single(0xd9, 0xfe, functions.fsin);
  single(0xd9, 0xff, functions.fcos);
}

function controlGroup(): void {
  controlMemory(0xd9, 4, true, (c, seg, offset, n) => control.fldenv(c, n, seg, offset));
  controlMemory(0xd9, 5, true, control.fldcw);
  controlMemory(0xd9, 6, false, (c, seg, offset, n) => control.fnstenv(c, n, seg, offset));
  controlMemory(0xd9, 7, false, control.fnstcw);
  controlMemory(0xdd, 4, true, (c, seg, offset, n) => control.frstor(c, n, seg, offset));
  controlMemory(0xdd, 6, false, (c, seg, offset, n) => control.fnsave(c, n, seg, offset));
  controlMemory(0xdd, 7, false, control.fnstsw);
  controlRegister(0xdf, 0xe0, false, control.fnstswAx);
  controlRegister(0xdb, 0xe2, false, control.fnclex);
  controlRegister(0xdb, 0xe3, false, control.fninit);
  for (const modrm of [0xe0, 0xe1, 0xe4]) controlRegister(0xdb, modrm, false, () => {});
  controlRegister(0xd9, 0xd0, true, () => {});
  controlRegister(0xd9, 0xf6, true, c => moves.moveTop(c.s, -1));
  controlRegister(0xd9, 0xf7, true, c => moves.moveTop(c.s, 1));
}

arithmetic();
comparisons();
loadsAndStores();
stackMoves();
unaries();
controlGroup();

/** `fop` as the processor's FOP register has it: low three opcode bits, then ModRM. */
function memoryIndex(fop: number): number {
  return ((fop >> 5) & 56) | ((fop >> 3) & 7);
}

function registerIndex(fop: number): number {
  return ((fop >> 2) & 0x1c0) | (fop & 63);
}

/** True for encodings that are instructions; the others are #UD. */
export function isDefined(fop: number): boolean {
  const form =
    (fop & 0xc0) === 0xc0 ? registerForms[registerIndex(fop)] : memoryForms[memoryIndex(fop)];
  return form !== undefined;
}

/**
 * An instruction with a memory operand. `fop` is (opcode & 7) << 8 | ModRM; `bytes` is the operand
 * size, which only the environment images look at.
 */
export function x87Memory(
  c: Context,
  fop: number,
  operand: { readonly seg: number; readonly offset: number },
  bytes: 2 | 4,
): void {
  const index = memoryIndex(fop);
  const form = memoryForms[index];
  if (form === undefined) c.raise(UD);
  checkAvailable(c);
  if (nonWaiting[index] === 0) checkPending(c);
  const { seg, offset } = operand;
  form(c, seg, offset, bytes);
  if (controls[index] === 1) return;
  noteInstruction(c, fop);
  noteOperand(c.s, seg, offset);
}

/** An instruction without memory operand. */
export function x87Register(c: Context, fop: number): void {
  const index = registerIndex(fop);
  const form = registerForms[index];
  if (form === undefined) c.raise(UD);
  checkAvailable(c);
  if (nonWaiting[64 + index] === 0) checkPending(c);
  if (controls[64 + index] === 0) noteInstruction(c, fop);
  form(c, fop & 7);
}
