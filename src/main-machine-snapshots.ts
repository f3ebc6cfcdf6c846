/**
 * Snapshots of the whole machine: its state in the first image that can hold snapshots, behind the
 * guest's disk, and a snapshot of every such image under the same name. `savevm`, `loadvm`.
 */

import { BlockError } from './block/backend.ts';
import type { BlockNode } from './block/node.ts';
import {
  applySnapshot,
  createSnapshot,
  readVmState,
  supportsSnapshots,
  writeVmState,
} from './block/operations.ts';
import { HostError } from './disk-host.ts';
import { errnoOf } from './errno.ts';
import { UserError } from './error.ts';
import { localStamp } from './host-main.ts';
import { LoadError, type StateSink, type StateSource } from './machine-state.ts';
import type { DriveTable } from './main-drives.ts';
import { findSnapshot, type Holder, holders } from './main-snapshots.ts';
import type { MachineSaver } from './monitor/drives.ts';

/** Bytes that go to or come from an image at once; images may be encrypted by the sector. */
const PIECE = 1 << 20;
const SECTOR = 512;

/** The number that messages show for a failure of images or of the host. */
function numberOf(error: unknown): number {
  if (error instanceof BlockError || error instanceof HostError) return errnoOf(error.code);
  throw error;
}

class VmStateSink implements StateSink {
  private readonly piece = new Uint8Array(PIECE);
  private filled = 0;
  private offset = 0;

  constructor(private readonly node: BlockNode) {}

  async write(bytes: Uint8Array): Promise<void> {
    for (let at = 0; at < bytes.length; ) {
      const part = bytes.subarray(at, at + PIECE - this.filled);
      this.piece.set(part, this.filled);
      this.filled += part.length;
      at += part.length;
      if (this.filled === PIECE) await this.flush();
    }
  }

  async flush(): Promise<void> {
    const length = Math.ceil(this.filled / SECTOR) * SECTOR;
    this.piece.fill(0, this.filled, length);
    if (length > 0) await writeVmState(this.node, this.offset, this.piece.subarray(0, length));
    this.offset += length;
    this.filled = 0;
  }
}

class VmStateSource implements StateSource {
  private piece = new Uint8Array(0);
  private pieceAt = 0;
  private at = 0;

  constructor(
    private readonly node: BlockNode,
    private readonly size: number,
  ) {}

  async read(length: number): Promise<Uint8Array | undefined> {
    if (this.at + length > this.size) return undefined;
    const into = new Uint8Array(length);
    for (let done = 0; done < length; ) {
      const from = this.at - this.pieceAt;
      if (from >= this.piece.length) await this.fetch();
      else {
        const part = this.piece.subarray(from, from + length - done);
        into.set(part, done);
        done += part.length;
        this.at += part.length;
      }
    }
    return into;
  }

  private async fetch(): Promise<void> {
    this.pieceAt += this.piece.length;
    const left = Math.ceil((this.size - this.pieceAt) / SECTOR) * SECTOR;
    this.piece = new Uint8Array(Math.min(PIECE, left));
    await readVmState(this.node, this.pieceAt, this.piece);
  }
}

/** What speaks against snapshots of the machine. */
function checkWritable(table: DriveTable): void {
  for (const { backend } of table.drives) {
    const { node } = backend;
    if (node === undefined || node.readOnly || supportsSnapshots(node)) continue;
    throw new UserError(`Device '${backend.name}' is writable but does not support snapshots.`);
  }
}

export function checkSave(table: DriveTable): void {
  checkWritable(table);
  if (holders(table).length === 0) throw new UserError('No block device can accept snapshots');
}

/** One of the same name or id is replaced, and keeps both. Throws UserError. */
export async function saveMachine(
  table: DriveTable,
  name: string | undefined,
  saver: MachineSaver,
): Promise<void> {
  const all = holders(table);
  const [first] = all;
  const { host } = await table.context();
  const date = host.now();
  const old = name === undefined ? undefined : await findSnapshot(first.node, name);
  const tag = old?.name ?? name ?? `vm-${localStamp(date.seconds)}`;
  let vmStateSize: number;
  try {
    const sink = new VmStateSink(first.node);
    vmStateSize = await saver.write(sink);
    await sink.flush();
  } catch (error) {
    throw new UserError(`Error -${numberOf(error)} while writing VM`);
  }
  const failures: string[] = [];
  for (const { device, node } of all) {
    const replaced = name === undefined ? undefined : await findSnapshot(node, name);
    try {
      await createSnapshot(node, {
        name: tag,
        date,
        id: old?.id,
        replaces: replaced?.id,
        vmStateSize: node === first.node ? vmStateSize : 0,
        vmClockNs: saver.clockNs,
      });
    } catch (error) {
      numberOf(error);
      failures.push(`Error while creating snapshot on '${device}'`);
    }
  }
  if (failures.length > 0) throw new UserError(failures.join('\n'));
}

/** The images and the state's length; undefined when the first image has no such snapshot. */
async function find(
  table: DriveTable,
  name: string,
): Promise<{ readonly all: Holder[]; readonly size: number } | undefined> {
  const all = holders(table);
  if (all.length === 0) throw new UserError('No block device supports snapshots');
  const found = await findSnapshot(all[0].node, name);
  if (found === undefined) return undefined;
  if (found.vmStateSize === 0) {
    const what = 'This is a disk-only snapshot. Revert to it offline using qemu-img.';
    throw new UserError(what);
  }
  checkWritable(table);
  for (const { device, node } of all) {
    if ((await findSnapshot(node, name)) !== undefined) continue;
    throw new UserError(`Device '${device}' does not have the requested snapshot '${name}'`);
  }
  return { all, size: found.vmStateSize };
}

/** Disks first, then `read`. False when there is no such snapshot. Throws UserError. */
export async function loadMachine(
  table: DriveTable,
  name: string,
  read: (source: StateSource) => Promise<void>,
): Promise<boolean> {
  const found = await find(table, name);
  if (found === undefined) return false;
  for (const { device, node } of found.all) {
    try {
      await applySnapshot(node, name);
    } catch (error) {
      const what = `while activating snapshot '${name}' on '${device}'`;
      throw new UserError(`Error -${numberOf(error)} ${what}`);
    }
  }
  table.holdAll();
  try {
    await read(new VmStateSource(found.all[0].node, found.size));
  } catch (error) {
    const lines = error instanceof LoadError ? error.lines : [];
    const errno = error instanceof LoadError ? error.errno : numberOf(error);
    throw new UserError([...lines, `Error -${errno} while loading VM state`].join('\n'));
  }
  return true;
}
