/**
 * Guest memory as an ELF core file, for gdb and crash: one segment per piece of RAM, by physical
 * addresses or, with paging, by the addresses of the guest's current tables.
 *
 * Source: System V ABI, ELF-64 object file format. Not there: kdump's compressed formats.
 */

import { HostError } from '../../disk-host.ts';
import { UserError } from '../../error.ts';
import type { Json } from '../../json.ts';
import { DIRECT, PAGE_BITS, PAGE_SIZE } from '../../memory.ts';
import type { RunState } from '../../run-state.ts';
import { bool, empty, enumeration, int, optional, returned, str, struct } from '../../schema.ts';
import { action, command } from '../command.ts';
import type { Vm } from '../vm.ts';

type JsonObject = { readonly [name: string]: Json };

const FORMATS = ['elf', 'kdump-zlib', 'kdump-lzo', 'kdump-snappy'] as const;

const PAGE_COUNT = 1 << 20;
const EHDR_SIZE = 64;
const PHDR_SIZE = 56;
const ET_CORE = 4;
const EM_386 = 3;
const PT_LOAD = 1;
const PT_NOTE = 4;

/** Bytes of RAM that follow one another. */
interface Piece {
  readonly virtual: number;
  readonly physical: number;
  readonly length: number;
}

/** Where RAM answers: `physicalOf` gives the page behind each page. */
function findPieces(vm: Vm, physicalOf: (page: number) => number | undefined): Piece[] {
  const { readPages } = vm.machine.memory;
  const pieces: Piece[] = [];
  let start = -1;
  let first = 0;
  for (let page = 0; page <= PAGE_COUNT; page++) {
    const physical = page < PAGE_COUNT ? physicalOf(page) : undefined;
    const isRam = physical !== undefined && (readPages[physical] & DIRECT) !== 0;
    const follows = isRam && start >= 0 && physical === first + page - start;
    if (start >= 0 && !follows) {
      const length = (page - start) * PAGE_SIZE;
      pieces.push({ virtual: start * PAGE_SIZE, physical: first * PAGE_SIZE, length });
      start = -1;
    }
    if (!isRam || follows) continue;
    start = page;
    first = physical;
  }
  return pieces;
}

function guestPieces(vm: Vm, paging: boolean): Piece[] {
  const { cpu } = vm.machine;
  if (!paging) return findPieces(vm, page => page);
  return findPieces(vm, page => {
    const at = cpu.translate(page * PAGE_SIZE);
    return at === undefined ? undefined : at >>> PAGE_BITS;
  });
}

/** Only what lies in the range of physical addresses. */
function cut(pieces: readonly Piece[], begin: number, length: number): Piece[] {
  return pieces.flatMap(piece => {
    const from = Math.max(piece.physical, begin);
    const to = Math.min(piece.physical + piece.length, begin + length);
    if (from >= to) return [];
    const virtual = piece.virtual + (from - piece.physical);
    return [{ virtual, physical: from, length: to - from }];
  });
}

function* coreFile(vm: Vm, pieces: readonly Piece[]): Generator<Uint8Array> {
  const notes = vm.machine.cpu.dumpNotes();
  const headers = new Uint8Array(EHDR_SIZE + PHDR_SIZE * (pieces.length + 1));
  const view = new DataView(headers.buffer);
  headers.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]);
  view.setUint16(16, ET_CORE, true);
  view.setUint16(18, EM_386, true);
  view.setUint32(20, 1, true);
  view.setUint32(32, EHDR_SIZE, true);
  view.setUint16(52, EHDR_SIZE, true);
  view.setUint16(54, PHDR_SIZE, true);
  view.setUint16(56, pieces.length + 1, true);
  let at = EHDR_SIZE;
  let offset = headers.length;
  const segment = (type: number, { virtual, physical, length }: Piece): void => {
    view.setUint32(at, type, true);
    for (const [i, value] of [offset, virtual, physical, length, length].entries()) {
      view.setBigUint64(at + 8 + i * 8, BigInt(value), true);
    }
    at += PHDR_SIZE;
    offset += length;
  };
  segment(PT_NOTE, { virtual: 0, physical: 0, length: notes.length });
  for (const piece of pieces) segment(PT_LOAD, piece);
  yield headers;
  yield notes;
  for (const { physical, length } of pieces) yield* contents(vm, physical, length);
}

const CHUNK = 1 << 20;

function* contents(vm: Vm, physical: number, length: number): Generator<Uint8Array> {
  for (let done = 0; done < length; done += CHUNK) {
    const chunk = new Uint8Array(Math.min(CHUNK, length - done));
    vm.machine.memory.readBytes(physical + done, chunk);
    yield chunk;
  }
}

/** The machine does not run meanwhile. */
async function writeCore(vm: Vm, path: string, pieces: readonly Piece[]): Promise<void> {
  const { machine } = vm;
  const isIn = (state: RunState): boolean => machine.runState === state;
  const wasRunning = isIn('running');
  machine.stop('save-vm');
  try {
    await vm.host.writeFile(path, coreFile(vm, pieces));
  } catch (error) {
    throw error instanceof HostError ? new UserError('dump: failed to save memory') : error;
  } finally {
    if (wasRunning && isIn('save-vm')) machine.start();
  }
}

/** The file's name. */
function targetFile(protocol: string): string {
  if (protocol.startsWith('file:')) return protocol.slice(5);
  if (!protocol.startsWith('fd:')) throw new UserError("Invalid parameter 'protocol'");
  throw new UserError(`File descriptor named '${protocol.slice(3)}' has not been found`);
}

export const dumpGuestMemory = action({
  name: 'dump-guest-memory',
  doc:
    'Write guest memory and the state of the processor to a file that gdb and crash read; ' +
    '`protocol` is file:PATH.',
  args: struct('DumpArgs', {
    paging: bool,
    protocol: str,
    begin: optional(int),
    length: optional(int),
    format: optional(enumeration('DumpGuestMemoryFormat', FORMATS)),
  }),
  run(vm, { paging, protocol, begin, length, format = 'elf' }) {
    const isPart = begin !== undefined || length !== undefined;
    if (format !== 'elf' && (paging || isPart)) {
      throw new UserError("kdump-compressed format doesn't support paging or filter");
    }
    if (begin !== undefined && length === undefined) {
      throw new UserError("Parameter 'length' is missing");
    }
    if (begin === undefined && length !== undefined) {
      throw new UserError("Parameter 'begin' is missing");
    }
    if (format !== 'elf') throw new UserError(`${format} is not available now`);
    const path = targetFile(protocol);
    const all = guestPieces(vm, paging);
    const pieces = begin === undefined ? all : cut(all, begin, length ?? 0);
    if (pieces.length === 0) throw new UserError("Invalid parameter 'begin'");
    return writeCore(vm, path, pieces);
  },
});

export const queryDumpGuestMemoryCapability = command({
  name: 'query-dump-guest-memory-capability',
  doc: 'The formats of memory dumps.',
  args: empty,
  returns: returned<JsonObject>('DumpGuestMemoryCapability'),
  run: () => ({ formats: ['elf'] }),
});
