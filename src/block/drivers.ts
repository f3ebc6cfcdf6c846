/**
 * Every driver there is, in the order in which probing asks them.
 */

import { HostError, type HostFile } from '../disk-host.ts';
import { UserError } from '../error.ts';
import type { Driver } from './driver.ts';
import { foreignFormat } from './foreign.ts';
import { qcowDriver } from './format/qcow.ts';
import { qcow2Driver } from './format/qcow2/open.ts';
import { RawNode } from './format/raw.ts';
import { openBlkdebug } from './protocol/blkdebug.ts';
import { FileNode } from './protocol/file.ts';
import { NullNode } from './protocol/null.ts';

const raw: Driver = {
  name: 'raw',
  kind: 'format',
  probe: () => 1,
  open: async ({ filename, file, probed }) => {
    if (file === undefined) throw new UserError('A block device must be specified for "file"');
    const foreign = (block: Uint8Array): boolean =>
      DRIVERS.some(d => d !== raw && (d.probe?.(block, filename) ?? 0) > 1) ||
      foreignFormat(block) !== undefined;
    return new RawNode(filename, file, probed && !file.readOnly ? foreign : undefined);
  },
};

const file: Driver = {
  name: 'file',
  kind: 'protocol',
  open: async ({ filename, flags, context, isDisk }) => {
    const path = filename.startsWith('file:') ? filename.slice('file:'.length) : filename;
    if (path === '') throw new UserError("The 'file' block driver requires a file name");
    let handle: HostFile | undefined;
    try {
      handle = context.host.open(path, flags.readOnly ? 'read' : 'write');
      handle.length();
      return new FileNode(filename, handle, flags.readOnly, flags.cache, isDisk);
    } catch (error) {
      handle?.close();
      if (!(error instanceof HostError)) throw error;
      const what = handle === undefined ? `open '${path}'` : 'refresh total sector count';
      throw new UserError(`Could not ${what}: ${error.message}`);
    }
  },
};

const NULL_BYTES = 1024 ** 3;

const nullCo = (name: 'null-co' | 'null-aio'): Driver => ({
  name,
  kind: 'protocol',
  open: async ({ filename, options }) =>
    new NullNode(name, filename, options.takeSize('size') ?? NULL_BYTES),
});

const blkdebug: Driver = { name: 'blkdebug', kind: 'protocol', open: openBlkdebug };

export const DRIVERS: readonly Driver[] = [
  raw,
  qcowDriver,
  qcow2Driver,
  file,
  blkdebug,
  nullCo('null-co'),
  nullCo('null-aio'),
];

/** Names for "Supported formats:", as 2.2.50 lists them where tinamou has them too. */
export function driverNames(): string[] {
  return DRIVERS.map(driver => driver.name);
}
