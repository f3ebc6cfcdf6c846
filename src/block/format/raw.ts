/**
 * The `raw` format: the file is the disk, rounded up to whole sectors.
 *
 * When the format was guessed, a guest must not be able to turn the image into another format by
 * writing a header: writes that would make block 0 look like one are refused with EPERM.
 */

import { BlockError } from '../backend.ts';
import { type BlockNode, type Extent, type ImageDetails, PLAIN_DETAILS } from '../node.ts';
import { letGo } from '../shared-node.ts';

const SECTOR = 512;

export class RawNode implements BlockNode {
  readonly driver = 'raw';
  backing: BlockNode | undefined = undefined;

  /** `looksForeign` tells whether a block 0 would be probed as something else than raw. */
  constructor(
    readonly filename: string,
    readonly file: BlockNode,
    private readonly looksForeign?: (block: Uint8Array) => boolean,
  ) {}

  get readOnly(): boolean {
    return this.file.readOnly;
  }

  get length(): number {
    return Math.ceil(this.file.length / SECTOR) * SECTOR;
  }

  async read(offset: number, into: Uint8Array): Promise<void> {
    if (this.file.debugEvent !== undefined) await this.file.debugEvent('read_aio');
    return this.file.read(offset, into);
  }

  async write(offset: number, from: Uint8Array): Promise<void> {
    if (offset < SECTOR && this.looksForeign !== undefined) await this.guardBlock0(offset, from);
    if (this.file.debugEvent !== undefined) await this.file.debugEvent('write_aio');
    return this.file.write(offset, from);
  }

  writeZeroes(offset: number, length: number, allowUnmap: boolean): Promise<void> {
    return this.file.writeZeroes(offset, length, allowUnmap);
  }

  discard(offset: number, length: number): Promise<void> {
    return this.file.discard(offset, length);
  }

  flush(): Promise<void> {
    return this.file.flush();
  }

  async status(offset: number, length: number): Promise<Extent> {
    return this.file.status(offset, length);
  }

  truncate(length: number): Promise<void> {
    return this.file.truncate(length);
  }

  close(): Promise<void> {
    return letGo(this.file);
  }

  details(): ImageDetails {
    return PLAIN_DETAILS;
  }

  private async guardBlock0(offset: number, from: Uint8Array): Promise<void> {
    const block = new Uint8Array(SECTOR);
    if (offset > 0 || from.length < SECTOR) await this.file.read(0, block);
    block.set(from.subarray(0, SECTOR - offset), offset);
    if (this.looksForeign?.(block)) throw new BlockError('EPERM', 'Operation not permitted');
  }
}
