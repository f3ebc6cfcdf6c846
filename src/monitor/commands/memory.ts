/** Commands that read guest memory and ports. */

import { UserError } from '../../error.ts';
import type { Json } from '../../json.ts';
import { PAGE_SIZE } from '../../memory.ts';
import { bool, int, optional, returned, str, struct } from '../../schema.ts';
import { action, command } from '../command.ts';
import type { Vm } from '../vm.ts';

type JsonObject = { readonly [name: string]: Json };

/** Fills `into` from `address`; false when part of it is not mapped. */
function readGuest(
  vm: Vm,
  from: { readonly address: number; readonly physical: boolean },
  into: Uint8Array,
): boolean {
  const { memory, cpu } = vm.machine;
  for (let done = 0; done < into.length; ) {
    if (from.physical && from.address + done >= 2 ** 32) {
      into.fill(0xff, done);
      return true;
    }
    const at = (from.address + done) % 2 ** 32;
    const count = Math.min(into.length - done, PAGE_SIZE - (at % PAGE_SIZE));
    const physical = from.physical ? at : cpu.translate(at);
    if (physical === undefined) return false;
    memory.readBytes(physical, into.subarray(done, done + count));
    done += count;
  }
  return true;
}

const PHYSICAL_PIECE = 64 * 1024;

/** The range in pieces, so that a dump of all RAM stays small here. */
function* pieces(vm: Vm, address: number, size: number, physical: boolean): Generator<Uint8Array> {
  // A virtual page may not be there; of physical memory all is.
  const most = physical ? PHYSICAL_PIECE : PAGE_SIZE;
  for (let done = 0; done < size; done += most) {
    const piece = new Uint8Array(Math.min(most, size - done));
    if (!readGuest(vm, { address: address + done, physical }, piece)) {
      const hex = (address + done).toString(16).padStart(16, '0');
      throw new UserError(`Invalid addr 0x${hex}/size ${size} specified`);
    }
    yield piece;
  }
}

export const memsave = action({
  name: 'memsave',
  doc: 'Save a range of virtual memory to a file.',
  args: struct('MemsaveArgs', { val: int, size: int, filename: str, 'cpu-index': optional(int) }),
  run(vm, args) {
    if ((args['cpu-index'] ?? 0) !== 0) {
      throw new UserError("Parameter 'cpu-index' expects a CPU number");
    }
    vm.host.writeFile(args.filename, pieces(vm, args.val, args.size, false));
  },
});

export const pmemsave = action({
  name: 'pmemsave',
  doc: 'Save a range of physical memory to a file.',
  args: struct('PmemsaveArgs', { val: int, size: int, filename: str }),
  run(vm, { val, size, filename }) {
    vm.host.writeFile(filename, pieces(vm, val, size, true));
  },
});

export const readMemory = command({
  name: 'x-read-memory',
  doc: 'Bytes of memory; absent when they are not mapped.',
  args: struct('ReadArgs', { address: int, size: int, physical: bool }),
  returns: returned<JsonObject>('Bytes'),
  run(vm, { address, size, physical }): JsonObject {
    const bytes = new Uint8Array(size);
    return readGuest(vm, { address, physical }, bytes) ? { bytes: [...bytes] } : {};
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
  run(vm, { start, size }) {
    let sum = 0;
    for (const piece of pieces(vm, start, size, true)) sum = addBytes(sum, piece);
    return sum;
  },
});

export const disassemble = command({
  name: 'x-disassemble',
  doc: 'Instructions from an address on, a line each; and where the next one starts.',
  args: struct('DisassembleArgs', { address: int, count: int, physical: bool }),
  returns: returned<JsonObject>('Instructions'),
  run(vm, { address, count, physical }): JsonObject {
    const { lines, next } = vm.panel.disassemble(address % 2 ** 32, count, physical);
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
