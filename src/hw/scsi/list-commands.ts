/**
 * What a SCSI disk does when its guest has sent a list of parameters: it takes the choice of mode
 * pages, forgets blocks, writes one block many times.
 *
 * Specification: SPC-3, section 6.7; SBC-3, sections 5.28, 5.41. Not there: WRITE SAME that forgets
 * blocks of zeros instead of writing them, which its UNMAP bit allows.
 */

import type { BlockBackend } from '../../block/backend.ts';
import type { DiskOperation } from '../disk-timing.ts';
import { type Extent, MODE_SELECT_10, UNMAP } from './cdb.ts';
import { PIECE } from './disk-registers.ts';
import type { DiskFacts } from './pages.ts';
import { isModeSelect, readModeSelect, readUnmap, sameRange } from './parameters.ts';

/** A request to the backend. */
export interface Job {
  readonly what: DiskOperation;
  /** In bytes. */
  readonly length: number;
  readonly work: Promise<void>;
}

/** Undefined when it is done. Throws ParameterError before anything has changed. */
export function startList(
  cdb: Uint8Array,
  list: Uint8Array,
  facts: DiskFacts,
  backend: BlockBackend,
): Job | undefined {
  if (isModeSelect(cdb)) {
    const writeCache = readModeSelect(list, cdb[0] === MODE_SELECT_10, facts);
    if (writeCache !== undefined) backend.writeCache = writeCache;
    return undefined;
  }
  const { blockLength, blocks } = facts;
  const inBytes = (extent: Extent): Area => ({
    offset: extent.lba * blockLength,
    length: extent.blocks * blockLength,
  });
  if (cdb[0] === UNMAP) {
    const areas = readUnmap(list, blocks).map(inBytes);
    return { what: 'trim', length: 0, work: forget(areas, backend) };
  }
  const area = inBytes(sameRange(cdb));
  return { what: 'write', length: area.length, work: repeat(list, area, backend) };
}

/** In bytes. */
interface Area {
  readonly offset: number;
  readonly length: number;
}

async function forget(areas: readonly Area[], backend: BlockBackend): Promise<void> {
  for (const { offset, length } of areas) {
    if (length > 0) await backend.discard(offset, length);
  }
}

/** Piece by piece. */
async function repeat(block: Uint8Array, area: Area, backend: BlockBackend): Promise<void> {
  const piece = new Uint8Array(Math.min(PIECE, area.length));
  for (let at = 0; at < piece.length; at += block.length) piece.set(block, at);
  for (let done = 0; done < area.length; done += piece.length) {
    const part = piece.subarray(0, Math.min(piece.length, area.length - done));
    await backend.write(area.offset + done, part);
  }
}
