/**
 * The floppy disk controller at its ports, and what the CMOS says of its drives.
 */

import type { BlockBackend } from '../../block/backend.ts';
import type { Inbox } from '../../inbox.ts';
import type { Line } from '../../line.ts';
import type { DmaChannel } from '../dma/i8237.ts';
import { formatOf } from '../floppy/formats.ts';
import { I82077 } from '../floppy/i82077.ts';
import type { FloppyType } from '../timer/cmos.ts';
import type { Wiring } from './wiring.ts';

const BASE = 0x3f0;

export function buildFloppy(options: {
  readonly inbox: Inbox;
  readonly wiring: Wiring;
  readonly irq: Line;
  readonly dma: DmaChannel;
  readonly floppies?: readonly (BlockBackend | undefined)[];
}): I82077 {
  const { wiring, floppies: drives = [] } = options;
  const controller = new I82077({ ...options, drives });
  const { ports } = controller;
  const at = (offset: number) => ({
    read: (port: number, size: 1 | 2 | 4) => ports.read(offset + port, size),
    write: (port: number, size: 1 | 2 | 4, value: number) =>
      ports.write(offset + port, size, value),
  });
  wiring.ports({ name: 'fdc', base: BASE + 1, length: 5, maxSize: 1 }, at(1));
  wiring.ports({ name: 'fdc', base: BASE + 7, length: 1, maxSize: 1 }, at(7));
  return controller;
}

/** A drive is of the type that its first medium needs; without one it takes 1.44 MB. */
export function floppyTypes(drives: readonly (BlockBackend | undefined)[] = []): FloppyType[] {
  return drives.map(backend => (backend === undefined ? 'none' : formatOf(backend.length).drive));
}
