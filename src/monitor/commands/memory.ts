/** Commands that read guest memory and ports. */

import { HostError } from '../../disk-host.ts';
import { UserError } from '../../error.ts';
import type { Json } from '../../json.ts';
import { PAGE_SIZE } from '../../memory.ts';
import { bool, int, optional, returned, str, struct } from '../../schema.ts';
import { action, command } from '../command.ts';
import type { Vm } from '../vm.ts';

type JsonObject = { readonly [name: string]: Json };

/** As a linear address; those of 64 bits come as signed numbers, exact at both ends. */
function wrapped(address: number): number {
  const below = address % 2 ** 32;
  return below < 0 ? below + 2 ** 32 : below;
}

/** Fills `into` from `address`; returns how many bytes were there before one that is not mapped. */
function readGuest(
  vm: Vm,
  from: { readonly address: number; readonly physical: boolean },
  into: Uint8Array,
): number {
  const { memory, cpu } = vm.machine;
  for (let done = 0; done < into.length; ) {
    const at = wrapped(from.address + done);
    if (from.physical && at !== from.address + done) {
      into.fill(0xff, done);
      return into.length;
    }
    const count = Math.min(into.length - done, PAGE_SIZE - (at % PAGE_SIZE));
    const physical = from.physical ? at : cpu.translate(at);
    if (physical === undefined) return done;
    memory.readBytes(physical, into.subarray(done, done + count));
    done += count;
  }
  return into.length;
}

interface Range {
  readonly address: number;
  readonly size: number;
  readonly physical: boolean;
}

const PIECE = 1 << 20;

/** The range in pieces, so that a dump of all RAM stays small here, and others are served. */
function* pieces(vm: Vm, { address, size, physical }: Range): Generator<Uint8Array> {
  for (let done = 0; done < size; done += PIECE) {
    const piece = new Uint8Array(Math.min(PIECE, size - done));
    const got = readGuest(vm, { address: address + done, physical }, piece);
    if (got > 0) yield piece.subarray(0, got);
    if (got === piece.length) continue;
    const hex = (address + done + got).toString(16).padStart(16, '0');
    throw new UserError(`Invalid addr 0x${hex}/size ${size} specified`);
  }
}

async function save(vm: Vm, filename: string, range: Range): Promise<void> {
  try {
    await vm.machine.standing(() => vm.host.writeFile(filename, pieces(vm, range)));
  } catch (error) {
    throw error instanceof HostError ? new UserError('An IO error has occurred') : error;
  }
}

export const memsave = action({
  name: 'memsave',
  doc: 'Save a range of virtual memory to a file.',
  args: struct('MemsaveArgs', { val: int, size: int, filename: str, 'cpu-index': optional(int) }),
  run(vm, { val, size, filename, 'cpu-index': processor = 0 }) {
    if (processor !== 0) throw new UserError("Parameter 'cpu-index' expects a CPU number");
    return save(vm, filename, { address: val, size, physical: false });
  },
});

export const pmemsave = action({
  name: 'pmemsave',
  doc: 'Save a range of physical memory to a file.',
  args: struct('PmemsaveArgs', { val: int, size: int, filename: str }),
  run: (vm, { val, size, filename }) => save(vm, filename, { address: val, size, physical: true }),
});

export const readMemory = command({
  name: 'x-read-memory',
  doc: 'Bytes of memory; absent when they are not mapped.',
  args: struct('ReadArgs', { address: int, size: int, physical: bool }),
  returns: returned<JsonObject>('Bytes'),
  run(vm, { address, size, physical }): JsonObject {
    const bytes = new Uint8Array(size);
    return readGuest(vm, { address, physical }, bytes) === size ? { bytes: [...bytes] } : {};
  },
});

function addBytes(start: number, bytes: Uint8Array): number {
  let sum = start;
  for (let i = 0; i < bytes.length; i++) {
    sum = ((sum >>> 1) | (sum << 15)) & 0xffff;
    sum = (sum + bytes[i]) & 0xffff;
  }
  return sum;
}

export const sumMemory = command({
  name: 'x-sum',
  doc: 'The BSD checksum of a range of physical memory.',
  args: struct('SumArgs', { start: int, size: int }),
  returns: returned<number>('int'),
  run: (vm, { start, size }) =>
    vm.machine.standing(async () => {
      let sum = 0;
      for (const piece of pieces(vm, { address: start, size, physical: true })) {
        sum = addBytes(sum, piece);
        await vm.host.breathe();
      }
      return sum;
    }),
});

export const disassemble = command({
  name: 'x-disassemble',
  doc: 'Instructions from an address on, a line each; and where the next one starts.',
  args: struct('DisassembleArgs', { address: int, count: int, physical: bool }),
  returns: returned<JsonObject>('Instructions'),
  run(vm, { address, count, physical }): JsonObject {
    const { lines, next } = vm.panel.disassemble(wrapped(address), count, physical);
    return { lines, ...(next === undefined ? {} : { next }) };
  },
});

function portSize(size: number): 1 | 2 | 4 {
  return size === 1 || size === 2 ? size : 4;
}

export const readPort = command({
  name: 'x-read-port',
  doc: 'Read an I/O port; with an index, write that to the port first and read the one behind it.',
  args: struct('ReadPortArgs', { port: int, size: int, index: optional(int) }),
  returns: returned<number>('int'),
  run(vm, { port, size, index }) {
    const { ports } = vm.machine;
    if (index === undefined) return ports.read(port & 0xffff, portSize(size)) >>> 0;
    ports.write(port & 0xffff, 1, index & 0xff);
    return ports.read((port + 1) & 0xffff, portSize(size)) >>> 0;
  },
});

export const writePort = action({
  name: 'x-write-port',
  doc: 'Write an I/O port.',
  args: struct('WritePortArgs', { port: int, size: int, value: int }),
  run(vm, { port, size, value }) {
    const width = portSize(size);
    const masked = width === 4 ? value >>> 0 : value & (2 ** (8 * width) - 1);
    vm.machine.ports.write(port & 0xffff, width, masked);
  },
});
