/**
 * A processor's state as the notes of a memory dump: what crash tools read as NT_PRSTATUS of a
 * 32-bit processor, and QEMU's own note with the whole of its registers.
 *
 * Layouts: elf_prstatus of Linux for i386, and the dumps of QEMU 7.2 (without KernelGSBase, which
 * 2.2.50 does not have). The x87 and SSE registers are in neither.
 */

import {
  ATTRIBUTES,
  BASE,
  CR0,
  CR2,
  CR3,
  CR4,
  CS,
  EAX,
  EBP,
  EBX,
  ECX,
  EDI,
  EDX,
  ESI,
  ESP,
  GDTR_BASE,
  GDTR_LIMIT,
  IDTR_BASE,
  IDTR_LIMIT,
  LIMIT,
  SELECTOR,
} from './registers.ts';
import { descriptorWord, type RegisterView } from './registers-text.ts';

const NT_PRSTATUS = 1;
const PRSTATUS_SIZE = 144;
const PRSTATUS_PID = 24;
const PRSTATUS_REGISTERS = 72;
const QEMU_SIZE = 432;
const QEMU_SEGMENTS = 152;

const [ES, SS, DS, FS, GS, LDT, TR] = [0, 2, 3, 4, 5, 6, 7];
/** In the order of QEMU's note. */
const SEGMENTS = [CS, DS, ES, FS, GS, SS, LDT, TR];

export function dumpNotes(view: RegisterView): Uint8Array {
  const notes = [note('CORE', NT_PRSTATUS, processStatus(view)), note('QEMU', 0, qemuState(view))];
  const bytes = new Uint8Array(notes.reduce((sum, item) => sum + item.length, 0));
  let at = 0;
  for (const item of notes) {
    bytes.set(item, at);
    at += item.length;
  }
  return bytes;
}

function note(name: string, type: number, content: DataView): Uint8Array {
  const nameSize = Math.ceil((name.length + 1) / 4) * 4;
  const bytes = new Uint8Array(12 + nameSize + content.byteLength);
  const header = new DataView(bytes.buffer);
  header.setUint32(0, name.length + 1, true);
  header.setUint32(4, content.byteLength, true);
  header.setUint32(8, type, true);
  for (let i = 0; i < name.length; i++) bytes[12 + i] = name.charCodeAt(i);
  bytes.set(new Uint8Array(content.buffer), 12 + nameSize);
  return bytes;
}

/** Process 1 is the first processor. */
function processStatus({ s, eip, eflags }: RegisterView): DataView {
  const status = new DataView(new ArrayBuffer(PRSTATUS_SIZE));
  status.setUint32(PRSTATUS_PID, 1, true);
  const selector = (n: number): number => s[SELECTOR + n];
  const general = [EBX, ECX, EDX, ESI, EDI, EBP, EAX].map(index => s[index]);
  const rest = [DS, ES, FS, GS].map(selector);
  const words = [...general, ...rest, 0, eip, selector(CS), eflags, s[ESP], selector(SS)];
  for (const [i, word] of words.entries()) {
    status.setInt32(PRSTATUS_REGISTERS + i * 4, word, true);
  }
  return status;
}

function qemuState({ s, eip, eflags }: RegisterView): DataView {
  const state = new DataView(new ArrayBuffer(QEMU_SIZE));
  const wide = (at: number, value: number): void => state.setBigUint64(at, unsigned(value), true);
  state.setUint32(0, 1, true);
  state.setUint32(4, QEMU_SIZE, true);
  const general = [EAX, EBX, ECX, EDX, ESI, EDI, ESP, EBP].map(index => s[index]);
  const high = Array.from({ length: 8 }, () => 0);
  const registers = [...general, ...high, eip, eflags];
  for (const [i, value] of registers.entries()) wide(8 + i * 8, value);
  let at = QEMU_SEGMENTS;
  const segment = (fields: readonly [number, number, number], base: number): void => {
    for (const [i, field] of fields.entries()) state.setInt32(at + i * 4, field, true);
    wide(at + 16, base);
    at += 24;
  };
  for (const n of SEGMENTS) {
    const flags = descriptorWord(s, n) & 0x00ffff00;
    segment([s[SELECTOR + n], s[LIMIT + n], s[ATTRIBUTES + n] === 0 ? 0 : flags], s[BASE + n]);
  }
  segment([0, s[GDTR_LIMIT], 0], s[GDTR_BASE]);
  segment([0, s[IDTR_LIMIT], 0], s[IDTR_BASE]);
  const control = [s[CR0], 0, s[CR2], s[CR3], s[CR4]];
  for (const [i, value] of control.entries()) wide(at + i * 8, value);
  return state;
}

function unsigned(value: number): bigint {
  return BigInt(value >>> 0);
}
